"""What ridge regression with an intercept and weights needs of a training set, added up.

Everything is about the mean, so that a large mean costs no digits: the statistics of two chunks add
up by the step between their means.
"""

from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

BATCH = 4096


class CentredStats(NamedTuple):
    """The weighted second moments of features and targets about their means.

    Attributes:
        weight: the sum of the sample weights.
        samples: how many.
        mean_x, mean_y: (p,), (k,) weighted means; zeros where nothing is centred.
        gram: (p, p) sum of w (x - mean)(x - mean)^T.
        cross: (k, p) sum of w (y - mean)(x - mean)^T.
        centre: whether there is an intercept.

    Example:
        >>> from distill_lib.estimators.statistics import CentredStats
        >>> x, y, w = np.eye(3), np.ones((3, 1)), np.ones(3)
        >>> both = CentredStats.of(x[:2], y[:2], w[:2]) + CentredStats.of(x[2:], y[2:], w[2:])
        >>> np.allclose(both.gram, CentredStats.of(x, y, w).gram)
        True
    """

    weight: float
    samples: int
    mean_x: Float[np.ndarray, " p"]
    mean_y: Float[np.ndarray, " k"]
    gram: Float[np.ndarray, "p p"]
    cross: Float[np.ndarray, "k p"]
    centre: bool

    @classmethod
    def of(cls, features, targets, weights, centre: bool = True) -> Self:
        """The statistics of one chunk.

        Args:
            features: (n, p) an array, or a sparse matrix, which stays sparse.
            targets: (n, k).
            weights: (n,) above 0.
        """
        if sp.issparse(features):
            return cls._of_part(features, targets, weights, centre)
        parts = [slice(i, i + BATCH) for i in range(0, len(features), BATCH)]
        first, *rest = (cls._of_part(features[i], targets[i], weights[i], centre) for i in parts)
        return sum(rest, first)  # type: ignore[arg-type, return-value]

    @classmethod
    def _of_part(cls, f, y, w, centre) -> Self:
        total = float(w.sum())
        mean_x, mean_y = (means(a, w) if centre else np.zeros(a.shape[1]) for a in (f, y))
        left = w[:, None] * (y - mean_y)
        if sp.issparse(f):
            gram = (f.T @ sp.diags(w) @ f).toarray() - total * np.outer(mean_x, mean_x)
            cross = (f.T @ left).T - np.outer(left.sum(axis=0), mean_x)
        else:
            rows = f - mean_x
            cross = left.T @ rows
            alike = bool((w == w[0]).all())  # a pass less over the rows
            if not alike:
                rows *= np.sqrt(w)[:, None]
            gram = rows.T @ rows * (w[0] if alike else 1)
        return cls(total, f.shape[0], mean_x, mean_y, gram, cross, centre)

    def __add__(self, other):
        """The statistics of both chunks together."""
        total = self.weight + other.weight
        share, dx, dy = other.weight / total, other.mean_x - self.mean_x, other.mean_y - self.mean_y
        between = self.weight * share  # w1 w2 / (w1 + w2)
        return CentredStats(
            total,
            self.samples + other.samples,
            self.mean_x + share * dx,
            self.mean_y + share * dy,
            self.gram + other.gram + between * np.outer(dx, dx),
            self.cross + other.cross + between * np.outer(dy, dx),
            self.centre,
        )


def means(a, w) -> Float[np.ndarray, " q"]:
    """The weighted means of the columns, of a sparse matrix too."""
    return np.asarray(a.T @ w).ravel() / w.sum()
