"""Section 5.2: which features have points (Theorem 5.2), the block of Theorem 5.3, the extra layer
of Theorem D.1.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import close, condition, matrix, pinv, seeds, train, values
from hypothesis import given
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.theory import non_surjective

WIDTHS = ((4, 7, 7), (3, 5, 7))
K, N, P = 3, 4, 7
POSITIVE = st.sampled_from((1e-3, 0.3, 1.0, 20.0))


@st.composite
def networks(draw, widths=WIDTHS):
    rng = np.random.default_rng(draw(seeds))
    slope = draw(st.sampled_from((0.1, 0.5, 1.0, 3.0)))
    layers = tuple(
        jnp.asarray(matrix(rng, out, fan_in))
        for fan_in, out in pairwise(draw(st.sampled_from(widths)))
    )
    return dl.FullyConnected(layers, slope), rng


def steep(phi):
    return max(phi.slope, 1 / phi.slope) ** len(phi.weights) * condition(*phi.weights)


# Theorem 5.2


@given(networks())
def test_features_of_points_have_those_points(net):
    phi, rng = net
    x = rng.normal(size=(N, phi.dim_in))
    assert close(non_surjective.preimage(phi, phi(x)), x, steep(phi) ** 2)
    assert non_surjective.range_residual(phi, phi(x)) < 1e-13 * steep(phi)


@given(networks(), st.sampled_from((1e-5, 1e-2, 1.0)))
def test_features_outside_the_range_are_refused_at_the_layer_that_decides(net, share):
    """The inputs of the first layer leave range(W_1) by a known share; the layers after it do not
    hide it.
    """
    phi, rng = net
    first, rest = phi.weights[0], phi.weights[1:]
    inside = rng.normal(size=(N, phi.dim_in)) @ np.asarray(first).T
    outside = rng.normal(size=(N, len(first)))
    outside -= outside @ np.linalg.pinv(first).T @ np.asarray(first).T
    t = inside / np.linalg.norm(inside) + share * outside / np.linalg.norm(outside)
    f = jax.nn.leaky_relu(t, phi.slope)
    f = dl.FullyConnected(rest, phi.slope)(f) if rest else f
    wanted = share / np.hypot(1, share)
    assert np.isclose(non_surjective.range_residual(phi, f), wanted, rtol=1e-3)
    with pytest.raises(ValueError, match=r"no preimage: at layer 1 .* \(Theorem 5\.2\)"):
        non_surjective.preimage(phi, f)


@given(networks(((3, 5, 7),)))
def test_a_later_layer_that_widens_decides_too(net):
    phi, rng = net
    with pytest.raises(ValueError, match=r"at layer 2 they lie outside .* residual of 0"):
        non_surjective.preimage(phi, rng.normal(size=(N, P)))


@given(networks(((4, P, P),)))
def test_at_m_equal_to_k_a_model_is_carried_just_when_its_features_have_points(net):
    """Almost no W is; those trained at lam = 0 on k points with the labels Y_S are."""
    phi, rng = net
    y = matrix(rng, K, K)
    generic = dl.support_features(dl.recovery_matrix(rng.normal(size=(K, P)), y))
    assert non_surjective.range_residual(phi, generic) > 1e-3
    with pytest.raises(ValueError, match="no preimage: at layer 1"):
        non_surjective.preimage(phi, generic)
    f = np.asarray(phi(rng.normal(size=(K, 4))))
    w = train(f, y)
    points = non_surjective.preimage(phi, dl.support_features(dl.recovery_matrix(w, y)))
    assert close(train(phi(points), y), w, (condition(f, y) * steep(phi)) ** 2)


@given(seeds)
def test_with_more_outputs_than_features_almost_no_model_is_carried_either(seed):
    """k = 4 > p = 3: no W has rank k, and almost all have full rank."""
    rng = np.random.default_rng(seed)
    phi = dl.FullyConnected((jnp.asarray(matrix(rng, 3, 2)), jnp.asarray(matrix(rng, 3, 3))), 0.3)
    y = matrix(rng, 4, 4)
    generic = dl.support_features(dl.recovery_matrix(rng.normal(size=(4, 3)), y))
    assert non_surjective.range_residual(phi, generic) > 1e-6
    w = train(phi(rng.normal(size=(4, 2))), y)
    assert non_surjective.range_residual(
        phi, dl.support_features(dl.recovery_matrix(w, y))
    ) < 1e-9 * steep(phi)


@given(seeds, st.sampled_from((0.0, 0.5)))
def test_two_rays_carry_no_model_of_rank_three_though_the_count_forbids_nothing(seed, reg_s):
    """d = 1, k = p = 3: d + k > p, and the features of any points have rank 2."""
    rng = np.random.default_rng(seed)
    phi = dl.FullyConnected((jnp.asarray(matrix(rng, 3, 1)), jnp.asarray(matrix(rng, 3, 3))), 0.3)
    w, f = matrix(rng, 3, 3), np.asarray(phi(rng.normal(size=(9, 1))))
    assert len(values(f)) <= 2
    for y in (rng.normal(size=(9, 3)), dl.solved_labels(w, f, reg_s)):
        assert np.linalg.norm(train(f, y, reg_s) - w) >= values(w)[-1] * (1 - 1e-9)


def test_zero_features_come_from_the_origin():
    phi = dl.FullyConnected((jnp.eye(7, 4), jnp.eye(7)))
    assert np.array_equal(non_surjective.preimage(phi, jnp.zeros((N, 7))), np.zeros((N, 4)))


NARROWING = dl.FullyConnected((jnp.eye(7, 4), jnp.eye(5, 7)))
FLAT = dl.FullyConnected((jnp.ones((7, 4)), jnp.eye(7)))
F, W = np.eye(4, P), np.eye(K, P)
WRONG = {
    "a narrowing layer": (lambda: non_surjective.preimage(NARROWING, jnp.ones((N, 5))), "layer 2 have rank 5 < 7, so the network is not injective"),
    "a layer of low rank": (lambda: non_surjective.preimage(FLAT, jnp.ones((N, 7))), "layer 1 have rank 1 < 4"),
    "ReLU": (lambda: non_surjective.preimage(dl.FullyConnected((jnp.eye(7, 4),), 0.0), jnp.ones((N, 7))), r"slope 0\.0 is not invertible"),
    "features of another map": (lambda: non_surjective.range_residual(NARROWING, jnp.ones((N, 4))), r"features has shape \(4, 4\)"),
    **{
        f"{name}, reg_s = {reg_s}, c = {c}": (lambda layer=layer, reg_s=reg_s, c=c: layer(reg_s, c), r"must be .*finite")
        for reg_s, c in ((0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (1.0, 0.0))
        for name, layer in (
            ("whitening", lambda reg_s, c: non_surjective.whitening_layer(F, reg_s, c)),
            ("free", lambda reg_s, c: non_surjective.free_layer(W, F, reg_s, c)),
        )
    },
    "dependent points": (lambda: non_surjective.free_layer(W, np.ones((4, P)), 1.0), "rank 1 < m = 4"),
    "points that W does not see": (lambda: non_surjective.free_layer(np.eye(P)[-K:], F, 1.0), r"W phi\(X_S\) has rank 0 < rank\(W\) = 3"),
    "a model of other features": (lambda: non_surjective.free_layer(np.eye(K, 6), F, 1.0), r"features has shape \(4, 7\), .* \(any, 6\)"),
}  # fmt: skip


@each(WRONG)
def test_what_has_no_points_or_no_layer_is_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


# Theorem 5.3, part 2


@st.composite
def deep_linear(draw):
    """d < d_1 = d_2 = p, W_1 of rank d or below, W of rank K."""
    rng = np.random.default_rng(draw(seeds))
    d = draw(st.integers(K, P - 1))
    layers = (matrix(rng, P, d, draw(st.sampled_from((d, d - 1)))), matrix(rng, P, P))
    return dl.DeepLinear(tuple(map(jnp.asarray, layers))), rng


@given(deep_linear())
def test_the_block_has_the_rank_of_g_and_is_never_of_full_rank(net):
    phi, rng = net
    g = np.asarray(phi.matrix)
    w = rng.normal(size=(K, P))
    if len(values(w @ g)) < K:
        return  # then H is not of full rank: the next test
    s = np.linalg.svd(non_surjective.theorem_5_3_block(phi, w), compute_uv=False)
    assert (s > 1e-8).sum() == len(values(g)) < P
    h = np.hstack([g @ pinv(phi.weights[0]), pinv(w) @ w - np.eye(P)])
    block = non_surjective.theorem_5_3_block(phi, w)
    # It is the last part of an orthonormal basis of the null space of H.
    first = np.linalg.lstsq(h[:, :P], -h[:, P:] @ block, rcond=None)[0]
    assert np.allclose(h[:, :P] @ first + h[:, P:] @ block, 0, atol=1e-9)
    assert np.linalg.norm(block, 2) <= 1 + 1e-9


@given(deep_linear())
def test_the_block_is_refused_where_h_has_not_full_rank(net):
    phi, rng = net
    outside = np.linalg.svd(np.asarray(phi.matrix))[0][:, -1]
    w = rng.normal(size=(K, P))
    w[0] = outside  # W G loses a rank
    with pytest.raises(ValueError, match=f"H has rank .*full rank p = {P}"):
        non_surjective.theorem_5_3_block(phi, w)
    bottleneck = dl.DeepLinear((jnp.ones((5, 4)), jnp.ones((P, 5))))
    with pytest.raises(ValueError, match="first layer has width 5"):
        non_surjective.theorem_5_3_block(bottleneck, w)


@given(deep_linear(), st.integers(K + 1, P + 2))
def test_points_on_which_the_model_answers_the_labels_need_not_carry_it(net, m):
    """W G X_S = Y_S can be solved whenever rank W G = k, H is then of full rank, and yet no m
    suffices.
    """
    phi, rng = net
    g, w = np.asarray(phi.matrix), rng.normal(size=(K, P))
    if len(values(w @ g)) < K:
        return
    y = matrix(rng, m, K)
    null = np.eye(g.shape[1]) - pinv(w @ g) @ w @ g
    x = (pinv(w @ g) @ y.T).T + rng.normal(size=(m, g.shape[1])) @ null
    assert np.allclose(x @ g.T @ w.T, y)
    trained = train(x @ g.T, y)
    bound = np.linalg.norm(w - w @ g @ pinv(g))
    assert np.linalg.norm(trained - w) >= bound * (1 - 1e-9) > 0


@given(seeds)
def test_one_formula_for_k_points_needs_labels_of_rank_k_and_is_alone_with_its_labels(seed):
    rng = np.random.default_rng(seed)
    g = matrix(rng, P, 4)
    w = matrix(rng, K, P) @ g @ pinv(g)
    if len(values(w)) < K or condition(w) > 1e4:
        return

    def points(y):
        return (pinv(g) @ pinv(w) @ y.T).T

    full, other, low = matrix(rng, K, K), matrix(rng, K, K), matrix(rng, K, K, rank=K - 1)
    for y in (full, other):
        assert close(train(points(y) @ g.T, y), w, condition(w) ** 2 * condition(g, y))
    assert np.linalg.norm(points(full) - points(other)) > 1e-6
    assert np.linalg.norm(train(points(low) @ g.T, low) - w) >= values(w)[-1] * (1 - 1e-9)


@given(seeds)
def test_equations_with_the_matrix_of_theorem_5_3_give_the_labels_at_rank_k_only(seed):
    rng = np.random.default_rng(seed)
    first, second, y = matrix(rng, P, 4), matrix(rng, P, P), rng.normal(size=(5, K))
    g = second @ first
    for rank in (K, K - 1):
        w = matrix(rng, K, P, rank=rank)
        h = np.hstack([g @ pinv(first), pinv(w) @ w - np.eye(P)])
        if condition(w @ g) > 1e4:
            return
        both = np.linalg.lstsq(h, pinv(w) @ y.T, rcond=1e-11)[0]
        assert np.allclose(h @ both, pinv(w) @ y.T, atol=1e-7)
        answers = (w @ g @ pinv(first) @ both[:P]).T
        assert np.allclose(answers, y @ (w @ pinv(w)).T, atol=1e-6)
        assert np.allclose(answers, y, atol=1e-6) == (rank == K)


# Theorem D.1


@given(seeds, st.sampled_from((2, 5)), st.sampled_from((P, 3)), POSITIVE, POSITIVE)
def test_the_layer_of_theorem_d_1_shrinks_what_training_without_it_gives(seed, m, rank, reg_s, c):
    rng = np.random.default_rng(seed)
    f, y = matrix(rng, m, P, min(m, rank)), matrix(rng, m, K)
    a = np.asarray(non_surjective.whitening_layer(f, reg_s, c))
    assert close(a.T @ a, reg_s * c * pinv(f.T @ f), condition(f) ** 2)
    trained = train(f @ a.T, y, reg_s) @ a
    assert close(trained, c / (c + 1) * train(f, y), condition(f) ** 2)


@given(networks(((4, P, P),)), POSITIVE, POSITIVE)
def test_for_a_homogeneous_map_the_layer_carries_what_was_carried_without_it(net, reg_s, c):
    """phi(X_S) = c / (c + 1) D^+ has points just when D^+ has; but lam_S is no longer bounded."""
    phi, rng = net
    y = matrix(rng, N, K)
    f = np.asarray(phi(rng.normal(size=(N, 4))))
    w = train(f, y)
    points = non_surjective.preimage(phi, c / (c + 1) * f)
    features = np.asarray(phi(points))
    a = np.asarray(non_surjective.whitening_layer(features, reg_s, c))
    assert close(train(features @ a.T, y, reg_s) @ a, w, (steep(phi) * condition(f, y)) ** 2)
    elsewhere = rng.normal(size=(N, P))
    scaled, plain = (non_surjective.range_residual(phi, t * elsewhere) for t in (c / (c + 1), 1.0))
    assert np.isclose(scaled, plain)
    assert plain > 1e-3


def test_through_another_map_the_layer_needs_labels_of_its_own_to_add_nothing():
    """phi(x) = (t + t^3, u + u^3) at (t, u) = (x, 2 x), the label 20, lam_S = 0 without the layer."""
    x, c, reg_s, label = np.array([[0.8]]), 0.5, 0.3, np.array([[20.0]])
    inner = np.c_[x, 2 * x]
    features = inner + inner**3
    layer = np.asarray(non_surjective.whitening_layer(jnp.asarray(features), reg_s, c))
    w = train(features @ layer.T, label, reg_s) @ layer
    # The ratio of the features grows with x > 0, so x alone has the direction of W.
    assert not np.allclose(train(features, label), w)
    assert np.allclose(train(features, c / (c + 1) * label), w)


@given(seeds, st.sampled_from((K, 5)), POSITIVE, POSITIVE)
def test_a_free_layer_carries_any_model_on_any_points(seed, m, reg_s, c):
    rng = np.random.default_rng(seed)
    w, f = matrix(rng, K, P), matrix(rng, m, P)
    a, y = map(np.asarray, non_surjective.free_layer(w, f, reg_s, c))
    cond = condition(f, w, f @ w.T) ** 2
    assert a.shape == (m, P)
    assert close(train(f @ a.T, y, reg_s) @ a, w, cond)
    assert close(y, (c + 1) / c * f @ w.T)
    if m == K:  # the layer is W, up to a k x k factor
        assert close(a, np.sqrt(reg_s * c) * np.linalg.solve(w @ f.T, w), cond)
    # Where W has nothing outside the span of the features, the first term is Theorem D.1's layer.
    inside = w @ pinv(f) @ f
    if m > K:
        a, _ = map(np.asarray, non_surjective.free_layer(inside, f, reg_s, c))
        white = np.asarray(non_surjective.whitening_layer(f, reg_s, c))
        assert close(a.T @ a, white.T @ white, cond)


@given(seeds, st.sampled_from((2, 5)), POSITIVE, POSITIVE)
def test_a_free_layer_carries_models_of_lower_rank(seed, m, reg_s, c):
    """rank W = 2 < k = 3, on as few points as its rank and on more."""
    rng = np.random.default_rng(seed)
    w, f = matrix(rng, K, P, rank=2), matrix(rng, m, P)
    a, y = map(np.asarray, non_surjective.free_layer(w, f, reg_s, c))
    cond = condition(f, w, f @ w.T) ** 2
    assert close(train(f @ a.T, y, reg_s) @ a, w, cond)
    if m == 2:
        assert close(a, np.sqrt(reg_s * c) * pinv(w @ f.T) @ w, cond)
