"""Exact distilled sets with many pixels held at prescribed values, noise for instance.

Training on points X_S (columns) with labels Y_S = W X_{lam_S} gives W iff X_S C = Q for some C,
where Q is an orthonormal basis of range(W^T). Each pixel has k equations of its own, one row of X_S
C = Q, and unknowns of its own, the points in which it is free; the m k numbers C are common to all.
`held_set` solves for both.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import negligible, regularised_pinv
from distill_lib.theory.conditions import enough_points, independent_outputs
from distill_lib.theory.labels_only import solved_labels
from distill_lib.theory.nearest import Nearest

STEPS = 400  # of `held_set`, at most


@door()
def balanced_mask(key: PRNGKeyArray, m: int, pixels: int, count: int) -> Bool[np.ndarray, "m d"]:
    """A random mask that holds each pixel in exactly `count` of m points.

    Raises: ValueError unless 0 <= count <= m.

    Example:
        >>> from distill_lib.theory.held_pixels import balanced_mask
        >>> balanced_mask(jax.random.key(0), m=4, pixels=3, count=2).sum(axis=0).tolist()
        [2, 2, 2]
    """
    if not 0 <= count <= m:
        raise ValueError(f"a pixel cannot be held in {count} of {m} points; count must be in 0..m.")
    order = jax.random.uniform(key, (m, pixels)).argsort(0).argsort(0)
    return np.asarray(order < count)


def lacking_equations(held: Bool[np.ndarray, "m d"], outputs: int) -> int:
    """How many conditions the held pixels set on C: sum_i (k - f_i)_+.

    Here f_i is the number of points in which pixel i is free. At 0 an exact set exists whatever the
    held values are, and above m k none does, for almost all held values.

    Args:
        held: (m, d) True where an entry must not change.
        outputs: k.
    Raises: ValueError unless held is a matrix of True and False.

    Example:
        >>> from distill_lib.theory.held_pixels import lacking_equations
        >>> lacking_equations(np.array([[True, False], [True, False]]), outputs=2)
        2
    """
    free = np.sum(~_mask(held), axis=0)
    return int(np.maximum(outputs - free, 0).sum())


def largest_share(outputs: int, pixels: int, m: int) -> float:
    """The largest share of entries that can be held with an exact set: 1 - (k/m)(1 - m/d).

    With an exact set for almost all held values, that is. Such a mask holds m pixels in all points,
    and the others in m - k of them. More held entries are more than m k `lacking_equations`.

    Raises: ValueError unless 0 < k <= m <= d.

    Example:
        >>> from distill_lib.theory.held_pixels import largest_share
        >>> round(largest_share(outputs=10, pixels=784, m=100), 3)
        0.913
    """
    if not 0 < outputs <= m <= pixels:
        raise ValueError(f"k = {outputs}, m = {m} and d = {pixels} must satisfy 0 < k <= m <= d.")
    return 1 - outputs * (pixels - m) / (m * pixels)


@door()
def held_set(
    weights: Float[Array, "k d"],
    start: Float[Array, "m d"],
    held: Bool[np.ndarray, "m d"],
    penalty: float,
    reg_s: float = 0.0,
) -> Nearest:
    """A set that carries W exactly under the linear map, with prescribed entries held.

    Solves X_S C = Q for the free entries and C together (`independence` has an example):

    1. C = (start start^T + penalty I)^{-1} start Q, how the given points combine to the model's
       rows by ridge regression, changed least for at most m pixels that are free in fewer than k
       points.
    2. Damped Gauss-Newton steps of least ||dX||_F^2 + penalty^2 ||dC||_F^2 lead from `start` and
       that C to a solution. A step costs m^2 k^2 d + (m k)^3 operations.
    3. Returned is the set nearest to `start` for the last C, or, where the steps do not converge
       and it has a set, for the first one.

    Args:
        weights: (k, d) W of rank k.
        start: (m, d) points with the prescribed values, and with wished ones elsewhere.
        held: (m, d) True where an entry must not change.
        penalty: above 0; more of it, smaller C and larger changes.
        reg_s: lam_S of the labels.
    Returns: the points, their labels, the Frobenius distance from `start`.
    Raises: ValueError for shapes that do not fit, a mask that is not boolean, m < k, rank(W) < k,
        more than m k `lacking_equations`, or if no set is found: the steps have stalled or are used
        up.
    """
    checks.positive("penalty", penalty)
    k, m, held = len(weights), len(start), _mask(held, np.shape(start))
    enough_points(m, k)
    independent_outputs(weights, "a set with held pixels needs independent outputs")
    if (lacking := lacking_equations(held, k)) > m * k:
        raise ValueError(
            f"the held pixels set {lacking} conditions on {m * k} coefficients; no set with these "
            "pixels carries W, but for "
            "exceptional values: hold fewer pixels."
        )
    x = np.asarray(start).T
    q = np.linalg.qr(np.asarray(weights).T)[0]  # (d, k)
    c = np.asarray(regularised_pinv(jnp.asarray(start), penalty)) @ q
    poor = np.flatnonzero((~held).sum(0) < k)
    if 0 < len(poor) <= m:  # as if they were held in all points
        c = c + np.linalg.pinv(x[poor]) @ (q[poor] - x[poor] @ c)
    for last in (_coefficients(x, c, q, ~held.T, penalty), c):
        nearest = _nearest(x, last, q, ~held.T)
        if (miss := _miss(nearest, last, q)) < np.sqrt(np.finfo(x.dtype).eps):
            break
    else:
        raise ValueError(
            f"no set was found: the equations of the model stay unsolved by {miss:.2g}; hold fewer "
            "pixels, other values, or take another penalty."
        )
    points = jnp.asarray(nearest.T)
    return Nearest(
        points, solved_labels(weights, points, reg_s), float(np.linalg.norm(nearest - x))
    )


def _mask(held, shape=None):
    held = np.asarray(held)
    if held.dtype != bool or held.ndim != 2 or shape not in (None, held.shape):
        raise ValueError(
            f"held has shape {held.shape} of {held.dtype}; a mask of True and False of shape "
            f"{shape or '(m, d)'} is needed."
        )
    return held


def _miss(x, c, q):
    """Root mean square over the columns of ||X C - Q||."""
    return float(np.linalg.norm(q - x @ c) / np.sqrt(q.shape[1]))


def _coefficients(x, c, q, free, penalty):
    """C of a solution of X C = Q near x and c, if the steps converge.

    Levenberg-Marquardt: the damping falls after a step that lowers the residual, and rises after
    one that does not, which is not taken.
    """

    miss, damping, done = _miss(x, c, q), 0.1, np.sqrt(np.finfo(x.dtype).eps)
    for _ in range(STEPS):
        if not (scale := np.sum(c**2) / q.shape[1]) > 0 or damping > 1e6:
            break
        next_x, next_c = _step(x, c, q, free, penalty, damping * scale)
        left = _miss(next_x, next_c, q)
        if miss < done and not left < miss / 2:
            break  # at rounding
        if left < miss:
            x, c, miss, damping = next_x, next_c, left, max(damping / 2, done)
        else:
            damping *= 4
    return c


def _step(x, c, q, free, penalty, damping):
    """x (d, m) and c (m, k) after one damped step J^T (J J^T + damping I)^{-1} (Q - X C).

    J takes dX and dC to dX C + X dC, with dC measured by penalty ||dC||_F. J J^T is a k x k block
    for each pixel plus a matrix of rank m k. With G_i = (C_{F_i}^T C_{F_i} + damping I)^{-1} and
    residuals r_i, dC solves penalty^2 dC + sum_i x_i x_i^T dC G_i = sum_i x_i r_i^T G_i, and dX_i =
    (r_i - dC^T x_i)^T G_i C^T where it is free.
    """
    (d, m), k = x.shape, c.shape[1]
    r = q - x @ c
    blocks = (free @ (c[:, :, None] * c[:, None]).reshape(m, -1)).reshape(d, k, k)
    g = np.linalg.inv(blocks + damping * np.eye(k, dtype=c.dtype))
    squares = (x[:, :, None] * x[:, None]).reshape(d, -1)
    normal = (squares.T @ g.reshape(d, -1)).reshape(m, m, k, k).swapaxes(1, 2).reshape(m * k, m * k)
    normal[np.diag_indices(m * k)] += penalty**2
    dc = np.linalg.solve(normal, (x.T @ np.einsum("dk,dkl->dl", r, g)).ravel()).reshape(m, k)
    return x + free * (np.einsum("dk,dkl->dl", r - x @ dc, g) @ c.T), c + dc


def _nearest(x, c, q, free):
    """The least change of each pixel's free entries for x_i C = q_i: (q_i - x_i C) C_F^+."""
    inverse = np.linalg.pinv(np.where(free[:, :, None], c, 0))  # (d, k, m)
    return x + free * np.einsum("dk,dkm->dm", q - x @ c, inverse)


@door()
def independence(
    weights: Float[Array, "k d"], points: Float[Array, "m d"], held: Bool[np.ndarray, "m d"]
) -> float:
    """How independent the conditions of held pixels on C are: 0 if dependent, 1 if none.

    It is the least over the largest singular value of the map dC -> (N_i^T dC^T x_i)_i, with N_i a
    basis of the orthogonal complement of range(C_{F_i}^T). X_S C = Q can be solved for every small
    change of the held values where this map is onto. So above 0, all held values near those of the
    set allow an exact set as well.

    Args:
        weights: (k, d) W of rank k.
        points: (m, d) an exact set of rank m.
        held: (m, d) True where an entry must not change.
    Returns: a number in [0, 1].
    Raises: ValueError for shapes that do not fit, or a mask that is not boolean.

    Example:
        >>> from distill_lib.theory.held_pixels import held_set, independence
        >>> w, start, held = np.array([[1.0, 2.0, 3.0]]), np.eye(2, 3), np.eye(2, 3, dtype=bool)
        >>> made = held_set(w, start, held, penalty=1.0)
        >>> np.allclose(made.features[held], start[held]), independence(w, made.features, held) > 0
        (True, True)
    """
    x, free = np.asarray(points).T, ~_mask(held, np.shape(points)).T
    c = np.linalg.pinv(x) @ np.linalg.qr(np.asarray(weights).T)[0]
    conditions = []
    for row, f in zip(x, free, strict=True):
        _, s, vt = np.linalg.svd(np.where(f[:, None], c, 0))
        conditions.append(np.kron(row, vt[np.sum(s > 1e-12 * np.linalg.norm(c)) :]))
    s = np.linalg.svd(np.concatenate(conditions), compute_uv=False)
    rows = sum(map(len, conditions))
    return 1.0 if rows == 0 else 0.0 if rows > len(s) else float(s[-1] / s[0])


@door()
def least_error(
    weights: Float[Array, "k d"], start: Float[Array, "m d"], held: Bool[np.ndarray, "m d"]
) -> float:
    """A relative recovery error below which no set stays, whatever its labels and lam_S.

    It comes from the pixels H that are held in all points. The rows of W_S lie in the span of the
    points, and on H that span is one of m known vectors, with projector Pi_H. So ||W_S - W||_F >=
    ||W_H (I - Pi_H)||_F, which is zero in general for at most m such pixels. Where all other
    entries are free, sets come as near to it as one likes. One attains it iff rank [W_{H^c}, W_H
    Pi_H] <= rank(W_H Pi_H) + m - rank(X_H), for instance if rank(W_H Pi_H) + m - rank(X_H) >= k.

    Args:
        weights: (k, d) W.
        start: (m, d) points; read where a pixel is held in all of them.
        held: (m, d) True where an entry must not change.
    Returns: the bound on ||W_S - W||_F / ||W||_F.
    Raises: ValueError for shapes that do not fit, or a mask that is not boolean.

    Example:
        >>> from distill_lib.theory.held_pixels import least_error
        >>> least_error(np.array([[3.0, 4.0]]), np.zeros((1, 2)), np.array([[True, False]]))
        0.6
    """
    whole = np.flatnonzero(_mask(held, np.shape(start)).all(0))
    w, x = np.asarray(weights)[:, whole], np.asarray(start)[:, whole]
    if not len(whole):
        return 0.0
    _, s, basis = np.linalg.svd(x, full_matrices=False)
    basis = basis[s > negligible(x.shape, s.dtype) * s[0]]
    return float(np.linalg.norm(w - (w @ basis.T) @ basis) / np.linalg.norm(weights))
