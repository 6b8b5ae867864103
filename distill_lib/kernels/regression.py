"""Kernel ridge regression on a support set, with any kernel.

f(x) = K(x, X_S) (K_SS + lam I)^{-1} Y_S, samples as rows.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy import linalg
from jaxtyping import Array, Float, Int

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.kernels.base import Kernel as Kernel
from distill_lib.kernels.blocks import Progress, cross, gram

REG = 1e-6  # lam = REG tr(K_SS) / m in KIP


@door()
def relative_reg(k_ss: Float[Array, "m m"], reg: float = REG) -> Float[Array, ""]:
    """The ridge parameter as a share of the kernel's mean diagonal: lam = reg tr(K_SS) / m.

    So the same reg means the same damping whatever the kernel's scale.

    Example:
        >>> from distill_lib.kernels.regression import relative_reg
        >>> float(relative_reg(np.diag([1.0, 3.0]), reg=0.1))
        0.2
    """
    return reg * jnp.trace(k_ss) / len(k_ss)


@door()
def solve(
    k_ss: Float[Array, "m m"], right: Float[Array, "m k"], reg: float = REG
) -> Float[Array, "m k"]:
    """Solve (K_SS + lam I) c = right, inside code that is compiled and differentiated.

    lam = reg tr(K_SS) / m. By Cholesky in O(m^3); the gradient costs no further factorisation. The
    result is NaN where the matrix is singular; `coefficients` checks that.

    Example:
        >>> from distill_lib.kernels.regression import solve
        >>> np.allclose(solve(2 * np.eye(2), np.eye(2), reg=0.5), np.eye(2) / 3)
        True
    """
    damped = k_ss + relative_reg(k_ss, reg) * jnp.eye(len(k_ss), dtype=k_ss.dtype)
    # Its gradient costs no further factorisation.
    return linalg.solve(damped, right, assume_a="pos")


@door()
def coefficients(
    k_ss: Float[Array, "m m"], labels: Float[Array, "m k"], reg: float = REG
) -> Float[Array, "m k"]:
    """What the model on a support set multiplies K(x, X_S) with: (K_SS + lam I)^{-1} Y_S.

    As `solve`, but the outcome is checked.

    Raises: ValueError if the kernel matrix with lam is singular to working precision, for shapes
        that do not fit, or a negative reg.

    Example:
        >>> from distill_lib.kernels.regression import coefficients
        >>> np.allclose(coefficients(2 * np.eye(2), np.eye(2), reg=0), np.eye(2) / 2)
        True
    """
    k_ss, labels = jnp.asarray(k_ss), jnp.asarray(labels)
    found = _solve(k_ss, labels, reg)
    # ||K|| ||c|| / ||y|| is at most the condition number; beyond 0.1 / eps not a digit of c is
    # left. ||K|| by its largest row sum.
    growth = jnp.abs(k_ss).sum(axis=1).max() * jnp.linalg.norm(found, axis=0)
    limit = 0.1 / jnp.finfo(found.dtype).eps * jnp.linalg.norm(labels, axis=0)
    if not bool((growth <= limit).all()):  # false for NaN as well
        raise ValueError(
            f"the kernel matrix of the {len(k_ss)} support points is singular at reg = {reg:g}: "
            "take a larger reg, remove repeated "
            f"points{', or compute in float64' if found.dtype == jnp.float32 else ''}."
        )
    return found


@door()
def scores(
    kernel: Kernel,
    points: Float[Array, "m d"],
    labels: Float[Array, "m k"],
    x: Float[Array, "n d"],
    reg: float = REG,
    *,
    block: int | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Float[Array, "n k"]:
    """Predictions of the model that a support set trains, at points x.

    K_ts (K_SS + lam I)^{-1} Y_S. The kernel is computed in blocks; the solve costs O(m^3).

    Args:
        points, labels: the support set X_S and Y_S.
        reg: lam = reg tr(K_SS) / m.
        block: points in a block of the kernel.
        report: called with the progress of K_ts, which is kept whole, (n, m).
    Raises: ValueError as `coefficients`, or for points that do not fit.

    Example:
        >>> from distill_lib.kernels.regression import scores
        >>> from distill_lib.theory.contributions import FeatureKernel
        >>> kernel = FeatureKernel(dl.Linear(2))
        >>> np.allclose(scores(kernel, np.eye(2), np.eye(2), [[2, 1]], reg=0), [[2, 1]])
        True
    """
    found = coefficients(gram(kernel, points, block=block), labels, reg)
    return cross(kernel, x, points, block=block, report=report) @ found


@door()
def accuracy(
    kernel: Kernel,
    points: Float[Array, "m d"],
    labels: Float[Array, "m k"],
    x: Float[Array, "n d"],
    truth: Int[np.ndarray, " n"],
    reg: float = REG,
    **options: Any,
) -> float:
    """Fraction of the points x whose largest score is at their class `truth`.

    Args and Raises: as `scores`.

    Example:
        >>> from distill_lib.kernels.regression import accuracy
        >>> from distill_lib.theory.contributions import FeatureKernel
        >>> kernel, x = FeatureKernel(dl.Linear(2)), [[2, 1], [0, 1]]
        >>> accuracy(kernel, np.eye(2), np.eye(2), x, truth=[0, 0])
        0.5
    """
    truth = checks.indices("truth", truth, count=len(x))
    predicted = np.argmax(np.asarray(scores(kernel, points, labels, x, reg, **options)), axis=1)
    return float(np.mean(predicted == truth))


_solve = eqx.filter_jit(solve)
