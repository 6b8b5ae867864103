"""Exact sets with held pixels: they carry W and keep every held value, up to the limit and between
the limits, and beyond none does.
"""

import re

import jax
import numpy as np
import pytest
from helpers import matrix, seeds, train
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.theory import held_pixels

# (k, d, m) with room for held pixels; d > m, so the points do not span everything.
SHAPES = st.sampled_from(((1, 9, 4), (2, 12, 5), (3, 14, 8)))
PENALTY = 0.1


def instance(seed, shape):
    k, d, m = shape
    rng = np.random.default_rng(seed)
    return rng, matrix(rng, k, d), rng.normal(size=(m, d))


def error(w, points, labels, reg_s=0.0):
    return np.linalg.norm(train(points, labels, reg_s) - w) / np.linalg.norm(w)


@settings(max_examples=40)
@given(seeds, SHAPES, st.sampled_from((0.0, 0.5)))
def test_the_set_carries_the_model_and_keeps_every_held_value(seed, shape, reg_s):
    k, d, m = shape
    rng, w, start = instance(seed, shape)
    # Each pixel is held in its own number of points, and free in at least k.
    counts = rng.integers(0, m - k + 1, d)
    held = rng.random((m, d)).argsort(0).argsort(0) < counts
    assert held_pixels.lacking_equations(held, k) == 0
    found = held_pixels.held_set(w, start, held, PENALTY, reg_s)
    assert np.array_equal(np.asarray(found.features)[held], start[held])
    size = np.linalg.norm(found.features, 2)
    floor = np.linalg.svd(found.features, compute_uv=False)[-1]
    assert error(w, found.features, found.labels, reg_s) < 1e-11 * (size / floor) ** 2
    assert np.isclose(found.distance, np.linalg.norm(found.features - start))


@settings(max_examples=20)
@given(seeds, SHAPES)
def test_it_is_the_nearest_for_its_coefficients(seed, shape):
    k, d, m = shape
    _rng, w, start = instance(seed, shape)
    held = np.asarray(held_pixels.balanced_mask(jax.random.key(seed), m, d, m - k - 1))
    found = np.asarray(held_pixels.held_set(w, start, held, PENALTY).features)
    q = np.linalg.qr(w.T)[0]
    c = np.linalg.lstsq(found.T, q, rcond=None)[0]
    for i in range(d):  # another solution of the same k equations in the free entries
        free = np.flatnonzero(~held[:, i])
        null = np.linalg.svd(c[free].T)[2][k:]
        change = found[free, i] - start[free, i]
        assert np.abs(null @ change).max(initial=0) < 1e-7 * (1 + np.linalg.norm(change))


@given(seeds, SHAPES, st.floats(-3, 1))
def test_a_step_is_the_damped_one_of_the_whole_jacobian(seed, shape, log_damping):
    """The blocks give what the dense normal equations of all unknowns give."""
    k, d, m = shape
    rng, w, start = instance(seed, shape)
    q, x, c = np.linalg.qr(w.T)[0], start.T, rng.normal(size=(m, k))
    free, penalty, damping = rng.random((d, m)) < 0.4, 0.7, 10**log_damping
    # d(X C) / dX_ia = e_i c_a, d(X C) / dC_ab = x_.a e_b; the unknown is penalty dC.
    j_x = np.einsum("ij,ab->ibja", np.eye(d), c) * free[None, None]
    j_c = np.einsum("ia,be->ibae", x, np.eye(k)) / penalty
    j = np.concatenate([j_x.reshape(d * k, -1), j_c.reshape(d * k, -1)], 1)
    z = j.T @ np.linalg.solve(j @ j.T + damping * np.eye(d * k), (q - x @ c).ravel())
    x1, c1 = held_pixels._step(x, c, q, free, penalty, damping)
    assert np.allclose((x1 - x).ravel(), z[: d * m], atol=1e-9 * np.linalg.norm(z))
    assert np.allclose(penalty * (c1 - c).ravel(), z[d * m :], atol=1e-9 * np.linalg.norm(z))


# (k, d, m, f): each pixel free in f < k points, sum_i (k - f_i) below m k.
BETWEEN = ((2, 8, 8, 1), (3, 12, 10, 2), (3, 8, 8, 1), (4, 14, 12, 2))


@pytest.mark.parametrize("shape", BETWEEN)
@pytest.mark.parametrize("seed", range(3))
def test_sets_are_found_where_part_1_and_part_2_do_not_promise_any(seed, shape):
    k, d, m, f = shape
    _rng, w, start = instance(seed, (k, d, m))
    held = np.asarray(held_pixels.balanced_mask(jax.random.key(seed), m, d, m - f))
    assert 0 < held_pixels.lacking_equations(held, k) <= m * k
    found = held_pixels.held_set(w, start, held, PENALTY)
    assert np.array_equal(np.asarray(found.features)[held], start[held])
    s = np.linalg.svd(found.features, compute_uv=False)
    assert error(w, found.features, found.labels) < 1e-11 * (s[0] / s[-1]) ** 2


@pytest.mark.parametrize("shape", BETWEEN)
def test_held_values_near_those_of_an_independent_set_allow_one_too(shape):
    """Part 4, at random C and X with X C = Q, and what `independence` says where conditions must
    depend on one another.
    """
    k, d, m, f = shape
    rng, w, _start = instance(0, (k, d, m))
    q, c = np.linalg.qr(w.T)[0], rng.normal(size=(m, k))
    x = rng.normal(size=(m, d))
    x += np.linalg.pinv(c).T @ (q.T - c.T @ x)
    held = np.asarray(held_pixels.balanced_mask(jax.random.key(0), m, d, m - f))
    assert held_pixels.independence(w, x, held) > 1e-4
    near = x + 1e-6 * held * rng.normal(size=x.shape)
    found = held_pixels.held_set(w, near, held, PENALTY)
    assert error(w, found.features, found.labels) < 1e-6
    # One mask for all pixels, more of them than points: only m (k - f) of their conditions are
    # independent.
    same = np.zeros((m, d), bool)
    same[: m - f] = True
    if d > m:
        assert held_pixels.independence(w, x, same) < 1e-10
    assert held_pixels.independence(w, x, np.zeros((m, d), bool)) == 1.0


@given(seeds, SHAPES)
def test_the_largest_share_is_that_of_m_whole_pixels_and_the_rest_in_m_minus_k_points(seed, shape):
    k, d, m = shape
    rng, w, start = instance(seed, shape)
    held = np.array(held_pixels.balanced_mask(jax.random.key(seed), m, d, m - k))
    held[:, rng.permutation(d)[:m]] = True
    assert np.isclose(held.mean(), held_pixels.largest_share(k, d, m))
    assert held_pixels.lacking_equations(held, k) == m * k
    found = held_pixels.held_set(w, start, held, PENALTY)
    assert np.array_equal(np.asarray(found.features)[held], start[held])
    # Any mask with more held entries sets too many conditions.
    more = rng.permuted(np.arange(m * d) <= held.sum()).reshape(m, d)
    assert held_pixels.lacking_equations(more, k) > m * k


@settings(max_examples=20)
@given(seeds, SHAPES, st.booleans())
def test_as_many_whole_pixels_as_points_can_be_held_and_no_more(seed, shape, one_too_many):
    k, d, m = shape
    rng, w, start = instance(seed, shape)
    held = np.zeros((m, d), bool)
    held[:, rng.permutation(d)[: m + one_too_many]] = True
    if not one_too_many:
        found = held_pixels.held_set(w, start, held, PENALTY)
        assert np.array_equal(np.asarray(found.features)[held], start[held])
        s = np.linalg.svd(found.features, compute_uv=False)
        assert error(w, found.features, found.labels) < 1e-10 * (s[0] / s[-1]) ** 2
        assert held_pixels.least_error(w, start, held) < 1e-8
        return
    assert held_pixels.lacking_equations(held, k) == (m + 1) * k
    with pytest.raises(ValueError, match="no set with these pixels carries W"):
        held_pixels.held_set(w, start, held, PENALTY)
    bound = held_pixels.least_error(w, start, held)
    assert bound > 0
    # No set with these pixels does better: random ones, and the one that is best for a given span
    # of the held part.
    whole = held.all(0)
    for _ in range(5):
        points = np.where(held, start, rng.normal(size=(m, d)))
        labels = points @ w.T
        assert error(w, points, labels) >= bound * (1 - 1e-9)
    b = np.linalg.lstsq(start[:, whole].T, w[:, whole].T, rcond=None)[
        0
    ]  # W_S^T = X B on the held pixels
    points = np.array(start)
    points[:, ~whole] = np.linalg.pinv(b.T) @ w[:, ~whole]  # B^T P = W there exactly
    best = np.linalg.norm(b.T @ points - w) / np.linalg.norm(w)
    assert np.isclose(best, bound, rtol=1e-6)


def test_counting_unknowns_is_not_enough():
    """Held pixels that leave more unknowns than equations, and yet no exact set: all of them in one
    place.
    """
    k, d, m = 2, 20, 6
    _rng, w, start = instance(0, (k, d, m))
    held = np.zeros((m, d), bool)
    held[:, :8] = True  # 8 whole pixels; as many entries spread evenly would be no obstacle
    unknowns, equations = held.size - held.sum(), k * (d - m)
    assert unknowns > equations
    assert held_pixels.least_error(w, start, held) > 0.01
    spread = np.asarray(held_pixels.balanced_mask(jax.random.key(0), m, d, m - k))
    assert spread.sum() > held.sum()
    found = held_pixels.held_set(w, start, spread, PENALTY)
    assert error(w, found.features, found.labels) < 1e-9


@settings(max_examples=20)
@given(seeds, st.sampled_from((0.0, 0.5)))
def test_the_bound_is_attained_iff_the_ranks_allow_and_approached_otherwise(seed, reg_s):
    """At k = 3 and rank(W_H Pi_H) = 2 it is rank X_H = m - 1 that allows it:

    W_S = B X with B X_H = W_H Pi_H and rank B = k.
    """
    k, d, m, h = 3, 14, 5, 8
    rng, w, start = instance(seed, (k, d, m))
    w[:, :h] = matrix(rng, k, h, rank=2)
    held = np.zeros((m, d), bool)
    held[:, :h] = True

    def trained(b):
        points = start.copy()
        points[:, h:] = np.linalg.pinv(b) @ w[:, h:]
        return error(w, points, dl.solved_labels(b @ points, points, reg_s), reg_s)

    for rank_held in (m, m - 1):
        if rank_held < m:
            start[1, :h] = start[0, :h]
        bound = held_pixels.least_error(w, start, held)
        assert bound > 1e-3
        b = w[:, :h] @ np.linalg.pinv(start[:, :h])  # of rank 2, and at rank m the only one
        outside = np.linalg.svd(b)[0][:, 2]  # the direction of the outputs that it lacks
        unused = np.linalg.svd(start[:, :h])[0][
            :, -1
        ]  # of the points: orthogonal to X_H at rank m - 1
        scale = np.linalg.norm(b)
        if rank_held < m:
            assert np.isclose(trained(b + scale * np.outer(outside, unused)), bound, rtol=1e-7)
        else:
            best = trained(b)  # W_{H^c} is not in the range of B
            errors = [
                trained(b + size * scale * np.outer(outside, unused)) for size in (1e-1, 1e-2, 1e-3)
            ]
            assert min(best, *errors) > bound
            assert best > bound * (1 + 1e-6)
            assert np.isclose(errors[-1], bound, rtol=1e-2)


@given(seeds, st.integers(0, 6))
def test_a_balanced_mask_holds_each_pixel_equally_often(seed, count):
    mask = held_pixels.balanced_mask(jax.random.key(seed), 6, 11, count)
    assert (mask.sum(0) == count).all()


def test_the_span_tells_neighbouring_models_apart_with_pixels_held():
    """The span of the points tells the model of the training set from a neighbour's, however many
    pixels are held.
    """
    k, d, m = 2, 12, 6
    rng, w, start = instance(2, (k, d, m))
    other = w + 1e-3 * rng.normal(size=w.shape)
    held = held_pixels.balanced_mask(jax.random.key(1), m, d, m - k)
    found = np.asarray(held_pixels.held_set(w, start, held, PENALTY).features)
    assert 1e3 * dl.privacy.span_residual(found, w) < dl.privacy.span_residual(found, other)


def held_set(**change):
    """The same set with one thing wrong."""
    given_ = {"held": np.zeros((5, 12), bool), "penalty": PENALTY} | change
    return lambda w, start: held_pixels.held_set(**{"weights": w, "start": start} | given_)


ON_MASKS = {
    "set": lambda w, x, held: held_pixels.held_set(w, x, held, PENALTY),
    "error": held_pixels.least_error,
    "independence": held_pixels.independence,
}
MASKS = {
    "of fewer points": np.zeros((4, 12), bool),
    "of fewer pixels": np.zeros((5, 3), bool),
    "a vector": np.zeros(12, bool),
    "of numbers": np.zeros((5, 12)),
}
WRONG = {
    "no penalty": (held_set(penalty=0.0), "penalty = 0.0 must be a finite number above 0"),
    "too few points": (held_set(start=np.ones((1, 12)), held=np.zeros((1, 12), bool)), "m = 1 support points cannot carry"),
    "a model of low rank": (held_set(weights=np.ones((2, 12))), "the model W has rank 1"),
    "a start of NaN": (held_set(start=np.full((5, 12), np.nan)), "start holds 60 entries"),
    "too much held": (held_set(start=np.zeros((5, 12)), held=np.eye(5, 12) > 0), "the equations of the model stay unsolved"),
    **{
        f"{name}, a mask {kind}": (lambda w, x, call=call, held=held: call(w, x, held), re.escape(f"held has shape {held.shape} of {held.dtype}; a mask of True and False of shape (5, 12)"))
        for name, call in ON_MASKS.items()
        for kind, held in MASKS.items()
    },
    "conditions of a mask of numbers": (lambda w, x: held_pixels.lacking_equations(np.zeros((5, 12), int), 2), r"of int64; a mask of True and False of shape \(m, d\)"),
    "more points held than there are": (lambda w, x: held_pixels.balanced_mask(jax.random.key(0), 6, 4, 7), r"held in 7 of 6 points; count must be in 0\.\.m"),
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_one_sentence(wrong, words):
    _, w, start = instance(0, (2, 12, 5))
    with pytest.raises(ValueError, match=words):
        wrong(w, start)
