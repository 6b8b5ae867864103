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
from jaxtyping import Array, Float, PRNGKeyArray

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
FROM_STATISTICS = "kip, labels from statistics"  # takes the steps of "kip" in less time
NAMES = {FROM_STATISTICS: "kip"}
HOW = {
    "exact KIP": "measured",
    FROM_STATISTICS: "the same steps, labels from statistics in double precision",
}
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


class Begun(NamedTuple):
    """A cell once its closed form is there.

    Attributes:
        start: (m, d) real images, from which both KIPs descend.
        key: of their batches.
        base: seconds of the closed form.
        rows: of the closed form.
    """

    start: Float[Array, "m d"]
    key: PRNGKeyArray
    base: float
    rows: list[Row]


def begun(data: Dataset, made: Prepared, chosen: Settings) -> Begun:
    """The closed form of a cell, and where its descents start."""
    model, k = made.model, len(made.model.weights)
    m, key = chosen.ipc * k, jax.random.key(2000 + chosen.seed)
    start = model.normalisation(data.x_train[balanced_sample(key, data.y_train, m, k)])
    small, distilling = timed(lambda: algorithm.distill(model, m, key=key))
    right = 100 * small.model().accuracy(data.x_test, data.y_test)
    base = made.fit + distilling
    return Begun(start, key, base, _rows(chosen, "closed form", base, base, "measured", right))


def rows_of(
    data: Dataset, made: Prepared, chosen: Settings, folder: Path, report: Report
) -> list[Row]:
    """The rows of a cell: closed form, exact KIP, KIP by statistics, and its published step.

    With more points than features KIP by statistics is left out (`OnBatches` needs m <= p).

    Args:
        folder: for the checkpoints of the two whole runs.
        report: called with the progress of each descent.
    """
    model, of = made.model, begun(data, made, chosen)
    labels = jax.nn.one_hot(data.y_train, len(model.weights), dtype=jnp.float64)
    whole: dict[str, tuple[Objective, float]] = {
        "exact KIP": (FullBatch(model.feature_map, made.target, float(labels.size)), made.reduce)
    }
    if len(of.start) <= model.feature_map.dim_out:
        batch = min(chosen.batch, len(labels))
        whole[FROM_STATISTICS] = (
            OnBatches(model.feature_map, made.target, made.features, labels, batch),
            made.reduce + made.pass_,
        )
    rows = of.rows
    for method, (objective, before) in whole.items():
        found = _whole_run(data, made, chosen, objective, of, folder / method, report)
        right = 100 * _tested(data, made, found.points)
        rows += _rows(chosen, method, before + found.seconds[-1], of.base, "measured")
        rows.append(
            _row(chosen, NAMES.get(method, method), "accuracy", right, "%", how=HOW[method])
        )
        rows += _course(chosen, method, found)
    return rows + published_rows(data, made, chosen, of, folder, report)


def published_rows(
    data: Dataset, made: Prepared, chosen: Settings, of: Begun, folder: Path, report: Report
) -> list[Row]:
    """The rows of the published method.

    A whole run where `timed` is all steps, else the cost of its step and the seconds of a whole
    run extrapolated from it. In single precision as published, or in double where its loss is then
    not finite.
    """
    k, whole = len(made.model.weights), chosen.timed >= chosen.steps
    for dtype in (jnp.float32, jnp.float64):
        phi = jax.tree.map(partial(jnp.asarray, dtype=dtype), made.model.feature_map)
        norm = paper.normalisation(data.info, jnp.dtype(dtype).name)
        features, before = timed(partial(features_of, phi, norm, data.x_train))
        labels = jax.nn.one_hot(data.y_train, k, dtype=dtype)
        objective = Stochastic(phi, features, labels, min(chosen.batch, len(labels)))
        there = of._replace(start=of.start.astype(dtype))
        try:
            if whole:
                found = _whole_run(data, made, chosen, objective, there, folder / "kip", report)
                right = 100 * _tested(data, made, found.points.astype(jnp.float64))
                spent, how = before + found.seconds[-1], "measured"
                rows = _rows(chosen, "kip", spent, of.base, how, right)
                return rows + _course(chosen, "kip", found)
            every = max(1, chosen.timed // 4)
            found = descend(objective, there.start, every * 4, key=of.key, every=every)
        except Diverged:
            continue
        cost = float(np.min(np.diff(found.seconds, prepend=0.0))) / every
        how = f"estimated from {every * 4:,} of {chosen.steps:,} steps"
        if dtype == jnp.float64:
            how += " in double precision: in single the loss is not finite"
        rows = _rows(chosen, "kip", before + chosen.steps * cost, of.base, how)
        return [*rows, _row(chosen, "kip", "step", 1e3 * cost, "ms")]
    return []


def _whole_run(data, made, chosen, objective, of: Begun, path, report) -> Descent:
    """A descent of all steps, its accuracy watched in double precision."""

    def watch(points):
        support = made.model.feature_map(points.astype(jnp.float64))
        weights = kip_loss.coefficients(support, made.target).T @ support
        return accuracy(np.asarray(weights), np.asarray(made.tests), data.y_test)

    return descend(
        objective,
        of.start,
        chosen.steps,
        key=of.key,
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


def _rows(chosen, method, seconds, base, how, right=None) -> list[Row]:
    """Seconds, accuracy in per cent, and multiples of the closed form's time, as in Table 4."""
    rows = [_row(chosen, method, "seconds", seconds, "s", how=how)]
    if right is not None:
        rows.append(_row(chosen, method, "accuracy", right, "%", how=how))
    if method != "closed form":
        times = "times the closed form"
        rows.append(_row(chosen, method, "time ratio", seconds / base, times, how=how))
    if method == "kip":
        rows.append(_row(chosen, "closed form", "speedup", seconds / base, "times", how=how))
    return rows


def _course(chosen, method, found: Descent) -> list[Row]:
    """A step's cost, and the test accuracies on the way with the seconds at which they came."""
    seconds = [0.0, *found.seconds.tolist()]
    cost = 1e3 * seconds[-1] / chosen.steps
    return [
        _row(chosen, method, "step", cost, "ms"),
        _row(chosen, method, "accuracies", found.watched, "", seconds=seconds),
    ]
