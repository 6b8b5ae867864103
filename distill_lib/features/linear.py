"""Linear ridge regression: phi(x) = x."""

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.features.base import FeatureMap


class Linear(FeatureMap):
    """The linear map phi(x) = x, p = d: Theorem 4.1 is Theorem 5.1 for this map.

    Example:
        >>> phi = dl.Linear(3)
        >>> phi.dim_out, np.allclose(phi(np.eye(3)), np.eye(3))
        (3, True)
    """

    dim: int = eqx.field(static=True)

    @property
    def dim_in(self) -> int:
        return self.dim

    @property
    def dim_out(self) -> int:
        return self.dim

    @door()
    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        return x

    def on_host(self, x: np.ndarray) -> np.ndarray:
        return x

    @door()
    def inverse(
        self, features: Float[Array, "n d"], near: Float[Array, "n d"] | None = None
    ) -> Float[Array, "n d"]:
        """The features themselves, the only preimage."""
        self._check(features, near)
        return features
