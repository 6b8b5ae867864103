"""One distilled point for each class, and how exactly it carries the model (Figure 1)."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from distill_lib import paper
from distill_lib.algorithm import distill
from distill_lib.data import Dataset
from distill_lib.sets.distilled_set import DistilledSet

Row = dict[str, Any]
DTYPES = ("float64", "float32")


def figure_1(data: Dataset) -> tuple[Float[np.ndarray, "k h w c"], Row]:
    """The k images in double precision, and what they carry in each precision.

    The row has accuracies of the original and the distilled model on the test images, the recovery
    error, and the share of test images for which the two models agree, as fractions.
    """
    row: Row = {"dataset": data.info.name}
    sets: list[DistilledSet] = []
    for dtype in DTYPES:
        model = paper.original_model(data, "linear", seed=0, dtype=dtype)
        small = distill(model, len(model.weights), key=jax.random.key(0))
        agree = np.mean(small.predict(data.x_test) == model.predict(data.x_test))
        row[f"error {dtype}"] = small.provenance["recovery_error"]
        row[f"agreement {dtype}"] = float(agree)
        if not sets:
            row["points"] = len(small.points)
            row["original"] = model.accuracy(data.x_test, data.y_test)
            row["distilled"] = small.model().accuracy(data.x_test, data.y_test)
        sets.append(small)
    return np.asarray(sets[0].images()), row


def values(row: Row) -> dict[str, tuple[Any, str]]:
    """What the prose says of one data set, with formats."""
    name = row["dataset"]
    errors = {f"{name}_error_{dtype}": (row[f"error {dtype}"], "{:.0e}") for dtype in DTYPES}
    accuracies = {f"{name}_{of}": (100 * row[of], "{:.2f} %") for of in ("original", "distilled")}
    return {f"{name}_points": (row["points"], "{:d}")} | errors | accuracies
