"""Ridge regression from sufficient statistics: data are touched once, every lam comes from one eigendecomposition."""

from collections.abc import Sequence
from functools import partial
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from distill_lib import _checks
from distill_lib.features import FeatureMap
from distill_lib.whitening import Preprocessing

# 10^-6, 10^-5.5, ..., 10^5.5: the grid of the paper's released code.
GRID = tuple(float(10 ** (e / 2)) for e in range(-12, 12))
_STRIP = 512  # columns of the Gram matrix made at a time
_BATCH = 2048


class RidgeStats(eqx.Module):
    """All that ridge regression needs of a training set; statistics of disjoint chunks add up.

    Attributes:
        gram: (p, p) G = phi(X) phi(X)^T.
        cross: (k, p) C = Y phi(X)^T.
        label_sq: ||Y||_F^2.
        count: n, samples seen.
    """

    gram: Float[Array, "p p"]
    cross: Float[Array, "k p"]
    label_sq: Float[Array, ""]
    count: Int[Array, ""]

    @classmethod
    def of(cls, features: Float[Array, "n p"], targets: Float[Array, "n k"]) -> Self:
        """Statistics of one chunk. Raises: ValueError for shapes that do not fit or entries that are not finite."""
        _checks.matrix("features", features)
        _checks.matrix("targets", targets, rows=len(features))
        zero = cls._zero(features.shape[1], targets.shape[1], features.dtype)
        return zero._plus(features, targets, len(features))._mirrored()

    @classmethod
    def of_images(
        cls, images, labels, classes: int, feature_map: FeatureMap, normalisation: Preprocessing
    ) -> Self:
        """Statistics of images (n, h, w, c) with class indices (n,) as one-hot targets, read once in batches.

        Raises: ValueError for labels out of range or not one per image, images of the wrong shape or not finite.
        """
        _checks.labels("labels", labels, classes, count=len(images), every=False)
        normalisation.check(images)
        return cls._of_rows(images, labels, classes, feature_map, normalisation)

    @classmethod
    def _of_rows(cls, images, labels, classes, feature_map, normalisation) -> Self:
        stats = cls._zero(feature_map.dim_out, classes, jnp.dtype(normalisation.dtype))
        for batch, truth in _batches(images, labels):
            stats = stats._plus(*_rows_of(feature_map, normalisation, batch, truth, classes))
        return stats._mirrored()

    def __add__(self, other: Self) -> Self:
        """Statistics of both chunks together. Raises: ValueError if they have different p or k."""
        if self.cross.shape != other.cross.shape:
            raise ValueError(
                f"statistics of shapes (k, p) = {self.cross.shape} and {other.cross.shape} do not add up; they must be of one model."
            )
        return jax.tree.map(jnp.add, self, other)

    def __radd__(self, other: int) -> Self:
        """So that `sum` works, which starts at 0."""
        return self if other == 0 else NotImplemented

    def loss(self, weights: Float[Array, "k p"], reg: float = 0.0) -> Float[Array, ""]:
        """||W phi(X) - Y||_F^2 + reg ||W||_F^2, from the statistics alone."""
        fit = jnp.vdot(weights @ self.gram, weights) - 2 * jnp.vdot(weights, self.cross) + self.label_sq
        return fit + reg * jnp.vdot(weights, weights)

    def solve(self, reg: float) -> Float[Array, "k p"]:
        """W = C (G + reg I)^{-1} for one reg > 0 by Cholesky; for many, or reg = 0, use `RidgePath`.

        Raises: ValueError if G + reg I is not numerically positive definite.
        """
        _checks.reg("reg", reg)
        factor = jax.scipy.linalg.cho_factor(self.gram + reg * jnp.eye(len(self.gram), dtype=self.gram.dtype))
        weights = jax.scipy.linalg.cho_solve(factor, self.cross.T).T
        if not bool(jnp.isfinite(weights).all()):
            raise ValueError(
                f"G + reg I is not positive definite at reg = {reg:.3g}; use a larger reg or RidgePath."
            )
        return weights

    @classmethod
    def _zero(cls, p, k, dtype) -> Self:
        kind = np if jax.default_backend() == "cpu" else jnp
        return cls(
            kind.zeros((p, p), dtype),
            kind.zeros((k, p), dtype),
            kind.zeros((), dtype),
            kind.zeros((), np.int64),
        )

    def _plus(self, f, y, count) -> Self:
        """With a chunk added to it, in place; G's lower triangle only: strips of it cost half the products."""
        if isinstance(
            self.gram, np.ndarray
        ):  # BLAS multiplies in double precision about twice as fast as XLA on a CPU
            f, y = np.asarray(f), np.asarray(y)
            for j in range(0, f.shape[1], _STRIP):
                self.gram[j:, j : j + _STRIP] += f[:, j:].T @ f[:, j : j + _STRIP]
            return RidgeStats(
                self.gram, self.cross + y.T @ f, self.label_sq + np.vdot(y, y), self.count + np.asarray(count)
            )
        return _plus_on_device(self, f, y, count)

    def _mirrored(self) -> Self:
        """With G's upper triangle filled from its lower one."""
        if isinstance(self.gram, np.ndarray):
            for j in range(0, len(self.gram), _STRIP):
                strip = self.gram[j:, j : j + _STRIP]
                square = strip[: strip.shape[1]]
                square[...] = np.tril(square) + np.tril(square, -1).T
                self.gram[j : j + _STRIP, j:] = strip.T
            return jax.device_put(self)
        lower = jnp.tril(self.gram)
        return eqx.tree_at(lambda stats: stats.gram, self, lower + jnp.tril(lower, -1).T)


@partial(jax.jit, donate_argnums=0)
def _plus_on_device(stats, f, y, count):
    gram = stats.gram
    for j in range(0, f.shape[1], _STRIP):
        gram = gram.at[j:, j : j + _STRIP].add(f[:, j:].T @ f[:, j : j + _STRIP])
    return RidgeStats(gram, stats.cross + y.T @ f, stats.label_sq + jnp.vdot(y, y), stats.count + count)


@partial(jax.jit, static_argnums=4)
def _rows_of(feature_map, normalisation, images, labels, classes):
    """Features, one-hot targets and number of a padded batch of images."""
    real = labels >= 0  # padding is labelled -1: its one-hot target is zero, and so become its features
    f = feature_map(normalisation(images)) * real[:, None]
    return f, jax.nn.one_hot(labels, classes, dtype=f.dtype), real.sum()


class RidgePath(eqx.Module):
    """Every ridge solution of one training set: G = V diag(e) V^T gives W(reg) = (C V) diag(1 / (e + reg)) V^T.

    `of` can be traced; what is asked of the path afterwards takes its eigenvalues to the host and cannot.

    Attributes:
        values: (p,) eigenvalues e of G, not negative.
        vectors: (p, p) eigenvectors V, as columns.
        rotated: (k, p) C V.
    """

    values: Float[Array, " p"]
    vectors: Float[Array, "p p"]
    rotated: Float[Array, "k p"]

    @classmethod
    @partial(jax.jit, static_argnums=0)
    def of(cls, stats: RidgeStats) -> Self:
        """One eigendecomposition, O(p^3)."""
        values, vectors = jnp.linalg.eigh(stats.gram, symmetrize_input=False)
        return cls(jnp.clip(values, 0), vectors, stats.cross @ vectors)

    def weights(self, reg: float) -> Float[Array, "k p"]:
        """W(reg); at reg = 0 the minimum-norm solution C G^+."""
        _checks.reg("reg", reg)
        return _filtered(self.rotated, self._filter(float(reg)), self.vectors)

    def accuracies(
        self, features: Float[Array, "n p"], labels: Int[ArrayLike, " n"], regs: Sequence[float]
    ) -> Float[np.ndarray, " r"]:
        """Fraction of samples that W(reg) classifies as labelled, for each reg; the features are rotated once."""
        rotated, c = np.asarray(features @ self.vectors), np.asarray(self.rotated)

        def accuracy(reg):  # a thin product: compiling a program for it would take longer than the whole grid
            return np.mean(np.argmax(rotated @ (c * self._filter(reg)).T, axis=1) == np.asarray(labels))

        return np.array([accuracy(float(reg)) for reg in regs])

    def _filter(self, reg: float) -> Float[np.ndarray, " p"]:
        """1 / (e + reg), and the pseudoinverse at reg = 0."""
        values = np.asarray(self.values)
        kept = (values > len(values) * np.finfo(values.dtype).eps * values[-1]) | (reg > 0)
        return np.where(kept, 1 / np.where(kept, values + reg, 1), 0)


@jax.jit
def _filtered(rotated, values, vectors):
    return (rotated * values) @ vectors.T


class RidgeModel(eqx.Module):
    """f(x) = W phi(x) on normalised images, with how its lam was chosen.

    Attributes:
        weights: (k, p) W.
        feature_map: phi.
        normalisation: from images to network inputs.
        reg: the chosen lam.
        regs, validation: the grid and the validation accuracy (fraction) at each of its values.
    """

    weights: Float[Array, "k p"]
    feature_map: FeatureMap
    normalisation: Preprocessing
    reg: float = eqx.field(static=True)
    regs: tuple[float, ...] = eqx.field(static=True)
    validation: tuple[float, ...] = eqx.field(static=True)

    def scores(self, images) -> Float[Array, "n k"]:
        """W phi(x) for images (n, h, w, c)."""
        return scores(self.weights, self.feature_map, self.normalisation, images)

    def predict(self, images) -> Int[np.ndarray, " n"]:
        """Class indices for images (n, h, w, c)."""
        return np.argmax(np.asarray(self.scores(images)), axis=1)

    def accuracy(self, images, labels) -> float:
        """Fraction of images classified as labelled. Raises: ValueError for labels that do not fit."""
        _checks.labels("labels", labels, len(self.weights), len(images), every=False)
        return float(np.mean(self.predict(images) == np.asarray(labels)))


def fit(
    images,
    labels,
    feature_map: FeatureMap,
    normalisation: Preprocessing,
    *,
    key: PRNGKeyArray,
    classes: int | None = None,
    regs: Sequence[float] = GRID,
    val_fraction: float = 0.05,
    refit: bool = False,
) -> RidgeModel:
    """Ridge regression on one-hot labels, lam chosen by validation accuracy (the larger lam wins a tie).

    The images are read once, in batches, and never copied as a whole; the features of the validation part are kept.

    Args:
        images: (n, h, w, c) unsigned bytes or floats.
        labels: (n,) class indices.
        key: JAX random key of the split.
        classes: k; by default the largest label + 1.
        regs: candidate lam, all > 0 or 0 for the minimum-norm solution; one value skips the choice but keeps the split.
        val_fraction: share of the samples held out, 0.05 in the paper; 0 (with a single reg) trains on everything.
        refit: train again on all samples with the chosen lam. The paper does not.
    Raises: ValueError for labels out of range or an empty class, images of the wrong shape or not finite, an empty or
        negative grid, or a validation part that is empty or takes everything.
    """
    labels = _checks.indices("labels", labels, count=len(images))
    k = int(labels.max(initial=-1)) + 1 if classes is None else classes
    _checks.labels("labels", labels, k)
    normalisation.check(images)
    if np.ndim(regs) != 1:
        raise ValueError(
            f"regs = {regs!r} is no grid; give a sequence of ridge parameters, for one value (value,)."
        )
    if not (regs := tuple(map(float, regs))):
        raise ValueError("the grid of ridge parameters is empty; give at least one value.")
    for reg in regs:
        _checks.reg("reg", reg)
    if feature_map.dim_in != normalisation.dim:
        raise ValueError(
            f"the feature map takes {feature_map.dim_in} inputs, but images of shape {normalisation.shape} have {normalisation.dim}."
        )
    for leaf in jax.tree.leaves(feature_map):
        if jnp.result_type(leaf) != normalisation.dtype:
            raise ValueError(
                f"the feature map is of {jnp.result_type(leaf)} and the normalisation of {normalisation.dtype}; "
                "give both the same dtype, which is that of the whole computation."
            )
    train, val = split(len(labels), key, val_fraction)
    n_val = len(val)
    if n_val == 0 and len(regs) > 1:
        raise ValueError(
            f"val_fraction = {val_fraction} of {len(labels)} samples leaves none to validate on; that part needs samples "
            "when lam is to be chosen."
        )
    stats = RidgeStats._of_rows(_Rows(images, train), labels[train], k, feature_map, normalisation)
    path = RidgePath.of(stats)
    best, validation = regs[0], ()
    if n_val:
        features, truth = _features(feature_map, normalisation, np.asarray(images[val])), labels[val]
        validation = tuple(path.accuracies(features, truth, regs).tolist())
        best = max(zip(validation, regs, strict=True))[1]
        if refit:
            path = RidgePath.of(
                stats + RidgeStats.of(features, jax.nn.one_hot(truth, k, dtype=features.dtype))
            )
    # The minimiser has its rows in the span of the features; of G's rounding a small lam lets more through.
    weights = feature_map.onto_span(path.weights(best))
    return RidgeModel(weights, feature_map, normalisation, best, regs, validation)


def split(
    n: int, key: PRNGKeyArray, val_fraction: float
) -> tuple[Int[np.ndarray, " n_train"], Int[np.ndarray, " n_val"]]:
    """Random indices of the samples to train on and of those held out, each ascending, so that batches read in order.

    Raises: ValueError for a share outside [0, 1), or one that leaves nothing to train on.
    """
    if not 0 <= val_fraction < 1:
        raise ValueError(f"val_fraction = {val_fraction} is no share of the samples; it must be in [0, 1).")
    if (n_val := round(n * val_fraction)) == n:
        raise ValueError(
            f"val_fraction = {val_fraction} of {n} samples leaves 0 to train on; that part needs samples too."
        )
    order = np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(n)
    return np.sort(order[n_val:]), np.sort(order[:n_val])


def scores(
    weights: Float[Array, "k p"], feature_map: FeatureMap, normalisation: Preprocessing, images
) -> Float[Array, "n k"]:
    """W phi(x) of images (n, h, w, c), in batches. Raises: ValueError for images of the wrong shape or not finite."""
    normalisation.check(images)
    labels = np.zeros(len(images), np.int32)
    parts = [_scores(weights, feature_map, normalisation, batch) for batch, _ in _batches(images, labels)]
    return jnp.asarray(np.concatenate(parts)[: len(images)])


class _Rows:
    """A selection of images by index that is copied only a batch at a time."""

    def __init__(self, images, index):
        self.images, self.index = images, index

    def __len__(self):
        return len(self.index)

    def __getitem__(self, rows: slice):
        return self.images[self.index[rows]]


def _batches(images, labels):
    # Batches of one size, the last one padded with label -1, so that one shape is compiled.
    n, labels = len(images), np.asarray(labels, np.int32)
    count = -(-n // _BATCH)
    size = -(-n // count)
    for start in range(0, n, size):
        batch, truth = np.asarray(images[start : start + size]), labels[start : start + size]
        if (missing := size - len(batch)) > 0:
            batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)])
            truth = np.concatenate([truth, np.full(missing, -1, truth.dtype)])
        yield batch, truth


@eqx.filter_jit
def _features(feature_map, normalisation, images):
    return feature_map(normalisation(images))


@eqx.filter_jit
def _scores(weights, feature_map, normalisation, images):
    return feature_map(normalisation(images)) @ weights.T
