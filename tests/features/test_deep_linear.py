"""Deep linear networks: the map, its inverse on its range, and Theorem 5.3 as corrected."""

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import close, condition, matrix, pictures, pinv, pinv_reg, seeds, train, values
from hypothesis import given
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.features.deep_linear import DeepLinear

# d, d_1, ..., d_L: widening to a square layer; narrowing; a bottleneck
WIDTHS = ((5, 9, 9), (6, 3), (6, 4, 9))
N, K, D = 4, 3, 12


@st.composite
def networks(draw, widths=WIDTHS):
    """A network and its G in NumPy; a third of them with a layer of deficient rank."""
    rng = np.random.default_rng(draw(seeds))
    sizes = draw(st.sampled_from(widths))
    layers = [matrix(rng, out, fan_in) for fan_in, out in pairwise(sizes)]
    if draw(st.integers(0, 2)) == 0:
        layers[0] = matrix(rng, *layers[0].shape, rank=min(layers[0].shape) - 1)
    g = layers[0]
    for w in layers[1:]:
        g = w @ g
    return DeepLinear(tuple(map(jnp.asarray, layers))), g, rng


def projector(g):
    return g @ pinv(g)


# The map and its inverse


@given(networks())
def test_the_map_is_its_matrix(net):
    phi, g, rng = net
    x = rng.normal(size=(N, phi.dim_in))
    assert (phi.dim_out, phi.dim_in) == g.shape
    assert np.allclose(phi.matrix, g)
    assert np.allclose(phi(x), x @ g.T)
    assert np.allclose(phi.basis @ phi.basis.T, projector(g))
    assert np.allclose(phi.basis.T @ phi.basis, np.eye(len(values(g))))


@given(networks())
def test_rows_are_projected_onto_the_range(net):
    phi, g, rng = net
    rows = rng.normal(size=(N, phi.dim_out))
    assert np.allclose(phi.onto_span(rows), rows @ projector(g))


@given(networks())
def test_features_in_the_range_have_a_preimage_of_least_norm(net):
    phi, g, rng = net
    f = rng.normal(size=(N, phi.dim_in)) @ g.T
    x = np.asarray(phi.inverse(f))
    assert close(x @ g.T, f, condition(g) ** 2)
    assert close(x, f @ pinv(g).T, condition(g) ** 2)


@given(networks())
def test_the_preimage_nearest_to_given_points(net):
    phi, g, rng = net
    f, near = rng.normal(size=(N, phi.dim_in)) @ g.T, rng.normal(size=(N, phi.dim_in))
    x = np.asarray(phi.inverse(f, near=near))
    assert close(x @ g.T, f, condition(g) ** 2)
    null = np.eye(phi.dim_in) - pinv(g) @ g
    assert np.allclose(
        (x - near) @ null, 0
    )  # no shorter way: other preimages differ by the null space
    assert np.allclose(phi.inverse(near @ g.T, near=near), near)


@given(networks(((5, 9, 9), (6, 4, 9))), st.sampled_from((1e-6, 1e-2, 1.0)))
def test_features_outside_the_range_are_refused_with_their_share(net, share):
    phi, g, rng = net
    inside, outside = projector(g), rng.normal(size=(N, phi.dim_out))
    outside -= outside @ inside
    f = rng.normal(size=(N, phi.dim_in)) @ g.T
    f = f / np.linalg.norm(f) + share * outside / np.linalg.norm(outside)
    with pytest.raises(
        ValueError, match=r"outside range\(G\), of dimension .* relative residual"
    ) as error:
        phi.inverse(f)
    assert f"of dimension {len(values(g))} in R^9" in str(error.value)
    assert f"residual of {share / np.hypot(1, share):.3g}," in str(error.value)


def test_zero_features_have_the_origin():
    phi = DeepLinear((jnp.ones((3, 2)), jnp.zeros((4, 3))))
    assert np.array_equal(phi.inverse(jnp.zeros((N, 4))), np.zeros((N, 2)))
    near = jnp.ones((N, 2))
    assert np.array_equal(phi.inverse(jnp.zeros((N, 4)), near=near), near)
    with pytest.raises(ValueError, match="relative residual of 1,"):
        phi.inverse(jnp.ones((N, 4)))


def test_shapes_are_checked():
    phi = DeepLinear.random(jax.random.key(0), (D, 7, 20))
    assert [w.shape for w in phi.weights] == [(7, D), (20, 7)]
    with pytest.raises(ValueError, match=r"features has shape \(2, 3\)"):
        phi.inverse(jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=r"near has shape \(1, 12\)"):
        phi.inverse(jnp.zeros((2, 20)), near=jnp.ones((1, D)))
    with pytest.raises(ValueError, match="widths"):
        DeepLinear.random(jax.random.key(0), (3,))


# Theorem 5.3, corrected


@given(networks(((5, 9, 9),)), st.sampled_from((3, 6)), st.sampled_from((0.0, 0.5)))
def test_a_model_within_the_range_is_carried_by_k_points_and_by_more(net, m, fraction):
    phi, g, rng = net
    w = rng.normal(size=(K, 9)) @ projector(g)
    y = matrix(rng, m, K)
    z = phi.onto_span(matrix(rng, m, 9))
    d = dl.recovery_matrix(w, y, z)
    reg_s = fraction / (4 * np.linalg.norm(d, 2) ** 2)
    x = phi.inverse(dl.support_features(d, reg_s))
    cond = condition(g, y, d) ** 2
    assert close(train(x @ g.T, y, reg_s), w, cond, np.linalg.norm(y) * np.linalg.norm(d))


@given(networks(((5, 9, 9),)), st.integers(1, 2))
def test_at_m_equal_to_k_a_product_of_pseudoinverses_does_only_for_full_rank(net, rank):
    """X_S = G^+ W^+ Y_S carries W of rank k; below, (Y_S^+ W)^+ has to stand for W^+ Y_S."""
    phi, g, rng = net
    y = matrix(rng, K, K)
    w = rng.normal(size=(K, 9)) @ projector(g)
    assert close(train((pinv(g) @ pinv(w) @ y.T).T @ g.T, y), w, condition(g, y, w) ** 2)
    w = matrix(rng, K, rank) @ matrix(rng, rank, 9) @ projector(g)
    wrong = train((pinv(g) @ pinv(w) @ y.T).T @ g.T, y)
    assert np.linalg.norm(wrong - w) > 1e-4 * np.linalg.norm(w)
    right = phi.inverse(dl.support_features(dl.recovery_matrix(w, y)))
    assert close(train(right @ g.T, y), w, condition(g, y, w) ** 2)


@given(networks(((5, 9, 9),)), st.sampled_from((3, 6, 12)), st.sampled_from((0.0, 0.1, 10.0)))
def test_outside_the_range_no_number_of_points_comes_nearer_than_the_bound(net, m, reg_s):
    phi, g, rng = net
    w, inside = rng.normal(size=(K, 9)), projector(g)
    bound = np.linalg.norm(w - w @ inside)
    # Training on any points, and on the best labels for them.
    features = rng.normal(size=(m, 5)) @ g.T
    for y in (rng.normal(size=(m, K)), dl.solved_labels(w, features, reg_s)):
        trained = train(features, y, reg_s)
        assert np.linalg.norm(trained - w) >= bound * (1 - 1e-12)
        assert np.allclose(trained @ inside, trained)  # the reason
    # Attained, with the model's own answers on every input.
    y = matrix(rng, m, K)
    x = phi.inverse(dl.support_features(dl.recovery_matrix(phi.onto_span(w), y)))
    best = train(x @ g.T, y)
    assert np.isclose(np.linalg.norm(best - w), bound, rtol=1e-9)
    assert close(best @ g, w @ g, condition(g, y, w @ inside) ** 2)


@given(networks(((5, 9, 9),)), st.integers(1, 2), st.sampled_from((0.0, 1.0)))
def test_below_k_points_the_bound_has_a_second_part(net, m, reg_s):
    phi, g, rng = net
    w, inside = rng.normal(size=(K, 9)), projector(g)
    tail = values(w @ inside)[m:]
    bound = np.hypot(np.linalg.norm(w - w @ inside), np.linalg.norm(tail))
    features = rng.normal(size=(m, 5)) @ g.T
    assert np.linalg.norm(train(features, rng.normal(size=(m, K)), reg_s) - w) >= bound * (
        1 - 1e-12
    )
    y = np.linalg.svd(w @ inside)[0][:, :m].T
    x = phi.inverse(pinv(y @ w @ inside).T)
    assert np.isclose(np.linalg.norm(train(x @ g.T, y) - w), bound, rtol=1e-9)


@given(networks(((5, 9, 9),)), st.sampled_from((0.0, 0.3)))
def test_every_set_that_carries_a_model_is_one_of_the_theorem(net, reg_s):
    phi, g, rng = net
    x, y = rng.normal(size=(6, 5)), matrix(rng, 6, K)
    w = train(x @ g.T, y, reg_s)
    d = dl.recovery_matrix(w, y, phi.onto_span(pinv_reg(x @ g.T, reg_s)))
    assert close(d, pinv_reg(x @ g.T, reg_s), 1e3 * condition(x @ g.T, y))


@given(networks(((5, 9, 9),)), st.sampled_from((0.0, 1e-3, 10.0)), st.sampled_from((3, 20)))
def test_training_never_leaves_the_range(net, reg, n):
    _, g, rng = net
    features = rng.normal(size=(n, 5)) @ g.T / np.linalg.norm(g)
    w = train(features, rng.normal(size=(n, K)), reg)
    assert np.linalg.norm(w - w @ projector(g)) <= 1e-10 * np.linalg.norm(w)


# Algorithm 1

SHAPE = (3, 2, 2)
NORMALISATION = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4))
KEY = jax.random.key(5)


POOL = pictures(K, SHAPE)


@pytest.fixture(scope="module")
def model():
    phi = DeepLinear.random(jax.random.key(1), (D, 7, 20))
    return dl.fit(*POOL, phi, NORMALISATION, key=KEY, regs=(1.0,), val_fraction=0)


@pytest.mark.parametrize("start", ["noise", "real", "nearest"])
@pytest.mark.parametrize(("m", "reg_s"), [(3, 1e-3), (9, 0.0)])
def test_every_start_distils_a_trained_model(model, start, m, reg_s):
    one = dl.distill(model, m, key=KEY, start=start, pool=POOL, reg_s=reg_s)
    w = train(one.feature_map(one.points), one.labels, one.reg_s)
    assert np.linalg.norm(w - model.weights) < 1e-9 * np.linalg.norm(model.weights)
    assert np.array_equal(one.predict(POOL[0]), model.predict(POOL[0]))


def test_real_samples_that_span_more_than_the_range_are_kept(model):
    """Then only the labels change: Theorem 4.2."""
    one = dl.distill(model, 9, key=KEY, start="nearest", pool=POOL)
    assert one.provenance["feature_distance"] < 1e-12


def test_a_model_outside_the_range_is_refused_with_its_share(model):
    rng = np.random.default_rng(0)
    g = np.asarray(model.feature_map.matrix)
    outside = rng.normal(size=(K, 20))
    outside -= outside @ projector(g)
    outside *= 0.75 * np.linalg.norm(model.weights) / np.linalg.norm(outside)
    other = eqx.tree_at(lambda a: a.weights, model, model.weights + outside)
    assert np.allclose(other.scores(POOL[0]), model.scores(POOL[0]))
    with pytest.raises(ValueError, match=r"by 0\.6 of its norm, so no support set carries it"):
        dl.distill(other, 9, key=KEY)
    inside = eqx.tree_at(lambda a: a.weights, other, model.feature_map.onto_span(other.weights))
    assert dl.distill(inside, 9, key=KEY).provenance["recovery_error"] < 1e-10


def test_rounding_of_the_gram_matrix_does_not_take_a_model_out_of_the_range(model):
    """A small lam divides that rounding; `fit` projects it away."""
    phi, kwargs = model.feature_map, {"key": KEY, "regs": (1e-9,), "val_fraction": 0}
    inside = projector(np.asarray(phi.matrix))
    raw = dl.RidgePath.of(dl.RidgeStats.of_images(*POOL, K, phi, NORMALISATION)).weights(1e-9)
    fitted = dl.fit(*POOL, phi, NORMALISATION, **kwargs).weights
    for w, low, high in ((raw, 1e-8, np.inf), (fitted, 0, 1e-13)):
        assert low <= np.linalg.norm(w - w @ inside) / np.linalg.norm(w) <= high
