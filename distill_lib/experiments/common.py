"""What several pages do."""

import numpy as np
from jaxtyping import ArrayLike, Float, Int


def accuracy(
    weights: Float[np.ndarray, "k p"],
    features: Float[np.ndarray, "n p"],
    labels: Int[np.ndarray, " n"],
) -> float:
    """Fraction of samples for which the largest entry of W phi(x) is that of the label."""
    return float(np.mean(np.argmax(features @ weights.T, axis=1) == labels))


def relative_error(found: Float[ArrayLike, "..."], wanted: Float[ArrayLike, "..."]) -> float:
    """||found - wanted|| / ||wanted||, of points, features or weights."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
