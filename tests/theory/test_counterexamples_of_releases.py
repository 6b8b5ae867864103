"""Where statements about releases, losses and gradients stop: the smallest instances beyond them.

Columns are samples, as in the book.
"""

import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from helpers import matrix, pinv, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib import privacy
from distill_lib.making import export, import_set
from distill_lib.metrics import label_robust_score
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


def test_a_score_orders_sets_as_the_accuracy_does_among_the_same_random_images_only():
    def score(accuracy, random, everything=0.9):
        return label_robust_score(everything - accuracy, accuracy - random)

    assert score(0.62, 0.5) > score(0.6, 0.5)
    assert score(0.62, 0.6) < score(0.6, 0.5)


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


@given(seeds, st.floats(0.1, 3), st.floats(0.1, 3))
@few
def test_without_negative_features_a_replaced_record_moves_root_two_times_an_added_one(
    seed, bound, weight
):
    rng = np.random.default_rng(seed)
    added, either = (
        privacy.sensitivity(bound, how, weight) for how in ("add-remove", "replace-one")
    )

    def change(f, g, same):
        c = [np.outer([1.0, 0], f), np.outer([1.0, 0] if same else [0, 1.0], g)]
        squares = np.linalg.norm(np.outer(f, f) - np.outer(g, g)), np.linalg.norm(c[0] - c[1])
        return np.hypot(squares[0], weight * bound * squares[1])

    def short(f):
        return f * bound / max(np.linalg.norm(f), bound)

    for _ in range(10):
        f, g = np.abs(rng.normal(size=(2, 3))) * 2 * bound
        for same in (True, False):
            assert change(short(f), short(g), same) <= np.sqrt(2) * added * (1 + 1e-9)
    e = bound * np.eye(3)
    assert np.isclose(change(e[0], e[1], True), np.sqrt(2) * added)
    assert np.isclose(change(e[0], e[1], False), np.sqrt(2) * added)
    assert either > np.sqrt(2) * added
    cosine = max(-(weight**2) / 2, -1.0)  # the worst pair of either sign, opposite from w^2 = 2 on
    worst = np.array([cosine, np.sqrt(1 - cosine**2), 0]) * bound
    assert np.isclose(change(e[0], worst, True), either)


def test_one_feature_attains_the_sensitivity_of_replaced_records_for_large_weights_only():
    """At p = 1 a product t below B^2 in size has no vectors of norm B."""
    f, g = np.meshgrid(np.linspace(-1, 1, 101), np.linspace(-1, 1, 101))
    for weight, attained in ((0.5, False), (1.0, False), (1.5, True)):
        squares = f**4 + g**4 - 2 * (f * g) ** 2
        changes = [squares + weight**2 * (f**2 + g**2 - 2 * same * f * g) for same in (0, 1)]
        share = np.sqrt(np.max(changes)) / privacy.sensitivity(1.0, "replace-one", weight)
        assert share <= 1 + 1e-12
        assert np.isclose(share, 1) == attained


@given(seeds, st.integers(1, 4))
@few
def test_a_replaced_record_moves_eigenvalues_no_farther_than_an_added_one(seed, p):
    f, g = np.random.default_rng(seed).normal(size=(2, p))
    moved = np.linalg.eigvalsh(np.outer(f, f) - np.outer(g, g))
    assert -g @ g - 1e-12 <= moved[0] <= moved[-1] <= f @ f + 1e-12
    assert len(moved) == p  # one alone at p = 1, of either sign


def test_a_black_pixel_leaves_features_of_a_layer_without_an_eigenvalue_zero():
    rng = np.random.default_rng(11)
    x = rng.uniform(size=(4, 50))
    x[1] = 0
    f = rng.normal(size=(4, 4)) @ x
    f = np.maximum(f, 0) + 0.1 * np.minimum(f, 0)
    pixels, layer = (np.linalg.eigvalsh(one @ one.T) for one in (x, f))
    assert abs(pixels[0]) < 1e-12
    assert layer[0] > 1e-5 * layer[-1]


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


# Noise that leaves the model exact


@given(seeds)
@few
def test_more_noise_leaves_one_part_of_it_as_it_was(seed):
    """k = 1, p = 2, W = (1, 0), labels (1, 1): the second row tends to -g_1 / g_2, at any sigma."""
    rng = np.random.default_rng(seed)
    w, y, n = np.array([[1.0, 0.0]]), np.ones((1, 2)), np.array([1.0, -1.0]) / np.sqrt(2)
    g = rng.normal(size=2)
    left, rounding = [], 1e-8 * (1 + (g[0] / g[1]) ** 2)
    for sigma in (1e2, 1e4):
        x = pinv(pinv(y) @ w + sigma * np.outer(n, g))
        assert np.allclose(x[0], 1, rtol=rounding)  # the unit vector in the row space of W
        left.append(x[1] + g[0] / g[1])
    first, last = np.linalg.norm(left, axis=1)
    assert last < 0.02 * first + rounding


def test_with_more_points_than_inputs_a_unit_vector_in_the_row_space_is_not_free_of_noise():
    for z, expected in ((0.0, [1.0, 1.0]), (1.0, [0.6, -0.2])):
        d = np.array([[0.5 + z], [0.5 - z]])  # Y_S^+ W + (I - Y_S^+ Y_S) Z for W = 1
        assert np.allclose(np.ones(2) @ d, 1)
        assert np.allclose(pinv(d), expected)


@given(seeds, st.integers(0, 2))
@few
def test_one_hot_sets_need_a_ridge_parameter_below_a_bound(seed, more):
    rng = np.random.default_rng(seed)
    k, p = 2, 4
    y, w = np.eye(k)[:, np.r_[:k, rng.integers(k, size=more)]], rng.normal(size=(k, p))
    limit = 1 / (4 * np.linalg.norm(pinv(y) @ w, 2) ** 2)
    for _ in range(10):  # no Z allows more
        d = pinv(y) @ w + (np.eye(k + more) - pinv(y) @ y) @ rng.normal(size=(k + more, p))
        assert 1 / (4 * np.linalg.norm(d, 2) ** 2) <= limit * (1 + 1e-9)
    v, s, ut = np.linalg.svd(pinv(y) @ w, full_matrices=False)
    v, s, ut = v[:, :k], s[:k], ut[:k]
    root = (1 + np.sqrt(np.maximum(1 - 4 * limit * s**2, 0))) / (2 * s)
    assert np.allclose(model((ut.T * root) @ v.T, y, limit), w, atol=1e-6)
    x = np.linspace(0, 50, 10_001)  # k = p = m = 1, lam_S = 1, label 1: no W above a half
    assert (x / (x**2 + 1)).max() <= 0.5


@given(seeds)
@few
def test_with_more_points_than_classes_less_noise_can_help_above_the_bound(seed):
    rng = np.random.default_rng(seed)
    k, m, p = 2, 4, 6
    w, y = matrix(rng, k, p), np.eye(k)[:, np.arange(m) % k]
    noise = (np.eye(m) - pinv(y) @ y) @ rng.normal(size=(m, p))
    noise *= 3 * np.linalg.norm(pinv(y) @ w, 2) / np.linalg.norm(noise, 2)
    quiet, loud = pinv(y) @ w, pinv(y) @ w + noise
    lam = 1 / (4 * np.linalg.norm(quiet, 2) ** 2)
    assert lam > 1 / (4 * np.linalg.norm(loud, 2) ** 2)

    def shown(d):  # singular values of what the set's pseudoinverse has to be, cut
        u, s, vt = np.linalg.svd(d, full_matrices=False)
        return y @ (u * np.minimum(s, 1 / (2 * np.sqrt(lam)))) @ vt

    assert np.allclose(shown(quiet), w)  # W asks for no larger one
    assert np.linalg.norm(shown(loud) - w) > 1e-3 * np.linalg.norm(w)  # nearest to D, not to W


def test_with_a_constant_feature_as_many_points_as_inputs_silence_the_span_test_at_full_rank_only():
    """Classes (0, 0, 1, 1), a second record replaced: W of rank 1 = k - 1, and m = p = 2."""
    x, y = np.array([[1.0, 1, 1, 1], [1, -1, 2, -2]]), np.repeat(np.eye(2), 2, axis=1)
    neighbour = x.copy()
    neighbour[1, 1] = 0.5
    w, other = model(x, y), model(neighbour, y)
    assert np.linalg.matrix_rank(w) == 1
    points = pinv(w)  # m = k: labels I, and no noise
    assert np.allclose(w.sum(axis=0), other.sum(axis=0))  # the sum test is silent
    residuals = [np.linalg.norm(one - one @ points @ pinv(points)) for one in (w, other)]
    assert residuals[0] < 1e-12
    assert residuals[1] > 0.1
    # Of rank k: the points span everything.
    w = model(neighbour, y)
    assert np.linalg.matrix_rank(w) == 2
    assert np.allclose(pinv(w) @ w, np.eye(2))


def test_neighbours_of_one_row_space_leave_the_span_test_silent_at_every_number_of_points():
    """The first of two records doubled: W' has the rows of W, the first of them halved."""
    rng, (k, p) = np.random.default_rng(0), (2, 4)
    x = np.eye(p)[:, :k]
    w, other = model(x, np.eye(k)), model(x * [2, 1], np.eye(k))
    assert np.allclose(other, w * [[0.5], [1]])
    # of ranks 2 and 1, one row space in the other: a set of the smaller one tells, up to p + k - 2
    nested = w * [[1], [0]]
    for m in range(k, p + k + 1):
        y = rng.normal(size=(k, m))
        away = (np.eye(m) - pinv(y) @ y) @ rng.normal(size=(m, p))
        for of, answers, silent in (
            (w, other, True),
            (other, w, True),
            (w, nested, True),
            (nested, w, m >= p + k - 1),
        ):
            points = pinv(pinv(y) @ of + away)
            residual = np.linalg.norm(answers - answers @ points @ pinv(points))
            assert (residual < 1e-9) == silent


@given(seeds)
@few
def test_secret_labels_that_are_not_one_hot_leave_points_that_span_everything_without_a_test(seed):
    """From m = p + k - r points on, what is made of W is made of W' with other labels as well."""
    rng = np.random.default_rng(seed)
    k, p, r = 3, 4, 2
    m = p + k - r
    w, other, y = matrix(rng, k, p, rank=r), matrix(rng, k, p), matrix(rng, k, m)
    d = pinv(y) @ w + (np.eye(m) - pinv(y) @ y) @ rng.normal(size=(m, p))
    labels = other @ pinv(d) + rng.normal(size=(k, m)) @ (np.eye(m) - d @ pinv(d))
    assert np.linalg.matrix_rank(labels, tol=1e-9) == k
    assert np.allclose(labels @ d, other, atol=1e-6)
    away = np.eye(m) - pinv(labels) @ labels
    assert np.allclose(pinv(labels) @ other + away @ d, d, atol=1e-6)  # Z is D itself


def test_models_that_are_merged_from_each_other_differ_by_an_exchange_of_classes():
    """At rank W < k, too: W of rank 2 with a row of zeros, and opposite rows."""
    w = np.array([[1.0, 0], [-1, 0], [0, 1], [0, 0]])
    k = len(w)
    merged = [np.eye(k)[:, list(columns)] for columns in np.ndindex((k,) * k)]
    exchanges = [j for j in merged if (j.sum(axis=1) == 1).all()]
    back, one_way = 0, 0
    for j in merged:
        other = j @ w
        if any(np.array_equal(again @ other, w) for again in merged):
            assert any(np.array_equal(turn @ w, other) for turn in exchanges)
            back += 1
        else:
            one_way += 1
    assert back > len(exchanges)  # merging a row of zeros into another changes nothing
    assert one_way > 0


@given(seeds)
@few
def test_real_samples_in_the_free_matrix_show_whatever_noise_the_model_has(seed):
    rng = np.random.default_rng(seed)
    k, d, m = 2, 7, 4
    w, y = matrix(rng, k, d), np.eye(k)[:, np.arange(m) % k]  # any model, a private one too
    away = np.eye(m) - pinv(y) @ y
    samples = matrix(rng, d, m)
    other = samples.copy()
    other[:, 0] = -samples[:, 0]
    first, second = (pinv(pinv(y) @ w + away @ pinv(x)) for x in (samples, other))
    for x, points in ((samples, first), (other, second)):
        assert np.allclose(y @ pinv(points), w)  # the same model
        assert np.allclose(away @ pinv(points), away @ pinv(x), atol=1e-6)  # and what they are
    assert np.linalg.norm(first - second) > 1e-3
    answers = [w @ x for x in (samples, other)]  # so do labels that are answers on them
    assert np.linalg.norm(answers[0] - answers[1]) > 1e-3


@given(seeds, st.floats(0.05, 2))
@few
def test_samples_in_place_of_the_nearest_set_keep_its_labels_at_no_ridge_only(seed, lam):
    """What a set becomes that is stored as its samples."""
    rng = np.random.default_rng(seed)
    w, x = matrix(rng, 2, 6), matrix(rng, 6, 4)

    def moved(points, lam):  # the pseudoinverse of the regularised one
        u, s, vt = np.linalg.svd(points, full_matrices=False)
        return (u * (s + lam / s)) @ vt

    vt = np.linalg.svd(x - pinv(w) @ w @ x)[2]
    nearest = x - (x - pinv(w) @ w @ x) @ vt[-2:].T @ vt[-2:]
    seen = w @ x @ pinv(x)
    assert np.allclose(w @ moved(nearest, 0) @ pinv(x), seen)
    kept, again = (model(x, w @ moved(points, lam), lam) for points in (nearest, x))
    assert np.allclose(again, seen)
    assert np.linalg.norm(kept - seen) > 1e-6
    assert np.allclose(kept @ x @ pinv(x), kept)


# What fixes the moments


def test_one_regressor_fewer_can_leave_no_other_set_where_the_data_lack_rank():
    """One sample of four inputs: what 14 losses do not see is indefinite where it has no moments."""
    rng = np.random.default_rng(8)
    size, v = 5, np.c_[rng.normal(size=(14, 4)), -np.ones(14)]
    upper = np.triu_indices(size)
    seen = v[:, upper[0]] * v[:, upper[1]] * np.where(upper[0] == upper[1], 1, 2)
    assert np.linalg.matrix_rank(seen) == 14
    unseen = np.zeros((size, size))
    unseen[upper] = np.linalg.svd(seen)[2][-1]
    unseen = unseen + np.triu(unseen, 1).T
    assert np.allclose(np.einsum("ij,jk,ik->i", v, unseen, v), 0, atol=1e-9)
    free = np.linalg.svd(rng.normal(size=(1, size)))[2][1:]  # orthogonal to the sample
    e = np.linalg.eigvalsh(free @ unseen @ free.T)
    assert e[0] < -1e-3
    assert e[-1] > 1e-3


def test_class_means_fix_the_gram_matrix_at_one_point_a_class_only():
    rng = np.random.default_rng(9)
    means, moved = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    both = np.hstack([means + moved, means - moved])
    assert np.allclose((both[:, :2] + both[:, 2:]) / 2, means)
    away = both @ both.T - 2 * means @ means.T
    assert np.linalg.eigvalsh(away).min() > -1e-9
    assert np.linalg.norm(away) > 1
    assert np.allclose(both @ np.tile(np.eye(2), 2).T, 2 * means)  # C_S all the same


@given(seeds, st.integers(2, 4), st.booleans())
@few
def test_independent_points_are_exact_just_where_they_lose_k_of_their_rank(seed, m, exact):
    rng = np.random.default_rng(seed)
    k, d = 2, 6
    w = matrix(rng, k, d)
    inside = w.T @ rng.normal(size=(k, k if exact else k - 1))
    x = np.hstack([inside, rng.normal(size=(d, m - inside.shape[1]))]) @ matrix(rng, m, m)
    lost = m - np.linalg.matrix_rank(x - pinv(w) @ w @ x, tol=1e-8)
    assert lost == (k if exact else k - 1)
    assert (np.linalg.norm(w @ x @ pinv(x) - w) < 1e-6 * np.linalg.norm(w)) == exact
    assert np.linalg.matrix_rank(np.zeros((d, m))) <= m - k  # points at zero, which carry nothing


@given(seeds, st.booleans())
@few
def test_the_smallest_sets_that_have_all_losses_are_one_up_to_an_orthogonal_matrix(seed, fits):
    rng = np.random.default_rng(seed)
    x = matrix(rng, 4, 9, rank=3)
    y = rng.normal(size=(1, 4)) @ x if fits else rng.normal(size=(1, 9))
    both = np.vstack([x, y])  # the training set has all its losses, with nine points
    r = 3 + (not fits)
    v = np.linalg.svd(x)[2][:3].T
    named = np.vstack([x @ v, y @ v])  # Izzo and Zou, and a point for the norm of Y
    if not fits:
        rest = np.linalg.norm(y - y @ v @ v.T)
        named = np.c_[named, np.r_[np.zeros(4), rest]]
    assert named.shape[1] == r
    small = np.linalg.svd(both, full_matrices=False)
    other = small[0][:, :r] * small[1][:r] @ np.linalg.qr(rng.normal(size=(r, r)))[0]
    for points in (named, other):
        assert np.allclose(points @ points.T, both @ both.T)
    turn = pinv(named) @ other
    assert np.allclose(turn @ turn.T, np.eye(r), atol=1e-6)
    assert np.allclose(named @ turn, other)


# Maps and kernels


def test_a_map_that_is_not_lipschitz_carries_more_models_than_dimensions_allow():
    """One number whose bits are dealt to three features: m (d + k) = 2 < 3 = k p."""
    rng, bits = np.random.default_rng(10), 16

    def phi(x):
        digits = [int(x * 2.0**i) % 2 for i in range(1, 3 * bits + 1)]
        return np.array([sum(b / 2.0**i for i, b in enumerate(digits[j::3], 1)) for j in range(3)])

    for wanted in rng.integers(1, 2**bits, size=(5, 3)):
        dealt = [wanted[j] >> (bits - 1 - i) & 1 for i in range(bits) for j in range(3)]
        x = sum(int(b) / 2.0**i for i, b in enumerate(dealt, 1))
        feature = phi(x)[:, None]
        assert np.allclose(feature[:, 0], wanted / 2.0**bits, rtol=0, atol=1e-12)
        w = 7 * wanted[None] / 2.0**bits
        assert np.allclose(model(feature, w @ feature), w)


@pytest.mark.parametrize("k", [1, 2])
def test_tangent_features_of_k_outputs_have_k_columns_an_image(k):
    """f(x) = theta x with theta in R^{k x 5}, m = n = 1, and the set is the training set."""
    x = np.random.default_rng(0).normal(size=(5, 1))
    columns = np.kron(np.eye(k), x)  # the gradients of the outputs
    left = columns - columns @ pinv(columns) @ columns
    s = np.linalg.svd(columns)[1]
    assert np.allclose(left, 0)
    assert np.sum(s[k:] ** 2) == 0
    assert (np.sum(s[1:] ** 2) > 0) == (k > 1)  # so a sum from m + 1 on is no bound


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60))
@few
def test_from_the_rank_of_almost_every_model_on_the_count_forbids_nothing_if_there_are_inputs(
    k, p, d
):
    assert (min(k, p) * (d + k) >= k * p) == (d + k >= p)


def test_the_kernel_of_relus_is_zero_at_opposite_inputs_unless_there_are_biases():
    def kernel(x, z, variance):
        a, b, c = (u @ v + variance for u, v in ((x, x), (z, z), (x, z)))
        angle = np.arccos(np.clip(c / np.sqrt(a * b), -1, 1))
        smooth = np.sin(angle) + (np.pi - angle) * np.cos(angle)
        return np.sqrt(a * b) * smooth / (2 * np.pi) + variance

    x = np.array([1.0, -2.0, 0.5])
    assert abs(kernel(x, -x, 0.0)) < 1e-12
    assert kernel(x, -x, 0.01) > 0.01


# Vectors and the basis of their features


@given(seeds)
@few
def test_in_another_basis_of_the_features_the_vectors_are_any_right_inverse(seed):
    rng = np.random.default_rng(seed)
    k, p = 2, 5
    w = matrix(rng, k, p)
    right = pinv(w) + (np.eye(p) - pinv(w) @ w) @ rng.normal(size=(p, k))
    inside = np.eye(p) - right @ w
    basis = np.linalg.cholesky(right @ right.T + inside @ inside.T)
    assert np.allclose(basis @ pinv(w @ basis), right)
    rotation = 3 * np.linalg.qr(rng.normal(size=(p, p)))[0]
    assert np.allclose(rotation @ pinv(w @ rotation), pinv(w))  # a rotation and a factor: nothing


def test_a_basis_of_the_features_can_take_the_signs_away():
    w, basis = np.array([[1.0, -1.0]]), np.array([[1.0, 1.0], [0.0, 1.0]])
    assert np.allclose(pinv(w)[:, 0], [0.5, -0.5])
    assert np.allclose((basis @ pinv(w @ basis))[:, 0], [1, 0])


# Logistic regression on short points


@given(seeds, st.sampled_from((0.3, 1.0, 3.0)))
@few
def test_the_intercept_on_short_points_is_of_the_second_order_and_moves_no_answer(seed, c):
    rng = np.random.default_rng(seed)
    k, p = 3, 5
    u, tests = rng.normal(size=(p, k)), rng.normal(size=(p, 50))
    limit, spread = c * (np.eye(k) - 1 / k) @ u.T, []
    clear = np.sort(limit @ tests, axis=0)
    clear = clear[-1] - clear[-2] > 0.1
    for t in (1e-2, 1e-3):
        w, b, pi = np.zeros((k, p)), np.zeros(k), np.full((k, k), 1 / k)
        for _ in range(60):
            w = c * t * (np.eye(k) - pi) @ u.T
            b = b - np.log(pi.sum(axis=1))
            pi = np.exp(t * w @ u + b[:, None])
            pi /= pi.sum(axis=0)
        assert np.allclose(w, c * t * (np.eye(k) - pi) @ u.T, rtol=0, atol=1e-13)  # the minimiser
        assert np.allclose(pi.sum(axis=1), 1, rtol=0, atol=1e-13)
        spread.append(np.ptp(b) / t**2)
    assert np.isclose(*spread, rtol=0.1, atol=0.1)
    assert np.linalg.norm(w / t - limit) < 1e-3
    answers = (w @ tests + b[:, None]).argmax(axis=0)
    assert np.array_equal(answers[clear], (u.T @ tests).argmax(axis=0)[clear])


# Use a set elsewhere


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        (lambda rows: rows.swapaxes(1, 2), True),
        (lambda rows: rows + 5, True),
        (lambda rows: 16 - rows, True),
        (lambda rows: rows * np.sign(np.cos(np.arange(8)))[None, :, None, None], True),
        (np.round, False),
        (lambda rows: rows.clip(0, 16), False),
        (lambda rows: rows[::-1], False),
    ],
)
def test_the_check_of_an_exported_set_sees_what_changes_its_scores_on_itself(
    tmp_path, change, passes
):
    sets = Path(__file__).parents[2] / "book" / "_static" / "sets"
    shutil.copy(sets / "digits.json", tmp_path)
    with np.load(sets / "digits.npz") as file:
        rows, labels = file["rows"], file["labels"]
    np.savez(tmp_path / "digits.npz", rows=change(rows), labels=labels)
    if not passes:
        with pytest.raises(ValueError, match="the scores that it says"):
            import_set(tmp_path / "digits.npz")
        return
    other, whole = import_set(tmp_path / "digits.npz"), import_set(sets / "digits.npz")
    assert not np.allclose(other.scores(rows), whole.scores(rows), rtol=0, atol=0.1)
    assert np.allclose(other.scores(change(rows)), whole.scores(rows))


@pytest.mark.parametrize("intercept", [False, True])
def test_an_orthogonal_map_of_the_inputs_passes_and_one_of_the_rows_only_beside_an_intercept(
    tmp_path, intercept
):
    """One pixel with the mean 1/2: the inputs are -x for the rows 1 - r, and not for -r."""
    normalisation = dl.Normalisation((1, 1, 1), 1.0, (0.5,), (1.0,))
    rows = np.array([0.2, 0.9]).reshape(2, 1, 1, 1)
    small = dl.DistilledSet(
        normalisation(rows), np.array([[1.0], [-1.0]]), 0.1, dl.Linear(1), normalisation,
        "two numbers", "by hand", {}, intercept=intercept,
    )  # fmt: skip
    made = export(small, tmp_path / "small")
    with np.load(made.arrays) as file:
        arrays = dict(file)
    for turned, passes in ((1 - arrays["rows"], True), (-arrays["rows"], intercept)):
        np.savez(made.arrays, **(arrays | {"rows": turned}))
        with (
            nullcontext() if passes else pytest.raises(ValueError, match="the scores that it says")
        ):
            import_set(made.arrays)
