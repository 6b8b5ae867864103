"""Whether a distilled set is what its theorem promises, as far as rounding lets one see.

An inner product of n numbers is rounded by at most gamma = n eps of the sum of its terms' sizes; n is taken as max(d, p).
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.features import FeatureMap
from distill_lib.linalg.pseudoinverse import regularised, svd


def inverse_error(
    phi: FeatureMap, points: Float[Array, "m d"], wished: Float[Array, "m p"], made: Float[Array, "m p"]
) -> tuple[float, float]:
    """||phi(x) - f|| / ||f|| for points x = phi.inverse(f), and how much of it rounding explains.

    The features are known to gamma ||f||, and phi(x) to what it moves by when every coordinate of x moves by gamma of itself: a point
    cannot be told better, and an inverse that is backward stable does as well. So a map whose inverse amplifies rounding passes, in
    any precision, and one whose inverse is another map's does not.

    Args:
        wished: f; what lies outside the span of phi's features counts as rounding of f, since no point has it.
        made: phi(x).
    """
    gamma = _gamma(phi.dim_in, made)
    signs = np.random.default_rng(0).choice((-1.0, 1.0), points.shape).astype(points.dtype)
    moved = phi(points * (1 + gamma * signs))
    inside = phi.onto_span(wished)
    size = float(jnp.linalg.norm(inside))
    return float(jnp.linalg.norm(made - inside)) / size, gamma + float(jnp.linalg.norm(moved - made)) / size


def least_squares_error(features: Float[Array, "m p"], reg_s: float, error: float) -> tuple[float, float]:
    """The recovery error of labels solved for given points (Theorem 4.2), and how much of it rounding explains.

    W phi_{lam_S} phi_{lam_S}^+ is rounded by gamma times the condition number of phi_{lam_S}; beyond that W has parts outside the span
    of the points, and the set is the best one with these points, not an exact one.
    """
    s = svd(regularised(features, reg_s)).s
    return error, _gamma(len(features), features) * (float(s[0] / s[-1]) if len(s) else 1.0)


def _gamma(n: int, features) -> float:
    return max(n, features.shape[1]) * float(jnp.finfo(features.dtype).eps)
