"""Distilled sets near real data, measured between the data themselves.

Points carry W, for labels of their own and every lam_S, iff their span contains range(W^T):
training gives W X_{lam_S} X_{lam_S}^+ = W Pi, and the projector Pi onto the span does not know
lam_S. So the question is how little real samples have to move until their span contains k given
directions. `nearest_set` moves them least, `robust_set` so that rounding does not undo it.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg import thin
from distill_lib.linalg.pseudoinverse import negligible, regularised_pinv, svd
from distill_lib.theory.closed_form import recovery_error
from distill_lib.theory.conditions import enough_points, independent_outputs
from distill_lib.theory.labels_only import solved_labels


class Nearest(NamedTuple):
    """A distilled set near real features.

    Attributes:
        features: (m, p) phi(X_S), the same for every lam_S.
        labels: (m, k) Y_S = W phi_{lam_S}(X_S).
        distance: Frobenius distance from the features to the real ones.
    """

    features: Float[Array, "m p"]
    labels: Float[Array, "m k"]
    distance: float


@door()
def nearest_set(
    weights: Float[Array, "k p"], real: Float[Array, "m p"], reg_s: float = 0.0
) -> Nearest:
    """The features nearest to real ones that carry W exactly, with labels of their own.

    With P Xh = J diag(t_1 >= ... >= t_m) B^T, P = I - W^+ W, and B_k the last k columns of B, X_S =
    Xh - P Xh B_k B_k^T lies at the least distance, sqrt(t_{m-k+1}^2 + ... + t_m^2). The cost is two
    SVDs, O(m p min(m, p)). Special cases:

    - At m = k this is X_S = W^+ W Xh.
    - Samples that span everything do not move (Theorem 4.2).
    - Dependent samples, of rank r < m, keep their dependencies: then B_k holds the last k of the r
      directions of their row space.
    - Where t_{m-k} = t_{m-k+1}, B_k is not unique. Of all choices, which are equally near, it is
      that for which W Xh B_k has the determinant of largest absolute value.

    Args:
        weights: (k, p) original model W of rank k.
        real: (m, p) real features of rank at least k.
        reg_s: lam_S of the labels.
    Raises: ValueError if m < k, rank(W) < k, or the real data are degenerate: rank below k, or W Xh
        B_k singular for every choice of B_k, so that no set attains the distance.

    Example:
        >>> near = dl.nearest_set(np.array([[1.0, 0.0]]), np.array([[0.6, 0.8]]))
        >>> np.allclose(near.features, [[0.6, 0.0]]), round(near.distance, 6)
        (True, 0.8)
    """
    if thin.is_long(real):
        return _nearest_long(weights, real, reg_s)
    _check(weights, real)
    k, p = weights.shape
    x = svd(real)
    _enough_rank(len(x.s), k)
    if len(x.s) == p:
        return Nearest(real, solved_labels(weights, real, reg_s), 0.0)
    q = _row_basis(weights)
    px = real - (real @ q) @ q.T
    # The book's J diag(t) B^T is the SVD of (P X)^T here: its right singular vectors are the left
    # ones of px.
    b, t, _ = jnp.linalg.svd(x.v.T @ px, full_matrices=False)
    b = jnp.asarray(_turned(b, t, q.T @ (real.T @ x.v), x.s[0]))
    tail = x.v @ b[:, -k:]
    # q for W: the same rank, without W's own scale. Rounding turns a zero here into a few units of
    # it, more where the gap to B_k is small; below, X_S would not be of full rank to working
    # precision either.
    entering = jnp.linalg.svd(q.T @ (real.T @ tail), compute_uv=False)
    _regular(entering[-1], real, x.s[0])
    features = real - tail @ (tail.T @ px)
    return Nearest(
        features, solved_labels(weights, features, reg_s), float(jnp.linalg.norm(t[-k:]))
    )


def _nearest_long(weights, real, reg_s) -> Nearest:
    """The same for long rows, of which Q and P Xh are made block by block."""
    (k, p), m = weights.shape, len(real)
    enough_points(m, k)
    share = negligible(real.shape, real.dtype)
    # At m = k all that is asked of the samples is their rank, and Q waits in the room of X_S.
    room = thin.unfilled(k, p, real.dtype) if m == k else None
    w = thin.decomposed(thin.factors_of(weights, room), share)
    independent_outputs(weights, _NEEDED, len(w.s))
    x = thin.long_svd(real, share) if m > k else None
    values = thin.long_values(real, share) if x is None else x.s
    _enough_rank(len(values), k)
    rows, normal = thin.columns(real), w.factors.rows
    outputs = w.factors.times(rows).T  # Xh Q

    def rest(part):  # P Xh
        return rows(part) - outputs @ normal(part)

    if x is None or len(values) == k:  # all directions are given up: W^+ W Xh
        _regular(np.linalg.svd(outputs, compute_uv=False)[k - 1], real, values[0])
        features = w.factors.combined(outputs)
        # W = L Q and X_S = (Xh Q^T) Q, so that the labels are those of short rows.
        return Nearest(
            features,
            solved_labels(jnp.asarray(w.factors.lower), jnp.asarray(outputs), reg_s),
            recovery_error(real, features) * float(np.linalg.norm(real)),
        )
    b, t, _ = np.linalg.svd(x.v.T @ thin.first_factor(rest, m, p, real.dtype))
    b = _turned(b, t, outputs.T @ x.v, x.s[0])
    tail = x.v @ b[:, -k:]
    _regular(np.linalg.svd(tail.T @ outputs, compute_uv=False)[-1], real, x.s[0])
    features = thin.filled(m, p, real.dtype, lambda part: rows(part) - tail @ (tail.T @ rest(part)))
    return Nearest(features, solved_labels(weights, features, reg_s), float(np.linalg.norm(t[-k:])))


@door()
def robust_set(
    weights: Float[Array, "k p"], real: Float[Array, "m p"], penalty: float, reg_s: float = 0.0
) -> Nearest:
    """Features near real ones that carry W, chosen so that rounding them changes it little.

    They carry it with small coefficients Gamma, and those are what amplifies rounding.

    With orthonormal rows Q^T of W's row space, Gamma = (Xh^T Xh + penalty I)^{-1} Xh^T Q is how the
    samples combine to the model's rows, by ridge regression. X_S = Xh - (Xh Gamma - Q) Gamma^+ is
    the nearest set for which they do it exactly, X_S Gamma = Q.

    When the points are rounded by E and the labels solved again, the relative recovery error is at
    most ||E||_2 ||Gamma||_2 <= ||E||_2 / (2 sqrt(penalty)). The set of penalty 0 is the limit of
    Corollary 4.1.1 with Y_S = W Xh_{lam_S} as lam_S grows.

    Args:
        weights: (k, p) original model W of rank k.
        real: (m, p) real features with W Xh of rank k; they may repeat.
        penalty: at least 0; more of it, smaller Gamma and a larger distance.
        reg_s: lam_S of the labels.
    Raises: ValueError if m < k, rank(W) < k or rank(W Xh) < k.

    Example:
        >>> w, real = np.array([[1.0, 0.0]]), np.array([[0.6, 0.8]])
        >>> near = dl.robust_set(w, real, penalty=1.0)
        >>> np.allclose(dl.recovered_weights(near.features, near.labels), w)
        True
    """
    _check(weights, real)
    k = len(weights)
    q = _row_basis(weights)
    c = svd(regularised_pinv(real, penalty) @ q)
    if len(c.s) < k:
        raise ValueError(
            f"the model's outputs W Xh on the real samples have rank {len(c.s)}, below k = {k}; "
            "choose other samples."
        )
    step = c.with_values(1 / c.s) @ (c.with_values(c.s).T @ real - q.T)
    features = real - step
    return Nearest(features, solved_labels(weights, features, reg_s), float(jnp.linalg.norm(step)))


def _row_basis(weights):
    return jnp.linalg.qr(weights.T)[0]  # Q, so that P = I - Q Q^T


_NEEDED = "a set near real data needs independent outputs"


def _check(weights, real):
    enough_points(len(real), len(weights))
    independent_outputs(weights, _NEEDED)


def _turned(b, t, seen, size) -> np.ndarray:
    """B with its vectors of one t turned so that the last k carry the most, by Q^T Xh = seen.

    Where t_{r-k} = t_{r-k+1}, any c vectors in their space T complete the space L of smaller t to
    B_k. The volume of Q^T Xh B_k is that of Q^T Xh L times that of what Q^T Xh has beside it on
    these c vectors: largest for its c leading right singular vectors in T, which are put last.
    """
    b, t, seen = np.asarray(b), np.asarray(t), np.asarray(seen)
    kept = len(t) - len(seen)
    tied = np.flatnonzero(np.abs(t - t[kept]) <= 100 * np.finfo(t.dtype).eps * float(size))
    first, last = tied[0], tied[-1] + 1
    if first == kept:
        return b
    taken = np.linalg.qr(seen @ b[:, last:])[0]
    rest = seen @ b[:, first:last]
    turn = np.linalg.svd(rest - taken @ (taken.T @ rest))[2][::-1].T
    return np.hstack([b[:, :first], b[:, first:last] @ turn, b[:, last:]])


def _enough_rank(r: int, k: int) -> None:
    if r < k:
        raise ValueError(
            f"the real features have rank {r}, below k = {k}; choose more samples, or other ones."
        )


def _regular(least, real, size) -> None:
    """Raise ValueError where W Xh B_k, whose least singular value is given, is singular."""
    if least <= max(10 * real.shape[1], 1000) * jnp.finfo(real.dtype).eps * size:
        raise ValueError(
            "W Xh B_k is singular: the directions of the real data that would be given up do not "
            "carry all of the model; choose other real samples or a larger m."
        )
