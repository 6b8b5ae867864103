r"""What moving the points of a distilled set does to the model they train.

Let X_S carry W with labels Y_S = W X_{lam_S}, let alpha = W X_S^{+T}, move the points to X_q = X_S
+ E. Training gives W_q with

.. math:: (W_q - W)(X_q X_q^\top + \lambda_S I) = \lambda_S \alpha E^\top - W E X_q^\top ,

and with the labels solved again on X_q (Theorem 4.2) what is left is
:math:`W(\Pi_q - I) = \alpha E^\top (I - \Pi_q)`, for every lam_S.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import svd


class Bounds(NamedTuple):
    """Upper bounds on the relative recovery error ||W_q - W||_F / ||W||_F, one per size.

    Attributes:
        solved: with the labels solved again on the moved points, at any lam_S; at most 1.
        kept: with the labels kept; infinite where a change of this size may lower the rank of the
            points at lam_S = 0.
    """

    solved: Float[np.ndarray, "..."]
    kept: Float[np.ndarray, "..."]


@door(infinite=True)
def error_bounds(
    weights: Float[Array, "k p"],
    features: Float[Array, "m p"],
    sizes: Float[ArrayLike, "..."],
    reg_s: float = 0.0,
) -> Bounds:
    """How much the model can change at most when the features move by a given size.

    The bounds hold for every change E with ||E||_2 <= size. They are solved = size ||alpha||_F /
    ||W||_F with alpha = W phi(X_S)^{+T}; kept = solved + size max{s / (s^2 + lam_S) : s >= s_min -
    size}, where s_min is the smallest of the min(m, p) singular values of the features. The cost is
    one SVD.

    Args:
        weights: (k, p) model W.
        features: (m, p) phi(X_S), with labels W phi_{lam_S}(X_S); where the points are independent
            no other labels carry W.
        sizes: of E, in the spectral norm; one or several.
        reg_s: lam_S of the training.
    Returns: the bounds, shaped like the sizes.
    Raises: ValueError for shapes that do not fit, entries that are not finite, or a negative size
        or reg_s.

    Example:
        >>> bounds = dl.error_bounds(np.eye(2), np.eye(2), sizes=[0.0, 0.1])
        >>> print(bounds.solved.round(3), bounds.kept.round(3))
        [0.  0.1] [0.    0.211]
    """
    size = np.asarray(sizes, np.float64)
    if not (size >= 0).all():
        raise ValueError(
            f"sizes = {size.tolist()!r} are no sizes of a change; they must be at least 0."
        )
    f = svd(features)
    alpha = (weights @ f.ut.T) / f.s[None, :]  # up to a rotation: W U diag(1 / s)
    solved = size * float(jnp.linalg.norm(alpha) / jnp.linalg.norm(weights))
    smallest = float(f.s[-1]) if len(f.s) == min(features.shape) else 0.0
    # h(s) = s / (s^2 + lam_S) rises until s = sqrt(lam_S) and falls after it.
    peak = np.maximum(smallest - size, np.sqrt(reg_s))
    bounded = peak > 0
    amplified = np.where(bounded, peak / np.where(bounded, peak**2 + reg_s, 1), np.inf)
    return Bounds(np.minimum(solved, 1), solved + size * amplified)
