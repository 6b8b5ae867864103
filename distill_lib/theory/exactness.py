"""Whether a distilled set is what its theorem promises, as far as rounding lets one see.

An inner product of n numbers is rounded by at most gamma = n eps of the sum of its terms' sizes; n
is taken as max(d, p).
"""

import numpy as np
from jaxtyping import Array, Float

from distill_lib.features import FeatureMap
from distill_lib.linalg import thin
from distill_lib.linalg.pseudoinverse import regularised, svd
from distill_lib.theory.closed_form import recovery_error

_BLOCK = 2**22  # entries of long features that are moved at a time


def shortfall(
    phi: FeatureMap,
    points: Float[Array, "m d"],
    made: Float[Array, "m p"],
    wished: Float[Array, "m p"] | None,
    reg_s: float,
    error: float,
) -> str:
    """Why a set is not what its theorem promises; empty if it is, up to rounding.

    Where features f were wished and x = phi.inverse(f), the gap ||phi(x) - f|| / ||f|| has to be
    below 1 and explained by rounding:

    - The features are known to gamma ||f||.
    - phi(x) is known to what it moves by when every coordinate of x moves by gamma of itself. A
      point cannot be told better, and an inverse that is backward stable does as well.

    So a map whose inverse amplifies rounding passes, in any precision, and one whose inverse is
    another map's does not.

    Where the points were given and labels solved for them (Theorem 4.2), the recovery error has to
    be explained by rounding of W phi_{lam_S} phi_{lam_S}^+, gamma times the condition number of
    phi_{lam_S}. Beyond that W has parts outside the span of the points.

    Args:
        made: (m, p) phi(x).
        wished: (m, p) f, in the span of phi's features; None for given points.
        error: the recovery error.
    Returns: sentences for a warning, or "".
    """
    if wished is None:
        s = svd(regularised(made, reg_s)).s
        if error <= _gamma(len(made), made) * (float(s[0] / s[-1]) if len(s) else 1.0):
            return ""
        return (
            f"the features of these {len(made)} samples do not span the model's rows, and Theorem "
            "4.2 is exact "
            'only where they do: take more samples, or start "nearest", which moves them until '
            "they do."
        )
    gamma = _gamma(phi.dim_in, made)
    size, gap = float(np.linalg.norm(wished)), recovery_error(wished, made)
    rounding = gamma
    if gap > gamma:
        # Long features are moved some rows at a time.
        rows = max(1, _BLOCK // made.shape[1]) if thin.is_long(made) else len(made)
        rounding += _moved(phi, points, made, gamma, rows) / size
    if gap <= rounding and gap < 1:
        return ""
    if gap > rounding:
        cause = (
            f"phi(inverse(f)) differs from f by {gap:.2g} of its norm, and rounding explains "
            f"{rounding:.1g}: correct the inverse"
        )
    else:
        cause = (
            f"rounding makes of it what differs from f by {gap:.2g} of its norm: compute in "
            "float64, or take another map"
        )
    return f"{type(phi).__name__}.inverse is no right inverse of the map here; {cause}."


def _moved(phi, points, made, gamma: float, rows: int) -> float:
    """How far the features move when every coordinate of the points moves by gamma of itself."""
    rng, moved = np.random.default_rng(0), []
    for start in range(0, len(points), rows):
        x = np.asarray(points[start : start + rows])
        signs = rng.choice((-1.0, 1.0), x.shape).astype(x.dtype)
        features = np.asarray(phi(x * (1 + gamma * signs)))
        moved.append(np.linalg.norm(features - np.asarray(made[start : start + rows])))
    return float(np.linalg.norm(moved))


def _gamma(n: int, features) -> float:
    return max(n, features.shape[1]) * float(np.finfo(features.dtype).eps)
