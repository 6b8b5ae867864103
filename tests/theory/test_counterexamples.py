"""Where a statement of the book stops: the smallest instance beyond its hypotheses, and the
property inside them.

Columns are samples, as in the book: X is (d, n), W is (k, d), a set trains to W_S = Y_S
    X_{lam_S}^+.
"""

from itertools import product

import numpy as np
import pytest
from helpers import matrix, pinv, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles

import distill_lib as dl
from distill_lib import privacy
from distill_lib.theory import held_pixels

few = settings(max_examples=15, deadline=None)


def inverse(x, lam):
    """X_lam^+."""
    return pinv(x) if lam == 0 else np.linalg.solve(x.T @ x + lam * np.eye(x.shape[1]), x.T)


def rank(a):
    return np.linalg.matrix_rank(a, tol=1e-9 * max(1, np.linalg.norm(a)))


def one_hot(k, n):
    return np.eye(k)[:, np.arange(n) % k]


def null_space(a):
    """An orthonormal basis, as columns, of the vectors that a takes to 0."""
    return np.linalg.svd(a)[2][rank(a) :].T


def null_projector(w):
    """P = I - W^+ W."""
    return np.eye(w.shape[1]) - pinv(w) @ w


def recovery(w, y, z):
    """D = Y_S^+ W + (I - Y_S^+ Y_S) Z."""
    return pinv(y) @ w + (np.eye(y.shape[1]) - pinv(y) @ y) @ z


# Theorem 4.2


@given(seeds)
@few
def test_the_rank_of_all_samples_carries_the_model_and_that_of_a_part_does_not(seed):
    rng = np.random.default_rng(seed)
    part = matrix(rng, 8, 20, rank=6)
    x = np.hstack([part, rng.normal(size=(8, 20))])
    w = one_hot(3, 40) @ inverse(x, 0.5)

    def error(samples):
        return np.linalg.norm(w @ samples @ pinv(samples) - w) / np.linalg.norm(w)

    assert error(part[:, :6]) > 1e-3  # six independent samples, as many as the part has dimensions
    assert error(np.hstack([part[:, :6], x[:, -2:]])) < 1e-9


@pytest.mark.parametrize(("constants", "expected"), [((0.0,), 5), ((2.0,), 6), ((2.0, -1.0), 5)])
def test_constant_pixels_add_one_dimension_together_unless_they_are_zero(constants, expected):
    moving = np.random.default_rng(0).normal(size=(6 - len(constants), 30))
    assert rank(np.vstack([moving, *(np.full((1, 30), c) for c in constants)])) == expected


# Proposition 6.1 and Theorem 6.2


def with_constant_feature(rng, d, n):
    return np.vstack([rng.normal(size=(d - 1, n)), np.ones(n)])


def neighbours(rng, d, n, k=2):
    """Models at lam = 0 of two training sets that differ in one record; their last feature is
    always 1.
    """
    x = with_constant_feature(rng, d, n)
    other = x.copy()
    other[:-1, 0] = rng.normal(size=d - 1)
    return x, other, one_hot(k, n) @ pinv(x), one_hot(k, n) @ pinv(other)


@given(seeds)
@few
def test_a_constant_feature_hides_the_sum_where_all_data_span_it(seed):
    rng = np.random.default_rng(seed)
    for n, hidden in ((20, True), (4, False)):  # full row rank, full column rank
        x, other, w, w_other = neighbours(rng, 6, n)
        for data, model in ((x, w), (other, w_other)):
            assert np.allclose(model.sum(axis=0), (data @ pinv(data))[-1], atol=1e-7)
        assert np.allclose(w.sum(axis=0), w_other.sum(axis=0), atol=1e-7) == hidden


def test_with_a_ridge_a_constant_feature_does_not_hide_the_sum():
    sums = [
        (np.eye(2) @ inverse(np.array([[1.0, 1.0], [1.0, last]]), 1.0)).sum(axis=0)
        for last in (2.0, 3.0)  # both training sets span the plane
    ]
    assert np.allclose(sums, [[1 / 3, 1 / 3], [6 / 17, 4 / 17]])


@pytest.mark.parametrize("m", [2, 4, 6, 8])
def test_one_hot_answers_identify_the_model_where_sum_and_span_do_not(m):
    rng = np.random.default_rng(1)
    _, _, w, other = neighbours(rng, 6, 20)
    assert np.linalg.norm(other - w) > 0.01 * np.linalg.norm(w)
    sets = [recovery(a, one_hot(2, m), 10 * rng.normal(size=(m, 6))) for a in (w, other)]
    every = np.eye(2)[
        :, np.array(list(product(range(2), repeat=m)))
    ]  # (2, 2^m, m): all one-hot labels
    for d, true, wrong in ((sets[0], w, other), (sets[1], other, w)):
        assert np.allclose(d.sum(axis=0), wrong.sum(axis=0), atol=1e-7)  # the sum is silent

        def least(model, d=d):
            return np.linalg.norm(np.einsum("kym,mp->ykp", every, d) - model, axis=(1, 2)).min()

        assert least(true) < 1e-9
        assert least(wrong) > 1e-4
        if m <= 6:  # then W X_S = Y_S D D^+ = Y_S, and no search is needed
            assert np.allclose(true @ pinv(d), one_hot(2, m), atol=1e-7)


@given(seeds)
@few
def test_permuted_classes_are_what_one_hot_answers_cannot_tell(seed):
    rng = np.random.default_rng(seed)
    w, y = rng.normal(size=(3, 7)), one_hot(3, 6)
    d, turn = recovery(w, y, rng.normal(size=(6, 7))), np.eye(3)[[1, 2, 0]]
    assert np.allclose((turn @ y) @ d, turn @ w)


@pytest.mark.parametrize("r", [1, 2, 3])
def test_the_span_is_silent_from_p_plus_k_less_the_rank_of_the_model_on(r):
    rng, k, p = np.random.default_rng(r), 3, 5
    w = matrix(rng, k, p, rank=r)
    for m in range(k, p + k + 1):
        d = recovery(w, one_hot(k, m), rng.normal(size=(m, p)))
        assert (rank(d) < p) == (m < p + k - r)


def test_at_p_equal_to_k_w_has_one_training_set_just_when_all_singular_values_are_at_the_limit():
    rng, k, n, lam = np.random.default_rng(0), 2, 6, 0.3
    y, limit = one_hot(2, 6), 1 / (2 * np.sqrt(0.3))
    basis = pinv(y) @ np.linalg.inv(
        np.linalg.cholesky(pinv(y).T @ pinv(y)).T
    )  # of the row space of Y
    for shares, alone in (((1.0, 1.0), True), ((1.0, 0.8), False)):
        a = basis * (limit * np.array(shares))  # Y^+ W
        largest = [
            np.linalg.norm(
                a + 1e-3 * np.outer(rng.normal(size=n) @ null_space(y) @ null_space(y).T, v), 2
            )
            for v in np.eye(k)
        ]
        assert (min(largest) > limit * (1 + 1e-9)) == alone  # no other D allows lam
    assert np.isclose(lam, 1 / (4 * limit**2))


def test_with_as_many_records_as_classes_w_can_have_one_training_set_and_two_with_a_ridge():
    x = np.array([[2.0]])  # k = n = p = 1 and Y = 1, so Y^+ Y = 1 and no Z enters
    assert np.allclose(pinv(pinv(x)), x)  # lam = 0: F = D^+, nothing else
    roots = np.roots([2 / 5, -1, 2 / 5])  # lam = 1: s / (s^2 + 1) = 2 / 5
    assert np.allclose(np.sort(roots), [0.5, 2])


def test_two_records_can_have_the_same_place_in_the_last_equation():
    # c (c a - y) = b, the k equations for the factor c and the class y, with a = W v and s = W x =
    # c a.
    def left(c, a, label):
        return c * (c * a - np.eye(len(a))[label])

    same = np.array(
        [0.0, 0.4, 0.0]
    )  # the scores of all other classes vanish: c' = c (1 - s_j) / s_j
    c = 0.4 / 0.4
    assert np.allclose(left(c, same, 1), left(c * 0.6 / 0.4, same, 1))
    s = np.array(
        [2.0, np.sqrt(2.0)]
    )  # s_j (s_j - 1) = s_i^2: c' = -c s_i / s_j, in the other class
    assert np.allclose(left(1.5, s / 1.5, 0), left(-1.5 * s[1] / s[0], s / 1.5, 1))
    rng = np.random.default_rng(0)
    for a in rng.normal(size=(20, 3)):
        b = left(1.5, a, 0)
        others = [
            np.linalg.norm(left(root, a, label) - b)
            for label in range(3)
            for root in np.roots([a[label], -1.0, -b[label]])
            if abs(root - 1.5) > 1e-9 or label != 0
        ]
        assert min(others) > 1e-6


def test_for_replaced_records_the_factor_2_is_enough_and_its_root_is_not():
    add, replace = (privacy.sensitivity(1.0, a, 1.0) for a in ("add-remove", "replace-one"))
    assert np.sqrt(2) * add < replace < 2 * add


# Small roots and repeated points


@given(seeds, st.integers(3, 12), st.floats(0.05, 1), st.floats(0, 2))
@few
def test_small_roots_do_not_amplify_at_any_rank(seed, m, share, spread):
    rng, k, d = np.random.default_rng(seed), 3, 8
    w, y = rng.normal(size=(k, d)), one_hot(k, m)
    z = spread * matrix(rng, m, d, rank=1)  # rank D <= k + 1, below m for most m
    v, s, ut = np.linalg.svd(recovery(w, y, z), full_matrices=False)
    lam = share / (4 * s[0] ** 2)
    small = 2 * lam * s / (1 + np.sqrt(np.maximum(0, 1 - 4 * lam * s**2)))
    x = (v * small) @ ut
    x = x.T
    assert np.linalg.norm(y - w @ x) <= np.linalg.norm(y) * (1 + 1e-9)
    e = rng.normal(size=x.shape)
    for size in (1e-3, 0.1, 1.0):
        e *= size * np.linalg.norm(x, 2) / np.linalg.norm(e, 2)
        moved = np.linalg.norm(y @ inverse(x + e, lam) - w) / np.linalg.norm(w)
        assert (
            moved
            <= size * (2 * np.linalg.norm(y) * s[0] / np.linalg.norm(w) + 0.5) * (1 + 1e-6) + 1e-9
        )


def test_a_repeated_point_moves_the_answers_where_it_is_not_fitted():
    x, y = np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]])
    assert np.isclose((y @ pinv(x)).item(), 0.4)
    repeated = [np.hstack([a, a[:, 1:]]) for a in (x, y)]
    assert np.isclose((repeated[1] @ pinv(repeated[0])).item(), 4 / 9)


@given(seeds, st.booleans())
@few
def test_a_repeated_point_leaves_the_model_just_when_it_is_fitted(seed, fitted):
    rng = np.random.default_rng(seed)
    x = matrix(rng, 4, 6, rank=3)
    y = rng.normal(size=(2, 4)) @ x if fitted else rng.normal(size=(2, 6))
    again = np.hstack([y, y[:, :1]]) @ pinv(np.hstack([x, x[:, :1]]))
    assert np.allclose(again, y @ pinv(x), atol=1e-6) == fitted


@given(seeds)
@few
def test_independent_points_share_with_their_copy_and_dependent_ones_do_not(seed):
    rng = np.random.default_rng(seed)
    x, y = matrix(rng, 6, 4), rng.normal(size=(2, 4))
    weights, shared = (
        a @ pinv(b.T @ b) for a, b in ((y, x), (np.hstack([y, y[:, :1]]), np.hstack([x, x[:, :1]])))
    )
    assert np.allclose(shared[:, 0], weights[:, 0] / 2, atol=1e-6)
    assert np.allclose(shared[:, 0], shared[:, -1])
    line, copied = (
        np.array([[1.0, 2.0]]),
        np.array([[1.0, 2.0, 2.0]]),
    )  # labels 1, 2: fitted, so W stays 1
    assert np.allclose(line @ pinv(line.T @ line) * line, [[1 / 5, 4 / 5]])
    assert np.allclose(copied @ pinv(copied.T @ copied) * copied, [[1 / 9, 4 / 9, 4 / 9]])


# Sets near real samples


def tail(w, x):
    """The k smallest of the m singular values of P X, as one distance."""
    t = np.linalg.svd(null_projector(w) @ x, compute_uv=False)
    t = np.append(t, np.zeros(x.shape[1] - len(t)))
    return np.linalg.norm(t[x.shape[1] - len(w) :])


@given(seeds)
@few
def test_a_sample_more_lowers_the_least_distance_and_a_copy_raises_that_of_the_rule(seed):
    rng = np.random.default_rng(seed)
    w, x = rng.normal(size=(3, 8)), rng.normal(size=(8, 5))
    before = dl.nearest_set(w, x.T).distance
    assert np.isclose(before, tail(w, x))
    copied = np.hstack([x, x[:, :1]])
    for more in (rng.normal(size=(8, 1)), x[:, :1], x @ rng.normal(size=(5, 1))):
        assert tail(w, np.hstack([x, more])) <= before * (1 + 1e-9)
    assert tail(w, copied) < before * (
        1 - 1e-6
    )  # the infimum over all sets, which pull the two apart
    assert dl.nearest_set(w, copied.T).distance > before * (
        1 + 1e-6
    )  # over those that keep them equal


@given(seeds)
@few
def test_the_other_samples_can_move_a_trained_model_anywhere(seed):
    # dW / dX'' at X'' = 0 is onto when every class occurs in X'': so W is as generic as one that
    # knows no sample.
    rng, k, d, lam = np.random.default_rng(seed), 2, 3, 0.5
    x, labels = rng.normal(size=(d, 4)), np.hstack([one_hot(k, 4), one_hot(k, 3)])

    def weights(others):
        return labels @ inverse(np.hstack([x, others]), lam)

    step = 1e-6
    slopes = [
        (weights(step * e.reshape(d, 3)) - weights(-step * e.reshape(d, 3))).ravel() / (2 * step)
        for e in np.eye(3 * d)
    ]
    assert np.linalg.matrix_rank(np.array(slopes), tol=1e-4) == k * d
    full = np.hstack([x, rng.normal(size=(d, 3))])
    w = labels @ inverse(full, lam)
    b = np.linalg.svd(null_projector(w) @ x[:, :3])[2][-k:].T
    assert np.linalg.svd(w @ x[:, :3] @ b, compute_uv=False)[-1] > 1e-9


def test_one_hot_labels_can_cost_real_samples_their_rank():
    x, y = np.eye(4), np.repeat(np.eye(2), 2, axis=1)  # independent samples, two of each class
    w = np.array([[1.0, -1.0, 0.0, 0.0], [0.3, 0.5, -0.2, 0.7]])
    assert rank(recovery(w, y, pinv(x))) == 3


@given(seeds, st.sampled_from((2, 4, 5, 8)), st.sampled_from((0.0, 0.5)))
@few
def test_the_models_own_labels_keep_the_rank_of_real_samples(seed, m, lam):
    rng = np.random.default_rng(seed)
    w, x = matrix(rng, 2, 5), matrix(rng, 5, m)
    h = inverse(x, lam)
    d = recovery(w, w @ pinv(h), h)
    assert rank(d) == min(m, 5)
    if m <= 5:
        assert np.allclose(d @ pinv(h), np.eye(m), atol=1e-6)


# Theorem 6.1 and Table 1


def test_the_gradient_with_the_labels_held_needs_a_ridge_or_a_rank_that_stays():
    phi, y = np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 0.0]])
    support = np.array([[1.0, 2.0], [0.0, 0.0]])
    up = np.array([[0.0, 0.0], [0.0, 1.0]])  # moves the second point; Phi^T phi(X) and so L* stay

    def loss(points, labels, lam):
        return np.sum((labels @ inverse(points, lam) @ phi - y) ** 2)

    best = y @ pinv(inverse(support, 0) @ phi) + 0.3 * np.array([[2.0, -1.0]])
    assert np.isclose(loss(support, best, 0), 0.5)  # L*: other best labels
    assert np.isclose(loss(support + 1e-6 * up, best, 0), 1.22)
    for lam in (0.01, 1.0):
        best = y @ pinv(inverse(support, lam) @ phi)
        slope = (loss(support + 1e-5 * up, best, lam) - loss(support - 1e-5 * up, best, lam)) / 2e-5
        assert abs(slope) < 1e-6
    c = y @ pinv(support.T @ phi) + 0.3 * np.array(
        [[2.0, -1.0]]
    )  # coefficients instead of labels: no ridge needed
    assert np.isclose(np.sum((c @ (support + 1e-6 * up).T @ phi - y) ** 2), 0.5)


def test_one_feature_serves_every_lam_and_no_point_has_it():
    # phi(x) = (x, x^2) on the points 1 and -1 with labels 1 and -1: G = 2 I, C = (2, 0), q = 1.
    phi, y = np.array([[1.0, -1.0], [1.0, 1.0]]), np.array([[1.0, -1.0]])
    g, c = phi @ phi.T, y @ phi.T
    assert rank(np.vstack([c, c @ g])) == 1
    feature, label = np.array([[np.sqrt(2)], [0.0]]), np.array([[np.sqrt(2)]])
    for lam in (0.1, 1.0, 10.0):
        assert np.allclose(label @ inverse(feature, lam), y @ inverse(phi, lam))
    for x in (1e-3, -0.5, 2.0):  # one point trains to a multiple of (1, x), whatever its label
        model = inverse(np.array([[x], [x**2]]), 0.1)[0]
        assert np.isclose(model[1] / model[0], x)


def test_a_critical_point_with_a_jacobian_of_lower_rank_can_be_a_bad_minimum():
    """phi(x) = (1, 2 x^2 - x^4) on the points 0 and 1 with labels 2 and 1."""

    def least(x):
        row = np.array([[1.0, 2 * x**2 - x**4]]) @ np.array(
            [[1.0, 1.0], [0.0, 1.0]]
        )  # Phi^T phi(X)
        y = np.array([[2.0, 1.0]])
        return np.linalg.norm(y - y @ pinv(row) @ row) ** 2

    assert np.isclose(least(0.0), 0.5)
    assert all(least(x) > 0.5 for step in np.geomspace(1e-3, 1, 20) for x in (step, -step))
    assert least(np.sqrt(1 + np.sqrt(1.5))) < 1e-12  # a point that is far away has no loss at all


# Held pixels


def test_with_one_class_black_pixels_can_be_held_in_as_many_points():
    """k = m = 1, where rank Q_H = 1 is enough; with two classes the same pixels fail."""
    rng = np.random.default_rng(0)
    for k in (1, 2):
        black = np.array([-1.0, -0.5])[:k]  # after normalisation, in all training images
        x = np.vstack([rng.normal(size=(4, 20)), np.tile(black[:, None], 20)])
        w = one_hot(k, 20) @ inverse(x, 1.0)
        assert rank(w[:, 4:]) == 1
        if k == 1:
            point = 0.3 / w[0, 4] * w.T  # holds 0.3
            assert np.isclose(point[4, 0], 0.3)
            assert np.allclose(w @ point @ pinv(point), w)
        else:
            held = rng.normal(size=(2, 2))
            assert rank(np.linalg.solve(held, w[:, 4:].T)) == 1  # the only Gamma, and k = 2


@pytest.mark.parametrize(("held", "inner"), [(4, 1), (4, 2), (3, 1), (3, 0), (2, 0), (2, 2)])
def test_one_mask_for_all_points_allows_a_set_just_when_the_held_rows_have_the_rank(held, inner):
    rng, k, m, d = np.random.default_rng(0), 2, 4, 7
    q_held = matrix(rng, held, k, rank=inner) if inner else np.zeros((held, k))
    values = rng.normal(size=(held, m))
    free = null_space(values) @ rng.normal(size=(m - held, k))
    c = pinv(values) @ q_held + free  # all solutions of X_H C = Q_H are of this form
    assert (rank(c) == k) == (inner >= k - (m - held))
    w = np.vstack([q_held, rng.normal(size=(d - held, k))]).T
    points = np.vstack([values, w.T[held:] @ pinv(c)])
    error = np.linalg.norm(w @ points @ pinv(points) - w) / np.linalg.norm(w)
    assert (error < 1e-9) == (inner >= k - (m - held))


def test_the_complement_in_part_4_has_to_be_orthogonal():
    """Two points for k = 2, the second held: an exact set needs it in range(W^T), so nearly no held
    values near those of one allow another. With complements that are not orthogonal the map of
    part 4 is onto nevertheless.
    """
    w = np.random.default_rng(0).normal(size=(2, 3))
    q = np.linalg.qr(w.T)[0]  # X_S = Q with Gamma = I
    held = np.array([[False] * 3, [True] * 3])  # so Gamma_{F_i} = (1, 0)

    def conditions(complements):
        return np.array([np.kron(row, u) for row, u in zip(q, complements, strict=True)])

    assert rank(conditions([(c, 1.0) for c in (0.0, 1.0, -1.0)])) == 3
    assert rank(conditions([(0.0, 1.0)] * 3)) == 2
    assert held_pixels.independence(w, q.T, held) < 1e-12
    moved = q.T + np.array([[0.0], [1e-3]]) * null_space(w)[:, 0]
    with pytest.raises(ValueError, match="no set was found"):
        held_pixels.held_set(w, moved, held, penalty=1.0)


# The empirical kernel


def dual(a, b, c):
    """2 E rho(u) rho(u') + 0.01 for variances a, b and covariance c: the arc-cosine kernel."""
    angle = np.arccos(np.clip(c / np.sqrt(a * b), -1, 1))
    return np.sqrt(a * b) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi + 0.01


def test_the_mean_of_the_empirical_kernel_is_off_by_one_over_the_width():
    rng, cov = np.random.default_rng(0), np.array([[1.0, 0.3], [0.3, 0.8]])
    root, off = np.linalg.cholesky(cov), {}
    exact = [a + 0.01 for a in np.diag(cov)] + [dual(1.0, 0.8, 0.3)]
    for width in (16, 64):
        u = np.maximum(np.einsum("ij,njw->niw", root, rng.normal(size=(40_000, 2, width))), 0)
        low = [2 * np.mean(u[:, i] * u[:, j], axis=-1) + 0.01 for i, j in ((0, 0), (1, 1), (0, 1))]
        h = 1e-5
        linear = sum(  # of mean zero: what remains is the second order
            (low[i] - exact[i])
            * (dual(*(np.array(exact) + h * e)) - dual(*(np.array(exact) - h * e)))
            / (2 * h)
            for i, e in enumerate(np.eye(3))
        )
        off[width] = width * np.mean(dual(*low) - dual(*exact) - linear)
    assert abs(off[64]) > 0.05  # it does not vanish,
    assert np.isclose(off[16], off[64], rtol=0.2)  # and falls like 1 / w


# Hypotheses that a summary must not drop


def regularised(x, lam):
    """X_lam, the pseudoinverse of X_lam^+."""
    return pinv(inverse(x, lam))


def nearest(w, x):
    """X - P X V_k V_k^T, where t_{m-k} > t_{m-k+1}."""
    v = np.linalg.svd(null_projector(w) @ x)[2][-len(w) :].T
    return x - null_projector(w) @ x @ v @ v.T


def test_at_a_tie_one_choice_of_directions_is_singular_and_another_is_nearest():
    w, x = np.eye(1, 3), np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])  # e_2 and e_1 + e_3
    assert np.allclose(np.linalg.svd(null_projector(w) @ x)[1], [1, 1])
    assert (w @ x @ [[1.0], [0.0]]).item() == 0  # one V_k
    points = np.eye(3)[:, [1, 0]]  # by the other one
    assert np.allclose(w @ points @ pinv(points), w)
    assert np.isclose(np.linalg.norm(points - x), tail(w, x))
    assert np.allclose(dl.nearest_set(w, x.T).features, points.T)
    twice = np.eye(3)[:, [0, 0]]  # both t are zero: (1, -1) gives nothing up, and nothing moves
    assert (w @ twice @ [[1.0], [-1.0]]).item() == 0
    assert np.allclose(dl.nearest_set(w, twice.T).features, twice.T)


def test_where_no_set_is_nearest_the_pseudoinverse_grows_and_the_condition_number_need_not():
    w, x = np.array([[1.0, 0.0]]), np.array([[0.0], [1.0]])  # W Xh V_k = 0, the bound is 1
    with pytest.raises(ValueError, match="singular"):
        dl.nearest_set(w, x.T)
    for a in (1.0, 1e-2, 1e-4):  # every set that carries W
        points = np.array([[a], [0.0]])
        assert np.allclose(w @ points @ pinv(points), w)
        assert np.isclose(np.linalg.norm(points - x), np.hypot(1, a))
        assert np.linalg.norm(pinv(points), 2) == pytest.approx(1 / a)
        assert np.linalg.cond(points) == 1
    toy = np.eye(1, 4)
    for eps in (1e-2, 1e-4):  # here the limit, (e_1 + 2 e_2, 0), is not zero
        samples = np.array([[1.0, eps], [2.0, 0], [0, 0.1], [0, 0]])
        points = nearest(toy, samples)
        assert np.isclose(np.linalg.norm(points - samples), 0.1)
        assert np.linalg.cond(points) > 1 / eps


def test_far_from_the_samples_a_set_need_not_pay_with_its_condition_number():
    w, x = np.array([[1.0, 0.0]]), np.array([[1.0], [2.0]])
    points = nearest(w, x)
    assert np.allclose(points, [[1.0], [0.0]])
    assert np.linalg.cond(points) == 1
    price = np.linalg.norm(pinv(points), 2) * np.linalg.norm(points - x)
    assert price >= 2 / np.sqrt(5)  # the sine of the angle between the row of W and the sample


def test_near_samples_that_are_zero_the_pseudoinverse_grows_and_the_condition_number_does_not():
    w = np.array([[1.0, 0.0]])
    for eps in (1.0, 1e-2, 1e-4):  # at the distance eps from the one sample 0
        points = np.array([[eps], [0.0]])
        assert np.allclose(w @ points @ pinv(points), w)
        assert np.linalg.norm(pinv(points), 2) == pytest.approx(1 / eps)
        assert np.linalg.cond(points) == 1


def test_dependent_samples_have_a_price_that_their_principal_angles_do_not_see():
    w, x = np.eye(2, 3), np.array([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])  # e_1 and 2 e_1
    assert np.allclose(subspace_angles(w.T, x[:, :1]), 0)  # as many as the smaller space has
    bound = np.linalg.norm((np.eye(3) - x @ pinv(x)) @ w.T, 2)
    assert np.isclose(bound, 1)  # the second row of W is orthogonal to the samples
    for eps in (1.0, 1e-2, 1e-4):
        points = x + eps * np.array([[0.0, 0.0], [1.0, -1.0], [0.0, 0.0]])
        assert np.allclose(w @ points @ pinv(points), w)
        assert np.linalg.norm(pinv(points), 2) * np.linalg.norm(points - x, 2) >= bound


def test_nearest_between_features_of_a_linear_map_is_not_nearest_between_images():
    rng, scale = np.random.default_rng(0), np.diag([1.0, 1.0, 10.0])
    w, x = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))  # a model of the features phi(x)
    turn = 3 * np.linalg.qr(rng.normal(size=(3, 3)))[0]
    for phi, same in ((scale, False), (turn, True)):
        by_features = np.linalg.solve(phi, nearest(w, phi @ x))
        by_images = nearest(w @ np.linalg.inv(phi).T, x)  # the rows that the images have to span
        for points in (by_features, by_images):
            assert np.allclose(w @ phi @ points @ pinv(phi @ points), w)
        assert np.allclose(by_features, by_images) == same
        gain = np.linalg.norm(by_features - x) / np.linalg.norm(by_images - x)
        assert (gain < 1 + 1e-9) == same


def test_large_labels_come_of_dependence_and_only_where_the_model_sees_it():
    equal = np.array([[1.0, 1.0], [0.0, 1e-5], [0.0, 0.0]])  # two samples are nearly equal
    three = np.eye(4)[:, :3] @ np.array([[1.0, 0, 1], [0, 1, 1], [0, 0, 1e-5]])  # no two are
    for x, thin in ((equal, 1), (three, 2)):  # the direction of little energy is e_thin, nearly
        for sees in (0.0, 1.0):
            w = np.eye(len(x))[:1] + sees * np.eye(len(x))[thin : thin + 1]
            for lam in (0.0, 1.0):
                labels = w @ regularised(x, lam)
                assert (np.abs(labels).max() > 1e3) == (lam > 0 and sees > 0)
                assert np.allclose(labels @ inverse(x, lam), w @ x @ pinv(x), atol=1e-5)


def test_the_rank_from_real_samples_is_that_of_d_and_d_may_have_no_points():
    rng, m = np.random.default_rng(0), 3
    w, x = rng.normal(size=(2, 6)), rng.normal(size=(6, m))
    lam = 0.8 * np.linalg.svd(x)[1][-1] ** 2
    y = w @ regularised(x, lam)
    d = recovery(w, y, inverse(x, lam))
    assert rank(d) == m
    assert lam > 1 / (4 * np.linalg.norm(d, 2) ** 2)
    with pytest.raises(ValueError, match="reg_s"):
        dl.support_features(d, lam)
    assert not np.allclose(y, w @ x, rtol=0.1)  # the model's answers are the labels at lam = 0 only
    assert np.allclose(w @ regularised(x, 0), w @ x)


def test_d_vanishes_for_a_z_that_does_not():
    y = np.random.default_rng(0).normal(size=(2, 4))
    z = y.T @ np.ones((2, 5))  # in the row space of the labels
    assert np.linalg.norm(z) > 1
    assert np.allclose(recovery(np.zeros((2, 5)), y, z), 0)


def test_at_d_of_zeros_there_is_no_bound_on_the_ridge():
    for lam in (0.0, 1.0, 1e8):
        points = np.asarray(dl.support_features(np.zeros((3, 4)), lam)).T
        assert np.allclose(points, 0)
        assert np.allclose(one_hot(2, 3) @ inverse(points, lam), 0)


def test_below_the_bound_another_draw_of_z_can_be_the_one_that_is_feasible():
    rng = np.random.default_rng(0)
    w, y = rng.normal(size=(3, 8)), rng.normal(size=(3, 5))
    bound = 1 / (4 * np.linalg.norm(pinv(y) @ w, 2) ** 2)
    draws = [recovery(w, y, 0.5 * rng.normal(size=(5, 8))) for _ in range(40)]
    largest = np.array([1 / (4 * np.linalg.norm(d, 2) ** 2) for d in draws])
    assert (largest <= bound * (1 + 1e-12)).all()
    wished = np.median(largest)
    assert wished < bound
    assert 0 < np.sum(largest >= wished) < 40


@pytest.mark.parametrize("r", [1, 2, 3])
def test_the_free_part_of_c_2_has_m_less_k_times_d_less_the_rank_of_the_model(r):
    rng, k, d, m = np.random.default_rng(r), 3, 6, 5
    w, y = matrix(rng, k, d, rank=r), rng.normal(size=(k, m))
    free = np.eye(m) - pinv(y) @ y
    assert rank(np.kron(null_projector(w), free)) == (m - k) * (d - r)
    assert np.allclose(pinv(pinv(y) @ w), pinv(w) @ y) == (r == k)
    balanced = one_hot(k, 6)
    assert np.allclose(pinv(pinv(balanced) @ w), pinv(w) @ balanced)


def test_a_larger_free_part_need_not_be_allowed_though_a_larger_multiple_is():
    rng, lam = np.random.default_rng(0), 0.1
    w, y = rng.normal(size=(2, 6)), rng.normal(size=(2, 4))
    outside, free = null_space(w)[:, :2], null_space(y)
    allowed = 2 * np.sqrt(lam) * outside @ free.T  # both values at the limit
    larger = outside @ np.diag([1.0, 100.0]) @ free.T * np.sqrt(lam)  # one below it

    def least(z):
        s = np.linalg.svd(null_projector(w) @ z @ (np.eye(4) - pinv(y) @ y), compute_uv=False)
        return s[s > 1e-9].min() / (2 * np.sqrt(lam))

    assert np.linalg.norm(larger) > np.linalg.norm(allowed)
    assert least(larger) < 0.9 < least(allowed) < least(3 * allowed)


def test_kept_labels_lose_a_small_part_only_on_points_of_full_rank():
    rng = np.random.default_rng(0)
    w, e = rng.normal(size=(2, 6)), rng.normal(size=(6, 4))
    for r, small in ((4, True), (2, False)):
        x = matrix(rng, 6, 4, rank=r)
        w_s = w @ x @ pinv(x)  # the set carries this one
        change = 1e-6 * e * np.linalg.norm(x, 2) / np.linalg.norm(e, 2)
        kept = np.linalg.norm(w_s @ x @ pinv(x + change) - w_s) / np.linalg.norm(w_s)
        s = np.linalg.svd(x, compute_uv=False)[:r]
        assert rank(x) == r
        assert (kept < 2.1e-6 * s[0] / s[-1]) == small


def test_signs_of_singular_vectors_are_free_and_labels_of_low_rank_leave_more_than_one_d():
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.normal(size=(n, 2)))[0] for n in (4, 3))
    signs = np.array([-1.0, 1.0])
    assert np.allclose((u * [2.0, 0.5]) @ v.T, (u * signs * [2.0, 0.5]) @ (v * signs).T)
    w, y = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), np.diag([1.0, 0.0])  # k = m = 2
    first, second = recovery(w, y, np.zeros((2, 3))), recovery(w, y, np.ones((2, 3)))
    assert np.allclose(y @ first, w)
    assert np.allclose(y @ second, w)
    assert not np.allclose(first, second)


def test_descent_forgets_its_start_with_a_ridge_and_not_without():
    f, y = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 0.0]])
    for lam in (0.0, 0.5):
        w = np.array([[3.0, 1.0]])
        for _ in range(200):
            w = w - 0.3 * ((w @ f - y) @ f.T + lam * w)
        assert np.allclose(w, y @ inverse(f, lam)) == (lam > 0)
        assert np.isclose(w[0, 1], 1) == (lam == 0)  # no feature has this part


@pytest.mark.parametrize(("m", "share"), [(4, 0.0), (4, 0.5), (7, 0.0)])
def test_labels_are_the_answers_of_the_model_without_a_ridge_on_independent_points(m, share):
    rng = np.random.default_rng(0)
    w, y = rng.normal(size=(2, 5)), rng.normal(size=(2, m))
    d = recovery(w, y, rng.normal(size=(m, 5)))
    lam = share / (4 * np.linalg.norm(d, 2) ** 2)
    x = np.asarray(dl.support_features(d, lam)).T
    assert np.allclose(y @ inverse(x, lam), w)
    assert np.allclose(w @ x, y) == (lam == 0 and m <= 5)
