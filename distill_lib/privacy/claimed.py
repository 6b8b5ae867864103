"""Theorem 6.2 as claimed: noise in the free matrix Z of Theorem 4.1.

For study; it protects nothing that `attacks` asks for.
"""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.privacy.gaussian_mechanism import check_guarantee
from distill_lib.theory.closed_form import label_svd


@door(infinite=True)
def claimed_deviation(
    labels: Float[np.ndarray, "m k"],
    targets: Float[np.ndarray, "n k"],
    bound: float,
    sigma_0: float,
    epsilon: float,
    delta: float,
) -> float:
    """The deviation of the noise Z that Theorem 6.2 asks for.

    Infinite where a row of I - Y_S^+ Y_S is zero; else max_i 2 sqrt(ln(1.25 / delta)) B ||[Y_S^+]_i
    Y|| / (sigma_0^2 eps ||[I - Y_S^+ Y_S]_i||).

    Args:
        labels: Y_S of rank k; targets: Y of the training set.
        bound: B >= ||phi(x_i)||; sigma_0: below the smallest singular value of phi(X).
    Raises: ValueError unless rank(Y_S) = k, the shapes fit, bound, sigma_0 and epsilon are above 0
        and 0 < delta < 1.

    Example:
        >>> from distill_lib.privacy import claimed_deviation
        >>> claimed_deviation(np.eye(2), np.eye(2), 1.0, 1.0, 1.0, 1e-5)  # m = k: Z plays no part
        inf
        >>> round(claimed_deviation(np.eye(2)[[0, 1, 0, 1]], np.eye(2), 1.0, 1.0, 1.0, 1e-5), 3)
        4.845
    """
    check_guarantee(epsilon, delta)
    checks.positive("bound", bound)
    checks.positive("sigma_0", sigma_0)
    left, rest = _split(labels)
    signal, mask = (
        np.linalg.norm(left @ np.asarray(targets).T, axis=1),
        np.linalg.norm(rest, axis=1),
    )
    if (mask <= 1e-12).any():
        return math.inf
    scale = 2 * math.sqrt(math.log(1.25 / delta)) * bound / (sigma_0**2 * epsilon)
    return float(scale * np.max(signal / mask))


@door()
def claimed_release(
    weights: Float[np.ndarray, "k p"],
    labels: Float[np.ndarray, "m k"],
    deviation: float,
    rng: np.random.Generator,
    trials: tuple[int, ...] = (),
) -> Float[np.ndarray, "*trials m p"]:
    """Support features with the noise of Theorem 6.2 in Z, many draws at once.

    phi(X_S) = D^+ at lam_S = 0 with D = Y_S^+ W + (I - Y_S^+ Y_S) Z, Z ~ N(0, deviation^2)
    entrywise. Whatever the noise, the set trains to W itself.

    Raises: ValueError unless rank(Y_S) = k and the shapes fit.

    Example:
        >>> from distill_lib.privacy import claimed_release
        >>> w, labels = np.eye(2, 4), np.eye(2)[[0, 1, 0]]
        >>> points = claimed_release(w, labels, 10.0, np.random.default_rng(0))
        >>> np.allclose(dl.recovered_weights(points, labels), w)
        True
    """
    left, rest = _split(labels)
    z = deviation * rng.standard_normal((*trials, len(labels), np.shape(weights)[1]))
    return np.linalg.pinv(left @ np.asarray(weights) + rest @ z).swapaxes(-1, -2)


def _split(labels):
    # Y_S^+ and I - Y_S^+ Y_S; at m = k the projector is zero, not its rounding.
    """Y_S^+ and I - Y_S^+ Y_S; at m = k the projector is zero, not its rounding."""
    y = label_svd(jnp.asarray(labels))
    left = np.asarray(y.with_values(1 / y.s))
    m, k = left.shape
    return left, np.eye(m) - left @ np.asarray(labels).T if m > k else np.zeros((m, m))
