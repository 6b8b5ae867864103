"""Feature maps that are onto: points through a right inverse, Theorem 5.1.

Features that carry W have points psi(f), phi(psi(f)) = f. Where the range of phi holds a ball only,
features c f lie in it for some c > 0, and train to W / c at c^2 lam_S.
"""

from typing import NamedTuple

from jaxtyping import Array, Float

from distill_lib.boundary.door import door, finished
from distill_lib.features import FeatureMap


class Inverted(NamedTuple):
    """Points, and the features that they were to have.

    Attributes:
        points: (m, d).
        features: (m, p) scale times the wished ones, without what rounding left outside their span.
        scale: c, 1 where the wished features lie in the range of phi.
    """

    points: Float[Array, "m d"]
    features: Float[Array, "m p"]
    scale: float


@door()
def points_of(
    phi: FeatureMap, features: Float[Array, "m p"], near: Float[Array, "m d"] | None = None
) -> Inverted:
    """Points with the wished features, scaled into the range of phi (Theorem 5.1).

    Args:
        phi: a map with a right inverse.
        features: (m, p) of Theorem 4.1, say.
        near: (m, d) points to be near to, where the inverse leaves a choice.
    Raises: ValueError where phi has no right inverse, or points are not finite.

    Example:
        >>> from distill_lib.theory import surjective
        >>> phi = dl.FullyConnected((np.eye(2),), 0.5)
        >>> surjective.points_of(phi, np.array([[1.0, -1.0]])).points.tolist()
        [[1.0, -2.0]]
    """
    scale = phi.range_scale(features)
    wished = features if scale == 1 else scale * features
    points = phi.inverse(wished, near=near)
    finished("what the feature map's inverse gives", points)
    return Inverted(points, phi.onto_span(wished), scale)
