r"""A few rows times the regularised pseudoinverse of a long matrix, by its Gram matrix.

.. math:: B (A A^\top + \lambda I)^{-1} A = C^\top A, \qquad (A A^\top + \lambda I) C = B^\top .

With Cholesky's factor, C has an error of eps kappa^2, kappa being the condition number of A (of
A A^T + lam I, to the power 1/2). One step of refinement, with residuals from A itself, leaves eps
kappa + (eps kappa^2)^2 of the result, as good as orthogonal factors where eps kappa^3 is below 1.
Of these products only the Gram matrix costs more than O(k m p).
"""

import numpy as np
import scipy.linalg
from jaxtyping import Float
from scipy.linalg import get_lapack_funcs

from distill_lib.linalg import thin
from distill_lib.linalg.products import product


def applied(
    left: Float[np.ndarray, "k m"], a: Float[np.ndarray, "m p"], reg: float
) -> Float[np.ndarray, "k p"] | None:
    """B times the regularised pseudoinverse of A, or None where A is too ill-conditioned."""
    m, p = a.shape
    lower = thin.gram_factor(thin.columns(a), m, p, a.dtype, reg)
    if lower is None:
        return None
    (trcon,) = get_lapack_funcs(("trcon",), (lower,))
    share, _ = trcon(lower, uplo="L")
    if not np.finfo(a.dtype).eps < share**3 / m:
        return None

    def solved(b):
        return scipy.linalg.cho_solve((lower, True), b, check_finite=False)

    c = solved(left.T)
    c += solved(left.T - product(a, product(c.T, a).T) - reg * c)
    return product(c.T, a)
