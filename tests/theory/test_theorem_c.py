"""Theorems C.1 and C.2: what each claims, where it stops, and how they meet Theorem 4.1 and the
nearest set.
"""

import numpy as np
import pytest
from helpers import close, condition, fractions, instances, matrix, pinv, seeds, train, values
from hypothesis import given
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.linalg import pseudoinverse
from distill_lib.theory import closed_form, theorem_c

SHAPES = ((3, 8, 3), (3, 8, 5), (3, 6, 6), (3, 5, 9))  # k, p, m
ABOVE = [s for s in SHAPES if s[2] >= s[1]]
BELOW = [s for s in SHAPES if s[2] < s[1]]
SPARE = [s for s in SHAPES if s[2] > s[0]]


def off(a, target, reg_s=0.0, y=None):
    """Recovery error of the features with phi_{reg_s} = target, by training, in units of rounding's
    scale.
    """
    features = np.asarray(pseudoinverse.unregularised(target, reg_s))
    y = a.y if y is None else y
    size = np.linalg.norm(y) / values(target)[-1]
    return np.linalg.norm(train(features, y, reg_s) - a.w) / size


def largest_reg(target):
    """The largest lam_S of features with phi_{lam_S} = target."""
    return pseudoinverse.largest_reg(pseudoinverse.svd(target).s)


def projectors(a):
    """P = I - W^+ W and R = I - Y_S^+ Y_S."""
    return np.eye(a.p) - pinv(a.w) @ a.w, np.eye(a.m) - pinv(a.y.T) @ a.y.T


# Theorem C.1


@given(instances(SHAPES))
def test_the_model_answers_the_labels_on_all_of_these_and_on_no_others(a):
    target = np.asarray(theorem_c.interpolating_target(a.w, a.y, a.z))
    p, _ = projectors(a)
    size = np.linalg.norm(a.z) + np.linalg.norm(a.y) * np.linalg.norm(pinv(a.w))
    assert close(target, (pinv(a.w) @ a.y.T + p @ a.z.T).T, condition(a.w), size)
    assert close(target @ a.w.T, a.y, condition(a.w), size * np.linalg.norm(a.w))
    assert close(
        theorem_c.interpolating_target(a.w, target @ a.w.T, target), target, condition(a.w), size
    )
    assert close(theorem_c.interpolating_target(a.w, a.y), (pinv(a.w) @ a.y.T).T, condition(a.w))


@given(instances(ABOVE), st.sampled_from((0.0, None)), fractions)
def test_from_p_points_on_full_rank_suffices(a, zero, fraction):
    z = a.z / np.linalg.norm(a.z) * np.linalg.norm(a.y) * np.linalg.norm(pinv(a.w))
    target = theorem_c.interpolating_target(a.w, a.y, z)
    assert len(values(target)) == a.p
    reg_s = 0.0 if zero == 0 else fraction * largest_reg(target)
    assert off(a, target, reg_s) <= 1e-13 * condition(target, a.w) ** 2


@given(instances(BELOW))
def test_below_p_points_a_generic_free_matrix_fails_though_its_set_has_full_rank(a):
    target = np.asarray(theorem_c.interpolating_target(a.w, a.y, a.z / np.linalg.norm(a.z)))
    assert len(values(target)) == a.m
    trained = train(target, a.y)
    missed = a.w - a.w @ pinv(target) @ target  # W (I - X' X'^+): Theorem 4.2's error
    assert close(trained, a.w - missed, condition(target, a.w) ** 2, np.linalg.norm(a.w))
    assert np.linalg.norm(missed) > 1e-6 * np.linalg.norm(a.w)


@given(instances([s for s in SHAPES if s[2] <= s[1]]))
def test_up_to_p_points_every_set_of_full_rank_is_one_of_these(a):
    d = dl.recovery_matrix(a.w, a.y, a.z)
    target = np.asarray(dl.support_features(d))
    if len(values(target)) == a.m:
        assert close(
            target @ a.w.T,
            a.y,
            condition(d, a.y) ** 2,
            np.linalg.norm(target) * np.linalg.norm(a.w),
        )


@given(seeds)
def test_a_set_of_lower_rank_need_not_be_one_of_these(seed):
    """D = (Y_S^+ + N) W with N in the null space of Y_S has rank k; W does not answer Y_S on D^+."""
    rng = np.random.default_rng(seed)
    w, y = matrix(rng, 3, 8), matrix(rng, 5, 3)
    null = np.linalg.svd(y)[0][:, 3:] @ matrix(rng, 2, 3)
    x = pinv((pinv(y.T) + null) @ w).T
    assert close(train(x, y), w, condition(x, y) ** 2)
    assert np.linalg.norm(x @ w.T - y) > 1e-3 * np.linalg.norm(y)


@given(seeds)
def test_above_p_points_a_set_need_not_be_one_of_these(seed):
    rng = np.random.default_rng(seed)
    x, y = matrix(rng, 9, 5), matrix(rng, 9, 3)
    w = train(x, y)  # carried, and of full rank; but least squares leaves a residual
    assert np.linalg.norm(x @ w.T - y) > 1e-3 * np.linalg.norm(y)


@given(instances(SPARE), st.integers(0, 8))
def test_the_exact_condition_is_that_the_labels_map_the_null_space_of_the_free_part_onto_everything(
    a, rank
):
    """W_S = W iff Y_S null(P Z') = R^k, for every m and every rank of P Z'."""
    p, _ = projectors(a)
    rank = min(rank, a.m, a.p - a.k)
    free = matrix(a.rng, a.m, rank) @ matrix(a.rng, rank, a.p) @ p if rank else np.zeros((a.m, a.p))
    size = np.linalg.norm(a.y) * np.linalg.norm(pinv(a.w))
    free *= size / np.linalg.norm(free) if rank else 1
    target = np.asarray(theorem_c.interpolating_target(a.w, a.y, free))
    null = np.linalg.svd(free)[0][:, rank:] if a.m > rank else np.zeros((a.m, 0))
    reached = len(values(a.y.T @ null)) if null.size else 0
    assert (reached == a.k) == (a.m - rank >= a.k)  # for generic Y_S
    trained = train(target, a.y)
    error = np.linalg.norm(trained - a.w) / np.linalg.norm(a.w)
    if reached == a.k:
        assert error < 1e-13 * condition(target, a.w, a.y.T @ null) ** 2
    else:
        assert error > 1e-6


@given(seeds)
def test_dimensions_alone_do_not_decide(seed):
    """null(P Z') of dimension k, but the labels vanish on one of its directions."""
    rng = np.random.default_rng(seed)
    w, y = matrix(rng, 3, 8), matrix(rng, 5, 3)
    silent = np.linalg.svd(y)[0][:, 3:4]  # Y_S c = 0
    null = np.hstack([silent, rng.normal(size=(5, 2))])
    free = (np.eye(5) - null @ pinv(null)) @ rng.normal(size=(5, 8))
    target = np.asarray(theorem_c.interpolating_target(w, y, free))
    assert np.linalg.norm(train(target, y) - w) > 1e-6 * np.linalg.norm(w)


@given(instances([s for s in BELOW if s[2] > s[0]]))
def test_the_nearest_set_is_one_of_these(a):
    """Z' = Xh (I - B_k B_k^T) loses just the k ranks that the condition asks for."""
    near = dl.nearest_set(a.w, a.real)
    p, _ = projectors(a)
    target = np.asarray(near.features)
    again = theorem_c.interpolating_target(a.w, near.labels, target)
    assert close(again, target, condition(a.w))
    free = target @ p
    assert np.linalg.svd(free, compute_uv=False)[a.m - a.k :].max() < 1e-9 * np.linalg.norm(a.real)


@given(instances([s for s in BELOW if s[2] > s[0]]), st.sampled_from((0.1, 2.0)))
def test_with_a_ridge_the_nearest_set_is_one_of_these_for_its_regularised_points(a, reg_s):
    """X_S has no longer the labels W Xh; of the form is (X_S)_{lam_S}, with Y_S = W (X_S)_{lam_S}."""
    near = dl.nearest_set(a.w, a.real, reg_s * np.linalg.norm(a.real, 2) ** 2)
    points, reg_s = np.asarray(near.features), reg_s * np.linalg.norm(a.real, 2) ** 2
    target = np.asarray(pseudoinverse.regularised(points, reg_s))
    size, cond = np.linalg.norm(target), condition(points, a.w) ** 2
    assert close(target @ a.w.T, near.labels, cond, size * np.linalg.norm(a.w))
    assert close(theorem_c.interpolating_target(a.w, near.labels, target), target, cond, size)
    assert np.linalg.norm(a.real @ a.w.T - near.labels) > 1e-3 * np.linalg.norm(near.labels)


def test_a_model_of_deficient_rank_answers_some_labels_nowhere():
    rng = np.random.default_rng(0)
    w = matrix(rng, 3, 8, rank=2)
    with pytest.raises(ValueError, match=r"the model W has rank 2; Theorem C\.1 needs rank k = 3"):
        theorem_c.interpolating_target(w, rng.normal(size=(9, 3)))
    # And rightly: from p points on, W^+ Y_S + P Z' of full rank does not carry it.
    y, z = rng.normal(size=(9, 3)), rng.normal(size=(9, 8))
    target = (pinv(w) @ y.T + (np.eye(8) - pinv(w) @ w) @ z.T).T
    assert len(values(target)) == 8
    assert np.linalg.norm(train(target, y) - w) > 0.1 * np.linalg.norm(w)


# Theorem C.2


@given(instances(SHAPES), st.booleans(), fractions)
def test_the_decoupled_set_carries_models_of_every_rank(a, deficient, fraction):
    if deficient and a.k > 1:
        a.w = matrix(a.rng, a.k, a.p, 2, np.linalg.norm(a.w))
    a.z *= np.linalg.norm(theorem_c.decoupled_target(a.w, a.y)) / np.linalg.norm(a.z)
    target = np.asarray(theorem_c.decoupled_target(a.w, a.y, a.z))
    p, r = projectors(a)
    first = pinv(pinv(a.y.T) @ a.w).T
    size = np.linalg.norm(first) + np.linalg.norm(a.z)
    assert close(target, first + r @ a.z @ p, condition(a.w, a.y), size)
    assert close(theorem_c.decoupled_target(a.w, a.y), first, condition(a.w, a.y))
    s = np.linalg.svd(target, compute_uv=False)
    if s[s > 1e-9 * s[0]].min() < 1e-6 * s[0]:
        return  # the free part drowns the model, or the other way round
    for reg_s in (0.0, fraction * largest_reg(target)):
        assert off(a, target, reg_s) <= 1e-13 * condition(target, a.w, a.y) ** 2


@given(instances(SHAPES), st.sampled_from((0.1, 1.0, 100.0)))
def test_no_set_has_a_regularised_matrix_with_a_value_below_twice_the_root_of_lam_s(a, scale):
    reg_s = (scale * np.linalg.norm(a.real, 2)) ** 2
    assert values(pseudoinverse.regularised(a.real, reg_s))[-1] >= 2 * np.sqrt(reg_s) * (1 - 1e-9)


@given(instances(SHAPES), st.sampled_from((0.1, 1.0, 100.0)))
def test_its_singular_values_are_those_of_its_parts(a, scale):
    first = np.asarray(theorem_c.decoupled_target(a.w, a.y))
    z = scale * a.z * np.linalg.norm(first) / np.linalg.norm(a.z)
    target = np.asarray(theorem_c.decoupled_target(a.w, a.y, z))
    second = target - first
    assert np.allclose(first @ second.T, 0, atol=1e-11 * np.linalg.norm(target) ** 2)
    assert np.allclose(first.T @ second, 0, atol=1e-11 * np.linalg.norm(target) ** 2)
    together = np.sort(
        np.concatenate([np.linalg.svd(x, compute_uv=False) for x in (first, second)])
    )[::-1]
    assert np.allclose(
        np.linalg.svd(target, compute_uv=False),
        together[: min(a.m, a.p)],
        atol=1e-11 * np.linalg.norm(target),
    )


@given(instances(SPARE))
def test_a_free_part_large_enough_does_not_lower_the_bound(a):
    """Unlike Z in Theorem 4.1, where every Z but the right ones lowers it."""
    bound = closed_form.max_reg(dl.recovery_matrix(a.w, a.y))
    p, r = projectors(a)
    free = values(r @ a.z @ p)
    smallest = values(theorem_c.decoupled_target(a.w, a.y))[-1]
    enough, little = (
        (factor * smallest / free[-1] for factor in (1.5, 0.5)) if len(free) else (1, 1)
    )
    if len(free):
        assert np.isclose(
            largest_reg(theorem_c.decoupled_target(a.w, a.y, enough * a.z)),
            bound,
            rtol=1e-6,
        )
        less = largest_reg(theorem_c.decoupled_target(a.w, a.y, little * a.z))
        assert np.isclose(less, bound / 4, rtol=1e-6)
        with pytest.raises(ValueError, match=r"is above 1 / \(4 s_1\^2\)"):
            pseudoinverse.unregularised(
                theorem_c.decoupled_target(a.w, a.y, little * a.z), 0.9 * bound
            )


@given(instances(SPARE))
def test_decoupled_sets_are_those_of_theorem_4_1_whose_free_part_is_orthogonal_to_the_model(a):
    z = a.z / np.linalg.norm(a.z) * np.linalg.norm(pinv(a.w)) * np.linalg.norm(a.y)
    target = np.asarray(theorem_c.decoupled_target(a.w, a.y, z))
    d = pinv(target).T
    extra = d - pinv(a.y.T) @ a.w
    cond = condition(target, a.y) ** 2
    assert close(a.y.T @ d, a.w, cond)
    assert np.linalg.norm(extra @ a.w.T) <= 1e-12 * cond * np.linalg.norm(extra) * np.linalg.norm(
        a.w
    )
    # A generic Z of Theorem 4.1 is not: its set carries W, and is none of these.
    general = np.asarray(dl.recovery_matrix(a.w, a.y, a.z)) - pinv(a.y.T) @ a.w
    assert np.linalg.norm(general @ a.w.T) > 1e-6 * np.linalg.norm(general) * np.linalg.norm(a.w)


@given(seeds, st.sampled_from((3, 5, 9)))
def test_below_rank_k_the_formula_needs_the_pseudoinverse_of_the_product(seed, m):
    """With W^+ Y_S for (Y_S^+ W)^+, Theorem C.2 fails unless Y_S Y_S^T leaves range(W) alone."""
    rng = np.random.default_rng(seed)
    w, y = matrix(rng, 3, 8, rank=2), matrix(rng, m, 3)
    assert np.linalg.norm(train((pinv(w) @ y.T).T, y) - w) > 1e-6 * np.linalg.norm(w)
    y = np.linalg.qr(y)[0]
    assert close(train((pinv(w) @ y.T).T, y), w, condition(w) ** 2)


W, Y = np.eye(3, 8), np.eye(5, 3)
WRONG = {
    "z of other points": (lambda: theorem_c.interpolating_target(W, Y, np.ones((4, 8))), r"z has shape \(4, 8\)"),
    "z with NaN": (lambda: theorem_c.interpolating_target(W, Y, np.full((5, 8), np.nan)), "NaN"),
    "decoupled, z of other points": (lambda: theorem_c.decoupled_target(W, Y, np.ones((4, 8))), r"z has shape \(4, 8\)"),
    "decoupled, z with NaN": (lambda: theorem_c.decoupled_target(W, Y, np.full((5, 8), np.nan)), "NaN"),
    "labels of fewer outputs": (lambda: theorem_c.interpolating_target(W, Y[:, :2]), r"labels has shape \(5, 2\)"),
    "fewer points than outputs": (lambda: theorem_c.decoupled_target(W, Y[:2]), "m = 2 support points"),
    "labels of low rank": (lambda: theorem_c.decoupled_target(W, Y * [1, 1, 0]), r"rank 2, but Theorem 4\.1 needs rank k = 3"),
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
