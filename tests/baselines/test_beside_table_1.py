"""Fourier sets read by a kernel, and losses matched at regressors: what holds, and where it ends."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each

from distill_lib.baselines.fourier_sets import kernel_answers, kernel_gap_bound
from distill_lib.baselines.matched_losses import other_moments, regressors_needed
from distill_lib.baselines.moments import gaussian_kernel
from distill_lib.experiments import table_1_beside
from distill_lib.features import RandomFourier
from distill_lib.theory.labels_only import solved_labels


def fourier(seed, p, n=6, d=2, reg=0.3):
    """Data, features of them and of three tests, W trained on the features, kernels of both."""
    rng = np.random.default_rng(seed)
    x, y, z = rng.normal(size=(n, d)), rng.normal(size=(n, 2)), rng.normal(size=(3, d))
    phi = RandomFourier.random(jax.random.key(seed), d, p, 1.0)
    f, g = np.asarray(phi(x)), np.asarray(phi(z))
    w = np.linalg.solve(f.T @ f + reg * np.eye(p), f.T @ y).T
    return (
        y,
        f,
        g,
        w,
        np.asarray(gaussian_kernel(x, x, 1.0)),
        np.asarray(gaussian_kernel(x, z, 1.0)),
    )


@settings(max_examples=25)
@given(st.sampled_from((4, 40)), st.sampled_from((0.3, 0.01, 30.0)), seeds)
def test_two_kernels_on_one_set_answer_within_the_bound(p, reg_s, seed):
    _, f, g, w, gram, cross = fourier(seed, p)
    labels = solved_labels(w, f, reg_s)
    near, seen = f @ f.T, f @ g.T
    by_features = kernel_answers(labels, near, seen, reg_s)
    by_kernel = kernel_answers(labels, gram, cross, reg_s)
    bound = kernel_gap_bound(labels, near, gram, seen, cross, np.ones(3), reg_s)
    assert (np.linalg.norm(by_features - by_kernel, axis=1) <= bound * (1 + 1e-9)).all()
    if p <= 4:  # six points span the features: the set carries W
        assert np.allclose(by_features, g @ w.T, atol=1e-7)


def test_the_bound_sees_a_difference_between_the_points_alone():
    """One point, K^ = 1/2 and K = 1 there, and both kernels 1 with the input: 1 against 2/3."""
    one = np.ones((1, 1))
    apart = abs(kernel_answers(one, one / 2, one, 0.5) - kernel_answers(one, one, one, 0.5)).item()
    bound = kernel_gap_bound(one, one / 2, one, one, one, np.ones(1), 0.5).item()
    assert apart == pytest.approx(1 / 3)
    assert apart < bound == pytest.approx(np.sqrt(1 / 8))


def test_few_features_carry_their_model_and_not_the_kernels():
    y, f, _, w, gram, cross = fourier(1, 4)
    kernel = kernel_answers(y, gram, cross, 0.3)
    labels = solved_labels(w, f, 0.3)
    assert np.linalg.norm(kernel_answers(labels, gram, cross, 0.3) - kernel) > 1e-2


@given(seeds)
def test_with_as_many_features_as_data_the_set_is_the_data(seed):
    """Then the labels solved at lam_S = lam are those of the data, and the kernel's model exact."""
    y, f, _, w, gram, cross = fourier(seed, 60)
    labels = solved_labels(w, f, 0.3)
    assert np.allclose(labels, y, atol=1e-6)
    wanted, found = (kernel_answers(one, gram, cross, 0.3) for one in (y, labels))
    assert np.allclose(wanted, found, atol=1e-6)


@given(st.integers(1, 4), seeds)
def test_one_regressor_fewer_leaves_other_losses_open_and_all_of_them_none(d, seed):
    rng = np.random.default_rng(seed)
    x, y, w = rng.normal(size=(d + 4, d)), rng.normal(size=d + 4), rng.normal(size=(60, d))
    needed = regressors_needed(d)
    points, labels = other_moments(x, y, w[: needed - 1])
    assert points.shape == (d + 1, d)
    ours, theirs = (
        np.sum((w @ np.asarray(a).T - np.asarray(b)) ** 2, axis=1)
        for a, b in ((points, labels), (x, y))
    )
    scale = theirs.max()
    assert np.abs(ours - theirs)[: needed - 1].max() < 1e-7 * scale
    assert np.abs(ours - theirs)[needed:].max() > 1e-6 * scale
    with pytest.raises(ValueError, match=f"{needed} regressors determine the losses"):
        other_moments(x, y, w[:needed])
    # Dependent regressors do not count: the last is one of the others.
    other_moments(x, y, np.vstack([w[: needed - 1], w[:1]]))


WRONG = {
    "too few directions": (lambda: other_moments(np.ones((5, 2)), np.ones(5), np.ones((1, 2))), r"fewer than d \+ 1 = 3 directions"),
    "no regularisation": (lambda: kernel_answers(*[jnp.ones((1, 1))] * 3, 0.0), "reg_s = 0"),
    "no inputs": (lambda: regressors_needed(0), "inputs = 0"),
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


def test_the_tables_of_the_page():
    rng = np.random.default_rng(0)
    losses = table_1_beside.matched(rng, (1, 3))
    assert [row["regressors that decide"] for row in losses] == [3, 10]
    assert all(row["at one fewer"] < 1e-7 < row["at others"] for row in losses)
    x, y = rng.normal(size=(60, 6)), np.eye(3)[rng.integers(3, size=60)]
    task = SimpleNamespace(x=x, y=y, variance=10.0, reg=1.0)
    kernel = table_1_beside.read_by_the_kernel(task, 24, x[24:])
    first, last = kernel[0], kernel[-1]
    assert [row["points"] for row in kernel] == [3, 6, 12, 24, 24]
    assert last["set, kernel"] < 1e-6 < last["features"] < first["features"]
    assert all(row["best labels, kernel"] <= 1.5 for row in kernel)
    rows = table_1_beside.recorded("digits", kernel, losses)
    assert len({(row["table"], row.get("model"), row["method"]) for row in rows}) == 3 * 5 + 2
