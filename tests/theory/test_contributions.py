"""Contributions add up, removals are what training without a point gives, and what cannot be read
from either.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import condition, matrix, seeds, train
from hypothesis import given, settings
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.theory import contributions as parts

# (m, p, k): fewer points than features, as many, more.
SHAPES = ((1, 4, 1), (5, 8, 3), (6, 6, 2), (9, 5, 3))
shapes = st.sampled_from(SHAPES)
INDEPENDENT = st.sampled_from([s for s in SHAPES if s[0] <= s[1]])
regs = st.sampled_from((0.0, 1e-3, 1.0))


def instance(seed, shape):
    m, p, k = shape
    rng = np.random.default_rng(seed)
    return matrix(rng, m, p), rng.normal(size=(m, k)), rng.normal(size=(4, p))


@settings(max_examples=25)
@given(seeds, shapes, regs)
def test_contributions_add_up_to_the_scores_of_the_trained_model(seed, shape, reg):
    features, labels, x = instance(seed, shape)
    alpha = parts.inverse(features @ features.T, reg) @ labels
    made = parts.contributions(x @ features.T, alpha)
    assert made.shape == (4, len(features), labels.shape[1])
    scores = x @ train(features, labels, reg).T
    size = np.abs(made).sum(1).max() + np.abs(scores).max()
    assert np.allclose(made.sum(1), scores, atol=1e-12 * condition(features) ** 2 * size, rtol=0)
    # The definition, entry by entry.
    assert np.isclose(made[1, 0, 0], (x[1] @ features[0]) * alpha[0, 0])


@settings(max_examples=25)
@given(seeds, INDEPENDENT, regs)
def test_a_removal_is_what_training_without_the_point_gives(seed, shape, reg):
    features, labels, x = instance(seed, shape)
    m_inverse = parts.inverse(features @ features.T, reg)
    lost = parts.removals(x @ features.T, m_inverse, labels)
    whole = x @ train(features, labels, reg).T
    for j in range(len(features)):
        rest = np.delete(np.arange(len(features)), j)
        without = (
            x @ train(features[rest], labels[rest], reg).T if len(rest) else np.zeros_like(whole)
        )
        assert np.allclose(
            lost[:, j], whole - without, atol=1e-9 * (1 + np.abs(whole).max()), rtol=1e-8
        )
    # Its own label is what a removed point is predicted with, up to alpha_j / M_jj.
    left = parts.removals(features @ features.T, m_inverse, labels)
    alpha = np.asarray(m_inverse @ labels)
    own = np.einsum("jjc->jc", np.asarray(left))
    error = labels - (features @ train(features, labels, reg).T - own)
    assert np.allclose(
        error, alpha / np.diag(m_inverse)[:, None], rtol=1e-7, atol=1e-9 * np.abs(alpha).max()
    )
    # 1 / M_jj: what the others leave open of the point, plus lam_S.
    for j in range(len(features)):
        others, one = np.delete(features, j, axis=0), features[j]
        inside = np.linalg.solve(others @ others.T + reg * np.eye(len(others)), others @ one)
        assert np.isclose(
            m_inverse[j, j] * (reg + one @ one - (others @ one) @ inside), 1, rtol=1e-7
        )


@given(seeds, regs)
def test_of_orthogonal_points_a_removal_takes_the_contribution(seed, reg):
    rng = np.random.default_rng(seed)
    features = np.linalg.qr(rng.normal(size=(8, 4)))[0].T * rng.uniform(0.5, 2, (4, 1))
    labels, x = rng.normal(size=(4, 2)), rng.normal(size=(3, 8))
    m_inverse = parts.inverse(features @ features.T, reg)
    given_ = parts.contributions(x @ features.T, m_inverse @ labels)
    assert np.allclose(parts.removals(x @ features.T, m_inverse, labels), given_, atol=1e-10)


@given(seeds)
def test_a_repeated_point_has_half_the_contribution_and_no_removal(seed):
    features, labels, x = instance(seed, (5, 8, 3))
    twice, both = np.vstack([features, features[:1]]), np.vstack([labels, labels[:1]])
    one = parts.contributions(x @ features.T, parts.inverse(features @ features.T) @ labels)
    k_ss, k_ts = twice @ twice.T, x @ twice.T
    two = parts.contributions(k_ts, parts.inverse(k_ss) @ both)
    assert np.allclose(two[:, [0, 5]], one[:, [0, 0]] / 2, atol=1e-8)
    with pytest.raises(ValueError, match="has not full rank, so what a removed point takes"):
        parts.removals(k_ts, parts.inverse(k_ss), both)


@given(st.floats(0.1, 10), st.floats(0.01, 10), st.floats(-3, 3))
def test_with_a_ridge_parameter_a_repeated_point_has_a_second_vote(k, reg, y):
    k_ss, labels = np.full((2, 2), k), np.full((2, 1), y)
    two = parts.contributions(np.full((1, 2), k), parts.inverse(k_ss, reg) @ labels)
    assert np.allclose(two[0, :, 0], k * y / (2 * k + reg), atol=1e-9)
    one = parts.contributions(np.full((1, 1), k), parts.inverse(k_ss[:1, :1], reg) @ labels[:1])
    assert np.isclose(one[0, 0, 0], k * y / (k + reg), atol=1e-9)


@settings(max_examples=25)
@given(seeds, shapes, regs)
def test_the_same_model_can_be_had_with_one_point_deciding(seed, shape, reg):
    features, labels, x = instance(seed, shape)
    others, their_labels = parts.gathered(features, labels, x[0])
    assert others.shape == features.shape
    w, again = train(features, labels, reg), train(others, their_labels, reg)
    assert np.allclose(again, w, atol=1e-9 * np.abs(w).max())
    made = parts.contributions(x @ others.T, parts.inverse(others @ others.T, reg) @ their_labels)
    assert np.allclose(made[0, 0], w @ x[0], atol=1e-9 * np.abs(w @ x[0]).max())
    assert np.abs(made[0, 1:]).max(initial=0) < 1e-9 * (np.abs(made).max())


@given(seeds, st.floats(0.05, 1))
def test_the_points_for_a_share_are_the_fewest(seed, share):
    made = np.random.default_rng(seed).normal(size=(5, 6))
    for row, count in zip(
        np.abs(made), np.asarray(parts.points_for_share(made, share)), strict=True
    ):
        biggest = np.sort(row)[::-1]
        assert biggest[:count].sum() >= share * row.sum() * (1 - 1e-9)
        assert biggest[: count - 1].sum() < share * row.sum()
    assert (np.asarray(parts.points_for_share(made, 1.0)) == 6).all()


def test_cancellation_is_one_without_any_and_grows_with_it():
    assert np.allclose(
        parts.cancellation(np.array([[1.0, 2.0], [-1.0, -2.0], [3.0, -2.0]])), [1, 1, 5]
    )


@pytest.mark.parametrize("start", ["noise", "nearest"])
def test_of_a_closed_form_set_alpha_is_w_d(start):
    """lam_S = 0, m <= p: K_SS^{-1} Y_S = W D, stored transposed, where D = phi(X_S)^+."""
    rng = np.random.default_rng(3)
    w = matrix(rng, 3, 8)
    if start == "noise":
        labels = np.eye(3)[np.arange(5) % 3]
        d = dl.recovery_matrix(w, labels, rng.normal(size=(5, 8)))
        features = dl.support_features(d)
    else:
        features, labels, _ = dl.nearest_set(jnp.asarray(w), jnp.asarray(matrix(rng, 5, 8)))
        d = dl.regularised_pinv(features)
    alpha = parts.inverse(features @ features.T) @ labels
    assert np.allclose(alpha, d @ w.T, atol=1e-8 * np.abs(alpha).max())


def test_any_kernel_will_do():
    rng = np.random.default_rng(0)
    points, labels, x = (jnp.asarray(rng.normal(size=size)) for size in ((5, 12), (5, 3), (7, 12)))
    phi = dl.FullyConnected.random(jax.random.key(0), (12, 9))
    for kernel in (parts.FeatureKernel(phi), InfiniteWidth("ntk", "fc", 1, (2, 3, 2))):
        k_ss, k_ts = kernel(points, points), kernel(x, points)
        made = parts.contributions(k_ts, parts.inverse(k_ss, 0.1) @ labels)
        scores = k_ts @ np.linalg.solve(k_ss + 0.1 * np.eye(5), labels)
        assert np.allclose(made.sum(1), scores, rtol=1e-9, atol=1e-10)
    small = dl.DistilledSet(
        points,
        labels,
        0.1,
        phi,
        dl.Normalisation((2, 3, 2), 1.0, (0.0, 0.0), (1.0, 1.0)),
        "",
        "",
        {},
    )
    images = small.normalisation.inverse(x)
    kernel = parts.FeatureKernel(phi)
    made = parts.contributions(
        kernel(x, points), parts.inverse(kernel(points, points), 0.1) @ labels
    )
    assert np.allclose(made.sum(1), small.scores(images), atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parts.inverse(np.ones((2, 3))), r"k_ss has shape \(2, 3\)"),
        (lambda: parts.inverse(np.eye(2), -1.0), "reg_s = -1.0 is not a ridge parameter"),
        (
            lambda: parts.contributions(np.ones((4, 2)), np.ones((3, 1))),
            r"coefficients has shape \(3, 1\)",
        ),
        (
            lambda: parts.removals(np.ones((4, 2)), np.eye(3), np.ones((3, 1))),
            r"m_inverse has shape \(3, 3\), .* \(2, 2\)",
        ),
        (
            lambda: parts.points_for_share(np.ones((1, 2)), 0.0),
            r"share = 0.0 is no share .* \(0, 1\]",
        ),
        (lambda: parts.cancellation(np.zeros((1, 2))), "all contributions to some score are zero"),
        (
            lambda: parts.gathered(jnp.ones((2, 3)), jnp.ones((2, 1)), jnp.zeros(3)),
            "orthogonal to every support point",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
