"""What the page on sets stored with a few bits records, and what its prose says in numbers."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from distill_lib.experiments.common import relative_error
from distill_lib.experiments.quantisation import (
    NAMES,
    REAL,
    SHORT,
    SMALL,
    Problem,
    Row,
    Sets,
    Support,
    outcome,
)
from distill_lib.images.quantisation import quantise, restore
from distill_lib.theory.closed_form import max_reg, recovery_matrix, support_features

WORDS = ("noise", "small", "real", "nearest", "robust", "labels")  # in named numbers


def recorded(
    of: Problem, made: Mapping[int, Sets], rows: Iterable[Row], ridge: Iterable[Row]
) -> tuple[list[Row], dict[str, Any]]:
    """Rows and named numbers of the page, all at 8 bits.

    Args:
        made: `sets` by images per class.
        rows: all that is `measured`.
        ridge: `with_ridge` of the middle size.
    """
    own = (row for row in rows if (row["limits"], row["how"]) == ("own", 8))
    eight = {(row["set"], row["ipc"]): row for row in own}
    ipcs = list(made)
    cell = {"table": "Quantisation", "dataset": of.data.info.name, "model": "linear"}
    out = [
        cell
        | {"ipc": ipc, "method": f"{name}, 8 bits", "quantity": f"recovery error{more}"}
        | {"measured": eight[name, ipc][column], "unit": "relative"}
        | {"accuracy": eight[name, ipc][f"accuracy {column}"]}
        | {"distance": eight[name, ipc]["distance"]}
        for ipc in ipcs
        for name in NAMES
        for column, more in (("kept", ""), ("solved", ", labels solved again"))
    ]
    values: dict[str, Any] = {"tolerance": (100 * of.tolerance, "{:.0f} %")}
    for where, ipc in (("first", ipcs[0]), ("middle", ipcs[len(ipcs) // 2]), ("last", ipcs[-1])):
        values[f"{where}_ipc"] = ipc
        for word, name in zip(WORDS, NAMES, strict=True):
            row = eight[name, ipc]
            for part in ("kept", "solved", "distance"):
                values[f"{where}_{word}_{part}"] = (row[part], "{:.2g}")
            for part in ("kept", "solved"):
                share = 100 * row[f"accuracy {part}"]
                values[f"{where}_{word}_accuracy_{part}"] = (share, "{:.2f} %")
    values |= _summary(of, made, eight)
    for word, title in (("none", "0"), ("large", "100 s_1^2")):
        (row,) = (r for r in ridge if (r["set"], r["lam_S"]) == (SHORT[REAL], title))
        for part in ("distance", "labels kept", "solved again"):
            values[f"ridge_{word}_{part.replace(' ', '_')}"] = (row[part], "{:.2g}")
    return out, values


def without_noise(of: Problem, small: Support) -> tuple[float, float]:
    """The set of Theorem 4.1 with small roots, the same labels and Z = 0.

    Returns: its factor 2 ||Y_S||_F ||D||_2 / ||W||_F + 1/2, and its error at 8 bits, labels kept.
    """
    d = recovery_matrix(of.w, small.labels)  # Z = 0
    reg_s = max_reg(d)
    points = np.asarray(support_features(d, reg_s, "-"))
    factor = 2 * np.linalg.norm(small.labels) * np.linalg.norm(d, 2) / np.linalg.norm(of.w)
    error = outcome(of, Support(points, small.labels, reg_s), of.stored(points, 8))["kept"]
    return float(factor) + 0.5, error


def _summary(of: Problem, made: Mapping[int, Sets], eight: Mapping[Any, Row]) -> dict[str, Any]:
    """What the prose says of W itself, of the sets with small roots, and of all the others."""
    original, w, ipcs = of.accuracy(of.w), of.w, list(made)
    small = [eight[SMALL, ipc] for ipc in ipcs]
    roots = [one.made[SMALL] for one in made.values()]
    # ||D||_2 = 1 / (2 sqrt(lam_S)), as lam_S is at its limit.
    factors = [
        np.linalg.norm(one.labels) / (np.sqrt(one.reg_s) * np.linalg.norm(w)) + 0.5 for one in roots
    ]
    bare = [without_noise(of, one) for one in roots]
    sizes = ipcs[len(ipcs) // 2], ipcs[-1]
    rest = [eight[name, ipc]["accuracy solved"] for name in NAMES[1:-1] for ipc in sizes]
    moved = [abs(row["accuracy kept"] - original) for row in small]
    return {
        "original": (100 * original, "{:.2f} %"),
        "w_itself": (relative_error(restore(quantise(w, 8)), w), "{:.2g}"),
        "small_worst": (max(row["kept"] for row in small), "{:.2g}"),
        "small_change": (100 * max(moved), "{:.2f}"),
        "small_least": (min(row["least"] for row in small), "{:.0f}"),
        "small_largest": (max(row["largest"] for row in small), "{:.0f}"),
        "pixel_max": (of.pixels[1], "{:.0f}"),
        "small_factor": (max(factors), "{:.1f}"),
        "small_factor_without_noise": (max(factor for factor, _ in bare), "{:.1f}"),
        "small_factor_limit": (2 * math.sqrt(len(w)) + 0.5, "{:.1f}"),
        "small_worst_without_noise": (max(error for _, error in bare), "{:.2g}"),
        "rest_change": (100 * max(abs(original - right) for right in rest), "{:.2f}"),
    }
