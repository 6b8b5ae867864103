"""What is computed of a partition of images, wherever it is made, and added up."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from distill_lib.boundary.door import finished
from distill_lib.engines import Total, engine_of
from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import Pixels
from distill_lib.images.partitions import Partitions
from distill_lib.images.streams import Pair, checked_pair, given
from distill_lib.images.whitening import Preprocessing
from distill_lib.ridge import batches, selection
from distill_lib.ridge.sums import sums_of

_STEP = 256  # padded to a multiple of it, so that few shapes are compiled


@dataclass(frozen=True)
class Part:
    """Some rows of each partition: all, or those of the draws that number and key decide.

    Of a class that would be held out of a partition as a whole the first row is trained on.
    """

    seed: tuple[int, ...] = (0,)
    share: float = 0.0
    held: bool = False

    def rows(self, number: int, labels: np.ndarray) -> np.ndarray:
        """Which rows of a partition they are."""
        out = np.random.default_rng([*self.seed, number]).random(len(labels)) < self.share
        for c, first in zip(*np.unique(labels, return_index=True), strict=True):
            out[first] &= not out[labels == c].all()
        return np.flatnonzero(out == self.held)


@dataclass(frozen=True)
class OfRows(abc.ABC):
    """What is computed of some rows of each partition."""

    about: ClassVar[str]
    feature_map: FeatureMap
    normalisation: Preprocessing
    classes: int
    part: Part = field(default_factory=Part)

    @property
    def room(self) -> int:
        """Bytes of a batch on its way and of four sums (two that are added, theirs, one sent)."""
        p, k, size = self.feature_map.dim_out, self.classes, jnp.dtype(self.normalisation.dtype)
        batch = self.size * (3 * p + 2 * self.feature_map.dim_in)
        return size.itemsize * (batch + 4 * self.numbers(p, k))

    @property
    def size(self) -> int:
        """Rows in a batch."""
        return batches.BATCH

    def numbers(self, p: int, k: int) -> int:
        """How many numbers a sum has."""
        return k

    def chunks(self, number: int, images: np.ndarray, labels: np.ndarray) -> Iterator[Pair]:
        """The rows in batches, padded by black images of label -1."""
        rows = self.part.rows(number, labels)
        for start in range(0, len(rows), self.size):
            chosen = rows[start : start + self.size]
            short = -len(chosen) % min(_STEP, self.size)
            chunk = np.concatenate(
                [images[chosen], np.zeros((short, *images.shape[1:]), images.dtype)]
            )
            yield chunk, np.concatenate([labels[chosen], np.full(short, -1)])

    def judged_rows(self, number: int, images: np.ndarray, labels: np.ndarray):
        """Features and labels of the rows, in batches."""
        pairs = self.chunks(number, images, labels)
        return batches.judged_rows(pairs, self.feature_map, self.normalisation)

    def __call__(self, number: int, name: str, pair: Any) -> Total:
        images, labels = checked_pair(pair, name, self.normalisation, self.classes)
        pixels = Pixels(self.normalisation.pixel_max)
        if len(images):
            pixels.see(images)
        sums = self.sums(number, images, labels)
        finished(name, sums)
        seen = np.bincount(labels, minlength=self.classes)
        return Total((*map(np.asarray, sums), seen), (pixels.peaks,))

    @abc.abstractmethod
    def sums(self, number: int, images: np.ndarray, labels: np.ndarray) -> tuple[Any, ...]:
        """The sums of one partition."""


@dataclass(frozen=True)
class Statistics(OfRows):
    """G, C, ||Y||^2 and n of some rows."""

    about = "statistics"

    def numbers(self, p, k):
        return p * (p + k)

    def sums(self, number, images, labels):
        form = self.feature_map.dim_out, self.classes, jnp.dtype(self.normalisation.dtype)
        sums = sums_of(*form)
        for chunk in self.chunks(number, images, labels):
            sums.add_images(self.feature_map, self.normalisation, *chunk)
        return sums.whole()


@dataclass(frozen=True)
class Judged(OfRows):
    """How many rows each W(lam) classifies as labelled, and the squared errors."""

    about = "validation"
    weights: Any = None

    def numbers(self, p, k):
        return self.weights.size // 4  # which it carries, as four sums are counted

    def sums(self, number, images, labels):
        rows = self.judged_rows(number, images, labels)
        n, right, loss = selection.counts_held_out(self.weights, rows)
        return np.array(n), right, loss


@dataclass(frozen=True)
class LeftOut(OfRows):
    """As `Judged`, each row by the model of all others."""

    about = "validation"
    path: Any = None
    regs: tuple[float, ...] = ()

    def numbers(self, p, k):
        return p * p // 4  # of the eigenvectors, which it carries

    def sums(self, number, images, labels):
        rows = self.judged_rows(number, images, labels)
        n, right, loss = selection.counts_left_out(self.path, rows, self.regs)
        return np.array(n), right, loss


@dataclass(frozen=True)
class Hits(OfRows):
    """How many images a model classifies as labelled."""

    about = "accuracy"
    weights: Any = None

    def sums(self, number, images, labels):
        rows = self.judged_rows(number, images, labels)
        found = [np.argmax(np.asarray(f @ self.weights.T), axis=1) == y for f, y in rows]
        return (np.array(sum(int(one.sum()) for one in found)),)


def summed(work: OfRows, parts: Partitions, engine: Any) -> tuple[np.ndarray, ...]:
    """The sums of all partitions, the last one the number of rows of each class.

    It warns of images in another range, as `normalisation.batches`.

    Raises: ValueError where no partition has a row, and as the engine.
    """
    total = engine_of(engine).total(work, parts)
    if not total.sums[-1].any():
        raise ValueError(f"none of the {parts.count:,} partitions has an image.")
    Pixels.of_peaks(work.normalisation.pixel_max, total.peaks[0]).warn(stacklevel=3)
    return total.sums


def hits(
    parts: Partitions,
    weights: np.ndarray,
    feature_map: FeatureMap,
    normalisation: Preprocessing,
    engine: Any,
) -> float:
    """The fraction of images of all partitions that a model classifies as labelled."""
    work = Hits(feature_map, normalisation, len(weights), weights=weights)
    right, seen = summed(work, parts, engine)
    return float(right / seen.sum())


def given_in_parts(images: Any, labels: Any, engine: Any) -> Partitions | None:
    """Partitions where images are some, or an engine is to share them; else None.

    Raises: ValueError for a stream with an engine, and for labels beside partitions.
    """
    if isinstance(images, Partitions):
        given(images, labels)
        return images
    if engine is None:
        return None
    if given(images, labels):
        raise ValueError(
            "a stream is read from its beginning and cannot be shared; give dl.Partitions, any of "
            "which can be made alone."
        )
    if hasattr(images, "to_delayed"):
        return Partitions.of_dask(images, labels)
    return Partitions.of_arrays(images, labels)
