"""Affine coupling layers: their definition, their exact inverse, and what the bound of the
log-scale is for.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given
from hypothesis import strategies as st
from messages import each

from distill_lib import AffineCoupling

# dim, layers, hidden
SIZES = ((2, 1, 4), (5, 3, 4))
N = 3


@st.composite
def networks(draw):
    rng = np.random.default_rng(draw(seeds))
    dim, layers, hidden = draw(st.sampled_from(SIZES))
    weights = []
    for layer in range(layers):
        kept = [i for i in range(dim) if i % 2 == layer % 2]
        moved = [i for i in range(dim) if i % 2 != layer % 2]
        shapes = ((hidden, len(kept)), (len(moved), hidden), (len(moved), hidden))
        weights.append([rng.normal(size=shape) for shape in shapes])
    bound = draw(st.sampled_from((0.0, 0.5, 2.0)))
    phi = AffineCoupling(
        *(tuple(map(jnp.asarray, part)) for part in zip(*weights, strict=True)), bound
    )
    return phi, weights, bound, rng


def network(weights, bound, x):
    """One sample, one coordinate at a time."""
    x = list(x)
    for layer, (inner, scale, shift) in enumerate(weights):
        hidden = np.tanh(inner @ [v for i, v in enumerate(x) if i % 2 == layer % 2])
        moved = [i for i in range(len(x)) if i % 2 != layer % 2]
        for i, s, t in zip(moved, scale @ hidden, shift @ hidden, strict=True):
            x[i] = x[i] * math.exp(bound * math.tanh(s)) + t
    return x


@given(networks())
def test_coupling_is_its_definition(net):
    phi, weights, bound, rng = net
    x = 3 * rng.normal(size=(N, phi.dim_in))
    assert (
        phi.dim_in
        == phi.dim_out
        == x.shape[1]
        == sum(weights[0][0].shape[1:] + weights[0][1].shape[:1])
    )
    assert np.allclose(phi(x), [network(weights, bound, row) for row in x], rtol=1e-12, atol=1e-12)


@given(networks(), st.floats(-2, 3))
def test_the_inverse_is_exact_from_both_sides(net, exponent):
    phi, weights, bound, rng = net
    x = 10.0**exponent * rng.normal(size=(N, phi.dim_in))
    # What is lost in a layer is e^bound times the rounding of the largest entry it has seen.
    tolerance = 1e-14 * np.exp(2 * bound * len(weights)) * (10 + np.abs(x).max()) ** 2
    back = phi.inverse(x)
    assert np.allclose(phi(back), x, rtol=0, atol=tolerance)
    assert np.allclose(phi.inverse(phi(x)), x, rtol=0, atol=tolerance)
    # A bijection leaves no choice.
    assert np.array_equal(phi.inverse(x, 0 * x), back)
    assert phi.range_scale(x) == 1


@pytest.mark.parametrize("bound", [0.0, 0.5, 2.0])
def test_the_log_scale_is_bounded(bound):
    rng = np.random.default_rng(0)
    inner, scale, shift = (rng.normal(size=shape) for shape in ((4, 3), (3, 4), (3, 4)))
    phi = AffineCoupling(
        (jnp.asarray(inner),), (jnp.asarray(1e3 * scale),), (jnp.asarray(shift),), bound
    )
    x = 10 * rng.normal(size=(30, 6))
    y = x.copy()
    y[:, 1::2] += 1
    stretched = np.asarray(phi(y) - phi(x))[:, 1::2]
    # Large weights saturate the tanh, so both ends are reached.
    assert np.isclose(stretched.min(), math.exp(-bound), rtol=1e-6)
    assert np.isclose(stretched.max(), math.exp(bound), rtol=1e-6)


def test_two_layers_move_every_coordinate():
    one, two = (AffineCoupling.random(jax.random.key(0), 5, layers) for layers in (1, 2))
    x = np.random.default_rng(0).normal(size=(N, 5))
    assert np.array_equal(np.asarray(one(x))[:, ::2], x[:, ::2])
    assert (np.asarray(one(x))[:, 1::2] != x[:, 1::2]).all()
    assert (np.asarray(two(x)) != x).all()
    assert [w.shape for w in two.inner] == [(64, 3), (64, 2)]
    assert [w.shape for w in two.scales] == [w.shape for w in two.shifts] == [(2, 64), (3, 64)]


def test_random_weights_have_variance_one_over_fan_in():
    phi = AffineCoupling.random(jax.random.key(0), 80, layers=2, hidden=60, bound=0.7)
    assert [w.shape for w in phi.inner] == [(60, 40), (60, 40)]
    assert [w.shape for w in phi.scales] == [w.shape for w in phi.shifts] == [(40, 60), (40, 60)]
    for w in (*phi.inner, *phi.scales, *phi.shifts):
        assert np.isclose(np.var(w) * w.shape[1], 1, atol=0.1)
    parts = [np.asarray(w).ravel()[:100] for w in (*phi.inner, *phi.scales, *phi.shifts)]
    assert len({part.tobytes() for part in parts}) == 6
    assert (phi.dim_in, phi.bound) == (80, 0.7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_that_of_the_map(dtype):
    phi = AffineCoupling.random(jax.random.key(0), 6, layers=2, hidden=4, dtype=dtype)
    x = jnp.linspace(-1, 1, 12, dtype=dtype).reshape(2, 6)
    assert phi(x).dtype == phi.inverse(x).dtype == dtype
    assert np.allclose(phi(phi.inverse(x)), x, atol=1e-5 if dtype == "float32" else 1e-13)


def random(*arguments):
    return lambda phi: AffineCoupling.random(jax.random.key(0), *arguments)


WRONG = {
    "one input": (random(1), "not 1, 4, 64 and 1.0"),
    "no layer": (random(4, 0), "not 4, 0, 64 and 1.0"),
    "no hidden unit": (random(4, 2, 0), "not 4, 2, 0 and 1.0"),
    "a negative clamp": (random(4, 2, 3, -1.0), "not 4, 2, 3 and -1.0"),
    "an infinite clamp": (random(4, 2, 3, math.inf), "not 4, 2, 3 and inf"),
    "a clamp of NaN": (random(4, 2, 3, math.nan), "not 4, 2, 3 and nan"),
    "features of another size": (lambda phi: phi.inverse(np.ones((N, 5))), r"features has shape \(3, 5\), .* \(any, 6\)"),
    "features of NaN": (lambda phi: phi.inverse(np.full((N, 6), np.nan)), "features holds 18 entries that are NaN"),
    "fewer points to stay near": (lambda phi: phi.inverse(np.ones((N, 6)), np.ones((2, 6))), r"near has shape \(2, 6\), .* \(3, 6\)"),
}  # fmt: skip


@each(WRONG)
def test_impossible_maps_and_features_are_refused(wrong, words):
    phi = AffineCoupling.random(jax.random.key(0), 6, hidden=4)
    with pytest.raises(ValueError, match=words):
        wrong(phi)
