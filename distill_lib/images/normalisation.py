"""Between images (n, h, w, c) and network inputs (n, d)."""

import dataclasses
import operator
import warnings
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from distill_lib.boundary import checks
from distill_lib.boundary.door import door, floats, lazy, plain, real

_APART = 15  # the least factor between two ranges of pixels in use
_BATCH = 4096


def _sizes(shape) -> tuple[int, ...]:
    return tuple(operator.index(size) for size in shape)


def _number(value) -> float:
    return np.asarray(plain("pixel_max", value)).item()


def _numbers(values) -> tuple[float, ...]:
    return tuple(np.atleast_1d(floats("mean and std", values)).astype(np.float64).tolist())


def _dtype_name(dtype) -> str:
    name = jnp.dtype(dtype).name
    if name not in ("float32", "float64"):
        raise ValueError(f"the network inputs cannot be of {name}; give float64 or float32.")
    return name


class Normalisation(eqx.Module):
    """From images to standardised network inputs, and back.

    x = (pixel / pixel_max - mean) / std for each channel, flattened channel first as in the paper's
    released code.

    Attributes:
        shape: (h, w, c) of an image.
        pixel_max: the pixel value that stands for 1, white: the range of the images, 0..pixel_max.
        mean, std: one entry per channel, in units of pixel_max.
        dtype: of the network inputs, float64 or float32; kept by its name.
    Raises: ValueError for anything else than these.

    Example:
        >>> norm = dl.Normalisation((1, 2, 1), pixel_max=255, mean=(0.5,), std=(0.5,))
        >>> x = norm(np.array([0, 255], np.uint8).reshape(1, 1, 2, 1))
        >>> x.tolist(), norm.inverse(x).ravel().tolist()
        ([[-1.0, 1.0]], [0.0, 255.0])
    """

    shape: tuple[int, int, int] = eqx.field(static=True, converter=_sizes)
    pixel_max: float = eqx.field(static=True, converter=_number)
    mean: tuple[float, ...] = eqx.field(static=True, converter=_numbers)
    std: tuple[float, ...] = eqx.field(static=True, converter=_numbers)
    dtype: str = eqx.field(static=True, default="float64", converter=_dtype_name)

    def __check_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"an image shape is (height, width, channels), not {self.shape}.")
        fits = len(self.mean) == len(self.std) == self.shape[2]
        if not fits or not np.isfinite(self.mean + self.std).all() or min(self.std) <= 0:
            raise ValueError(
                f"normalisation needs a mean and a positive std for each of {self.shape[2]} "
                "channels, "
                f"not {self.mean} and {self.std}."
            )
        if not 0 < self.pixel_max < float("inf"):
            raise ValueError(
                f"pixel_max = {self.pixel_max} cannot stand for white; it must be above 0."
            )

    @property
    def dim(self) -> int:
        """The number of inputs d = h w c."""
        return int(np.prod(self.shape))

    def for_white(self, white: float) -> "Normalisation":
        """The normalisation that gives the same inputs from images in another range.

        Of a normalisation for 0..255, `for_white(1.0)` takes images in [0, 1].
        """
        return dataclasses.replace(self, pixel_max=white)

    def opened(self, images):
        """Images (n, h, w, c) as an array to read in `batches`.

        What lies in a file stays there, and nothing is copied.

        Raises: ValueError unless they are real numbers of that shape, n >= 1.
        """
        array = lazy("images", images)
        if len(array.shape) != 4 or tuple(array.shape[1:]) != self.shape or array.shape[0] == 0:
            raise ValueError(
                f"images have shape {tuple(array.shape)}; (n, {', '.join(map(str, self.shape))}) "
                "with n >= 1 is needed."
            )
        return array

    def check(self, images) -> None:
        """Raise ValueError unless images have the right shape and finite pixels.

        The shape is (n, h, w, c), n >= 1. The images are read in batches. It warns of images in
        another range, see `batches`.
        """
        for _ in batches(self.opened(images), _BATCH, self.pixel_max):
            pass

    def __call__(self, images) -> Float[Array, "n d"]:
        """The network inputs (n, d) of images (n, h, w, c)."""
        images = jnp.asarray(real("images", images))
        shares = images.astype(self.dtype) / self.pixel_max
        x = (shares - _channels(self.mean, self.dtype)) / _channels(self.std, self.dtype)
        return jnp.moveaxis(x, 3, 1).reshape(len(x), self.dim)

    @door()
    def inverse(self, points: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """The images of network inputs, in pixel values, white at pixel_max.

        Values outside 0..pixel_max are left as they are.
        """
        h, w, c = self.shape
        x = jnp.moveaxis(jnp.reshape(jnp.asarray(points), (-1, c, h, w)), 1, 3)
        x = x * _channels(self.std, x.dtype) + _channels(self.mean, x.dtype)
        return x * self.pixel_max


def _channels(values, dtype):
    """A number for each channel, as (1, 1, 1, c)."""
    return jnp.asarray(values, dtype)[None, None, None, :]


def taken(images, index: Int[np.ndarray, " b"]) -> np.ndarray:
    """Images by ascending numbers; of what lies in a file, slices that are no longer than those.

    Files are read by slices because single rows of them are slow, and some know nothing else.
    """
    if isinstance(images, np.ndarray | jax.Array):
        return np.asarray(real("images", images[index]))
    parts, i = [], 0
    while i < len(index):
        first = int(index[i])
        j = int(np.searchsorted(index, first + len(index)))
        part = np.asarray(real("images", images[first : int(index[j - 1]) + 1]))
        parts.append(part[index[i:j] - first])
        i = j
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def picked(images, index: Int[np.ndarray, " b"]) -> np.ndarray:
    """Images by numbers in any order, read as `taken` in batches."""
    order = np.argsort(index, kind="stable")
    ascending = index[order]
    parts = [taken(images, ascending[i : i + _BATCH]) for i in range(0, len(index), _BATCH)]
    return np.concatenate(parts)[np.argsort(order, kind="stable")]


class Pixels:
    """The range of the pixels of images that are seen batch by batch.

    The ranges in use, 0..1, 0..16, 0..255 and 0..65535, differ by a factor above 15, so images lie
    in another one than 0..white if their largest pixel is that far from white:

    - Below, for floats: bytes of dark images are bytes of dark images, and no pixel at all is black
      in every range.
    - Above, for whole numbers that are not negative: distilled images leave their range freely, but
      not in whole numbers.

    Example:
        >>> from distill_lib.images.normalisation import Pixels
        >>> pixels = Pixels(white=255)
        >>> pixels.see(np.ones((1, 2, 2, 1)))
        >>> pixels.other_range
        True
    """

    def __init__(self, white: float) -> None:
        self.white, self.largest, self.whole, self.counts = white, 0.0, True, True

    def see(self, batch: np.ndarray) -> None:
        """Look at a batch."""
        self.whole = batch.dtype.kind in "biu"
        far = _APART * self.white
        if self.whole and np.iinfo(batch.dtype if batch.dtype != bool else np.uint8).max < far:
            return
        top, bottom = float(batch.max()), float(batch.min())
        self.largest = max(self.largest, top, -bottom)
        if self.counts and self.largest >= far:
            self.counts = bottom >= 0 and (self.whole or bool((batch == np.rint(batch)).all()))

    @property
    def peaks(self) -> np.ndarray:
        """What is known so far; of several the larger entries are what they know together."""
        return np.array([self.largest, not self.whole, not self.counts], np.float64)

    @classmethod
    def of_peaks(cls, white: float, peaks: np.ndarray) -> "Pixels":
        """What was seen apart, from the larger entries of `peaks`."""
        made = cls(white)
        made.largest, made.whole, made.counts = float(peaks[0]), not peaks[1], not peaks[2]
        return made

    @property
    def other_range(self) -> bool:
        """Whether the images seem to lie in another range than 0..white."""
        dark = not self.whole and 0 < self.largest * _APART <= self.white
        return dark or (self.counts and self.largest >= _APART * self.white)

    def warn(self, stacklevel: int) -> None:
        """Warn where they do."""
        if self.other_range:
            white = self.white
            warnings.warn(
                f"the largest of the images' pixels is {self.largest:g}, but white is {white:g}, "
                f"a range of 0..{white:g}: they seem to lie in "
                f"another one. Multiply them by white / (their own white), or state their range: "
                "normalisation.for_white(1.0) for images in [0, 1], or white=1.0 when a model "
                "predicts.",
                stacklevel=stacklevel + 1,
            )


def batches(
    images, size: int, white: float | None, rows: Int[np.ndarray, " n"] | None = None
) -> Iterator[np.ndarray]:
    """Images a batch at a time, as NumPy arrays of the type they have, checked on the way.

    Each batch is read once, and checked while it is there. After the last one it warns if the
    images seem to lie in another range than 0..white, see `Pixels`.

    Args:
        images: from `Normalisation.opened`.
        size: samples in a batch.
        white: the pixel value that stands for 1; None looks at no range.
        rows: which images, by default all; ascending.
    Raises: ValueError for NaN or infinite pixels.

    Example:
        >>> from distill_lib.images.normalisation import batches
        >>> [batch.shape for batch in batches(np.ones((3, 8, 8, 1)), size=2, white=1.0)]
        [(2, 8, 8, 1), (1, 8, 8, 1)]
    """
    pixels = None if white is None else Pixels(white)
    n = images.shape[0] if rows is None else len(rows)
    for start in range(0, n, size):
        stop = min(start + size, n)
        index = np.arange(start, stop) if rows is None else rows[start:stop]
        if rows is None:
            batch = np.asarray(real("images", images[start:stop]))
        else:
            batch = taken(images, index)
        checks.finite("images", batch, index)
        if pixels:
            pixels.see(batch)
        yield batch
        del batch
    if pixels:
        pixels.warn(stacklevel=3)
