"""Infinite-width kernels: the arc-cosine recursion, wide finite networks, blocks that make no
difference.
"""

import itertools
import math
import os
import re
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_lib.boundary.memory import OutOfMemory
from distill_lib.kernels import blocks
from distill_lib.kernels.base import Kernel
from distill_lib.kernels.blocks import _block_size, cross, gram
from distill_lib.kernels.infinite_width import InfiniteWidth, _miscompiles
from distill_lib.kernels.neural_tangents import stax

SHAPE = (4, 5, 2)
DIM = math.prod(SHAPE)
LIMIT = 240  # seconds after which a process hangs, on a busy machine too
NHWC = ("NHWC", "HWIO", "NHWC")
# What is compiled wrongly is so where it is optimised, as users have it.
OPTIMISED = "optimization_level=0" not in os.environ.get("XLA_FLAGS", "")
as_users_have_it = pytest.mark.skipif(
    not (OPTIMISED or _miscompiles()), reason="run in test_convnet_kernels_as_users_compile_them"
)


def points(seed, n, dim=DIM, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=(n, dim))


def arc_cosine(x, y, depth):
    """NNGP and NTK of FC-L:

    K_0 = 2 <x, y> / d + 0.01; each ReLU gives (K_l, Theta_l) from the correlation's angle.
    """

    def layer(k, norms_x, norms_y):
        scale = np.sqrt(np.outer(norms_x, norms_y))
        angle = np.arccos(np.clip(k / scale, -1, 1))
        relu = (
            scale / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * np.cos(angle))
        )  # E relu(u) relu(v)
        slope = (np.pi - angle) / (2 * np.pi)  # E 1[u > 0] 1[v > 0]
        return 2 * relu + 0.01, 2 * slope

    k = 2 * x @ y.T / x.shape[1] + 0.01
    norms_x, norms_y = (2 * np.sum(z**2, 1) / z.shape[1] + 0.01 for z in (x, y))
    theta = k
    for _ in range(depth):
        k, slope = layer(k, norms_x, norms_y)
        norms_x, norms_y = norms_x + 0.01, norms_y + 0.01  # 2 E relu(u)^2 = E u^2
        theta = k + slope * theta
    return {"nngp": k, "ntk": theta}


@settings(max_examples=10)
@given(seeds, st.sampled_from((1, 3)), st.sampled_from((0.1, 1.0, 30.0)))
def test_fully_connected_kernels_are_the_arc_cosine_recursion(seed, depth, scale):
    x, y = points(seed, 3, scale=scale), points(seed + 1, 4, scale=scale)
    wanted = arc_cosine(x, y, depth)
    for kind, matrix in wanted.items():
        kernel = InfiniteWidth(kind, "fc", depth, SHAPE)
        assert np.allclose(cross(kernel, x, y), matrix, rtol=1e-10, atol=1e-12 * scale**2)
        # On the diagonal arccos(1 - eps) is sqrt(eps) off.
        assert np.allclose(gram(kernel, x), arc_cosine(x, x, depth)[kind], rtol=1e-7)


def refused(kind, architecture):
    """ConvNet kernels that this JAX would compile wrongly."""
    return kind == "ntk" and architecture == "convnet" and _miscompiles()


def network(key, architecture, depth, width):
    """A finite network in the NTK parameterisation, and its parameters: what the kernels are the
    limit of.
    """
    h, w, c = SHAPE
    parameters, size = [], DIM if architecture == "fc" else c
    keys = iter(jax.random.split(key, 2 * depth + 2))
    for _ in range(depth):
        shape = (size, width) if architecture == "fc" else (3, 3, size, width)
        parameters.append(
            (jax.random.normal(next(keys), shape), jax.random.normal(next(keys), (width,)))
        )
        size = width
    flat = {"fc": width, "conv": h * w * width, "convnet": (h >> depth) * (w >> depth) * width}[
        architecture
    ]
    parameters.append(
        (jax.random.normal(next(keys), (flat, 1)), jax.random.normal(next(keys), (1,)))
    )

    def dense(x, weights, bias):
        return math.sqrt(2 / x.shape[-1]) * x @ weights + 0.1 * bias[None, :]

    def features(parameters, x):
        if architecture == "fc":
            for weights, bias in parameters[:-1]:
                x = jax.nn.relu(dense(x, weights, bias))
            return x
        x = jnp.moveaxis(x.reshape(-1, c, h, w), 1, 3)  # channel first
        for weights, bias in parameters[:-1]:
            weights = math.sqrt(2 / (9 * x.shape[3])) * weights
            x = jax.lax.conv_general_dilated(x, weights, (1, 1), "SAME", dimension_numbers=NHWC)
            x = jax.nn.relu(x + 0.1 * bias[None, None, None, :])
            if architecture == "convnet":
                even = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
                x = even.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2, width).mean((2, 4))
        return x.reshape(len(x), -1)

    def apply(parameters, x):
        return dense(features(parameters, x), *parameters[-1])[:, 0]

    return features, apply, parameters


# Of two layers: the first one's kernel is in it.
@pytest.mark.parametrize("architecture", ["fc", "conv", "convnet"])
def test_kernels_are_the_limit_of_wide_networks(architecture):
    depth = 2
    width, draws = (512, 24) if architecture == "fc" else (48, 32)
    x = jnp.asarray(points(1, 3))

    @jax.jit
    def empirical(key):
        features, apply, parameters = network(key, architecture, depth, width)
        f = features(parameters, x)
        slopes = jax.jacrev(apply)(parameters, x)
        ntk = sum(leaf.reshape(3, -1) @ leaf.reshape(3, -1).T for leaf in jax.tree.leaves(slopes))
        return 2 * f @ f.T / f.shape[1] + 0.01, ntk

    seen = map(
        np.stack, zip(*map(empirical, jax.random.split(jax.random.key(0), draws)), strict=True)
    )
    for kind, drawn in zip(("nngp", "ntk"), seen, strict=True):
        if refused(kind, architecture):
            continue
        limit = np.asarray(gram(InfiniteWidth(kind, architecture, depth, SHAPE), x))
        band = 5 * drawn.std(0, ddof=1) / math.sqrt(draws) + 3e-3 * np.abs(limit).max()
        assert (np.abs(drawn.mean(0) - limit) < band).all()
        assert (band < 0.25 * np.abs(limit).max()).all()  # narrow enough to tell something


def test_the_channels_come_first_and_neighbours_matter():
    """One bright pixel beside another in the same channel is near for a convolution; FC does not
    see where pixels are.
    """
    one, beside, far, other = np.zeros((4, DIM))
    one[0], beside[1], far[13], other[SHAPE[0] * SHAPE[1]] = 5, 5, 5, 5
    places = np.stack([beside, far, other])
    near, away, channel = cross(InfiniteWidth("nngp", "conv", 1, SHAPE), one[None], places)[0]
    assert near > away * 1.0001
    assert channel > away * 1.0001  # the same place in another channel
    near, away, _ = cross(InfiniteWidth("nngp", "fc", 1, SHAPE), one[None], places)[0]
    assert near == away


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize(("architecture", "depth"), [("fc", 2), ("conv", 1), ("convnet", 2)])
def test_a_gradient_is_the_slope(kind, architecture, depth):
    kernel = InfiniteWidth(kind, architecture, depth, SHAPE)
    if refused("ntk", architecture):  # so is the gradient of the NNGP
        pytest.skip("refused by this JAX: run in test_convnet_kernels_as_users_compile_them")
    x, y, way = points(2, 2), points(3, 3), points(4, 2)

    @jax.jit
    @jax.value_and_grad
    def total(t):
        return jnp.sum(kernel(x + t * way, y) * np.arange(6.0).reshape(2, 3))

    h = 1e-5
    (_, slope), *ends = (total(t) for t in (0.3, 0.3 + h, 0.3 - h))
    assert np.isclose(slope, (ends[0][0] - ends[1][0]) / (2 * h), rtol=1e-6)


def test_the_gradient_on_the_diagonal_is_that_of_the_norm():
    """K_L(x, x) = K_0 + 0.01 L and Theta_L(x, x) = (L + 1) K_0 + const, although the angle has no
    slope at 0.
    """
    x = jnp.asarray(points(5, 3))
    for kind, times in (("nngp", 1), ("ntk", 3)):
        kernel = InfiniteWidth(kind, "fc", 2, SHAPE)
        slope = jax.jit(jax.grad(lambda z, kernel=kernel: jnp.trace(kernel(z, z))))(x)
        assert np.allclose(slope, times * 4 / DIM * x, rtol=1e-6)


def test_pooling_is_that_of_neural_tangents():
    nt, shape = stax(), (6, 7, 2)
    x, y = (np.random.default_rng(n).normal(size=(n, *shape)) for n in (2, 3))
    conv = nt.Conv(1, (3, 3), None, "SAME", math.sqrt(2), 0.1)
    block = [conv, nt.Relu(), nt.AvgPool((2, 2), (2, 2))]
    theirs = nt.serial(*block, *block, nt.Flatten(), nt.Dense(1, math.sqrt(2), 0.1))[2]
    for kind in ("nngp", "ntk"):
        if refused(kind, "convnet"):
            continue
        kernel = InfiniteWidth(kind, "convnet", 2, shape)
        flat = [np.moveaxis(z, 3, 1).reshape(len(z), -1) for z in (x, y)]
        with jax.numpy_dtype_promotion("standard"):  # their pooling divides by a count
            wanted = jax.jit(partial(theirs, get=kind))(x, y)
        assert np.allclose(cross(kernel, *flat), wanted, rtol=1e-12)


@as_users_have_it
@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_convnet_kernels_of_larger_images_are_right_or_refused(kind):
    """jax 0.10.2 brings the process down on processors with AVX-512, with our pooling and with that
    of neural-tangents.
    """
    kernel = InfiniteWidth(kind, "convnet", 2, (8, 8, 1))
    x, y = points(0, 2, 64), points(1, 3, 64)
    total = jax.jit(jax.value_and_grad(lambda z: kernel(z, y).sum()))
    if _miscompiles():
        with pytest.raises(
            NotImplementedError,
            match=r"(NTK|gradient of the NNGP kernel) in ConvNets wrongly .* take jax 0\.12",
        ):
            total(x)
        return
    h = 1e-6
    (_, slope), *ends = (total(t * x) for t in (1.0, 1 + h, 1 - h))
    assert np.isclose(np.vdot(slope, x), (ends[0][0] - ends[1][0]) / (2 * h), rtol=1e-6)


@as_users_have_it
@pytest.mark.parametrize(("size", "channels", "depth"), [(17, 2, 2), (32, 3, 3)])
def test_convnet_kernels_of_larger_colour_images_are_right_or_refused(size, channels, depth):
    """The kernel averages over channels, so equal ones are as good as one; that one is compiled
    rightly everywhere.
    """
    grey = points(0, 2, size * size)
    colour = InfiniteWidth("nngp", "convnet", depth, (size, size, channels))
    if _miscompiles():
        with pytest.raises(
            NotImplementedError,
            match="may compile the NNGP kernel of colour images in ConvNets wrongly",
        ):
            gram(colour, np.tile(grey, channels))
        return
    one = InfiniteWidth("nngp", "convnet", depth, (size, size, 1))
    assert np.allclose(gram(colour, np.tile(grey, channels)), gram(one, grey), rtol=1e-12)


def test_convnet_kernels_as_users_compile_them():
    """Optimised, which the tests here are not; and where that is refused, with the flag that the
    refusal names.
    """
    chosen = (
        "larger or pooling or (limit and convnet) or (slope and convnet)"
        if _miscompiles()
        else "larger"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
        __file__,
        "-k",
        chosen,
    ]
    environment = {**os.environ, "XLA_FLAGS": "--xla_cpu_max_isa=AVX2" if _miscompiles() else ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout[-2000:]
    assert re.search(r"\d+ passed", done.stdout)
    assert "skipped" not in done.stdout


def test_float32_stays_float32():
    x = points(0, 3).astype(np.float32)
    kernel = InfiniteWidth("ntk", "fc", 1, SHAPE)
    assert gram(kernel, x).dtype == cross(kernel, x, x).dtype == np.float32
    assert np.allclose(
        gram(kernel, x), arc_cosine(x.astype(float), x.astype(float), 1)["ntk"], rtol=1e-3
    )


@eqx.filter_jit
def whole(kernel, x, y):
    return kernel(x, y)


class Shifted(Kernel):
    """Not symmetric and not stationary, so that a block in the wrong place shows."""

    def __call__(self, x, y):
        return x @ y.T + 3 * x[:, :1]


@settings(max_examples=12)
@given(seeds, st.sampled_from((1, 2, 3, 7, 100)))
def test_blocks_make_no_difference(seed, block):
    x, y = points(seed, 7, 3), points(seed + 1, 5, 3)
    assert np.allclose(
        cross(Shifted(), x, y, block=block), np.inner(x, y) + 3 * x[:, :1], rtol=1e-13
    )
    kernel = InfiniteWidth("ntk", "fc", 1, (1, 3, 1))
    made = np.asarray(gram(kernel, x, block=block))
    assert np.allclose(made, whole(kernel, x, x), rtol=1e-7)
    assert np.array_equal(made, made.T)


@pytest.mark.parametrize(
    ("n", "remedy"), [(5, "take blocks smaller than 5 points"), (1, "take smaller images")]
)
def test_a_block_that_does_not_fit_names_the_remedy(n, remedy):
    class Huge(Kernel):
        def __call__(self, x, y):
            many = jnp.exp(jnp.ones((2**22, 2**22)) * x[0, 0])  # 128 TiB
            return (many @ many)[: len(x), : len(y)]

    with pytest.raises(
        OutOfMemory, match=rf"a block of a kernel matrix does not fit .* {remedy}\.$"
    ):
        gram(Huge(), points(0, n, 3))


def test_progress_is_told_block_by_block(monkeypatch):
    clock = itertools.count()  # a second a block
    monkeypatch.setattr(blocks, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    seen = []
    gram(InfiniteWidth("ntk", "fc", 1, (1, 3, 1)), points(0, 5, 3), block=2, report=seen.append)
    assert [at.block for at in seen] == [1, 2, 3, 4, 5, 6]
    assert {at.blocks for at in seen} == {6}  # of 9: those below the diagonal are copies
    assert [at.left for at in seen] == [5, 4, 3, 2, 1, 0]


def test_the_default_block_holds_what_fits():
    """At most 128 MB in float64 of what is held for the pairs of a block, and as many points as
    that allows.
    """
    for architecture, numbers in (("fc", 1), ("conv", 784), ("convnet", 784**2)):
        kernel = InfiniteWidth("ntk", architecture, 1, (28, 28, 1))
        assert kernel.pair_size == numbers
        size = _block_size(kernel, None)
        assert size**2 * numbers * 8 <= 2**27
        assert size == 1024 or (size + 1) ** 2 * numbers * 8 > 2**27


def test_several_devices_share_the_blocks():
    code = """
import numpy as np, jax, distill_lib
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.blocks import cross, gram
assert len(jax.devices()) == 3
x = np.random.default_rng(0).normal(size=(7, 12))
kernel = InfiniteWidth("ntk", "fc", 1, (2, 3, 2))
whole = jax.jit(kernel.__call__)(x, x)
assert np.allclose(gram(kernel, x, block=2), whole, rtol=1e-7)
assert np.allclose(cross(kernel, x, x[:2], block=4), whole[:, :2], rtol=1e-7)
"""
    many = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=3 --xla_backend_optimization_level=0",
        "JAX_PLATFORMS": "cpu",
    }
    subprocess.run([sys.executable, "-c", code], env=many, check=True, timeout=LIMIT)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InfiniteWidth("ntk", "resnet", 1, SHAPE), "'resnet' is unknown; known are fc, conv, convnet"),
        (lambda: InfiniteWidth("rbf", "fc", 1, SHAPE), "'rbf' is unknown; known are nngp, ntk"),
        (lambda: InfiniteWidth("ntk", "fc", 0, SHAPE), "depth = 0 leaves no hidden layer"),
        (lambda: InfiniteWidth("ntk", "fc", 1, (4, 5)), r"not \(4, 5\)"),
        (lambda: InfiniteWidth("ntk", "convnet", 3, SHAPE), "leave nothing of 4x5 pixels; .* at most 2"),
        (lambda: InfiniteWidth("ntk", "fc", 1, SHAPE)(np.ones((2, 3)), np.ones((2, 40))), "x has shape .* points of 40"),
        (lambda: gram(Shifted(), np.full((2, 3), np.nan)), "x holds 6 entries"),
        (lambda: gram(Shifted(), np.ones((0, 3))), "of no points"),
        (lambda: gram(Shifted(), np.ones((2, 3)), block=0), "block = 0 holds no points"),
        (lambda: cross(Shifted(), np.ones((2, 3)), np.ones((2, 4))), r"y has shape \(2, 4\)"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_missing_package_is_named_with_the_remedy_and_jax_is_left_as_it_was():
    """What asks for a process of its own asks for it once."""
    code = """
import sys, jax, jax.core, jax.interpreters.ad
import distill_lib
from distill_lib.kernels.infinite_width import InfiniteWidth
before = set(dir(jax.core)), set(dir(jax.interpreters.ad))
kernel = InfiniteWidth("ntk", "fc", 1, (1, 2, 1))  # needs nothing yet
for missing in ("frozendict", "neural_tangents"):
    sys.modules[missing] = None
    try:
        kernel([[1.0, 2.0]], [[1.0, 2.0]])
    except ImportError as error:
        assert f"need {missing}" in str(error), error
        assert "pip install --no-deps neural-tangents frozendict" in str(error), error
    else:
        raise SystemExit("no error")
    del sys.modules[missing]
from distill_lib.kernels.neural_tangents import stax
assert stax() is stax()
assert (set(dir(jax.core)), set(dir(jax.interpreters.ad))) == before
for name in ("jax.util", "neural_tangents.experimental"):
    assert name not in sys.modules or hasattr(jax, "util"), name
assert not any(name.split(".")[0] == "tensorflow" for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=LIMIT)
