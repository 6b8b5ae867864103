"""Products of matrices in main memory, all by one BLAS.

NumPy and SciPy each bring a BLAS with threads of its own, which go on waiting for work, at full
power, for some hundredths of a second after each product. A product of the one between two of the
other shares its cores with them, and takes up to twice its time. LAPACK, in JAX too, is SciPy's; so
its BLAS is taken here.
"""

import numpy as np
from jaxtyping import Float
from scipy.linalg import get_blas_funcs


def product(a: Float[np.ndarray, "n q"], b: Float[np.ndarray, "q p"]) -> Float[np.ndarray, "n p"]:
    """The product a b, row by row in memory. A transpose of such a matrix is not copied."""
    if not (a.size and b.size):
        return np.zeros((len(a), b.shape[1]), np.result_type(a, b))
    # BLAS stores columns: to it the rows of a b are the columns of b^T a^T.
    (first, turned), (second, other) = _columns(b), _columns(a)
    multiply = get_blas_funcs("gemm", (a, b))
    return multiply(1.0, first, second, trans_a=turned, trans_b=other).T


def _columns(a: np.ndarray) -> tuple[np.ndarray, bool]:
    """a^T as BLAS takes it without a copy, and whether it is to be transposed."""
    return (a.T, False) if a.flags.c_contiguous else (a, True)


def add_gram(gram: Float[np.ndarray, "p p"], f: Float[np.ndarray, "n p"]) -> None:
    """Add f^T f to a matrix in place, to its upper triangle alone: half the products, no room."""
    if f.size:  # to BLAS the upper triangle is the lower one
        a, turned = _columns(f)
        update = get_blas_funcs("syrk", (gram,))
        update(1.0, a, beta=1.0, c=gram.T, trans=turned, lower=1, overwrite_c=1)
