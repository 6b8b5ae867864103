"""Between images (n, h, w, c) and network inputs (n, d), and pictures to look at."""

import dataclasses
import operator
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray, UInt8

from distill_lib.boundary import checks
from distill_lib.boundary.door import door, floats, lazy, plain, real
from distill_lib.boundary.files import replacing

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
    """x = (pixel / pixel_max - mean) / std for each channel, flattened channel first as in the paper's released code.

    Attributes:
        shape: (h, w, c) of an image.
        pixel_max: the pixel value that stands for 1, white: the range of the images, 0..pixel_max.
        mean, std: one entry per channel, in units of pixel_max.
        dtype: of the network inputs, float64 or float32; kept by its name.
    Raises: ValueError for anything else than these.
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
                f"normalisation needs a mean and a positive std for each of {self.shape[2]} channels, "
                f"not {self.mean} and {self.std}."
            )
        if not 0 < self.pixel_max < float("inf"):
            raise ValueError(f"pixel_max = {self.pixel_max} cannot stand for white; it must be above 0.")

    @property
    def dim(self) -> int:
        """d = h w c."""
        return int(np.prod(self.shape))

    def for_white(self, white: float) -> "Normalisation":
        """The same inputs from images in another range: of a normalisation for 0..255, `for_white(1.0)` takes images in [0, 1]."""
        return dataclasses.replace(self, pixel_max=white)

    def opened(self, images):
        """Images (n, h, w, c) as an array to read in `batches`: what lies in a file stays there, and nothing is copied.

        Raises: ValueError unless they are real numbers of that shape, n >= 1.
        """
        array = lazy("images", images)
        if len(array.shape) != 4 or tuple(array.shape[1:]) != self.shape or array.shape[0] == 0:
            raise ValueError(
                f"images have shape {tuple(array.shape)}; (n, {', '.join(map(str, self.shape))}) with n >= 1 is needed."
            )
        return array

    def check(self, images) -> None:
        """Raise ValueError unless images have shape (n, h, w, c), n >= 1, and no NaN or infinite pixel; read in batches.

        Warns of images in another range, see `batches`.
        """
        for _ in batches(self.opened(images), _BATCH, self.pixel_max):
            pass

    def __call__(self, images) -> Float[Array, "n d"]:
        """Network inputs of images (n, h, w, c)."""
        images = jnp.asarray(real("images", images))
        x = (images.astype(self.dtype) / self.pixel_max - jnp.asarray(self.mean, self.dtype)) / (
            jnp.asarray(self.std, self.dtype)
        )
        return jnp.moveaxis(x, 3, 1).reshape(len(x), self.dim)

    @door()
    def inverse(self, points: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """Images in pixel values, white at pixel_max; values outside 0..pixel_max are left as they are."""
        h, w, c = self.shape
        x = jnp.moveaxis(jnp.reshape(jnp.asarray(points), (-1, c, h, w)), 1, 3)
        return (x * jnp.asarray(self.std, x.dtype) + jnp.asarray(self.mean, x.dtype)) * self.pixel_max


def batches(
    images, size: int, white: float | None, rows: Int[np.ndarray, " n"] | None = None
) -> Iterator[np.ndarray]:
    """Images a batch at a time, as NumPy arrays of the type they have, each batch read once, and checked while it is there.

    After the last one it warns if they seem to lie in another range than 0..white. The ranges in use, 0..1, 0..16, 0..255 and
    0..65535, differ by a factor above 15, so it is another one if the largest pixel is that far from white:
    below, for floats (bytes of dark images are bytes of dark images, and no pixel at all is black in every range); above, for whole
    numbers that are not negative (distilled images leave their range freely, but not in whole numbers).

    Args:
        images: from `Normalisation.opened`.
        size: samples in a batch.
        white: the pixel value that stands for 1; None looks at no range.
        rows: which images, by default all; ascending.
    Raises: ValueError for NaN or infinite pixels.
    """
    largest, whole, counts = 0.0, True, True
    n = len(images) if rows is None else len(rows)
    for start in range(0, n, size):
        stop = min(start + size, n)
        index = np.arange(start, stop) if rows is None else rows[start:stop]
        batch = np.asarray(real("images", images[start:stop] if rows is None else images[index]))
        checks.finite("images", batch, index)
        whole = batch.dtype.kind in "biu"
        if white is not None and not (
            whole and np.iinfo(batch.dtype if batch.dtype != bool else np.uint8).max < _APART * white
        ):
            top, bottom = float(batch.max()), float(batch.min())
            largest = max(largest, top, -bottom)
            if counts and largest >= _APART * white:
                counts = bottom >= 0 and (whole or bool((batch == np.rint(batch)).all()))
        yield batch
    if white is None:
        return
    dark = not whole and 0 < largest * _APART <= white
    if dark or (counts and largest >= _APART * white):
        warnings.warn(
            f"the largest of the images' pixels is {largest:g}, but white is {white:g}, a range of 0..{white:g}: they seem to lie in "
            f"another one. Multiply them by white / (their own white), or state their range: "
            "normalisation.for_white(1.0) for images in [0, 1], or white=1.0 when a model predicts.",
            stacklevel=3,
        )


def picture_grid(
    images: Float[ArrayLike, "n h w c"],
    columns: int = 10,
    *,
    white: float | None = None,
    gap: int = 1,
    zoom: int = 1,
) -> UInt8[np.ndarray, "height width 3"]:
    """Images in rows of `columns` on white, as an RGB picture.

    Args:
        white: the value shown as white, 0 being black, clipped outside; None shows each image's own range.
        gap: pixels between images.
        zoom: each pixel becomes zoom x zoom.
    Raises: ValueError for no images, not finite ones, other than 1 or 3 channels, or a white that is not above 0.
    """
    x = np.asarray(floats("images", images), np.float64)
    if x.ndim != 4 or not x.size or x.shape[3] not in (1, 3) or columns < 1:
        raise ValueError(
            f"a picture grid needs images (n, h, w, 1 or 3) and at least one column, not shape {x.shape} and {columns}."
        )
    checks.finite("images", x)
    if white is not None:
        if not (checks.number(white) and white > 0):
            raise ValueError(
                f"white = {white!r} cannot be shown as white; it must be above 0, which is black."
            )
        x = x / white
    else:
        low, high = x.min((1, 2, 3), keepdims=True), x.max((1, 2, 3), keepdims=True)
        x = (x - low) / np.where(high > low, high - low, 1)
    n, h, w, c = x.shape
    rows = -(-n // columns)
    canvas = np.ones((rows, columns, h + gap, w + gap, 3))
    canvas.reshape(-1, h + gap, w + gap, 3)[:n, :h, :w] = x if c == 3 else x[..., :1]
    picture = canvas.swapaxes(1, 2).reshape(rows * (h + gap), columns * (w + gap), 3)
    picture = picture[: rows * (h + gap) - gap, : columns * (w + gap) - gap]
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8).repeat(zoom, 0).repeat(zoom, 1)


def save_picture(picture: UInt8[np.ndarray, "height width 3"], path: str | Path) -> None:
    """Write an RGB picture, whole or not at all; the ending of the path chooses the format.

    Raises: ValueError for another array or an ending that names no format, OSError if the file cannot be written.
    """
    from PIL import Image

    values = np.asarray(picture)
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[2] != 3 or not values.size:
        raise ValueError(
            f"a picture is (height, width, 3) of unsigned bytes, not {values.shape} of {values.dtype}; "
            "picture_grid makes one."
        )
    ending = Path(path).suffix.lower()
    form = Image.registered_extensions().get(ending)
    if form not in Image.SAVE:
        raise ValueError(f"the ending '{ending}' of {path} names no format of pictures; take .png.")
    content = BytesIO()
    Image.fromarray(values).save(content, form)
    with replacing(path) as file:
        file.write(content.getbuffer())


@door()
def balanced_sample(key: PRNGKeyArray, labels: Int[ArrayLike, " n"], m: int, classes: int) -> np.ndarray:
    """Indices of m random samples, as many of each class as of any other, in rounds 0, 1, ..., k-1, 0, 1, ...

    When k does not divide m, the last round stops early.

    Raises: ValueError if m < 1, a class is empty, or a class has too few samples.
    """
    values = np.asarray(labels)
    checks.labels("labels", values, classes)
    rounds, fewest = -(-m // classes), int(np.min(np.bincount(values, minlength=classes)))
    if not 1 <= rounds <= fewest:
        raise ValueError(
            f"{m} class-balanced samples of {classes} classes were asked for, but the smallest class has {fewest}; "
            f"choose 1..{fewest * classes}."
        )
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    chosen = [rng.choice(np.flatnonzero(values == c), rounds, replace=False) for c in range(classes)]
    return np.stack(chosen, axis=1).reshape(-1)[:m]
