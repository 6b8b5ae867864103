r"""Which sets on which W answers its labels carry W: Theorems C.1 and C.2 on images.

Samples are columns, as in the paper: W (k, d), X' (d, m), Y_S (k, m).
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from distill_lib import paper
from distill_lib.data import Dataset
from distill_lib.experiments.common import relative_error

Row = dict[str, Any]
KINDS = ("C.1", "C.2", "k ranks lost")


def pinv(a: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "m n"]:
    """A^+; the zeros of a matrix of low rank are not inverted."""
    return np.linalg.pinv(a, rcond=1e-12)


def trained_error(
    points: Float[np.ndarray, "d m"], labels: Float[np.ndarray, "k m"], w: Float[np.ndarray, "k d"]
) -> float:
    """||Y_S X'^+ - W||_F / ||W||_F."""
    return relative_error(np.linalg.lstsq(points.T, labels.T, rcond=1e-12)[0].T, w)


def sets(
    w: Float[np.ndarray, "k d"], labels: Float[np.ndarray, "k m"], rng: np.random.Generator
) -> dict[str, Float[np.ndarray, "d m"]]:
    """X' = W^+ Y_S + B with W B = 0, so that W X' = Y_S, for three B from one Gaussian Z'.

    B is (I - W^+ W) Z', as large as the first term (C.1); then without the row space of Y_S (C.2);
    and without a random k-dimensional space of directions ("k ranks lost").
    """
    (k, m), d, back = labels.shape, w.shape[1], pinv(w)
    z = rng.normal(size=(d, m))
    first, free = back @ labels, z - back @ (w @ z)
    free *= np.linalg.norm(first) / np.linalg.norm(free)
    lost = np.linalg.qr(rng.normal(size=(m, k)))[0]
    parts = (free, free - (free @ pinv(labels)) @ labels, free - (free @ lost) @ lost.T)
    return {kind: first + part for kind, part in zip(KINDS, parts, strict=True)}


def along_m(data: Dataset) -> list[Row]:
    """What training on the three sets gives against m, with balanced one-hot labels, lam_S = 0."""
    w = np.asarray(paper.original_model(data, "linear", seed=0).weights)
    (k, d), rng, rows = w.shape, np.random.default_rng(0), []
    for m in sorted({k, 2 * k, d // 2, d - k, d - 1, d, d + k, 3 * d // 2}):
        labels = np.eye(k)[:, np.arange(m) % k]
        made = sets(w, labels, rng)
        errors = {kind: trained_error(points, labels, w) for kind, points in made.items()}
        rows.append({"m": m} | errors)
    return rows


def recorded(dataset: str, curve: list[Row]) -> list[Row]:
    """The rows of `along_m` as they are recorded."""
    return [
        {
            "table": "C",
            "dataset": dataset,
            "model": "linear",
            "method": kind,
            "quantity": f"recovery error, m = {row['m']}",
            "measured": row[kind],
            "unit": "relative",
        }
        for row in curve
        for kind in KINDS
    ]
