"""Constructions of others (Table 1): how many points each needs, and that fewer do not do."""

import numpy as np
import pytest
from helpers import close, condition, matrix, pinv, scales, seeds, train
from hypothesis import given
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.baselines import moments as baselines
from distill_lib.theory import closed_form
from distill_lib.theory.labels_only import solved_labels

REGS = (0.0, 1e-4, 1e-2, 1.0, 100.0)


def moments(features, labels):
    return features.T @ features, labels.T @ features


# Izzo and Zou: rank X points for every lam


@given(seeds, st.sampled_from(((20, 6, 6), (20, 6, 4), (5, 6, 5))), scales)
def test_the_turned_set_has_the_same_moments_and_models(seed, shape, scale):
    n, p, r = shape
    rng = np.random.default_rng(seed)
    x, y = matrix(rng, n, p, r, scale), rng.normal(size=(n, 3))
    small = baselines.same_moments(x, y)
    assert small.features.shape == (r, p)
    for found, wanted in zip(moments(*map(np.asarray, small[:2])), moments(x, y), strict=True):
        assert close(
            found, wanted, condition(x), np.linalg.norm(x) ** 2 if found.shape == (p, p) else None
        )
    for reg in REGS:
        reg *= np.sum(x**2)
        assert close(
            train(small.features, small.labels, reg), train(x, y, reg), 1e2 * condition(x) ** 2
        )
    assert np.isclose(small.rest, np.sum((x @ train(x, y).T - y) ** 2), atol=1e-12 * np.sum(y**2))


@given(seeds)
def test_fewer_points_than_the_rank_miss_some_lam(seed):
    """The rows of C G^j span r dimensions, those of a set with r - 1 points fewer."""
    rng = np.random.default_rng(seed)
    x, y = matrix(rng, 20, 6, 4), rng.normal(size=(20, 1))
    gram, cross = moments(x, y)
    powers = np.vstack(
        [cross @ np.linalg.matrix_power(gram / np.linalg.norm(gram, 2), j) for j in range(6)]
    )
    assert (
        len(np.linalg.svd(powers)[1][np.linalg.svd(powers)[1] > 1e-10 * np.linalg.norm(powers)])
        == 4
    )
    small = baselines.same_moments(x, y)
    errors = [
        closed_form.recovery_error(
            train(x, y, reg), train(small.features[:3], small.labels[:3], reg)
        )
        for reg in (1e-4 * np.sum(x**2), 1e-2 * np.sum(x**2))
    ]
    assert max(errors) > 1e-6


@given(seeds)
def test_whitened_data_need_only_k_points_for_every_lam(seed):
    """C G^j = C then, so the count of distinct directions is k, not rank X."""
    rng = np.random.default_rng(seed)
    x, y = np.linalg.qr(rng.normal(size=(20, 6)))[0], rng.normal(size=(20, 2))
    b = np.linalg.svd(y.T @ x, full_matrices=False)[2]
    for reg in REGS[1:]:
        assert close(train(b, b @ x.T @ y, reg), train(x, y, reg), 1e2)


# Labels alone (Maalouf et al.): p points in feature space


@given(seeds, st.sampled_from((8, 9, 12)), st.sampled_from((0.0, 1e-2)))
def test_p_fourier_features_are_carried_by_labels_on_p_points(seed, m, reg_s):
    rng = np.random.default_rng(seed)
    phi = dl.RandomFourier(rng.normal(size=(8, 3)), rng.uniform(0, 2 * np.pi, 8))
    features = np.asarray(phi(rng.normal(size=(m, 3))))
    w = matrix(rng, 2, 8)
    labels = solved_labels(w, features, reg_s)
    # Training multiplies the rounding of the labels by their size.
    assert close(
        train(features, labels, reg_s), w, 1e2 * condition(features) ** 2, np.linalg.norm(w)
    )


@given(seeds, st.sampled_from(((5, 5), (7, 7), (10, 6))))
def test_below_rank_p_the_error_is_what_the_span_misses(seed, shape):
    m, r = shape
    rng = np.random.default_rng(seed)
    features, w = matrix(rng, m, 8, r), matrix(rng, 2, 8)
    labels = solved_labels(w, features)
    missed = np.linalg.norm(w - w @ pinv(features) @ features)
    assert np.isclose(np.linalg.norm(train(features, labels) - w), missed, rtol=1e-9)
    assert missed > 1e-6 * np.linalg.norm(w)


# The Gaussian kernel: n points


@given(seeds, scales)
def test_the_gaussian_kernel_by_its_definition(seed, scale):
    rng = np.random.default_rng(seed)
    x, y, variance = scale * rng.normal(size=(4, 3)), scale * rng.normal(size=(5, 3)), scale**2
    wanted = [[np.exp(-np.sum((a - b) ** 2) / (2 * variance)) for b in y] for a in x]
    assert np.allclose(baselines.gaussian_kernel(x, y, variance), wanted, rtol=1e-12)
    far = 1e8 * scale + x
    assert np.max(baselines.gaussian_kernel(far, far, variance)) <= 1
    with pytest.raises(ValueError, match="squared width"):
        baselines.gaussian_kernel(x, y, 0.0)


@given(seeds, st.sampled_from((0.0, 1e-3, 1.0)))
def test_labels_on_a_subset_give_the_nearest_model_of_the_kernel_space(seed, reg_s):
    rng = np.random.default_rng(seed)
    gram = np.asarray(baselines.gaussian_kernel(x := rng.normal(size=(8, 3)), x, 1.0))
    alpha = rng.normal(size=(8, 2))
    alpha[6:] = 0
    for kept, exact in (
        (range(8), True),
        (range(6), True),
        ((5, 2, 0), False),
        (range(1, 8), False),
    ):
        kept = list(kept)
        labels = baselines.subset_labels(gram, alpha, kept, reg_s)
        beta = np.zeros_like(alpha)
        beta[kept] = np.linalg.solve(gram[np.ix_(kept, kept)] + reg_s * np.eye(len(kept)), labels)
        gap = beta - alpha
        assert np.linalg.norm((gram @ gap)[kept]) <= 1e-10 * np.linalg.norm(gram @ alpha)
        error = np.sqrt(np.vdot(gap, gram @ gap) / np.vdot(alpha, gram @ alpha))
        assert (error < 1e-9) == exact
        assert exact or error > 1e-5


GRAM, ALPHA = np.eye(4), np.ones((4, 2))
WRONG = {
    "the same point twice": (lambda: baselines.subset_labels(GRAM, ALPHA, (0, 0)), r"indices of 0\.\.3"),
    "a point above the last": (lambda: baselines.subset_labels(GRAM, ALPHA, (4,)), r"indices of 0\.\.3"),
    "a negative point": (lambda: baselines.subset_labels(GRAM, ALPHA, (-1,)), r"indices of 0\.\.3"),
    "no point": (lambda: baselines.subset_labels(GRAM, ALPHA, np.zeros(0, int)), r"indices of 0\.\.3"),
    "a singular matrix": (lambda: baselines.subset_labels(np.ones((4, 4)), ALPHA, (0, 1)), "not positive definite"),
    "coefficients of more points": (lambda: baselines.subset_labels(np.eye(3), ALPHA, (0, 1)), r"coefficients has shape \(4, 2\), .* \(3, any\)"),
    "labels of fewer points": (lambda: baselines.same_moments(GRAM, ALPHA[:3]), r"labels has shape \(3, 2\)"),
}  # fmt: skip


@each(WRONG)
def test_subsets_that_are_none_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
