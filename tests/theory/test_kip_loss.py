"""Theorem 6.1 and the KIP loss: the identities that replace the training set, what they claim and
where they stop.

Samples are rows. The definitions are written out in `direct`, on the samples, and differentiated by
JAX as they stand.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import matrix, pinv, scales, seeds, train
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.baselines import moments
from distill_lib.linalg.least_squares import least_squares
from distill_lib.theory import closed_form, kip_loss

# (m, p, n) with k = 3: m and n below, at and above p.
SIZES = ((4, 7, 20), (7, 7, 7), (9, 7, 20), (6, 7, 5))
K = 3


@st.composite
def problems(draw, sizes=SIZES):
    m, p, n = draw(st.sampled_from(sizes))
    rng = np.random.default_rng(draw(seeds))
    scale = draw(scales)
    support, features = (matrix(rng, rows, p, scale=scale, spread=3.0) for rows in (m, n))
    return support, features, rng.normal(size=(n, K)), rng


def reduced(features, labels):
    return kip_loss.Target.reduced(dl.RidgeStats.of(features, labels))


def targets(features, labels):
    """The three forms of one training set."""
    return (
        kip_loss.Target(features, labels),
        reduced(features, labels),
        kip_loss.Target(*moments.same_moments(features, labels)),
    )


def forms(features, labels, m):
    """Samples and reduced where m = 4, else (fewer shapes to compile) the reduced form alone."""
    return (reduced(features, labels), *([kip_loss.Target(features, labels)] if m == 4 else []))


def direct(support, labels, features, truth, reg_s):
    """||Y_S (K_SS + lam_S I)^{-1} K(X_S, X) - Y||^2; the labels solved by a pseudoinverse where
    none are given.
    """
    a = jnp.linalg.solve(support @ support.T + reg_s * jnp.eye(len(support)), support @ features.T)
    labels = (truth.T @ jnp.linalg.pinv(a, rtol=1e-10)).T if labels is None else labels
    return jnp.sum((labels.T @ a - truth.T) ** 2)


def agree(found, wanted, size):
    assert np.linalg.norm(np.asarray(found) - np.asarray(wanted)) <= 1e-10 * np.linalg.norm(size)


def with_gradient(function):
    return jax.jit(jax.value_and_grad(function))


direct_given = with_gradient(
    lambda s, y, f, t, reg: direct(s, y, f, t, reg * jnp.trace(s @ s.T) / len(s))
)
direct_solved = with_gradient(lambda s, f, t, reg: direct(s, None, f, t, reg))
kip_given = with_gradient(
    lambda s, y, target, reg: kip_loss.loss(s, y, target, kip_loss.relative_reg(s, reg))
)
kip_solved = with_gradient(kip_loss.solved_loss)
step = with_gradient(
    lambda s, whole, batch, reg_s: kip_loss.loss(
        s, kip_loss.solved_labels(s, whole, reg_s), batch, reg_s
    )
)
labels_solved = jax.jit(kip_loss.solved_labels)
slope_of_labels = jax.jit(jax.jacobian(kip_loss.solved_labels))


# The same loss without the training set


@given(problems())
def test_every_form_of_the_training_set_gives_the_loss_of_any_weights(a):
    _, features, truth, rng = a
    w = rng.normal(size=(K, features.shape[1])) / np.linalg.norm(features, 2)
    wanted = np.sum((features @ w.T - truth) ** 2)
    gradient = 2 * (w @ features.T - truth.T) @ features
    for target in targets(features, truth):
        agree(target.loss(w), wanted, wanted)
        residual = target.features @ w.T - target.labels
        agree(
            2 * residual.T @ target.features,
            gradient,
            np.linalg.norm(truth) * np.linalg.norm(features),
        )


@given(problems())
def test_the_rest_is_the_least_loss(a):
    _, features, truth, _ = a
    least = np.sum((features @ train(features, truth).T - truth) ** 2)
    samples, *smaller = targets(features, truth)
    assert samples.rest == 0
    for target in smaller:
        agree(target.rest, least, np.sum(truth**2))
        assert target.rest >= 0


@given(problems(((4, 7, 20),)))
def test_the_least_loss_of_labels_that_a_model_gave_is_not_negative(a):
    _, features, _, rng = a
    target = reduced(features, features @ rng.normal(size=(features.shape[1], K)))
    assert 0 <= target.rest <= 1e-12 * jnp.sum(target.labels**2)


@given(problems(), st.sampled_from((1e-6, 1e-2, 10.0)))
def test_loss_and_gradient_for_given_labels(a, reg):
    support, features, truth, rng = a
    labels = rng.normal(size=(len(support), K))
    value, slope = direct_given(support, labels, features, truth, reg)
    # What 10 digits refer to: the labels' part of the loss, which a small lam_S makes large.
    for target in forms(features, truth, len(support)):
        found, gradient = kip_given(support, labels, target, reg)
        # An m x m system of rank p is as ill-conditioned as lam_S makes it; ours is p x p there.
        slack = 1e3 if len(support) > support.shape[1] and reg < 1e-3 else 1
        agree(found, value, slack * value)
        agree(gradient, slope, slack * (np.linalg.norm(slope) + value / np.linalg.norm(support)))


@given(problems(), st.sampled_from((1e-2, 1.0)))
def test_loss_and_gradient_for_solved_labels(a, reg):
    support, features, truth, _ = a
    reg_s = reg * np.sum(support**2)
    value, slope = direct_solved(support, features, truth, reg_s)
    size = np.sum(truth**2)
    for target in forms(features, truth, len(support)):
        found, gradient = kip_solved(support, target)
        agree(found, value, size)
        agree(gradient, slope, size / np.linalg.norm(support))


@given(problems(((4, 7, 20),)))
def test_batches_add_up_to_the_full_gradient(a):
    """The labels solved over all samples and the loss taken on batches: the stochastic step of the
    comparison.
    """
    support, features, truth, _ = a
    whole = kip_loss.Target(features, truth)
    half = len(truth) // 2
    batches = [
        kip_loss.Target(features[part], truth[part]) for part in (slice(half), slice(half, None))
    ]
    reg_s = kip_loss.relative_reg(support, 1e-2)
    slopes = sum(step(support, whole, batch, reg_s)[1] for batch in batches)
    agree(slopes, kip_solved(support, whole)[1], 1e1 * np.sum(truth**2) / np.linalg.norm(support))


def test_gradient_with_respect_to_points_through_a_feature_map():
    phi = dl.FullyConnected.random(jax.random.key(0), (5, 7))
    rng = np.random.default_rng(0)
    points, x, truth = rng.normal(size=(4, 5)), rng.normal(size=(20, 5)), rng.normal(size=(20, K))
    target = reduced(phi(x), truth)
    loss = with_gradient(lambda points: kip_loss.solved_loss(phi(points), target))
    slope = np.asarray(loss(points)[1])
    for _ in range(5):
        way, h = rng.normal(size=points.shape), 1e-6
        ends = [loss(points + s * h * way)[0] for s in (1, -1)]
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(float(np.sum(slope * way)), rel=1e-6)


# Solved labels


@given(problems(((4, 7, 20), (9, 7, 20))), st.sampled_from((0.0, 1e-2, 1.0)))
def test_solved_labels_reach_the_least_loss_whatever_lam_s(a, reg):
    support, features, truth, _ = a
    reg_s = reg * np.sum(support**2)
    target = reduced(features, truth)
    labels = labels_solved(support, target, reg_s)
    w = train(support, labels, reg_s)
    agree(target.loss(w), kip_solved(support, target)[0], np.sum(truth**2))
    assert not jnp.any(slope_of_labels(support, target, reg_s))


@given(problems(((4, 7, 20), (7, 7, 7))), st.sampled_from((0.0, 1e-2)))
def test_solved_labels_by_their_formula(a, reg):
    support, features, truth, _ = a
    reg_s = reg * np.sum(support**2)
    inverse = np.linalg.solve(support @ support.T + reg_s * np.eye(len(support)), support)
    gram, cross = features.T @ features, truth.T @ features
    wanted = cross @ inverse.T @ np.linalg.inv(inverse @ gram @ inverse.T)
    for target in forms(features, truth, len(support)):
        agree(labels_solved(support, target, reg_s), wanted.T, 1e2 * wanted)


@given(problems())
def test_only_the_span_of_the_support_features_matters(a):
    support, features, truth, rng = a
    target = reduced(features, truth)
    mixed = matrix(rng, len(support), len(support), spread=3.0) @ support
    agree(kip_solved(mixed, target)[0], kip_solved(support, target)[0], np.sum(truth**2))


@given(problems(((9, 7, 20), (7, 7, 7))))
def test_with_p_independent_points_nothing_is_left_to_optimise(a):
    support, features, truth, _ = a
    target = reduced(features, truth)
    value, slope = kip_solved(support, target)
    agree(value, target.rest, np.sum(truth**2))
    agree(slope, 0 * slope, np.sum(truth**2) / np.linalg.norm(support))
    labels = labels_solved(support, target, 0.1)
    agree(
        train(support, labels, 0.1),
        train(features, truth),
        1e1 * np.linalg.norm(train(features, truth)),
    )


@given(problems(((4, 7, 20),)), st.sampled_from((1, 2)))
def test_with_fewer_points_than_outputs_the_least_loss_is_that_of_the_truncated_model(a, m):
    support, features, truth, _ = a
    target = reduced(features, truth)
    left, s, _ = np.linalg.svd(train(features, truth) @ features.T)
    least = target.rest + np.sum(s[m:] ** 2)
    assert kip_solved(support[:m], target)[0] >= least * (1 - 1e-12)
    best = left[:, :m].T @ train(features, truth)
    agree(kip_solved(best, target)[0], least, np.sum(truth**2))


@given(seeds, st.sampled_from(((0, 1, 3, 4), (3, 4, 5, 6), (1, 2, 5, 6))))
@settings(max_examples=10)
def test_critical_points_that_are_no_minima_are_saddles(seed, kept):
    """R phi(X_S) spans eigenvectors of T T^T that leave out one of the three with a positive
    eigenvalue.
    """
    rng = np.random.default_rng(seed)
    features, truth = matrix(rng, 20, 7, spread=3.0), rng.normal(size=(20, K))
    target = reduced(features, truth)
    vectors = np.linalg.eigh(target.labels @ target.labels.T)[1][:, ::-1]
    inverse = np.linalg.inv(target.features)
    kept = list(kept)
    value, slope = kip_solved((inverse @ vectors[:, kept]).T, target)
    agree(slope, 0 * slope, np.sum(truth**2) * np.linalg.norm(target.features))
    assert value > target.rest + 1e-6
    missing, null = min(set(range(K)) - set(kept)), kept.index(max(kept))
    turned = vectors[:, kept].copy()
    turned[:, null] = np.cos(1e-2) * turned[:, null] + np.sin(1e-2) * vectors[:, missing]
    assert kip_solved((inverse @ turned).T, target)[0] < value


def test_a_critical_point_that_is_no_minimum_can_be_a_maximum():
    """phi = id, X = I, Y = diag(2, 1), one point: L* is 4 at e_2 and at most 4 elsewhere but at 0."""
    target = kip_loss.Target(np.eye(2), np.diag([2.0, 1.0]))
    value, slope = kip_solved(np.array([[0.0, 1.0]]), target)
    assert np.isclose(value, 4)
    assert np.allclose(slope, 0)
    angles = np.linspace(0, np.pi, 21)
    others = [kip_solved(np.array([[np.sin(t), np.cos(t)]]), target)[0] for t in angles]
    assert max(others) <= 4 + 1e-12
    assert np.isclose(min(others), 1)


# Where it stops


@given(problems(((4, 7, 20), (9, 7, 20))))
def test_dependent_support_points_are_solved_by_their_rank(a):
    support, features, truth, _ = a
    support = np.concatenate([support[:2]] * len(support))[: len(support)]  # two points, repeated
    cross = support @ features.T
    wanted = np.sum((truth.T @ pinv(cross) @ cross - truth.T) ** 2)
    agree(kip_solved(support, reduced(features, truth))[0], wanted, wanted)


def test_the_loss_jumps_where_points_become_dependent():
    rng = np.random.default_rng(0)
    target = kip_loss.Target(rng.normal(size=(20, 7)), rng.normal(size=(20, K)))
    support = rng.normal(size=(2, 7))
    twice = np.vstack([support, support])
    near = [float(kip_loss.solved_loss(twice + h * np.eye(4, 7), target)) for h in (1e-3, 1e-5)]
    assert near[0] == pytest.approx(near[1], rel=1e-2)
    assert float(kip_loss.solved_loss(twice, target)) > 1.05 * near[1]


@given(seeds, st.sampled_from((1e5, 1e6, 1e8, 1e10)))
def test_ill_conditioned_support_points_keep_the_digits_they_have(seed, cond):
    rng = np.random.default_rng(seed)
    for r, m in ((8, 4), (4, 8)):
        b = (
            np.linalg.qr(rng.normal(size=(r, 4)))[0] * np.geomspace(1, 1 / cond, 4)
        ) @ np.linalg.qr(rng.normal(size=(m, 4)))[0].T
        exact = pinv(b) @ rng.normal(size=(r, K))  # in the row space, so of least norm
        c = np.asarray(least_squares(jnp.asarray(b), jnp.asarray(b @ exact)))
        assert np.linalg.norm(c - exact) <= 1e-13 * cond * np.linalg.norm(exact)
        t = rng.normal(size=(r, K))
        c = np.asarray(least_squares(jnp.asarray(b), jnp.asarray(t)))
        assert np.linalg.norm(b.T @ (t - b @ c)) <= 1e-14 * cond * np.linalg.norm(t)


@given(problems(((9, 7, 20), (7, 7, 7), (4, 7, 20))))
def test_weights_at_lam_s_zero_are_least_squares(a):
    support, _, _, rng = a
    labels = rng.normal(size=(len(support), K))
    wanted = train(support, labels)
    agree(kip_loss.weights(support, labels, 0.0), wanted, 1e1 * wanted)


@given(problems(((4, 7, 5), (4, 7, 7))), st.sampled_from((1e-10, 1e-11)))
def test_the_trace_form_loses_a_small_loss_and_the_reduced_form_keeps_it(a, t):
    _, features, truth, rng = a
    w = train(features, truth)
    w = w + t * matrix(rng, *w.shape, scale=np.linalg.norm(w), spread=1.0)
    samples, *smaller = targets(features, truth)
    loss = float(samples.loss(w))
    assert 1e-25 < loss / np.sum(truth**2) < 1e-17
    for target in smaller:
        assert float(target.loss(w)) == pytest.approx(loss, rel=1e-2)
    trace = float(dl.RidgeStats.of(features, truth).loss(w))
    assert 1e-1 * loss < abs(trace - loss) < 1e-12 * np.sum(truth**2)


WRONG = {
    "solved, features of another map": (lambda target: kip_loss.solved_loss(np.ones((4, 6)), target), "p = 6 features and the target 7"),
    "features of another map": (lambda target: kip_loss.loss(np.ones((4, 6)), np.ones((4, K)), target, 1.0), "p = 6 features and the target 7"),
    "labels of fewer points": (lambda target: kip_loss.loss(np.ones((4, 7)), np.ones((3, K)), target, 1.0), r"labels has shape \(3, 3\), .* \(4, any\)"),
}  # fmt: skip


@each(WRONG)
def test_shapes_that_do_not_fit_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong(kip_loss.Target(np.ones((5, 7)), np.ones((5, K))))


# Theorem 6.1


def closed_set(w, rng, m):
    """A set of Theorem 5.1 that carries w."""
    labels = matrix(rng, m, len(w), spread=3.0)
    z = matrix(rng, m, w.shape[1], scale=np.linalg.norm(w), spread=3.0)
    return np.asarray(dl.support_features(dl.recovery_matrix(w, labels, z))), labels


@given(problems(((4, 7, 5), (4, 7, 7))))
def test_for_n_up_to_p_the_closed_form_has_loss_zero(a):
    _, features, truth, rng = a
    support, labels = closed_set(train(features, truth), rng, 4)
    for target in targets(features, truth):
        assert kip_loss.loss(support, labels, target, 0.0) <= 1e-18 * np.sum(truth**2)


@given(problems())
def test_the_excess_loss_is_the_error_of_the_weights_in_the_metric_of_g(a):
    support, features, truth, rng = a
    w_s = train(support, rng.normal(size=(len(support), K)))
    w = train(features, truth)
    excess = np.sum(((w_s - w) @ features.T) ** 2)
    least = np.sum((w @ features.T - truth.T) ** 2)
    for target in targets(features, truth):
        agree(target.loss(w_s), least + excess, np.sum(truth**2) + excess)
    if len(features) >= features.shape[1]:  # so loss and weights are exact together
        assert excess >= np.linalg.svd(features)[1][-1] ** 2 * np.sum((w_s - w) ** 2) * (1 - 1e-9)


@given(problems(((4, 7, 5),)))
def test_for_n_below_p_other_models_have_loss_zero_too(a):
    _, features, truth, rng = a
    w = train(features, truth)
    other = w + rng.normal(size=w.shape) @ (np.eye(7) - pinv(features) @ features) * np.linalg.norm(
        w
    )
    support, labels = closed_set(other, rng, 4)
    assert kip_loss.loss(support, labels, kip_loss.Target(features, truth), 0.0) <= 1e-18 * np.sum(
        truth**2
    )
    assert closed_form.recovery_error(w, closed_form.recovered_weights(support, labels)) > 1e-2


@given(problems(((4, 7, 5), (4, 7, 7))), st.sampled_from((1e-3, 1.0)))
def test_with_lam_above_zero_the_closed_form_has_the_original_models_loss(a, reg):
    _, features, truth, rng = a
    reg = reg * np.sum(features**2)
    support, labels = closed_set(train(features, truth, reg), rng, 4)
    found = kip_loss.loss(support, labels, reduced(features, truth), 0.0)
    wanted = np.sum(
        (reg * np.linalg.solve(features @ features.T + reg * np.eye(len(features)), truth)) ** 2
    )
    agree(found, wanted, wanted)
    assert wanted > 1e-8 * np.sum(truth**2)


def test_repeated_samples_with_different_labels_cannot_be_fitted():
    features = np.ones((2, 3))
    truth = np.eye(2)
    support, labels = closed_set(train(features, truth), np.random.default_rng(0), 2)
    for target in targets(features, truth):
        assert kip_loss.loss(support, labels, target, 0.0) == pytest.approx(1.0)


@given(seeds, st.sampled_from((0.5, 1.0, 4.0, 30.0)))
def test_above_its_bound_lam_s_keeps_the_least_loss_out_of_reach(seed, factor):
    """Orthonormal phi(X), Y_S = I: the best phi_{lam_S}(X_S)^+ is W with its singular values cut at
    1 / (2 sqrt(lam_S)).
    """
    rng = np.random.default_rng(seed)
    features = np.linalg.qr(rng.normal(size=(20, 7)))[0]
    target = targets(features, rng.normal(size=(20, K)))[1]
    w = train(target.features, target.labels)
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    reg_s = factor / (4 * s[0] ** 2)
    cut = np.minimum(s, 1 / (2 * np.sqrt(reg_s)))
    least = float(target.rest) + np.sum((s - cut) ** 2)
    best = dl.support_features((u * cut) @ vt, reg_s * (1 - 1e-12))
    assert float(kip_loss.loss(best, np.eye(K), target, reg_s)) == pytest.approx(least, rel=1e-6)
    for scale in (0.0, 1e-3, 1e-1, 1.0):
        other = best + scale * rng.normal(size=best.shape) * np.sqrt(reg_s)
        assert kip_loss.loss(other, np.eye(K), target, reg_s) >= least * (1 - 1e-9)
