"""What every feature map offers to ridge regression and to the constructions."""

import abc

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.linalg.least_norm import least_norm


class FeatureMap(eqx.Module):
    """A feature map phi: R^d -> R^p on samples as rows, with K(x, x') = <phi(x), phi(x')>.

    A pytree: its parameters are arrays, everything else is static. `inverse` is a right inverse,
    phi(inverse(f)) = f, so any features that a theorem asks for can be turned into points.

    Example:
        >>> phi = dl.FullyConnected.random(jax.random.key(0), (4, 3))
        >>> isinstance(phi, dl.FeatureMap), phi.dim_in, phi.dim_out
        (True, 4, 3)
    """

    def __init_subclass__(cls, **options) -> None:
        """A map of its own is its own in main memory too: `on_host` is of the same class."""
        super().__init_subclass__(**options)
        if "__call__" in vars(cls) and "on_host" not in vars(cls):
            cls.on_host = FeatureMap.on_host  # type: ignore[method-assign]

    @property
    @abc.abstractmethod
    def dim_in(self) -> int:
        """The number of inputs d."""

    @property
    @abc.abstractmethod
    def dim_out(self) -> int:
        """The number of features p."""

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n p"]:
        """The features phi of each row."""

    def on_host(self, x: np.ndarray) -> np.ndarray:
        """The features (n, p) of rows (n, d) in main memory: those of a call, up to rounding.

        The rows have been checked. By default that is the call as one compiled program. A map whose
        work is a product overrides it with `linalg.products`, which is BLAS: on a processor with
        wide vectors XLA's product of float64 takes up to twice its time.
        """
        return np.asarray(_compiled(self, x))

    @abc.abstractmethod
    def inverse(
        self, features: Float[Array, "n p"], near: Float[Array, "n d"] | None = None
    ) -> Float[Array, "n d"]:
        """Points x with phi(x) == features.

        Args:
            features: (n, p) wished features.
            near: (n, d) points to stay near, where several have the features; None for the choice
                that each map documents.
        Raises: ValueError where phi has no right inverse or the features lie outside its range.
        """

    def onto_span(self, rows: Float[Array, "n p"]) -> Float[Array, "n p"]:
        """Rows projected onto the span of phi's range, where every trained W has its own.

        By default that is R^p, and the rows stay as they are.
        """
        return rows

    def range_scale(self, features: Float[Array, "n p"]) -> float:
        """The largest c in (0, 1] for which c * features lies in the range of phi.

        It is 1 for a surjective phi.
        """
        return 1.0

    def _check(self, features, near) -> None:
        checks.matrix("features", features, cols=self.dim_out)
        if near is not None:
            checks.matrix("near", near, rows=len(features), cols=self.dim_in)


@eqx.filter_jit
def _compiled(feature_map, x):
    return feature_map(x)


@door()
def nearest_solution(
    w: Float[Array, "out in"],
    rows: Float[Array, "n out"],
    near: Float[Array, "n in"] | None,
    name: str,
) -> Float[Array, "n in"]:
    """The x with w x = row that is nearest to a row of `near`: x0 + W^+ (row - W x0).

    For None the x of least norm. The cost is one QR factorisation, O(out^2 in).

    Raises: ValueError as `least_norm`.

    Example:
        >>> from distill_lib.features.base import nearest_solution
        >>> w, rows, near = np.array([[1.0, 0.0]]), np.array([[5.0]]), np.array([[3.0, 4.0]])
        >>> np.allclose(nearest_solution(w, rows, near, "the weights"), [[5, 4]])
        True
    """
    return (
        least_norm(w, rows, name) if near is None else near + least_norm(w, rows - near @ w.T, name)
    )
