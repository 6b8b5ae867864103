"""Fully connected LeakyReLU networks as feature maps (Example 5.2)."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.boundary.door import door
from distill_lib.features.base import FeatureMap, nearest_solution
from distill_lib.linalg.products import product

_ROWS = 64  # of a batch at a time through the LeakyReLU: what stays in a cache


class FullyConnected(FeatureMap):
    """A fully connected network without biases, with LeakyReLU after every layer.

    phi(x) = sigma(W_L sigma(... sigma(W_1 x))), sigma(t) = t for t >= 0 and slope * t below. Any
    widths make a feature map. A right inverse x = W_1^+ sigma^{-1}(... W_L^+ sigma^{-1}(f)) exists
    when no layer widens, d >= d_1 >= ... >= d_L, every W_l has full row rank, and slope > 0.

    Attributes:
        weights: W_1 (d_1, d), ..., W_L (d_L, d_{L-1}); no biases.
        slope: of the LeakyReLU on negative inputs.

    Example:
        >>> phi = dl.FullyConnected.random(jax.random.key(0), (4, 3, 2))
        >>> np.allclose(phi(phi.inverse(np.eye(2))), np.eye(2))
        True
    """

    weights: tuple[Float[Array, "out in"], ...]
    slope: float = eqx.field(static=True, default=0.1)

    @classmethod
    @door()
    def random(
        cls,
        key: PRNGKeyArray,
        widths: Sequence[int],
        slope: float = 0.1,
        dtype: DTypeLike = jnp.float64,
    ) -> "FullyConnected":
        """A network with random weights from N(0, 1 / fan_in), as in the released code.

        Args:
            key: JAX random key.
            widths: d, d_1, ..., d_L.
        Raises: ValueError for fewer than two widths or a width below 1.
        """
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(
                f"widths = {tuple(widths)}; give the input width and at least one layer, all at "
                "least 1."
            )
        keys = jax.random.split(key, len(widths) - 1)
        weights = tuple(
            jax.random.normal(k, (out, fan_in), dtype) / np.sqrt(np.asarray(fan_in, dtype))
            for k, fan_in, out in zip(keys, widths, widths[1:], strict=False)
        )
        return cls(weights, slope)

    @property
    def dim_in(self) -> int:
        return self.weights[0].shape[1]

    @property
    def dim_out(self) -> int:
        return self.weights[-1].shape[0]

    @door()
    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n p"]:
        return self._activations(x)[-1]

    def on_host(self, x: np.ndarray) -> np.ndarray:
        larger = np.maximum if self.slope <= 1 else np.minimum  # LeakyReLU(x) = max(x, slope x)
        for w in self.weights:
            x = product(x, np.asarray(w).T)
            for start in range(0, len(x), _ROWS):
                part = x[start : start + _ROWS]
                larger(part, self.slope * part, out=part)
        return x

    def _activations(self, x):
        """x and the output of each layer."""
        seen = [x]
        for w in self.weights:
            seen.append(jax.nn.leaky_relu(seen[-1] @ w.T, self.slope))
        return seen

    @door()
    def inverse(
        self, features: Float[Array, "n p"], near: Float[Array, "n d"] | None = None
    ) -> Float[Array, "n d"]:
        """Points with the wished features, layer by layer from the last.

        Of the inputs of a layer it takes the one nearest to what the layer sees of `near`, for None
        the one of least norm, which is the same as near = 0. Square layers leave no choice.

        Raises: ValueError if slope <= 0, a layer widens, or a weight matrix lacks full row rank.
        """
        self._check(features, near)
        if not 0 < self.slope < float("inf"):
            raise ValueError(
                f"LeakyReLU with slope {self.slope} is not invertible; Example 5.2 needs slope > 0."
            )
        for layer, w in enumerate(self.weights, start=1):
            if w.shape[0] > w.shape[1]:
                raise ValueError(
                    f"layer {layer} widens from {w.shape[1]} to {w.shape[0]}: it is not surjective "
                    "and has no right inverse. The formula of Example 5.2 inverts layer by layer "
                    "and needs d >= d_1 >= ... >= d_L."
                )
        seen = [None] * len(self.weights) if near is None else self._activations(near)[:-1]
        x = features
        for layer, (w, wished) in reversed(
            list(enumerate(zip(self.weights, seen, strict=True), start=1))
        ):
            x = jnp.where(x >= 0, x, x / self.slope)
            x = nearest_solution(w, x, wished, f"the weights of layer {layer}")
        return x
