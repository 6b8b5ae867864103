"""Kernel matrices in blocks that fit into memory, spread over the devices."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary import checks
from distill_lib.boundary.memory import out_of_memory
from distill_lib.kernels.base import Kernel

_NUMBERS = 2**24  # that a block may hold of one kind: 128 MB in float64
_LARGEST = 1024  # rows or columns of a block


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
    """The kernel matrix of points with themselves, computed in blocks.

    K(x_i, x_j). The blocks are spread over `jax.devices()`. Those below the diagonal are copied
    from above, so the matrix is symmetric to the last bit, and about n^2 / 2 entries are computed.

    Args:
        block: rows and columns of a block; by default 128 MB of what the kernel holds for each pair
            (`Kernel.pair_size`).
        report: called with the progress after each block.
    Raises: ValueError for points that are no finite matrix, or a block below 1;
        `memory.OutOfMemory` where a block does not fit.

    Example:
        >>> from distill_lib.kernels.blocks import gram
        >>> from distill_lib.theory.contributions import FeatureKernel
        >>> x = np.array([[1.0, 0], [0, 2], [1, 1]])
        >>> gram(FeatureKernel(dl.Linear(2)), x, block=2).tolist()
        [[1.0, 0.0, 1.0], [0.0, 4.0, 2.0], [1.0, 2.0, 2.0]]
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
    """The kernel matrix of two sets of points, K(x_i, y_j), computed in blocks.

    Args and Raises: as `gram`.

    Example:
        >>> from distill_lib.kernels.blocks import cross
        >>> from distill_lib.theory.contributions import FeatureKernel
        >>> cross(FeatureKernel(dl.Linear(2)), np.eye(3, 2), np.array([[1.0, 2]])).tolist()
        [[1.0], [2.0], [0.0]]
    """
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
    """How many points a block takes: what was asked for, or what fits."""
    if block is None:
        return max(1, min(_LARGEST, math.isqrt(_NUMBERS // kernel.pair_size)))
    if block < 1:
        raise ValueError(f"block = {block} holds no points; it must be at least 1.")
    return block


def _padded(points, block: int) -> tuple[int, np.ndarray]:
    """Blocks of one size, for one shape to be compiled; repetitions fill the last."""
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
