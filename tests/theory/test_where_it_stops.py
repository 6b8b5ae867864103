"""What the sections "Where it stops" say, on the smallest instances and on random ones.

Columns are samples, as in the book.
"""

from itertools import combinations

import numpy as np
import pytest
from helpers import matrix, pinv, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from distill_lib.theory.closed_form import recovered_weights
from distill_lib.theory.rank_of_points import support_rank

few = settings(max_examples=20, deadline=None)


def rank(a):
    return np.linalg.matrix_rank(a, tol=1e-9 * max(1, np.linalg.norm(a)))


def recovery(w, y, z):
    """D = Y_S^+ W + (I - Y_S^+ Y_S) Z."""
    return pinv(y) @ w + (np.eye(y.shape[1]) - pinv(y) @ y) @ z


def set_of(d, reg, roots):
    """X_S with X_{S, reg}^+ = D; `roots` are signs."""
    if reg == 0:
        return pinv(d)
    v, t, ut = np.linalg.svd(d, full_matrices=False)
    keep = t > 1e-10 * t[0]
    v, t, ut = v[:, keep], t[keep], ut[keep]
    s = (1 + roots[: len(t)] * np.sqrt(1 - 4 * reg * t**2)) / (2 * t)
    return (ut.T * s) @ v.T


def trained(x, y, reg):
    """W_S = Y_S X_{S, reg}^+."""
    inverse = pinv(x) if reg == 0 else np.linalg.solve(x.T @ x + reg * np.eye(x.shape[1]), x.T)
    return y @ inverse


# Theorem 4.1


@given(seeds, st.sampled_from([0.0, 0.7]))
@few
def test_labels_of_lower_rank_carry_a_model_just_when_its_columns_lie_in_their_range(seed, share):
    rng = np.random.default_rng(seed)
    k, d, m = 4, 7, 5
    y = matrix(rng, k, m, rank=2)
    inside, outside = y @ pinv(y) @ rng.normal(size=(k, d)), rng.normal(size=(k, d))
    for w, carried in ((inside, True), (outside, False)):
        full = recovery(w, y, rng.normal(size=(m, d)))
        reg = share / (4 * np.linalg.norm(full, 2) ** 2)
        x = set_of(full, reg, rng.choice([-1.0, 1.0], size=m))
        error = np.linalg.norm(trained(x, y, reg) - w) / np.linalg.norm(w)
        assert (error < 1e-7) == carried
        assert np.allclose(recovered_weights(x.T, y.T, reg), trained(x, y, reg), atol=1e-7)
        # And no points at all do better than the part of W in the range of the labels.
        other = trained(rng.normal(size=(d, m)), y, 0.1)
        missing = w - y @ pinv(y) @ w
        assert np.linalg.norm(other - w) >= np.linalg.norm(missing) * (1 - 1e-9)


# Proposition 4.1


@given(seeds, st.integers(1, 3), st.integers(0, 6))
@few
def test_a_model_of_lower_rank_has_points_of_full_rank_from_d_plus_k_less_its_rank_on(
    seed, r, more
):
    rng = np.random.default_rng(seed)
    k, d = 4, 6
    m = k + more
    w, y = matrix(rng, k, d, rank=r), rng.normal(size=(k, m))
    z = rng.normal(size=(m, d))
    found = rank(recovery(w, y, z))
    assert found == support_rank(w, y.T, z) == min(r + m - k, d)
    assert found < m
    assert (found == min(m, d)) == (m >= d + k - r)


# The ridge path


def test_training_sets_of_the_same_moments_can_have_different_logistic_minimisers():
    first, second = np.array([[1.0, 5.0, 6.0]]), np.array([[2.0, 3.0, 7.0]])
    labels = np.ones(3)
    assert first @ first.T == second @ second.T  # G
    assert first @ labels == second @ labels  # C

    def logistic(x):
        def slope(w):
            return -np.mean(x[0] / (1 + np.exp(w * x[0]))) + w / 10

        return brentq(slope, 0, 10, xtol=1e-14)

    assert trained(first, labels, 0.1) == pytest.approx(trained(second, labels, 0.1))
    assert abs(logistic(first) - logistic(second)) > 1e-2


# The nearest set


@pytest.mark.parametrize("m", [6, 8])
def test_from_d_points_on_the_bound_of_the_nearest_set_is_zero(m):
    rng = np.random.default_rng(m)
    w, samples = rng.normal(size=(2, 6)), rng.normal(size=(6, m))
    outside = samples - pinv(w) @ w @ samples
    t = np.zeros(m)
    found = np.linalg.svd(outside, compute_uv=False)
    t[: len(found)] = found
    assert np.linalg.norm(np.sort(t)[:2]) < 1e-12


# Theorem 5.2


def test_with_labels_of_their_own_k_points_can_carry_many_models_of_a_widening_network():
    """Theorem 5.2 speaks of given labels: with free ones d + k > p leaves room.

    Here d = k = 2 and p = 3. The rows of W span a plane, and it takes two rays of the range in it.
    """
    rng = np.random.default_rng(0)
    layer = rng.normal(size=(3, 2))
    angles = np.linspace(0, 2 * np.pi, 2001)

    def features(angle):
        out = layer @ np.array([np.cos(angle), np.sin(angle)])
        return np.where(out >= 0, out, 0.3 * out)

    carried = 0
    for _ in range(60):
        w = rng.normal(size=(2, 3))
        normal = np.cross(*w)
        heights = normal @ features(angles)
        turns = np.flatnonzero(heights[:-1] * heights[1:] < 0)
        rays = [brentq(lambda a: normal @ features(a), angles[i], angles[i + 1]) for i in turns]  # noqa: B023
        found = [features(np.array(pair)) for pair in combinations(rays, 2)]
        best = max(found, key=lambda f: np.linalg.svd(f, compute_uv=False)[-1], default=None)
        if best is not None and np.linalg.cond(best) < 1e3:
            assert np.linalg.norm(w @ best @ pinv(best) - w) < 1e-6 * np.linalg.norm(w)
            labels = rng.normal(size=(2, 2))  # given ones do not
            assert np.linalg.norm(labels @ pinv(best) - w) > 1e-3 * np.linalg.norm(w)
            carried += 1
    assert carried > 10
