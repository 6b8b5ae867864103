r"""Sums over byte images under the linear map, exact up to the normalisation.

Pixels less 128 are whole numbers u of at most 128. Single precision holds a sum of 1,024 products
of two of them, at most 2^24, exactly, in any order, and makes it at twice the rate of double
precision, which adds these sums exactly up to 2^53. With inputs x = (u - o) / s,

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
_STRIP, _BLOCK = 512, 4096  # rows moved at a time, and columns of a product in single precision


def fits(feature_map: FeatureMap, images: np.ndarray) -> bool:
    """Whether images are bytes, and their features the inputs."""
    return type(feature_map) is Linear and images.dtype == np.uint8


class ByteSums:
    """Exact sums of u u^T, upper triangle, of u for each class, and counts, in float64."""

    def __init__(self, p: int, k: int, normalisation: Normalisation) -> None:
        self.gram, self.cross, self.seen = np.zeros((p, p)), np.zeros((k, p)), np.zeros(k)
        self.normalisation = normalisation
        self._room = np.zeros(min(p, _BLOCK) ** 2, np.float32)

    def add(self, images: UInt8[np.ndarray, "n h w c"], labels: Int[np.ndarray, " n"]) -> None:
        """Add images of the classes 0..k-1."""
        for start in range(0, len(labels), ROWS):
            part, truth = images[start : start + ROWS], labels[start : start + ROWS]
            u = np.moveaxis(part, 3, 1).reshape(len(part), -1).astype(np.float32)
            u -= MIDDLE
            y = np.eye(len(self.seen), dtype=np.float32)[truth]
            self.cross += product(y.T, u)
            self.seen += y.sum(axis=0)
            for j in range(0, u.shape[1], _BLOCK):
                here, right = slice(j, j + _BLOCK), slice(j + _BLOCK, None)
                self._add_square(u[:, here], self.gram[here, here])
                if u[:, right].size:
                    self.gram[here, right] += product(u[:, here].T, u[:, right])

    def _add_square(self, u, square) -> None:
        exact = self._room[: square.size].reshape(square.shape)
        exact[...] = 0
        add_gram(exact, u)
        for j in range(0, len(square), _STRIP):
            square[j : j + _STRIP, j:] += exact[j : j + _STRIP, j:]

    def whole(self) -> tuple[Any, ...]:
        """G, upper triangle, C, ||Y||^2 and n of the network inputs; once, in place."""
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
