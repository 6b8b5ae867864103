"""What moving the points of a distilled set does to its model, and what labels can repair.

Columns in the comments, as in the paper; rows in the code.
"""

import numpy as np
import pytest
from helpers import (
    SHAPES,
    close,
    condition,
    fractions,
    instances,
    matrix,
    pinv,
    scales,
    train,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.theory.perturbation import error_bounds


def spectral(a):
    return np.linalg.norm(np.asarray(a), 2)


def carrying(a, spread=10.0):
    """Points that carry W, of full rank: real ones that W's rows have been added to."""
    x = matrix(a.rng, a.m, a.p, spread=spread)
    if a.m < a.p:
        q = np.linalg.svd(a.w)[2][: a.k].T
        c = matrix(a.rng, a.m, a.k)
        x = x - (pinv(c).T) @ (c.T @ x - q.T)
    return x


def change(a, size):
    e = a.rng.normal(size=(a.m, a.p))
    return e * size / spectral(e)


def resolved(w, x):
    """Trained on the labels solved again on the points x."""
    return train(x, x @ w.T)


@given(instances(), fractions, st.sampled_from((0.0, 0.01, 1.0, 100.0)))
def test_the_change_of_the_model_is_the_identity(a, share, factor):
    x = carrying(a)
    s = values(x)
    reg_s, e = factor * s[-1] * s[0], change(a, share * s[-1] / 2)
    moved, t = x + e, a.w @ pinv(x)  # T = W X_S^{+T}
    trained = train(moved, np.asarray(dl.regularised(x, reg_s)) @ a.w.T, reg_s)
    if reg_s:
        gram = moved.T @ moved + reg_s * np.eye(a.p)
        identity = np.linalg.solve(gram, (reg_s * t @ e - a.w @ e.T @ moved).T).T
    else:
        outside = np.eye(a.p) - pinv(moved) @ moved
        identity = t @ e @ outside - a.w @ e.T @ pinv(moved).T
    assert close(trained - a.w, identity, 1e3 * condition(x) ** 2, np.linalg.norm(a.w))
    # Solving the labels again leaves the part outside the span, whatever lam_S.
    left = resolved(a.w, moved) - a.w
    assert close(
        left,
        t @ e @ (np.eye(a.p) - pinv(moved) @ moved),
        1e3 * condition(x) ** 2,
        np.linalg.norm(a.w),
    )


@given(instances(), scales, st.sampled_from((0.0, 0.01, 1.0, 100.0)))
def test_no_change_of_this_size_does_more(a, share, factor):
    x = carrying(a)
    s = values(x)
    reg_s, size = factor * s[-1] * s[0], 0.9 * share * s[-1]
    moved = x + change(a, size)
    bounds = error_bounds(a.w, x, size, reg_s)
    norm, slack = np.linalg.norm(a.w), 1e-9 * condition(x) ** 2
    kept = (
        np.linalg.norm(train(moved, np.asarray(dl.regularised(x, reg_s)) @ a.w.T, reg_s) - a.w)
        / norm
    )
    solved = np.linalg.norm(resolved(a.w, moved) - a.w) / norm
    assert kept <= bounds.kept * (1 + slack) + slack
    assert solved <= bounds.solved * (1 + slack) + slack
    assert solved <= kept + slack
    # The constants, from their definitions: a grid for the maximum of s / (s^2 + lam_S) above s_min
    # - size.
    t = np.linalg.norm(a.w @ pinv(x)) / norm
    assert np.isclose(bounds.solved, min(size * t, 1))
    if reg_s == 0:
        expected = size * t + (size / (s[-1] - size) if size < s[-1] else np.inf)
        assert np.isclose(bounds.kept, expected)
    else:
        grid = np.geomspace(1e-4, 1e4, 100_001) * np.sqrt(reg_s)
        above = grid[grid >= s[-1] - size]
        assert np.isclose(
            bounds.kept, size * t + size * (above / (above**2 + reg_s)).max(), rtol=1e-3
        )


def test_the_bounds_are_attained():
    """W = e_1^T on the single point s e_1.

    Turned: the labels solved again lose what the bound says; shortened: the kept ones do.
    """
    w, s, size = np.array([[1.0, 0.0]]), 2.0, 1e-6
    x = np.array([[s, 0.0]])
    bounds = error_bounds(w, x, size)
    turned = np.array([[s, size]])
    assert np.isclose(np.linalg.norm(resolved(w, turned) - w), bounds.solved, rtol=1e-6)
    shorter = np.array([[s - size, 0.0]])
    kept = np.linalg.norm(train(shorter, x @ w.T) - w)
    assert np.isclose(kept, bounds.kept - bounds.solved, rtol=1e-6)


def test_several_sizes_at_once():
    rng = np.random.default_rng(0)
    w, x = matrix(rng, 2, 6), matrix(rng, 5, 6)
    sizes = np.array([[0.0, 1e-3], [1.0, 1e3]])
    for reg_s in (0.0, 0.5):
        together = error_bounds(w, x, sizes, reg_s)
        for index, size in np.ndenumerate(sizes):
            alone = error_bounds(w, x, size, reg_s)
            assert (together.solved[index], together.kept[index]) == (alone.solved, alone.kept)
    assert error_bounds(w, x, 0.0).kept == 0
    assert np.isinf(error_bounds(w, x, 1e3).kept)


def test_dependent_points_have_no_bound_without_a_ridge():
    rng = np.random.default_rng(0)
    w, x = matrix(rng, 2, 6), matrix(rng, 5, 6, rank=4)
    assert error_bounds(w, x, 1e-3).kept == np.inf
    assert np.isfinite(error_bounds(w, x, 1e-3, 1.0).kept)


@given(instances(), fractions)
def test_no_labels_and_no_ridge_do_better_than_solved_ones(a, factor):
    """Everything that can be trained on stored points lies in their span."""
    x = carrying(a) + change(a, 0.1)
    best = np.linalg.norm(resolved(a.w, x) - a.w)
    for reg_s in (0.0, factor * spectral(x) ** 2):
        for y in (a.y, x @ a.w.T, np.asarray(dl.regularised(x, reg_s)) @ a.w.T):
            assert np.linalg.norm(train(x, y, reg_s) - a.w) >= best - 1e-10 * np.linalg.norm(a.w)


# Small roots


@given(
    instances(shapes=((3, 8, 3), (3, 8, 5), (4, 4, 4))),
    fractions,
    scales,
    st.sampled_from((1e1, 1e4)),
)
def test_small_roots_do_not_amplify(a, fraction, share, spread):
    """Relative error <= eps (2 ||Y_S||_F ||D||_2 / ||W||_F + 1/2) with eps = ||E|| / ||X_S||,
    whatever the condition number.
    """
    w = matrix(a.rng, a.k, a.p, spread=spread)
    d = np.asarray(dl.recovery_matrix(w, a.y, a.z * np.linalg.norm(w) / np.linalg.norm(a.z)))
    reg_s = fraction / (4 * spectral(d) ** 2)
    x = np.asarray(dl.support_features(d, reg_s, "-"))
    eps = 1e-3 * share
    moved = x + change(a, eps * spectral(x))
    error = np.linalg.norm(train(moved, a.y, reg_s) - w) / np.linalg.norm(w)
    assert (
        error
        <= eps * (2 * np.linalg.norm(a.y) * spectral(d) / np.linalg.norm(w) + 0.5) * (1 + 1e-6)
        + 1e-9
    )


def test_balanced_labels_bound_it_by_the_number_of_classes():
    """With one-hot labels and Z = 0 the factor is at most 2 sqrt(k) + 1/2, and large roots have no
    such bound.
    """
    rng = np.random.default_rng(0)
    k, p, eps = 3, 12, 1e-4
    w = matrix(rng, k, p, spread=1.0) * np.array([[1.0], [1.0], [1e-4]])
    for ipc in (1, 4):
        y = np.eye(k)[np.arange(k * ipc) % k]
        d = np.asarray(dl.recovery_matrix(w, y))
        reg_s = 1 / (4 * spectral(d) ** 2)
        errors = {}
        for branch in "+-":
            x = np.asarray(dl.support_features(d, reg_s, branch))
            e = rng.normal(size=x.shape)
            moved = x + e * eps * spectral(x) / spectral(e)
            errors[branch] = np.linalg.norm(train(moved, y, reg_s) - w) / np.linalg.norm(w)
        assert errors["-"] <= eps * (2 * np.sqrt(k) + 0.5)
        assert errors["+"] > 100 * eps * (2 * np.sqrt(k) + 0.5)


# Stored sets


@given(instances(shapes=[s for s in SHAPES if s[0] < s[2] <= s[1]]), st.integers(6, 16))
def test_a_stored_set_keeps_the_model_within_the_bound(a, b):
    x = carrying(a)
    stored = dl.restore(dl.quantise(x, b))
    size = spectral(stored - x)
    bounds = error_bounds(a.w, x, size)
    norm = np.linalg.norm(a.w)
    assert np.linalg.norm(train(stored, x @ a.w.T) - a.w) / norm <= bounds.kept * (1 + 1e-6) + 1e-9
    assert np.linalg.norm(resolved(a.w, stored) - a.w) / norm <= bounds.solved * (1 + 1e-6) + 1e-9
    assert size <= dl.quantise(x, b).scale.max() / 2 * np.sqrt(x.size) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x: error_bounds(x[:2], x[:, :3], 1.0),
            r"features has shape \(3, 3\), .* \(any, 4\)",
        ),
        (lambda x: error_bounds(x[:2], x, -1.0), "sizes = -1.0 are no sizes of a change"),
        (lambda x: error_bounds(x[:2], x, np.nan), "sizes holds 1 entries that are NaN"),
        (lambda x: error_bounds(x[:2], x, 1.0, -1.0), "reg_s = -1.0 is not a ridge parameter"),
        (lambda x: error_bounds(x[:2], x * np.inf, 1.0), "features holds 12 entries"),
    ],
)
def test_bad_input_is_one_sentence(call, message):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0).uniform(1, 2, size=(3, 4)))
