"""Layers that networks are made of: convolutions with a fast gradient, means of 2x2 squares."""

import math
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp

# How the products of float32 networks are computed; sums are of float32 in each. Only accelerators
# have "tf32", factors of 11 significant bits: processors compute it as "highest". "bf16" keeps
# factors and activations to 8 significant bits everywhere.
Precision = Literal["highest", "tf32", "bf16"]
_OF_JAX = {
    "highest": jax.lax.Precision.HIGHEST,
    "tf32": jax.lax.Precision.DEFAULT,
    "bf16": jax.lax.Precision.DEFAULT,
}


def sized(shape: tuple[int, ...], width: int, depth: int, pooled: bool) -> None:
    """Refuse sizes that no network has; `pooled`: images are halved once a layer.

    Raises: ValueError.
    """
    if len(shape) != 3 or min(*shape, width, depth) < 1:
        raise ValueError(
            f"shape = {shape}, width = {width} and depth = {depth} must be (h, w, c) and numbers "
            "of at least 1."
        )
    if pooled and min(shape[:2]) < 2**depth:
        raise ValueError(
            f"images of {shape[0]}x{shape[1]} cannot be halved {depth} times; take a depth of at "
            f"most {int(math.log2(min(shape[:2])))}."
        )


def product(x, weights, precision: Precision = "highest"):
    """A matrix product in a precision.

    Example:
        >>> from distill_lib.kernels.layers import product
        >>> product(jnp.ones((1, 2)), jnp.ones((2, 1))).tolist()
        [[2.0]]
    """
    return jnp.matmul(x, weights, precision=_OF_JAX[precision])


def halved(x):
    """Means of 2x2 squares, as one sum of four strided parts: it melts into what computes x."""
    h, w = (size // 2 * 2 for size in x.shape[1:3])
    return (x[:, 0:h:2, 0:w:2] + x[:, 1:h:2, 0:w:2] + x[:, 0:h:2, 1:w:2] + x[:, 1:h:2, 1:w:2]) / 4


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolution(x, weights, precision="highest"):
    """Convolution of images with 3x3 windows, zeros around; differentiable once, backwards.

    XLA's own gradient is the same but reverses windows and makes the batch a channel, many times
    slower on processors. Here that for x is a convolution with the window turned by 180 degrees,
    and that for the weights one matrix product for each of nine shifts.
    """
    return jax.lax.conv_general_dilated(
        x,
        weights,
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=_OF_JAX[precision],
    )


def _pulled_back(precision, inputs, slope):
    x, weights = inputs
    _, h, w, _ = x.shape
    around = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [[around[:, i : i + h, j : j + w] for j in range(3)] for i in range(3)]
    return convolution(slope, weights[::-1, ::-1].swapaxes(2, 3), precision), jnp.array(
        [
            [jnp.einsum("nhwi,nhwo->io", part, slope, precision=_OF_JAX[precision]) for part in row]
            for row in shifted
        ]
    )


def _kept(x, weights, precision):
    return convolution(x, weights, precision), (x, weights)


convolution.defvjp(_kept, _pulled_back)
