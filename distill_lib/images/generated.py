r"""Images of any shape and number from their partition's number: for sets that are not at hand.

Their statistics are stated, so that a measurement on them can be read. Pixel values are bytes of
255 (1/2 + z / 6), cut to 0..255, with

.. math:: z = \sqrt{b}\, m_c + \sqrt{1 - b}\, \xi

of unit variance in each channel. The field xi is Gaussian with the power spectrum 1 / (1 + |f|)^2
at the frequency f in periods across the image, which is about that of natural images; 4/5 of it is
shared by the channels. The mean m_c of a class is a sum of 6 x 6 cosines a channel with Gaussian
coefficients of the same decay, scaled to unit variance over classes. Classes are drawn evenly.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float

from distill_lib.images.normalisation import Normalisation
from distill_lib.images.partitions import Partitions

_WAVES = 6  # cosines of a class along each side
_GREY = 0.8  # the share of the variance that the channels have in common
_ROOM = 2**25  # numbers in a partition, where nothing else is said


def generated_partitions(
    count: int,
    size: int = 64,
    classes: int = 1000,
    *,
    rows: int | None = None,
    between: float = 0.1,
    seed: int = 0,
) -> Partitions:
    """Partitions of colour images of a stated distribution; each follows from its number.

    With 64 or 256 pixels a side and 1,000 classes they have the shape of ImageNet, in the small and
    the full version.

    Args:
        count: partitions.
        size: pixels a side.
        classes: k.
        rows: images in a partition; by default as many as have 2^25 numbers, at most 2,048.
        between: b, the share of the variance that is between classes, in [0, 1].
        seed: of all draws.
    Raises: ValueError for sizes below 1, fewer than 2 classes, or a share outside [0, 1].

    Example:
        >>> from distill_lib.images import generated_partitions
        >>> parts = generated_partitions(3, size=8, classes=10, rows=50)
        >>> images, labels = parts.piece(2)()
        >>> images.shape, images.dtype.name, labels.shape
        ((50, 8, 8, 3), 'uint8', (50,))
    """
    rows = max(1, min(2048, _ROOM // (3 * size * size))) if rows is None and size > 0 else rows
    if size < 1 or not rows or rows < 1 or classes < 2:
        raise ValueError(
            f"size = {size}, rows = {rows}, classes = {classes}: images need at least one pixel, "
            "partitions one image, and labels two classes."
        )
    if not 0 <= between <= 1:
        raise ValueError(f"between = {between} is no share of the variance; it must be in [0, 1].")
    return Partitions(_Generated(size, classes, rows, between, seed), count, classes)


def generated_normalisation(size: int = 64, dtype: str = "float64") -> Normalisation:
    """The normalisation of these images, which gives z where nothing was cut."""
    return Normalisation((size, size, 3), 255, (0.5,) * 3, (1 / 6,) * 3, dtype)


@dataclass(frozen=True)
class _Generated:
    """From a partition's number to its images and labels."""

    size: int
    classes: int
    rows: int
    between: float
    seed: int

    def __call__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, number, 1])
        labels = rng.integers(0, self.classes, self.rows)
        noise = rng.standard_normal((self.rows, 4, self.size, self.size), np.float32)
        waves = scipy.fft.rfft2(noise)
        del noise
        waves *= _spectrum(self.size)
        fields = scipy.fft.irfft2(waves, s=(self.size, self.size))
        z = np.sqrt(1 - _GREY) * fields[:, :3] + np.sqrt(_GREY) * fields[:, 3:]
        z *= np.sqrt(1 - self.between)
        for c in np.unique(labels):
            z[labels == c] += np.float32(np.sqrt(self.between)) * self.mean(int(c))
        return np.clip(np.rint(255 * (0.5 + z / 6)), 0, 255).astype(np.uint8).transpose(
            0, 2, 3, 1
        ), labels

    def mean(self, c: int) -> Float[np.ndarray, "3 s s"]:
        """m_c, of unit variance over classes and places."""
        u = np.arange(_WAVES)
        decay = 1 / (1 + np.hypot(u[:, None], u))
        decay[0, 0] = 0  # classes do not differ in brightness
        at = (np.arange(self.size) + 0.5) / self.size
        basis = np.cos(np.pi * np.outer(at, u))
        drawn = np.random.default_rng([self.seed, c, 0]).standard_normal((3, _WAVES, _WAVES))
        variance = basis**2 @ decay**2 @ (basis**2).T
        made = np.einsum("iu,cuv,jv->cij", basis, drawn * decay, basis)
        return (made / np.sqrt(variance.mean())).astype(np.float32)


def _spectrum(size: int) -> Float[np.ndarray, "s t"]:
    """The amplitudes 1 / (1 + |f|), scaled to unit variance."""
    f = np.hypot(scipy.fft.fftfreq(size, 1 / size)[:, None], scipy.fft.rfftfreq(size, 1 / size))
    both = np.hypot(*np.meshgrid(*(scipy.fft.fftfreq(size, 1 / size),) * 2))
    return ((1 / (1 + f)) / np.sqrt(np.mean(1 / (1 + both) ** 2))).astype(np.float32)
