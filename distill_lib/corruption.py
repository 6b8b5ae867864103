r"""Exact distilled sets of which many pixels are held at prescribed values, noise for instance.

Training on points X_S (columns) with labels Y_S = W X_{lam_S} gives W iff X_S C = Q for some C, where Q is an orthonormal basis of
range(W^T). For a given C each pixel has its own k equations, one row of X_S C = Q, and its own unknowns, the points in which it is free.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from distill_lib import _checks
from distill_lib.closed_form import solved_labels
from distill_lib.nearest import Nearest
from distill_lib.pseudoinverse import rank, regularised_pinv


def balanced_mask(key: PRNGKeyArray, m: int, pixels: int, count: int) -> Bool[np.ndarray, "m d"]:
    """A random mask that holds each pixel in exactly `count` of m points. Raises: ValueError unless 0 <= count <= m."""
    if not 0 <= count <= m:
        raise ValueError(f"a pixel cannot be held in {count} of {m} points; count must be in 0..m.")
    order = jax.random.uniform(key, (m, pixels)).argsort(0).argsort(0)
    return np.asarray(order < count)


def lacking_equations(held: Bool[np.ndarray, "m d"], outputs: int) -> int:
    """sum_i (k - f_i)_+, f_i the number of points in which pixel i is free.

    At 0 an exact set exists whatever the held values are, and above m k none does, for almost all held values.
    """
    free = np.sum(~np.asarray(held), axis=0)
    return int(np.maximum(outputs - free, 0).sum())


def held_set(
    weights: Float[Array, "k d"],
    start: Float[Array, "m d"],
    held: Bool[np.ndarray, "m d"],
    penalty: float,
    reg_s: float = 0.0,
) -> Nearest:
    """A set that carries W exactly under the linear map, with the entries of `start` wherever `held` says so.

    C = (start start^T + penalty I)^{-1} start Q is how the given points combine to the model's rows by ridge regression, changed least for
    the pixels that are free in fewer than k points, which are left wholly as they are. For that C the set is the nearest one to
    `start`. Where nothing is held, it is `nearest.robust_set`.

    Args:
        weights: W of rank k.
        start: points with the prescribed values, and with wished ones elsewhere.
        held: True where an entry must not change.
        penalty: above 0; more of it, smaller C and larger changes.
        reg_s: lam_S of the labels.
    Returns: the points, their labels, the Frobenius distance from `start`.
    Raises: ValueError if m < k, rank(W) < k, more than m pixels are free in fewer than k points, or held values are degenerate.
    """
    _checks.matrix("weights", weights)
    k, d = weights.shape
    _checks.matrix("start", start, cols=d)
    _checks.positive("penalty", penalty)
    _checks.reg("reg_s", reg_s)
    m, held = len(start), np.asarray(held)
    if held.shape != (m, d) or held.dtype != bool:
        raise ValueError(
            f"held has shape {held.shape} of {held.dtype}; a mask of True and False of shape ({m}, {d}) is needed."
        )
    if m < k:
        raise ValueError(f"m = {m} support points cannot carry a model with k = {k} outputs; take m >= k.")
    if (r := rank(weights)) < k:
        raise ValueError(f"the model W has rank {r}; a set with held pixels needs rank k = {k}.")
    poor = np.flatnonzero((~held).sum(0) < k)
    if len(poor) > m:
        never = lacking_equations(held, k) > m * k
        raise ValueError(
            f"{len(poor)} pixels are free in fewer than k = {k} of the points, and at most m = {m} can be"
            f"{'; no set with these pixels carries W, but for exceptional values' if never else ''}: hold fewer pixels, or others."
        )
    start = jnp.asarray(start)
    q = jnp.linalg.qr(jnp.asarray(weights).T)[0]  # (d, k)
    c = regularised_pinv(start, penalty) @ q
    if len(poor):
        columns = start[:, poor]  # (m, h): X_H C = Q_H must hold as it is
        c = c + jnp.linalg.pinv(columns.T) @ (q[poor] - columns.T @ c)
    free = ~held
    free[:, poor] = False
    points = jnp.where(jnp.asarray(free), start + _changes(c, start, q, jnp.asarray(free)), start)
    miss = float(jnp.linalg.norm(points.T @ c - q) / np.sqrt(k))
    if not miss < np.sqrt(np.finfo(np.asarray(points).dtype).eps):
        raise ValueError(
            f"the held values leave the equations of the model unsolved by {miss:.2g}: hold fewer pixels, other values, or take a larger penalty."
        )
    return Nearest(points, solved_labels(weights, points, reg_s), float(jnp.linalg.norm(points - start)))


@jax.jit
def _changes(c, columns, rows, free):
    """For each pixel the least change of its free entries that solves C^T x = q: C_F (C_F^T C_F)^{-1} (q - C^T x); none without any."""

    def change(x, q, f):
        u, s, vt = jnp.linalg.svd(c * f[:, None], full_matrices=False)
        return u @ ((vt @ (q - c.T @ x)) * jnp.where(s > 0, 1 / jnp.where(s > 0, s, 1), 0))

    return jax.vmap(change, in_axes=(1, 0, 1), out_axes=1)(columns, rows, free)


def least_error(
    weights: Float[Array, "k d"], start: Float[Array, "m d"], held: Bool[np.ndarray, "m d"]
) -> float:
    """A relative recovery error below which no set stays, with any labels and lam_S, from the pixels held in all points.

    The rows of W_S lie in the span of the points; on the pixels H that every point holds, that span is one of m known vectors, so
    ||W_S - W||_F >= ||W_H (I - Pi_H)||_F with their projector Pi_H. Zero in general for at most m such pixels.

    Raises: ValueError for shapes that do not fit.
    """
    _checks.matrix("weights", weights)
    _checks.matrix("start", start, cols=np.shape(weights)[1])
    whole = np.flatnonzero(np.all(held, axis=0))
    w, x = np.asarray(weights)[:, whole], np.asarray(start)[:, whole]
    if not len(whole):
        return 0.0
    _, s, basis = np.linalg.svd(x, full_matrices=False)
    basis = basis[s > 10 * max(x.shape) * np.finfo(s.dtype).eps * s[0]]
    return float(np.linalg.norm(w - (w @ basis.T) @ basis) / np.linalg.norm(weights))
