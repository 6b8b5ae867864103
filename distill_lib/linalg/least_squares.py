"""Least squares by products where they are accurate, by singular values elsewhere."""

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
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
    gram, first, second, q = _cholesky_qr(b if m <= r else b.T)

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


@door()
def regular_solution(b: Float[Array, "r m"], t: Float[Array, "r k"]) -> Float[Array, "m k"]:
    """The solution B^+ T for B of full column rank, with its derivative in B and T.

    The value is that of `least_squares`. With it held constant, X + (B^T B)^{-1} B^T (T - B X) has
    the same value, and the derivative of B^+ T, since B^T (T - B X) = 0: no factorisation is
    differentiated.

    Args:
        b: (r, m) the matrix B, of rank m.
        t: (r, k) the right-hand sides T, as columns.
    Returns: (m, k) the solution X; in a compiled program NaN where B has not full rank.
    Raises: ValueError for a B that numerically has not full column rank.

    Example:
        >>> from distill_lib.linalg.least_squares import regular_solution
        >>> b, t = np.array([[1.0], [1.0]]), np.array([[1.0], [3.0]])
        >>> slope = jax.jacobian(regular_solution)(b, t)  # of (b_1 + 3 b_2) / (b_1^2 + b_2^2)
        >>> slope.ravel().round(6).tolist()
        [-1.5, -0.5]
    """
    _, first, second, q = stop_gradient(_cholesky_qr(b))

    def back(y):
        return solve_triangular(
            first, solve_triangular(second, y, lower=True, trans=1), lower=True, trans=1
        )

    x = stop_gradient(back(q.T @ t))
    slope = b.T @ (t - b @ x)
    return x + back(
        solve_triangular(second, solve_triangular(first, slope, lower=True), lower=True)
    )


def _cholesky_qr(a):
    """A = Q (L_1 L_2)^T by two rounds of Cholesky QR, and the Gram matrix before the second.

    Returns: that matrix, L_1, L_2, Q.
    """

    def once(a):
        gram = a.T @ a
        lower = jnp.linalg.cholesky(gram)
        return gram, lower, solve_triangular(lower, a.T, lower=True).T

    _, first, q = once(a)
    gram, second, q = once(q)
    return gram, first, second, q
