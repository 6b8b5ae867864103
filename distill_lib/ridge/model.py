"""The ridge model of a training set, and how its lam is chosen."""

from collections.abc import Sequence
from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.features import FeatureMap
from distill_lib.images.streams import given
from distill_lib.images.whitening import Preprocessing
from distill_lib.linalg.products import product
from distill_lib.ridge import selection
from distill_lib.ridge.batches import judged_rows, padded
from distill_lib.ridge.partitioned import source_of
from distill_lib.ridge.path import RidgePath
from distill_lib.ridge.selection import Ties, Validation
from distill_lib.ridge.tridiagonal import solutions
from distill_lib.ridge.works import given_in_parts
from distill_lib.ridge.works import hits as hits_of

# 10^-6, 10^-5.5, ..., 10^5.5: the grid of the paper's released code.
GRID = tuple(float(10 ** (e / 2)) for e in range(-12, 12))


class RidgeModel(eqx.Module):
    """A trained model f(x) = W phi(x) + b on normalised images, with how its lam was chosen.

    Attributes:
        weights: (k, p) W.
        feature_map: phi.
        normalisation: from images to network inputs.
        reg: the chosen lam.
        regs, validation: the grid and the validation accuracy (fraction) at each of its values.
        intercept: (k,) b; None for a model without, as those of `fit` are.

    Example:
        >>> images, labels = np.arange(20.0).reshape(20, 1, 1, 1) % 2, np.arange(20) % 2
        >>> norm = dl.Normalisation((1, 1, 1), pixel_max=1, mean=(0.5,), std=(0.5,))
        >>> model = dl.fit(images, labels, dl.Linear(1), norm, key=jax.random.key(0), regs=(0.1,))
        >>> model.weights.shape, model.accuracy(images, labels)
        ((2, 1), 1.0)
    """

    weights: Float[Array, "k p"]
    feature_map: FeatureMap
    normalisation: Preprocessing
    reg: float = eqx.field(static=True)
    regs: tuple[float, ...] = eqx.field(static=True)
    validation: tuple[float, ...] = eqx.field(static=True)
    intercept: Float[Array, " k"] | None = None

    def __check_init__(self) -> None:
        if not isinstance(self.weights, jax.core.Tracer):
            checks.matrix("weights", self.weights, cols=self.feature_map.dim_out)
            if self.intercept is not None:
                checks.shaped("intercept", self.intercept, (len(self.weights),))

    @door()
    def scores(self, images, white: float | None = None) -> Float[Array, "n k"]:
        """The scores W phi(x) + b of images (n, h, w, c), one column a class.

        Args:
            white: the pixel value that is white in these images, where it is not that of the
                model's normalisation.
        """
        normalisation = self.normalisation if white is None else self.normalisation.for_white(white)
        found = scores(self.weights, self.feature_map, normalisation, images)
        return found if self.intercept is None else found + self.intercept[None, :]

    def predict(self, images, white: float | None = None) -> Int[np.ndarray, " n"]:
        """The class index of each image (n, h, w, c): that of the largest score.

        Args: as `scores`.
        """
        return np.argmax(np.asarray(self.scores(images, white)), axis=1)

    @door()
    def accuracy(
        self,
        images,
        labels: Int[ArrayLike, " n"] | None,
        white: float | None = None,
        engine: Any = None,
    ) -> float:
        """The fraction of images that are classified as labelled.

        Args: as `scores`, and labels: (n,) class indices. Of a `Stream`, which brings its labels,
            only counts are kept; then None. engine: as `fit`.
        Raises: ValueError for labels that do not fit.
        """
        if (parts := given_in_parts(images, labels, engine)) is not None:
            norm = self.normalisation if white is None else self.normalisation.for_white(white)
            return hits_of(parts, np.asarray(self.weights), self.feature_map, norm, engine)
        if stream := given(images, labels):
            pairs = stream.checked(self.normalisation, len(self.weights))
            hits = [(np.sum(self.predict(x, white) == y), len(y)) for x, y in pairs]
            return float(np.divide(*np.sum(hits, axis=0)))
        images = self.normalisation.opened(images)
        count = images.shape[0]
        checks.labels("labels", np.asarray(labels), len(self.weights), count, every=False)
        return float(np.mean(self.predict(images, white) == np.asarray(labels)))


@door()
def fit(
    images,
    labels: Int[ArrayLike, " n"] | None,
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
    devices: Sequence[Any] | None = None,
    engine: Any = None,
) -> RidgeModel:
    """Train a ridge model on images with one-hot labels, lam chosen by validation accuracy.

    The images are read in batches and never held as a whole: once for the statistics, and once more
    for the choice of lam, of which only counts are kept. The cost is O(n p^2 + p^3) for all lam
    together, the memory O(p^2) and a batch. It warns if the chosen lam is an end of the grid, not
    for ties="largest". `RidgeModel` has an example.

    Args:
        images: (n, h, w, c) bytes or floats: a list, an array, a tensor or a file to be sliced; or
            a `Stream` or `Partitions`, of which each row is held out by a draw of its own.
        labels: (n,) class indices; None for a stream.
        key: JAX random key of the split.
        classes: k; by default the largest label + 1, or what the stream says.
        regs: candidate lam; 0 is the minimum-norm solution, one value skips the choice.
        val_fraction: share held out, 0.05 in the paper; 0 (with one reg) trains on everything.
        refit: train again on all samples with the chosen lam. The paper does not.
        validation: "random", samples held out as in the paper, never the only one of a class;
            "stratified", the same share of every class; "leave-one-out", each sample judged by the
            model of all others, exactly. A stream cannot be "stratified".
        ties: which of the lam of equal accuracy: "largest", as the released code does; "loss", that
            of the least squared error; "auto", the largest, unless it is the end of the grid.
        devices, engine: what computes the statistics, as `RidgeStats.of_images`.
    Raises: ValueError for labels out of range or an empty class, images of the wrong shape or not
        finite, an empty or negative grid, a validation part that is empty or takes everything, or
        a stream that does not begin again at the same rows; with an engine, as `dl.Cluster`.
    """
    source = source_of(images, labels, classes, normalisation, engine, devices)
    regs = _grid(regs, validation, ties)
    _of_one_kind(feature_map, normalisation)
    source.divide(key, val_fraction, validation, len(regs))
    stats = source.statistics(feature_map, devices)
    if validation == "leave-one-out":
        path = RidgePath.of(stats)
        best, accuracies = selection.best(source.left_out(path, feature_map, regs), regs, ties)
        found = path.weights(best)
    else:
        every = solutions(stats, regs)
        results, more = source.judged(every, feature_map, refit and val_fraction > 0)
        best, accuracies = selection.best(results, regs, ties)
        found = solutions(sum(more, stats), (best,))[0] if more else every[regs.index(best)]
    # The minimiser's rows lie in the span of the features; G's rounding lets more through.
    weights = feature_map.onto_span(jnp.asarray(found))
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
            f"regs = {regs!r} is no grid; give a sequence of ridge parameters, for one value "
            "(value,)."
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
            f"the feature map takes {feature_map.dim_in} inputs, but images of shape "
            f"{normalisation.shape} have {normalisation.dim}."
        )
    for path, leaf in jax.tree_util.tree_leaves_with_path(feature_map):
        if not eqx.is_array_like(leaf) or isinstance(leaf, bool | int | float | complex):
            raise ValueError(
                f"{type(feature_map).__name__}{jax.tree_util.keystr(path)} = {leaf!r} counts as a "
                "parameter, since every field of a "
                "feature map does that is not marked: write it as `name: type = "
                "eqx.field(static=True)` in the class."
            )
        if jnp.result_type(leaf) != normalisation.dtype:
            raise ValueError(
                f"the feature map is of {jnp.result_type(leaf)} and the normalisation of "
                f"{normalisation.dtype}; "
                "give both the same dtype, which is that of the whole computation."
            )


@door()
def scores(
    weights: Float[Array, "k p"], feature_map: FeatureMap, normalisation: Preprocessing, images
) -> Float[Array, "n k"]:
    """The scores W phi(x) of images (n, h, w, c), computed in batches.

    Raises: ValueError for images of the wrong shape or not finite.
    """
    images = normalisation.opened(images)
    labels = np.zeros(images.shape[0], np.int32)
    rows = judged_rows(padded(images, labels, normalisation), feature_map, normalisation)
    parts = [_scores(features, weights) for features, _ in rows]
    return jnp.asarray(np.concatenate(parts))


def _scores(features, weights) -> Float[np.ndarray, "b k"]:
    if isinstance(features, np.ndarray):
        return product(features, np.asarray(weights).T)
    return np.asarray(features @ weights.T)
