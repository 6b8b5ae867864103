"""Every alpha from one eigendecomposition: of p features, or of n samples where those are fewer.

One alpha alone takes one system of equations, some ten times less. Both say the weights W(alpha),
the intercept, and how far off each sample is in the model of all others, without training again.
With scaled rows sqrt(w_i) (x_i - mean) as X~, the residual of sample i grows by 1 / (1 - h_i),
h_i = w_i / sum(w) + [X~ (X~^T X~ + alpha I)^{-1} X~^T]_ii.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from jaxtyping import Float

from distill_lib.estimators.statistics import BATCH, CentredStats, means
from distill_lib.linalg.pseudoinverse import negligible
from distill_lib.ridge import RidgePath


class Samples(NamedTuple):
    """Rows to train on: features (n, p), dense or sparse, targets (n, k), weights (n,) above 0."""

    features: Any
    targets: Float[np.ndarray, "n k"]
    weights: Float[np.ndarray, " n"]

    def of(self, rows) -> "Samples":
        """Some of the rows."""
        return Samples(self.features[rows], self.targets[rows], self.weights[rows])


class Solver(Protocol):
    """What both decompositions offer.

    Attributes:
        mean_x, mean_y: the weighted means; zeros without an intercept.
        spread: sum of w ||x - mean||^2 / sum of w.
    """

    mean_x: Float[np.ndarray, " p"]
    mean_y: Float[np.ndarray, " k"]
    spread: float

    def weights(self, alpha: float) -> Float[np.ndarray, "k p"]:
        """W(alpha)."""

    def left_out(self, samples: Samples, alphas: Sequence[float]) -> Float[np.ndarray, " a"]:
        """The weighted sum of squared errors, each sample judged by all others, per alpha."""


class ByFeatures:
    """From the statistics, with X~^T X~, O(p^3)."""

    def __init__(self, stats: CentredStats) -> None:
        self.gram, self.cross = stats.gram, stats.cross
        self.mean_x, self.mean_y = stats.mean_x, stats.mean_y
        self.spread = float(np.trace(stats.gram)) / stats.weight
        self.total = stats.weight if stats.centre else np.inf

    @cached_property
    def path(self) -> RidgePath:
        """For every alpha."""
        values, vectors = scipy.linalg.eigh(self.gram)
        values = np.clip(values, 0, None)
        return RidgePath(values, vectors, self.cross @ vectors)  # type: ignore[arg-type]

    def weights(self, alpha: float) -> Float[np.ndarray, "k p"]:
        """W(alpha), at 0 of least norm."""
        if "path" not in self.__dict__ and _definite(self.gram, alpha):
            return _shifted(self.gram, alpha, self.cross.T).T
        path = self.path
        return (np.asarray(path.rotated) * path.filter(alpha)) @ np.asarray(path.vectors).T

    def left_out(self, samples: Samples, alphas: Sequence[float]) -> Float[np.ndarray, " a"]:
        """As `Solver.left_out`, in batches of samples."""
        filters = np.stack([self.path.filter(alpha) for alpha in alphas])
        c, vectors = np.asarray(self.path.rotated), np.asarray(self.path.vectors)
        losses = np.zeros(len(alphas))
        for i in range(0, len(samples.weights), BATCH):
            f, y, w = samples.of(slice(i, i + BATCH))
            rotated = f @ vectors - self.mean_x @ vectors
            rest = 1 - w[:, None] * (1 / self.total + rotated**2 @ filters.T)
            _enough_left(rest, alphas)
            for a, scale in enumerate(filters):
                error = (y - self.mean_y - rotated @ (c * scale).T) / rest[:, a : a + 1]
                losses[a] += w @ (error**2).sum(axis=1)
        return losses


class BySamples:
    """From fewer samples than features, with X~ X~^T, O(n^2 p + n^3)."""

    def __init__(self, samples: Samples, centre: bool = True) -> None:
        f, y, w = samples
        self.features, self.root = f, np.sqrt(w)
        self.mean_x, self.mean_y = np.zeros(f.shape[1]), np.zeros(y.shape[1])
        if centre:
            self.mean_x, self.mean_y = means(f, w), means(y, w)
        self.total = float(w.sum()) if centre else np.inf
        if sp.issparse(f):
            along = f @ self.mean_x
            gram = (f @ f.T).toarray() - along[:, None] - along + self.mean_x @ self.mean_x
            gram *= np.outer(self.root, self.root)
        else:
            rows = self.root[:, None] * (f - self.mean_x)
            gram = rows @ rows.T
        self.gram, self.targets = gram, self.root[:, None] * (y - self.mean_y)
        self.spread = float(np.trace(gram)) / float(w.sum())

    @cached_property
    def _decomposed(self):
        values, vectors = scipy.linalg.eigh(self.gram)
        return np.clip(values, 0, None), vectors, vectors.T @ self.targets

    def weights(self, alpha: float) -> Float[np.ndarray, "k p"]:
        """W(alpha) = Y~ (X~ X~^T + alpha I)^{-1} X~, at 0 of least norm."""
        if "_decomposed" not in self.__dict__ and _definite(self.gram, alpha):
            solved = _shifted(self.gram, alpha, self.targets)
        else:
            values, vectors, rotated = self._decomposed
            kept = (values > negligible(vectors.shape, float) * values[-1]) | (alpha > 0)
            filters = np.where(kept, 1 / np.where(kept, values + alpha, 1), 0)
            solved = vectors @ (filters[:, None] * rotated)
        a = self.root[:, None] * solved
        return np.asarray(self.features.T @ a).T - np.outer(a.sum(axis=0), self.mean_x)

    def left_out(self, samples: Samples, alphas: Sequence[float]) -> Float[np.ndarray, " a"]:
        """As `Solver.left_out`, of the samples that it was made of."""
        # What 1 - h leaves: with all n directions no digits are lost to 1.
        values, vectors, rotated = self._decomposed
        shrink = np.stack([alpha / (values + alpha) for alpha in _positive(alphas)])
        rest = vectors**2 @ shrink.T - (self.root**2 / self.total)[:, None]
        _enough_left(rest, alphas)
        return np.array(
            [
                np.sum((vectors @ (scale[:, None] * rotated) / rest[:, a : a + 1]) ** 2)
                for a, scale in enumerate(shrink)
            ]
        )


def _definite(gram, alpha: float) -> bool:
    """Whether gram + alpha I is positive definite beyond rounding."""
    return alpha > negligible(gram.shape, float) * float(np.trace(gram))


def _shifted(gram, alpha: float, right):
    """(gram + alpha I)^{-1} right; by NumPy, since SciPy's threads would wait for NumPy's."""
    shifted = gram.copy()
    np.fill_diagonal(shifted, gram.diagonal() + alpha)
    return np.linalg.solve(shifted, right)


def solver(samples: Samples, centre: bool) -> tuple[Solver, CentredStats | None]:
    """The cheaper of the two decompositions; the statistics where they are made."""
    n, p = samples.features.shape
    if n < p:
        return BySamples(samples, centre), None
    stats = CentredStats.of(*samples, centre)
    return ByFeatures(stats), stats


def _positive(alphas):
    if min(alphas) <= 0:
        raise ValueError(
            "leave-one-out with alpha = 0 is not defined where there are fewer samples than "
            "features: the model goes through every sample. Leave 0 out of alphas."
        )
    return alphas


def _enough_left(rest, alphas) -> None:
    lost = (rest <= negligible(rest.shape, float)).any(axis=0)
    if lost.any():
        raise ValueError(
            f"leave-one-out has no digits left at alpha = {max(np.array(alphas)[lost]):g}, where "
            "the model goes through single samples: leave such small values out of alphas."
        )
