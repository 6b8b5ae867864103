"""What only a GPU can show: its algebra, kernels and convolutions agree with a processor's, repeat
to the bit, and stay in memory.

`pytest -m gpu` runs these where JAX has a GPU; the one of repeated bits wants
XLA_FLAGS=--xla_gpu_exclude_nondeterministic_ops=true, without which two calls of one step gave
other gradients on an H100. DISTILL_REHEARSE=1 runs them without a GPU.
"""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import distill_lib as dl
from distill_lib.experiments import rfad_step
from distill_lib.kernels import regression
from distill_lib.kernels.blocks import cross
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.layers import convolution
from distill_lib.kernels.random_networks import Network, RandomNetworks

GPU = jax.default_backend() == "gpu"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not (GPU or os.environ.get("DISTILL_REHEARSE")), reason="JAX has no GPU here"
    ),
]
CPU = jax.devices("cpu")[0]
KEY = jax.random.key(0)
SMALL = {"networks": 2, "width": 16, "batches": 2, "batch": 64}


def on_processor(compute, *arguments):
    with jax.default_device(CPU):
        return np.asarray(compute(*jax.device_put(arguments, CPU)))


def apart(found, wanted):
    return np.linalg.norm(np.ravel(found) - np.ravel(wanted)) / np.linalg.norm(np.ravel(wanted))


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def test_float64_products_and_factorisations_agree_with_a_processor():
    x = normal(0, 400, 120)

    def gram(x):
        return x.T @ x

    def solution(x):
        return regression.solve(x.T @ x, x[:5].T, 1e-6)

    def values(x):
        return jnp.linalg.eigvalsh(x.T @ x)

    assert apart(jax.jit(gram)(x), on_processor(gram, x)) < 1e-14
    assert apart(jax.jit(solution)(x), on_processor(solution, x)) < 1e-10
    assert apart(jax.jit(values)(x), on_processor(values, x)) < 1e-13


def test_a_distilled_set_recovers_its_model():
    """Theorem 4.1 in float64: the error is that of rounding, whatever device computed it."""
    weights, labels = normal(1, 5, 40), np.eye(5)[np.arange(20) % 5]
    matrix = dl.recovery_matrix(weights, labels, normal(2, 20, 40))
    features = dl.support_features(matrix, 0.0)
    assert dl.recovery_error(weights, dl.recovered_weights(features, labels, 0.0)) < 1e-11


@pytest.mark.parametrize(
    "phi",
    [
        dl.FullyConnected.random(KEY, (64, 64), slope=0.1),
        dl.RandomFourier.random(KEY, 64, 48, 64.0),
        dl.AffineCoupling.random(KEY, 64),
    ],
    ids=lambda phi: type(phi).__name__,
)
def test_feature_maps_and_their_inverses_agree_with_a_processor(phi):
    x = normal(3, 7, 64)
    f = np.asarray(phi(x))
    assert apart(f, on_processor(lambda phi, x: phi(x), phi, x)) < 1e-13
    assert apart(phi(phi.inverse(f)), f) < 1e-9


@pytest.mark.parametrize(
    ("precision", "error"), [("highest", 2e-6), ("tf32", 5e-3), ("bf16", 5e-2)]
)
def test_the_convolution_and_its_own_gradient_agree_with_a_processor_in_float64(precision, error):
    x, weights, slope = normal(4, 8, 16, 16, 32), normal(5, 3, 3, 32, 48), normal(6, 8, 16, 16, 48)

    def both(x, weights, slope):
        value, pull = jax.vjp(lambda x, w: convolution(x, w, precision), x, weights)
        return [value, *pull(slope)]

    wanted = jax.vjp(convolution.fun, *jax.device_put((x, weights), CPU))
    with jax.default_device(CPU):
        exact = [wanted[0], *wanted[1](jax.device_put(slope, CPU))]
    dtype = jnp.bfloat16 if precision == "bf16" else jnp.float32
    for found, truth in zip(
        jax.jit(both)(*(a.astype(dtype) for a in (x, weights, slope))), exact, strict=True
    ):
        assert apart(np.asarray(found, np.float64), truth) < error


@pytest.mark.parametrize(("kind", "architecture"), [("nngp", "fc"), ("ntk", "convnet")])
def test_infinite_width_kernels_agree_with_a_processor(kind, architecture):
    kernel = InfiniteWidth(kind, architecture, 2, (8, 8, 3))
    x, y = normal(7, 6, 192), normal(8, 4, 192)
    assert apart(cross(kernel, x, y), on_processor(lambda x, y: kernel(x, y), x, y)) < 1e-10


@pytest.mark.skipif(
    GPU and "xla_gpu_exclude_nondeterministic_ops=true" not in os.environ.get("XLA_FLAGS", ""),
    reason="XLA may choose operations that do not repeat to the bit",
)
def test_a_step_of_rfad_repeats_to_the_bit_and_agrees_with_a_processor():
    made, support = rfad_step.objective((16, 16, 3), 2, "highest", **SMALL)
    loss, slope = rfad_step._slope(made, support, KEY)
    again, slope_again = rfad_step._slope(made, support, KEY)
    assert np.array_equal(loss, again)
    assert all(np.array_equal(slope[name], slope_again[name]) for name in slope)
    with jax.default_device(CPU):
        there = jax.device_put((made, support), CPU)
        wanted, wanted_slope = rfad_step._slope(*there, jax.device_put(KEY, CPU))
    assert apart(loss, wanted) < 1e-4
    assert apart(slope["points"], wanted_slope["points"]) < 1e-2


def test_memory_of_features_is_bounded_by_one_network():
    networks = RandomNetworks(Network((32, 32, 3), 64), 8)
    x = jnp.zeros((256, networks.network.dim_in), jnp.float32)
    plan = (
        jax.jit(lambda key, x: networks.features(key, x)).lower(KEY, x).compile().memory_analysis()
    )
    one = 4 * 256 * 32 * 32 * 64  # bytes of the activations of a first layer
    assert plan.temp_size_in_bytes < 4 * one + 4 * 256 * networks.dim_out
