"""The protocol that ridge regression and the constructions rely on."""

import abc

import equinox as eqx
from jaxtyping import Array, Float


class FeatureMap(eqx.Module):
    """A feature map phi: R^d -> R^p on samples as rows, with K(x, x') = <phi(x), phi(x')>.

    A pytree: its parameters are arrays, everything else is static. `inverse` is a right inverse, phi(inverse(f)) = f,
    so any features that a theorem asks for can be turned into points.
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
    def inverse(self, features: Float[Array, "n p"]) -> Float[Array, "n d"]:
        """Points x with phi(x) == features. Raises ValueError where phi has no right inverse or the features lie outside its range."""

    def onto_span(self, rows: Float[Array, "n p"]) -> Float[Array, "n p"]:
        """Rows projected onto the span of phi's range, where every trained W has its own; by default that is R^p."""
        return rows

    def range_scale(self, features: Float[Array, "n p"]) -> float:
        """The largest c in (0, 1] for which c * features lies in the range of phi; 1 for a surjective phi."""
        return 1.0
