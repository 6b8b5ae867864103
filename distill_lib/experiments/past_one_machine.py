"""Training sets past one machine: in every form, of every size, and W from passes without G.

The whole way at the shape of ImageNet is in `imagenet_shape`.
"""

import operator
import tempfile
import tracemalloc
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int, UInt8

from distill_lib import paper
from distill_lib.data import load
from distill_lib.engines import InOrder, PartitionError
from distill_lib.experiments.common import relative_error
from distill_lib.features import Linear
from distill_lib.images import (
    Normalisation,
    Partitions,
    Stream,
    generated_normalisation,
    generated_partitions,
)
from distill_lib.ridge import RidgeStats
from distill_lib.ridge.matrix_free import fit_matrix_free

Row = dict[str, Any]
TOL = 1e-8  # of the residual, where both solutions are at hand


class Counted:
    """Rows as they are handed out; `most` is how many were alive at once."""

    def __init__(self) -> None:
        self.alive = self.most = 0

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        made = rows.copy()
        self.alive += len(made)
        self.most = max(self.most, self.alive)
        weakref.finalize(made, self._forget, len(made))
        return made

    def _forget(self, count: int) -> None:
        self.alive -= count


class File:
    """An array that can be sliced and nothing else, as one of HDF5 or Zarr."""

    def __init__(self, array: np.ndarray, seen: Counted) -> None:
        self.array, self.seen, self.shape, self.dtype = array, seen, array.shape, array.dtype

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self.seen(self.array[rows])


class TrainingSet(NamedTuple):
    """Images with their classes, and linear features of their pixels.

    Attributes:
        info: of `load`; None of generated images.
    """

    images: UInt8[np.ndarray, "n h w c"]
    labels: Int[np.ndarray, " n"]
    classes: int
    norm: Normalisation
    info: Any = None

    @property
    def name(self) -> str:
        """What the rows are recorded under."""
        return self.info.name if self.info else f"generated {self.norm.shape[0]}"

    @property
    def phi(self) -> Linear:
        """The features."""
        return Linear(self.norm.dim)

    def stats(self, images, labels=None, engine=None) -> RidgeStats:
        """The statistics of these images in some form."""
        rest = self.classes, self.phi, self.norm
        return RidgeStats.of_images(images, labels, *rest, engine=engine)


def training_set(
    dataset: str | None = None, size: int = 32, classes: int = 10, rows: int = 1000
) -> TrainingSet:
    """The training images of a data set; without one, generated images.

    Args: size, classes, rows: of generated images: pixels a side, k and n.
    """
    if dataset is None:
        images, labels = generated_partitions(1, size, classes, rows=rows).piece(0)()
        return TrainingSet(images, labels, classes, generated_normalisation(size))
    data = load(dataset)
    norm, k = paper.normalisation(data.info), len(data.info.classes)
    return TrainingSet(data.x_train, data.y_train, k, norm, data.info)


def lam(stats: RidgeStats, share: float) -> float:
    """Lambda as a share of the trace of G."""
    return share * float(np.trace(np.asarray(stats.gram)))


def forms(data: TrainingSet, size: int, share: float) -> list[Row]:
    """One training set in seven forms: W, bits and rows alive, beside those of the array.

    Args:
        size: rows in a partition and in a batch of the stream.
        share: lambda as a share of the trace of G.
    Returns: a row a form: the relative error of W; "same bits as", another form or none, with
        "same bits"; and how many of the rows that were read were alive at most.
    """
    images, labels, k = data.images, data.labels, data.classes
    count, seen = -(-len(labels) // size), Counted()

    def piece(number: int, last: int = count):
        if number >= last:
            raise OSError("stopped")
        part = slice(number * size, (number + 1) * size)
        return seen(images[part]), labels[part]

    def streamed(cut: int) -> RidgeStats:
        return data.stats(Stream.of_arrays(File(images, seen), labels, k, cut))

    def in_order(last: int = count, spill: str | None = None) -> RidgeStats:
        parts = Partitions(partial(piece, last=last), count, k)
        return data.stats(parts, engine=InOrder(spill=spill))

    def resumed() -> RidgeStats:
        with tempfile.TemporaryDirectory() as folder:
            with suppress(PartitionError):
                in_order(count // 2, folder)
            return in_order(spill=folder)

    made: dict[str, tuple[str, Callable[[], RidgeStats]]] = {
        "array": ("", lambda: data.stats(seen(images), labels)),
        "file, by slices": ("array", lambda: data.stats(File(images, seen), labels)),
        "stream": ("", lambda: streamed(size)),
        "stream, cut elsewhere": ("stream", lambda: streamed(2 * size // 3 + 1)),
        "partitions in order": ("", in_order),
        "partitions, stopped and resumed": ("partitions in order", resumed),
        "sums of parts, added": (
            "",
            lambda: reduce(operator.add, (data.stats(*piece(i)) for i in range(count))),
        ),
    }
    found: dict[str, RidgeStats] = {}
    rows = []
    for form, (other, of) in made.items():
        seen.most = seen.alive
        found[form] = of()
        weights, wanted = (
            one.solve(lam(found["array"], share)) for one in (found[form], found["array"])
        )
        rows.append({"form": form, "error": relative_error(weights, wanted), "alive": seen.most})
        if other:
            same = same_bits(found[form], found[other])
            rows[-1] |= {"same bits as": other, "same bits": same}
    return rows


def same_bits(one: RidgeStats, other: RidgeStats) -> bool:
    """Whether all sums agree to the last bit."""
    leaves = (map(np.asarray, jax.tree.leaves(stats)) for stats in (one, other))
    return all(a.tobytes() == b.tobytes() for a, b in zip(*leaves, strict=True))


def growing(counts: Sequence[int], size: int, classes: int, rows: int) -> list[Row]:
    """Statistics of more and more partitions of generated images, and what is alive at most.

    Returns: by number of partitions, the images, how many rows were alive at most, how many bytes
        NumPy held at most, and the bytes of the images.
    """
    phi, norm, found = Linear(3 * size * size), generated_normalisation(size), []
    for count in (min(counts), *counts):  # the first one compiles
        parts, seen = generated_partitions(count, size, classes, rows=rows), Counted()
        stream = Stream(partial(in_turn, parts, seen), classes)
        tracemalloc.start()
        try:
            stats = RidgeStats.of_images(stream, None, classes, phi, norm)
            held = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        n = int(stats.count)
        whole = n * 3 * size * size
        found.append({"n": n, "alive": seen.most, "bytes alive": held, "bytes": whole})
    return found[1:]


def in_turn(parts: Partitions, seen: Counted) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One partition after the other."""
    for number in range(parts.count):
        images, labels = parts.piece(number)()
        yield seen(images), labels
        del images, labels


def exponent(rows: Sequence[Row], name: str) -> float:
    """The exponent of a column in n: the slope between logarithms, by least squares."""
    n, values = (np.log([row[key] for row in rows]) for key in ("n", name))
    return round(float(np.polyfit(n, values, 1)[0]), 6) + 0.0  # no -0


def solutions(
    data: TrainingSet, rows: int, shares: Sequence[float], sketches: Sequence[int]
) -> list[Row]:
    """W from passes over some images beside W from G by Cholesky, by lambda and rank of the sketch.

    Returns: passes, forecast, residual relative to ||C||, the relative error of W and the bound for
        it, ||R|| / (lambda ||W||).
    """
    images, labels, found = data.images[:rows], data.labels[:rows], []
    stats = data.stats(images, labels)
    for share in shares:
        reg = lam(stats, share)
        exact = np.asarray(stats.solve(reg))
        for sketch in sketches:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "after .* passes")  # the row says so
                made = fit_matrix_free(
                    images, labels, data.phi, data.norm, reg=reg, key=jax.random.key(0),
                    classes=data.classes, sketch=sketch, tol=TOL, max_passes=500,
                )  # fmt: skip
            apart = made.residual * float(np.linalg.norm(np.asarray(stats.cross)))
            numbers = {"share": share, "sketch": sketch, "passes": made.passes}
            numbers |= {"forecast": made.forecast, "residual": made.residual}
            error = relative_error(made.model.weights, exact)
            bound = apart / (reg * float(np.linalg.norm(exact)))
            found.append(numbers | {"error": error, "bound": bound, "converged": made.converged})
    return found
