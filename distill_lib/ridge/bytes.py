r"""Sums over byte images under the linear map, exact up to the normalisation.

Pixels less 128 are whole numbers u. Single precision holds whole numbers up to 2^24. By
Cauchy-Schwarz no sum of products u_i u_j leaves that range while no sum of squares does, as for any
1,024 images. So it has these sums exactly, in any order, and makes them at twice the rate of double
precision, which adds them exactly up to 2^53. With inputs x = (u - o) / s,

.. math:: \sum x_i x_j = \frac{1}{s_i s_j} \sum (u_i - o_i)(u_j - o_j) .

The whole part of o is taken off exactly too, so that nothing cancels but what is left of it, at
most 1/2.
"""

from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from distill_lib.features import FeatureMap, Linear
from distill_lib.images.normalisation import Normalisation
from distill_lib.linalg.products import add_gram, product

MIDDLE, ROWS = 128, 1024
LIMIT = 2**24
_STRIP = 512  # rows that are added or moved at a time


def fits(feature_map: FeatureMap, images: np.ndarray) -> bool:
    """Whether images are bytes, and their features the inputs."""
    return type(feature_map) is Linear and images.dtype == np.uint8


class ByteSums:
    """Exact sums of u u^T, upper triangle, of u for each class, and counts, in float64."""

    def __init__(self, p: int, k: int, normalisation: Normalisation) -> None:
        self.gram, self.cross, self.seen = np.zeros((p, p)), np.zeros((k, p)), np.zeros(k)
        self.normalisation = normalisation
        self._recent, self._squares = np.zeros((p, p), np.float32), np.zeros(p)

    def add(self, images: UInt8[np.ndarray, "n h w c"], labels: Int[np.ndarray, " n"]) -> None:
        """Add images of the classes 0..k-1."""
        for start in range(0, len(labels), ROWS):
            part, truth = images[start : start + ROWS], labels[start : start + ROWS]
            u = np.moveaxis(part, 3, 1).reshape(len(part), -1).astype(np.float32)
            u -= MIDDLE
            squares = np.einsum("np,np->p", u, u)
            if (self._squares + squares).max() > LIMIT:
                self._keep()
            add_gram(self._recent, u)
            self._squares += squares
            y = np.eye(len(self.seen), dtype=np.float32)[truth]
            self.cross += product(y.T, u)
            self.seen += y.sum(axis=0)

    def _keep(self) -> None:
        """Add the recent sums to those in double precision."""
        for j in range(0, len(self.gram), _STRIP):
            self.gram[j : j + _STRIP, j:] += self._recent[j : j + _STRIP, j:]
        self._recent[...] = 0
        self._squares[...] = 0

    def whole(self) -> tuple[Any, ...]:
        """G, upper triangle, C, ||Y||^2 and n of the network inputs; once, in place."""
        self._keep()
        norm, area = self.normalisation, len(self.gram) // self.normalisation.shape[2]
        offset, scale = (
            norm.pixel_max * np.repeat(values, area) for values in (norm.mean, norm.std)
        )
        offset -= MIDDLE
        whole = np.rint(offset)
        sums, n = self.cross.sum(axis=0), self.seen.sum()
        for part, by in ((sums, whole), (sums - n * whole, offset - whole)):
            self._move(part, by)
            self.cross -= np.outer(self.seen, by)
        for j in range(0, len(self.gram), _STRIP):
            self.gram[j : j + _STRIP, j:] /= np.outer(scale[j : j + _STRIP], scale[j:])
        self.cross /= scale
        dtype = np.dtype(norm.dtype)
        return self.gram.astype(dtype, copy=False), self.cross.astype(dtype), dtype.type(n), int(n)

    def _move(self, sums, by) -> None:
        """From the sums of u u^T to those of (u - b) (u - b)^T, given the sums of u."""
        n = self.seen.sum()
        for j in range(0, len(by), _STRIP):
            rows = slice(j, j + _STRIP)
            strip = self.gram[rows, j:]
            strip -= np.outer(by[rows], sums[j:])
            strip -= np.outer(sums[rows] - n * by[rows], by[j:])
