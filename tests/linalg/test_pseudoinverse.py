"""The regularised pseudoinverse, the way back from it, and right inverses of weight matrices."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import close, condition, fractions, matrix, pinv, pinv_reg, scales, seeds, values
from hypothesis import given
from hypothesis import strategies as st
from messages import each

from distill_lib import regularised, regularised_pinv, unregularised
from distill_lib.linalg.least_norm import least_norm
from distill_lib.linalg.pseudoinverse import largest_reg, rank, svd

SIZES = ((1, 5), (4, 6), (5, 5), (7, 4))


@st.composite
def matrices(draw, lowest=0):
    rows, cols = draw(st.sampled_from(SIZES))
    r = draw(st.integers(lowest, min(rows, cols)))
    return matrix(np.random.default_rng(draw(seeds)), rows, cols, r, draw(scales))


@given(matrices(), st.floats(-3, 3))
def test_both_forms_of_the_regularised_pseudoinverse_agree(f, exponent):
    m, p = f.shape
    reg = 10**exponent * max(np.linalg.norm(f, 2), 1) ** 2
    samples = np.linalg.solve(f @ f.T + reg * np.eye(m), f)
    features = np.linalg.solve(f.T @ f + reg * np.eye(p), f.T).T
    ours = regularised_pinv(f, reg)
    assert close(ours, samples, 1e4)
    assert close(ours, features, 1e4)


@given(matrices())
def test_without_a_ridge_it_is_the_pseudoinverse(f):
    assert close(regularised_pinv(f), pinv(f).T, condition(f))


@given(st.sampled_from(SIZES), seeds, st.floats(-4, 4), st.sampled_from((np.float32, np.float64)))
def test_what_the_factorisation_does_not_cut_the_rank_keeps(size, seed, exponent, dtype):
    # The smallest singular value lies around the cut, 10 max(m, p) eps s_1: either side is the
    # SVD's.
    rng, r = np.random.default_rng(seed), min(size)
    left, right = (np.linalg.qr(rng.normal(size=(n, n)))[0][:, :r] for n in size)
    cut = 10 * max(size) * np.finfo(dtype).eps
    s = np.ones(r)
    if r > 1:
        s[-1] = 10.0**exponent * cut
    a = jnp.asarray((left * s) @ right.T, dtype)
    f = svd(a)
    by_svd = f.with_values(1 / f.s)
    if abs(exponent) > 0.5 or r == 1:  # at the cut, rounding decides
        assert len(f.s) == r - (r > 1 and exponent < 0)
        error = (
            np.abs(np.asarray(regularised_pinv(a) - by_svd)).max()
            / np.abs(np.asarray(by_svd)).max()
        )
        assert error < 1e2 * np.finfo(dtype).eps / max(s[-1] if exponent > 0 else 1, cut)


@given(matrices(), st.floats(-3, 3))
def test_regularised_is_the_pseudoinverse_of_the_regularised_pseudoinverse(f, exponent):
    reg = 10**exponent * np.linalg.norm(f, 2) ** 2
    target = regularised(f, reg)
    if reg == 0:  # only for f = 0 here
        assert np.array_equal(target, f)
        return
    assert close(target, pinv(pinv_reg(f, reg)).T, condition(f) ** 2 * 1e3)
    assert rank(target) == len(values(f))  # zeros stay zero


def test_a_small_reg_keeps_what_small_singular_values_carry():
    # s / (s^2 + reg) is continuous in s; a cut at the rank would drop 5e15 here.
    pinv_of_diagonal = regularised_pinv(np.diag([1.0, 1e-16]), 1e-32)
    assert np.allclose(pinv_of_diagonal, np.diag([1.0, 5e15]), rtol=1e-12, atol=0)


@given(matrices(lowest=1), st.floats(-6, 3))
def test_the_distance_to_the_pseudoinverse_is_that_of_the_smallest_singular_value(f, exponent):
    low = values(f)[-1]
    reg = 10**exponent * low**2
    gap = np.asarray(regularised_pinv(f, reg)) - pinv(f).T
    assert np.isclose(np.linalg.norm(gap, 2), reg / (low * (low**2 + reg)), rtol=1e-6)


@given(matrices(lowest=1), st.floats(-3, 3), seeds)
def test_the_ridge_solution_minimises_and_has_the_least_norm(f, exponent, seed):
    rng = np.random.default_rng(seed)
    y, size = rng.normal(size=(len(f), 2)), np.linalg.norm(f, 2)
    for reg in (10**exponent * size**2, 0.0):
        w = y.T @ np.asarray(regularised_pinv(f, reg))

        def objective(w, reg=reg):
            return np.linalg.norm(f @ w.T - y) ** 2 + reg * np.linalg.norm(w) ** 2

        for step in rng.normal(size=(3, *w.shape)):
            for t in (1e-3, 1.0):
                other = w + t * step * np.linalg.norm(w) / np.linalg.norm(step)
                assert objective(other) >= objective(w) * (1 - 1e-12)
    # At zero every minimiser is w + v with v F = 0, and v is orthogonal to w.
    null = np.eye(f.shape[1]) - pinv(f) @ f
    assert abs(np.vdot(w, rng.normal(size=w.shape) @ null)) <= 1e-10 * condition(
        f
    ) * np.linalg.norm(w)


@given(matrices(lowest=1), st.floats(-3, 3))
def test_what_the_regularised_pseudoinverse_inverts(f, exponent):
    reg = 10**exponent * np.linalg.norm(f, 2) ** 2
    inverted, plus = np.asarray(regularised(f, reg)), np.asarray(regularised_pinv(f, reg))
    assert close(inverted, f + reg * pinv(f).T, condition(f) ** 2)
    # Rows are samples: F_lam F_lam^+ of the formulas is inverted.T @ plus here.
    assert close(inverted.T @ plus, pinv(f) @ f, 1e3 * condition(f) ** 2, scale=1)
    assert close(plus @ inverted.T, f @ pinv(f), 1e3 * condition(f) ** 2, scale=1)
    assert values(inverted)[-1] >= 2 * np.sqrt(reg) * (1 - 1e-12)
    # F F_lam^+ shrinks: it is no projector.
    shrunk = f.T @ plus
    assert np.linalg.norm(shrunk @ shrunk - shrunk) > 1e-5


@given(matrices())
def test_regularised_at_zero_is_the_features_themselves(f):
    assert np.array_equal(regularised(f, 0.0), f)


@given(matrices(lowest=1), fractions, seeds)
def test_unregularised_inverts_regularised_for_every_mix_of_roots(target, fraction, seed):
    mu = values(target)
    reg = fraction * mu[-1] ** 2 / 4
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=len(mu))
    f = np.asarray(unregularised(target, reg, signs))
    # By definition: the pseudoinverse of (F F^T + reg I)^{-1} F is the target.
    assert close(pinv(pinv_reg(f, reg)).T, target, 10 * condition(target, f))
    # Each singular value is the wished root of s^2 - mu s + reg = 0.
    roots = (mu + signs * np.sqrt(np.maximum(mu**2 - 4 * reg, 0))) / 2
    found = np.linalg.svd(f, compute_uv=False)[: len(mu)]
    # At the double root, rounding of mu moves s by its square root.
    assert np.allclose(found, np.sort(roots)[::-1], rtol=1e-6 if fraction > 0.99 else 1e-9, atol=0)


@pytest.mark.parametrize(("branch", "side"), [("+", 1), ("-", -1)])
@given(target=matrices(lowest=1), fraction=st.floats(1e-3, 0.9))
def test_the_named_branches_are_the_two_roots(branch, side, target, fraction):
    mu = values(target)
    reg = fraction * mu[-1] ** 2 / 4
    named = unregularised(target, reg, branch)
    assert np.array_equal(named, unregularised(target, reg, np.full(len(mu), side)))
    assert (side * (values(named) - np.sqrt(reg)) > 0).all()


@given(matrices(lowest=1), st.floats(0.05, 20), seeds)
def test_features_come_back_from_their_own_roots(f, factor, seed):
    s = values(f)
    s = s[np.argsort(-(s + (reg := factor * s[-1] ** 2) / s))]  # in the order of s + reg / s
    gap = np.abs(s - reg / s).min() / s.max()  # distance from the double root
    if gap < 1e-4 or np.abs(np.diff(s + reg / s)).min(initial=np.inf) < 1e-4 * s.max():
        return  # a double root, or s and reg / s both present: their images coincide
    back = unregularised(regularised(f, reg), reg, np.where(s**2 >= reg, 1, -1))
    assert close(back, f, 1e3 * condition(f) / gap)


@given(matrices(lowest=1))
def test_the_bound_is_sharp(target):
    bound = values(target)[-1] ** 2 / 4
    largest = largest_reg(svd(target).s)
    assert np.isclose(largest, bound, rtol=1e-12)
    for reg in (largest, bound * (1 - 1e-9)):
        assert close(
            pinv(pinv_reg(unregularised(target, reg), reg)).T, target, 100 * condition(target)
        )
    with pytest.raises(ValueError, match=r"reg_s = .* is above 1 / \(4 s_1\^2\) = ") as error:
        unregularised(target, bound * (1 + 1e-9))
    assert f"{largest:.6g}" in str(error.value)


def test_zero_has_no_bound_and_stays_zero():
    zero = np.zeros((3, 4))
    assert largest_reg(svd(zero).s) == float("inf")
    assert rank(zero) == 0
    for function in (regularised, regularised_pinv, unregularised):
        assert np.array_equal(function(zero, 5.0), zero)


@given(matrices(lowest=1))
def test_zero_singular_values_stay_zero(target):
    r = len(values(target))
    reg = values(target)[-1] ** 2 / 8
    for branch in "+-":
        f = np.asarray(unregularised(target, reg, branch))
        assert len(values(f)) == r
        null = np.eye(f.shape[1]) - pinv(target) @ target
        assert close(f @ null, 0 * f, 1e3, np.linalg.norm(target))


@given(matrices())
def test_svd_is_cut_at_the_rank(a):
    v, s, ut = (np.asarray(x) for x in svd(a))
    r = len(values(a))
    assert rank(a) == len(s) == r
    assert v.shape == (len(a), r)
    assert ut.shape == (r, a.shape[1])
    assert close((v * s) @ ut, a)
    assert np.allclose(v.T @ v, np.eye(r))
    assert np.allclose(ut @ ut.T, np.eye(r))
    assert close(svd(a).with_values(jnp.asarray(2 * s)), 2 * a)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_that_of_the_input(dtype):
    f = matrix(np.random.default_rng(0), 4, 6).astype(dtype)
    for result in (
        regularised_pinv(f, 0.1),
        regularised(f, 0.1),
        unregularised(f, 0.1),
        unregularised(f, 0.1, np.array([1, -1, 1, -1])),
        least_norm(jnp.asarray(f), jnp.ones((2, 4), dtype), "they"),
    ):
        assert result.dtype == dtype


def branched(branch, reg=1e-3, rank=3):
    return lambda: unregularised(matrix(np.random.default_rng(0), 4, 6, rank=rank), reg, branch)


def with_entry(bad):
    f = np.ones((2, 3))
    f[1, 2] = bad
    return f


OF_FEATURES = (regularised, regularised_pinv, unregularised)
NOT_FINITE = r"1 entries that are NaN or infinite \(the first at index \(1, 2\)\)"
WRONG = {
    "a branch of another sign": (branched("*"), r"branch is '\*'; it must be"),
    "a branch of fewer values": (branched([1.0, -1.0]), r"branch has shape \(2,\) .* each of the 3 nonzero"),
    "a branch of 0": (branched([1.0, 0.0, 1.0]), "one entry, [+]1 or -1"),
    "a branch of NaN": (branched([1.0, np.nan, 1.0]), "branch holds 1 entries that are NaN"),
    "a branch as a row": (branched([[1.0, 1.0, 1.0]]), r"branch has shape \(1, 3\)"),
    "a branch of strings": (branched(["+", "-", "+"]), r"branch \(list\) holds strings"),
    "no branch": (branched(None), "branch .* holds objects"),
    "the lower roots at 0": (branched("-", 0.0, 4), "branch '-' at reg_s = 0"),
    "one lower root at 0": (branched(np.array([1, 1, 1, -1]), 0.0, 4), "branch '-' at reg_s = 0"),
    **{
        f"{function.__name__}, reg = {reg}": (lambda function=function, reg=reg: function(np.ones((2, 3)), reg), f"reg = {reg} is not a ridge parameter")
        for function in OF_FEATURES
        for reg in (-1e-3, np.nan, np.inf)
    },
    **{
        f"{function.__name__}, an entry {bad}": (lambda function=function, bad=bad: function(with_entry(bad)), NOT_FINITE)
        for function in OF_FEATURES
        for bad in (np.nan, np.inf, -np.inf)
    },
    **{
        f"{function.__name__}, a vector": (lambda function=function: function(np.ones(3)), r"shape \(3,\), but a matrix")
        for function in OF_FEATURES
    },
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


def test_large_finite_entries_are_no_infinities():
    f = np.full((2, 2), 1e308)  # their sum overflows
    assert np.array_equal(regularised(f), f)


@given(st.sampled_from(((1, 5), (4, 6), (5, 5))), seeds, scales, scales)
def test_least_norm_is_the_right_inverse_of_least_norm(size, seed, w_scale, scale):
    rng = np.random.default_rng(seed)
    w, rows = matrix(rng, *size, scale=w_scale), scale * rng.normal(size=(3, size[0]))
    x = np.asarray(least_norm(jnp.asarray(w), jnp.asarray(rows), "they"))
    assert close(x @ w.T, rows, condition(w))
    assert close(x, np.linalg.lstsq(w, rows.T, rcond=None)[0].T, condition(w) ** 2)


@given(st.sampled_from(((4, 6), (5, 5))), seeds, scales, st.data())
def test_least_norm_refuses_rank_loss(size, seed, scale, data):
    r = data.draw(st.integers(0, size[0] - 1))
    w = matrix(np.random.default_rng(seed), *size, rank=r, scale=scale)
    with pytest.raises(ValueError, match=f"^they have rank {r} < {size[0]}, so"):
        least_norm(jnp.asarray(w), jnp.ones((3, size[0])), "they")


@pytest.mark.parametrize("seed", range(3))
def test_least_norm_leaves_no_more_of_a_large_square_system_than_q_r(seed):
    """P L U alone leaves ten times as much: what a layer's points lack in their features."""
    rng = np.random.default_rng(seed)
    w, rows = rng.normal(size=(400, 400)) / 20, rng.normal(size=(20, 400))
    q, r = np.linalg.qr(w.T)
    found = np.asarray(least_norm(jnp.asarray(w), jnp.asarray(rows), "they"))
    left = [np.linalg.norm(x @ w.T - rows) for x in (found, np.linalg.solve(r.T, rows.T).T @ q.T)]
    assert left[0] < 1.5 * left[1]


def test_least_norm_refuses_a_triangle_whose_pivots_are_ones():
    """det W = 1 and P L U has no small pivot, but s_min is about 2^-n."""
    w = np.eye(70) - np.tril(np.ones((70, 70)), -1)
    with pytest.raises(ValueError, match=r"^they have rank 69 < 70, so"):
        least_norm(jnp.asarray(w.T), jnp.ones((3, 70)), "they")
    with pytest.raises(ValueError, match=r"^they have rank 69 < 70, so"):
        least_norm(jnp.asarray(w), jnp.ones((3, 70)), "they")


@given(seeds)
def test_least_norm_refuses_more_rows_than_columns(seed):
    w = matrix(np.random.default_rng(seed), 6, 4)
    with pytest.raises(ValueError, match=r"^they have rank (at most )?4 < 6"):
        least_norm(jnp.asarray(w), jnp.ones((3, 6)), "they")
