"""KIP: both steps are the same on full batches, a resumed descent is the uninterrupted one, and
what goes wrong is said.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import matrix, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.baselines.descent import Diverged
from distill_lib.baselines.kip_on_features import (
    FullBatch,
    OnBatches,
    Stochastic,
    descend,
    support_set,
)
from distill_lib.theory import kip_loss

KEY = jax.random.key(3)


def objectives(seed, n=40, d=6, k=3, m=4, batch=None, widths=None):
    """The two objectives on one random training set, and support points to start from."""
    rng = np.random.default_rng(seed)
    layers = widths or (d, 8)
    pairs = zip(layers[1:], layers, strict=False)  # (out, in)
    phi = dl.FullyConnected(tuple(jnp.asarray(rng.normal(size=of) / d**0.5) for of in pairs))
    x, y = jnp.asarray(rng.normal(size=(n, d))), jnp.asarray(np.eye(k)[rng.integers(0, k, n)])
    features = phi(x)
    target = kip_loss.Target.reduced(dl.RidgeStats.of(features, y))
    full = FullBatch(phi, target, n * k)
    return full, Stochastic(phi, features, y, batch or n), jnp.asarray(rng.normal(size=(m, d)))


@jax.jit
def loss_and_slope(objective, points):
    return jax.value_and_grad(objective)(points, KEY)


@given(seeds, st.sampled_from(((1, 5), (4, 5), (7, 5), (8, 5), (4, 40))))
@settings(max_examples=16)
def test_labels_from_statistics_leave_the_published_loss_and_gradient_on_every_batch(seed, sizes):
    """Up to m = p = 8; lam_S cancels, so another one changes nothing."""
    m, b = sizes
    full, stochastic, points = objectives(seed, m=m, batch=b)
    same = OnBatches(full.feature_map, full.target, stochastic.features, stochastic.labels, b)
    ours, slope = loss_and_slope(same, points)
    theirs, other = loss_and_slope(stochastic, points)
    assert np.isclose(ours, theirs, rtol=1e-7)
    rounding = 1e-9 if m < full.feature_map.dim_out else 1e-6
    assert np.allclose(slope, other, rtol=1e-4, atol=1e-6 * np.abs(slope).max() + rounding)


def test_with_more_points_than_features_the_labels_are_no_regular_solution():
    full, stochastic, points = objectives(0, m=9)
    same = OnBatches(full.feature_map, full.target, stochastic.features, stochastic.labels, 40)
    with pytest.raises(Diverged):
        descend(same, points, 1, key=KEY, every=1)


@settings(max_examples=12)
@given(seeds, st.sampled_from((1, 6, 8, 13)))
def test_on_a_full_batch_both_steps_have_the_same_loss_and_gradient(seed, m):
    """Also from m = p = 8 on, where the labels alone reach the least loss and nothing is left to
    descend.
    """
    full, stochastic, points = objectives(seed, m=m)
    ours, slope = loss_and_slope(full, points)
    theirs, other = loss_and_slope(stochastic, points)
    # lam_S = 1e-6 tr / m does not matter to solved labels, but their pseudoinverse is one of an
    # ill-conditioned matrix.
    assert np.isclose(ours, theirs, rtol=1e-8)
    # Where nothing is left to descend, both gradients are rounding.
    rounding = 1e-9 if m < full.feature_map.dim_out else 1e-7
    assert np.allclose(slope, other, rtol=1e-5, atol=1e-7 * np.abs(slope).max() + rounding)
    if m >= full.feature_map.dim_out:
        assert np.abs(slope).max() < rounding
        assert np.isclose(ours, full.target.rest / full.count, rtol=1e-9)
    else:
        assert np.abs(slope).max() > 1e-4
    # The definition, in NumPy: the least-squares residual of the training set on the support's
    # span.
    span = np.asarray(full.feature_map(points))
    q = np.asarray(stochastic.features) @ span.T
    y = np.asarray(stochastic.labels)
    residual = q @ np.linalg.lstsq(q, y, rcond=None)[0] - y
    assert np.isclose(ours, np.mean(residual**2), rtol=1e-10)


def test_a_batch_is_drawn_without_repetition_and_changes_with_the_key():
    _, stochastic, points = objectives(0, batch=39)
    whole = objectives(0)[1](points, KEY)
    drawn = {float(stochastic(points, jax.random.key(i))) for i in range(6)}
    assert len(drawn) > 1
    # 39 of 40 samples, each once: the mean over a batch is at most 40/39 of the whole.
    assert all(loss <= whole * 40 / 39 * (1 + 1e-9) for loss in drawn)


@pytest.mark.parametrize("kind", [0, 1])
def test_descent_descends(kind):
    made = objectives(1, batch=30)
    found = descend(made[kind], made[2], 60, key=KEY, learning_rate=0.05, every=20)
    assert found.losses.shape == (60,)
    assert found.seconds.shape == (3,)
    assert (np.diff(found.seconds) >= 0).all()
    full = made[0]
    # The least loss of any weights cannot be passed; a good part of the way to it is made.
    floor = full.target.rest / full.count
    assert floor <= full(found.points, KEY) < floor + 0.7 * (full(made[2], KEY) - floor)


def test_adam_takes_a_first_step_of_the_learning_rate():
    full, _, points = objectives(2)
    found = descend(full, points, 1, key=KEY, learning_rate=0.05, every=1)
    slope = jax.grad(full)(points, KEY)
    assert np.allclose(found.points - points, -0.05 * np.sign(slope), rtol=1e-3)


@pytest.mark.parametrize("kind", [0, 1])
def test_an_interrupted_descent_goes_on_to_the_same_points_bit_for_bit(tmp_path, kind):
    made = objectives(3, batch=20)
    objective, start, path = made[kind], made[2], tmp_path / "descent.npz"

    class Interrupted(Exception):
        pass

    def stop(report):
        if report.step == 20:
            raise Interrupted

    def watch(points):
        return float(jnp.sum(points**2))

    whole = descend(objective, start, 40, key=KEY, every=10, watch=watch)
    with pytest.raises(Interrupted):
        descend(objective, start, 40, key=KEY, every=10, checkpoint=path, report=stop, watch=watch)
    seen = []
    again = descend(
        objective, start, 40, key=KEY, every=10, checkpoint=path, report=seen.append, watch=watch
    )
    assert [report.step for report in seen] == [30, 40]
    assert np.array_equal(again.points, whole.points)
    assert np.array_equal(again.losses, whole.losses)
    assert again.watched == whole.watched
    assert len(whole.watched) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["descent.npz"]
    finished = descend(objective, start, 40, key=KEY, every=10, checkpoint=path, watch=watch)
    assert np.array_equal(finished.points, whole.points)


def test_the_checkpoint_of_another_descent_is_refused(tmp_path):
    full, _, start = objectives(4)
    path = tmp_path / "descent.npz"
    descend(full, start, 4, key=KEY, every=2, checkpoint=path)
    for other in (
        {"key": jax.random.key(9)},
        {"learning_rate": 0.02},
        {"start": start + 1},
        {"objective": objectives(5)[0]},
    ):
        given_ = {"objective": full, "start": start, "steps": 4, "key": KEY, "every": 2} | other
        with pytest.raises(ValueError, match="checkpoint of another descent"):
            descend(**given_, checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="is no checkpoint of a descent"):
        descend(full, start, 4, key=KEY, every=2, checkpoint=path)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(tmp_path):
    class Cliff(FullBatch):
        def __call__(self, points, key):
            loss = super().__call__(points, key)
            return jnp.where(jnp.abs(points - start).max() > 0.25, jnp.nan, loss)

    full, _, start = objectives(6)
    cliff = Cliff(full.feature_map, full.target, full.count)
    path = tmp_path / "descent.npz"
    # Steps of 0.1: the third is still on firm ground, the fourth is not.
    descend(cliff, start, 2, key=KEY, every=2, learning_rate=0.1, checkpoint=path)
    kept = path.read_bytes()
    with pytest.raises(
        Diverged, match=r"not finite at step 3: lower the learning rate .* after step 2"
    ):
        descend(cliff, start, 40, key=KEY, every=2, learning_rate=0.1, checkpoint=path)
    assert path.read_bytes() == kept


def descent(**change):
    def run(full, _, start):
        given_ = {"objective": full, "start": start, "steps": 4, "key": KEY, "every": 2}
        descend(**(given_ | change))

    return run


def batch(size):
    return lambda _, of, __: Stochastic(of.feature_map, of.features, of.labels, size)


WRONG = {
    "steps between chunks": (descent(steps=3), "steps = 3 must be a positive multiple of every = 2"),
    "no step": (descent(steps=0), "steps = 0 must be"),
    "a rate of 0": (descent(learning_rate=0), "learning_rate = 0 must be a finite number above 0"),
    "a start of other inputs": (descent(start=jnp.ones((4, 5))), r"start has shape \(4, 5\), .* \(any, 6\)"),
    "a start of NaN": (descent(start=jnp.full((4, 6), jnp.nan)), "start holds 24 entries"),
    "a batch of none": (batch(0), "a batch of 0 cannot be drawn from 40"),
    "a batch of more than all": (batch(41), "a batch of 41 cannot be drawn from 40"),
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong(*objectives(7))


@pytest.mark.parametrize("m", [2, 6])
def test_the_set_trains_to_the_loss_that_was_descended(m):
    full, _, points = objectives(10, m=m, widths=(6, 6))
    norm = dl.Normalisation((2, 3, 1), 1.0, (0.0,), (1.0,), "float64")
    made = support_set(points, full.target, full.feature_map, norm)
    weights = dl.recovered_weights(full.feature_map(points), made.labels, made.reg_s)
    assert np.isclose(full.target.loss(weights) / full.count, full(points, KEY), rtol=1e-6)
    assert np.isclose(made.provenance["loss"] / full.count, full(points, KEY), rtol=1e-6)
    assert np.isclose(made.reg_s, 1e-6 * np.linalg.norm(full.feature_map(points)) ** 2 / m)


def test_the_closed_form_is_the_floor():
    """With k or more points in a surjective map, zero gradient is reached at once by the closed
    form: nothing is below it.
    """
    full, stochastic, _ = objectives(9, widths=(6, 6))
    path = dl.RidgePath.of(dl.RidgeStats.of(stochastic.features, stochastic.labels))
    w = path.weights(0.0)
    y = jnp.asarray(np.eye(3))
    points = full.feature_map.inverse(dl.support_features(dl.recovery_matrix(w, y)))
    floor = full(points, KEY)
    residual = stochastic.features @ w.T - stochastic.labels
    assert np.isclose(floor, jnp.mean(residual**2), rtol=1e-9)
    other = jnp.asarray(matrix(np.random.default_rng(0), 3, 6))
    assert descend(full, other, 50, key=KEY, every=50, learning_rate=0.05).losses.min() >= floor * (
        1 - 1e-9
    )
