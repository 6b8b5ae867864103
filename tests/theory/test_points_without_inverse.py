"""Points found by Gauss-Newton: the derivative, what is found, and what cannot be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import matrix, train
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.linalg.pseudoinverse import svd
from distill_lib.theory import points_without_inverse
from distill_lib.theory.points_without_inverse import solve_points

D, P, K = 6, 10, 3
MAPS = {
    "network": lambda seed: dl.FullyConnected.random(jax.random.key(seed), (D, P)),
    "fourier": lambda seed: dl.RandomFourier.random(jax.random.key(seed), D, P, 4.0),
}
SEEDS = st.integers(0, 1000)


def found(one, phi, w):
    """Whether training on the points gives W, by its definition."""
    trained = train(phi(one.points), one.labels)
    error = np.linalg.norm(trained - w) / np.linalg.norm(w)
    # Features far from independent leave fewer digits of a large error.
    assert np.isclose(one.error, error, rtol=1e-3, atol=1e-9) or min(one.error, error) > 1e-6
    return error < 1e-9


@settings(max_examples=10)
@given(SEEDS, st.sampled_from(("network", "fourier")))
def test_the_derivative_is_that_of_the_residual_where_the_residual_vanishes(seed, kind):
    rng, phi, m = np.random.default_rng(seed), MAPS[kind](seed), 5
    x = rng.normal(size=(m, D))
    w = rng.normal(size=(K, m)) @ np.asarray(phi(x))
    residual, slope = points_without_inverse._linearised(phi, w, x)
    assert residual.shape == (K * (P - m),)
    assert np.linalg.norm(residual) < 1e-12 * np.linalg.norm(w)
    step = 1e-6 * rng.normal(size=x.shape)
    f = np.asarray(phi(x + step))
    q = np.linalg.qr(np.asarray(phi(x)).T, mode="complete")[0][:, m:]
    moved = (w - w @ np.linalg.pinv(f) @ f) @ q  # W off the new span, on the old complement
    assert np.allclose(
        moved.ravel(), -slope @ step.ravel(), rtol=1e-3, atol=1e-3 * np.linalg.norm(moved)
    )


@settings(max_examples=10)
@given(SEEDS, st.sampled_from(("network", "fourier")))
def test_any_model_is_found_with_points_to_spare(seed, kind):
    rng, phi = np.random.default_rng(seed), MAPS[kind](seed)
    w = matrix(rng, K, P)
    # One start in twenty ends elsewhere, and which one does is a matter of rounding.
    tries = (solve_points(phi, w, rng.normal(size=(9, D))) for _ in range(4))
    one = next((one for one in tries if found(one, phi, w)), None)
    assert one is not None
    assert np.allclose(one.labels, phi(one.points) @ w.T)
    assert 0 < one.steps < 100


@settings(max_examples=5)
@given(SEEDS)
def test_a_planted_model_is_found_again_at_the_count(seed):
    """m = 4 is the least m with m (d + k - 1) >= k p: the models near a planted one have points."""
    rng, phi = np.random.default_rng(seed), MAPS["fourier"](seed)
    x = rng.normal(size=(4, D))
    w = rng.normal(size=(K, 4)) @ np.asarray(phi(x))
    assert found(solve_points(phi, w, x + 1e-3 * rng.normal(size=x.shape)), phi, w)


@settings(max_examples=5)
@given(SEEDS)
def test_below_the_count_nothing_is_found(seed):
    """m (d + k) < k p: almost no model has points."""
    rng, phi = np.random.default_rng(seed), MAPS["network"](seed)
    x = rng.normal(size=(3, D))
    w = rng.normal(size=(K, 3)) @ np.asarray(phi(x))
    w += 1e-2 * np.linalg.norm(w) * matrix(rng, K, P) / 10
    one = solve_points(phi, w, x)
    assert not found(one, phi, w)
    assert one.error > 1e-5


def rounding(features):
    """How far rounding turns the span of the features: eps times their condition number."""
    s = svd(features).s
    return 10 * max(features.shape) * np.finfo(float).eps * s[0] / s[-1]


def test_the_error_of_a_model_out_of_reach_is_told():
    """A deep linear network never leaves its range: the descent ends at the bound of Theorem 5.3 or
    above.
    """
    rng = np.random.default_rng(0)
    phi = dl.DeepLinear.random(jax.random.key(0), (D, P))
    w = rng.normal(size=(K, P))
    bound = np.linalg.norm(w - phi.onto_span(w)) / np.linalg.norm(w)
    for m in (5, 9, 12):  # with 9 points or more the features are dependent
        one = solve_points(phi, w, rng.normal(size=(m, D)), steps=20)
        assert one.error >= bound - rounding(phi(one.points))
    assert solve_points(phi, phi.onto_span(w), rng.normal(size=(K, D))).error < 1e-10


@pytest.mark.parametrize("seed", range(6))
def test_dependent_features_of_any_lengths_reach_no_further_than_their_range(seed):
    """Points of lengths from 1e-3 to 1e3: what rounding leaves of more than D features is no rank."""
    rng = np.random.default_rng(seed)
    phi = dl.DeepLinear.random(jax.random.key(seed), (D, P))
    w = rng.normal(size=(K, P))
    bound = np.linalg.norm(w - phi.onto_span(w)) / np.linalg.norm(w)
    start = rng.normal(size=(D + 3, D)) * 10.0 ** rng.uniform(-3, 3, (D + 3, 1))
    for steps in (0, 20):
        one = solve_points(phi, w, start, steps=steps)
        assert one.error >= bound - rounding(phi(one.points))


def test_points_that_carry_the_model_are_left_alone():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(P, D))
    one = solve_points(MAPS["network"](0), rng.normal(size=(K, P)), start)
    assert one.steps == 0
    assert one.error < 1e-10
    assert np.array_equal(one.points, start)


def test_no_steps_are_taken_when_none_are_allowed():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(5, D))
    one = solve_points(MAPS["network"](0), rng.normal(size=(K, P)), start, steps=0)
    assert (one.steps, np.array_equal(one.points, start)) == (0, True)
    assert one.error > 0.1


def test_no_step_makes_it_worse():
    """With the labels W phi(X_S) the error is ||W Q|| / ||W||, which the descent lowers."""
    rng, phi = np.random.default_rng(1), MAPS["fourier"](0)
    w, start = matrix(rng, K, P), 3 * rng.normal(size=(4, D))
    errors = [solve_points(phi, w, start, steps=n).error for n in range(25)]
    assert (np.diff(errors) <= 1e-12).all()
    assert errors[-1] < errors[0]


def test_precision_is_that_of_the_model():
    rng = np.random.default_rng(0)
    phi = dl.FullyConnected.random(jax.random.key(0), (D, P), dtype=jnp.float32)
    one = solve_points(phi, rng.normal(size=(K, P)).astype(np.float32), rng.normal(size=(8, D)))
    assert one.points.dtype == one.labels.dtype == jnp.float32
    assert one.error < 1e-4


WRONG = {
    "fewer points than outputs": (lambda phi, w: solve_points(phi, w, np.ones((2, D))), r"m = 2 support points .* k = 3 outputs"),
    "a start of other inputs": (lambda phi, w: solve_points(phi, w, np.ones((4, D - 1))), r"start has shape \(4, 5\)"),
    "a model of other features": (lambda phi, w: solve_points(phi, w[:, 1:], np.ones((4, D))), r"weights has shape \(3, 9\)"),
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong(MAPS["network"](0), np.ones((K, P)))
