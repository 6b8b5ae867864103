"""What several pages do."""

import numpy as np
from jaxtyping import Float, Int


def accuracy(
    weights: Float[np.ndarray, "k p"],
    features: Float[np.ndarray, "n p"],
    labels: Int[np.ndarray, " n"],
) -> float:
    """Fraction of samples for which the largest entry of W phi(x) is that of the label."""
    return float(np.mean(np.argmax(features @ weights.T, axis=1) == labels))
