r"""A set made in random Fourier features and read by the kernel itself (Maalouf et al. 2023).

Points X_S with solved labels carry a model W of the features exactly where these have enough rank.
Trained with the kernel K in place of \hat K(x, x') = <phi(x), phi(x')> the same set gives another
model, which is near where the two kernels are.
"""

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door


@door()
def kernel_answers(
    labels: Float[Array, "m k"],
    gram: Float[Array, "m m"],
    cross: Float[Array, "m t"],
    reg_s: float,
) -> Float[Array, "t k"]:
    """The answers of kernel ridge regression on a set, Y_S (K_SS + lam_S I)^{-1} K(X_S, x).

    Args:
        gram, cross: K_SS, and K between the m points and t inputs.
        reg_s: lam_S > 0.
    Raises: ValueError for shapes that do not fit, or reg_s that is not above 0.

    Example:
        >>> from distill_lib.baselines.fourier_sets import kernel_answers
        >>> kernel_answers(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 2)), 1.0).tolist()
        [[0.5], [0.5]]
    """
    checks.positive("reg_s", reg_s)
    system = np.asarray(gram) + reg_s * np.eye(len(gram))
    return jnp.asarray(np.asarray(cross).T @ scipy.linalg.solve(system, labels, assume_a="pos"))


@door()
def kernel_gap_bound(
    labels: Float[Array, "m k"],
    near_gram: Float[Array, "m m"],
    gram: Float[Array, "m m"],
    near_cross: Float[Array, "m t"],
    cross: Float[Array, "m t"],
    diagonal: Float[Array, " t"],
    reg_s: float,
) -> Float[Array, " t"]:
    r"""How far the answers of two kernels on one set can be apart, input by input.

    .. math:: \|\hat\alpha\|_2 \left( \|\hat K_{SS} - K_{SS}\|_2 \frac{\sqrt{K(x, x)}}
              {2 \sqrt{\lambda_S}} + \|\hat K(X_S, x) - K(X_S, x)\| \right)

    with the coefficients of the first kernel's model, \hat\alpha = Y_S (\hat K_SS + lam_S I)^{-1}.
    Both kernels are positive semidefinite.

    Args:
        near_gram, near_cross: of the first kernel, that of the features.
        gram, cross, diagonal: of the second, K(x, x) last.
        reg_s: lam_S > 0.
    Raises: ValueError for shapes that do not fit, or reg_s that is not above 0.

    Example:
        >>> from distill_lib.baselines.fourier_sets import kernel_gap_bound
        >>> one = np.ones((1, 1))
        >>> kernel_gap_bound(one, 0.5 * one, one, 0.5 * one, one, np.ones(1), 0.5).round(3).tolist()
        [0.854]
    """
    checks.positive("reg_s", reg_s)
    near, exact = np.asarray(near_gram), np.asarray(gram)
    system = near + reg_s * np.eye(len(near))
    alpha = scipy.linalg.solve(system, labels, assume_a="pos")
    apart = np.linalg.norm(near - exact, 2)
    beside = np.linalg.norm(np.asarray(near_cross) - np.asarray(cross), axis=0)
    reach = np.sqrt(np.asarray(diagonal)) / (2 * np.sqrt(reg_s))
    return jnp.asarray(np.linalg.norm(alpha, 2) * (apart * reach + beside))
