"""Where statements about releases, losses and gradients stop: the smallest instances beyond them.

Columns are samples, as in the book.
"""

import numpy as np
import pytest
from helpers import matrix, pinv, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_lib import privacy
from distill_lib.theory.held_pixels import least_error

few = settings(max_examples=15, deadline=None)


def model(x, y, lam=0.0):
    """W = C (G + lam I)^{-1}, or C G^+."""
    if lam == 0:
        return y @ pinv(x)
    return np.linalg.solve(x @ x.T + lam * np.eye(len(x)), x @ y.T).T


def loss(w, x, y):
    return np.linalg.norm(w @ x - y) ** 2


def one_hot(rng, k, n):
    return np.eye(k)[:, rng.integers(k, size=n)]


# What a model that interpolates reveals of its last record


@given(seeds, st.integers(1, 5))
@few
def test_a_model_that_interpolates_shows_the_direction_of_what_its_last_record_adds(seed, n):
    """All equations of the informed adversary hold for every record, but W says more."""
    rng = np.random.default_rng(seed)
    k, p = 3, 6
    x, y = matrix(rng, p, n), one_hot(rng, k, n)
    w, known, last = model(x, y), x[:, :-1], x[:, -1]
    assert np.allclose(w @ known @ known.T, y[:, :-1] @ known.T, atol=1e-9)  # eq-last is 0 = 0
    inside = known @ pinv(known)
    added = last - inside @ last
    factor = y[:, -1] - w @ inside @ last
    seen = w - w @ inside
    assert np.allclose(seen, np.outer(factor, added) / (added @ added), atol=1e-7)
    if n == 1:  # the label comes with it, since only its row is not zero
        row = y[:, 0] @ w
        assert np.allclose(row / (row @ row), last)


def test_that_direction_is_lost_where_the_known_records_predict_the_last_label():
    known, y = np.array([[1.0, 0], [0, 1], [0, 0]]), np.array([[1.0, 1, 1]])
    last = np.array([0.5, 0.5, 3])  # 0.5 + 0.5 = 1
    w = model(np.c_[known, last], y)
    assert np.allclose(w - w @ known @ pinv(known), 0)
    assert np.allclose(w, [[1, 1, 0]])  # 3 is nowhere in it


def test_five_data_sets_have_one_model_if_points_may_be_equal():
    """phi(x) = (x, x^2): four of two distinct points, and one of two equal points."""
    y, w = np.array([2.5, 1.5]), np.ones(2)
    candidates = [np.roots([1, 1, -one]).real for one in y]
    sets = [np.array([a, b]) for a in candidates[0] for b in candidates[1]] + [np.ones(2)]
    for points in sets:
        assert np.allclose(y @ pinv(np.stack([points, points**2])), w)
    assert len({tuple(points.round(6)) for points in sets}) == 5


# Losses


@given(seeds)
@few
def test_sets_reach_loss_zero_just_where_the_data_can_be_interpolated_and_never_by_a_ridge(seed):
    rng = np.random.default_rng(seed)
    k, p, lam = 2, 5, 0.3
    for n in (4, 9):
        x, y = matrix(rng, p, n), rng.normal(size=(k, n))
        least, ridge = loss(model(x, y), x, y), loss(model(x, y, lam), x, y)
        assert (least < 1e-12) == (n <= p)
        assert ridge > least + 1e-6
        # So a descent on this loss over sets aims at the model without a ridge.
        others = model(x, y, lam) + rng.normal(size=(20, k, p))
        assert min(loss(other, x, y) for other in others) >= least * (1 - 1e-9)


@pytest.mark.parametrize("fits", [False, True])
def test_the_losses_of_all_models_take_as_many_points_as_inputs_and_labels_have_rank(fits):
    rng = np.random.default_rng(3)
    x = matrix(rng, 4, 9, rank=3)
    y = rng.normal(size=(1, 4)) @ x if fits else rng.normal(size=(1, 9))
    together = np.linalg.matrix_rank(np.vstack([x, y]))
    assert together == 3 + (not fits)
    v = np.linalg.svd(x)[2][:3].T
    points, labels = x @ v, y @ v  # Izzo and Zou
    w = rng.normal(size=(5, 1, 4))
    apart = [loss(one, x, y) - loss(one, points, labels) for one in w]
    assert np.ptp(apart) < 1e-9  # G and C agree: the same constant everywhere
    rest = np.linalg.norm(y) ** 2 - np.linalg.norm(labels) ** 2
    assert np.allclose(apart, rest)
    assert (rest < 1e-9) == fits
    more = np.c_[points, np.zeros(4)], np.c_[labels, [[np.sqrt(max(rest, 0))]]]
    assert np.allclose([loss(one, *more) for one in w], [loss(one, x, y) for one in w])


def test_a_set_without_points_can_match_a_gradient():
    """At W_t = C G^+ the gradient is that of the ridge term alone; elsewhere it is not."""
    rng = np.random.default_rng(4)
    x, y, lam = rng.normal(size=(4, 9)), rng.normal(size=(2, 9)), 0.7

    def gradient(w, x, y):
        return 2 * (w @ (x @ x.T + lam * np.eye(4)) - y @ x.T)

    nothing = np.zeros((4, 0)), np.zeros((2, 0))
    start = model(x, y)
    assert np.allclose(gradient(start, x, y), gradient(start, *nothing))
    w = model(x, y, lam)
    assert np.linalg.norm(gradient(w, *nothing)) > 1
    # At W it takes as many points as W has rank: columns of W^+ Y_S with one-hot labels.
    s = np.linalg.svd(w)[1]
    scale = 1.01 * 2 * np.sqrt(lam) * s[0]  # labels large enough for lam
    u, s, vt = np.linalg.svd(w / scale, full_matrices=False)
    root = (1 + np.sqrt(1 - 4 * lam * s**2)) / (2 * s)
    carrying = (vt.T * root) @ u.T, scale * np.eye(2)
    assert np.allclose(gradient(w, *carrying), 0)


def test_the_pseudoinverse_of_dependent_class_means_sends_none_to_its_label():
    means = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    answers = pinv(means) @ means
    assert np.linalg.norm(answers - np.eye(2), axis=0).min() > 0.4
    independent = np.array([[1.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
    assert np.allclose(pinv(independent) @ independent, np.eye(2))


# Noise, and the size of a step


@given(seeds, st.integers(1, 12), st.floats(0.1, 3), st.floats(0.05, 5))
@few
def test_the_bound_of_output_perturbation_is_not_attained(seed, n, bound, lam):
    rng = np.random.default_rng(seed)
    f = rng.normal(size=(3, n))
    f *= bound / np.linalg.norm(f, axis=0)
    y = one_hot(rng, 2, n)
    moved = np.linalg.norm(model(f, y, lam) - model(f[:, :-1], y[:, :-1], lam))
    second = min(bound / lam, 1 / (2 * np.sqrt(lam)))
    before = (1 + bound / 2 * np.sqrt((n - 1) / lam)) * second  # n - 1 labels before the record
    assert moved <= before * (1 - 1e-9)
    assert before < privacy.output_sensitivity(n, bound, lam)


@given(st.floats(0.1, 3), st.floats(0.05, 5))
@few
def test_the_two_factors_of_that_bound_are_not_attained_by_one_record(bound, lam):
    """The first one asks for an eigenvalue lam of G along the record, where the second is less."""
    n = 1 + int(np.ceil(lam / bound**2))
    f = np.full((1, n), np.sqrt(lam / (n - 1)))
    f[0, -1] = -bound
    y = np.ones((1, n))
    w = model(f[:, :-1], y[:, :-1], lam)
    assert np.isclose(abs(1 - w[0, 0] * f[0, -1]), 1 + bound / 2 * np.sqrt((n - 1) / lam))
    step = abs(model(f, y, lam) - w)[0, 0] / abs(1 - w[0, 0] * f[0, -1])
    assert np.isclose(step, bound / (2 * lam + bound**2))
    assert step < min(bound / lam, 1 / (2 * np.sqrt(2 * lam)) * (1 + 1e-9))


def test_the_bound_of_two_kernels_goes_to_zero_at_a_fixed_number_of_points():
    rng = np.random.default_rng(5)
    points, query = rng.normal(size=(3, 12)), rng.normal(size=(3, 1))
    everything, labels, lam = np.c_[points, query], rng.normal(size=(2, 12)), 0.5
    exact = np.exp(-(np.linalg.norm(everything[:, :, None] - everything[:, None], axis=0) ** 2) / 2)

    def bound(p):
        phase = rng.normal(size=(p, 3)) @ everything + rng.uniform(0, 2 * np.pi, size=(p, 1))
        rough = 2 / p * np.cos(phase).T @ np.cos(phase)
        alpha = labels @ np.linalg.inv(rough[:-1, :-1] + lam * np.eye(12))
        away = rough - exact
        return np.linalg.norm(alpha, 2) * (
            np.linalg.norm(away[:-1, :-1], 2) / (2 * np.sqrt(lam)) + np.linalg.norm(away[:-1, -1])
        )

    few_features, many = bound(100), bound(40_000)
    assert many < few_features / 5


def test_fewer_points_than_classes_cannot_carry_a_private_model_either():
    rng = np.random.default_rng(6)
    w = rng.normal(size=(3, 5))
    least = np.linalg.svd(w)[1][-1]
    for _ in range(5):
        x, y = rng.normal(size=(5, 2)), rng.normal(size=(3, 2))
        assert np.linalg.norm(model(x, y) - w) >= least


def test_more_than_m_pixels_can_be_held_at_values_that_suit_the_model():
    """Almost all values forbid it, but those of an exact set are not among them."""
    rng = np.random.default_rng(7)
    k, d, m = 2, 9, 4
    w, y = rng.normal(size=(k, d)), rng.normal(size=(k, m))
    suited = pinv(pinv(y) @ w + (np.eye(m) - pinv(y) @ y) @ rng.normal(size=(m, d)))
    assert np.allclose(y @ pinv(suited), w)
    held = np.ones((m, d), dtype=bool)
    assert float(least_error(w, suited.T, held)) < 1e-9
    assert float(least_error(w, rng.normal(size=(m, d)), held)) > 0.1
