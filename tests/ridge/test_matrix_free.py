"""W without G: against the direct solve, at the sketch's best and worst, and where it stops."""

import math

import jax
import numpy as np
import pytest
from helpers import matrix, seeds, train
from hypothesis import given, settings
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.engines import InOrder
from distill_lib.ridge import matrix_free
from distill_lib.ridge.matrix_free import nystrom, steps

P, K, N = 12, 3, 40
NORM, PHI, KEY = dl.Normalisation((1, P, 1), 1, (0.0,), (1.0,)), dl.Linear(P), jax.random.key(0)
QUIET = pytest.mark.filterwarnings("ignore:the largest of the images")


def samples(seed, spread=10.0, rank=None):
    rng = np.random.default_rng(seed)
    f = matrix(rng, N, P, rank, spread=spread)
    return f.reshape(N, 1, P, 1), np.r_[0, 1, 2, rng.integers(0, K, N - 3)], f


def solved(images, labels, **options):
    options = {"reg": 1.0, "key": KEY, "classes": K, "sketch": 4, "tol": 1e-10} | options
    return dl.fit_matrix_free(images, labels, PHI, NORM, **options)


def residual(weights, f, y, reg):
    cross = y.T @ f
    return np.linalg.norm(weights @ (f.T @ f + reg * np.eye(P)) - cross) / np.linalg.norm(cross)


@QUIET
@settings(max_examples=25)
@given(seeds, st.sampled_from((1e-3, 1.0, 1e3)), st.sampled_from((0, 1, 5, P, 50)))
def test_it_is_the_direct_solution_and_says_how_near(seed, reg, sketch):
    images, labels, f = samples(seed)
    y = np.eye(K)[labels]
    found = solved(images, labels, reg=reg, sketch=sketch)
    assert found.converged
    assert found.residual <= 2e-10
    weights = np.asarray(found.model.weights)
    assert math.isclose(found.residual, residual(weights, f, y, reg), rel_tol=0.5, abs_tol=1e-13)
    distance = np.linalg.norm(weights - train(f, y, reg))
    rounding = 1e-12 * np.linalg.norm(weights) * (1 + np.linalg.norm(f, 2) ** 2 / reg)
    assert distance <= found.residual * np.linalg.norm(y.T @ f) / reg + rounding


@QUIET
def test_the_batches_of_a_partition_add_up(monkeypatch):
    images, labels, _ = samples(0)
    wanted = np.asarray(solved(images, labels).model.weights)
    monkeypatch.setattr(matrix_free, "_ROOM", 7 * P)
    found = np.asarray(solved(images, labels).model.weights)
    assert np.linalg.norm(found - wanted) <= 1e-9 * np.linalg.norm(wanted)


@QUIET
@settings(max_examples=15)
@given(seeds, st.integers(1, 3))
def test_a_sketch_of_the_rank_of_g_needs_a_step_or_two(seed, rank):
    """What is left of G is rounding, so that P^{-1} (G + lam I) is the identity."""
    images, labels, _ = samples(seed, rank=rank)
    found = solved(images, labels, sketch=rank + 1, tol=1e-8)
    assert found.converged
    assert found.passes <= 5
    assert found.forecast <= 2 + steps(1e-3, 1.0, 1e-8)


def test_a_sketch_saves_passes_and_its_forecast_is_near():
    images, labels, _ = samples(3, spread=1e3)
    plain, sketched = (solved(images, labels, reg=1e-2, sketch=s) for s in (0, 8))
    assert plain.converged
    assert sketched.converged
    assert sketched.passes < plain.passes
    assert sketched.forecast < plain.forecast
    assert sketched.passes <= 2 * sketched.forecast


@given(seeds, st.integers(1, P), st.sampled_from((1e-2, 1.0)))
def test_a_sketch_of_the_leading_eigenvectors_leaves_the_least_of_its_eigenvalues(seed, s, reg):
    """(e_s + lam) / (e_p + lam), at most the condition of the forecast."""
    rng = np.random.default_rng(seed)
    f = matrix(rng, N, P, rng.integers(1, P + 1))
    for g in (f.T @ f, np.diag([4.0, 0.0])):
        e, v = (one[..., ::-1] for one in np.linalg.eigh(g))
        kept = min(s, len(g) - 1)
        values, u = nystrom(v[:, :kept], g @ v[:, :kept])
        root = np.eye(len(g)) + (u * (np.sqrt((values[-1] + reg) / (values + reg)) - 1)) @ u.T
        left = np.linalg.cond(root @ (g + reg * np.eye(len(g))) @ root)
        expected = (max(e[kept - 1], 0) + reg) / (max(e[-1], 0) + reg)
        assert np.isclose(left, expected, rtol=1e-5)
        assert left <= (1 + values[-1] / reg) * (1 + 1e-5)
    assert np.isclose(left, 1 + 4 / reg)  # of the last one: not 1, as e_{s+1} = 0 might suggest


@given(seeds, st.integers(1, P))
def test_the_sketch_is_below_g_and_exact_on_its_range(seed, s):
    rng = np.random.default_rng(seed)
    f = matrix(rng, N, P, rng.integers(1, P + 1))
    g = f.T @ f
    omega = np.linalg.qr(rng.normal(size=(P, s)))[0]
    values, u = nystrom(omega, g @ omega)
    made, size = (u * values) @ u.T, np.linalg.norm(g, 2)
    assert np.allclose(u.T @ u, np.eye(s), atol=1e-10)
    assert np.linalg.eigvalsh(g - made).min() > -1e-7 * size
    assert np.linalg.norm((g - made) @ omega) <= 1e-6 * size
    assert (np.diff(values) <= 1e-12 * size).all()


@QUIET
def test_streams_and_partitions_give_what_arrays_give():
    images, labels, _ = samples(1)
    wanted = np.asarray(solved(images, labels).model.weights)
    stream = dl.Stream.of_arrays(images, labels, K, size=7)
    parts = dl.Partitions.of_arrays(images, labels, K, size=9)
    for given_ in (stream, parts):
        found = solved(given_, None, classes=None)
        assert np.allclose(found.model.weights, wanted, rtol=0, atol=1e-8 * np.abs(wanted).max())
    a, b = (solved(parts, None, engine=engine).model.weights for engine in (None, InOrder()))
    assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    assert solved(images, labels, engine=InOrder()).converged


@QUIET
def test_too_few_passes_are_told_with_what_was_reached():
    """Where the sketch leaves a condition of 10^8, a dozen passes end far from the tolerance."""
    images, labels, f = samples(0, spread=1e4)
    with pytest.warns(UserWarning, match=r"after 12 passes the residual is .*, not 1e-10: give a"):
        found = solved(images, labels, reg=1e-8, sketch=2, max_passes=12)
    assert not found.converged
    assert found.passes == 12
    assert found.forecast > 1000
    y = np.eye(K)[labels]
    told = residual(np.asarray(found.model.weights), f, y, 1e-8)
    assert math.isclose(found.residual, told, rel_tol=1e-6)


@QUIET
def test_every_pass_is_told():
    images, labels, _ = samples(0)
    told = []
    found = solved(images, labels, report=told.append)
    assert told[0].startswith("sketch of rank 4: e_s / lam = ")
    assert told[-1] == f"pass {found.passes - 1}"


@QUIET
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reg": 0.0}, "reg = 0.0 must be a finite number above 0"),
        ({"tol": 1e-17}, "tol = 1e-17 is no share .* float64 can reach; give one from 2e-15"),
        ({"max_passes": 2}, "max_passes = 2: sketch, step and residual take three"),
        ({"classes": 2}, "labels of batch 0 holds 0..2, but 2 classes"),
        ({"images": np.zeros((N, 1, P, 1))}, "C = 0: no sample, or none with a feature"),
        ({"images": dl.Stream(lambda: iter(())), "labels": None, "classes": None}, "classes=k"),
    ],
)
def test_bad_settings_are_one_sentence(options, message):
    images, labels, _ = samples(0)
    with pytest.raises(ValueError, match=message):
        solved(**{"images": images, "labels": labels} | options)
