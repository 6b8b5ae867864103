"""Theorems 4.1, 4.2 and 5.1, Proposition 4.1, Corollary 4.1.1: what each claims and where it stops.

NumPy works here in samples as rows: labels Y_S^T is (m, k), so Y_S^+ is pinv(y.T) of shape (m, k).
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
    pinv_reg,
    scales,
    seeds,
    train,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.theory import closed_form
from distill_lib.theory.rank_of_points import support_rank


def all_d(w, y, z):
    """Y_S^+ W + (I - Y_S^+ Y_S) Z."""
    return pinv(y.T) @ w + (np.eye(len(y)) - pinv(y.T) @ y.T) @ z


def bound(d):
    s1 = np.linalg.norm(d, 2)
    return 1 / (4 * s1**2) if s1 else 1.0


# Theorem 4.1 and 5.1, sufficiency


@given(instances(full=False))
def test_d_solves_the_label_equation(a):
    d = np.asarray(dl.recovery_matrix(a.w, a.y, a.z))
    size = np.linalg.norm(a.w) + np.linalg.norm(a.z)
    assert close(d, all_d(a.w, a.y, a.z), condition(a.y), size)
    assert close(a.y.T @ d, a.w, condition(a.y), size * np.linalg.norm(a.y))


@given(instances(full=False))
def test_the_smallest_d_has_z_zero(a):
    smallest, d = dl.recovery_matrix(a.w, a.y), dl.recovery_matrix(a.w, a.y, a.z)
    assert close(smallest, pinv(a.y.T) @ a.w, condition(a.y))
    assert np.linalg.norm(smallest) <= np.linalg.norm(d) * (1 + 1e-12)


@given(instances(), st.sampled_from((0.0, None)), fractions)
def test_the_support_set_trains_to_the_original_model(a, zero, fraction):
    d = dl.recovery_matrix(a.w, a.y, a.z)
    reg_s = fraction * bound(np.asarray(d)) if zero is None else 0.0
    signs = a.signs(len(values(d))) if reg_s else "+"
    features = dl.support_features(d, reg_s, signs)
    cond = condition(a.y, d, features)
    trained = train(features, a.y, reg_s)
    size = np.linalg.norm(a.y) * np.linalg.norm(d)
    assert close(trained, a.w, cond, size)
    assert close(dl.recovered_weights(features, a.y, reg_s), trained, cond, size)


@given(instances(full=False), st.booleans(), fractions)
def test_any_rank_of_the_model_is_recovered(a, with_noise, fraction):
    # D has rank below min(m, p) here whenever it can, and the zeros must not be inverted.
    d = dl.recovery_matrix(a.w, a.y, a.z if with_noise else None)
    for reg_s in (0.0, fraction * bound(np.asarray(d))):
        features = dl.support_features(d, reg_s)
        trained = train(features, a.y, reg_s)
        assert close(
            trained, a.w, condition(a.y, d, features), np.linalg.norm(a.y) * np.linalg.norm(d)
        )


@given(instances())
def test_at_m_equal_to_k_the_points_are_the_pseudoinverse_of_w_times_the_labels(a):
    y = a.y[: a.k]
    features = dl.support_features(dl.recovery_matrix(a.w, y))
    assert close(features, (pinv(a.w) @ y.T).T, condition(a.w, y))


# Theorem 4.1 and 5.1, necessity


@given(instances(), st.integers(0, 3), st.sampled_from((0.0, 0.3, 3.0, 30.0)))
def test_the_choices_behind_any_support_set_give_it_back(a, rank_loss, factor):
    x = matrix(a.rng, a.m, a.p, rank=max(1, min(a.m, a.p) - rank_loss))
    s = values(x)
    reg_s = factor * s.min() ** 2
    if reg_s and (np.abs(np.subtract.outer(s, reg_s / s)) < 1e-3 * s.max()).any():
        return  # refused when closer still: see the next test but one
    found = closed_form.choices(x, reg_s)
    assert close(found.z, pinv_reg(x, reg_s), condition(x) ** 2)
    d = dl.recovery_matrix(train(x, a.y, reg_s), a.y, found.z)
    assert close(dl.support_features(d, reg_s, found.branch), x, 1e4 * condition(a.y, x) ** 2)


@given(instances(), st.integers(0, 3), st.sampled_from((0.0, 0.3, 3.0, 30.0)), st.booleans())
def test_every_support_set_is_one_of_the_theorem(a, rank_loss, factor, repeated):
    """W := Y_S X^+_{lam_S}; then Z = X^+_{lam_S} and the sides of sqrt(lam_S) give back X_S."""
    s = 10 ** a.rng.uniform(size=min(a.m, a.p))
    s[len(s) - min(rank_loss, len(s) - 1) :] = 0
    if repeated:
        s[s > 0] = s[0]
    left = np.linalg.qr(a.rng.normal(size=(a.m, len(s))))[0]
    right = np.linalg.qr(a.rng.normal(size=(a.p, len(s))))[0]
    x = (left * s) @ right.T
    s = s[s > 0]
    reg_s = factor * s.min() ** 2
    if reg_s and (np.abs(np.subtract.outer(s, reg_s / s)) < 1e-3 * s.max()).any():
        return  # s and lam_S / s both occur: see the next test
    w = train(x, a.y, reg_s)
    mu = s + reg_s / s
    signs = np.where(s**2 >= reg_s, 1, -1)[np.argsort(-mu)]
    d = dl.recovery_matrix(w, a.y, pinv_reg(x, reg_s))
    features = dl.support_features(d, reg_s, signs)
    assert close(features, x, 1e4 * condition(a.y, x) ** 2)


@given(seeds)
def test_where_s_and_its_conjugate_both_occur_the_svd_of_d_is_not_unique(seed):
    """s and lam_S / s have the same image, so D has a repeated value and does not tell which
    direction had which root.
    """
    rng = np.random.default_rng(seed)
    left, right = np.linalg.qr(rng.normal(size=(3, 3)))[0], np.linalg.qr(rng.normal(size=(8, 3)))[0]
    x, y, reg_s = (left * [4.0, 0.5, 1.0]) @ right.T, matrix(rng, 3, 2), 2.0
    w = train(x, y, reg_s)
    d = dl.recovery_matrix(w, y, pinv_reg(x, reg_s))
    mu = np.array([4.5, 4.5, 3.0])
    assert np.allclose(1 / values(d)[::-1], mu)
    features = dl.support_features(d, reg_s, [1, -1, -1])
    with pytest.raises(ValueError, match=r"(4|0\.5) and reg_s / (4|0\.5) both"):
        closed_form.choices(x, reg_s)
    # Another support set with the same singular values, for the same model.
    assert np.allclose(values(features), [4, 1, 0.5])
    assert close(train(features, y, reg_s), w, 1e3)


@given(seeds, st.sampled_from(((2.0, 1.0, 1.0), (1.0, 1.0, 1.0), (2.0, 1.0, 0.3))))
def test_where_both_roots_are_one_nothing_is_left_to_choose(seed, s):
    """s = sqrt(lam_S), however often, is its own conjugate."""
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.normal(size=(n, 3)))[0] for n in (5, 8))
    x = (left * s) @ right.T
    z, branch = closed_form.choices(x, 1.0)
    assert sorted(branch) == sorted(1.0 if one >= 1 else -1.0 for one in s)
    again = closed_form.support_features(z, 1 - 1e-12, branch)
    assert np.allclose(again, x, atol=1e-5)  # the root of a difference of 1e-12


# Feasibility: the bound on lam_S


@given(instances())
def test_no_z_raises_the_bound(a):
    """D^T D = A^T A + B^T B with A = Y_S^+ W: resampling Z cannot help beyond Z = 0."""
    smallest, d = dl.recovery_matrix(a.w, a.y), dl.recovery_matrix(a.w, a.y, a.z)
    assert np.linalg.norm(d, 2) >= np.linalg.norm(pinv(a.y.T) @ a.w, 2) * (1 - 1e-12)
    assert closed_form.max_reg(d) <= closed_form.max_reg(smallest) * (1 + 1e-12)


@given(instances(full=False))
def test_the_bound_is_that_of_the_theorem(a):
    d = np.asarray(dl.recovery_matrix(a.w, a.y, a.z))
    if not d.any():
        assert closed_form.max_reg(d) == float("inf")
        return
    assert np.isclose(closed_form.max_reg(d), 1 / (4 * np.linalg.norm(d, 2) ** 2), rtol=1e-12)


@given(instances(), scales)
def test_scaled_labels_scale_the_bound(a, c):
    before = closed_form.max_reg(dl.recovery_matrix(a.w, a.y))
    after = closed_form.max_reg(dl.recovery_matrix(a.w, c * a.y))
    assert np.isclose(after, c**2 * before, rtol=1e-10)


@given(instances(), scales)
def test_labels_large_enough_make_every_reg_feasible(a, reg_s):
    y = a.y * 2 * np.sqrt(reg_s) * np.linalg.norm(pinv(a.y.T) @ a.w, 2) * (1 + 1e-9)
    features = dl.support_features(dl.recovery_matrix(a.w, y), reg_s)
    d = all_d(a.w, y, np.zeros_like(a.z))
    assert close(
        train(features, y, reg_s),
        a.w,
        condition(a.y, d, features),
        np.linalg.norm(y) * np.linalg.norm(d),
    )


@given(instances(), st.sampled_from((1.0, 1e3, 1e6)))
def test_the_bound_itself_is_accepted_and_more_is_not(a, spread):
    d = matrix(a.rng, a.m, a.p, spread=spread)
    assert dl.support_features(d, closed_form.max_reg(d)).shape == d.shape
    assert dl.support_features(d, bound(d) * (1 - 1e-9)).shape == d.shape
    with pytest.raises(ValueError, match=r"is above 1 / \(4 s_1\^2\)") as error:
        dl.support_features(d, bound(d) * (1 + 1e-9))
    assert f"= {bound(d):.6g}," in str(error.value)


@given(instances(), st.floats(0.01, 0.99))
def test_the_small_root_keeps_the_digits_of_an_ill_conditioned_d(a, fraction):
    # Through D^+ stored as a matrix, the largest values of D would lose condition(D) in accuracy.
    d = matrix(a.rng, a.m, a.p, spread=1e8)
    reg_s = fraction * bound(d)
    features = dl.support_features(d, reg_s, "-")
    assert close(pinv_reg(features, reg_s), d, 1e3)


# Fewer than k points


@given(
    seeds,
    st.sampled_from([(k, p, m) for k, p, _ in SHAPES for m in range(1, k)]),
    st.sampled_from((0.0, 0.1, 10.0)),
)
def test_below_k_points_the_error_is_at_least_the_eckart_young_tail(seed, shape, reg_s):
    k, p, m = shape
    rng = np.random.default_rng(seed)
    w = matrix(rng, k, p)
    tail = np.sqrt((values(w)[m:] ** 2).sum())
    features = rng.normal(size=(m, p))
    for y in (rng.normal(size=(m, k)), dl.solved_labels(w, features, reg_s)):
        assert np.linalg.norm(dl.recovered_weights(features, y, reg_s) - w) >= tail
    # The bound is attained: labels along the m leading left singular vectors of W.
    y = np.linalg.svd(w)[0][:, :m]
    best = dl.recovered_weights(dl.support_features(pinv(y) @ w), y.T)
    assert np.isclose(np.linalg.norm(best - w), tail, rtol=1e-9)
    with pytest.raises(ValueError, match=f"m = {m} support points .* k = {k} outputs"):
        dl.recovery_matrix(w, y.T)


@given(seeds, st.sampled_from((0.0, 0.5)))
def test_below_k_points_a_model_inside_the_range_of_the_labels_is_carried(seed, fraction):
    """Where the impossibility stops: rank W <= m < k and the columns of W in range(Y_S)."""
    rng = np.random.default_rng(seed)
    w = matrix(rng, 4, 8, rank=2)
    y = (w @ rng.normal(size=(8, 2))).T
    d = pinv(y.T) @ w
    reg_s = fraction * bound(d)
    features = dl.support_features(d, reg_s)
    assert close(train(features, y, reg_s), w, condition(y, d, features) ** 2)


# Proposition 4.1


@given(instances(shapes=[s for s in SHAPES if s[2] <= s[1] - s[0]]), st.sampled_from((0.0, 0.5)))
def test_independent_rows_of_w_and_z_give_features_of_full_rank(a, fraction):
    assert len(values(np.vstack([a.w, a.z]))) == a.k + a.m
    d = dl.recovery_matrix(a.w, a.y, a.z)
    assert len(values(dl.support_features(d, fraction * bound(np.asarray(d))))) == a.m


@given(instances(full=False), st.integers(0, 3), st.sampled_from((0.0, 0.5)))
def test_the_rank_of_the_support_set_is_the_one_computed_beforehand(a, inside, fraction):
    # Some of the rows of Q^T Z are put into range(W^T), where they add no rank.
    q = np.linalg.svd(a.y)[0][:, a.k :]
    free = q.T @ a.z
    free[:inside] = a.rng.normal(size=(*free[:inside].shape[:1], a.k)) @ a.w
    z = q @ free
    d = dl.recovery_matrix(a.w, a.y, z)
    if np.linalg.norm(d) == 0:
        assert support_rank(a.w, a.y, z) == 0
        return
    features = dl.support_features(d, fraction * bound(np.asarray(d)))
    assert support_rank(a.w, a.y, z) == len(values(features))
    assert support_rank(a.w, a.y) == len(values(a.w))


@given(instances())
def test_a_generic_z_gives_full_rank_beyond_the_condition_of_the_proposition(a):
    # k + rank Z > p for m > p - k: the row spaces meet, and the rank is full all the same.
    assert support_rank(a.w, a.y, a.z) == min(a.m, a.p)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(8))
def test_a_z_inside_the_range_of_the_labels_adds_no_rank_in_any_precision(seed, kind):
    """N^T Z is zero then, and what rounding leaves of it counts for nothing, however large Z is."""
    rng = np.random.default_rng(seed)
    w, y = rng.normal(size=(3, 9)), rng.normal(size=(7, 3))
    z = 10.0 ** rng.uniform(-5, 5) * y @ rng.normal(size=(3, 9))
    assert support_rank(*(a.astype(kind) for a in (w, y, z))) == 3


@given(seeds)
def test_rows_of_z_among_those_of_w_can_lose_rank(seed):
    rng = np.random.default_rng(seed)
    k, p, m = 3, 8, 5
    w, y = matrix(rng, k, p), matrix(rng, m, k)
    free = np.linalg.svd(y)[0][:, k:]  # range(I - Y_S^+ Y_S)
    # The second part drops out of D; it is kept small, as its rounding would fill the zeros of D.
    z = free @ matrix(rng, m - k, k) @ w + (np.eye(m) - free @ free.T) @ matrix(
        rng, m, p, scale=0.1
    )
    assert len(values(z)) == m
    d = dl.recovery_matrix(w, y, z)
    assert len(values(d)) == k
    features = dl.support_features(d)
    assert len(values(features)) == k
    assert close(train(features, y), w, condition(y, d) ** 2)


# Corollary 4.1.1


@given(instances(), st.sampled_from((0.0, 0.1, 10.0)))
def test_the_realistic_matrix_is_the_nearest_of_all(a, factor):
    reg_s = factor * np.linalg.norm(a.real, 2) ** 2
    wished = pinv_reg(a.real, reg_s)
    d = np.asarray(dl.realistic_matrix(a.w, a.y, a.real, reg_s))
    size = np.linalg.norm(wished) + np.linalg.norm(a.w)
    cond = condition(a.y, a.real)
    assert close(d, all_d(a.w, a.y, wished), cond, size)
    assert close(a.y.T @ d, a.w, cond, size * np.linalg.norm(a.y))
    # Optimality: the way to the real matrix is orthogonal to every way within the set of solutions.
    step = (np.eye(a.m) - pinv(a.y.T) @ a.y.T) @ a.z
    assert abs(np.vdot(d - wished, step)) <= 1e-11 * cond * size * np.linalg.norm(a.z)
    nearest = np.linalg.norm(d - wished)
    for t in (-1.0, 0.01, 1.0):
        other = np.asarray(dl.recovery_matrix(a.w, a.y, wished + t * a.z))
        assert np.linalg.norm(other - wished) >= nearest - 1e-11 * size


@given(instances(), st.sampled_from((0.0, 0.1)), scales)
def test_the_models_own_labels_leave_the_least_residual(a, factor, scale):
    """Y_S = W Xh minimises ||W - Y_S Xh^+||, the factor of the distance ||Y_S^+ (W - Y_S Xh^+)||
    that labels can reduce.
    """
    reg_s = factor * np.linalg.norm(a.real, 2) ** 2
    y = dl.solved_labels(a.w, a.real, reg_s)
    wished = pinv_reg(a.real, reg_s)
    residual = np.linalg.norm(a.w - np.asarray(y).T @ wished)
    for other in (scale * a.y, np.asarray(y) * (1 + 0.1 * a.rng.normal(size=(a.m, a.k)))):
        assert residual <= np.linalg.norm(a.w - other.T @ wished) + 1e-11 * np.linalg.norm(a.w)


def test_the_models_own_labels_are_not_always_the_nearest():
    """Where the corollary's remark stops: the paper says Y_S = W Xh "reduces the distance further",
    and often it does not.
    """
    rng = np.random.default_rng(0)
    nearer = 0
    for _ in range(100):
        w, real = rng.normal(size=(3, 8)), rng.normal(size=(3, 8))
        distance = [
            np.linalg.norm(dl.realistic_matrix(w, y, real) - pinv(real).T)
            for y in (np.eye(3), real @ w.T, np.linalg.inv((pinv(real).T @ pinv(w)).T))
        ]
        nearer += distance[0] < distance[1]
        assert distance[2] <= min(distance[:2])  # at m = k the best labels are (Xh^+ W^+)^{-1}
    assert 20 < nearer < 80


# Theorem 4.2


@given(instances(full=False), st.sampled_from((0.0, 0.1, 10.0)))
def test_solved_labels_are_least_squares(a, factor):
    reg_s = factor * np.linalg.norm(a.real, 2) ** 2
    y = np.asarray(dl.solved_labels(a.w, a.real, reg_s))
    a_plus = pinv_reg(a.real, reg_s)  # X_{lam_S}^+
    assert close(y, np.linalg.lstsq(a_plus.T, a.w.T, rcond=1e-11)[0], 100 * condition(a.real) ** 2)
    trained = train(a.real, y, reg_s)
    # ||W (X_{lam_S} X_{lam_S}^+ - I)||: the part of W outside the span.
    error = a.w @ (pinv(a.real) @ a.real - np.eye(a.p))
    size = np.linalg.norm(a.w)
    assert close(trained - a.w, error, 1e3 * condition(a.real) ** 2, size)
    for t in (1e-3, 1.0):
        other = y + t * np.linalg.norm(y) * a.rng.normal(size=y.shape)
        assert (
            np.linalg.norm(train(a.real, other, reg_s) - a.w)
            >= np.linalg.norm(error) - 1e-10 * size
        )


@given(instances(), st.sampled_from((0.0, 0.1)))
def test_solved_labels_are_exact_just_when_the_points_span(a, factor):
    reg_s = factor * np.linalg.norm(a.real, 2) ** 2
    error = dl.recovery_error(
        a.w, dl.recovered_weights(a.real, dl.solved_labels(a.w, a.real, reg_s), reg_s)
    )
    if a.m >= a.p:
        assert error < 1e-10 * condition(a.real)
    else:
        # Generic points of a p-dimensional space with m < p leave something of W out.
        assert error > 1e-3 * np.sqrt((a.p - a.m) / a.p)


@given(instances(full=False), st.sampled_from((0.01, 1.0, 100.0)))
def test_the_ridge_does_not_turn_the_projector(a, factor):
    """X_{lam_S} X_{lam_S}^+ is the projector onto range(X_S) for every lam_S."""
    x = matrix(a.rng, a.m, a.p, rank=min(a.m, a.p, 2))
    reg_s = factor * values(x)[-1] ** 2
    product = np.asarray(dl.regularised(x, reg_s)).T @ np.asarray(dl.regularised_pinv(x, reg_s))
    assert close(product, pinv(x) @ x, 1e2 * condition(x) ** 2 * max(factor, 1 / factor), 1.0)


@given(instances(shapes=[s for s in SHAPES if s[2] < s[1]]), st.sampled_from((0.0, 0.1, 10.0)))
def test_fewer_points_than_dimensions_suffice_where_their_span_holds_the_rows_of_the_model(
    a, factor
):
    """Exact iff the rows of W lie in the row space of X_{lam_S}^+, whatever m is; all other models
    keep an error.
    """
    reg_s = factor * np.linalg.norm(a.real, 2) ** 2
    inside = matrix(a.rng, a.k, a.m) @ a.real
    for share in (0.0, 1e-3, 1.0):
        outside = a.w @ (np.eye(a.p) - pinv(a.real) @ a.real)
        w = inside + share * np.linalg.norm(inside) / np.linalg.norm(outside) * outside
        trained = train(a.real, dl.solved_labels(w, a.real, reg_s), reg_s)
        error = np.linalg.norm(trained - w) / np.linalg.norm(w)
        left = share / np.hypot(1, share)
        assert abs(error - left) <= 1e-11 * condition(a.real) ** 2


@given(instances(shapes=[s for s in SHAPES if s[2] > 1]), st.sampled_from((0.0, 0.1)))
def test_repeated_points_count_once(a, factor):
    """m >= p does not suffice: the rank of the points does."""
    reg_s = factor * np.linalg.norm(a.real, 2) ** 2
    distinct = a.real[: min(a.m, a.p) - 1]
    x = distinct[np.arange(2 * a.p) % len(distinct)]
    error = np.linalg.norm(train(x, dl.solved_labels(a.w, x, reg_s), reg_s) - a.w)
    left = np.linalg.norm(a.w - a.w @ pinv(distinct) @ distinct)
    assert np.isclose(error, left, rtol=1e-6, atol=1e-9 * np.linalg.norm(a.w))
    assert error > 1e-6 * np.linalg.norm(a.w)


@given(instances(), st.sampled_from((0.0, 0.1)), st.sampled_from((2, "nuc", "fro")), scales)
def test_solved_labels_are_best_in_every_unitarily_invariant_norm_and_row_by_row(
    a, factor, norm, step
):
    reg_s = factor * np.linalg.norm(a.real, 2) ** 2
    y = np.asarray(dl.solved_labels(a.w, a.real, reg_s))
    other = y + step * np.linalg.norm(y) * a.rng.normal(size=y.shape)
    best, worse = (train(a.real, labels, reg_s) - a.w for labels in (y, other))
    slack = 1e-10 * condition(a.real) * np.linalg.norm(a.w)
    assert np.linalg.norm(best, norm) <= np.linalg.norm(worse, norm) + slack
    assert (np.linalg.norm(best, axis=1) <= np.linalg.norm(worse, axis=1) + slack).all()


def test_random_points_leave_on_average_the_share_of_dimensions_they_lack():
    """E ||W (Pi - I)||^2 = (1 - m / p) ||W||^2 for points whose distribution no rotation changes."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(3, 8))
    for m in (3, 5):
        squares = []
        for _ in range(400):
            x = rng.normal(size=(m, 8)) * rng.exponential(size=(m, 1))  # lengths do not matter
            squares.append(
                dl.recovery_error(w, dl.recovered_weights(x, dl.solved_labels(w, x))) ** 2
            )
        assert abs(np.mean(squares) - (1 - m / 8)) < 4 * np.std(squares) / np.sqrt(400)


# The measures


@given(instances(), scales)
def test_recovery_error_and_cosine(a, c):
    other = a.w + c * a.z[:1] * np.ones((a.k, 1))
    assert np.isclose(
        dl.recovery_error(a.w, other), np.linalg.norm(other - a.w) / np.linalg.norm(a.w)
    )
    cosine = np.sum(a.w * other) / (np.linalg.norm(a.w) * np.linalg.norm(other))
    assert np.isclose(dl.cosine(a.w, other), cosine)
    assert np.isclose(dl.cosine(a.w, c * a.w), 1, rtol=1e-12)
    assert np.isclose(dl.cosine(a.w, -c * a.w), -1, rtol=1e-12)


# Bad input


@given(instances(shapes=[s for s in SHAPES if s[0] > 1]), st.data())
def test_labels_of_low_rank_are_refused(a, data):
    r = data.draw(st.integers(0, a.k - 1))
    with pytest.raises(ValueError, match=f"the labels Y_S have rank {r}, .* rank k = {a.k}"):
        dl.recovery_matrix(a.w, matrix(a.rng, a.m, a.k, rank=r))


@pytest.mark.parametrize("smallest", [2, 8, 15, 30])
def test_labels_are_either_refused_or_inverted_to_the_last_direction(smallest):
    # Labels whose smallest singular value is some units of rounding: no third way, in which it is
    # dropped.
    rng = np.random.default_rng(0)
    left, right = np.linalg.qr(rng.normal(size=(5, 3)))[0], np.linalg.qr(rng.normal(size=(3, 3)))[0]
    y, w = (left * [1, 1, smallest * 5 * np.finfo(float).eps]) @ right.T, matrix(rng, 3, 8)
    if smallest < 10:
        with pytest.raises(ValueError, match="the labels Y_S have rank 2"):
            dl.recovery_matrix(w, y)
    else:
        assert np.linalg.norm(dl.recovery_matrix(w, y)) > 1e12 * np.linalg.norm(w)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w, y, z: dl.recovery_matrix(w, y[0], z), r"labels has shape \(3,\)"),
        (
            lambda w, y, z: dl.recovery_matrix(w[:2], y, z),
            r"labels has shape \(5, 3\), .* \(any, 2\)",
        ),
        (lambda w, y, z: dl.recovery_matrix(w, y, z[:, :7]), r"z has shape \(5, 7\), .* \(5, 8\)"),
        (lambda w, y, z: dl.recovery_matrix(w, y, z[:4]), r"z has shape \(4, 8\), .* \(5, 8\)"),
        (lambda w, y, z: dl.realistic_matrix(w, y, z[:4]), r"real has shape \(4, 8\), .* \(5, 8\)"),
        (
            lambda w, y, z: dl.recovery_matrix(w * np.nan, y, z),
            "weights holds 24 entries that are NaN",
        ),
        (lambda w, y, z: dl.recovery_matrix(w, y / 0.0, z), "labels holds 15 entries"),
        (lambda w, y, z: dl.recovery_matrix(w, y, z * np.inf), "z holds 40 entries"),
        (lambda w, y, z: dl.support_features(z * np.nan), "40 entries that are NaN"),
        (lambda w, y, z: dl.support_features(z[0]), r"has shape \(8,\)"),
        (lambda w, y, z: dl.support_features(z, -1.0), "-1.0 is not a ridge parameter"),
        (
            lambda w, y, z: dl.solved_labels(w, z[:, :7]),
            r"features has shape \(5, 7\), .* \(any, 8\)",
        ),
        (lambda w, y, z: dl.solved_labels(w, z * np.nan), "features holds 40 entries"),
        (lambda w, y, z: dl.solved_labels(w, z, np.nan), "nan is not a ridge parameter"),
    ],
)
def test_bad_input_is_one_sentence(call, message):
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        call(rng.normal(size=(3, 8)), rng.normal(size=(5, 3)), rng.normal(size=(5, 8)))
