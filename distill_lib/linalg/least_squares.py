"""Least squares by products where they are accurate, by singular values elsewhere."""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import negligible


@door()
@jax.jit
def least_squares(b: Float[Array, "r m"], t: Float[Array, "r k"]) -> Float[Array, "m k"]:
    """The least-norm solution X of a least-squares problem min ||B X - T||_F, that is B^+ T.

    There are two ways to it, and which is taken is decided while computing, so that the function
    can be compiled:

    1. Cholesky QR in two rounds, which is products only, and every device is fast at those. The
       first round leaves Q^T Q = I up to cond(B)^2 eps. The second leaves it up to eps, if that was
       below 1. Up to cond(B) of about 10^7 in float64 this is as accurate as Householder's QR.
    2. Singular values, where the first way fails: beyond that, or where B has not full rank.

    The cost is O(r m (min(r, m) + k)) either way, with a much larger constant in the second.

    Args:
        b: (r, m) the matrix B.
        t: (r, k) the right-hand sides T, as columns.
    Returns: (m, k) the solution X.

    Example:
        >>> from distill_lib.linalg.least_squares import least_squares
        >>> b, t = np.array([[1.0], [1.0]]), np.array([[1.0], [3.0]])
        >>> np.allclose(least_squares(b, t), 2.0)  # the mean
        True
    """
    r, m = b.shape

    def cholesky_round(a):
        gram = a.T @ a
        lower = jnp.linalg.cholesky(gram)
        return gram, lower, solve_triangular(lower, a.T, lower=True).T

    _, first, q = cholesky_round(b if m <= r else b.T)
    gram, second, q = cholesky_round(q)

    def full_rank():
        if m <= r:  # B = Q (L_1 L_2)^T
            inner = solve_triangular(second, q.T @ t, lower=True, trans=1)
            return solve_triangular(first, inner, lower=True, trans=1)
        return q @ solve_triangular(second, solve_triangular(first, t, lower=True), lower=True)

    def any_rank():
        u, s, vt = jnp.linalg.svd(b, full_matrices=False)
        kept = s > negligible((r, m), s.dtype) * s[0]
        return vt.T @ (jnp.where(kept, 1 / jnp.where(kept, s, 1), 0)[:, None] * (u.T @ t))

    # Not true for NaN, which a failed factorisation leaves.
    orthonormal = jnp.linalg.norm(gram - jnp.eye(len(gram), dtype=b.dtype)) < 0.1
    return jax.lax.cond(orthonormal, full_rank, any_rank)
