"""Every lam from one eigendecomposition."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from distill_lib.boundary import checks
from distill_lib.boundary.door import door, floats, in_file
from distill_lib.linalg.products import product
from distill_lib.ridge.batches import BATCH
from distill_lib.ridge.statistics import RidgeStats


class RidgePath(eqx.Module):
    """Every ridge solution of one training set, for all lam at the cost of one.

    G = V diag(e) V^T gives W(reg) = (C V) diag(1 / (e + reg)) V^T. `of` can be traced; what is
    asked of the path afterwards takes its eigenvalues to the host and cannot.

    Attributes:
        values: (p,) eigenvalues e of G, not negative.
        vectors: (p, p) eigenvectors V, as columns.
        rotated: (k, p) C V.

    Example:
        >>> stats = dl.RidgeStats.of(np.eye(2), np.eye(2))
        >>> path = dl.RidgePath.of(stats)
        >>> [round(float(path.weights(reg)[0, 0]), 6) for reg in (0.0, 1.0, 3.0)]
        [1.0, 0.5, 0.25]
    """

    values: Float[Array, " p"]
    vectors: Float[Array, "p p"]
    rotated: Float[Array, "k p"]

    @classmethod
    @door()
    @partial(jax.jit, static_argnums=0)
    def of(cls, stats: RidgeStats) -> Self:
        """The path of a training set, from its statistics: one eigendecomposition, O(p^3)."""
        values, vectors = jnp.linalg.eigh(stats.gram, symmetrize_input=False)
        return cls(jnp.clip(values, 0), vectors, stats.cross @ vectors)

    @door()
    def weights(self, reg: float) -> Float[Array, "k p"]:
        """The weights W(reg), O(k p^2); at reg = 0 the minimum-norm solution C G^+."""
        return _filtered(self.rotated, self.filter(float(reg)), self.vectors)

    @door(sliced=("features",))
    def accuracies(
        self, features: Float[Array, "n p"], labels: Int[ArrayLike, " n"], regs: Sequence[float]
    ) -> Float[np.ndarray, " r"]:
        """The fraction of samples that W(reg) classifies as labelled, for each reg.

        The features are rotated once, O(n p^2); after that each reg costs O(n p k). What lies in a
        file is read by slices.
        """
        truth = np.asarray(labels)
        right = [
            [np.sum(np.argmax(s, axis=1) == truth[part]) for s in self._scores(f, regs)]
            for part, f in _slices(features)
        ]
        return np.sum(right, axis=0) / len(truth)

    @door(sliced=("features", "targets"))
    def losses(
        self, features: Float[Array, "n p"], targets: Float[ArrayLike, "n k"], regs: Sequence[float]
    ) -> Float[np.ndarray, " r"]:
        """The mean squared error ||W(reg) phi(X) - Y||_F^2 / n, for each reg."""
        loss = []
        for part, f in _slices(features, targets):
            y: Any = targets
            y = floats("targets", y[part]) if in_file(targets) else y[part]
            loss.append([np.sum((s - y) ** 2) for s in self._scores(f, regs)])
        return np.sum(loss, axis=0) / features.shape[0]

    def _scores(self, features, regs) -> Iterator[Float[np.ndarray, "n k"]]:
        rotated, c = np.asarray(features @ self.vectors), np.asarray(self.rotated)
        # A thin product: compiling a program for it would take longer than the whole grid.
        for reg in regs:
            yield product(rotated, (c * self.filter(float(reg))).T)

    def filter(self, reg: float) -> Float[np.ndarray, " p"]:
        """The factors 1 / (e + reg) of the path, and the pseudoinverse's at reg = 0."""
        values = np.asarray(self.values)
        kept = (values > len(values) * np.finfo(values.dtype).eps * values[-1]) | (reg > 0)
        return np.where(kept, 1 / np.where(kept, values + reg, 1), 0)


def _slices(features, *others) -> Iterator[tuple[slice, np.ndarray | Array]]:
    """Features and where they are: all at once, or by slices where one of these lies in a file."""
    n = features.shape[0]
    if not any(map(in_file, (features, *others))):
        yield slice(None), features
        return
    for start in range(0, n, BATCH):
        part = slice(start, min(start + BATCH, n))
        made = floats("features", features[part])
        checks.finite("features", made, np.arange(n)[part])
        yield part, made


@jax.jit
def _filtered(rotated, values, vectors):
    return (rotated * values[None, :]) @ vectors.T
