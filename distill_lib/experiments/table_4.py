"""A cell of Table 4 on one device: the closed form, exact KIP, and KIP as published.

Of the published KIP a whole run is made with steps of the same loss on the same batches, without
its pseudoinverse (`kip_on_features.OnBatches`); the published step itself is timed.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib import algorithm, paper
from distill_lib.baselines.descent import Descent, Diverged
from distill_lib.baselines.kip_on_features import (
    FullBatch,
    Objective,
    OnBatches,
    Stochastic,
    descend,
    support_set,
)
from distill_lib.data import Dataset
from distill_lib.experiments.common import accuracy
from distill_lib.images.sampling import balanced_sample
from distill_lib.ridge import RidgeModel, RidgeStats
from distill_lib.theory import kip_loss

Row = dict[str, Any]
Report = Callable[[Any], None]
STRIP = 2000  # images whose features are computed at a time


class Settings(NamedTuple):
    """How a cell is made.

    Attributes:
        dataset, ipc, seed: the cell, and the seed of network and start.
        steps: of a whole KIP run; 30,000 in the paper.
        batch: samples of a published step.
        timed: steps of the published method that are timed.
        looks: how often the accuracy is looked at on the way.
    """

    dataset: str
    ipc: int
    seed: int = 0
    steps: int = 30_000
    batch: int = 5000
    timed: int = 20
    looks: int = 20


class Prepared(NamedTuple):
    """What all sizes of a data set share, with the seconds that each part took.

    Attributes:
        model: the original model, and `fit` seconds for it.
        target: the reduced training set, and `reduce` seconds for it.
        features: (n, p) phi(X) in float64, and `pass_` seconds for them.
        tests: (t, p) features of the test images.
    """

    model: RidgeModel
    fit: float
    target: kip_loss.Target
    reduce: float
    features: Float[Array, "n p"]
    pass_: float
    tests: Float[Array, "t p"]


def timed(compute: Callable[[], Any]) -> tuple[Any, float]:
    """What a computation makes, and its seconds without compiling: it is done twice."""
    jax.block_until_ready(compute())
    began = perf_counter()
    made = jax.block_until_ready(compute())
    return made, perf_counter() - began


def features_of(feature_map, normalisation, images) -> Float[Array, "n p"]:
    """phi of images, a strip at a time."""
    rows = range(0, len(images), STRIP)
    return jnp.concatenate([feature_map(normalisation(images[i : i + STRIP])) for i in rows])


def prepared(data: Dataset, seed: int) -> Prepared:
    """The original model of a data set and what KIP needs of its training set."""
    model, fit = timed(lambda: paper.original_model(data, "fcnn", seed))
    norm, phi, k = model.normalisation, model.feature_map, len(model.weights)
    target, reduce = timed(
        lambda: kip_loss.Target.reduced(
            RidgeStats.of_images(data.x_train, data.y_train, k, phi, norm)
        )
    )
    features, pass_ = timed(lambda: features_of(phi, norm, data.x_train))
    return Prepared(
        model, fit, target, reduce, features, pass_, features_of(phi, norm, data.x_test)
    )


def rows_of(
    data: Dataset, made: Prepared, chosen: Settings, folder: Path, report: Report
) -> list[Row]:
    """The rows of a cell. A method that this machine cannot run is left out, with its reason.

    Args:
        folder: for the checkpoints of the two whole runs.
        report: called with the progress of each descent.
    """
    model, k = made.model, len(made.model.weights)
    m, key = chosen.ipc * k, jax.random.key(2000 + chosen.seed)
    start = model.normalisation(data.x_train[balanced_sample(key, data.y_train, m, k)])
    small, distilling = timed(lambda: algorithm.distill(model, m, key=key))
    right = small.model().accuracy(data.x_test, data.y_test)
    base = made.fit + distilling
    rows = _rows(chosen, "closed form", base, base, {"how": "measured"}, 100 * right)
    labels = jax.nn.one_hot(data.y_train, k, dtype=jnp.float64)
    whole: dict[str, tuple[Objective, float]] = {
        "exact KIP": (FullBatch(model.feature_map, made.target, float(labels.size)), made.reduce)
    }
    if m <= model.feature_map.dim_out:
        batch = min(chosen.batch, len(labels))
        whole["KIP, labels from statistics"] = (
            OnBatches(model.feature_map, made.target, made.features, labels, batch),
            made.reduce + made.pass_,
        )
    for method, (objective, before) in whole.items():
        found = _whole_run(data, made, chosen, objective, start, key, folder / method, report)
        cost = found.seconds[-1] / chosen.steps
        right = 100 * _tested(data, made, found.points)
        rows += _rows(chosen, method, before + found.seconds[-1], base, {"how": "measured"}, right)
        rows += [_row(chosen, method, "step", 1e3 * cost, "ms"), _curve(chosen, method, found)]
    return rows + published_step(data, made, chosen, start, base)


def published_step(
    data: Dataset, made: Prepared, chosen: Settings, start: Float[Array, "m d"], base: float
) -> list[Row]:
    """The cost of the published step, and the seconds of a whole run extrapolated from it.

    In single precision as published, or in double where its loss is then not finite.
    """
    k = len(made.model.weights)
    for dtype in (jnp.float32, jnp.float64):
        phi = jax.tree.map(partial(jnp.asarray, dtype=dtype), made.model.feature_map)
        norm = paper.normalisation(data.info, jnp.dtype(dtype).name)
        features, before = timed(partial(features_of, phi, norm, data.x_train))
        labels = jax.nn.one_hot(data.y_train, k, dtype=dtype)
        objective = Stochastic(phi, features, labels, min(chosen.batch, len(labels)))
        key = jax.random.key(2000 + chosen.seed)
        every = max(1, chosen.timed // 4)
        try:
            found = descend(objective, start.astype(dtype), every * 4, key=key, every=every)
        except Diverged:
            continue
        cost = float(np.min(np.diff(found.seconds, prepend=0.0))) / every
        how = f"estimated from {every * 4:,} of {chosen.steps:,} steps"
        if dtype == jnp.float64:
            how += " in double precision: in single the loss is not finite"
        rows = _rows(chosen, "kip", before + chosen.steps * cost, base, {"how": how})
        return [*rows, _row(chosen, "kip", "step", 1e3 * cost, "ms")]
    return []


def _whole_run(data, made, chosen, objective, start, key, path, report) -> Descent:
    """A descent of all steps, its accuracy watched."""

    def watch(points):
        support = made.model.feature_map(points)
        weights = kip_loss.coefficients(support, made.target).T @ support
        return accuracy(np.asarray(weights), np.asarray(made.tests), data.y_test)

    return descend(
        objective,
        start,
        chosen.steps,
        key=key,
        every=chosen.steps // chosen.looks,
        watch=watch,
        checkpoint=path.with_suffix(".checkpoint.npz"),
        report=report,
    )


def _tested(data, made, points) -> float:
    """Test accuracy of the model that the points train with their best labels."""
    model = made.model
    done = support_set(points, made.target, model.feature_map, model.normalisation)
    return done.model().accuracy(data.x_test, data.y_test)


def _row(chosen: Settings, method: str, quantity: str, value: Any, unit: str, **more: Any) -> Row:
    where = {"table": "4", "dataset": chosen.dataset, "ipc": chosen.ipc, "model": "fcnn"}
    return where | {"method": method, "quantity": quantity, "measured": value, "unit": unit} | more


def _rows(chosen, method, seconds, base, more, right=None) -> list[Row]:
    """Accuracy in per cent, seconds, and their multiple of the closed form's, as in Table 4."""
    rows = [_row(chosen, method, "seconds", seconds, "s", **more)]
    if right is not None:
        rows.append(_row(chosen, method, "accuracy", right, "%", **more))
    if method != "closed form":
        rows.append(
            _row(chosen, method, "time ratio", seconds / base, "times the closed form", **more)
        )
    if method == "kip":
        rows.append(_row(chosen, "closed form", "speedup", seconds / base, "times", **more))
    return rows


def _curve(chosen, method, found: Descent) -> Row:
    """Test accuracies on the way, with the seconds at which they were reached."""
    seconds = [0.0, *found.seconds.tolist()]
    return _row(chosen, method, "accuracies", found.watched, "", seconds=seconds)
