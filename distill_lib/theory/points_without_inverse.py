r"""Support points found by Gauss-Newton, for feature maps that have no right inverse.

At lam_S = 0 points carry W, with the labels W phi(X_S), iff range(W^T) lies in the span of their
features. With Q an orthonormal basis of the complement of that span these are the k (p - m)
equations W Q = 0 in the m d coordinates of X_S. To first order where W Q is small, and with C = W
phi(X_S)^{+T} the weights that combine the features to W,

.. math:: d(W Q) = -\, C\, d\phi(X_S)^\top Q .
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from distill_lib.boundary import checks
from distill_lib.features import FeatureMap
from distill_lib.linalg.pseudoinverse import negligible
from distill_lib.theory.closed_form import recovered_weights, recovery_error
from distill_lib.theory.conditions import enough_points


class Solved(NamedTuple):
    """Where a descent ended: points, labels, and how exactly they carry the model.

    Attributes:
        points: (m, d) X_S.
        labels: (m, k) Y_S = W phi(X_S).
        error: relative recovery error of training on them with lam_S = 0: at the level of rounding
            if they carry W.
        steps: linear systems solved.
    """

    points: Float[Array, "m d"]
    labels: Float[Array, "m k"]
    error: float
    steps: int


def solve_points(
    phi: FeatureMap,
    weights: Float[ArrayLike, "k p"],
    start: Float[ArrayLike, "m d"],
    steps: int = 100,
) -> Solved:
    """Points near `start` that carry W at lam_S = 0, found by descent.

    It is a search, in Levenberg and Marquardt's damped Gauss-Newton steps of least norm. It ends
    when W Q is at the level of rounding, when no step shortens it, or after `steps`, and `error`
    tells how near it came. A step solves a dense system of k (p - m) equations.

    Args:
        phi: any differentiable feature map; it need not have an inverse.
        weights: (k, p) original model W.
        start: (m, d) points to begin at, real samples or random ones, m >= k.
        steps: linear systems solved at most.
    Raises: ValueError if m < k, shapes do not fit, or an entry is not finite.

    Example:
        >>> from distill_lib.theory.points_without_inverse import solve_points
        >>> solved = solve_points(dl.Linear(2), np.array([[1.0, 0.0]]), np.array([[1.0, 0.5]]))
        >>> solved.error < 1e-9
        True
    """
    checks.matrix("weights", weights, cols=phi.dim_out)
    checks.matrix("start", start, cols=phi.dim_in)
    w = np.asarray(weights)
    x = np.asarray(start, w.dtype)
    enough_points(len(x), len(w))
    rounding = 10 * np.finfo(w.dtype).eps * np.linalg.norm(w)
    residual, slope = _linearised(phi, w, x)
    damping, taken = 1e-2, 0
    while taken < steps and damping < 1e6 and np.linalg.norm(residual) > rounding:
        gram = slope @ slope.T
        gram[np.diag_indices_from(gram)] += damping * np.trace(gram) / len(gram)
        trial = x + (slope.T @ np.linalg.solve(gram, residual)).reshape(x.shape)
        further = _linearised(phi, w, trial)
        if np.linalg.norm(further[0]) < np.linalg.norm(residual):
            x, (residual, slope), damping = trial, further, max(damping / 4, 1e-14)
        else:
            damping *= 8
        taken += 1
    features, model = _features_and_derivative(phi, x)[0], jnp.asarray(w)
    labels = features @ model.T
    error = recovery_error(model, recovered_weights(features, labels))
    return Solved(jnp.asarray(x), labels, error, taken)


def _linearised(phi, w, x):
    """W Q as a vector, and the matrix that takes a change of the points to minus its change."""
    features, derivative = map(np.asarray, _features_and_derivative(phi, x))
    v, s, ut = np.linalg.svd(features)
    r = int(np.sum(s > negligible(features.shape, s.dtype) * s[0]))
    inside, outside = ut[:r].T, ut[r:].T
    c = (w @ inside / s[:r]) @ v[:, :r].T
    slope = np.einsum("km,mqd->kqmd", c, outside.T @ derivative)
    return (w @ outside).ravel(), slope.reshape(-1, x.size)


@eqx.filter_jit
def _features_and_derivative(phi, x):
    return phi(x), jax.vmap(jax.jacfwd(lambda row: phi(row[None])[0]))(x)
