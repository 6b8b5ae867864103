"""Ridge regression from sufficient statistics: data are touched once, every lam comes from one eigendecomposition."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Self, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.boundary.door import door, finished
from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import batches
from distill_lib.images.whitening import Preprocessing
from distill_lib.ridge import selection
from distill_lib.ridge.selection import Ties, Validation
from distill_lib.ridge.selection import split as split

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
    @door()
    def of(cls, features: Float[Array, "n p"], targets: Float[Array, "n k"]) -> Self:
        """Statistics of one chunk. Raises: ValueError for shapes that do not fit or entries that are not finite."""
        zero = cls._zero(features.shape[1], targets.shape[1], features.dtype)
        return zero._plus(features, targets, len(features))._mirrored()

    @classmethod
    @door()
    def of_images(
        cls,
        images,
        labels: Int[ArrayLike, " n"],
        classes: int,
        feature_map: FeatureMap,
        normalisation: Preprocessing,
    ) -> Self:
        """Statistics of images (n, h, w, c) with class indices (n,) as one-hot targets, read once in batches.

        Raises: ValueError for labels out of range or not one per image, images of the wrong shape or not finite.
        """
        images = normalisation.opened(images)
        checks.labels("labels", labels, classes, count=len(images), every=False)
        return cls._of_rows(images, None, labels, classes, feature_map, normalisation)

    @classmethod
    def _of_rows(cls, images, rows, labels, classes, feature_map, normalisation) -> Self:
        """Of the images of some rows, by default all, with a label for each of them."""
        stats = cls._zero(feature_map.dim_out, classes, jnp.dtype(normalisation.dtype))
        for batch, truth in _batches(images, labels, normalisation, rows):
            stats = stats._plus(*_rows_of(feature_map, normalisation, batch, truth, classes))
        stats = stats._mirrored()
        finished("G = phi(X) phi(X)^T, from which every weight comes,", stats)
        return stats

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

    @door()
    def loss(self, weights: Float[Array, "k p"], reg: float = 0.0) -> Float[Array, ""]:
        """||W phi(X) - Y||_F^2 + reg ||W||_F^2, from the statistics alone."""
        fit = jnp.vdot(weights @ self.gram, weights) - 2 * jnp.vdot(weights, self.cross) + self.label_sq
        return fit + reg * jnp.vdot(weights, weights)

    @door()
    def solve(self, reg: float) -> Float[Array, "k p"]:
        """W = C (G + reg I)^{-1} for one reg > 0 by Cholesky; for many, or reg = 0, use `RidgePath`.

        Raises: ValueError if G + reg I is not numerically positive definite.
        """
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
    @door()
    @partial(jax.jit, static_argnums=0)
    def of(cls, stats: RidgeStats) -> Self:
        """One eigendecomposition, O(p^3)."""
        values, vectors = jnp.linalg.eigh(stats.gram, symmetrize_input=False)
        return cls(jnp.clip(values, 0), vectors, stats.cross @ vectors)

    @door()
    def weights(self, reg: float) -> Float[Array, "k p"]:
        """W(reg); at reg = 0 the minimum-norm solution C G^+."""
        return _filtered(self.rotated, self._filter(float(reg)), self.vectors)

    @door()
    def accuracies(
        self, features: Float[Array, "n p"], labels: Int[ArrayLike, " n"], regs: Sequence[float]
    ) -> Float[np.ndarray, " r"]:
        """Fraction of samples that W(reg) classifies as labelled, for each reg; the features are rotated once."""
        truth = np.asarray(labels)
        return np.array([np.mean(np.argmax(s, axis=1) == truth) for s in self._scores(features, regs)])

    @door()
    def losses(
        self, features: Float[Array, "n p"], targets: Float[ArrayLike, "n k"], regs: Sequence[float]
    ) -> Float[np.ndarray, " r"]:
        """||W(reg) phi(X) - Y||_F^2 / n, for each reg."""
        return np.array([np.sum((s - targets) ** 2) / len(s) for s in self._scores(features, regs)])

    def _scores(self, features, regs) -> Iterator[Float[np.ndarray, "n k"]]:
        rotated, c = np.asarray(features @ self.vectors), np.asarray(self.rotated)
        for reg in regs:  # a thin product: compiling a program for it would take longer than the whole grid
            yield rotated @ (c * self._filter(float(reg))).T

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

    def __check_init__(self) -> None:
        if not isinstance(self.weights, jax.core.Tracer):
            checks.matrix("weights", self.weights, cols=self.feature_map.dim_out)

    @door()
    def scores(self, images, white: float | None = None) -> Float[Array, "n k"]:
        """W phi(x) for images (n, h, w, c).

        Args:
            white: the pixel value that is white in these images, where it is not that of the model's normalisation.
        """
        normalisation = self.normalisation if white is None else self.normalisation.for_white(white)
        return scores(self.weights, self.feature_map, normalisation, images)

    def predict(self, images, white: float | None = None) -> Int[np.ndarray, " n"]:
        """Class indices for images (n, h, w, c). Args: as `scores`."""
        return np.argmax(np.asarray(self.scores(images, white)), axis=1)

    @door()
    def accuracy(self, images, labels: Int[ArrayLike, " n"], white: float | None = None) -> float:
        """Fraction of images classified as labelled. Args: as `scores`. Raises: ValueError for labels that do not fit."""
        images = self.normalisation.opened(images)
        checks.labels("labels", labels, len(self.weights), len(images), every=False)
        return float(np.mean(self.predict(images, white) == np.asarray(labels)))


@door()
def fit(
    images,
    labels: Int[ArrayLike, " n"],
    feature_map: FeatureMap,
    normalisation: Preprocessing,
    *,
    key: PRNGKeyArray,
    classes: int | None = None,
    regs: Sequence[float] = GRID,
    val_fraction: float = 0.05,
    refit: bool = False,
    validation: Validation = "random",
    ties: Ties = "auto",
) -> RidgeModel:
    """Ridge regression on one-hot labels, lam chosen by validation accuracy.

    The images are read once, in batches, and never copied as a whole; the features of the validation part are kept. It warns if the
    chosen lam is an end of the grid, so that a better one may lie beyond; not for ties="largest", which repeats a rule.

    Args:
        images: (n, h, w, c) unsigned bytes or floats, in a list, an array, a tensor or a file that can be sliced.
        labels: (n,) class indices.
        key: JAX random key of the split.
        classes: k; by default the largest label + 1.
        regs: candidate lam, all > 0 or 0 for the minimum-norm solution; one value skips the choice but keeps the split.
        val_fraction: share of the samples held out, 0.05 in the paper; 0 (with a single reg) trains on everything.
        refit: train again on all samples with the chosen lam. The paper does not.
        validation: "random", samples held out at random, as in the paper, but never the only one of a class; "stratified", the
            same share of every class; "leave-one-out", each sample judged by the model of all others, exactly and from the same
            eigendecomposition, for a second reading of the images. The model is then that of all samples, and nothing is held out.
        ties: which of the lam of equal accuracy: "largest", as the released code does; "loss", that of the least
            squared error on the validation part; "auto", the largest, unless that is the end of the grid, where nothing but the
            grid would have chosen it: then the loss decides, with a warning.
    Raises: ValueError for labels out of range or an empty class, images of the wrong shape or not finite, an empty or
        negative grid, or a validation part that is empty or takes everything.
    """
    images = normalisation.opened(images)
    labels = checks.indices("labels", labels, count=len(images))
    k = int(labels.max(initial=-1)) + 1 if classes is None else classes
    checks.labels("labels", labels, k)
    regs = _grid(regs, validation, ties)
    _of_one_kind(feature_map, normalisation)
    train, val = selection.parts(labels, key, val_fraction, validation, len(regs))
    features = _held_out(images, val, feature_map, normalisation)
    stats = RidgeStats._of_rows(images, train, labels[train], k, feature_map, normalisation)
    path = RidgePath.of(stats)
    accuracies: tuple[float, ...] = ()
    best = regs[0]
    if validation == "leave-one-out":
        judged = selection.left_out(path, _rows(images, labels, feature_map, normalisation), regs)
        accuracies = tuple(accuracy for accuracy, _ in judged)
        best = selection.chosen(
            regs, accuracies, ties, lambda tied: [judged[regs.index(reg)][1] for reg in tied]
        )
    elif features is not None:
        truth, one_hot = labels[val], np.eye(k, dtype=normalisation.dtype)[labels[val]]
        accuracies = tuple(path.accuracies(features, truth, regs).tolist())
        best = selection.chosen(
            regs, accuracies, ties, lambda tied: path.losses(features, one_hot, tied).tolist()
        )
        if refit:
            path = RidgePath.of(stats + RidgeStats.of(features, jnp.asarray(one_hot)))
    # The minimiser has its rows in the span of the features; of G's rounding a small lam lets more through.
    weights = feature_map.onto_span(path.weights(best))
    return RidgeModel(weights, feature_map, normalisation, best, regs, accuracies)


def _grid(regs, validation, ties) -> tuple[float, ...]:
    for name, value, known in (
        ("validation", validation, get_args(Validation)),
        ("ties", ties, get_args(Ties)),
    ):
        if value not in known:
            raise ValueError(f"{name} is '{value}'; it must be one of {', '.join(known)}.")
    if np.ndim(regs) != 1:
        raise ValueError(
            f"regs = {regs!r} is no grid; give a sequence of ridge parameters, for one value (value,)."
        )
    for reg in regs:
        checks.reg("reg", reg)
    if not (regs := tuple(map(float, regs))):
        raise ValueError("the grid of ridge parameters is empty; give at least one value.")
    return regs


def _of_one_kind(feature_map, normalisation) -> None:
    """Raise ValueError unless map and normalisation have one size and one precision."""
    if feature_map.dim_in != normalisation.dim:
        raise ValueError(
            f"the feature map takes {feature_map.dim_in} inputs, but images of shape {normalisation.shape} have {normalisation.dim}."
        )
    for path, leaf in jax.tree_util.tree_leaves_with_path(feature_map):
        if not eqx.is_array_like(leaf) or isinstance(leaf, bool | int | float | complex):
            raise ValueError(
                f"{type(feature_map).__name__}{jax.tree_util.keystr(path)} = {leaf!r} counts as a parameter, since every field of a "
                "feature map does that is not marked: write it as `name: type = eqx.field(static=True)` in the class."
            )
        if jnp.result_type(leaf) != normalisation.dtype:
            raise ValueError(
                f"the feature map is of {jnp.result_type(leaf)} and the normalisation of {normalisation.dtype}; "
                "give both the same dtype, which is that of the whole computation."
            )


def _held_out(images, rows, feature_map, normalisation):
    """Features of the validation part, whole; None where it is empty."""
    if not len(rows):
        return None
    parts = list(batches(images, len(rows), None, rows))
    return _features(feature_map, normalisation, parts[0])


def _rows(images, labels, feature_map, normalisation):
    """Features and labels of all images, batch by batch."""
    for batch, truth in _batches(images, labels, normalisation):
        real = truth >= 0
        yield np.asarray(_features(feature_map, normalisation, batch))[real], truth[real]


@door()
def scores(
    weights: Float[Array, "k p"], feature_map: FeatureMap, normalisation: Preprocessing, images
) -> Float[Array, "n k"]:
    """W phi(x) of images (n, h, w, c), in batches. Raises: ValueError for images of the wrong shape or not finite."""
    images = normalisation.opened(images)
    labels = np.zeros(len(images), np.int32)
    parts = [
        _scores(weights, feature_map, normalisation, batch)
        for batch, _ in _batches(images, labels, normalisation)
    ]
    return jnp.asarray(np.concatenate(parts)[: len(images)])


def _batches(images, labels, normalisation, rows=None):
    # Batches of one size, the last one padded with label -1, so that one shape is compiled.
    labels = np.asarray(labels, np.int32)
    n = len(labels)
    size = -(-n // -(-n // _BATCH))
    parts = batches(images, size, normalisation.pixel_max, rows)
    for start, batch in zip(
        range(0, n, size), parts, strict=True
    ):  # strict: to the end, where they speak of their range
        truth = labels[start : start + size]
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
