"""The ridge path beside what it replaces: a least-squares problem for each lam, timed."""

import resource
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from distill_lib import paper
from distill_lib.algorithm import distill
from distill_lib.data import Dataset
from distill_lib.experiments.common import accuracy
from distill_lib.features import Linear
from distill_lib.ridge import GRID, RidgeModel, fit, split


class Ours(NamedTuple):
    """From images to test accuracies by one eigendecomposition.

    Attributes:
        seconds: all of it.
        model: the original model.
        accuracies: of the original and the distilled model, as fractions.
    """

    seconds: float
    model: RidgeModel
    accuracies: list[float]


class Again(NamedTuple):
    """The same by a least-squares problem in single precision for each lam.

    Attributes:
        seconds: of the whole grid.
        validation: lam -> validation accuracy.
        reg: the chosen lam.
        accuracies: of the original and the distilled model, as fractions.
    """

    seconds: float
    validation: dict[float, float]
    reg: float
    accuracies: list[float]


class Compared(NamedTuple):
    """Both ways on one data set.

    Attributes:
        ours, again: our way on its first call, which compiles, and the other way.
        seconds: our way on a second call, with another split.
        peak: memory of the process in GiB, before the other way.
    """

    ours: Ours
    again: Again
    seconds: float
    peak: float


def by_path(data: Dataset, seed: int = 0) -> Ours:
    """Our way: every lam, the choice of one, one distilled point per class, evaluation."""
    started, key = time.perf_counter(), jax.random.key(seed)
    norm = paper.normalisation(data.info)
    model = fit(data.x_train, data.y_train, Linear(norm.dim), norm, key=key, regs=GRID)
    small = distill(model, len(model.weights), key=key).model()
    accuracies = [float(np.mean(of.predict(data.x_test) == data.y_test)) for of in (model, small)]
    return Ours(time.perf_counter() - started, model, accuracies)


def again_for_each(data: Dataset, count: int, seed: int = 0) -> Again:
    """The other way on `count` values of the grid; its time is scaled to all of them.

    The images are normalised before the clock starts. Like the released code it computes the
    training accuracy for each lam, of which nothing comes.
    """
    norm = paper.normalisation(data.info, "float32")
    x, x_test = (np.asarray(norm(images)) for images in (data.x_train, data.x_test))
    y = np.eye(len(data.info.classes), dtype=np.float32)[data.y_train]
    train, val = split(len(x), jax.random.key(seed), 0.05)
    x_val, y_val, x, y, y_train = x[val], data.y_train[val], x[train], y[train], data.y_train[train]
    found, started = {}, time.perf_counter()
    for reg in np.asarray(GRID)[np.linspace(0, len(GRID) - 1, count).round().astype(int)].tolist():
        ridge = np.float32(reg) * np.eye(x.shape[1], dtype=np.float32)
        gram = np.asarray(jnp.matmul(x.T, x)) + ridge
        solved = scipy.linalg.lstsq(gram, x.T @ y, lapack_driver="gelsy", check_finite=False)
        w = solved[0].T
        accuracy(w, x, y_train)
        found[reg] = (accuracy(w, x_val, y_val), w)
    seconds = (time.perf_counter() - started) * len(GRID) / count
    best = max(found, key=lambda reg: (found[reg][0], reg))
    w = found[best][1]
    points = np.linalg.pinv(w)  # one a class, as columns
    small = np.eye(len(w), dtype=np.float32) @ np.linalg.pinv(points)
    accuracies = [accuracy(of, x_test, data.y_test) for of in (w, small)]
    return Again(seconds, {reg: found[reg][0] for reg in found}, best, accuracies)


def side_by_side(data: Dataset, count: int) -> Compared:
    """Both ways, the other on `count` of the ridge parameters."""
    ours, seconds = by_path(data), by_path(data, seed=1).seconds
    # Kilobytes on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return Compared(ours, again_for_each(data, count), seconds, peak)


def recorded(dataset: str, found: Compared) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The comparison as rows, and what the prose says, with formats."""
    fast, ratio = found.ours.seconds, found.again.seconds / found.ours.seconds
    where = {"table": "ridge path", "dataset": dataset, "model": "linear"}
    quantities = {
        "time ratio": (ratio, "times"),
        "seconds": (fast, "s"),
        "peak memory": (found.peak, "GiB"),
    }
    rows = [
        where | {"quantity": name, "measured": measured, "unit": unit}
        for name, (measured, unit) in quantities.items()
    ]
    return rows, {
        f"{dataset}_ratio": (ratio, "{:.3g}"),
        f"{dataset}_ratio_again": (found.again.seconds / found.seconds, "{:.3g}"),
        f"{dataset}_seconds": (fast, "{:.2f}"),
    }
