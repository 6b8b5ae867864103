"""The training set of a fit in partitions, and which source a training set is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from distill_lib.engines import engine_of
from distill_lib.features import FeatureMap
from distill_lib.images.partitions import Partitions
from distill_lib.images.streams import given
from distill_lib.images.whitening import Preprocessing
from distill_lib.ridge import selection
from distill_lib.ridge.path import RidgePath
from distill_lib.ridge.sources import InArray, InStream, Results, Source
from distill_lib.ridge.statistics import RidgeStats
from distill_lib.ridge.works import (
    Judged,
    LeftOut,
    OfRows,
    Part,
    Statistics,
    given_in_parts,
    summed,
)


class InPartitions(InStream):
    """Partitions, of which each row is held out by a draw that its partition and place decide."""

    def __init__(
        self, parts: Partitions, classes: int | None, normalisation: Preprocessing, engine: Any
    ) -> None:
        super().__init__(parts, classes, normalisation)
        self.parts, self.engine = parts, engine_of(engine)

    def statistics(self, feature_map: FeatureMap, devices: Sequence[Any] | None) -> RidgeStats:
        return self._statistics(feature_map, held=False)

    def judged(
        self, weights: Float[np.ndarray, "r k p"], feature_map: FeatureMap, wished: bool
    ) -> tuple[Results, list[RidgeStats]]:
        if not self.share:
            return [], []
        work = Judged(**self._form(feature_map, held=True), weights=weights)
        more = [self._statistics(feature_map, held=True)] if wished else []
        n, right, loss = self._total(work)
        return selection.shares(int(n), right, loss), more

    def left_out(self, path: RidgePath, feature_map: FeatureMap, regs) -> Results:
        work = LeftOut(**self._form(feature_map, held=False), path=path, regs=regs)
        n, right, loss = self._total(work)
        return selection.shares(int(n), right, loss)

    def _form(self, feature_map, held: bool) -> dict[str, Any]:
        part = Part(tuple(self.seed), self.share, held)
        form = {"normalisation": self.normalisation, "classes": self.classes, "part": part}
        return form | {"feature_map": feature_map}

    def _statistics(self, feature_map, held: bool) -> RidgeStats:
        return RidgeStats.of_sums(self._total(Statistics(**self._form(feature_map, held))))

    def _total(self, work: OfRows) -> tuple[np.ndarray, ...]:
        *sums, seen = summed(work, self.parts, self.engine)
        self.counted(seen)
        return tuple(sums)


def source_of(
    images, labels, classes: int | None, normalisation: Preprocessing, engine: Any, devices: Any
) -> Source:
    """The source of a fit: partitions, a stream, or an array with its labels.

    Raises: ValueError for labels out of range or an empty class, images of the wrong shape, a
        stream with labels beside it, or an array without; ValueError for partitions on devices.
    """
    if (parts := given_in_parts(images, labels, engine)) is not None:
        if devices is not None:
            raise ValueError(
                "partitions are computed by an engine and not shared by devices; give one of the "
                "two."
            )
        if classes is None and parts.classes is None and labels is not None:
            classes = int(np.max(np.asarray(labels), initial=-1)) + 1
        return InPartitions(parts, classes, normalisation, engine)
    if stream := given(images, labels):
        return InStream(stream, classes, normalisation)
    return InArray(images, labels, classes, normalisation)
