"""Trainers with an intercept: what carries a model, all of it, and where it stops.

The definition is minimised directly, with a column of ones that is not penalised.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from helpers import close, condition, fractions, matrix, scales, seeds, train, values
from hypothesis import given
from hypothesis import strategies as st
from messages import each
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import LabelBinarizer

import distill_lib as dl
from distill_lib.theory.class_labels import class_weights, codes
from distill_lib.theory.closed_form import choices, max_reg
from distill_lib.theory.intercept import (
    affine_mean,
    affine_recovery_matrix,
    centred,
    copies,
)
from distill_lib.theory.intercept_nearest import affine_solved_labels, row_basis

# (r, labels' rank, k, p, m): rank W <= rank Y~ <= min(k, m - 1).
SHAPES = (
    (1, 1, 1, 5, 2),  # one output, as few points as there can be
    (2, 2, 3, 8, 3),  # k = rank + 1 outputs: class labels, m = k
    (2, 3, 3, 8, 6),
    (1, 2, 4, 6, 5),
    (3, 3, 3, 5, 9),  # m > p
)


@dataclass
class Instance:
    """A model of rank r, labels that span it, a mean that carries it, weights and free choices."""

    r: int
    w: np.ndarray
    b: np.ndarray
    y: np.ndarray
    omega: np.ndarray
    z: np.ndarray
    near: np.ndarray
    rng: np.random.Generator

    @property
    def m(self):
        return len(self.y)


@st.composite
def instances(draw, shapes=SHAPES):
    """Labels U A + 1 c^T with A centred of full rank, W = U M with M of rank r."""
    r, of_y, k, p, m = draw(st.sampled_from(shapes))
    rng = np.random.default_rng(draw(seeds))
    weighted = draw(st.booleans())
    omega = 10 ** rng.uniform(-1, 1, m) if weighted else np.ones(m)
    u = matrix(rng, k, of_y)
    root = np.sqrt(omega)
    plane = np.linalg.qr(np.column_stack([root, rng.normal(size=(m, m - 1))]))[0][:, 1:]
    y = (plane @ matrix(rng, m - 1, of_y) @ u.T) / root[:, None] + rng.normal(size=k)
    scale = draw(scales)
    w = u @ matrix(rng, of_y, p, r, scale)
    mean = omega @ y / omega.sum()
    x0, near = rng.normal(size=(2, p))
    z = matrix(rng, m, p, scale=scale * 10 ** draw(st.floats(-1, 1)))
    return Instance(r, w, mean - w @ x0, y, omega, z, near, rng)


def plane(omega):
    """An orthonormal basis of what is orthogonal to sqrt(omega): (m, m - 1)."""
    m = len(omega)
    return np.linalg.qr(np.column_stack([np.sqrt(omega), np.eye(m)[:, 1:]]))[0][:, 1:]


def trained(x, y, reg=0.0, omega=None):
    """argmin over W, b of sum_j omega_j ||W x_j + b - y_j||^2 + reg ||W||^2, W of least norm."""
    x, y = np.asarray(x), np.asarray(y)
    root = np.sqrt(np.ones(len(x)) if omega is None else omega)[:, None]
    if reg:
        above = np.hstack([root * x, root])
        below = np.hstack([np.sqrt(reg) * np.eye(x.shape[1]), np.zeros((x.shape[1], 1))])
        right = np.vstack([root * y, np.zeros((x.shape[1], y.shape[1]))])
        both = np.linalg.lstsq(np.vstack([above, below]), right, rcond=None)[0]
        return both[:-1].T, both[-1]
    n = plane(root[:, 0] ** 2)
    w = train(n.T @ (root * x), n.T @ (root * y))
    return w, (root**2 * (y - x @ w.T)).sum(axis=0) / (root**2).sum()


def spread(a, x):
    """How rounding of the points shows: their size against their differences, and conditioning."""
    rows = np.asarray(centred(x, a.omega).rows)
    root = np.sqrt(a.omega)[:, None]
    return (np.linalg.norm(root * np.asarray(x)) / values(rows)[-1] + 1) * condition(rows, a.w)


@given(instances(), fractions, st.booleans(), st.booleans())
def test_the_set_trains_to_the_model_and_its_intercept(a, fraction, ridge, free):
    """Every Z, every choice of roots, any sample weights, ranks below k included."""
    z = a.z if free else None
    d = affine_recovery_matrix(a.w, a.y, z, a.omega)
    reg_s = fraction * max_reg(d) if ridge else 0.0
    branch = a.rng.choice((-1.0, 1.0), len(values(d))) if ridge else "+"
    x = dl.affine_set(a.w, a.b, a.y, a.near, z, reg_s, branch, a.omega)
    w, b = trained(x, a.y, reg_s, a.omega)
    cond = spread(a, x) ** 2
    assert close(w, a.w, cond)
    size = np.linalg.norm(a.b) + np.linalg.norm(a.w) * np.linalg.norm(x)
    assert close(b, a.b, cond, size)
    found = dl.affine_model(x, a.y, reg_s, a.omega)
    assert close(found.weights, w, cond)
    assert close(found.intercept, b, cond, size)


@given(instances(), st.sampled_from((0.0, 0.3, 40.0)))
def test_the_choices_behind_any_set_give_it_back(a, reg_s):
    """Only if: any points, trained with any labels, are a set of the theorem."""
    x = matrix(a.rng, a.m, len(a.near)) + a.near
    w, b = dl.affine_model(x, a.y, reg_s, a.omega)
    rows = centred(x, a.omega)
    z, branch = choices(rows.rows, reg_s)
    again = dl.affine_set(w, b, a.y, rows.mean, z, reg_s, branch, a.omega)
    mu = values(rows.rows) + reg_s / values(rows.rows)
    gap = np.min(np.abs(np.subtract.outer(mu, mu)) + np.eye(len(mu)) * mu.max()) / mu.max()
    worst = condition(rows.rows, w, centred(a.y, a.omega).rows) ** 2
    assert close(again, x, 1e3 * worst / max(gap, 1e-6), np.linalg.norm(x))


@given(instances())
def test_d_is_every_centred_solution_and_no_other(a):
    d = np.asarray(affine_recovery_matrix(a.w, a.y, a.z, a.omega))
    root = np.sqrt(a.omega)
    y = np.asarray(centred(a.y, a.omega).rows)
    cond = condition(y)
    assert close(y.T @ d, a.w, cond, np.linalg.norm(y) * np.linalg.norm(d))
    assert close(root @ d, 0, cond, np.linalg.norm(root) * np.linalg.norm(d))
    assert close(affine_recovery_matrix(a.w, a.y, d, a.omega), d, cond**2)


@given(instances())
def test_the_mean_is_the_nearest_that_carries_the_intercept(a):
    x0 = np.asarray(affine_mean(a.w, a.b, a.y, a.near, a.omega))
    wished = a.omega @ a.y / a.omega.sum() - a.b
    size = np.linalg.norm(a.w) * (np.linalg.norm(x0) + np.linalg.norm(a.near))
    assert close(a.w @ x0, wished, condition(a.w), size)
    x = np.asarray(dl.affine_set(a.w, a.b, a.y, a.near, a.z, 0.0, "+", a.omega))
    assert close(a.omega @ x / a.omega.sum(), x0, 1e3, np.linalg.norm(x))
    null = np.linalg.svd(a.w)[2][a.r :]
    assert close(null @ (x0 - a.near), 0, condition(a.w), np.linalg.norm(x0 - a.near))


@given(instances())
def test_no_z_raises_the_bound(a):
    smallest = affine_recovery_matrix(a.w, a.y, None, a.omega)
    free = affine_recovery_matrix(a.w, a.y, a.z, a.omega)
    assert max_reg(free) <= max_reg(smallest) * (1 + 1e-9)
    x = dl.affine_set(a.w, a.b, a.y, a.near, None, max_reg(smallest), "+", a.omega)
    assert np.isfinite(x).all()
    with pytest.raises(ValueError, match="is above 1 /"):
        dl.affine_set(a.w, a.b, a.y, a.near, None, 1.001 * max_reg(smallest), "+", a.omega)


@given(instances(), st.integers(2, 4), fractions)
def test_a_weight_is_as_many_copies_and_both_raise_the_bound_as_often(a, c, reg_s):
    x = matrix(a.rng, a.m, len(a.near))
    whole = np.arange(1, a.m + 1)
    by_weight = dl.affine_model(x, a.y, reg_s, whole)
    by_copies = trained(np.repeat(x, whole, axis=0), np.repeat(a.y, whole, axis=0), reg_s)
    worst = condition(x) ** 2 / reg_s
    size = np.linalg.norm(by_copies[0]) + np.linalg.norm(a.y)
    assert close(by_weight.weights, by_copies[0], worst, size)
    assert close(by_weight.intercept, by_copies[1], worst, size)
    bound = max_reg(affine_recovery_matrix(a.w, a.y, None, a.omega))
    for labels, omega in ((np.tile(a.y, (c, 1)), np.tile(a.omega, c)), (a.y, c * a.omega)):
        raised = max_reg(affine_recovery_matrix(a.w, labels, None, omega))
        assert np.isclose(raised, c * bound, rtol=1e-8)
    assert copies(a.w, a.y, (c - 0.5) * bound, a.omega) == c
    assert copies(a.w, a.y, c * bound, a.omega) == c
    assert copies(a.w, a.y, c * bound * 1.001, a.omega) == c + 1
    assert copies(a.w, a.y, 0.0, a.omega) == 1


@given(seeds, st.sampled_from((0.0, 0.5)))
def test_with_m_points_the_weights_have_rank_below_m(seed, reg_s):
    """m <= rank W: the error is at least the tail from the m-th singular value on, and refused."""
    rng = np.random.default_rng(seed)
    w = matrix(rng, 3, 8)
    s = values(w)
    for m in (1, 2, 3):
        y = matrix(rng, m, 3)
        found = dl.affine_model(matrix(rng, m, 8), y, reg_s).weights
        assert np.linalg.norm(found - w) >= np.linalg.norm(s[m - 1 :]) * (1 - 1e-9)
        with pytest.raises(ValueError, match=r"m >= rank\(W\) \+ 1"):
            affine_recovery_matrix(w, y)
    # And m = rank W + 1 points reach what the tail leaves: nothing.
    y = matrix(rng, 4, 3)
    x = dl.affine_set(w, np.ones(3), y, np.zeros(8))
    assert close(dl.affine_model(x, y).weights, w, condition(w, y) ** 3 * 1e2)


@given(instances(), st.sampled_from((0.0, 0.5)))
def test_what_the_labels_do_not_span_no_points_carry(a, reg_s):
    """However the points are: the part of W outside the centred labels' range is lost."""
    k = a.w.shape[0]
    u = values(y := np.asarray(centred(a.y, a.omega).rows))
    if len(u) == k:
        return
    range_y = np.linalg.svd(y)[2][: len(u)]
    off = a.w + matrix(a.rng, *a.w.shape, scale=0.1 * np.linalg.norm(a.w))
    outside = np.linalg.norm(off - range_y.T @ range_y @ off)
    x = matrix(a.rng, a.m, a.w.shape[1])
    found = dl.affine_model(x, a.y, reg_s, a.omega).weights
    assert np.linalg.norm(found - off) >= outside * (1 - 1e-9)
    with pytest.raises(ValueError, match="lies outside their range"):
        affine_recovery_matrix(off, a.y, None, a.omega)


@given(instances(shapes=[s for s in SHAPES if s[0] < s[2]]))
def test_a_mean_that_no_points_have_is_refused(a):
    """With W carried, b_S = mean(y) - W mean(x) stays at least this far from b."""
    off = a.b + np.linalg.svd(a.w)[0][:, -1] * np.linalg.norm(a.b)
    with pytest.raises(ValueError, match="no mean of the points gives the intercept"):
        affine_mean(a.w, off, a.y, a.near, a.omega)
    left = np.linalg.svd(a.w)[0][:, a.r :]
    mean = a.omega @ a.y / a.omega.sum()
    x = dl.affine_set(a.w, a.b, a.y, a.near, None, 0.0, "+", a.omega)
    for shift in a.rng.normal(size=(3, len(a.near))):
        _, b = dl.affine_model(x + shift[None, :], a.y, 0.0, a.omega)
        least = np.linalg.norm(left.T @ (mean - off))
        assert np.linalg.norm(b - off) >= least * (1 - 1e-6)


@given(seeds, st.sampled_from((2, 3, 5)), st.booleans(), st.sampled_from((0.1, 3.0)))
def test_class_labels_carry_what_class_labels_trained(seed, k, weighted, reg):
    """k points with plain labels, whatever the numbers of each class there and in the data."""
    rng = np.random.default_rng(seed)
    truth = np.append(np.arange(k), rng.choice(k, 40, p=rng.dirichlet(np.full(k, 2.0))))
    x = rng.normal(size=(k + 40, 6)) + rng.normal(size=(k, 6))[truth] + 5
    omega = rng.uniform(0.5, 2, len(x)) if weighted else np.ones(len(x))
    w, b = trained(x, codes(truth, k), reg, omega)
    if k > 2:  # what the labels add up to is the same for each: the last output is the others'
        assert close(w.sum(axis=0), 0, 1e3, np.linalg.norm(w))
        assert np.isclose(b.sum(), 2 - k)
    mean = omega @ x / omega.sum()
    for few in (np.arange(k), np.append(np.arange(k), [0, 0, 1])):
        y = codes(few, k)
        points = dl.affine_set(w, b, y, mean)
        again = trained(points, y)
        assert close(again[0], w, 1e5 * condition(w) ** 2)
        assert close(again[1], b, 1e5 * condition(w) ** 2, np.linalg.norm(w) + 1)
    # Weights with the training set's shares leave the mean where the data have it.
    shares = np.bincount(truth, omega)
    near = affine_mean(w, b, y, mean, class_weights(few, shares))
    assert close(near, mean, 1e4 * condition(w), np.linalg.norm(mean) + np.linalg.norm(x))
    with pytest.raises(ValueError, match="every class at least one"):
        affine_recovery_matrix(w, codes(np.arange(k) * (np.arange(k) < k - 1), k))


@given(seeds)
def test_class_weights_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth = np.append(np.arange(3), rng.integers(0, 3, 9))
    x = rng.normal(size=(12, 5))
    theirs = RidgeClassifier(class_weight="balanced").fit(x, truth)
    ours = dl.affine_model(x, codes(truth, 3), 1.0, class_weights(truth))
    assert close(ours.weights, theirs.coef_, 1e3)
    assert close(ours.intercept, theirs.intercept_, 1e3)
    shares = rng.uniform(0.1, 1, 3)
    given_ = class_weights(truth, shares)
    assert np.allclose(np.bincount(truth, given_), len(truth) * shares / shares.sum())


@pytest.mark.parametrize("k", [2, 3, 5])
def test_codes_are_those_of_scikit_learn(k):
    truth = np.append(np.arange(k), [1, 0, 1])
    assert np.array_equal(codes(truth, k), LabelBinarizer(neg_label=-1).fit_transform(truth))


@given(seeds, st.sampled_from((3, 4)), st.booleans())
def test_defaults_of_scikit_learn_on_few_points_are_its_fit_of_all(seed, k, weighted):
    """RidgeClassifier() by itself: the points are as many copies as alpha = 1 asks for."""
    rng = np.random.default_rng(seed)
    truth = np.append(np.arange(k), rng.integers(0, k, 60))
    x = rng.normal(size=(len(truth), 7)) + 3 * rng.normal(size=(k, 7))[truth]
    big = RidgeClassifier().fit(x, truth)
    number = copies(big.coef_, codes(np.arange(k), k), 1.0)
    few = np.arange(k) if weighted else np.tile(np.arange(k), number)
    omega = np.full(len(few), float(number if weighted else 1))
    y = codes(few, k)
    points = dl.affine_set(big.coef_, big.intercept_, y, x.mean(axis=0), None, 1.0, "+", omega)
    small = RidgeClassifier().fit(np.asarray(points), few, omega if weighted else None)
    cond = condition(big.coef_) ** 2
    assert close(small.coef_, big.coef_, 1e4 * cond)
    assert close(small.intercept_, big.intercept_, 1e4 * cond, 1 + np.linalg.norm(big.coef_) * 9)
    assert np.array_equal(small.predict(x), big.predict(x))


@given(instances(shapes=[s for s in SHAPES if s[4] <= s[3]]), st.sampled_from((0.0, 0.01, 3.0)))
def test_the_nearest_set_carries_the_model_at_the_least_distance(a, reg_s):
    real = matrix(a.rng, a.m, len(a.near)) + a.near
    found = dl.nearest_affine_set(a.w, a.b, real, reg_s, a.omega, a.r)
    x, y = np.asarray(found.features), np.asarray(found.labels)
    w, b = trained(x, y, reg_s, a.omega)
    cond = spread(a, x) ** 2
    assert close(w, a.w, cond)
    assert close(b, a.b, cond, np.linalg.norm(a.b) + np.linalg.norm(a.w) * np.linalg.norm(x))
    # The distance of the book, on an orthonormal basis of the differences.
    n = plane(np.ones(a.m))
    p = np.eye(len(a.near)) - np.linalg.pinv(a.w, rcond=1e-9) @ a.w
    t = np.linalg.svd((n.T @ real) @ p, compute_uv=False)
    least = np.linalg.norm(t[a.m - 1 - a.r :])
    size = np.linalg.norm(real)
    assert np.isclose(np.linalg.norm(x - real), least, atol=1e-9 * size)
    assert np.isclose(found.distance, least, atol=1e-9 * size)
    assert close(x.mean(axis=0), real.mean(axis=0), 1e3, size)
    # Neither lam_S nor the weights of the points move them.
    assert np.array_equal(dl.nearest_affine_set(a.w, a.b, real, rank=a.r).features, x)


@given(instances(shapes=[s for s in SHAPES if s[4] <= s[3]]), st.data())
def test_no_set_that_carries_it_is_nearer(a, data):
    """Feasible sets: some r differences V of the points, 1^T V = 0, are W's rows Q."""
    real = matrix(a.rng, a.m, len(a.near)) + a.near
    least = dl.nearest_affine_set(a.w, a.b, real, rank=a.r).distance
    q = np.asarray(row_basis(a.w, a.r).basis).T
    v = np.linalg.qr(plane(np.ones(a.m)) @ a.rng.normal(size=(a.m - 1, a.r)))[0]
    # The nearest set whose differences V lie in the rows of W: their other part is taken out.
    rest = real.T - q @ (q.T @ real.T)
    x = real - (rest @ v @ v.T).T
    if condition(q.T @ (x.T @ v)) < 1e4:
        w, _ = trained(x, x @ a.w.T)
        assert close(w, a.w, 1e6 * condition(a.w, centred(x).rows) ** 2)
    assert np.linalg.norm(x - real) >= least * (1 - 1e-9)


@given(instances(), st.sampled_from((0.0, 0.5)))
def test_solved_labels_lose_what_the_differences_do_not_span(a, reg_s):
    """W_S = W Pi with the projector onto the differences, and b is carried always."""
    x = matrix(a.rng, a.m, len(a.near)) + a.near
    y = affine_solved_labels(a.w, a.b, x, reg_s, a.omega)
    rows = np.asarray(centred(x, a.omega).rows)
    w, b = trained(x, y, reg_s, a.omega)
    worst = spread(a, x) ** 2
    kept = a.w @ np.linalg.pinv(rows, rcond=1e-11) @ rows
    assert close(w, kept, worst, np.linalg.norm(a.w))
    size = np.linalg.norm(a.w) * np.linalg.norm(x) + np.linalg.norm(a.b)
    mean = a.omega @ x / a.omega.sum()
    assert close(b + w @ mean, a.b + a.w @ mean, worst, size)


REAL = np.random.default_rng(0).normal(size=(3, 8))
WRONG = {
    "too few points near data": (lambda: dl.nearest_affine_set(np.eye(3, 8), np.zeros(3), REAL), r"m >= rank\(W\) \+ 1"),
    "more directions than W has": (lambda: row_basis(np.eye(3, 8), 4), "rank = 4"),
    "a point of no weight": (lambda: dl.affine_model(np.eye(3), np.eye(3), 1.0, [1.0, 0.0, 1.0]), "sample weight is not above 0"),
    "a point of negative weight": (lambda: dl.affine_model(np.eye(3), np.eye(3), 1.0, [1.0, -1.0, 1.0]), "sample weight is not above 0"),
    "a class without a share": (lambda: class_weights([0, 1], [1, 0]), "share is not above 0"),
    "a class without a sample": (lambda: class_weights([0, 2], [1, 1, 1]), "no sample of class 1"),
    "codes of one class": (lambda: codes([0, 0], 1), "at least two"),
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


@pytest.mark.parametrize("weight", [1.0, 1e8])
def test_a_large_mean_of_the_labels_is_no_rank(weight):
    """The rounding of labels around 1e9 stays rounding once they are centred."""
    rng = np.random.default_rng(0)
    exact = np.outer(rng.normal(size=6), [1.0, -2.0, 1.0])
    labels = 1e9 + exact
    w = np.outer([1.0, -2.0, 1.0], rng.normal(size=7))
    omega = np.full(6, weight)
    x = dl.affine_set(w, labels.mean(axis=0), labels, np.zeros(7), sample_weight=omega)
    assert np.linalg.norm(dl.affine_model(x, labels).weights - w) < 1e-5 * np.linalg.norm(w)
    # A direction of rounding would be one more of D, as large as any, and lower the bound.
    bounds = [max_reg(affine_recovery_matrix(w, y, None, omega)) for y in (labels, exact)]
    assert np.isclose(*bounds, rtol=1e-5)


@pytest.mark.parametrize("reg_s", [0.0, 1.0])
def test_a_large_mean_of_the_points_is_no_direction(reg_s):
    """s + lam_S / s of rounding would fill the labels with it; 1 / s the weights."""
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(2, 6)), rng.normal(size=2)
    flat = rng.normal(size=(5, 2)) @ rng.normal(size=(2, 6)) + 1e6  # of rank 2, and the mean
    spanned = np.linalg.svd(flat - 1e6)[2][:2]
    y = affine_solved_labels(w, b, flat, reg_s)
    assert np.linalg.norm(y - y.mean(axis=0, keepdims=True)) < 100
    found = dl.affine_model(flat, y, reg_s)
    assert np.linalg.norm(found.weights - w @ spanned.T @ spanned) < 1e-7
    moved = dl.nearest_affine_set(w, b, flat, reg_s)
    assert np.linalg.norm(dl.affine_model(moved.features, moved.labels, reg_s).weights - w) < 1e-6
    assert np.linalg.norm(moved.features - flat) < 100


def test_a_regression_with_weights_is_ridges():
    rng = np.random.default_rng(1)
    x, y, omega = rng.normal(size=(9, 4)) + 2, rng.normal(size=(9, 2)), rng.uniform(0.1, 3, 9)
    theirs = Ridge(alpha=0.7).fit(x, y, sample_weight=omega)
    ours = dl.affine_model(x, y, 0.7, omega)
    assert np.allclose(ours.weights, theirs.coef_)
    assert np.allclose(ours.intercept, theirs.intercept_)


def test_below_full_rank_other_shares_than_those_of_the_data_can_carry_the_intercept():
    """What decides is whether the step between the means of the labels lies in range(W)."""
    x, classes = np.array([[-1.0], [-1.0], [1.0], [1.0], [0.0]]), np.array([0, 0, 1, 1, 2])
    model, plain = dl.affine_model(x, np.eye(3)[classes], 1.0), np.eye(3)
    assert np.linalg.matrix_rank(model.weights) == 1
    for shares in ([0.4, 0.4, 0.2], [0.5, 0.3, 0.2]):  # the data's, and others
        points = dl.affine_set(
            model.weights, model.intercept, plain, x.mean(axis=0), sample_weight=shares
        )
        found = dl.affine_model(points, plain, sample_weight=shares)
        assert np.allclose(found.weights, model.weights)
        assert np.allclose(found.intercept, model.intercept)
    with pytest.raises(ValueError, match="intercept"):
        dl.affine_set(model.weights, model.intercept, plain, x.mean(axis=0))


def classifier(numbers, classes):
    """RidgeClassifier() on a few numbers of three classes; its weights have rank 1."""
    x = np.array(numbers, float)[:, None]
    return x, RidgeClassifier().fit(x, np.array(classes))


@pytest.mark.parametrize(
    ("numbers", "classes", "equal"),
    [
        ((0, 1, 2, 3, 4, 9), (0, 0, 0, 1, 1, 2), False),
        ((0, 1, 3, 4, 9, 11), (0, 0, 1, 1, 2, 2), True),
    ],
)
def test_below_full_rank_equal_numbers_are_enough_where_the_shares_are_equal(
    numbers, classes, equal
):
    """Else no number is: the mean of the labels stays, and with it what W does not reach."""
    x, model = classifier(numbers, classes)
    w, b, mean = model.coef_, model.intercept_, x.mean(axis=0)
    needed = copies(w, codes(np.arange(3), 3), 1.0)
    for counts, carried in (
        ((1, 1, 1), equal),
        ((50, 50, 50), equal),
        (np.bincount(classes), True),
    ):
        few = np.repeat(np.arange(3), needed * np.array(counts))
        y = codes(few, 3)
        off = y.mean(axis=0) - b
        assert (np.linalg.norm(off - w @ np.linalg.pinv(w) @ off) < 1e-9) == carried
        if not carried:
            with pytest.raises(ValueError, match="no mean of the points"):
                dl.affine_set(w, b, y, mean, reg_s=1.0)
            continue
        again = RidgeClassifier().fit(np.asarray(dl.affine_set(w, b, y, mean, reg_s=1.0)), few)
        assert np.allclose(again.coef_, w)
        assert np.allclose(again.intercept_, b)


def test_class_labels_can_need_a_point_of_each_class_where_labels_of_their_own_need_two():
    _, model = classifier((0, 1, 2, 3, 4, 9), (0, 0, 0, 1, 1, 2))
    for pair in ((0, 1), (0, 2), (1, 2)):
        with pytest.raises(ValueError, match="lies outside their range"):
            affine_recovery_matrix(model.coef_, codes(np.array(pair * 3), 3))
    points = np.array([[1.0], [5.0]])  # r + 1 of them
    found = dl.affine_model(points, affine_solved_labels(model.coef_, model.intercept_, points))
    assert np.allclose(found.weights, model.coef_)
    assert np.allclose(found.intercept, model.intercept_)


@pytest.mark.parametrize("q", [2, 3, 5])
def test_two_classes_need_twice_the_points_of_a_class_that_more_classes_do(q):
    rng, plain = np.random.default_rng(q), codes(np.arange(q), q)
    w = rng.normal(size=(plain.shape[1], 4))
    if q > 2:
        w -= w.mean(axis=0)
    largest = np.linalg.norm(w, 2)
    for wished in (1.0, 7.0):
        needed = np.ceil((2 if q == 2 else 1) * wished * largest**2)
        assert copies(w, plain, wished) == needed


@given(seeds, st.sampled_from((3, 4)))
def test_unequal_numbers_of_points_have_a_bound_of_their_own(seed, q):
    rng = np.random.default_rng(seed)
    w, counts = matrix(rng, q, 6), rng.integers(1, 6, q)
    w -= w.mean(axis=0)
    bound = max_reg(affine_recovery_matrix(w, codes(np.repeat(np.arange(q), counts), q)))
    assert np.isclose(bound, 1 / np.linalg.norm(w / np.sqrt(counts)[:, None], 2) ** 2)


def test_unequal_numbers_of_points_can_do_with_fewer_in_all():
    """W tells two of three classes apart, so the third needs one point at any lam_S."""
    w = np.outer([1.0, -1.0, 0.0], np.full(4, 0.8))
    equal = copies(w, codes(np.arange(3), 3), 1.0)
    assert equal > 1
    plain = codes(np.repeat(np.arange(3), [equal, equal, 1]), 3)
    b = plain.mean(axis=0) - w @ np.ones(4)
    found = dl.affine_model(dl.affine_set(w, b, plain, np.ones(4), reg_s=1.0), plain, 1.0)
    assert np.allclose(found.weights, w)
    assert np.allclose(found.intercept, b)


@given(instances(), st.sampled_from((0.0, 0.5)))
def test_the_weights_see_the_differences_and_the_intercept_the_mean(a, reg_s):
    x, shift = matrix(a.rng, a.m, len(a.near)), a.rng.normal(size=len(a.near))
    w, b = dl.affine_model(x, a.y, reg_s, a.omega)
    moved = dl.affine_model(x + shift, a.y, reg_s, a.omega)
    cond = condition(centred(x, a.omega).rows) ** 2
    size = np.linalg.norm(w) * (np.linalg.norm(shift) + np.linalg.norm(x)) + np.linalg.norm(b)
    assert close(moved.weights, w, 10 * cond)
    assert close(moved.intercept, b - w @ shift, 10 * cond, size)


def test_a_model_of_zeros_has_a_set_at_every_ridge_parameter():
    for reg_s in (0.0, 1.0, 1e6):
        found = dl.affine_model(np.ones((3, 2)), np.eye(3), reg_s)
        assert np.allclose(found.weights, 0)
        assert np.allclose(found.intercept, 1 / 3)
