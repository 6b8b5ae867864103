"""Right inverses of least norm: what a feature map's layers are inverted by."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float
from scipy.linalg import get_lapack_funcs

from distill_lib.boundary.door import door
from distill_lib.linalg.products import product


@door()
def least_norm(
    w: Float[Array, "out in"], rows: Float[Array, "n out"], name: str
) -> Float[Array, "n in"]:
    """The shortest x with w x = row, for each row of `rows`.

    These are rows (W^+)^T, by W^T = Q R and W^+ = Q R^{-T}; where W is square by W = P L U, much
    sooner. Square random matrices are ill-conditioned but invertible, so only those singular to
    working precision are refused: s_min <= 10 eps s_1.

    Raises: ValueError unless w has full row rank; `name` is its subject.
    """
    n, d = w.shape
    if n > d:
        raise ValueError(f"{name} have rank at most {d} < {n}, so they have no right inverse.")
    a, wished = np.asarray(w), np.asarray(rows).T
    solve, suspected = _by_lu(a) if n == d else _by_qr(a)
    tolerance = 10 * np.finfo(a.dtype).eps
    # Small singular values are cheap to suspect; only then are all of them worth their cost.
    if not suspected > 1e3 * d * tolerance:
        s = scipy.linalg.svdvals(a)
        if (seen := int(np.sum(s > tolerance * s[0]))) < n:
            raise ValueError(f"{name} have rank {seen} < {n}, so they have no right inverse.")
    return jnp.asarray(solve(wished).T)


def _by_lu(w) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """What solves w x = b for a square w, and about s_min / s_1 by LAPACK's estimate."""
    factor, back, condition = get_lapack_funcs(("getrf", "getrs", "gecon"), (w,))
    lu, pivots, singular = factor(w.T)  # BLAS stores columns: to it w is w^T
    seen = 0.0 if singular else condition(lu, np.abs(w).sum(axis=1).max())[0]

    def solve(b: np.ndarray) -> np.ndarray:
        x = back(lu, pivots, b, trans=1)[0]
        # A step of refinement, as exact as Q R.
        return x + back(lu, pivots, b - product(w, x), trans=1)[0]

    return solve, seen


def _by_qr(w) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """The same of least norm for fewer rows than columns, and s_min / s_1 or more by R's pivots."""
    q, r = scipy.linalg.qr(w.T, mode="economic", check_finite=False)
    pivots = np.abs(np.diag(r))
    turned = partial(scipy.linalg.solve_triangular, r, trans=1, check_finite=False)
    return lambda b: product(q, turned(b)), pivots.min() / max(pivots.max(), np.finfo(r.dtype).tiny)
