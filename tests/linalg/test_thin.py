"""Long matrices block by block: the same results as whole, at any rank and condition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import close, matrix, pinv, seeds
from hypothesis import given
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.linalg import thin
from distill_lib.linalg.normal_equations import applied
from distill_lib.linalg.pseudoinverse import pinv as fast_pinv
from distill_lib.linalg.pseudoinverse import rank, regularised, regularised_pinv, svd
from distill_lib.theory.realistic import realistic_matrix

M, P = 5, 40
ranks = st.integers(1, M)
spreads = st.sampled_from((1.0, 1e2, 1e5, 1e7, 1e8))  # the last one is beyond Cholesky's factor


@pytest.fixture
def long(monkeypatch):
    """Every matrix with rows that are longer than many counts as long, and has many blocks."""
    monkeypatch.setattr(thin, "LONG", 0)
    monkeypatch.setattr(thin, "BLOCK", 7)


def case(seed, r=M, spread=10.0, rows=M):
    rng = np.random.default_rng(seed)
    return matrix(rng, rows, P, r, spread=spread), rng


pytestmark = pytest.mark.usefixtures("long")


def test_only_large_matrices_with_long_rows_are_long(monkeypatch):
    monkeypatch.setattr(thin, "LONG", 2**25)
    assert not thin.is_long(np.zeros((5, 40)))
    tall = np.broadcast_to(0.0, (2**14, 2**12))
    assert not thin.is_long(tall)
    assert thin.is_long(tall.T[:, : 2**14])
    assert not jax.jit(lambda a: jnp.asarray(thin.is_long(a)))(np.zeros((2, 9)))


@given(seeds, ranks, spreads)
def test_factors_are_orthonormal_and_multiply_to_the_matrix(seed, r, spread):
    a, _ = case(seed, r, spread)
    factors = thin.factors_of(a)
    q = np.asarray(factors.combined(np.eye(factors.lower.shape[1])))
    assert factors.lower.shape == (M, r)
    assert np.linalg.norm(q @ q.T - np.eye(r)) < 1e-13
    assert np.linalg.norm(factors.lower @ q - a) <= 1e-14 * np.linalg.norm(a)
    assert np.allclose(np.concatenate([factors.rows(part) for part in thin.blocks(P)], axis=1), q)
    b = np.random.default_rng(seed).normal(size=(3, P))
    assert close(factors.times(thin.columns(b)), q @ b.T, 100, np.linalg.norm(b))


@given(seeds, ranks, spreads)
def test_the_decomposition_is_that_of_the_whole_matrix(seed, r, spread):
    a, rng = case(seed, r, spread)
    f, wanted = svd(a), np.linalg.svd(a, compute_uv=False)[:r]
    assert isinstance(f, thin.LongSvd)
    assert rank(a) == r
    assert np.allclose(f.s, wanted, rtol=0, atol=1e-13 * wanted[0])
    assert close(f.with_values(f.s), a, 100)
    assert close((f.v * f.s) @ np.asarray(f.ut), a, 100)
    assert close(f.inverse().inverse().with_values(f.s), a, 100)
    left, other = rng.normal(size=(2, M)), rng.normal(size=(3, P))
    assert close(f.applied(left, f.s), left @ a, 100, np.linalg.norm(left) * np.linalg.norm(a))
    size = np.linalg.norm(a) * np.linalg.norm(other)
    assert close(f.onto(f.s, other), a @ other.T, 100, size)
    assert close((f.v * f.s) @ f.along(other), a @ other.T, 100, size)


@given(seeds, ranks, spreads, st.sampled_from((0.0, 1e-3, 1.0, 1e4)))
def test_the_regularised_pseudoinverse_and_its_inverse(seed, r, spread, reg):
    a, rng = case(seed, r, spread)
    found = regularised_pinv(a, reg)
    u, s, vt = np.linalg.svd(a)
    u, s, vt = u[:, :r], s[:r], vt[:r]
    wanted = (u * (s / (s**2 + reg))) @ vt
    size = np.linalg.norm(wanted)
    assert close(found, wanted, 10 * spread, size)
    if reg == 0:
        assert close(fast_pinv(a), wanted, 10 * spread, size)
    y = rng.normal(size=(M, 2))
    assert close(
        dl.recovered_weights(a, y, reg), y.T @ wanted, 10 * spread, size * np.linalg.norm(y)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thin, "LONG", 10**9)
        whole = regularised(a, reg)
    assert close(regularised(a, reg), whole, 10 * spread)


@pytest.mark.parametrize(("size", "reg"), [(0, 0.0), (4, 0.0), (4, 1e-3), (4, 1.0)])
@given(seeds)
def test_few_outputs_by_normal_equations_are_as_good_as_by_orthogonal_factors(size, reg, seed):
    """The error is that of the condition number, not of its square."""
    a, rng = case(seed, rows=8, r=8)
    y = rng.normal(size=(8, 2))
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    s = np.logspace(0, -size, 8)
    a = (u * s) @ vt
    wanted = y.T @ (u * (s / (s**2 + reg))) @ vt
    found = applied(y.T, a, reg)
    assert found is not None
    error = np.linalg.norm(found - wanted)
    assert (
        error <= 30 * 10**size * np.finfo(float).eps * np.linalg.norm(y) * (s / (s**2 + reg)).max()
    )
    assert np.array_equal(dl.recovered_weights(a, y, reg), found)


@given(seeds, st.sampled_from((2, 7, 8)), st.sampled_from((1e6, 1e8, 1e12)))
def test_what_normal_equations_would_lose_is_left_to_the_factors(seed, r, spread):
    a, rng = case(seed, r, spread=spread, rows=8)
    y = rng.normal(size=(8, 2))
    if r == 2:
        spread = 10.0
    assert applied(y.T, a, 0.0) is None
    found = dl.recovered_weights(a, y)
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    kept = s > 1e-13 * s[0]
    wanted = y.T @ (u[:, kept] / s[kept]) @ vt[kept]
    assert close(found, wanted, 100 * spread, np.linalg.norm(y) / s[kept].min())


def test_rows_of_any_scale_keep_their_digits():
    """The factor is as good as that of rows of length 1: the error is relative in each row."""
    a, _ = case(0)
    scale = np.array([1e-5, 1e-3, 1.0, 1e4, 1e5])
    found = np.asarray(fast_pinv(a * scale[:, None])) * scale[:, None]
    assert close(found, pinv(a).T, 1e3)


def test_what_is_rounding_by_the_rule_of_rank_is_cut():
    """A value above what the factors can tell, and below 10 max(m, p) eps of the largest."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(n, M)))[0] for n in (M, P))
    for least, r in ((4e-14, M - 1), (4e-13, M)):
        a = (left * np.array([1, 1, 1, 1, least])) @ right.T
        assert rank(a) == len(svd(a).s) == r
        assert (np.linalg.norm(fast_pinv(a)) < 10) == (r < M)


def test_a_matrix_of_zeros_and_rank_one_have_their_pseudoinverse():
    assert np.array_equal(fast_pinv(np.zeros((2, P))), np.zeros((2, P)))
    one = np.outer([1.0, 2.0], np.ones(P))
    assert rank(one) == 1
    assert close(fast_pinv(one), pinv(one).T)


# The constructions


@given(seeds, st.sampled_from((3, 5)), st.sampled_from((0.0, 0.5, 1.0)), st.booleans())
def test_long_closed_forms_carry_the_model(seed, m, fraction, minus):
    rng = np.random.default_rng(seed)
    w, y, z = matrix(rng, 3, P), matrix(rng, m, 3), matrix(rng, m, P)
    d = dl.recovery_matrix(w, y, z)
    assert close(y.T @ d, w, 100)
    assert close(dl.recovery_matrix(w, y), pinv(y.T) @ w, 1e3)
    s = np.linalg.svd(d, compute_uv=False)[0]
    reg = fraction / (4 * s**2)
    features = dl.support_features(d, reg, "-" if minus and reg else "+")
    assert close(regularised_pinv(features, reg), d, 1e4)
    recovered = dl.recovered_weights(features, y, reg)
    assert close(recovered, w, 1e5)
    whole = np.linalg.norm(np.asarray(recovered) - w) / np.linalg.norm(w)
    assert np.isclose(dl.recovery_error(w, recovered), whole, rtol=1e-9)


@given(seeds, st.sampled_from((3, 4, 6)), st.sampled_from((0.0, 0.1)), st.booleans())
def test_the_long_nearest_set_is_the_nearest_set(seed, m, reg, dependent):
    rng = np.random.default_rng(seed)
    w, real = matrix(rng, 3, P), matrix(rng, m, P, m - 1 if dependent and m > 3 else m)
    found = dl.nearest_set(w, real, reg)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thin, "LONG", 10**9)
        wanted = dl.nearest_set(w, real, reg)
    assert np.isclose(found.distance, wanted.distance, rtol=1e-9, atol=1e-9)
    assert np.allclose(found.features, wanted.features, atol=1e-7)
    assert np.allclose(found.labels, wanted.labels, atol=1e-6)
    assert close(dl.recovered_weights(found.features, found.labels, reg), w, 1e4)
    distance = np.linalg.norm(np.asarray(found.features) - real)
    assert np.isclose(found.distance, distance, rtol=1e-9, atol=1e-9)


def test_the_long_nearest_set_turns_what_is_tied():
    w, real = np.eye(1, P), np.eye(2, P, 1)
    real[1, 0] = 1.0  # e_2 and e_1 + e_3: equally near, and one of them carries the model
    found = dl.nearest_set(w, real)
    assert np.isclose(found.distance, 1.0)
    assert close(dl.recovered_weights(found.features, found.labels), w)


@pytest.mark.parametrize(
    ("w", "real", "message"),
    [
        (np.eye(3, P), np.eye(2, P), "m = 2 support points cannot carry"),
        (np.ones((3, P)), np.eye(4, P), "the model W has rank 1 < k = 3"),
        (np.eye(3, P), np.ones((4, P)), "the real features have rank 1, below k = 3"),
        (np.eye(3, P), np.eye(3, P, 20), "W Xh B_k is singular"),
        (np.eye(3, P), np.eye(4, P, 20), "W Xh B_k is singular"),
    ],
)
def test_what_no_long_set_can_carry_is_refused(w, real, message):
    with pytest.raises(ValueError, match=message):
        dl.nearest_set(w, real)


@pytest.mark.parametrize("start", ["noise", "real", "nearest", "labels"])
@pytest.mark.parametrize("m", [3, 5])
@pytest.mark.parametrize("reg_s", [0.0, 1e-3])
@pytest.mark.filterwarnings("ignore:the features of these")
def test_algorithm_1_gives_the_same_set_in_blocks(start, m, reg_s):
    rng = np.random.default_rng(0)
    norm = dl.Normalisation((1, P, 1), pixel_max=1, mean=(0,), std=(1,))
    model = dl.RidgeModel(matrix(rng, 3, P), dl.Linear(P), norm, 0.1, (0.1,), ())
    pool = rng.uniform(size=(30, 1, P, 1)), np.arange(30) % 3

    def made():
        options = {"key": jax.random.key(0), "start": start, "reg_s": reg_s}
        return dl.distill(model, m, pool=None if start == "noise" else pool, **options)

    found = made()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thin, "LONG", 10**9)
        wanted = made()
    assert np.allclose(found.points, wanted.points, rtol=1e-8, atol=1e-8)
    assert np.allclose(found.labels, wanted.labels, rtol=1e-8, atol=1e-8)
    assert np.isclose(found.reg_s, wanted.reg_s)
    assert found.provenance["exact"] == wanted.provenance["exact"]
    if start != "labels":
        assert found.provenance["recovery_error"] < 1e-11


@given(seeds, st.sampled_from((0.0, 0.2)))
def test_the_realistic_matrix_is_the_same_in_blocks(seed, reg):
    rng = np.random.default_rng(seed)
    w, y, real = matrix(rng, 3, P), matrix(rng, 5, 3), matrix(rng, 5, P)
    found = realistic_matrix(w, y, real, reg)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thin, "LONG", 10**9)
        assert close(found, realistic_matrix(w, y, real, reg), 1e3)


class Counted:
    """A function from columns to a block that counts how many columns are alive."""

    def __init__(self, a):
        self.a, self.read = a, 0

    def __call__(self, part):
        self.read += part.stop - part.start
        return self.a[:, part].copy()


@pytest.mark.parametrize(("spread", "passes"), [(10.0, 2), (1e10, 4)])
def test_a_matrix_is_read_block_by_block_a_few_times(spread, passes):
    """Twice by products; once more for Cholesky's try and one for Householder's where it fails."""
    a, _ = case(0, spread=1.0)
    a = np.geomspace(1, 1 / spread, M)[:, None] * np.linalg.qr(a.T)[0].T
    a = np.linalg.qr(np.random.default_rng(0).normal(size=(M, M)))[0] @ a
    counted = Counted(a)
    thin.thin_qr(counted, M, P, a.dtype)
    assert counted.read <= passes * P
