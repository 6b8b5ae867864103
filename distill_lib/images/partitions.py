"""Labelled images in numbered partitions, any of which can be made anywhere, in any order."""

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np

from distill_lib.boundary import checks
from distill_lib.boundary.door import lazy
from distill_lib.images.streams import SIZE, Stream

_HANDLE = 2**20  # bytes that a file which only says where it lies is pickled to at most


class Partitions(Stream):
    """Labelled images in numbered partitions: a training set that several workers share.

    `dl.fit`, `RidgeStats.of_images`, `RidgeModel.accuracy` and `Whitening.of` take one in the place
    of images, with None for the labels, and an `engine` that computes the partitions. Sums over
    them are added in a tree that depends on their number alone. It is a `Stream` too: one partition
    after the other.

    Attributes:
        piece: from the number of a partition to a function without arguments that makes it, a pair
            of images (b, h, w, c) and class indices (b,), where it is called.
        count: how many there are.
        classes: k, where it is known.

    Example:
        >>> def made(number):  # any worker makes any partition
        ...     rng = np.random.default_rng(number)
        ...     labels = rng.integers(0, 2, 100)
        ...     return rng.normal(labels[:, None, None, None], 0.1, (100, 1, 1, 1)), labels
        >>> norm = dl.Normalisation((1, 1, 1), pixel_max=1, mean=(0.5,), std=(0.5,))
        >>> parts = dl.Partitions(made, count=5, classes=2)
        >>> model = dl.fit(parts, None, dl.Linear(1), norm, key=jax.random.key(0), regs=(0.1,))
        >>> model.accuracy(parts, None)
        1.0
    """

    def __init__(self, make: Callable[[int], Any], count: int, classes: int | None = None) -> None:
        if not callable(make):
            raise ValueError(
                f"partitions are made by a function of their number, not by a "
                f"{type(make).__name__}."
            )
        if count < 1:
            raise ValueError(f"{count} partitions hold nothing; there must be at least one.")
        self.piece: Callable[[int], Callable[[], Any]] = partial(partial, make)
        self.count = count
        super().__init__(self._in_turn, classes)

    def _in_turn(self):
        return (self.piece(number)() for number in range(self.count))

    @classmethod
    def of_arrays(
        cls, images, labels, classes: int | None = None, size: int = SIZE
    ) -> "Partitions":
        """Slices of `size` rows of two arrays.

        A memory map is opened anew wherever a slice is made, and so is any file that can be pickled
        as a handle, as an array of Zarr. Arrays in memory are sent slice by slice to a cluster,
        whose scheduler keeps them until the sum is there: for large ones give a function instead.

        Raises: ValueError as `Stream.of_arrays`; ValueError for a file that is no handle.
        """
        checks.batch(size)
        images, labels = lazy("images", images), lazy("labels", labels)
        checks.one_label_each(images.shape[0], labels.shape)
        sliced = _opened_anew("images", images), _opened_anew("labels", labels)

        def piece(number: int):
            rows = slice(number * size, min((number + 1) * size, images.shape[0]))
            return partial(_slices, *(array.part(rows) for array in sliced))

        made = cls(piece, max(-(-images.shape[0] // size), 1), classes)
        made.piece = piece
        return made

    @classmethod
    def of_dask(cls, images, labels, classes: int | None = None) -> "Partitions":
        """The blocks of an array of Dask along the samples, with labels of Dask or any other kind.

        Raises: ValueError for images that are cut along another axis, or other numbers of rows.
        """
        if any(len(cuts) > 1 for cuts in images.chunks[1:]):
            raise ValueError(
                "the images are cut within pictures; rechunk them along the samples alone: "
                "images.rechunk({0: 'auto', 1: -1, 2: -1, 3: -1})."
            )
        cuts = images.chunks[0]
        checks.one_label_each(images.shape[0], labels.shape)
        ends = np.cumsum(cuts)
        blocks = images.to_delayed().ravel()
        sliced = [labels[end - size : end] for end, size in zip(ends, cuts, strict=True)]

        def piece(number: int):
            return Block(blocks[number], sliced[number])

        made = cls(piece, len(cuts), classes)
        made.piece = piece
        return made


class Block:
    """A partition of a collection of Dask: `delayed` is computed where it is needed."""

    def __init__(self, images, labels) -> None:
        import dask

        self.delayed = dask.delayed(_pair)(images, labels)

    def __call__(self):
        """The partition, computed by this process."""
        return self.delayed.compute(scheduler="synchronous")


class _Sliced:
    """An array whose slices are sent."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def part(self, rows: slice) -> Callable[[], np.ndarray]:
        return partial(np.asarray, self.array[rows])


class _Handle:
    """A file of which its handle and the rows are sent."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def part(self, rows: slice) -> Callable[[], np.ndarray]:
        return partial(_rows, self.handle, rows)


class _Map:
    """Where a memory map lies."""

    def __init__(self, array: np.memmap) -> None:
        self.name, self.dtype, self.shape = str(array.filename), array.dtype, array.shape
        self.offset, self.rows_first = array.offset, array.flags.c_contiguous

    def __getitem__(self, rows: slice) -> np.ndarray:
        order: Literal["C", "F"] = "C" if self.rows_first else "F"
        return np.memmap(self.name, self.dtype, "r", self.offset, self.shape, order)[rows]


def _opened_anew(name: str, array: Any) -> _Sliced | _Handle:
    if isinstance(array, np.memmap) and array.filename and not isinstance(array.base, np.memmap):
        return _Handle(_Map(array))
    if isinstance(array, np.ndarray) or hasattr(array, "devices"):
        return _Sliced(array)
    try:
        if len(pickle.dumps(array)) <= _HANDLE:
            return _Handle(array)
        reason = "it is sent with its contents"
    except Exception as error:
        reason = str(error).split("\n")[0].rstrip(".")
    raise ValueError(
        f"{name} ({type(array).__name__}) cannot be opened anew by each worker: {reason}; give "
        "dl.Partitions(function, count) whose function opens the file and reads one partition."
    )


def _rows(handle: Any, rows: slice) -> np.ndarray:
    return np.asarray(handle[rows])


def _slices(images: Callable[[], np.ndarray], labels: Callable[[], np.ndarray]):
    return images(), labels()


def _pair(images, labels):
    return images, labels
