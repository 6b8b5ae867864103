"""Sets whose losses at some regressors are those of the data (Gupta, Saket and Raghuveer 2025).

The loss ||w X - y||^2 is linear in the moments of points and labels together, a symmetric matrix
with (d + 1)(d + 2) / 2 different entries. So many generic regressors determine it, fewer do not.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary.door import door

_ROUNDING = 1e-9  # of the largest moment: the data span every direction, or they do not


def regressors_needed(inputs: int) -> int:
    """How many generic regressors determine every loss: (d + 1)(d + 2) / 2.

    Raises: ValueError unless d is a positive whole number.

    Example:
        >>> from distill_lib.baselines.matched_losses import regressors_needed
        >>> regressors_needed(2)
        6
    """
    if inputs != int(inputs) or inputs < 1:
        raise ValueError(f"inputs = {inputs!r} is no number of inputs; it must be 1, 2, ...")
    return (int(inputs) + 1) * (int(inputs) + 2) // 2


@door()
def other_moments(
    features: Float[Array, "n d"], labels: Float[Array, " n"], regressors: Float[Array, "l d"]
) -> tuple[Float[Array, "s d"], Float[Array, " s"]]:
    """d + 1 points with the losses of the data at all given regressors, and others elsewhere.

    With v = (w, -1) a loss is v T v^T, T the moments of points and labels together. A symmetric
    matrix that no given regressor sees is added to T, as long as it stays positive semidefinite.

    Args:
        features, labels: the data, one output; points and labels together of rank d + 1.
        regressors: fewer than `regressors_needed`, or dependent ones.
    Returns: points and labels of rank at most d.
    Raises: ValueError if the regressors determine every loss, or the data have a lower rank.

    Example:
        >>> from distill_lib.baselines.matched_losses import other_moments
        >>> x, y, w = np.array([[1.0], [2.0]]), np.array([1.0, 0.0]), np.array([[0.5], [2.0]])
        >>> points, made = other_moments(x, y, w)
        >>> points, made = np.asarray(points), np.asarray(made)
        >>> losses = [((w @ a.T - b) ** 2).sum(axis=1) for a, b in ((x, y), (points, made))]
        >>> np.allclose(*losses), points.shape
        (True, (2, 1))
    """
    together = np.column_stack([np.asarray(features), np.asarray(labels)])
    size = together.shape[1]
    moments = together.T @ together
    e, u = np.linalg.eigh(moments)
    if e[0] <= _ROUNDING * e[-1]:
        raise ValueError(
            f"points and labels together span fewer than d + 1 = {size} directions; the change of "
            "their moments would leave no positive semidefinite ones."
        )
    unseen = _unseen(np.asarray(regressors), size)
    root = u / np.sqrt(e)
    relative = np.linalg.eigvalsh(root.T @ unseen @ root)
    step = 1 / max(-relative[0], relative[-1])  # to the edge of the cone, on its nearer side
    changed = moments + (step if -relative[0] >= relative[-1] else -step) * unseen
    values, vectors = np.linalg.eigh(changed)
    rows = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    return jnp.asarray(rows[:, :-1]), jnp.asarray(rows[:, -1])


def _unseen(regressors, size):
    """A symmetric matrix S of norm 1 with (w, -1) S (w, -1)^T = 0 for every regressor."""
    v = np.column_stack([regressors, -np.ones(len(regressors))])
    upper = np.triu_indices(size)
    rows = v[:, upper[0]] * v[:, upper[1]] * np.where(upper[0] == upper[1], 1, 2)
    _, s, vt = np.linalg.svd(rows)
    if np.sum(s > _ROUNDING * s[0]) == vt.shape[0]:
        raise ValueError(
            f"{len(regressors)} regressors determine the losses of all others; give fewer than "
            f"{vt.shape[0]}, or dependent ones."
        )
    found = np.zeros((size, size))
    found[upper] = vt[-1]
    found = found + np.triu(found, 1).T
    return found / np.linalg.norm(found)
