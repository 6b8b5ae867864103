"""Kernels of infinitely wide networks: NNGP and neural tangent kernels.

A network whose weights are drawn at random has outputs that, as its layers get wide, are a Gaussian
process with the NNGP kernel K. Training all its layers by gradient descent is kernel regression
with the neural tangent kernel (NTK) Theta. The layers are in the NTK parameterisation with weights
of variance 2 / fan-in and biases of variance 0.01, as in KIP and RFAD.
"""

import math
import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.kernels.base import Kernel
from distill_lib.kernels.neural_tangents import stax

W_STD, B_STD = math.sqrt(2), 0.1

Kind = Literal["nngp", "ntk"]
Architecture = Literal["fc", "conv", "convnet"]


class InfiniteWidth(Kernel):
    """The NNGP or NTK of an infinitely wide network (Nguyen et al. 2021; Loo et al. 2022).

    All architectures end in a flattening and a dense layer. Before it come

    - FC-L: L times (dense, ReLU);
    - Conv-L: L times (3x3 convolution with zeros around the image, ReLU);
    - ConvNet-L, with which RFAD evaluates: L times (the same convolution, ReLU, 2x2 average
      pooling).

    Pooling drops the last row or column of an odd size. ConvNet kernels hold the covariance of
    every two positions, (h w)^2 numbers a pair: give them tens of 28x28 images on a processor, and
    always compile.

    Attributes:
        kind: "nngp" or "ntk".
        architecture: "fc", "conv" or "convnet".
        depth: L, at least 1.
        shape: (h, w, c) of an image; the points are flattened channel first, as `Normalisation`
            does.

    Example:
        >>> from distill_lib.kernels.infinite_width import InfiniteWidth
        >>> kernel = InfiniteWidth("nngp", "fc", depth=1, shape=(2, 2, 1))
        >>> kernel(jnp.ones((1, 4)), jnp.eye(4)[:2]).round(2).tolist()
        [[0.63, 0.63]]
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
        """The number d = h w c of a point's entries."""
        return math.prod(self.shape)

    @property
    def pair_size(self) -> int:
        """The numbers held for a pair, 1 for FC, h w for Conv, (h w)^2 for ConvNet."""
        pixels = self.shape[0] * self.shape[1]
        return {"fc": 1, "conv": pixels, "convnet": pixels**2}[self.architecture]

    def __call__(self, x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """The kernel matrix of two sets of points, K(x_i, y_j).

        NotImplementedError is for a ConvNet whose kernel or gradient a processor's JAX may compile
        wrongly: the NTK, any gradient, and the NNGP of two layers and more on images of several
        channels, 16 pixels high or wide or more.

        Raises: ImportError without neural-tangents, ValueError for points of another size,
            NotImplementedError as above.
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
    """Whether pooled kernels may be compiled to reads out of bounds, which end the process.

    Seen with jax 0.10 on processors with AVX-512 and not with 0.12. JAX does not tell its
    processor's kind, so all of them are taken to have it.
    """
    capped = "xla_cpu_max_isa=AVX2" in os.environ.get("XLA_FLAGS", "")
    return jax.default_backend() == "cpu" and jax.__version_info__ < (0, 12) and not capped


@jax.custom_jvp
def _without_gradient(values):
    """The values themselves; a gradient of them is refused."""
    return values


@_without_gradient.defjvp
def _refuse(primals, tangents):
    raise NotImplementedError(_MISCOMPILED.format("gradient of the NNGP kernel"))


@lru_cache
def _network(architecture: Architecture, depth: int) -> Callable[..., Any]:
    """The kernel function of neural-tangents for an architecture, built once."""
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
    """2x2 average pooling of a neural-tangents `Kernel`.

    Its arrays end in (h, h, w, w), or (w, w, h, h). As `stax.AvgPool((2, 2), (2, 2))`, whose
    gradient some versions of XLA compile wrongly at still smaller sizes.
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
