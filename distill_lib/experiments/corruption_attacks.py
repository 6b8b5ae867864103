"""RFAD with pixels held at noise: its accuracy, and what attacks still read off."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from distill_lib import paper, privacy
from distill_lib.baselines import kip, rfad
from distill_lib.baselines.training_set import Targets, centred_labels
from distill_lib.data import Dataset
from distill_lib.experiments import corruption
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.sampling import balanced_sample
from distill_lib.kernels import regression
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import Network, RandomNetworks
from distill_lib.ridge import RidgePath, RidgeStats
from distill_lib.theory import held_pixels

Row = dict[str, Any]
REG = 5e-3  # lam relative to tr(K_SS) / m, in the descent and in the kernel models


class Setting(NamedTuple):
    """What RFAD distils, and with which networks.

    Attributes:
        networks: of a step: number, width, depth.
        validation: images set apart, which choose the step; nothing is descended on them.
        descended: numbers of the training images that RFAD descends on.
        origins: numbers of those that its points start from.
        start: these images as network inputs (m, d).
    """

    data: Dataset
    norm: Normalisation
    networks: tuple[int, int, int]
    steps: int
    batch: int
    validation: int
    descended: np.ndarray
    origins: np.ndarray
    start: Any

    @property
    def kernel(self) -> InfiniteWidth:
        """The exact kernel of the networks."""
        return InfiniteWidth("nngp", "fc", self.networks[2], self.norm.shape)

    @property
    def labels(self) -> Any:
        """Centred one-hot labels of the points."""
        k = len(self.data.info.classes)
        return centred_labels(jnp.arange(len(self.start)) % k, k)


def setting(data: Dataset, ipc: int, networks: Sequence[int], steps: int, batch: int) -> Setting:
    """One with ipc points per class, started from real images that RFAD descends on."""
    norm, k, key = paper.normalisation(data.info), len(data.info.classes), jax.random.key(0)
    validation = min(500 * k, len(data.x_train) // 5)
    # The split that `rfad.distill` makes of the same key.
    apart = balanced_sample(jax.random.split(key, 5)[0], data.y_train, validation, k)
    descended = np.setdiff1d(np.arange(len(data.x_train)), apart)
    origins = descended[balanced_sample(key, data.y_train[descended], ipc * k, k)]
    start = norm(data.x_train[origins])
    number, width, depth = networks
    sizes = (number, width, depth)
    return Setting(data, norm, sizes, steps, batch, validation, descended, origins, start)


def at_share(
    of: Setting,
    share: float,
    say: Callable[[str], None] = lambda text: None,
    checkpoint: Path | None = None,
) -> Row:
    """RFAD with that share of the pixels held at noise.

    Returns: the points; the accuracy of training on them, and on the real images that the descent
        started from with the same noise; which entries were held.
    """
    data, norm, m = of.data, of.norm, len(of.start)
    number, width, depth = of.networks

    def report(at):
        say(f"share {share:g}: step {at.step:,} of {at.steps:,}, {at.left:.0f} s left")

    found = rfad.distill(
        data.x_train,
        data.y_train,
        norm,
        m,
        key=jax.random.key(0),
        networks=RandomNetworks(Network(norm.shape, width, depth, "fc"), number),
        steps=of.steps,
        every=of.steps // 4,
        start=of.start,
        rates={"points": 0.05},
        settings={"batches": 1, "batch": of.batch, "jitter": REG},
        learn_transform=False,
        corruption=share,
        validation=of.validation,
        report=report,
        checkpoint=checkpoint,
    )
    points = jnp.asarray(found.set.points)
    # The set's points are those descended, with the noise in place of the held entries.
    held = np.abs(points - found.support["points"]) > 1e-9
    tests = norm(data.x_test)

    def judged(x):
        return regression.accuracy(of.kernel, x, of.labels, tests, data.y_test, REG)

    real = judged(jnp.where(held, points, of.start))
    return {"points": points, "distilled": judged(points), "real": real, "held": held}


class Attacker(NamedTuple):
    """What the three adversaries know.

    Attributes:
        exact: the linear problem, for exact sets.
        models: the models of the training set and of its neighbour.
        candidates: both, for the label solve.
        members, tests: network inputs of images that RFAD descended on, and of test images.
        images: all training images (n, d), in single precision.
    """

    of: Setting
    exact: corruption.Problem
    models: tuple[Any, Any]
    candidates: tuple[Targets, Targets]
    members: Any
    tests: Any
    images: np.ndarray


def attacker(of: Setting, exact: corruption.Problem) -> Attacker:
    """The neighbour has its first image exchanged for a test image of that class."""
    data, norm, k = of.data, of.norm, len(of.data.info.classes)
    swapped = data.x_train.copy()
    swapped[0] = data.x_test[int(np.flatnonzero(data.y_test == data.y_train[0])[0])]
    model, labels = exact.model, data.y_train
    models = [
        RidgePath.of(RidgeStats.of_images(x, labels, k, model.feature_map, norm)).weights(model.reg)
        for x in (data.x_train, swapped)
    ]
    candidates = [Targets.of(x, labels, norm, k) for x in (data.x_train, swapped)]
    tests, rng = norm(data.x_test), np.random.default_rng(1)
    count = min(len(tests), len(of.descended))
    members = norm(data.x_train[rng.choice(of.descended, count, replace=False)])
    images = np.asarray(norm(data.x_train), np.float32)
    both, pair = (models[0], models[1]), (candidates[0], candidates[1])
    return Attacker(of, exact, both, pair, members, tests, images)


def likeness(points: Any, images: np.ndarray) -> float:
    """Largest correlation of each point with a training image, averaged over the points."""
    rows = np.asarray(points, np.float32)
    return float(np.mean([privacy.correlations(row, images).max() for row in rows]))


def traced(points: Any, held: Any, origins: np.ndarray, images: np.ndarray) -> tuple[float, float]:
    """Over the free pixels: correlation with the image that a point was started from, and its rank.

    The mean over the points, and the median.
    """
    correlations, ranks = [], []
    for row, mask, origin in zip(
        np.asarray(points, np.float32), np.asarray(held), origins, strict=True
    ):
        found = privacy.correlations(row[~mask], images[:, ~mask])
        correlations.append(found[origin])
        ranks.append(1 + np.sum(found > found[origin]))
    return float(np.mean(correlations)), float(np.median(ranks))


def attacked(by: Attacker, share: float, run: Row) -> Row:
    """What the eye and the three adversaries find at that share of noise."""
    of, exact = by.of, by.exact
    (k, d, m), points = exact.sizes, jnp.array(run["points"])
    count = min(round(share * m), m - k)  # as far as part 1 promises a set
    held = held_pixels.balanced_mask(jax.random.key(3), m, d, count)
    made = held_pixels.held_set(by.models[0], exact.start(held), held, exact.penalty)
    shown = np.asarray(made.features)
    span = [float(privacy.span_residual(shown, np.asarray(w))) for w in by.models]
    solve = partial(kip.label_solve, of.kernel, points, reg=REG)
    solved = [np.asarray(solve(one)) for one in by.candidates]
    # Released were the labels of another order of sums.
    released = np.asarray(solve(by.candidates[0], batch=1000))
    labels = [float(np.linalg.norm(released - y) / np.linalg.norm(released)) for y in solved]
    margins = []
    for x in (by.members, of.start, by.tests):
        f = np.sort(np.asarray(regression.scores(of.kernel, points, of.labels, x, REG)), 1)
        margins.append(f[:, -1] - f[:, -2])
    return {
        "likeness": likeness(points, by.images),
        "traced": traced(points, run["held"], of.origins, by.images),
        "held": float(held.mean()),
        "span": span,
        "labels": labels,
        "answers": privacy.roc_area(margins[2], margins[0]),
        "start": privacy.roc_area(margins[2], margins[1]),
    }


Runs = Mapping[float, Row]


def ratio(pair: Sequence[float], floor: float) -> float:
    """The neighbour's residual over that of the training set that was used."""
    return pair[1] / max(pair[0], floor)


def seen(found: Runs) -> list[Row]:
    """The first table: what the eye sees."""
    return [
        {"held": f"{100 * share:.0f}\u00a0%", "likeness": f"{run['likeness']:.2f}"}
        | {"started from": f"{run['traced'][0]:.2f}", "rank": f"{run['traced'][1]:,.0f}"}
        for share, run in found.items()
    ]


def tested(found: Runs) -> list[Row]:
    """The second table: what the adversaries find."""
    rows = []
    for share, run in found.items():
        row: Row = {
            "held": f"{100 * share:.0f}\u00a0%",
            "held, span": f"{100 * run['held']:.0f}\u00a0%",
        }
        for name in ("span", "labels"):
            row |= {
                f"{name}, {who}": f"{run[name][i]:.0e}" for i, who in enumerate(("true", "other"))
            }
        for name, digits in (("answers", 1), ("start", 0)):
            area, error = (100 * number for number in run[name])
            row[name] = f"{area:.{digits}f} ± {error:.{digits}f} %"
        rows.append(row)
    return rows


def recorded(of: Setting, ipc: int, runs: Runs, found: Runs) -> list[Row]:
    """Rows of accuracies and of attacks."""
    rows: list[Row] = []
    cell = {"table": "corruption", "dataset": of.data.info.name, "ipc": ipc}
    for share, run in runs.items():
        for method, name in (("distilled", "rfad, corrupted"), ("real", "real images, corrupted")):
            row = cell | {"model": f"fc{of.networks[2]}", "method": f"{name} {share:g}"}
            row |= {"quantity": "accuracy", "measured": 100 * run[method], "unit": "%"}
            rows.append(row | {"share": share})
    for share, run in found.items():
        measured = (
            ("span", "ratio of residuals", ratio(run["span"], 1e-300), "ratio"),
            ("labels", "ratio of residuals", ratio(run["labels"], 1e-16), "ratio"),
            ("answers", "area under ROC", 100 * run["answers"][0], "%"),
            ("start", "area under ROC", 100 * run["start"][0], "%"),
            ("likeness", "correlation", run["likeness"], "ratio"),
            ("started from", "correlation", run["traced"][0], "ratio"),
            ("started from", "rank", run["traced"][1], "rank"),
        )
        for name, quantity, value, unit in measured:
            row = cell | {"model": "attack", "method": f"{name} {share:g}", "quantity": quantity}
            rows.append(row | {"measured": value, "unit": unit, "share": share})
    return rows


def values(by: Attacker, runs: Runs, found: Runs) -> dict[str, Any]:
    """Named numbers of the prose."""
    first, last = min(runs), max(runs)
    out: dict[str, Any] = {
        "points": len(by.of.start),
        "none": (100 * runs[first]["distilled"], "{:.1f}"),
        "most": (100 * runs[last]["distilled"], "{:.1f}"),
        "most_real": (100 * runs[last]["real"], "{:.1f}"),
        "most_share": (100 * last, "{:.0f}"),
        "likeness_noise": (likeness(by.exact.noise, by.images), "{:.2f}"),
        "likeness_none": (found[first]["likeness"], "{:.2f}"),
        "likeness_most": (found[last]["likeness"], "{:.2f}"),
        "rank_none": (found[first]["traced"][1], "{:,.0f}"),
        "images": (len(by.images), "{:,d}"),
        "rank_chance": ((len(by.images) + 1) / 2, "{:,.0f}"),
    }
    every = list(found.values())
    out["least_span"] = (min(ratio(run["span"], 1e-300) for run in every), "{:.0e}")
    out["least_labels"] = (min(ratio(run["labels"], 1e-16) for run in every), "{:.0e}")
    for word, pick in (("least", min), ("most", max)):
        out[f"answers_{word}"] = (100 * pick(run["answers"][0] for run in every), "{:.1f}")
        out[f"start_{word}"] = (100 * pick(run["start"][0] for run in every), "{:.0f}")
        out[f"traced_{word}"] = (pick(run["traced"][0] for run in every), "{:.2f}")
    out["answers_error"] = (100 * max(run["answers"][1] for run in every), "{:.1f}")
    out["start_error"] = (100 * max(run["start"][1] for run in every), "{:.0f}")
    out["rank_most"] = (max(run["traced"][1] for run in every), "{:,.0f}")
    return out
