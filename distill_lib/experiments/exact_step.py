"""What a pair of images costs under the exact kernel of an infinitely wide ConvNet.

The time of a step of KIP is that of its kernel values and of their gradients: b m pairs of a target
and a support image, and m (m + 1) / 2 of two support images.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from distill_lib.experiments.common import seconds
from distill_lib.kernels.infinite_width import InfiniteWidth, Kind

Row = dict[str, Any]
DType = Literal["float32", "float64"]


def pair_rows(
    kind: Kind,
    shape: tuple[int, int, int],
    dtype: DType,
    targets: int = 16,
    support: int = 10,
    depth: int = 3,
) -> list[Row]:
    """Seconds, operations and memory of a pair, its value alone and with its gradient.

    Of a compiled block of `targets` x `support` pairs, the gradient in the support images; the
    seconds are those of `common.seconds`. The products inside are of full precision.
    """
    # neural-tangents computes in the widest type that JAX has enabled, whatever comes in
    with jax.enable_x64(dtype == "float64"), jax.default_matmul_precision("highest"):
        return _pair_rows(kind, shape, dtype, targets, support, depth)


def _pair_rows(kind, shape, dtype, targets, support, depth) -> list[Row]:
    kernel = InfiniteWidth(kind, "convnet", depth, shape)
    rng = np.random.default_rng(0)
    x, y, slope = (
        jnp.asarray(rng.normal(size=size), dtype)
        for size in ((targets, kernel.dim), (support, kernel.dim), (targets, support))
    )

    def value(x, y):
        return kernel(x, y)

    def gradient(x, y):
        found, pull = jax.vjp(lambda y: kernel(x, y), y)
        return found, pull(slope)

    cell = {
        "table": "exact kernel",
        "dataset": "x".join(map(str, shape)),
        "ipc": None,
        "method": f"{kind}, {dtype}",
    }
    rows = []
    for part, compute in (("value", value), ("value and gradient", gradient)):
        compiled = jax.jit(compute).lower(x, y).compile()
        taken = seconds(compiled, x, y)
        count, cost = x.shape[0] * y.shape[0], _flops(compiled)
        memory: Any = compiled.memory_analysis()
        of = cell | {"model": part, "pairs": count}
        rows += [
            of | {"quantity": "seconds a pair", "measured": taken / count, "unit": "s"},
            of | {"quantity": "operations a pair", "measured": cost / count, "unit": "FLOP"},
            of
            | {"quantity": "memory a pair", "unit": "MiB"}
            | {"measured": memory.temp_size_in_bytes / count / 2**20},
        ]
    return rows


def _flops(compiled) -> float:
    """Operations that XLA counts in a compiled program."""
    return float(compiled.cost_analysis().get("flops", 0.0))
