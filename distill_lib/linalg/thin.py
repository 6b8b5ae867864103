r"""Factors of matrices with few, long rows, taken block by block: no copy of their size is made.

A matrix A (m, p) with m much less than p is L Q with a small L (m, r) and orthonormal rows Q. All
that is done to its singular values is done to L,

.. math:: A = V\,\mathrm{diag}(s)\,P^\top Q, \qquad L = V\,\mathrm{diag}(s)\,P^\top,

and Q is never stored: a block of its columns is made from the same columns of A when it is needed.
The first factor L_1 comes from the Cholesky factor of A A^T or, where that has lost too much, from
Householder's QR of one block of columns after the other. What rounding leaves of Q_1 = L_1^{-1} A
is mended by the Cholesky factor L_2 of Q_1 Q_1^T, so that L = L_1 L_2 and Q = L_2^{-1} Q_1.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float

from distill_lib.linalg.products import add_gram, product

LONG = 2**21  # entries from which a matrix is taken in blocks
BLOCK = 4096  # columns in a block
Columns = Callable[[slice], np.ndarray]  # a matrix, by copies of some of its columns
_RATIO = 3  # how many times longer than many its rows have to be


def is_long(a: Any) -> bool:
    """Whether a matrix is large and its rows are much longer than many, in main memory."""
    return (
        not isinstance(a, jax.core.Tracer)
        and jax.default_backend() == "cpu"
        and np.ndim(a) == 2
        and np.size(a) >= LONG
        and np.shape(a)[1] >= _RATIO * np.shape(a)[0]
    )


def columns(a: Any) -> Columns:
    """A function from a slice of columns to a copy of them."""
    values = np.asarray(a)
    return lambda part: values[:, part].copy()


def blocks(p: int) -> list[slice]:
    """The slices of p columns."""
    return [slice(start, min(start + BLOCK, p)) for start in range(0, p, BLOCK)]


def unfilled(rows: int, p: int, dtype: Any) -> np.ndarray:
    """Room for a matrix, of the alignment that JAX asks for."""
    raw = np.empty(rows * p * np.dtype(dtype).itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + raw.size - 64].view(dtype).reshape(rows, p)


def filled(rows: int, p: int, dtype: Any, made: Columns, out: np.ndarray | None = None) -> Array:
    """A JAX array (rows, p), block by block from its columns; what is written is not copied.

    It may be given its room.
    """
    out = unfilled(rows, p, dtype) if out is None else out
    for part in blocks(p):
        out[:, part] = made(part)
    return jax.dlpack.from_dlpack(out)


class ThinQR(NamedTuple):
    """A = L Q with orthonormal rows Q, which are made from A when they are needed.

    Attributes:
        lower: (m, r) L, of full column rank r, the numerical rank of A.
        near: from a slice of columns to those of Q_1, which is Q up to rounding.
        second: (r, r) L_2, lower triangular, Q = L_2^{-1} Q_1.
        p: number of columns.
        room: where `near` has its columns, to be overwritten by the first `combined`; or None.
    """

    lower: Float[np.ndarray, "m r"]
    near: Columns
    second: Float[np.ndarray, "r r"]
    p: int
    room: np.ndarray | None = None

    def rows(self, part: slice) -> Float[np.ndarray, "r c"]:
        """Some columns of Q."""
        return scipy.linalg.solve_triangular(self.second, self.near(part), lower=True)

    def combined(self, small: np.ndarray) -> Float[Array, "q p"]:
        """The matrix S Q for a small S (q, r)."""
        by = scipy.linalg.solve_triangular(self.second, small.T, lower=True, trans=1).T
        fits = self.room is not None and len(self.room) == len(by)
        room = self.room if fits else None
        return filled(len(by), self.p, by.dtype, lambda part: product(by, self.near(part)), room)

    def times(self, other: Columns) -> Float[np.ndarray, "r k"]:
        """The product Q B^T with rows B of the same length, given by their columns."""
        total: Any = 0
        for part in blocks(self.p):
            total = total + product(self.near(part), other(part).T)
        return scipy.linalg.solve_triangular(self.second, total, lower=True)

    def pinv(self) -> Float[np.ndarray, "m r"]:
        """The small matrix that makes the transposed pseudoinverse of A out of Q: that of L."""
        m, columns = self.lower.shape
        if m == columns and not np.triu(self.lower, 1).any():  # rows of any scale keep their digits
            one = np.eye(m, dtype=self.lower.dtype)
            return scipy.linalg.solve_triangular(self.lower, one, lower=True).T
        # L has full column rank, so L^+T = L (L^T L)^{-1}, here by L = X R.
        x, r = np.linalg.qr(self.lower)
        return scipy.linalg.solve_triangular(r, x.T).T


class LongSvd(NamedTuple):
    """The reduced singular value decomposition V diag(s) U^T of A = L Q, with U^T = P^T Q.

    It does what `pseudoinverse.Svd` does.

    Attributes:
        v: (m, r) V.
        s: (r,) singular values, descending.
        small: (r, r') P^T.
        factors: L and Q.
    """

    v: Float[np.ndarray, "m r"]
    s: Float[np.ndarray, " r"]
    small: Float[np.ndarray, "r q"]
    factors: ThinQR

    @property
    def ut(self) -> Float[Array, "r p"]:
        """The right singular vectors as rows, a matrix as long as A."""
        return self.factors.combined(self.small)

    def with_values(self, values: np.ndarray) -> Float[Array, "m p"]:
        """The matrix with the same singular vectors and other singular values (r,)."""
        return self.applied(np.eye(len(self.v), dtype=self.v.dtype), values)

    def applied(self, left: Any, values: np.ndarray) -> Float[Array, "k p"]:
        """A matrix (k, m) times that of `with_values`, which is not made."""
        small = ((np.asarray(left) @ self.v) * values.astype(self.s.dtype)) @ self.small
        return self.factors.combined(small)

    def onto(self, values: np.ndarray, other: Any) -> Float[np.ndarray, "m k"]:
        """The matrix of `with_values`, which is not made, times B^T for rows B (k, p)."""
        return (self.v * values.astype(self.s.dtype)) @ self.along(other)

    def along(self, other: Any) -> Float[np.ndarray, "r k"]:
        """The product U^T B^T for rows B (k, p): what they are along the singular vectors."""
        return self.small @ self.factors.times(columns(other))

    def inverse(self) -> "LongSvd":
        """The decomposition of the pseudoinverse, transposed back to (m, p): 1 / s, descending."""
        return LongSvd(self.v[:, ::-1], 1 / self.s[::-1], self.small[::-1], self.factors)


def long_svd(a: Any, share: float) -> LongSvd:
    """The decomposition of a long matrix, cut at a share of its largest singular value."""
    return decomposed(factors_of(a), share)


def decomposed(factors: ThinQR, share: float) -> LongSvd:
    """The decomposition from the factors: that of L."""
    v, s, small = np.linalg.svd(factors.lower, full_matrices=False)
    r = int(np.sum(s > share * s[0])) if s.size else 0
    return LongSvd(v[:, :r], s[:r], small[:r], factors)


def long_pinv(left: Any, a: Any, reg: float, share: float) -> Float[Array, "k p"]:
    """A matrix (k, m) times the regularised pseudoinverse of a long A (m, p), which is not made.

    That is `pseudoinverse.regularised_pinv`; at reg = 0 what lies below a share of the largest
    singular value counts as zero.
    """
    if reg > 0:
        f = long_svd(a, 0.0)  # continuous in the singular values, so nothing is cut
        return f.applied(left, f.s / (f.s**2 + reg))
    m, p = np.shape(a)
    dtype = np.asarray(a).dtype
    # Q_1 waits in the room of the result, if it has its size.
    room = unfilled(m, p, dtype) if len(left) == m else None
    factors = thin_qr(columns(a), m, p, dtype, room)
    small = factors.pinv()
    if np.linalg.norm(factors.lower) * np.linalg.norm(small) * share < 1:
        return factors.combined(np.asarray(left) @ small)
    f = decomposed(factors, share)
    return f.applied(left, 1 / f.s)


def long_values(a: Any, share: float) -> Float[np.ndarray, " r"]:
    """The singular values of a long matrix that exceed a share of the largest one."""
    m, p = np.shape(a)
    first = gram_factor(columns(a), m, p, np.asarray(a).dtype)
    if first is not None:
        s = np.linalg.svd(first, compute_uv=False)
        # Known to about eps (s_1 / s)^2 of themselves: clearly full where that is small.
        if s[-1] > np.finfo(s.dtype).eps ** 0.25 * s[0]:
            return s
    return long_svd(a, share).s


def factors_of(a: Any, room: np.ndarray | None = None) -> ThinQR:
    """The factors of a long matrix, with room for Q_1 as `thin_qr` takes it."""
    m, p = np.shape(a)
    return thin_qr(columns(a), m, p, np.asarray(a).dtype, room)


def thin_qr(a: Columns, m: int, p: int, dtype: Any, room: np.ndarray | None = None) -> ThinQR:
    """The factors of a matrix (m, p) that is given by its columns.

    O(m^2 p) operations, all but a few of them products; it is read two or three times.

    Args:
        room: (m, p) for Q_1, which is then made once only.
    """
    return _by_cholesky(a, m, p, dtype, room) or _by_householder(a, m, p, dtype, room)


def first_factor(a: Columns, m: int, p: int, dtype: Any) -> Float[np.ndarray, "m m"]:
    """L_1 with L_1 L_1^T = A A^T by Householder's QR of one block of columns after another."""
    upper: Any = np.zeros((0, m), dtype)
    for part in blocks(p):
        upper = np.linalg.qr(np.vstack([upper, a(part).T]), mode="r")
    return upper.T


def gram_factor(
    a: Columns, m: int, p: int, dtype: Any, reg: float = 0.0
) -> Float[np.ndarray, "m m"] | None:
    """L_1 with L_1 L_1^T = A A^T + reg I by Cholesky, or None if that is not positive definite."""
    gram = np.diag(np.full(m, reg, dtype))
    for part in blocks(p):
        add_gram(gram, a(part).T)
    # Rows of any scale: Cholesky's factor is as good as that of rows of length 1.
    try:
        return scipy.linalg.cholesky(gram, check_finite=False).T
    except np.linalg.LinAlgError:
        return None


def _by_cholesky(a, m, p, dtype, room) -> ThinQR | None:
    """The factors, or None for a condition beyond about eps^(-1/2)."""
    if (first := gram_factor(a, m, p, dtype)) is None:
        return None
    solve = scipy.linalg.get_blas_funcs("trsm", (first,))

    def near(part: slice) -> np.ndarray:
        # BLAS stores columns: block^T := block^T L_1^{-T}, in place.
        return solve(1.0, first.T, a(part).T, side=1, lower=0, overwrite_b=1).T

    return _mended(first, near, p, room)


def _by_householder(a, m, p, dtype, room) -> ThinQR:
    """The factors for any condition and any rank.

    What lies below 10 m eps of the largest singular value is left out: Q_1 would not be orthonormal
    to 1 / (10 m) any more.
    """
    v, s, _ = np.linalg.svd(first_factor(a, m, p, dtype))
    r = int(np.sum(s > 10 * m * np.finfo(dtype).eps * s[0])) if s.size else 0
    v, s = v[:, :r], s[:r]
    back = v.T / s[:, None]
    made = _mended(v * s, lambda part: product(back, a(part)), p, room)
    if made is None:
        raise np.linalg.LinAlgError(
            f"a matrix of shape {(m, p)} has no orthonormal factor in {np.dtype(dtype)}."
        )
    return made


def _mended(lower, near, p, room) -> ThinQR | None:
    """L_1 and Q_1 with L_2, or None where Q_1 is too far from orthonormal."""
    r = lower.shape[1]
    gram = np.zeros((r, r), lower.dtype)
    for part in blocks(p):
        block = near(part)
        add_gram(gram, block.T)
        if room is not None:
            room[:r, part] = block
    distance = np.linalg.norm(np.triu(gram) - np.eye(r, dtype=gram.dtype))
    if not distance < 0.1:  # nor for NaN
        return None
    second = scipy.linalg.cholesky(gram, check_finite=False).T
    again = near if room is None else lambda part: room[:r, part]
    return ThinQR(product(lower, second), again, second, p, room)
