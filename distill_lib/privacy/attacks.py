"""What a distilled set gives away: attacks on the training set, from the set and its model.

Two tests tell training sets apart; an informed adversary learns a record.
"""

import numpy as np
from jaxtyping import Float

from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import negligible


@door()
def sum_residual(
    features: Float[np.ndarray, "*trials m p"], weights: Float[np.ndarray, "k p"]
) -> Float[np.ndarray, "*trials"]:
    """Tell a set's model from others by the sum of its rows: 1^T phi(X_S)^+ = 1^T W.

    Zero for the model of the set if its labels are one-hot, whichever points carry which: their
    columns sum to 1, 1^T Y_S = 1^T, so Y_S D = W gives 1^T D = 1^T W whatever Z is. It is measured
    where rounding is small, on the points: ||1^T Q - 1^T W phi(X_S)|| / ||1^T Q|| with the
    projector Q = phi(X_S)^+ phi(X_S), for m <= p the identity. Needs lam_S = 0.

    Example:
        >>> from distill_lib.privacy import sum_residual
        >>> w, z = np.eye(2, 4) + 0.1, np.arange(12.0).reshape(3, 4) ** 2
        >>> points = np.linalg.pinv(dl.recovery_matrix(w, np.eye(2)[[0, 1, 0]], z)).T
        >>> [round(float(sum_residual(points, model)), 6) for model in (w, 2 * w)]
        [0.0, 1.0]
    """
    rows, _ = _bases(features)
    ones = (rows @ rows.swapaxes(-1, -2)).sum(-1)
    sums = (features @ np.sum(weights, axis=0)[:, None])[..., 0]
    return np.linalg.norm(ones - sums, axis=-1) / np.linalg.norm(ones, axis=-1)


@door()
def span_residual(
    features: Float[np.ndarray, "*trials m p"], weights: Float[np.ndarray, "k p"]
) -> Float[np.ndarray, "*trials"]:
    """Tell a set's model from others by the span of its points, which holds the rows of W.

    ||W (I - phi(X_S) phi(X_S)^+)||_F / ||W||_F is zero for the model of the set, whatever labels
    and Z are: the rows of W = Y_S D lie in the row space of D, which is the span of the points at
    every lam_S. Says nothing once m >= p.

    Example:
        >>> from distill_lib.privacy import span_residual
        >>> points = np.eye(2, 3)  # they span the first two of three features
        >>> [float(span_residual(points, [w])) for w in ([1, 2, 0], [0, 0, 1])]
        [0.0, 1.0]
    """
    _, basis = _bases(features)
    w = np.asarray(weights)
    outside = w - (w @ basis.swapaxes(-1, -2)) @ basis
    return np.linalg.norm(outside, axis=(-2, -1)) / np.linalg.norm(w)


@door()
def last_record(
    weights: Float[np.ndarray, "k p"],
    gram: Float[np.ndarray, "p p"],
    cross: Float[np.ndarray, "k p"],
    reg: float,
) -> tuple[Float[np.ndarray, " p"], int]:
    """The one record that an adversary does not know, from W and the statistics of all others.

    1. W (G + x x^T + reg I) = C + y x^T says (W x - y) x^T = C - W (G + reg I), of rank one.
    2. Its right singular vector v is x up to a factor c.
    3. (c W v - y) c, k equations for the one number c and the class, gives that.

    Args:
        weights: ridge model W of all records; gram, cross: G and C of all but one; reg: lam.
    Returns: features x and class of the record; where W is not exact, a least-squares fit.
    Raises: ValueError for shapes that do not fit, k = 1, or if C = W (G + reg I): W fits the record
        exactly, or x = 0, and these equations say nothing.

    Example:
        >>> from distill_lib.privacy import last_record
        >>> x, y = np.array([[1.0, 0], [0, 1], [2, 1]]), np.eye(2)[[0, 1, 0]]
        >>> w = dl.RidgeStats.of(x, y).solve(0.1)
        >>> found, label = last_record(w, x[:2].T @ x[:2], y[:2].T @ x[:2], 0.1)
        >>> found.round(3).tolist(), int(label)  # the third record
        ([2.0, 1.0], 0)
    """
    k, p = np.shape(weights)
    if k == 1:
        raise ValueError("k = 1 output leaves two candidates for the record; k >= 2 is needed.")
    w = np.asarray(weights)
    m = np.asarray(cross) - w @ (np.asarray(gram) + reg * np.eye(p))
    if np.linalg.norm(m) <= 1e-12 * np.linalg.norm(cross):
        raise ValueError(
            "W fits the missing record exactly, so the statistics of the others do not show it."
        )
    v = np.linalg.svd(m, full_matrices=False)[2][0]
    a, g = w @ v, m @ v
    fits = []
    for label, y in enumerate(np.eye(k)):
        # Stationary points of ||c^2 a - c y - g||^2.
        for c in np.roots([2 * a @ a, -3 * a[label], 1 - 2 * a @ g, g[label]]).real:
            fits.append((np.linalg.norm(c**2 * a - c * y - g), label, c))
    _, label, c = min(fits)
    return c * v, label


def _bases(features):
    """Orthonormal bases of the column and the row space, filled up with zeros."""
    v, s, ut = np.linalg.svd(features, full_matrices=False)
    kept = s > negligible(features.shape[-2:], s.dtype) * s[..., :1]
    return v * kept[..., None, :], ut * kept[..., None]
