"""Affine coupling layers, an invertible network (Example 5.1; Dinh et al. 2017).

Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP".
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.boundary.door import door
from distill_lib.features.base import FeatureMap


class AffineCoupling(FeatureMap):
    """An invertible network whose layers each move half of the coordinates by the other half.

    Each of the L layers keeps every other coordinate a and moves the others, b -> b exp(s(a)) +
    t(a). With h = tanh(U_l a): s = bound tanh(S_l h), t = T_l h. It is a bijection of R^d for every
    choice of the weights, so p = d. Layer l = 0, 1, ... keeps the coordinates of the parity of l,
    so two layers move all.

    Attributes:
        inner: U_l (hidden, kept).
        scales, shifts: S_l and T_l (moved, hidden).
        bound: of the log-scales; e^-bound and e^bound bound what a layer multiplies by, forward and
            back.

    Example:
        >>> phi = dl.AffineCoupling.random(jax.random.key(0), dim=2, layers=2, hidden=3)
        >>> np.allclose(phi.inverse(phi(np.eye(2))), np.eye(2))
        True
    """

    inner: tuple[Float[Array, "hidden kept"], ...]
    scales: tuple[Float[Array, "moved hidden"], ...]
    shifts: tuple[Float[Array, "moved hidden"], ...]
    bound: float = eqx.field(static=True, default=1.0)

    @classmethod
    @door()
    def random(
        cls,
        key: PRNGKeyArray,
        dim: int,
        layers: int = 4,
        hidden: int = 64,
        bound: float = 1.0,
        dtype: DTypeLike = jnp.float64,
    ) -> "AffineCoupling":
        """A network with random weights: entries from N(0, 1 / fan_in).

        Args:
            key: JAX random key.
            dim: d = p, at least 2.
            hidden: width of each layer's conditioner network.
        Raises: ValueError unless dim >= 2, layers, hidden >= 1 and 0 <= bound < infinity.
        """
        if dim < 2 or layers < 1 or hidden < 1 or not 0 <= bound < float("inf"):
            raise ValueError(
                "coupling layers need dim >= 2, layers, hidden >= 1 and a finite bound >= 0, "
                f"not {dim}, {layers}, {hidden} and {bound}."
            )

        def entries(key, out, fan_in):
            return jax.random.normal(key, (out, fan_in), dtype) / jnp.sqrt(
                jnp.asarray(fan_in, dtype)
            )

        kept = [len(range(layer % 2, dim, 2)) for layer in range(layers)]
        keys = jax.random.split(key, (3, layers))
        return cls(
            tuple(entries(key, hidden, size) for key, size in zip(keys[0], kept, strict=True)),
            tuple(
                entries(key, dim - size, hidden) for key, size in zip(keys[1], kept, strict=True)
            ),
            tuple(
                entries(key, dim - size, hidden) for key, size in zip(keys[2], kept, strict=True)
            ),
            bound,
        )

    @property
    def dim_in(self) -> int:
        return self.inner[0].shape[1] + self.shifts[0].shape[0]

    @property
    def dim_out(self) -> int:
        return self.dim_in

    @door()
    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        x = jnp.asarray(x, jnp.result_type(x, self.inner[0]))
        for layer in range(len(self.inner)):
            kept, moved = _halves(layer)
            s, t = self._conditioner(layer, x[:, kept])
            x = x.at[:, moved].set(x[:, moved] * jnp.exp(s) + t)
        return x

    @door()
    def inverse(
        self, features: Float[Array, "n d"], near: Float[Array, "n d"] | None = None
    ) -> Float[Array, "n d"]:
        """The only preimage: from the last layer to the first, b -> (b - t(a)) exp(-s(a))."""
        self._check(features, near)
        x = jnp.asarray(features, jnp.result_type(features, self.inner[0]))
        for layer in reversed(range(len(self.inner))):
            kept, moved = _halves(layer)
            s, t = self._conditioner(layer, x[:, kept])
            x = x.at[:, moved].set((x[:, moved] - t) * jnp.exp(-s))
        return x

    def _conditioner(self, layer, a):
        h = jnp.tanh(a @ self.inner[layer].T)
        return self.bound * jnp.tanh(h @ self.scales[layer].T), h @ self.shifts[layer].T


def _halves(layer):
    return slice(layer % 2, None, 2), slice(1 - layer % 2, None, 2)
