"""Regularised ZCA: inputs with decorrelated pixels, as KIP and RFAD take colour images."""

import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.engines import Total, engine_of
from distill_lib.images.normalisation import Normalisation, Pixels, batches
from distill_lib.images.partitions import Partitions
from distill_lib.images.streams import checked_pair

_BATCH = 4096


class Whitening(eqx.Module):
    """Network inputs whose pixels are decorrelated; it takes the place of a `Normalisation`.

    z = W (x - mu), W = U diag((s + 0.1 tr(C) / d)^{-1/2}) U^T, of standardised inputs x with mean
    mu and covariance C = U diag(s) U^T.

    - x is what the `Normalisation` gives: the channels are standardised first, so that no channel
      outweighs another in tr(C) / d, which is then about 1 (Nguyen et al. 2021b, Loo et al. 2022).
    - W is symmetric, so whitened inputs still look like images.
    - The regulariser bounds W by (0.1 tr(C) / d)^{-1/2}, so directions of little variance are not
      blown up.

    Attributes:
        normalisation: the standardisation before.
        mean: (d,) mu.
        forward, backward: (d, d) W and W^{-1}.

    Example:
        >>> from distill_lib.images import Whitening
        >>> images = np.random.default_rng(0).integers(0, 256, (20, 1, 2, 1))
        >>> norm = dl.Normalisation((1, 2, 1), pixel_max=255, mean=(0.5,), std=(0.3,))
        >>> white = Whitening.of(images, norm)
        >>> np.allclose(white(images).mean(0), 0), np.allclose(white.inverse(white(images)), images)
        (True, True)
    """

    normalisation: Normalisation
    mean: Float[Array, " d"]
    forward: Float[Array, "d d"]
    backward: Float[Array, "d d"]

    @classmethod
    @door()
    def of(
        cls, images, normalisation: Normalisation, reg: float = 0.1, engine: Any = None
    ) -> "Whitening":
        """The whitening of a training set of images (n, h, w, c), which is read once in batches.

        Sums are in float64, with one eigendecomposition: O(n d^2 + d^3).

        Args:
            images: (n, h, w, c) the training set; or `Partitions`, whose labels are not used.
            normalisation: the standardisation before; its dtype is that of the inputs.
            reg: of the mean variance tr(C) / d; 0.1 in both papers.
            engine: what computes partitions, as in `dl.RidgeStats.of_images`.
        Raises: ValueError for images of the wrong shape or not finite, fewer than 2, all the same,
            or a reg not above 0.
        """
        checks.positive("reg", reg)
        parts = images if isinstance(images, Partitions) else None
        if parts is None and engine is not None:
            images = normalisation.opened(images)
            parts = Partitions.of_arrays(images, np.zeros(images.shape[0], int))
        n, shift, total, squares = (
            _of_batches(normalisation.opened(images), normalisation)
            if parts is None
            else _of_partitions(parts, normalisation, engine)
        )
        mean = total / max(n, 1)
        values, vectors = jnp.linalg.eigh(squares / max(n, 1) - jnp.outer(mean, mean))
        values = jnp.clip(values, 0)
        if n < 2 or values[-1] <= 1e-12 * max(1, float(np.abs(shift).max()) ** 2):
            raise ValueError(
                f"{n} images without any difference have no covariance to whiten by; "
                "give the training set."
            )
        root = jnp.sqrt(values + reg * values.sum() / len(values))[None, :]
        made = (mean + shift, (vectors / root) @ vectors.T, (vectors * root) @ vectors.T)
        return cls(normalisation, *(part.astype(normalisation.dtype) for part in made))

    def __check_init__(self):
        for name, size in (("mean", 1), ("forward", 2), ("backward", 2)):
            if np.shape(getattr(self, name)) != (self.dim,) * size:
                raise ValueError(
                    f"{name} has shape {np.shape(getattr(self, name))}, but the images have "
                    f"{self.dim} numbers."
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (h, w, c) of an image."""
        return self.normalisation.shape

    @property
    def dim(self) -> int:
        """The number of inputs d = h w c."""
        return self.normalisation.dim

    @property
    def dtype(self) -> str:
        """The type of the network inputs, "float64" or "float32"."""
        return self.normalisation.dtype

    @property
    def pixel_max(self) -> float:
        """The pixel value that stands for 1."""
        return self.normalisation.pixel_max

    def for_white(self, white: float) -> "Whitening":
        """The whitening of images in another range, as `Normalisation.for_white`."""
        return dataclasses.replace(self, normalisation=self.normalisation.for_white(white))

    def opened(self, images):
        """Images as an array to read in batches, as `Normalisation.opened`."""
        return self.normalisation.opened(images)

    def check(self, images) -> None:
        """Raise ValueError for images that do not fit, as `Normalisation.check`."""
        self.normalisation.check(images)

    def __call__(self, images) -> Float[Array, "n d"]:
        """The network inputs (n, d) of images (n, h, w, c)."""
        return (self.normalisation(images) - self.mean[None, :]) @ self.forward

    @door()
    def inverse(self, points: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """The images of network inputs, in pixel values, as `Normalisation.inverse`."""
        return self.normalisation.inverse(jnp.asarray(points) @ self.backward + self.mean[None, :])


def _of_batches(images, normalisation):
    """n, an image to count from, and the sums of x and x x^T counted from it."""
    # Near the mean: sums of squares do not cancel.
    shift = np.asarray(normalisation(images[:1]), np.float64)[0]
    total, squares = (
        jnp.zeros(normalisation.dim),
        jnp.zeros((normalisation.dim, normalisation.dim)),
    )
    for batch in batches(images, _BATCH, normalisation.pixel_max):
        total, squares = _plus(total, squares, normalisation(batch), shift)
    return images.shape[0], shift, total, squares


@jax.jit
def _plus(total, squares, x, shift):
    x = x.astype(total.dtype) - shift[None, :]
    return total + x.sum(0), squares + x.T @ x


def _of_partitions(parts: Partitions, normalisation: Normalisation, engine: Any):
    """As `_of_batches`, over partitions; counted from the first image of the first one."""
    engine = engine_of(engine)
    first = Partitions(lambda number: parts.piece(number)(), 1)
    first.piece = parts.piece
    shift = engine.total(_First(normalisation), first).sums[0]
    found = engine.total(_Moments(normalisation, shift), parts)
    Pixels.of_peaks(normalisation.pixel_max, found.peaks[0]).warn(stacklevel=4)
    n, total, squares = found.sums
    return int(n), shift, jnp.asarray(total), jnp.asarray(squares)


@dataclasses.dataclass(frozen=True)
class _First:
    """The first image of a partition, as inputs; zero where it has none."""

    about: ClassVar[str] = "first image"
    normalisation: Normalisation
    room: ClassVar[int] = 0

    def __call__(self, number: int, name: str, pair: Any) -> Total:
        images, _ = checked_pair(pair, name, self.normalisation, None)
        inputs = np.asarray(self.normalisation(images[:1]), np.float64)
        return Total((inputs.sum(0),))


@dataclasses.dataclass(frozen=True)
class _Moments:
    """The number of images of a partition, and the sums of x and x x^T counted from one image."""

    about: ClassVar[str] = "moments"
    normalisation: Normalisation
    shift: Float[np.ndarray, " d"]

    @property
    def room(self) -> int:
        """Bytes of four sums and a batch."""
        d = self.normalisation.dim
        return 8 * (4 * d * d + 3 * _BATCH * d)

    def __call__(self, number: int, name: str, pair: Any) -> Total:
        images, _ = checked_pair(pair, name, self.normalisation, None)
        pixels, d = Pixels(self.normalisation.pixel_max), self.normalisation.dim
        total, squares = np.zeros(d), np.zeros((d, d))
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            pixels.see(batch)
            x = np.asarray(self.normalisation(batch), np.float64) - self.shift
            total += x.sum(0)
            squares += x.T @ x
        return Total((np.array(len(images)), total, squares), (pixels.peaks,))


Preprocessing = Normalisation | Whitening
