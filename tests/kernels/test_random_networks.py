"""Random networks: the features are those of the definition, their kernel has the stated mean and
variance, and memory is bounded.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given, settings

from distill_lib import paper
from distill_lib.kernels.blocks import cross, gram
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.layers import convolution
from distill_lib.kernels.random_networks import (
    EmpiricalNNGP,
    Network,
    RandomNetworks,
    batched_features,
    from_features,
)

CASES = [
    ("fc", 2, (3, 2, 2)),
    ("conv", 2, (3, 4, 2)),
    ("convnet", 2, (5, 6, 2)),
    ("convnet", 1, (4, 4, 1)),
]
KEY = jax.random.key(4)


@eqx.filter_jit
def matrix_of(kernel, x):
    return kernel(x, x)


def inputs(seed, n, shape):
    return np.random.default_rng(seed).normal(size=(n, int(np.prod(shape))))


def direct(parameters, x, shape, architecture):
    """One input through the network by its definition, in NumPy: nine shifted products for a
    convolution.
    """
    if architecture == "fc":
        for weights, biases in parameters:
            x = np.maximum(x @ weights * np.sqrt(2 / len(weights)) + 0.1 * biases, 0)
        return x
    h, w, c = shape
    x = x.reshape(c, h, w).transpose(1, 2, 0)
    for weights, biases in parameters:
        h, w, c = x.shape
        padded = np.zeros((h + 2, w + 2, c))
        padded[1:-1, 1:-1] = x
        x = sum(padded[i : i + h, j : j + w] @ weights[i, j] for i in range(3) for j in range(3))
        x = np.maximum(x * np.sqrt(2 / (9 * c)) + 0.1 * biases, 0)
        if architecture == "convnet":
            x = np.array(
                [
                    [x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((0, 1)) for j in range(w // 2)]
                    for i in range(h // 2)
                ]
            )
    return x.reshape(-1)


@settings(max_examples=10)
@given(seeds)
def test_the_gradient_of_a_convolution_is_the_one_that_jax_derives(seed):
    rng = np.random.default_rng(seed)
    x, weights, slope = (
        rng.normal(size=shape) for shape in ((2, 4, 5, 3), (3, 3, 3, 2), (2, 4, 5, 2))
    )
    _, mine = jax.vjp(lambda x, weights: convolution(x, weights), x, weights)
    _, theirs = jax.vjp(convolution.fun, x, weights)
    for a, b in zip(mine(slope), theirs(slope), strict=True):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("architecture", "depth", "shape"), CASES)
def test_hidden_activations_are_those_of_the_definition(architecture, depth, shape):
    net = Network(shape, 5, depth, architecture)
    x, parameters = inputs(0, 3, shape), net.draw(KEY, jnp.float64)
    found = jax.jit(lambda parameters: net.hidden(net.scaled(parameters), x))(parameters)
    plain = [(np.asarray(w), np.asarray(b)) for w, b in parameters]
    wanted = np.stack([direct(plain, row, shape, architecture) for row in x])
    assert found.shape == (3, net.dim_out)
    assert np.allclose(found, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("architecture", "depth", "shape"), [CASES[0], CASES[3]])
def test_features_are_the_activations_side_by_side_over_the_root_of_their_number(
    architecture, depth, shape
):
    networks = RandomNetworks(Network(shape, 6, depth, architecture), 3)
    net, x = networks.network, jnp.asarray(inputs(1, 4, shape))
    found = np.asarray(networks.features(KEY, x))
    of_one = jax.jit(lambda key: net.hidden(net.scaled(net.draw(key)), x))
    parts = [of_one(key) for key in jax.random.split(KEY, 3)]
    assert found.dtype == jnp.float32
    assert found.shape == (4, networks.dim_out)
    assert np.allclose(
        found, np.concatenate(parts, 1) / np.sqrt(networks.dim_out), rtol=1e-5, atol=1e-6
    )
    kernel, f = matrix_of(EmpiricalNNGP(networks, KEY), x), found.astype(np.float64)
    assert kernel.dtype == x.dtype
    assert np.allclose(kernel, 2 * f @ f.T + 0.01, rtol=1e-12)


@settings(max_examples=6)
@given(seeds)
def test_the_kernel_is_positive_semidefinite_and_of_its_key(seed):
    networks = RandomNetworks(Network((4, 4, 1), 4, 1), 2)
    x = jnp.asarray(inputs(seed, 7, (4, 4, 1)))
    kernel = EmpiricalNNGP(networks, jax.random.key(seed))
    values = np.asarray(matrix_of(kernel, x))
    again = matrix_of(EmpiricalNNGP(networks, jax.random.key(seed)), x)
    assert np.array_equal(values, np.asarray(again))
    assert np.linalg.eigvalsh(values).min() > -1e-12 * np.trace(values)
    other = np.asarray(matrix_of(EmpiricalNNGP(networks, jax.random.key(seed + 1)), x))
    assert np.abs(other - values).max() > 1e-3 * np.abs(values).max()
    assert np.allclose(gram(kernel, x, block=3), values, rtol=1e-5)
    assert np.allclose(cross(kernel, x, np.asarray(x)[:2], block=3), values[:, :2], rtol=1e-5)


# How far from the exact kernel


def draws(network, x, count):
    """(count, n, n) kernels of single networks, drawn independently."""

    def of(key):
        f = RandomNetworks(network, 1).features(key, x).astype(jnp.float64)
        return from_features(f, f)

    # Together where that is fast: convolutions with weights of their own are not.
    together = 1024 if network.architecture == "fc" else 1
    return np.asarray(
        jax.jit(lambda keys: jax.lax.map(of, keys, batch_size=together))(
            jax.random.split(KEY, count)
        )
    )


def test_one_hidden_layer_has_the_mean_and_the_variance_of_the_derivation():
    shape, units, count = (2, 3, 1), 8, 4096
    x = jnp.asarray(inputs(2, 3, shape))
    found = draws(Network(shape, units, 1, "fc"), x, count)
    # Pre-activations u, v ~ N(0, Q): E u+ v+ and E u+^2 v+^2 are arc-cosine kernels of order 1 and
    # 2.
    q = 2 / 6 * np.inner(x, x) + 0.01
    s = np.sqrt(np.outer(np.diag(q), np.diag(q)))
    t = np.arccos(np.clip(q / s, -1, 1))
    first = s * (np.sin(t) + (np.pi - t) * np.cos(t)) / (2 * np.pi)
    second = (
        s**2 * (3 * np.sin(t) * np.cos(t) + (np.pi - t) * (1 + 2 * np.cos(t) ** 2)) / (2 * np.pi)
    )
    variance = 4 / units * (second - first**2)
    assert np.allclose(np.diag(variance), 5 * np.diag(q) ** 2 / units)
    exact = gram(InfiniteWidth("nngp", "fc", 1, shape), x)
    assert np.allclose(exact, 2 * first + 0.01, rtol=1e-6)
    error = found.mean(0) - (2 * first + 0.01)
    assert np.abs(error / np.sqrt(variance / count)).max() < 4
    assert np.allclose(found.var(0), variance, rtol=0.25)


@pytest.mark.parametrize(
    ("architecture", "depth", "shape"), [("convnet", 2, (4, 5, 2)), ("fc", 1, (3, 3, 1))]
)
def test_the_error_falls_as_one_over_the_root_of_the_number_of_networks(architecture, depth, shape):
    x = jnp.asarray(inputs(3, 5, shape))
    exact = np.asarray(gram(InfiniteWidth("nngp", architecture, depth, shape), x))
    single = draws(Network(shape, 32, depth, architecture), x, 256)
    counts = 4 ** np.arange(4)
    errors = []
    for count in counts:
        # N networks are the mean of N single ones; 256 / N of those, their mean square error.
        means = single.reshape(-1, count, *exact.shape).mean(1)
        errors.append(np.sqrt(np.mean((means - exact) ** 2)) / np.linalg.norm(exact) * len(exact))
    slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert -0.62 < slope < -0.38


def test_the_error_falls_with_the_width_and_networks_do_not_replace_it():
    shape = (3, 3, 1)
    x = jnp.asarray(inputs(5, 4, shape))
    exact = np.asarray(gram(InfiniteWidth("nngp", "fc", 2, shape), x))
    gap = {}
    off = ~np.eye(len(x), dtype=bool)
    for width in (4, 32):
        found = draws(Network(shape, width, 2, "fc"), x, 4096)
        error, spread = found.mean(0) - exact, found.std(0) / np.sqrt(len(found))
        # Linear on the diagonal, so no bias; off it, a concave function of an average.
        assert np.abs(np.diag(error / spread)).max() < 4
        gap[width] = np.abs(error[off]).mean()
        if width == 4:
            assert np.abs(error / spread).max() > 6
    # Of order 1 / width, with terms of higher order that count at width 4.
    assert gap[32] < gap[4] / 3


def test_memory_grows_with_the_number_of_networks_by_the_features_and_a_byte_for_each_activation():
    shape, n = (8, 8, 1), 64
    x = jnp.asarray(inputs(6, n, shape))

    def needed(count):
        networks = RandomNetworks(Network(shape, 8, 2), count)
        slope = jax.jit(jax.grad(lambda x: jnp.sum(networks.features(KEY, x) ** 2)))
        features = 4 * n * networks.dim_out
        return slope.lower(x).compile().memory_analysis().temp_size_in_bytes, features

    (small, few), (large, many) = needed(2), needed(16)
    one = 4 * n * 8 * 8 * 8  # the activations of a first layer
    switches = n * 8 * (8 * 8 + 4 * 4)  # of one network, a byte each
    assert small > one
    assert large - small < 6 * (many - few) + 14 * 1.1 * switches + one


def test_a_lower_precision_moves_the_kernel_by_its_rounding_and_no_more():
    """bf16 rounds factors and activations to 8 bits: each layer adds errors of 2^-8 that are
    independent, so they hardly add up.
    """
    shape = (8, 8, 2)
    networks = RandomNetworks(Network(shape, 32, 2), 4)
    x = jnp.asarray(inputs(7, 12, shape))
    kernels = {}
    for precision in ("highest", "tf32", "bf16"):
        f = np.asarray(networks.features(KEY, x, precision))
        assert f.dtype == np.float32
        f = f.astype(np.float64)
        kernels[precision] = 2 * f @ f.T + 0.01
    apart = np.abs(kernels["bf16"] - kernels["highest"]).max() / np.abs(kernels["highest"]).max()
    assert 2**-14 < apart < 3 * 2**-8
    if jax.default_backend() == "cpu":
        assert np.array_equal(kernels["tf32"], kernels["highest"])


def test_operations_are_those_that_the_compiler_counts():
    net = Network((8, 8, 3), 16, 2)
    x = jnp.zeros((5, net.dim_in), jnp.float32)
    parameters = net.draw(KEY)
    counted = jax.jit(net.hidden).lower(parameters, x).compile().cost_analysis()["flops"]
    # The compiler leaves out products with the zeros around an image, and counts sums, biases and
    # ReLU.
    assert 0.75 * 5 * net.operations < counted < 1.1 * 5 * net.operations


def test_batches_give_the_same_features_of_every_image():
    from distill_lib.data import load

    data = load("digits")
    norm = paper.normalisation(data.info)
    networks = RandomNetworks(Network(data.info.shape, 4, 1), 2)
    images = data.x_test[:23]
    assert np.allclose(
        batched_features(networks, KEY, images, norm, batch=10),
        networks.features(KEY, norm(images)),
        rtol=1e-5,
        atol=1e-6,
    )
    with pytest.raises(ValueError, match="a batch of -1 samples reads nothing"):
        batched_features(networks, KEY, images, norm, batch=-1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Network((8, 8, 1), 4, 4),
            "8x8 cannot be halved 4 times; take a depth of at most 3",
        ),
        (lambda: Network((8, 8, 1), 0), "must be .* numbers of at least 1"),
        (
            lambda: Network((8, 8, 1), 4, 1, "resnet"),
            "'resnet' is unknown; known are fc, conv, convnet",
        ),
        (lambda: RandomNetworks(Network((8, 8, 1)), 0), "count = 0 networks make no features"),
    ],
)
def test_bad_input_is_one_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()
