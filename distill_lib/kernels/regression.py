r"""Kernel ridge regression on a support set with any kernel: f(x) = K(x, X_S) (K_SS + lam I)^{-1}
Y_S, samples as rows.
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
    """lam = reg tr(K_SS) / m: the same share of the mean of the diagonal whatever the kernel's
    scale.
    """
    return reg * jnp.trace(k_ss) / len(k_ss)


@door()
def solve(
    k_ss: Float[Array, "m m"], right: Float[Array, "m k"], reg: float = REG
) -> Float[Array, "m k"]:
    """(K_SS + lam I)^{-1} right by Cholesky, lam = reg tr(K_SS) / m; to be compiled and
    differentiated. NaN where it is singular.
    """
    damped = k_ss + relative_reg(k_ss, reg) * jnp.eye(len(k_ss), dtype=k_ss.dtype)
    # Its gradient costs no further factorisation.
    return linalg.solve(damped, right, assume_a="pos")


@door()
def coefficients(
    k_ss: Float[Array, "m m"], labels: Float[Array, "m k"], reg: float = REG
) -> Float[Array, "m k"]:
    """What the model on a support set multiplies K(x, X_S) with: (K_SS + lam I)^{-1} Y_S.

    Raises: ValueError if the kernel matrix with lam is singular to working precision, for shapes
        that do not fit, or a negative reg.
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
    """K_ts (K_SS + lam I)^{-1} Y_S at points x, the kernel in blocks of `block` points.

    Args:
        points, labels: the support set X_S and Y_S.
        reg: lam = reg tr(K_SS) / m.
        report: called with the progress of K_ts, which is kept whole, (n, m).
    Raises: ValueError as `coefficients`, or for points that do not fit.
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
    """
    truth = checks.indices("truth", truth, count=len(x))
    predicted = np.argmax(np.asarray(scores(kernel, points, labels, x, reg, **options)), axis=1)
    return float(np.mean(predicted == truth))


_solve = eqx.filter_jit(solve)
