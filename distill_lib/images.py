"""Between images (n, h, w, c) and network inputs (n, d), and pictures to look at."""

from collections.abc import Sequence
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, UInt8

from distill_lib import _checks


class Normalisation(eqx.Module):
    """x = (pixel / pixel_max - mean) / std for each channel, flattened channel first as in the paper's released code.

    Attributes:
        shape: (h, w, c) of an image.
        pixel_max: the pixel value that stands for 1.
        mean, std: one entry per channel, in units of pixel_max.
        dtype: of the network inputs.
    """

    shape: tuple[int, int, int] = eqx.field(static=True)
    pixel_max: float = eqx.field(static=True)
    mean: tuple[float, ...] = eqx.field(static=True)
    std: tuple[float, ...] = eqx.field(static=True)
    dtype: str = eqx.field(static=True, default="float64")

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

    def check(self, images) -> None:
        """Raise ValueError unless images have shape (n, h, w, c), n >= 1, and no NaN or infinite pixel."""
        if not hasattr(images, "dtype") or np.dtype(images.dtype).kind not in "uif":
            raise ValueError(f"images must be an array of real numbers, not {type(images).__name__}.")
        shape = images.shape
        if len(shape) != 4 or shape[1:] != self.shape or shape[0] == 0:
            raise ValueError(
                f"images have shape {shape}; (n, {', '.join(map(str, self.shape))}) with n >= 1 is needed."
            )
        _checks.finite("images", images)

    def __call__(self, images) -> Float[Array, "n d"]:
        """Network inputs of images (n, h, w, c)."""
        x = (jnp.asarray(images).astype(self.dtype) / self.pixel_max - jnp.asarray(self.mean, self.dtype)) / (
            jnp.asarray(self.std, self.dtype)
        )
        return jnp.moveaxis(x, 3, 1).reshape(len(x), self.dim)

    def inverse(self, points: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """Images in pixel values, white at pixel_max; values outside 0..pixel_max are left as they are."""
        h, w, c = self.shape
        x = jnp.moveaxis(jnp.reshape(jnp.asarray(points), (-1, c, h, w)), 1, 3)
        return (x * jnp.asarray(self.std, x.dtype) + jnp.asarray(self.mean, x.dtype)) * self.pixel_max


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
    x = np.asarray(images, np.float64)
    if x.ndim != 4 or not x.size or x.shape[3] not in (1, 3) or columns < 1:
        raise ValueError(
            f"a picture grid needs images (n, h, w, 1 or 3) and at least one column, not shape {x.shape} and {columns}."
        )
    _checks.finite("images", x)
    if white is not None:
        if not (_checks.number(white) and white > 0):
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
    """Write an RGB picture; the ending of the path chooses the format."""
    from PIL import Image

    Image.fromarray(picture).save(path)


def balanced_sample(key: PRNGKeyArray, labels: Sequence[int], m: int, classes: int) -> np.ndarray:
    """Indices of m random samples, as many of each class as of any other, in rounds 0, 1, ..., k-1, 0, 1, ...

    When k does not divide m, the last round stops early.

    Raises: ValueError if m < 1, a class is empty, or a class has too few samples.
    """
    values = np.asarray(labels)
    _checks.labels("labels", values, classes)
    rounds, fewest = -(-m // classes), int(np.bincount(values, minlength=classes).min())
    if not 1 <= rounds <= fewest:
        raise ValueError(
            f"{m} class-balanced samples of {classes} classes were asked for, but the smallest class has {fewest}; "
            f"choose 1..{fewest * classes}."
        )
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    chosen = [rng.choice(np.flatnonzero(values == c), rounds, replace=False) for c in range(classes)]
    return np.stack(chosen, axis=1).reshape(-1)[:m]
