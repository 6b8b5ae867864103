r"""The regularised pseudoinverse of a feature matrix, and the way back from it.

In the paper's columns, :math:`\phi_\lambda(X)^+ = (K(X,X) + \lambda I)^{-1}\phi(X)^\top`. With
samples as rows and features F = phi(X)^T of shape (m, p), that matrix is

.. math:: F \mapsto (F F^\top + \lambda I_m)^{-1} F
          = V\,\mathrm{diag}\Big(\frac{s}{s^2+\lambda}\Big)\,U^\top,
          \qquad F = V\,\mathrm{diag}(s)\,U^\top,

again (m, p). A feature matrix and its regularised pseudoinverse share their singular vectors, so
every function here is a scalar function of the singular values.
"""

from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, ArrayLike, Float
from scipy.linalg import get_lapack_funcs

from distill_lib.boundary.door import door
from distill_lib.linalg import thin
from distill_lib.linalg.products import product

Signs = str | Float[ArrayLike, " r"]


class Svd(NamedTuple):
    """A reduced singular value decomposition V diag(s) U^T, cut at the numerical rank.

    The singular vectors stay on the device; the few singular values are a NumPy array, descending.

    Example:
        >>> from distill_lib.linalg.pseudoinverse import svd
        >>> f = svd(np.diag([3.0, 2.0, 0.0]))
        >>> np.allclose(f.s, [3, 2]), np.allclose(f.with_values(2 * f.s), np.diag([6, 4, 0]))
        (True, True)
    """

    v: Float[Array, "m r"]
    s: Float[np.ndarray, " r"]
    ut: Float[Array, "r p"]

    @door()
    def with_values(self, values: Float[np.ndarray, " r"]) -> Float[Array, "m p"]:
        """The matrix with the same singular vectors and other singular values."""
        return _product(self.v, values.astype(self.s.dtype), self.ut)

    def inverse(self) -> Self:
        """The decomposition of the pseudoinverse, transposed back to (m, p): 1 / s, descending."""
        v, ut = _reversed(self.v, self.ut)
        return type(self)(v, 1 / self.s[::-1], ut)


@door()
def svd(a: Float[Array, "m p"] | Float[np.ndarray, "m p"]) -> Svd:
    """The reduced singular value decomposition of a matrix, cut at its numerical rank.

    Kept are the singular values above 10 max(m, p) eps s_1. A NumPy array is decomposed by NumPy.
    Of a matrix with few and very long rows only the short factors are stored, see `thin`.
    """
    if thin.is_long(a):
        return thin.long_svd(a, negligible(a.shape, a.dtype))  # type: ignore[return-value]
    linalg: Any = np.linalg if isinstance(a, np.ndarray) else jnp.linalg
    v, values, ut = linalg.svd(a, full_matrices=False)
    s = np.asarray(values)
    r = _rank(s, a.shape)
    return Svd(v, s, ut) if r == len(s) else Svd(v[:, :r], s[:r], ut[:r])


@door()
def rank(a: Float[Array, "m p"]) -> int:
    """Numerical rank: how many singular values exceed 10 max(m, p) eps s_1.

    Example:
        >>> from distill_lib.linalg.pseudoinverse import rank
        >>> rank(np.array([[1.0, 2.0], [2.0, 4.0]]))
        1
    """
    if thin.is_long(a):
        return len(thin.long_values(a, negligible(a.shape, a.dtype)))
    return _rank(np.linalg.svd(np.asarray(a), compute_uv=False), a.shape)


def negligible(shape: tuple[int, ...], dtype: Any) -> float:
    """The one rule of numerical rank: what share of the largest singular value is rounding.

    That is 10 max(m, p) eps, with the 10 of `jnp.linalg.pinv`: zeros of a computed D are a few
    units of rounding, and more in small matrices.
    """
    return 10 * max(shape) * float(jnp.finfo(dtype).eps)


def _rank(s, shape) -> int:
    return int(np.sum(s > negligible(shape, s.dtype) * s[0])) if s.size else 0


@jax.jit
def _reversed(v, ut):
    return v[:, ::-1], ut[::-1]


@jax.jit
def _product(v, values, ut):
    return (v * values[None, :]) @ ut


@door()
def pinv(a: Float[Array, "m p"]) -> Float[Array, "m p"]:
    """The transposed pseudoinverse of a matrix, cut at the numerical rank of `svd`.

    Where that rank is certainly full, A = Q R gives it as Q R^{-T}, in a fraction of an SVD's time.
    ||R||_F ||R^{-1}||_F is at least s_1 / s_min, so below 1 / `negligible` nothing is to be cut.

    Example:
        >>> from distill_lib.linalg.pseudoinverse import pinv
        >>> np.allclose(pinv(np.diag([2.0, 0.0])), np.diag([0.5, 0.0]))
        True
    """
    if thin.is_long(a):
        return thin.long_pinv(np.eye(len(a), dtype=a.dtype), a, 0.0, negligible(a.shape, a.dtype))
    made, condition = _pinv_by_qr(np.asarray(a))
    # Not so for the infinity of a singular R, nor for NaN.
    if condition * negligible(a.shape, a.dtype) < 1:
        return jnp.asarray(made)
    f = svd(a)
    return f.with_values(1 / f.s)


def _pinv_by_qr(a) -> tuple[np.ndarray, float]:
    wide = a.shape[0] < a.shape[1]
    q, r = scipy.linalg.qr(a.T if wide else a, mode="economic", check_finite=False)
    inverse, singular = get_lapack_funcs("trtri", (r,))(r)
    if singular:
        return q, float("inf")
    made = product(inverse, q.T) if wide else product(q, inverse.T)
    return made, float(np.linalg.norm(r) * np.linalg.norm(inverse))


@door()
def regularised_pinv(features: Float[Array, "m p"], reg: float = 0.0) -> Float[Array, "m p"]:
    """The regularised pseudoinverse phi_reg(X)^+ of features, with samples as rows.

    It is (F F^T + reg I)^{-1} F, and at reg = 0 the transpose of pinv(F). The cost is one SVD.

    Raises: ValueError for a negative reg or non-finite features.

    Example:
        >>> f = np.array([[2.0, 0.0]])
        >>> np.allclose(dl.regularised_pinv(f, reg=1.0), f / (2**2 + 1))
        True
    """
    if thin.is_long(features):
        one = np.eye(len(features), dtype=features.dtype)
        return thin.long_pinv(one, features, reg, negligible(features.shape, features.dtype))
    if reg == 0:
        return pinv(features)
    # Continuous in the singular values, so nothing is cut: small ones carry what a small reg lets
    # through.
    v, values, ut = jnp.linalg.svd(features, full_matrices=False)
    s = np.asarray(values)
    return Svd(v, s, ut).with_values(s / (s**2 + reg))


@door()
def regularised(features: Float[Array, "m p"], reg: float = 0.0) -> Float[Array, "m p"]:
    """The regularised features phi_reg(X): those whose pseudoinverse is phi_reg(X)^+.

    Their singular values are s + reg / s, and zeros stay zero. At reg = 0 they are the features.

    Raises: ValueError as `regularised_pinv`.

    Example:
        >>> np.allclose(dl.regularised(np.array([[2.0, 0.0]]), reg=1.0), [[2 + 1 / 2, 0]])
        True
    """
    if reg == 0:
        return features
    f = svd(features)
    return f.with_values(f.s + reg / f.s)


@door()
def unregularised(
    target: Float[Array, "m p"], reg: float = 0.0, branch: Signs = "+"
) -> Float[Array, "m p"]:
    """Features F with given regularised features: regularised(F, reg) == target.

    Theorems 4.1, 5.1, C.1 and C.2 use this inverse. Each nonzero singular value mu of the target
    comes from a root of s^2 - mu s + reg = 0.

    Args:
        target: (m, p) wished phi_reg(X_S); it is the pseudoinverse (transposed) of the paper's D.
        reg: lam_S, at most `largest_reg(svd(target).s)`.
        branch: "+" or "-", or an array of +1 and -1, one for each nonzero singular value in
            descending order: which root to take. At reg = 0 only "+" gives features.
    Raises: ValueError if reg > mu_min^2 / 4 (the bound lam_S <= 1 / (4 s'_1^2) of Theorem 4.1), or
        for a bad branch.

    Example:
        >>> target = dl.regularised(np.diag([3.0, 2.0]), reg=1.0)
        >>> np.allclose(dl.unregularised(target, reg=1.0), np.diag([3.0, 2.0]))
        True
    """
    t = svd(target)
    s = roots(t.s, reg, branch)
    return target if reg == 0 else t.with_values(s)


@door()
def roots(mu: Float[np.ndarray, " r"], reg: float, branch: Signs) -> Float[np.ndarray, " r"]:
    """A root s of s^2 - mu s + reg = 0 for each mu > 0, given in descending order.

    Raises: ValueError as `unregularised`.
    """
    signs = _signs(branch, len(mu))
    if reg == 0 and (signs < 0).any():
        raise ValueError(
            "branch '-' at reg_s = 0 is the root s = 0, which gives no features; use '+'."
        )
    bound = largest_reg(mu)
    # sqrt(mu^2 - 4 reg) doubles the relative error of the bound, hence the few units in the last
    # place.
    if reg > bound * (1 + 16 * float(np.finfo(mu.dtype).eps)):
        raise ValueError(
            f"reg_s = {reg:.6g} is above 1 / (4 s_1^2) = {bound:.6g}, the largest for which "
            "Theorem 4.1 has a "
            "solution; lower it, clip it, or scale the labels up."
        )
    plus = (mu + np.sqrt(np.clip(mu**2 - 4 * reg, 0, None))) / 2
    # The two roots multiply to reg; this form of the small one does not cancel.
    return np.where(signs > 0, plus, reg / plus)


@door(infinite=True)
def largest_reg(mu: Float[np.ndarray, " r"]) -> float:
    """The largest reg for which `roots` are real: mu_min^2 / 4, or infinity without any mu.

    Of mu = `svd(target).s` it is the largest lam_S for which `unregularised(target, lam_S)` exists.

    Example:
        >>> from distill_lib.linalg.pseudoinverse import largest_reg
        >>> largest_reg(np.array([4.0, 2.0]))
        1.0
    """
    return float(np.float64(mu[-1]) ** 2 / 4) if len(mu) else float("inf")


def _signs(branch: Signs, count: int) -> Float[np.ndarray, " r"]:
    if isinstance(branch, str):
        if branch not in ("+", "-"):
            raise ValueError(f"branch is '{branch}'; it must be '+', '-' or an array of +1 and -1.")
        return np.full(count, 1.0 if branch == "+" else -1.0)
    signs = np.asarray(branch)
    if (
        signs.shape != (count,)
        or signs.dtype.kind not in "iuf"
        or not np.isin(signs, (-1, 1)).all()
    ):
        raise ValueError(
            f"branch has shape {signs.shape} and type {signs.dtype}; it needs one entry, +1 or -1, "
            f"for each of the {count} nonzero singular values."
        )
    return signs
