"""Images as b-bit integers, and back.

A pixel is offset + scale * code, with codes 0, ..., 2^b - 1.

Distilled images are real numbers, often far outside 0..pixel_max, so a scale and an offset are
stored beside the integers. Labels stay as they are: they are k numbers an image.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import ArrayLike, Float, UInt

from distill_lib.boundary import checks
from distill_lib.boundary.door import door

Limits = str | tuple[float, float]


class Stored(NamedTuple):
    """Quantised images: the integers, and what they stand for.

    Attributes:
        codes: (m, ...) integers 0..2^bits - 1, of the smallest unsigned type that holds them.
        scale: the step from one code to the next; one for the set, or one per image with axes of
            length 1 behind it.
        offset: the value of code 0, shaped like the scale.
    """

    codes: UInt[np.ndarray, "m ..."]
    scale: Float[np.ndarray, "..."]
    offset: Float[np.ndarray, "..."]


@door()
def quantise(images: Float[ArrayLike, "m ..."], bits: int, limits: Limits = "set") -> Stored:
    """Round images to 2^bits evenly spaced values.

    Args:
        images: (m, ...) real numbers; any shape behind the first axis.
        bits: b, 1 to 32.
        limits: the lowest and the highest value stored: "set", those of the whole set; "image",
            those of each image, with a scale and an offset each; or a pair, (0, 255) for ordinary
            8-bit pixels, and what lies outside is clipped to it.
    Returns: the codes, for which `restore` is off by at most half a scale wherever nothing was
        clipped. An image (or set) of one constant value has scale 0 and is stored exactly.
    Raises: ValueError for no images or not finite ones, bits out of range, unknown limits, or a
        pair that is not increasing.

    Example:
        >>> dl.quantise(np.array([[-1.0, 0.0, 2.0]]), bits=2).codes.tolist()
        [[0, 1, 3]]
    """
    x = np.asarray(images, np.float64)
    if x.ndim < 2 or not x.size:
        raise ValueError(f"images to quantise need shape (m, ...) with entries, not {x.shape}.")
    checks.finite("images", x)
    if not (checks.number(bits) and bits == int(bits) and 1 <= bits <= 32):
        raise ValueError(f"bits = {bits!r} cannot be stored; give an integer from 1 to 32.")
    low, high = _limits(x, limits)
    top = 2 ** int(bits) - 1
    scale = (high - low) / top
    codes = np.rint((np.clip(x, low, high) - low) / np.where(scale > 0, scale, 1))
    return Stored(codes.astype(np.min_scalar_type(top)), scale, low)


@door()
def restore(stored: Stored) -> Float[np.ndarray, "m ..."]:
    """The images that codes stand for: offset + scale * code.

    Example:
        >>> images = np.array([[-1.0, 0.4, 2.0]])
        >>> np.allclose(dl.restore(dl.quantise(images, bits=8)), images, atol=3 / 255 / 2)
        True
    """
    return stored.offset + stored.scale * stored.codes


def _limits(x, limits):
    if isinstance(limits, str):
        if limits not in ("set", "image"):
            raise ValueError(
                f"limits is '{limits}'; it must be 'set', 'image' or a pair (low, high)."
            )
        axes = tuple(range(1 if limits == "image" else 0, x.ndim))
        return x.min(axes, keepdims=True), x.max(axes, keepdims=True)
    pair = np.asarray(limits, np.float64)
    if pair.shape != (2,) or not np.isfinite(pair).all() or not pair[0] < pair[1]:
        raise ValueError(f"limits = {limits!r} is no range; give (low, high) with low < high.")
    return tuple(pair.reshape(2, *(1,) * x.ndim))
