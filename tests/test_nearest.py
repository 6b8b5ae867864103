"""The nearest distilled set: exact recovery, the least distance, and the cases without one.

Columns in the comments, as in the paper; rows in the code: W Xh is real @ w.T, P Xh is real @ P.
"""

import numpy as np
import pytest
from helpers import SHAPES, close, condition, instances, matrix, pinv, scales, seeds, train, values
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


def regularised(x, reg):
    """x with singular values s + reg / s."""
    v, s, ut = np.linalg.svd(x, full_matrices=False)
    return (v * (s + reg / s)) @ ut


regs = st.sampled_from((0.0, 0.01, 1.0))


@given(instances(), regs)
def test_it_carries_the_model_at_the_least_distance(a, factor):
    reg_s = factor * values(a.real)[-1] ** 2
    x = regularised(a.real, reg_s)
    found = dl.nearest_set(a.w, a.real, reg_s)
    target, labels = np.asarray(found.target), np.asarray(found.labels)
    # W_S = Y_S X_{lam_S}^+ = W, and Y_S = W Xh.
    cond = condition(target, a.w)
    assert close(train(target, labels), a.w, cond**2)
    assert close(labels, x @ a.w.T, 10, np.linalg.norm(x) * np.linalg.norm(a.w))
    least = tail(a.w, x) if a.m < a.p else 0.0
    size = np.linalg.norm(x)
    assert np.isclose(found.distance, least, atol=1e-11 * size)
    assert np.isclose(np.linalg.norm(target - x), least, atol=1e-11 * size)


@given(instances(shapes=BELOW))
def test_it_is_the_formula(a):
    """X_S = Xh - P Xh B_k B_k^T, B from a full SVD of P Xh."""
    px = a.real @ projector(a.w)
    b_k = np.linalg.svd(px)[0][:, -a.k :]
    gap = np.linalg.svd(px, compute_uv=False)
    gap = gap[-a.k - 1] - gap[-a.k] if a.m > a.k else np.inf
    if gap > 1e-3 * np.linalg.norm(px):  # B_k is a subspace of its own
        assert close(dl.nearest_set(a.w, a.real).target, a.real - b_k @ b_k.T @ px, 1e5)


@given(instances(shapes=[s for s in SHAPES if s[0] == s[2]]))
def test_with_k_points_it_projects_onto_the_rows_of_the_model(a):
    found = dl.nearest_set(a.w, a.real)
    assert close(found.target, a.real @ pinv(a.w) @ a.w, condition(a.w), np.linalg.norm(a.real))
    # Theorem 4.1 with Y_S = W Xh.
    theorem = dl.support_features(dl.recovery_matrix(a.w, found.labels))
    assert close(found.target, theorem, condition(a.w, found.labels, found.target) ** 2)


@given(instances(shapes=SPANNING), regs)
def test_points_that_span_do_not_move(a, factor):
    """Theorem 4.2: the labels alone suffice."""
    found = dl.nearest_set(a.w, a.real, factor)
    assert np.array_equal(found.target, dl.regularised(a.real, factor))
    assert found.distance == 0
    assert close(found.labels, dl.solved_labels(a.w, a.real, factor))


@given(instances(shapes=BELOW), st.data())
def test_no_feasible_set_is_nearer(a, data):
    """Feasible sets, random and then walked downhill: X_S = Q A + N B with B V = 0, A V invertible, for a basis V of k columns.

    Q spans range(W^T), N the rest. Given V, the nearest is A = Q^T Xh, B = N^T Xh (I - V V^T), at distance ||N^T Xh V||.
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
            train(feasible.T, y.T), a.w, condition(feasible) ** 2 * np.linalg.cond(y @ v) * condition(a.w)
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
    assert distance <= np.linalg.norm(realistic - a.real) * (1 + 1e-9) + 1e-11 * np.linalg.norm(a.real)


@given(instances(), scales)
def test_the_scale_of_the_model_does_not_matter(a, c):
    one, other = dl.nearest_set(a.w, a.real), dl.nearest_set(c * a.w, a.real)
    assert np.isclose(one.distance, other.distance, atol=1e-11 * np.linalg.norm(a.real))
    assert close(
        other.labels, c * np.asarray(one.labels), 1e3, c * np.linalg.norm(a.w) * np.linalg.norm(a.real)
    )


# lam_S > 0: the way back to features


@given(instances(), st.sampled_from((1e-3, 0.2, 1.0)), st.sampled_from("+-"))
def test_with_a_ridge_the_features_exist_just_when_the_bound_allows(a, factor, branch):
    reg_s = factor * values(a.real)[-1] ** 2
    found = dl.nearest_set(a.w, a.real, reg_s)
    smallest = np.linalg.svd(np.asarray(found.target), compute_uv=False)[-1]
    if smallest < 2 * np.sqrt(reg_s) * (1 - 1e-9):
        with pytest.raises(ValueError, match=r"reg_s = .* is above 1 / \(4 s_1\^2\)"):
            dl.unregularised(found.target, reg_s, branch)
    elif smallest > 2 * np.sqrt(reg_s) * (1 + 1e-9):
        features = dl.unregularised(found.target, reg_s, branch)
        cond = condition(found.target, features, a.w) ** 2
        assert close(train(features, found.labels, reg_s), a.w, cond)


@pytest.mark.parametrize(("factor", "exists"), [(0.01, True), (0.5, False)])
def test_both_happen(factor, exists):
    # Moving the points lowers the smallest singular value, here of Xh_{lam_S} under 2 sqrt(lam_S).
    rng = np.random.default_rng(0)
    w, real = matrix(rng, 3, 8), matrix(rng, 5, 8)
    reg_s = factor * values(real)[-1] ** 2
    found = dl.nearest_set(w, real, reg_s)
    assert values(regularised(real, reg_s))[-1] >= 2 * np.sqrt(reg_s)
    assert (values(found.target)[-1] >= 2 * np.sqrt(reg_s)) == exists


# Where there is none


@given(seeds, scales, st.sampled_from([s for s in BELOW if s[2] <= s[1] - s[0] and s[2] > s[0]]))
def test_directions_that_carry_none_of_the_model_are_refused(seed, scale, shape):
    """W Xh B_k singular: the formula's set does not carry W, and the distance is not attained."""
    k, p, m = shape
    rng = np.random.default_rng(seed)
    w = matrix(rng, k, p)
    basis = np.linalg.svd(w)[2].T
    q, n = basis[:, :k], basis[:, k:]
    outside = matrix(rng, p - k, m, scale=scale)
    b_k = np.linalg.svd(outside)[2][-k:].T
    t = np.linalg.svd(outside, compute_uv=False)
    if t[m - k - 1] - t[m - k] < 1e-2 * t[0]:
        return  # B_k is not a subspace of its own, and rounding finds one that carries the model
    inside = matrix(rng, k, m, scale=scale) @ (np.eye(m) - np.outer(b_k[:, 0], b_k[:, 0]))
    real = (q @ inside + n @ outside).T
    assert len(values(real)) == m
    with pytest.raises(ValueError, match="W Xh B_k is singular"):
        dl.nearest_set(w, real)
    given_up = real - b_k @ b_k.T @ real @ projector(w)
    assert np.linalg.norm(train(given_up, real @ w.T) - w) > 1e-3 * np.linalg.norm(w)


@given(instances(shapes=[s for s in SHAPES if s[0] > 1]), st.data())
def test_a_model_of_low_rank_is_refused(a, data):
    r = data.draw(st.integers(0, a.k - 1))
    with pytest.raises(ValueError, match=f"the model W has rank {r}; the nearest set needs rank k = {a.k}"):
        dl.nearest_set(matrix(a.rng, a.k, a.p, r), a.real)


@given(instances(shapes=[s for s in SHAPES if 1 < s[2] <= s[1]]))
def test_a_repeated_sample_is_refused(a):
    real = a.real.copy()
    real[-1] = real[0]
    with pytest.raises(ValueError, match=f"the real features have rank {a.m - 1}, below .* = {a.m}"):
        dl.nearest_set(a.w, real)


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
    ],
)
def test_bad_input_is_one_sentence(call, message):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=message):
        call(rng.normal(size=(3, 8)), rng.normal(size=(5, 8)))
