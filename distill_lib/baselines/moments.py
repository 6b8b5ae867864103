"""Constructions of others, so that the counts of Table 1 can be seen.

Labels alone for fixed points (Maalouf et al. 2023, Theorem 4.2) are `labels_only.solved_labels`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import svd


class Moments(NamedTuple):
    """A set with the Gram matrix and the cross moments of a training set.

    Attributes:
        features: (r, p) its features, r = rank phi(X), pairwise orthogonal, the longest first.
        labels: (r, k) its labels.
        rest: the least loss of any weights on the training set; on this set it is 0.
    """

    features: Float[Array, "r p"]
    labels: Float[Array, "r k"]
    rest: Float[Array, ""]


@door()
def same_moments(features: Float[Array, "n p"], labels: Float[Array, "n k"]) -> Moments:
    """A set that trains to the same model as the data for every ridge parameter at once.

    It has r = rank phi(X) points (Izzo and Zou 2023), and trains alike for every lam = lam_S. With
    phi(X) = U S V^T they are phi(X_S) = U S and Y_S = Y V; then phi(X_S) phi(X_S)^T = G and
    Y_S phi(X_S)^T = C. `kip_loss.Target(*...)` of it is the training set as KIP sees it. One SVD.

    Raises: ValueError for shapes that do not fit or entries that are not finite.

    Example:
        >>> from distill_lib.baselines.moments import same_moments
        >>> x, y = np.array([[1.0, 0], [0, 1], [1, 1]]), np.eye(3, 2)
        >>> made = same_moments(x, y)
        >>> made.features.shape, np.allclose(made.features.T @ made.features, x.T @ x)
        ((2, 2), True)
    """
    f = svd(features)
    turned = f.v.T @ labels
    residual = labels - f.v @ turned
    return Moments(jnp.asarray(f.s)[:, None] * f.ut, turned, jnp.vdot(residual, residual))


@door()
def gaussian_kernel(
    x: Float[Array, "n d"], y: Float[Array, "m d"], variance: float
) -> Float[Array, "n m"]:
    """The Gaussian kernel matrix, K(x, y) = exp(-||x - y||^2 / (2 variance)).

    Strictly positive definite on distinct points, so no finite feature map has it.

    Raises: ValueError unless variance > 0.

    Example:
        >>> from distill_lib.baselines.moments import gaussian_kernel
        >>> gaussian_kernel(np.zeros((1, 2)), np.array([[0.0, 0], [1, 1]]), 1.0).round(3).tolist()
        [[1.0, 0.368]]
    """
    if not variance > 0:
        raise ValueError(
            f"variance = {variance} is no squared width of a Gaussian kernel; it must be above 0."
        )
    squares = jnp.sum(x**2, 1)[:, None] + jnp.sum(y**2, 1)[None, :] - 2 * x @ y.T
    return jnp.exp(-jnp.clip(squares, 0) / (2 * variance))


@door()
def subset_labels(
    gram: Float[Array, "n n"],
    coefficients: Float[Array, "n k"],
    chosen: Sequence[int],
    reg_s: float = 0.0,
) -> Float[Array, "m k"]:
    """Labels for kept training points, so that they train nearest to a given kernel model.

    The model is f = sum_i alpha_i K(., x_i), and nearest is in the norm of the kernel's space.
    There the nearest combination of the kept K(., x_j) has beta = K_SS^{-1} K(X_S, X) alpha, and
    the labels (K_SS + lam_S I) beta train to it. For a strictly positive definite kernel it is f
    only if every alpha_i left out is 0.

    Args:
        gram: (n, n) K(X, X).
        coefficients: (n, k) alpha.
        chosen: m indices of training points.
    Raises: ValueError for shapes that do not fit, an index that repeats or is out of range, or K_SS
        not positive definite.

    Example:
        >>> from distill_lib.baselines.moments import subset_labels
        >>> gram, alpha = np.array([[2.0, 1, 0], [1, 2, 1], [0, 1, 2]]), np.array([[1.0], [3], [0]])
        >>> subset_labels(gram, alpha, [0, 1]).round(3).tolist()  # the model's values there
        [[5.0], [7.0]]
    """
    n = len(coefficients)
    kept = checks.indices("chosen", np.asarray(chosen))
    if len(np.unique(kept)) < len(kept) or len(kept) == 0 or kept.min() < 0 or kept.max() >= n:
        raise ValueError(f"chosen needs indices of 0..{n - 1}, at least one and none twice.")
    within = np.asarray(gram)[np.ix_(kept, kept)]
    try:
        factor = scipy.linalg.cho_factor(within)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"the kernel matrix of the {len(kept)} chosen points is not positive definite to "
            "working precision; "
            "drop repeated points or take a narrower kernel."
        ) from None
    wanted = np.asarray(gram)[kept] @ np.asarray(coefficients)
    return jnp.asarray(wanted + reg_s * scipy.linalg.cho_solve(factor, wanted))
