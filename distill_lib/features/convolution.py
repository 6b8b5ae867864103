r"""Convolution layers with LeakyReLU as feature maps (Example 5.3).

On images flattened channel first a layer is a matrix,

.. math:: A = \sum_{a, b} K_{a b} \otimes R_a \otimes C_b ,

K_ab the (c_out, c_in) matrix of tap (a, b); R_a and C_b say with entries 0 and 1 which row and
column of the image the tap sees at each row and column of the output. Each pair of channels is a
Toeplitz matrix of Toeplitz blocks when the stride is 1.
"""

import math
from collections.abc import Sequence
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy  # loads its parts when they are first used
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.boundary.door import door
from distill_lib.features.base import FeatureMap

Padding = Literal["SAME", "VALID"]


class Convolution(FeatureMap):
    """A convolutional network without biases, with LeakyReLU after every layer.

    phi(x) = sigma(K_L * sigma(... sigma(K_1 * x))), sigma(t) = t for t >= 0 and slope * t below. A
    right inverse exists when slope > 0 and the matrix of every layer has full row rank, so that no
    layer has more outputs than inputs, c_out h' w' <= c_in h w.

    Attributes:
        kernels: K_1, ..., K_L, each (c_out, c_in, height, width).
        shape: (h, w, c) of an image; the inputs are flattened channel first, as `Normalisation`
            does, and so are the features.
        stride: of every layer.
        padding: "SAME" (zeros around the image, h' = ceil(h / stride)) or "VALID" (none), of every
            layer.
        slope: of the LeakyReLU on negative inputs; 1 for a linear layer.

    Example:
        >>> phi = dl.Convolution.random(jax.random.key(0), (3, 3, 2), channels=(1,))
        >>> np.allclose(phi(phi.inverse(np.ones((1, 9)))), 1)
        True
    """

    kernels: tuple[Float[Array, "c_out c_in kh kw"], ...]
    shape: tuple[int, int, int] = eqx.field(static=True, converter=tuple)
    stride: int = eqx.field(static=True, default=1)
    padding: Padding = eqx.field(static=True, default="SAME")
    slope: float = eqx.field(static=True, default=0.1)

    def __check_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1 or self.stride < 1:
            raise ValueError(
                "a convolution needs an image shape (height, width, channels) and a stride of at "
                "least 1, "
                f"not {self.shape} and {self.stride}."
            )
        if self.padding not in ("SAME", "VALID"):
            raise ValueError(f"padding is '{self.padding}'; it must be SAME or VALID.")
        if not self.kernels or any(np.ndim(kernel) != 4 for kernel in self.kernels):
            raise ValueError(
                "a convolution needs at least one kernel, each of shape (outputs, inputs, height, "
                "width)."
            )
        for layer, (kernel, size, out) in enumerate(self._layers(), start=1):
            if kernel.shape[1] != size[0] or min(out) < 1:
                raise ValueError(
                    f"layer {layer} has a kernel of shape {kernel.shape} (outputs, inputs, height, "
                    "width), which does not "
                    f"fit images of {size[0]} channels and {size[1]} x {size[2]} pixels."
                )

    @classmethod
    @door()
    def random(
        cls,
        key: PRNGKeyArray,
        shape: tuple[int, int, int],
        channels: Sequence[int],
        size: int = 3,
        stride: int = 1,
        padding: Padding = "SAME",
        slope: float = 0.1,
        dtype: DTypeLike = jnp.float64,
    ) -> "Convolution":
        """A network with random kernels: entries from N(0, 1 / fan_in), fan_in = c_in size^2.

        Args:
            key: JAX random key.
            shape: (h, w, c) of an image.
            channels: outputs of each layer.
            size: height and width of the kernels.
        Raises: ValueError for no layer, channels or a size below 1, or a kernel that does not fit
            the image.
        """
        channels = tuple(channels)
        if not channels or min(channels) < 1 or size < 1:
            raise ValueError(
                f"channels = {channels} and size = {size}; give at least one layer, all at least 1."
            )
        kernels = tuple(
            jax.random.normal(k, (out, c, size, size), dtype)
            / jnp.sqrt(jnp.asarray(c * size**2, dtype))
            for k, c, out in zip(
                jax.random.split(key, len(channels)), (shape[-1], *channels), channels, strict=False
            )
        )
        return cls(kernels, shape, stride, padding, slope)

    def _layers(self):
        """The kernel of each layer with the (c, h, w) of its input and of its output."""
        h, w, c = self.shape
        for kernel in self.kernels:
            size, (c, _, *taps) = (c, h, w), kernel.shape
            h, w = (
                _outputs(n, k, self.stride, self.padding) for n, k in zip((h, w), taps, strict=True)
            )
            yield kernel, size, (c, h, w)

    @property
    def dim_in(self) -> int:
        """The number of inputs d = h w c."""
        return math.prod(self.shape)

    @property
    def dim_out(self) -> int:
        """The number of features p = c_out h' w' of the last layer."""
        *_, (_, _, out) = self._layers()
        return math.prod(out)

    @door()
    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n p"]:
        return self._activations(x)[-1]

    def _activations(self, x):
        """x and the output of each layer."""
        seen = [jnp.asarray(x)]
        for kernel, size, _ in self._layers():
            dtype = jnp.result_type(seen[-1], kernel)
            images, kernel = seen[-1].reshape(-1, *size).astype(dtype), kernel.astype(dtype)
            y = jax.lax.conv_general_dilated(images, kernel, (self.stride,) * 2, self.padding)
            seen.append(jax.nn.leaky_relu(y, self.slope).reshape(len(images), -1))
        return seen

    @door()
    def inverse(
        self, features: Float[Array, "n p"], near: Float[Array, "n d"] | None = None
    ) -> Float[Array, "n d"]:
        """Points with the wished features, layer by layer from the last.

        Of the inputs of a layer it takes the one nearest to what the layer sees of `near`, for None
        the one of least norm, which is the same as near = 0. Solved in double precision, whatever
        the map's own, by a sparse LU factorisation of each layer.

        Raises: ValueError if slope <= 0, a layer has more outputs than inputs, or its matrix lacks
            full row rank.
        """
        self._check(features, near)
        if not 0 < self.slope < float("inf"):
            raise ValueError(
                f"LeakyReLU with slope {self.slope} is not invertible; Example 5.3 needs slope > 0."
            )
        for layer, (_, size, out) in enumerate(self._layers(), start=1):
            if math.prod(out) > math.prod(size):
                raise ValueError(
                    f"layer {layer} widens from {math.prod(size)} to {math.prod(out)}: it is not "
                    "surjective and has no "
                    "right inverse; take fewer channels or a larger stride."
                )
        seen = [None] * len(self.kernels) if near is None else self._activations(near)[:-1]
        x = np.asarray(features)
        for layer, (kernel, (_, h, w), _) in reversed(list(enumerate(self._layers()))):
            x = np.where(x >= 0, x, x / self.slope)
            a = convolution_matrix(kernel, h, w, self.stride, self.padding)
            x = _nearest_solution(a, x, seen[layer], f"the matrix of layer {layer + 1}")
        return jnp.asarray(x, self.kernels[0].dtype)


@door()
def convolution_matrix(
    kernel: Float[Array, "c_out c_in kh kw"],
    height: int,
    width: int,
    stride: int = 1,
    padding: Padding = "SAME",
) -> "scipy.sparse.csc_array":
    """The matrix of a convolution layer on images flattened channel first (Example 5.3).

    Args:
        kernel: (c_out, c_in, kh, kw) taps K; as in every deep-learning library it is not flipped.
        height, width: of the input.
    Returns: sparse (c_out h' w', c_in h w), in double precision.

    Example:
        >>> from distill_lib.features.convolution import convolution_matrix
        >>> convolution_matrix(np.ones((1, 1, 1, 2)), 1, 3, padding="VALID").toarray().tolist()
        [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    """
    k = np.asarray(kernel, np.float64)
    rows, cols = (
        [_taps(n, size, tap, stride, padding) for tap in range(size)]
        for n, size in zip((height, width), k.shape[2:], strict=True)
    )
    return scipy.sparse.csc_array(
        sum(
            scipy.sparse.kron(k[:, :, a, b], scipy.sparse.kron(r, c))
            for a, r in enumerate(rows)
            for b, c in enumerate(cols)
        )
    )


def _outputs(n, size, stride, padding):
    return -(-n // stride) if padding == "SAME" else (n - size) // stride + 1


def _taps(n, size, tap, stride, padding):
    """R_a or C_b: entry (i, stride i + tap - zeros before the image) is 1 where it is inside."""
    out = _outputs(n, size, stride, padding)
    before = max((out - 1) * stride + size - n, 0) // 2  # 0 for VALID
    i = np.arange(out)
    seen = stride * i + tap - before
    inside = (seen >= 0) & (seen < n)
    return scipy.sparse.csr_array(
        (np.ones(inside.sum()), (i[inside], seen[inside])), shape=(out, n)
    )


def _nearest_solution(a, rows, near, name):
    r"""The x with A x = row nearest to a row of `near`, of least norm for None, by a sparse LU.

    The matrix factorised is that of

    .. math:: \begin{pmatrix} \gamma I & A^\top \\ A & -\delta I \end{pmatrix}
              \begin{pmatrix} x \\ \nu \end{pmatrix} = \begin{pmatrix} 0 \\ y \end{pmatrix},
              \qquad \gamma = \sqrt{\epsilon}\,\|A\|, \quad \delta = \epsilon\,\|A\| .

    It is never singular, and with so small a gamma its condition is not that of A squared. delta
    shifts a squared singular value s^2 of A to s^2 + gamma delta, which refinement takes back where
    s^2 is larger.

    Raises: ValueError if the smallest singular value of A is at most 1e-11 of its norm.
    """
    out, size = a.shape
    eps = np.finfo(np.float64).eps
    # ||A|| <= sqrt(||A||_1 ||A||_inf), seldom more than twice as large.
    norm = float(np.sqrt(abs(a).sum(0).max() * abs(a).sum(1).max())) or 1.0
    gamma, delta = np.sqrt(eps) * norm, eps * norm
    system = scipy.sparse.block_array(
        [[gamma * scipy.sparse.eye_array(size), a.T], [a, None]], format="csc"
    )
    # SuperLU must not meet an exactly singular matrix: it may end the process.
    lu = scipy.sparse.linalg.splu(
        system - scipy.sparse.diags_array(np.repeat((0.0, delta), (size, out)), format="csc")
    )

    def solve(right):
        """x and nu, right being (out, n)."""
        b = np.concatenate([np.zeros((size, right.shape[1])), right])
        z = lu.solve(b)
        for _ in range(3):
            z = z + lu.solve(b - system @ z)
        return z[:size], z[size:]

    # nu = -gamma (A A^T)^{-1} v: a few steps of the power method.
    v = np.random.default_rng(0).normal(size=(out, 1))
    for _ in range(8):
        v = solve(v / np.linalg.norm(v))[1]
    smallest = float(np.sqrt(gamma / np.linalg.norm(v))) / norm
    if not smallest > 1e-11:
        raise ValueError(
            f"{name} ({out} x {size}) lacks full row rank: its smallest singular value is at most "
            f"{smallest:.1g} of its norm, so it has no right inverse."
        )
    if near is None:
        return solve(rows.T)[0].T
    near = np.asarray(near, np.float64)
    return near + solve(rows.T - a @ near.T)[0].T
