r"""Kernels of infinitely wide networks, and kernel matrices in blocks.

A network whose weights are drawn at random has outputs that, as its layers get wide, are a Gaussian
process with the NNGP kernel K; training all its layers by gradient descent is kernel regression
with the neural tangent kernel (NTK) Theta. The layers are in the NTK parameterisation with weights
of variance 2 / fan-in and biases of variance 0.01, as in KIP and RFAD.
"""

import abc
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary import checks
from distill_lib.boundary.memory import out_of_memory
from distill_lib.kernels.neural_tangents import stax

W_STD, B_STD = math.sqrt(2), 0.1
_NUMBERS = 2**24  # that a block may hold of one kind: 128 MB in float64
_LARGEST = 1024  # rows or columns of a block

Kind = Literal["nngp", "ntk"]
Architecture = Literal["fc", "conv", "convnet"]


class Kernel(eqx.Module):
    """A kernel on flattened images; differentiable, and for `jax.jit` to compile.

    Anything with this call will do in its place.
    """

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """K(x_i, y_j)."""

    @property
    def pair_size(self) -> int:
        """How many numbers it holds for each pair while it computes, 1 unless stated; blocks are
        chosen by it.
        """
        return 1


class InfiniteWidth(Kernel):
    """The NNGP or NTK of an infinitely wide network (Nguyen et al. 2021; Loo et al. 2022).

    FC-L is L times (dense, ReLU); Conv-L is L times (3x3 convolution with zeros around the image,
    ReLU); ConvNet-L, with which RFAD evaluates, is L times (the same convolution, ReLU, 2x2 average
    pooling). All flatten then and end in a dense layer. Pooling drops the last row or column of an
    odd size. ConvNet kernels hold the covariance of every two positions, (h w)^2
    numbers a pair: give them tens of 28x28 images on a processor, and always compile.

    Attributes:
        kind: "nngp" or "ntk".
        architecture: "fc", "conv" or "convnet".
        depth: L, at least 1.
        shape: (h, w, c) of an image; the points are flattened channel first, as `Normalisation`
            does.
    """

    kind: Kind = eqx.field(static=True)
    architecture: Architecture = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    shape: tuple[int, int, int] = eqx.field(static=True)

    def __check_init__(self):
        for name, value, known in (
            ("kind", self.kind, get_args(Kind)),
            ("architecture", self.architecture, get_args(Architecture)),
        ):
            if value not in known:
                raise ValueError(f"the {name} '{value}' is unknown; known are {', '.join(known)}.")
        if self.depth < 1:
            raise ValueError(f"depth = {self.depth} leaves no hidden layer; it must be at least 1.")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"an image shape is (height, width, channels), not {self.shape}.")
        if self.architecture == "convnet" and min(self.shape[:2]) < 2**self.depth:
            raise ValueError(
                f"{self.depth} poolings leave nothing of {self.shape[0]}x{self.shape[1]} pixels; "
                f"the depth can be at most {int(math.log2(min(self.shape[:2])))}."
            )

    @property
    def dim(self) -> int:
        """d = h w c."""
        return math.prod(self.shape)

    @property
    def pair_size(self) -> int:
        """1 for FC, h w for Conv, (h w)^2 for ConvNet."""
        pixels = self.shape[0] * self.shape[1]
        return {"fc": 1, "conv": pixels, "convnet": pixels**2}[self.architecture]

    def __call__(self, x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """K(x_i, y_j).

        Raises: ImportError without neural-tangents, ValueError for points of another size.

        NotImplementedError for a ConvNet whose kernel or gradient a processor's JAX may compile
        wrongly: the NTK, any gradient, and the NNGP of two layers and more on images of several
        channels, 16 pixels high or wide or more.
        """
        for name, points in (("x", x), ("y", y)):
            if np.ndim(points) != 2 or np.shape(points)[1] != self.dim:
                raise ValueError(
                    f"{name} has shape {np.shape(points)}, but points of {self.dim} numbers as "
                    "rows are needed."
                )
        pooled = self.architecture == "convnet" and _miscompiles()
        if pooled and self.kind == "ntk":
            raise NotImplementedError(_MISCOMPILED.format("NTK"))
        h, w, c = self.shape
        if pooled and self.depth > 1 and c > 1 and max(h, w) >= 16:  # some sizes from 16 on
            raise NotImplementedError(_MISCOMPILED.format("NNGP kernel of colour images"))
        values = _network(self.architecture, self.depth)(
            self._inputs(x), self._inputs(y), self.kind
        )
        return _without_gradient(values) if pooled else values

    def _inputs(self, points):
        if self.architecture == "fc":
            return jnp.asarray(points)
        h, w, c = self.shape
        return jnp.moveaxis(jnp.reshape(points, (-1, c, h, w)), 1, 3)


_MISCOMPILED = (
    f"jax {jax.__version__} may compile the {{}} in ConvNets wrongly on processors: take jax 0.12 "
    "(Python 3.12 or 3.13), a GPU, another "
    "architecture, or set XLA_FLAGS=--xla_cpu_max_isa=AVX2 before JAX starts."
)


def _miscompiles() -> bool:
    """Whether kernels of pooled covariances may be compiled to reads out of bounds, which end the
    process.

    Seen with jax 0.10 on processors with AVX-512 and not with 0.12; since JAX does not tell its
    processor's kind, all of them are taken to have it.
    """
    capped = "xla_cpu_max_isa=AVX2" in os.environ.get("XLA_FLAGS", "")
    return jax.default_backend() == "cpu" and jax.__version_info__ < (0, 12) and not capped


@jax.custom_jvp
def _without_gradient(values):
    return values


@_without_gradient.defjvp
def _refuse(primals, tangents):
    raise NotImplementedError(_MISCOMPILED.format("gradient of the NNGP kernel"))


@lru_cache
def _network(architecture: Architecture, depth: int) -> Callable[..., Any]:
    nt = stax()
    relu, head = nt.Relu(), nt.serial(nt.Flatten(), nt.Dense(1, W_STD, B_STD))
    if architecture == "fc":
        return nt.serial(*[nt.Dense(1, W_STD, B_STD), relu] * depth, head)[2]
    conv = nt.Conv(1, (3, 3), None, "SAME", W_STD, B_STD)
    if architecture == "conv":
        return nt.serial(*[conv, relu] * depth, head)[2]
    block = nt.serial(conv, relu)[2]

    def kernel(x, y, kind):
        covariances = _pooled(block(x, y, None, diagonal_spatial=False))
        for _ in range(depth - 1):
            covariances = _pooled(block(covariances))
        return getattr(head[2](covariances), kind)

    return kernel


def _pooled(covariances):
    """2x2 average pooling of a neural-tangents `Kernel`, whose arrays end in (h, h, w, w), or (w,
    w, h, h).

    As `stax.AvgPool((2, 2), (2, 2))`, whose gradient some versions of XLA compile wrongly at still
    smaller sizes.
    """

    def pool(cov):
        if cov is None or cov.ndim < 4:  # there is no second batch, or no NTK yet
            return cov
        *batch, h, _, w, _ = cov.shape
        even = cov[..., : h // 2 * 2, : h // 2 * 2, : w // 2 * 2, : w // 2 * 2]
        cells = even.reshape(*batch, h // 2, 2, h // 2, 2, w // 2, 2, w // 2, 2)
        return cells.mean((-7, -5, -3, -1))

    def shape(n, h, w, c):
        return n, h // 2, w // 2, c

    fields = {name: pool(getattr(covariances, name)) for name in ("cov1", "cov2", "nngp", "ntk")}
    shapes = {name: shape(*getattr(covariances, name)) for name in ("shape1", "shape2")}
    return covariances.replace(**fields, **shapes)


class Progress(NamedTuple):
    """How far a kernel matrix is: blocks done and in all, seconds spent and expected still."""

    block: int
    blocks: int
    seconds: float
    left: float


def gram(
    kernel: Kernel,
    x: Float[Array, "n d"],
    *,
    block: int | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Float[Array, "n n"]:
    """K(x_i, x_j) in blocks, those below the diagonal copied from above; symmetric to the last bit.

    Args:
        block: rows and columns of a block; by default 128 MB of what the kernel holds for each pair
            (`Kernel.pair_size`).
        report: called with the progress after each block.
    The blocks are spread over `jax.devices()`. Raises: ValueError for points that are no finite
    matrix, or a block below 1; `memory.OutOfMemory` where a block does not fit.
    """
    checks.matrix("x", x)
    size, padded = _padded(x, _block_size(kernel, block))
    starts = range(0, len(padded), size)
    pairs = [(i, j) for i in starts for j in starts if i <= j]
    out = np.empty((len(padded), len(padded)), padded.dtype)
    for (i, j), part in _parts(kernel, padded, padded, pairs, size, size, report):
        part = (part + part.T) / 2 if i == j else part
        out[i : i + size, j : j + size] = part
        out[j : j + size, i : i + size] = part.T
    return jnp.asarray(out[: len(x), : len(x)])


def cross(
    kernel: Kernel,
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    *,
    block: int | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Float[Array, "n m"]:
    """K(x_i, y_j) in blocks. Args and Raises: as `gram`."""
    checks.matrix("x", x)
    checks.matrix("y", y, cols=np.shape(x)[1])
    wanted = _block_size(kernel, block)
    (rows, x_padded), (cols, y_padded) = _padded(x, wanted), _padded(y, wanted)
    pairs = [(i, j) for i in range(0, len(x_padded), rows) for j in range(0, len(y_padded), cols)]
    out = np.empty((len(x_padded), len(y_padded)), np.result_type(x_padded, y_padded))
    for (i, j), part in _parts(kernel, x_padded, y_padded, pairs, rows, cols, report):
        out[i : i + rows, j : j + cols] = part
    return jnp.asarray(out[: len(x), : len(y)])


def _block_size(kernel: Kernel, block: int | None) -> int:
    if block is None:
        return max(1, min(_LARGEST, math.isqrt(_NUMBERS // kernel.pair_size)))
    if block < 1:
        raise ValueError(f"block = {block} holds no points; it must be at least 1.")
    return block


def _padded(points, block: int) -> tuple[int, np.ndarray]:
    """Blocks of one size, so that one shape is compiled, the last one filled with repetitions."""
    points = np.asarray(points)
    if not len(points):
        raise ValueError("a kernel matrix of no points was asked for; give at least one.")
    size = -(-len(points) // -(-len(points) // block))
    return size, np.concatenate([points, points[:1].repeat(-len(points) % size, axis=0)])


def _parts(kernel, x, y, pairs, rows, cols, report) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """The blocks that begin at `pairs`, each device a block at a time."""
    began, devices = time.perf_counter(), jax.devices()
    held = [jax.device_put(kernel, device) for device in devices]
    pending: deque = deque()

    def fitting():
        points = max(rows, cols)
        remedy = (
            f"take blocks smaller than {points} points"
            if points > 1
            else "one pair of points is too much: take smaller images"
        )
        return out_of_memory("a block of a kernel matrix", lambda: remedy)

    for count in range(len(pairs) + len(devices)):
        if count < len(pairs):
            (i, j), n = pairs[count], count % len(devices)
            with fitting():
                ours = jax.device_put((x[i : i + rows], y[j : j + cols]), devices[n])
                pending.append((pairs[count], _part(held[n], *ours)))
        if count >= len(devices):
            where, part = pending.popleft()
            with fitting():
                part = np.asarray(part)  # waits for the device
            yield where, part
            if report is not None:
                done, spent = count - len(devices) + 1, time.perf_counter() - began
                report(Progress(done, len(pairs), spent, spent / done * (len(pairs) - done)))


@eqx.filter_jit
def _part(kernel, x, y):
    return kernel(x, y)
