"""Convolutions as matrices: which have full row rank, and how well conditioned they are."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from distill_lib.features import Convolution
from distill_lib.features.convolution import Padding, convolution_matrix

Row = dict[str, Any]
# Of the condition numbers.
CASES = ("zeros around (SAME)", "no padding (VALID)", "periodic")


def _layers(
    rng: np.random.Generator,
) -> Iterable[tuple[str, Float[np.ndarray, "c_out c_in kh kw"], int, int, Padding]]:
    """Convolutions that have full row rank, and ones that have not: taps, side, stride, padding."""
    kernel = rng.normal(size=(2, 2, 3, 3))
    proportional = np.concatenate([kernel[:1], -0.7 * kernel[:1]])
    zero, mean = kernel * np.array([1.0, 0.0])[:, None, None, None], np.ones((1, 1, 3, 3))
    yield "generic, 2 to 2 channels", kernel, 8, 1, "VALID"
    yield "proportional output channels", proportional, 8, 1, "VALID"
    yield "a zero output channel", zero, 8, 1, "VALID"
    yield "1 to 2 channels, 2 x 2 taps", rng.normal(size=(2, 1, 2, 2)), 3, 1, "VALID"
    yield "1 to 2 channels, 4 x 4 taps", rng.normal(size=(2, 1, 4, 4)), 10, 1, "VALID"
    yield "1 to 4 channels, 3 x 3 taps, stride 2", rng.normal(size=(4, 1, 3, 3)), 9, 2, "VALID"
    yield "mean of 3 x 3, 7 x 7 image, zeros around it", mean, 7, 1, "SAME"
    yield "mean of 3 x 3, 8 x 8 image, zeros around it", mean, 8, 1, "SAME"


def layer_ranks(rng: np.random.Generator) -> list[Row]:
    """Sizes and rank of the matrix of some convolutions, and whether `Convolution` inverts them.

    Raises: AssertionError unless exactly those of full row rank are inverted.
    """
    rows = []
    for name, taps, side, stride, padding in _layers(rng):
        matrix = convolution_matrix(jnp.asarray(taps), side, side, stride, padding).toarray()
        phi = Convolution((jnp.asarray(taps),), (side, side, taps.shape[1]), stride, padding)
        outputs, inputs = matrix.shape
        rank = np.linalg.matrix_rank(matrix)
        try:
            phi.inverse(jnp.ones((1, phi.dim_out)))
            verdict = "inverted"
        except ValueError:
            verdict = "refused"
        assert (verdict == "inverted") == (rank == outputs)
        sizes = {"outputs": outputs, "inputs": inputs, "rank": rank}
        rows.append({"layer": name} | sizes | {"inverse": verdict})
    return rows


def conditions(taps: Float[np.ndarray, "n 3 3"], side: int) -> Float[np.ndarray, "n 3"]:
    """Condition numbers of n convolutions of one channel in each of `CASES`.

    The matrix is linear in the taps, and with periodic boundaries its singular values are those of
    the symbol.
    """
    units = jnp.eye(9).reshape(9, 1, 1, 3, 3)
    found = []
    paddings: tuple[Padding, ...] = ("SAME", "VALID")
    for padding in paddings:
        matrices = [convolution_matrix(unit, side, side, 1, padding).toarray() for unit in units]
        of_taps = np.tensordot(taps.reshape(-1, 9), np.stack(matrices), 1)
        s = np.linalg.svd(of_taps, compute_uv=False)
        found.append(s[:, 0] / s[:, -1])
    symbol = np.abs(np.fft.fft2(taps, (side, side)))
    return np.stack([*found, symbol.max((1, 2)) / symbol.min((1, 2))], axis=1)


def recorded(sides: list[int], measured: Float[np.ndarray, "s n 3"]) -> tuple[list[Row], Row]:
    """Rows and named numbers: median condition of each case on the smallest and largest side."""
    rows: list[Row] = []
    values: Row = {}
    for where, side, found in (("least", sides[0], measured[0]), ("most", sides[-1], measured[-1])):
        values[f"{where}_side"] = side
        for word, name, middle in zip(
            ("zeros", "valid", "periodic"), CASES, np.median(found, axis=0), strict=True
        ):
            row = {"table": "convolution", "dataset": "Gaussian", "method": f"{name}, side {side}"}
            rows.append(row | {"quantity": "condition", "measured": float(middle), "unit": "ratio"})
            values[f"{where}_{word}_condition"] = (float(middle), "{:,.2g}")
    return rows, values
