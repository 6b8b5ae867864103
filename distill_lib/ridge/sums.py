"""The sums of ridge regression, batch by batch: in main memory, or on an accelerator."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.whitening import Preprocessing
from distill_lib.linalg.products import add_gram, product
from distill_lib.ridge import bytes as of_bytes
from distill_lib.ridge.batches import host_features, samples_of

STRIP = 512  # columns of the Gram matrix made at a time


class HostSums:
    """The sums G, C, ||Y||^2 and n in main memory.

    All products are left to BLAS. Of G the upper triangle only, by a rank-k update in place, which
    costs half the products and no temporary; `whole` mirrors it. Byte images under the linear map
    are added up as whole numbers, see `bytes`.
    """

    def __init__(self, p: int, k: int, dtype) -> None:
        self.gram, self.cross = np.zeros((p, p), dtype), np.zeros((k, p), dtype)
        self.label_sq, self.count = np.zeros((), dtype), np.zeros((), np.int64)
        self.bytes: of_bytes.ByteSums | None = None

    def add(self, f, y, count) -> None:
        """Add a chunk of samples."""
        f, y = np.asarray(f), np.asarray(y)
        add_gram(self.gram, f)
        self.cross += product(y.T, f)
        self.label_sq += np.sum(y * y)
        self.count += np.asarray(count)

    def add_images(
        self, feature_map: FeatureMap, normalisation: Preprocessing, images, labels
    ) -> None:
        """Add a batch of images; those of label -1 are padding."""
        whole = None
        if isinstance(normalisation, Normalisation) and of_bytes.fits(feature_map, images):
            k, p = self.cross.shape
            whole = self.bytes or of_bytes.ByteSums(p, k, normalisation)
        # One normalisation is applied to all whole numbers, at the end.
        if whole is not None and whole.normalisation == normalisation:
            self.bytes, real = whole, labels >= 0
            whole.add(images[real], labels[real])
        else:
            self.add_features(*host_features(feature_map, normalisation, images, labels))

    def add_features(self, f, labels) -> None:
        """Add samples by their features and classes."""
        self.add(f, np.eye(len(self.cross), dtype=self.cross.dtype)[labels], len(labels))

    def whole(self) -> tuple[Any, ...]:
        """The arguments of `RidgeStats`, on the device. Nothing can be added after it."""
        if self.bytes is not None:
            gram, *rest = self.bytes.whole()
            self.bytes = None
            self.gram = self.gram + gram if self.count else gram
            self.cross, self.label_sq, self.count = map(
                np.add, (self.cross, self.label_sq, self.count), rest
            )
        for j in range(0, len(self.gram), STRIP):
            strip = self.gram[j : j + STRIP, j:]
            square = strip[:, : len(strip)]
            square[...] = np.triu(square) + np.triu(square, 1).T
            self.gram[j:, j : j + STRIP] = strip.T
        return jax.device_put((self.gram, self.cross, self.label_sq, self.count))


class DeviceSums:
    """The sums G, C, ||Y||^2 and n on an accelerator."""

    def __init__(self, p: int, k: int, dtype) -> None:
        zeros = partial(jnp.zeros, dtype=dtype)
        self.sums = zeros((p, p)), zeros((k, p)), zeros(()), jnp.zeros((), np.int64)

    def add(self, f, y, count) -> None:
        """Add a chunk of samples."""
        self.sums = _added(self.sums, f, y, count)

    def add_images(
        self, feature_map: FeatureMap, normalisation: Preprocessing, images, labels
    ) -> None:
        """Add a batch of images; those of label -1 are padding."""
        classes = len(self.sums[1])
        self.add(*samples_of(feature_map, normalisation, images, labels, classes))

    def add_features(self, f, labels) -> None:
        """Add samples by their features and classes."""
        y = np.eye(len(self.sums[1]), dtype=self.sums[1].dtype)[labels]
        self.add(f, y, len(labels))

    def whole(self) -> tuple[Any, ...]:
        """The arguments of `RidgeStats`."""
        return mirrored(self.sums)


def mirrored(sums) -> tuple[Any, ...]:
    """The sums with the upper triangle of G too."""
    gram, *rest = sums
    lower = jnp.tril(gram)
    return lower + jnp.tril(lower, -1).T, *rest


@partial(jax.jit, donate_argnums=0)
def _added(sums, f, y, count):
    return added(sums, f, y, count)


def added(sums, f, y, count) -> tuple[Any, ...]:
    """The sums and those of a chunk of samples; of G the lower triangle, in strips."""
    gram, cross, label_sq, n = sums
    for j in range(0, f.shape[1], STRIP):
        gram = gram.at[j:, j : j + STRIP].add(f[:, j:].T @ f[:, j : j + STRIP])
    return gram, cross + y.T @ f, label_sq + jnp.vdot(y, y), n + count


def sums_of(p: int, k: int, dtype) -> HostSums | DeviceSums:
    """Empty sums where they are added fastest by one device."""
    return (HostSums if jax.default_backend() == "cpu" else DeviceSums)(p, k, dtype)
