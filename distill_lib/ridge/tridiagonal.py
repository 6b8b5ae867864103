"""Several lam from one tridiagonal form, which is half way to the eigenvectors of `RidgePath`.

Householder's reflections give G = Q T Q^T with T tridiagonal, by 4 p^3 / 3 operations; eigenvectors
take some five times as many. Then W(lam) = (T + lam I)^{-1} Q^T C^T, turned back by Q: for each lam
O(k p) and the reflections, O(k p^2). Q itself is never made.
"""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float
from scipy.linalg import get_lapack_funcs

from distill_lib.ridge.path import RidgePath
from distill_lib.ridge.statistics import RidgeStats


def solutions(stats: RidgeStats, regs: Sequence[float]) -> Float[np.ndarray, "r k p"]:
    """The ridge solutions W(lam) for each lam, on the host; at lam = 0 that of least norm.

    By the tridiagonal form in main memory. From the eigenvectors on an accelerator, and where lam
    is no larger than what rounding has left of the smallest eigenvalues: for a T + lam I / 2 that
    is not positive definite.
    """
    found = None
    if jax.default_backend() == "cpu" and min(regs) > 0 and len(stats.gram) > 1:
        found = _by_reflections(np.asarray(stats.gram), np.asarray(stats.cross), regs)
    if found is None:
        path = RidgePath.of(stats)
        found = np.stack([np.asarray(path.weights(reg)) for reg in regs])
    return found


def _by_reflections(gram, cross, regs) -> Float[np.ndarray, "r k p"] | None:
    names = "sytrd", "sytrd_lwork", "ormqr", "pttrf", "pttrs"
    reduce, size, reflect, factor, solve = get_lapack_funcs(names, (gram,))
    work = int(size(len(gram), lower=1)[0])
    below, diagonal, beside, scales, _ = reduce(gram.T, lower=1, lwork=work)
    if factor(diagonal + min(regs) / 2, beside)[-1]:
        return None
    # The first reflection leaves the first row alone: Q = diag(1, Q') with Q' as in Q' R.
    vectors = np.asfortranarray(below[1:, :-1])

    def turned(rows: np.ndarray, way: str) -> np.ndarray:
        rest, room = np.asfortranarray(rows[1:]), 64 * rows.shape[1]
        rows[1:] = reflect("L", way, vectors, scales, rest, lwork=room, overwrite_c=1)[0]
        return rows

    q_c = turned(np.array(cross.T, order="F"), "T")
    made = np.empty((len(gram), len(regs) * len(cross)), gram.dtype, order="F")
    for part, reg in zip(np.split(made, len(regs), axis=1), regs, strict=True):
        part[...] = solve(*factor(diagonal + reg, beside)[:2], q_c)[0]
    return turned(made, "N").T.reshape(len(regs), *cross.shape)
