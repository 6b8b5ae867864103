"""Sets near real data: exact recovery, the least distance and its price, and the cases without one.

Columns in the comments, as in the paper; rows in the code: W Xh is real @ w.T, P Xh is real @ P.
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
    seeds,
    train,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

import distill_lib as dl

BELOW = [(k, p, m) for k, p, m in SHAPES if m < p]
SPANNING = [(k, p, m) for k, p, m in SHAPES if m >= p]


def projector(w):
    """P = I - W^+ W."""
    return np.eye(w.shape[1]) - pinv(w) @ w


def tail(w, x):
    """Eckart and Young: the k smallest of the m singular values of P Xh."""
    t = np.linalg.svd(x @ projector(w), compute_uv=False)
    t = np.append(t, np.zeros(len(x) - len(t)))  # the missing ones are 0
    return np.sqrt((t[len(x) - len(w) :] ** 2).sum())


def missing(w, x):
    """(I - Pi) Q: the part of an orthonormal basis of range(W^T) outside the span of the samples."""
    q = np.linalg.svd(w)[2][: len(w)].T
    return q - pinv(x) @ x @ q


def regularised(x, reg):
    """x with singular values s + reg / s."""
    v, s, ut = np.linalg.svd(x, full_matrices=False)
    return (v * (s + reg / s)) @ ut


regs = st.sampled_from((0.0, 0.01, 1.0))


@given(instances(), regs)
def test_it_carries_the_model_at_the_least_distance(a, factor):
    reg_s = factor * values(a.real)[-1] ** 2
    found = dl.nearest_set(a.w, a.real, reg_s)
    features, labels = np.asarray(found.features), np.asarray(found.labels)
    # W_S = Y_S X_{lam_S}^+ = W with Y_S = W X_{lam_S}, which is W Xh at lam_S = 0.
    cond = condition(features, a.w)
    assert close(train(features, labels, reg_s), a.w, cond**2)
    wished = a.real if reg_s == 0 else regularised(features, reg_s)
    assert close(labels, wished @ a.w.T, 1e2 * cond, np.linalg.norm(wished) * np.linalg.norm(a.w))
    least = tail(a.w, a.real) if a.m < a.p else 0.0
    size = np.linalg.norm(a.real)
    assert np.isclose(found.distance, least, atol=1e-11 * size)
    assert np.isclose(np.linalg.norm(features - a.real), least, atol=1e-11 * size)


@given(instances(shapes=BELOW), regs)
def test_no_ridge_moves_the_points_and_none_is_too_large(a, factor):
    reg_s = factor * 1e3 * values(a.real)[0] ** 2
    plain, ridge = dl.nearest_set(a.w, a.real), dl.nearest_set(a.w, a.real, reg_s)
    assert np.array_equal(plain.features, ridge.features)
    assert plain.distance == ridge.distance
    assert close(
        train(ridge.features, ridge.labels, reg_s), a.w, 10 * condition(ridge.features, a.w) ** 2
    )


@given(instances(shapes=BELOW), fractions, st.sampled_from("+-"))
def test_nearest_between_the_regularised_is_farther_between_the_data(a, factor, branch):
    """The same formula on Xh_{lam_S} minimises another distance, and a set comes of it only where
    lam_S allows.
    """
    reg_s = factor * values(a.real)[-1] ** 2
    target = dl.nearest_set(a.w, regularised(a.real, reg_s)).features
    if np.linalg.svd(np.asarray(target), compute_uv=False)[-1] < 2 * np.sqrt(reg_s) * (1 + 1e-9):
        return
    other = np.asarray(dl.unregularised(target, reg_s, branch))
    assert close(
        train(other, np.asarray(target) @ a.w.T, reg_s),
        a.w,
        condition(other, a.w) ** 2 * condition(target),
    )
    assert np.linalg.norm(other - a.real) >= dl.nearest_set(a.w, a.real).distance * (1 - 1e-9)


def test_and_often_there_is_none():
    # Moving the points lowers the smallest singular value of Xh_{lam_S} under 2 sqrt(lam_S).
    rng = np.random.default_rng(0)
    w, real = matrix(rng, 3, 8), matrix(rng, 5, 8)
    least, exists = dl.nearest_set(w, real).distance, []
    for factor in (0.01, 0.5):
        reg_s = factor * values(real)[-1] ** 2
        assert values(regularised(real, reg_s))[-1] >= 2 * np.sqrt(reg_s)
        target = dl.nearest_set(w, regularised(real, reg_s)).features
        exists.append(bool(values(target)[-1] >= 2 * np.sqrt(reg_s)))
        if exists[-1]:
            assert np.linalg.norm(dl.unregularised(target, reg_s) - real) > least * (1 + 1e-6)
    assert exists == [True, False]


@given(instances(shapes=BELOW))
def test_it_is_the_formula(a):
    """X_S = Xh - P Xh B_k B_k^T, B from a full SVD of P Xh."""
    px = a.real @ projector(a.w)
    b_k = np.linalg.svd(px)[0][:, -a.k :]
    gap = np.linalg.svd(px, compute_uv=False)
    gap = gap[-a.k - 1] - gap[-a.k] if a.m > a.k else np.inf
    if gap > 1e-3 * np.linalg.norm(px):  # B_k is a subspace of its own
        assert close(dl.nearest_set(a.w, a.real).features, a.real - b_k @ b_k.T @ px, 1e5)


@given(instances(shapes=[s for s in SHAPES if s[0] == s[2]]))
def test_with_k_points_it_projects_onto_the_rows_of_the_model(a):
    found = dl.nearest_set(a.w, a.real)
    assert close(found.features, a.real @ pinv(a.w) @ a.w, condition(a.w), np.linalg.norm(a.real))
    # Theorem 4.1 with Y_S = W Xh.
    theorem = dl.support_features(dl.recovery_matrix(a.w, found.labels))
    assert close(found.features, theorem, condition(a.w, found.labels, found.features) ** 2)


@given(instances(shapes=SPANNING), regs)
def test_points_that_span_do_not_move(a, factor):
    """Theorem 4.2: the labels alone suffice."""
    found = dl.nearest_set(a.w, a.real, factor)
    assert np.array_equal(found.features, a.real)
    assert found.distance == 0
    assert close(found.labels, dl.solved_labels(a.w, a.real, factor))


@given(instances(shapes=BELOW), st.data())
def test_no_feasible_set_is_nearer(a, data):
    """Feasible sets, random and then walked downhill:

    X_S = Q A + N B with B V = 0, A V invertible, for a basis V of k columns.

    Q spans range(W^T), N the rest. Given V, the nearest is A = Q^T Xh, B = N^T Xh (I - V V^T), at
    distance ||N^T Xh V||.
    """
    right = np.linalg.svd(a.w)[2]
    q, n = right[: a.k].T, right[a.k :].T
    inside, outside = (a.real @ q).T, (a.real @ n).T
    distance = dl.nearest_set(a.w, a.real).distance
    size = np.linalg.norm(a.real)
    v = np.linalg.qr(a.rng.normal(size=(a.m, a.k)))[0]

    # Any feasible set, near the real points or far from them.
    step = 10.0 ** data.draw(st.floats(-3, 1)) * size
    free = (outside + step * a.rng.normal(size=outside.shape)) @ (np.eye(a.m) - v @ v.T)
    feasible = q @ (inside + step * a.rng.normal(size=inside.shape)) + n @ free
    y = a.w @ feasible
    if np.linalg.cond(y @ v) < 1e4:
        assert close(
            train(feasible.T, y.T),
            a.w,
            condition(feasible) ** 2 * np.linalg.cond(y @ v) * condition(a.w),
        )
        assert np.linalg.norm(feasible - a.real.T) >= distance - 1e-11 * size

    # Downhill in V.
    push = outside.T @ outside
    lengths = [np.linalg.norm(outside @ v)]
    for _ in range(5):
        v = np.linalg.qr(v - 0.5 * (np.eye(a.m) - v @ v.T) @ push @ v / np.linalg.norm(push, 2))[0]
        lengths.append(np.linalg.norm(outside @ v))
    assert lengths[-1] <= lengths[0] * (1 + 1e-9)
    assert min(lengths) >= distance - 1e-11 * size


@given(instances())
def test_it_is_never_farther_than_the_realistic_set_with_the_same_labels(a):
    y = a.real @ a.w.T
    realistic = dl.support_features(dl.realistic_matrix(a.w, y, a.real))
    distance = dl.nearest_set(a.w, a.real).distance
    assert distance <= np.linalg.norm(realistic - a.real) * (1 + 1e-9) + 1e-11 * np.linalg.norm(
        a.real
    )


@given(instances(), scales)
def test_the_scale_of_the_model_does_not_matter(a, c):
    one, other = dl.nearest_set(a.w, a.real), dl.nearest_set(c * a.w, a.real)
    assert np.isclose(one.distance, other.distance, atol=1e-11 * np.linalg.norm(a.real))
    assert close(
        other.labels,
        c * np.asarray(one.labels),
        1e3,
        c * np.linalg.norm(a.w) * np.linalg.norm(a.real),
    )


# The price


@given(instances(shapes=BELOW), scales)
def test_nearness_costs_conditioning(a, penalty):
    """||X_S^+|| ||X_S - Xh|| >= ||(I - Pi) Q|| for every set that carries W."""
    size = np.linalg.norm(a.real, 2)
    sets = [
        dl.nearest_set(a.w, a.real).features,
        dl.robust_set(a.w, a.real, penalty * size**2).features,
    ]
    for y in (a.y, a.real @ a.w.T):
        sets.append(dl.support_features(dl.realistic_matrix(a.w, y, a.real)))
    lacking = missing(a.w, a.real)
    for x in map(np.asarray, sets):
        for norm in (2, "fro"):
            price = np.linalg.norm(x - a.real, norm) / values(x)[-1]
            assert price >= np.linalg.norm(lacking, norm) * (1 - 1e-9) - 1e-10


@given(instances(shapes=BELOW))
def test_the_directions_given_up_become_the_model_and_nothing_else(a):
    """In the bases (Q, N) and (B_1, B_k), X_S is the triangular [[M B_1, F], [J_1 diag(t), 0]] with
    M = Q^T Xh, F = M B_k.
    """
    q = np.linalg.svd(a.w)[2][: a.k].T
    px = a.real @ projector(a.w)
    b, t, _ = np.linalg.svd(px)
    t = np.append(t, np.zeros(a.m - len(t)))
    if a.m > a.k and t[a.m - a.k - 1] - t[a.m - a.k] < 1e-3 * t[0]:
        return  # B_k is not a subspace of its own
    m_b = q.T @ a.real.T @ b
    triangle = np.vstack([m_b, np.hstack([np.diag(t[: a.m - a.k]), np.zeros((a.m - a.k, a.k))])])
    s = np.linalg.svd(np.asarray(dl.nearest_set(a.w, a.real).features), compute_uv=False)
    assert np.allclose(np.linalg.svd(triangle, compute_uv=False), s, rtol=0, atol=1e-8 * s[0])
    entering = np.linalg.svd(m_b[:, -a.k :], compute_uv=False)[-1]
    assert s[-1] <= min([entering, *t[: a.m - a.k]]) * (1 + 1e-6) + 1e-9 * s[0]


# Robust sets


@given(instances(), scales, regs)
def test_a_robust_set_carries_the_model_with_small_coefficients(a, penalty, factor):
    size = np.linalg.norm(a.real, 2)
    penalty, reg_s = 1e-2 * penalty * size**2, factor * size**2
    found = dl.robust_set(a.w, a.real, penalty, reg_s)
    features = np.asarray(found.features)
    q = np.linalg.svd(a.w)[2][: a.k].T
    c = np.linalg.solve(a.real @ a.real.T + penalty * np.eye(a.m), a.real @ q)
    assert close(features.T @ c, q, 1e2 * condition(c) ** 2 * condition(a.real))
    assert np.isclose(
        found.distance, np.linalg.norm(features - a.real), rtol=1e-9, atol=1e-11 * size
    )
    assert np.linalg.norm(c, 2) <= 1 / (2 * np.sqrt(penalty)) * (1 + 1e-12)
    s = values(features)
    if s[0] < 1e3 * s[-1]:
        cond = condition(features, a.w) ** 2 * condition(c) ** 2
        assert close(train(features, found.labels, reg_s), a.w, 10 * cond)
    # Of all X with X C = Q it is the nearest: the way to the samples is orthogonal to every way
    # within them.
    step = a.z.T @ (np.eye(a.m) - c @ pinv(c))
    inner = abs(np.vdot(features - a.real, step.T))
    assert inner <= 1e-9 * condition(c) * max(size, np.linalg.norm(features)) * np.linalg.norm(a.z)


@given(instances(), scales, fractions)
def test_rounding_leaves_a_robust_set_its_model(a, penalty, share):
    """The relative error with labels solved again is at most ||E|| / (2 sqrt(penalty))."""
    penalty = penalty * np.linalg.norm(a.real, 2) ** 2
    features = np.asarray(dl.robust_set(a.w, a.real, penalty).features)
    e = a.rng.normal(size=features.shape)
    e *= share * 2 * np.sqrt(penalty) / np.linalg.norm(e, 2)
    moved = features + e
    error = np.linalg.norm(train(moved, dl.solved_labels(a.w, moved)) - a.w) / np.linalg.norm(a.w)
    assert error <= share * (1 + 1e-9) + 1e-9


@given(instances(shapes=SPANNING))
def test_without_a_penalty_spanning_points_do_not_move(a):
    found = dl.robust_set(a.w, a.real, 0.0)
    assert found.distance <= 1e-10 * condition(a.real) ** 2 * np.linalg.norm(a.real)


@given(instances(shapes=BELOW), st.booleans())
def test_corollary_4_1_1_becomes_a_distance_between_data_as_the_ridge_grows(a, best):
    """Its limit is the robust set of penalty 0 with labels W Xh_{lam_S}, and the nearest set with
    its best labels.
    """
    size, cond = np.linalg.norm(a.real, 2), condition(a.real, a.w)
    reg_s = 1e9 * cond**2 * size**2
    if best:
        h = np.asarray(dl.regularised_pinv(a.real, reg_s))
        p = projector(a.w)
        u, t, _ = np.linalg.svd(h @ p)
        if a.m > a.k and t[a.m - a.k - 1] - t[min(a.m - a.k, len(t) - 1)] < 1e-2 * t[0]:
            return  # B_k is not a subspace of its own
        e = u[:, -a.k :]
        labels = np.linalg.solve(e.T @ h @ pinv(a.w), e.T).T
        limit = dl.nearest_set(a.w, a.real)
        if np.linalg.cond(e.T @ h @ pinv(a.w)) > 1e3:
            return
    else:
        labels = dl.solved_labels(a.w, a.real, reg_s)
        limit = dl.robust_set(a.w, a.real, 0.0)
    if np.linalg.norm(limit.features) > 1e2 * size:
        return  # lam_S is not yet large beside this set
    found = dl.support_features(dl.realistic_matrix(a.w, labels, a.real, reg_s), reg_s, "-")
    assert np.allclose(found, limit.features, rtol=0, atol=1e-4 * size)


# Where there is none


def blind_spot(seed, shape, scale=1.0):
    """W and samples with W Xh b = 0 for a b in the span of B_k; also B_k and Q.

    None where B_k is no subspace of its own.
    """
    k, p, m = shape
    rng = np.random.default_rng(seed)
    w = matrix(rng, k, p)
    basis = np.linalg.svd(w)[2].T
    q, n = basis[:, :k], basis[:, k:]
    outside = matrix(rng, p - k, m, scale=scale)
    b_k = np.linalg.svd(outside)[2][-k:].T
    t = np.linalg.svd(outside, compute_uv=False)
    if t[m - k - 1] - t[m - k] < 1e-2 * t[0]:
        return None  # rounding finds another B_k, one that carries the model
    inside = matrix(rng, k, m, scale=scale) @ (np.eye(m) - np.outer(b_k[:, 0], b_k[:, 0]))
    return w, (q @ inside + n @ outside).T, b_k, q


@given(seeds, scales, st.sampled_from([s for s in BELOW if s[2] <= s[1] - s[0] and s[2] > s[0]]))
def test_directions_that_carry_none_of_the_model_are_refused(seed, scale, shape):
    """W Xh B_k singular: the formula's set does not carry W, and the distance is not attained."""
    if (found := blind_spot(seed, shape, scale)) is None:
        return
    w, real, b_k, q = found
    assert len(values(real)) == shape[2]
    with pytest.raises(ValueError, match="W Xh B_k is singular"):
        dl.nearest_set(w, real)
    given_up = real - b_k @ b_k.T @ real @ projector(w)
    assert np.linalg.norm(train(given_up, real @ w.T) - w) > 1e-3 * np.linalg.norm(w)
    # Yet sets come as near to the distance as one likes, each worse conditioned than the one
    # before.
    least, before = tail(w, real), 0.0
    for step in (1e-2, 1e-4, 1e-6):
        aside = real + step * scale * b_k @ q.T
        near = np.asarray(dl.nearest_set(w, aside).features)
        above = np.linalg.norm(near - real) - least
        assert -1e-9 * least <= above <= 2 * step * scale * np.sqrt(len(w))
        assert condition(near) > 10 * before
        before = condition(near)


@given(seeds, scales, st.sampled_from(((2, 1, 1, 0.5, 0.2), (2, 1, 1, 1, 0.5), (1, 1, 1, 1, 1))))
def test_at_a_tie_the_directions_given_up_are_those_that_carry_most(seed, scale, t):
    """The last values of P Xh on both sides of m - k are equal, so B_k may be turned among them."""
    rng, k, p, m = np.random.default_rng(seed), 3, 8, 5
    q, n = np.split(np.linalg.qr(rng.normal(size=(p, p)))[0], [k], axis=1)
    b = np.linalg.qr(rng.normal(size=(m, m)))[0]
    w, seen = matrix(rng, k, k) @ q.T, matrix(rng, k, m)
    if t[0] > t[1]:  # the model sees one tied direction less than there are
        blind = b[:, 1:4] @ np.append(rng.normal(size=2), t[3] == 1)
        seen = seen - np.outer(seen @ blind, blind) / (blind @ blind) * (t[3] == 1)
    real = scale * (q @ seen + n @ (b * np.array(t)).T).T
    found = dl.nearest_set(w, real)
    features = np.asarray(found.features)
    assert np.isclose(found.distance, tail(w, real))
    assert np.isclose(np.linalg.norm(features - real), tail(w, real))
    assert close(train(features, found.labels), w, condition(features, w) ** 2)

    def volume(given_up):
        return abs(np.linalg.det(seen @ given_up))

    tied = [i for i in range(m) if t[i] == 1]
    chosen = np.linalg.svd((features @ n).T)[2][m - k :].T  # the kernel of P X_S
    for _ in range(30):
        turned = b[:, tied] @ np.linalg.qr(rng.normal(size=(len(tied), len(tied))))[0]
        other = np.hstack([turned, b[:, tied[-1] + 1 :]])[:, -k:]
        assert volume(other) <= volume(chosen) * (1 + 1e-6)


def test_a_zero_is_told_from_rounding():
    found = [blind_spot(seed, (3, 8, 5)) for seed in range(300)]
    for w, real, _, _ in filter(None, found):
        with pytest.raises(ValueError, match="W Xh B_k is singular"):
            dl.nearest_set(w, real)


@given(instances(shapes=[s for s in SHAPES if s[0] > 1]), st.data())
def test_a_model_of_low_rank_is_refused(a, data):
    r = data.draw(st.integers(0, a.k - 1))
    with pytest.raises(
        ValueError,
        match=(
            f"the model W has rank {r} < k = {a.k}: a set near real data needs independent outputs"
        ),
    ):
        dl.nearest_set(matrix(a.rng, a.k, a.p, r), a.real)


@given(instances(shapes=[s for s in SHAPES if s[0] < s[2]]), regs)
def test_dependent_samples_stay_so_and_the_rest_moves_least(a, factor):
    real = a.real.copy()
    real[-1] = real[0]
    v = np.linalg.svd(real)[0][:, : len(values(real))]  # basis of the row space of Xh
    found = dl.nearest_set(a.w, real, factor)
    features = np.asarray(found.features)
    assert np.allclose(features[-1], features[0], rtol=0, atol=1e-10 * np.linalg.norm(real))
    assert np.isclose(found.distance, tail(a.w, v.T @ real), atol=1e-10 * np.linalg.norm(real))
    assert np.isclose(
        found.distance, np.linalg.norm(features - real), atol=1e-10 * np.linalg.norm(real)
    )
    s = np.linalg.svd(features, compute_uv=False)[: v.shape[1]]
    if s[-1] > 1e-5 * s[0]:
        assert close(
            train(features, found.labels, factor), a.w, 10 * (s[0] / s[-1]) ** 2 * condition(a.w)
        )


@given(instances(shapes=[s for s in SHAPES if s[0] > 1]))
def test_fewer_independent_samples_than_outputs_are_refused(a):
    real = matrix(a.rng, a.m, a.p, a.k - 1)
    with pytest.raises(ValueError, match=f"the real features have rank {a.k - 1}, below k = {a.k}"):
        dl.nearest_set(a.w, real)
    with pytest.raises(
        ValueError, match=f"W Xh on the real samples have rank {a.k - 1}, below k = {a.k}"
    ):
        dl.robust_set(a.w, real, 1.0)


@given(instances(shapes=BELOW))
def test_samples_the_model_does_not_see_are_refused(a):
    with pytest.raises(ValueError, match="W Xh B_k is singular"):
        dl.nearest_set(a.w, matrix(a.rng, a.m, a.p) @ projector(a.w))


def test_samples_may_repeat_where_the_rest_spans():
    rng = np.random.default_rng(0)
    w, real = matrix(rng, 3, 5), matrix(rng, 9, 5)
    real[-1] = real[0]
    assert dl.nearest_set(w, real).distance == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w, x: dl.nearest_set(w, x[:2]), "m = 2 support points .* k = 3 outputs"),
        (lambda w, x: dl.nearest_set(w, x[:, :7]), r"real has shape \(5, 7\), .* \(any, 8\)"),
        (lambda w, x: dl.nearest_set(w[0], x), r"weights has shape \(8,\)"),
        (lambda w, x: dl.nearest_set(w * np.nan, x), "weights holds 24 entries"),
        (lambda w, x: dl.nearest_set(w, x * np.inf), "real holds 40 entries"),
        (lambda w, x: dl.nearest_set(w, x, -1.0), "reg_s = -1.0 is not a ridge parameter"),
        (lambda w, x: dl.nearest_set(w, x, np.nan), "reg_s = nan is not a ridge parameter"),
        (lambda w, x: dl.robust_set(w, x[:2], 1.0), "m = 2 support points .* k = 3 outputs"),
        (lambda w, x: dl.robust_set(w, x[:, :7], 1.0), r"real has shape \(5, 7\), .* \(any, 8\)"),
        (lambda w, x: dl.robust_set(w * np.nan, x, 1.0), "weights holds 24 entries"),
        (lambda w, x: dl.robust_set(w, x, -1.0), "penalty = -1.0 is not a ridge parameter"),
        (lambda w, x: dl.robust_set(w, x, np.nan), "penalty = nan is not a ridge parameter"),
        (lambda w, x: dl.robust_set(w, x, 1.0, -1.0), "reg_s = -1.0 is not a ridge parameter"),
    ],
)
def test_bad_input_is_one_sentence(call, message):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=message):
        call(rng.normal(size=(3, 8)), rng.normal(size=(5, 8)))
