"""The training set of a fit, in passes: an array of images, or a stream of unknown length.

A source is divided once into a part to train on and a part held out. Either part is then read in
padded batches, as often as asked, and nothing of it is kept but counts.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from distill_lib.boundary import checks
from distill_lib.features import FeatureMap
from distill_lib.images.streams import Pair, Stream, rechunked
from distill_lib.images.whitening import Preprocessing
from distill_lib.ridge import batches, selection
from distill_lib.ridge.path import RidgePath
from distill_lib.ridge.statistics import RidgeStats
from distill_lib.ridge.sums import sums_of

Results = list[tuple[float, float]]
_DRAWN = 2048  # rows of a stream that one draw decides on


class Source(ABC):
    """What `fit` reads: batches (images, labels) of one size, padded by black images of label -1.

    Attributes:
        classes: k.
        normalisation: from images to network inputs.
    """

    classes: int
    normalisation: Preprocessing

    @abstractmethod
    def divide(self, key, share: float, validation: str, candidates: int) -> None:
        """Choose the rows held out, before anything is read."""

    @abstractmethod
    def trained(self) -> Iterator[Pair]:
        """The rows to train on."""

    @abstractmethod
    def held_out(self) -> Iterator[Pair]:
        """The rows held out."""

    @abstractmethod
    def every(self) -> Iterator[Pair]:
        """All rows."""

    def statistics(self, feature_map: FeatureMap, devices: Sequence[Any] | None) -> RidgeStats:
        """Those of the rows to train on."""
        rest = self.classes, feature_map, self.normalisation, devices
        return RidgeStats.of_batches(self.trained(), *rest)

    def judged(
        self, weights: Float[np.ndarray, "r k p"], feature_map: FeatureMap, wished: bool
    ) -> tuple[Results, list[RidgeStats]]:
        """Accuracy and loss of each W(lam) on the rows held out, and their statistics if wished."""
        more = sums_of(feature_map.dim_out, self.classes, jnp.dtype(self.normalisation.dtype))
        rows = batches.judged_rows(self.held_out(), feature_map, self.normalisation)
        results = selection.judged(weights, _added_to(more, rows, wished))
        return results, [RidgeStats(*more.whole())] if wished else []

    def left_out(self, path: RidgePath, feature_map: FeatureMap, regs) -> Results:
        """Accuracy and loss of each lam, each row judged by the model of all others."""
        rows = batches.judged_rows(self.every(), feature_map, self.normalisation)
        return selection.left_out(path, rows, regs)


def _added_to(sums, rows, wished: bool):
    """The rows as they are, added to the sums on the way if that is wished."""
    for features, truth in rows:
        if wished:
            sums.add_features(features, truth)
        yield features, truth


class InArray(Source):
    """Images in an array or a file to be sliced, and all their labels."""

    def __init__(self, images, labels, classes: int | None, normalisation: Preprocessing) -> None:
        self.images = normalisation.opened(images)
        labels = checks.indices("labels", labels, count=self.images.shape[0])
        self.classes = int(labels.max(initial=-1)) + 1 if classes is None else classes
        checks.labels("labels", labels, self.classes)
        self.labels, self.normalisation = labels, normalisation

    def divide(self, key, share: float, validation: str, candidates: int) -> None:
        """Choose the rows held out, as `selection.parts`."""
        self.train, self.val = selection.parts(self.labels, key, share, validation, candidates)

    def trained(self) -> Iterator[Pair]:
        return batches.padded(self.images, self.labels[self.train], self.normalisation, self.train)

    def held_out(self) -> Iterator[Pair]:
        if not len(self.val):
            return iter(())
        return batches.padded(self.images, self.labels[self.val], self.normalisation, self.val)

    def every(self) -> Iterator[Pair]:
        return batches.padded(self.images, self.labels, self.normalisation)


class InStream(Source):
    """A stream, whose rows are held out one by one: each by a draw that its number decides.

    The first row of a class that is met is trained on, so that no class is held out as a whole. The
    draws, the batches and so every bit of the sums are the same however the stream is cut.
    """

    def __init__(self, stream: Stream, classes: int | None, normalisation: Preprocessing) -> None:
        known = stream.classes if classes is None else classes
        if known is None:
            raise ValueError(
                "how many classes a stream has is not known before it ends; give classes=k."
            )
        self.stream, self.classes, self.normalisation = stream, known, normalisation
        self.share, self.seed, self.seen = 0.0, [0], np.zeros(0, np.int64)

    def divide(self, key, share: float, validation: str, candidates: int) -> None:
        """Remember by which draws rows are held out.

        Raises: ValueError for a share outside [0, 1), none where lam is to be chosen, or for
            "stratified", which has to know how many samples a class has.
        """
        if validation == "stratified":
            raise ValueError(
                "validation='stratified' needs the number of samples of each class, which a "
                "stream does not tell before it ends; take 'random' or 'leave-one-out'."
            )
        selection.share("val_fraction", share)
        self.share = 0.0 if validation == "leave-one-out" else share
        if not self.share and candidates > 1 and validation != "leave-one-out":
            raise ValueError(
                f"val_fraction = {share} holds out nothing to choose lam by; give a share, or one "
                "lam."
            )
        self.seed = np.asarray(jax.random.key_data(key)).tolist()

    def trained(self) -> Iterator[Pair]:
        return self._part(held=False)

    def held_out(self) -> Iterator[Pair]:
        return self._part(held=True) if self.share else iter(())

    def every(self) -> Iterator[Pair]:
        return batches.filled_up(rechunked(self._rows(), batches.BATCH), batches.BATCH)

    def _part(self, held: bool) -> Iterator[Pair]:
        def chosen():
            for images, labels, out in self._drawn():
                yield images[out == held], labels[out == held]

        return batches.filled_up(rechunked(chosen(), batches.BATCH), batches.BATCH)

    def _drawn(self):
        """Chunks of rows, and which of them are held out."""
        met = np.zeros(self.classes, bool)
        for number, (images, labels) in enumerate(self._rows()):
            rng = np.random.default_rng([*self.seed, number])
            out = rng.random(len(labels)) < self.share
            for c, first in zip(*np.unique(labels, return_index=True), strict=True):
                out[first] &= met[c]
                met[c] = True
            yield images, labels, out
            del images

    def _rows(self) -> Iterator[Pair]:
        """One reading, from the first row to the last, in chunks of one size.

        Raises: ValueError if it is not the same as the first one, as far as counts tell, or if the
            first one lacks a class.
        """
        seen = np.zeros(self.classes, np.int64)
        pairs = self.stream.checked(self.normalisation, self.classes)
        for images, labels in rechunked(pairs, _DRAWN):
            seen += np.bincount(labels, minlength=self.classes)
            yield images, labels
            del images
        self.counted(seen)

    def counted(self, seen: np.ndarray) -> None:
        """Look at how many rows of each class one reading gave.

        Raises: ValueError as `_rows`.
        """
        if not len(self.seen):
            if not seen.all():
                missing = ", ".join(map(str, np.flatnonzero(seen == 0)[:5]))
                raise ValueError(
                    f"the stream has no sample of class {missing}; every one of the "
                    f"{self.classes} classes needs at least one."
                )
            self.seen = seen
        elif (seen != self.seen).any():
            c = int(np.argmax(seen != self.seen))
            raise ValueError(
                f"the stream gave {self.seen.sum()} rows when it was read first and {seen.sum()} "
                f"now, of class {c} {self.seen[c]} and {seen[c]}; it has to begin again at the "
                "same rows."
            )
