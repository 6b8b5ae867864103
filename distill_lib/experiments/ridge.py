"""What the chosen ridge parameter does to real images: singular values and filter factors."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from distill_lib import paper
from distill_lib.data import Dataset
from distill_lib.ridge import RidgeStats


class Spectrum(NamedTuple):
    """The training images under the original linear model.

    Attributes:
        reg: lam, chosen by validation.
        squares: (d,) s_i^2, the eigenvalues of X X^T, descending; the last may be rounding.
    """

    reg: float
    squares: Float[np.ndarray, " d"]

    @property
    def kept(self) -> int:
        """How many singular values are above the rounding of X X^T."""
        rounding = 10 * len(self.squares) * np.finfo(float).eps * self.squares[0]
        return int(np.sum(self.squares > rounding))

    @property
    def s(self) -> Float[np.ndarray, " r"]:
        """The singular values above rounding."""
        return np.sqrt(self.squares)[: self.kept]

    @property
    def filters(self) -> Float[np.ndarray, " d"]:
        """s_i^2 / (s_i^2 + lam); they add up to the effective directions."""
        return self.squares / (self.squares + self.reg)


def spectrum(data: Dataset) -> Spectrum:
    """Singular values of all normalised training images, and the lam of the original model."""
    model = paper.original_model(data, "linear", seed=0)
    k, phi, norm = len(model.weights), model.feature_map, model.normalisation
    gram = RidgeStats.of_images(data.x_train, data.y_train, k, phi, norm).gram
    values = np.linalg.eigvalsh(np.asarray(gram))[::-1]
    return Spectrum(model.reg, np.clip(values, 0, None))


def values(found: Spectrum) -> dict[str, tuple[Any, str]]:
    """What the prose says, with formats."""
    return {
        "reg": (found.reg, "{:.3g}"),
        "directions": (found.kept, "{:d}"),
        "dim": (len(found.squares), "{:d}"),
        "effective": (float(found.filters.sum()), "{:.0f}"),
        "condition": (found.s[0] / found.s[-1], "{:.0e}"),
        "below": (int(np.sum(found.s < np.sqrt(found.reg))), "{:d}"),
    }
