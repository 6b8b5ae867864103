"""Images as batches of one size, so that one shape is compiled, and their features."""

from collections.abc import Iterable, Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int

from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import batches
from distill_lib.images.streams import Pair
from distill_lib.images.whitening import Preprocessing

BATCH = 1024  # at d = 3,072 below the 32 MiB from which malloc asks for new pages each time


def padded(
    images, labels, normalisation: Preprocessing, rows: Int[np.ndarray, " n"] | None = None
) -> Iterator[tuple[np.ndarray, Int[np.ndarray, " b"]]]:
    """Batches of images with their labels, all of one size.

    The last one is filled up with black images of label -1.

    Args:
        images: from `Normalisation.opened`.
        labels: (n,) one for each of the rows.
        rows: (n,) which images, by default all; ascending.
    Returns: an iterator of pairs, images (b, h, w, c) and labels (b,), with b at most 1024.
    """
    labels = np.asarray(labels, np.int32)
    n = len(labels)
    size = -(-n // -(-n // BATCH))
    parts = batches(images, size, normalisation.pixel_max, rows)
    # Strict: to the end, where they speak of their range.
    starts = zip(range(0, n, size), parts, strict=True)
    yield from filled_up(((batch, labels[i : i + size]) for i, batch in starts), size)


def filled_up(pairs: Iterable[Pair], size: int) -> Iterator[Pair]:
    """The batches of images and labels, all of one size.

    The last one is filled up with black images of label -1, unless it is the only one.
    """
    for number, (batch, truth) in enumerate(pairs):
        missing = size - len(batch) if number else 0
        if missing > 0:
            batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)])
            truth = np.concatenate([truth, np.full(missing, -1, truth.dtype)])
        yield batch, truth
        del batch


def judged_rows(
    pairs: Iterable[Pair], feature_map: FeatureMap, normalisation: Preprocessing
) -> Iterator[tuple[Any, Int[np.ndarray, " b"]]]:
    """Features and labels of padded batches, without the padding, where they are computed."""
    for images, labels in pairs:
        if jax.default_backend() == "cpu":
            yield host_features(feature_map, normalisation, images, labels)
        else:
            real = labels >= 0
            yield features_of(feature_map, normalisation, images)[real], labels[real]


@eqx.filter_jit
def features_of(
    feature_map: FeatureMap, normalisation: Preprocessing, images
) -> Float[Array, "n p"]:
    """The features phi of images (n, h, w, c), as one compiled program."""
    return feature_map(normalisation(images))


def host_features(
    feature_map: FeatureMap, normalisation: Preprocessing, images, labels
) -> tuple[Float[np.ndarray, "n p"], Int[np.ndarray, " n"]]:
    """Features and labels of a padded batch in main memory, without the padding."""
    features = feature_map.on_host(np.asarray(_inputs(normalisation, images)))
    real = labels >= 0
    return (features, labels) if real.all() else (features[real], labels[real])


@eqx.filter_jit
def _inputs(normalisation, images):
    return normalisation(images)


@eqx.filter_jit
def samples_of(
    feature_map: FeatureMap, normalisation: Preprocessing, images, labels, classes: int
) -> tuple[Float[Array, "b p"], Float[Array, "b k"], Int[Array, ""]]:
    """Features, one-hot targets and number of a padded batch: zero, where it is padding."""
    real = labels >= 0
    f = feature_map(normalisation(images))
    f = f * real[:, None].astype(f.dtype)
    return f, jax.nn.one_hot(labels, classes, dtype=f.dtype), real.sum()
