"""The protocol that ridge regression and the constructions rely on."""

import abc

import equinox as eqx
from jaxtyping import Array, Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import least_norm


class FeatureMap(eqx.Module):
    """A feature map phi: R^d -> R^p on samples as rows, with K(x, x') = <phi(x), phi(x')>.

    A pytree: its parameters are arrays, everything else is static. `inverse` is a right inverse,
    phi(inverse(f)) = f, so any features that a theorem asks for can be turned into points.
    """

    @property
    @abc.abstractmethod
    def dim_in(self) -> int:
        """d, the number of inputs."""

    @property
    @abc.abstractmethod
    def dim_out(self) -> int:
        """p, the number of features."""

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n p"]:
        """phi of each row."""

    @abc.abstractmethod
    def inverse(
        self, features: Float[Array, "n p"], near: Float[Array, "n d"] | None = None
    ) -> Float[Array, "n d"]:
        """Points x with phi(x) == features.

        Args:
            near: points to stay near, where several have the features; None for the choice that
                each map documents.
        Raises: ValueError where phi has no right inverse or the features lie outside its range.
        """

    def onto_span(self, rows: Float[Array, "n p"]) -> Float[Array, "n p"]:
        """Rows projected onto the span of phi's range, where every trained W has its own; by
        default that is R^p.
        """
        return rows

    def range_scale(self, features: Float[Array, "n p"]) -> float:
        """The largest c in (0, 1] for which c * features lies in the range of phi; 1 for a
        surjective phi.
        """
        return 1.0

    def _check(self, features, near) -> None:
        checks.matrix("features", features, cols=self.dim_out)
        if near is not None:
            checks.matrix("near", near, rows=len(features), cols=self.dim_in)


@door()
def nearest_solution(
    w: Float[Array, "out in"],
    rows: Float[Array, "n out"],
    near: Float[Array, "n in"] | None,
    name: str,
) -> Float[Array, "n in"]:
    """The x with w x = row nearest to a row of `near`: x0 + W^+ (row - W x0); of least norm for
    None. Raises: as `least_norm`.
    """
    return (
        least_norm(w, rows, name) if near is None else near + least_norm(w, rows - near @ w.T, name)
    )
