"""Labelled images that come in batches and are never held as a whole."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from distill_lib.boundary import checks
from distill_lib.boundary.door import lazy, real
from distill_lib.images.normalisation import Pixels

if TYPE_CHECKING:
    from distill_lib.images.whitening import Preprocessing

Pair = tuple[np.ndarray, Int[np.ndarray, " b"]]
SIZE = 2048  # rows read at a time where it is for us to say


class Stream:
    """Labelled images in batches, which can be read again from the start.

    `dl.fit` and `RidgeStats.of_images` take one in the place of images, with None for the labels.
    They hold one batch at a time, so that a training set may be of any size.

    Attributes:
        make: a function without arguments that begins to read: it returns an iterator of pairs,
            images (b, h, w, c) and class indices (b,), with any b.
        classes: k, where it is known.

    Example:
        >>> def batches():
        ...     for shift in (0, 1):
        ...         yield np.full((3, 1, 1, 1), shift), np.full(3, shift)
        >>> norm = dl.Normalisation((1, 1, 1), pixel_max=1, mean=(0.5,), std=(0.5,))
        >>> stream = dl.Stream(batches, classes=2)
        >>> dl.fit(stream, None, dl.Linear(1), norm, key=jax.random.key(0), regs=(0.1,)).reg
        0.1
    """

    def __init__(self, make: Callable[[], Iterable], classes: int | None = None) -> None:
        if not callable(make):
            raise ValueError(
                f"a stream is read more than once, and this {type(make).__name__} is no function "
                "that begins to read: give the generator function itself, not what it returns."
            )
        self.make, self.classes = make, classes

    @classmethod
    def of_arrays(cls, images, labels, classes: int | None = None, size: int = SIZE) -> "Stream":
        """The images and labels of two arrays that are read by slices of `size` rows.

        Memory maps, data sets of HDF5 and arrays of Zarr stay where they are.

        Raises: ValueError for a size below 1, what cannot be sliced, or other numbers of rows.
        """
        checks.batch(size)
        images, labels = lazy("images", images), lazy("labels", labels)
        checks.one_label_each(images.shape[0], labels.shape)

        def make():
            for start in range(0, images.shape[0], size):
                stop = start + size
                yield images[start:stop], labels[start:stop]

        return cls(make, classes)

    def checked(self, normalisation: "Preprocessing", classes: int) -> Iterator[Pair]:
        """The batches as NumPy arrays, each checked while it is there.

        It warns of images in another range, as `normalisation.batches`.

        Raises: ValueError that names the batch, for what is no pair of images of the right shape
            and labels in range, or for pixels that are not finite.
        """
        pixels, number, rows = Pixels(normalisation.pixel_max), -1, 0
        for number, pair in enumerate(self.make()):
            images, labels = checked_pair(pair, f"batch {number}", normalisation, classes)
            del pair
            if len(images):
                pixels.see(images)
                rows += len(images)
                yield images, labels
            del images, labels
        if not rows:
            raise ValueError(f"the stream gave {number + 1} batches without any image.")
        pixels.warn(stacklevel=2)


def given(images: Any, labels: Any) -> Stream | None:
    """A stream where images are one, or a function that begins to read one; else None.

    Raises: ValueError for an iterator, which could be read once, for labels beside a stream, and
        for none beside an array.
    """
    stream = images if isinstance(images, Stream) else None
    begins = callable(images) and not hasattr(images, "shape")
    if stream is None and (begins or isinstance(images, Iterator)):
        stream = Stream(images)  # which refuses an iterator
    if stream and labels is not None:
        raise ValueError("a stream brings its labels with it: give None for the labels.")
    if not stream and labels is None:
        raise ValueError("labels are missing; only a stream brings its own.")
    return stream


def rechunked(pairs: Iterable[Pair], size: int) -> Iterator[Pair]:
    """The same rows in chunks of `size`, the last one perhaps shorter, however they were cut.

    Rows are copied, so that no batch is held longer than its turn.

    Example:
        >>> from distill_lib.images.streams import rechunked
        >>> pairs = [(np.ones((n, 1)), np.zeros(n, int)) for n in (3, 1, 3)]
        >>> [len(x) for x, _ in rechunked(pairs, 2)]
        [2, 2, 2, 1]
    """
    chunk, truth, filled = np.empty(0), np.empty(0, np.int64), 0
    for images, labels in pairs:
        start = 0
        while start < len(images):
            if not filled:
                chunk = np.empty((size, *images.shape[1:]), images.dtype)
                truth = np.empty(size, np.int64)
            stop = min(start + size - filled, len(images))
            end = filled + stop - start
            # A wider type where batches have several.
            chunk = chunk.astype(np.result_type(chunk, images), copy=False)
            chunk[filled:end], truth[filled:end] = images[start:stop], labels[start:stop]
            start, filled = stop, end
            if filled == size:
                yield chunk, truth
                chunk, filled = np.empty(0), 0
        del images, labels
    if filled:
        yield chunk[:filled], truth[:filled]


def checked_pair(
    pair: Any, where: str, normalisation: "Preprocessing", classes: int | None
) -> Pair:
    """A pair of images and labels as NumPy arrays.

    Labels may be of any class where their number is None.

    Raises: as `Stream.checked`; `where` names what the pair is, as "batch 3".
    """
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise ValueError(f"{where} is {_what(pair)}; a pair (images, labels) is needed.")
    images = np.asarray(real(name := f"images of {where}", pair[0]))
    if images.ndim != 4 or images.shape[1:] != normalisation.shape:
        raise ValueError(
            f"{name} have shape {images.shape}; "
            f"(b, {', '.join(map(str, normalisation.shape))}) is needed."
        )
    checks.finite(name, images)
    name = f"labels of {where}"
    labels = checks.indices(name, real(name, pair[1]), count=len(images))
    if classes is not None:
        checks.labels(name, labels, classes, every=False)
    return images, labels


def _what(pair: Any) -> str:
    size = f" of {len(pair)}" if isinstance(pair, tuple | list) else ""
    return f"a {type(pair).__name__}{size}"
