"""Deep linear networks: phi(x) = G x, surjective or not (Theorem 5.3)."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.boundary.door import door
from distill_lib.features.base import FeatureMap
from distill_lib.features.fully_connected import FullyConnected
from distill_lib.linalg.products import product
from distill_lib.linalg.pseudoinverse import svd


class DeepLinear(FeatureMap):
    """A deep linear network phi(x) = W_L ... W_1 x = G x, of any widths and ranks.

    Its range is the subspace range(G); there x = G^+ f is a preimage. A support set carries W
    exactly iff range(W^T) lies in range(G) (Theorem 5.3, corrected), which training always
    provides.

    Attributes:
        weights: W_1 (d_1, d), ..., W_L (d_L, d_{L-1}).

    Example:
        >>> phi = dl.DeepLinear.random(jax.random.key(0), (4, 2, 3))  # onto a plane of R^3
        >>> f = phi.onto_span(np.eye(3))
        >>> np.allclose(phi(phi.inverse(f)), f)
        True
    """

    weights: tuple[Float[Array, "out in"], ...]

    @classmethod
    @door()
    def random(
        cls, key: PRNGKeyArray, widths: Sequence[int], dtype: DTypeLike = jnp.float64
    ) -> "DeepLinear":
        """A network with random weights from N(0, 1 / fan_in), for widths d, d_1, ..., d_L.

        Raises: ValueError as `FullyConnected.random`.
        """
        return cls(FullyConnected.random(key, widths, dtype=dtype).weights)

    @property
    def dim_in(self) -> int:
        return self.weights[0].shape[1]

    @property
    def dim_out(self) -> int:
        return self.weights[-1].shape[0]

    @property
    def matrix(self) -> Float[Array, "p d"]:
        """The matrix G = W_L ... W_1 of the whole network, (p, d)."""
        g = self.weights[0]
        for w in self.weights[1:]:
            g = w @ g
        return g

    @property
    def basis(self) -> Float[Array, "p r"]:
        """An orthonormal basis of range(G), as columns, (p, r)."""
        return svd(self.matrix).v

    @door()
    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n p"]:
        for w in self.weights:
            x = x @ w.T
        return x

    def on_host(self, x: np.ndarray) -> np.ndarray:
        for w in self.weights:
            x = product(x, np.asarray(w).T)
        return x

    @door()
    def onto_span(self, rows: Float[Array, "n p"]) -> Float[Array, "n p"]:
        """Rows projected onto range(G): rows G G^+."""
        basis = self.basis
        return (rows @ basis) @ basis.T

    @door()
    def inverse(
        self, features: Float[Array, "n p"], near: Float[Array, "n d"] | None = None
    ) -> Float[Array, "n d"]:
        """The preimages G^+ f of least norm, or those nearest to given points.

        The latter are near + G^+ (f - G near). Exact on range(G), so for every f where G has full
        row rank.

        Raises: ValueError if more than a share sqrt(eps) of the features' norm lies outside
            range(G); the message gives it.
        """
        self._check(features, near)
        g = svd(self.matrix)
        inside = features @ g.v
        size, outside = jnp.linalg.norm(features), jnp.linalg.norm(features - inside @ g.v.T)
        if outside > jnp.sqrt(jnp.finfo(features.dtype).eps) * size:
            raise ValueError(
                f"the features lie outside range(G), of dimension {len(g.s)} in R^{self.dim_out}, "
                "by a relative residual of "
                f"{outside / size:.3g}, and have no preimage; features within it come from rows "
                "that onto_span has projected."
            )
        if near is None:
            return (inside / g.s[None, :]) @ g.ut
        return near + ((inside - (near @ g.ut.T) * g.s[None, :]) / g.s[None, :]) @ g.ut
