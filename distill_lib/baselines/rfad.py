"""Random feature approximation distillation (RFAD): KIP with random finite networks.

The kernel is that of networks drawn anew at every step. Loo, Hasani, Amini, Rus: Efficient dataset
distillation using random feature approximation, NeurIPS 2022.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from distill_lib.baselines import descent
from distill_lib.baselines.descent import Descent
from distill_lib.baselines.rfad_objective import Corruption, Objective, Support
from distill_lib.baselines.training_set import Targets, centred_labels
from distill_lib.boundary import checks
from distill_lib.images.normalisation import picked
from distill_lib.images.sampling import balanced_sample
from distill_lib.images.whitening import Preprocessing
from distill_lib.kernels import regression
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import (
    Network,
    RandomNetworks,
    batched_features,
    from_features,
)
from distill_lib.sets.distilled_set import DistilledSet

RATES = {"points": 1e-3, "labels": 1e-3, "transform": 5e-5, "tau": 1e-2}
VALIDATION_NETWORKS = 16


class Settings(NamedTuple):
    """How RFAD descends; the defaults are the published ones.

    Attributes:
        networks: of a step; 8 ConvNets of width 256 and depth 3 where not given. Validation takes
            16 of the same.
        steps: at most, a multiple of `every`; after each `every` steps there is a validation.
        patience: steps without a better validation after which the descent stops; None never stops
            early.
        rates: learning rates that replace those of `RATES`.
        learn_labels: labels are descended as well, from one-hot minus 1/k.
        learn_transform: a linear transform of all support images is descended as well, from the
            identity; the set holds the product.
        corruption: share of the support's pixels held at noise.
        validation: training images set apart; by default 500 of each of up to 10 classes and 100 of
            each of more, as published, but at most a fifth of all.
        watch: what validation follows and the best step is chosen by: the loss, or the accuracy.
        settings: `loss`, `batches`, `batch`, `jitter` and `precision` of `Objective`.

    Example:
        >>> from distill_lib.baselines.rfad import Settings
        >>> Settings().held_out(classes=10, count=60_000)  # images for validation
        5000
        >>> Settings(rates={"labels": 1e-2}).rate_of()["labels"]
        0.01
    """

    networks: RandomNetworks | None = None
    steps: int = 100_000
    every: int = 40
    patience: int | None = 1000
    rates: dict[str, float] | None = None
    learn_labels: bool = False
    learn_transform: bool = True
    corruption: float = 0.0
    validation: int | None = None
    watch: Literal["loss", "accuracy"] = "loss"
    settings: dict[str, Any] | None = None

    def rate_of(self) -> dict[str, float]:
        """The learning rate of everything that can be descended.

        Raises: ValueError for a rate of anything else.
        """
        rates = RATES | (self.rates or {})
        if unknown := set(rates) - set(RATES):
            raise ValueError(
                f"there are rates of {', '.join(RATES)}, not of {', '.join(sorted(unknown))}."
            )
        return rates

    def held_out(self, classes: int, count: int) -> int:
        """How many of `count` training images are set apart for validation."""
        published = classes * (500 if classes <= 10 else 100)
        return min(published, count // 5) if self.validation is None else self.validation


class Distilled(NamedTuple):
    """What RFAD found: the set, and how it came about.

    Attributes:
        set: the support set of the best validation, transformed and with its held pixels, for the
            NNGP kernel that the networks estimate.
        support: what was descended, at that step.
        descent: the whole descent.
        held_out: indices of the training images that were set apart for validation.

    Example:
        >>> from distill_lib.baselines import rfad
        >>> norm, images = dl.Normalisation((1, 2, 1), 1, 0, 1), np.tile(np.eye(2), (10, 1))
        >>> found = rfad.distill(
        ...     images.reshape(20, 1, 2, 1), np.arange(20) % 2, norm, 2, key=jax.random.key(0),
        ...     networks=rfad.RandomNetworks(rfad.Network((1, 2, 1), 4, 1, "fc"), 2),
        ...     steps=1, every=1, settings={"batches": 1, "batch": 4},
        ... )
        >>> found.set.points.shape, found.set.construction, len(found.held_out)
        ((2, 2), 'RFAD', 4)
    """

    set: DistilledSet
    support: Support
    descent: Descent
    held_out: Int[np.ndarray, " v"]


def distill(
    images,
    labels,
    preprocessing: Preprocessing,
    m: int,
    *,
    key: PRNGKeyArray,
    classes: int | None = None,
    start: Float[Array, "m d"] | None = None,
    checkpoint: Any = None,
    report: Callable[[descent.Report], None] | None = None,
    **settings: Any,
) -> Distilled:
    """Distil a training set by RFAD: descend support images until validation stops improving.

    AdaBelief, until fixed networks find the m images no better. In the published code the
    validation images are training images as well; here they are set apart first.

    Args:
        images: (n, h, w, c) training images.
        labels: (n,) their classes.
        m: support points, as many of each class as of any other.
        classes: k; by default the largest label + 1.
        start: (m, d) first support points, of class 0, 1, ..., k-1, 0, 1, ...; None: real images.
        checkpoint, report: of `descent.descend`.
        settings: those of `Settings`, by name.
    Raises: ValueError for input that does not fit, before the first step; else as `descend`.
    """
    chosen = Settings(**settings)
    rates = chosen.rate_of()
    images = preprocessing.opened(images)
    preprocessing.check(images)
    labels = checks.indices("labels", labels, count=images.shape[0])
    k = int(labels.max(initial=-1)) + 1 if classes is None else classes
    for_split, for_start, for_mask, for_validation, for_steps = jax.random.split(key, 5)
    held_out = balanced_sample(for_split, labels, chosen.held_out(k, len(labels)), k)
    rest = np.setdiff1d(np.arange(len(labels)), held_out)
    if start is None:
        start = preprocessing(picked(images, rest[balanced_sample(for_start, labels[rest], m, k)]))
    checks.matrix("start", start, rows=m, cols=preprocessing.dim)
    targets = Targets.of(images, labels, preprocessing, k, rows=rest)
    objective = _objective(chosen, targets, m, start.dtype, for_mask)
    watch = watcher(
        objective, picked(images, held_out), labels[held_out], for_validation, chosen.watch
    )
    support = _descended(objective, jnp.asarray(start), chosen)
    found = descent.descend(
        objective, support, chosen.steps, key=for_steps, rule=optax.adabelief,
        learning_rate={name: rates[name] for name in support},
        every=chosen.every, patience=chosen.patience, checkpoint=checkpoint, report=report,
        watch=watch, watches=(chosen.watch, held_out, jax.random.key_data(for_validation)),
    )  # fmt: skip
    record = _record(objective, chosen, found, len(held_out))
    made = support_set(objective, found.best, for_validation, record)
    return Distilled(made, found.best, found, held_out)


def _objective(chosen: Settings, targets: Targets, m: int, dtype, for_mask) -> Objective:
    """The objective of the descent on targets, with one-hot - 1/k labels."""
    share, preprocessing, k = chosen.corruption, targets.preprocessing, targets.count
    return Objective(
        chosen.networks or RandomNetworks(Network(preprocessing.shape)),
        targets,
        centred_labels(jnp.arange(m) % k, k, dtype),
        Corruption.random(for_mask, share, m, preprocessing) if share else None,
        **(chosen.settings or {}),
    )


def _descended(objective: Objective, start, chosen: Settings) -> Support:
    """What is descended, at its start."""
    support: Support = {"points": start}
    if chosen.learn_labels:
        support["labels"] = objective.labels
    if chosen.learn_transform:
        support["transform"] = jnp.eye(objective.targets.preprocessing.dim, dtype=start.dtype)
    if objective.loss == "platt":
        support["tau"] = jnp.zeros((), start.dtype)
    return support


def _record(
    objective: Objective, chosen: Settings, found: Descent, validation: int
) -> dict[str, Any]:
    """How a set was made, as its provenance."""
    return {
        "networks": objective.networks.count,
        "width": objective.networks.network.width,
        "loss": objective.loss,
        "batches": objective.batches,
        "batch": objective.batch,
        "jitter": objective.jitter,
        "rates": {name: chosen.rate_of()[name] for name in found.best},
        "validation": validation,
        "watched": chosen.watch,
        "steps": len(found.losses),
        "best_step": int(np.argmax(found.watched)) * chosen.every,
        "corruption": chosen.corruption,
        "tau": float(found.best["tau"]) if "tau" in found.best else None,
    }


def watcher(
    objective: Objective,
    images,
    truth,
    key: PRNGKeyArray,
    what: Literal["loss", "accuracy"] = "loss",
) -> Callable[[Support], float]:
    """A function that judges a support set on given images: minus its loss, or its accuracy.

    It uses 16 networks, drawn once from the key. The features of the images are computed once and
    kept: 4 p bytes an image.

    Raises: ValueError for `what` other than "loss" and "accuracy".
    """
    if what not in ("loss", "accuracy"):
        raise ValueError(f"'{what}' cannot be watched; known are loss and accuracy.")
    networks = RandomNetworks(objective.networks.network, VALIDATION_NETWORKS)
    f = jnp.asarray(batched_features(networks, key, images, objective.targets.preprocessing))
    truth = jnp.asarray(truth, int)

    @jax.jit
    def value(objective, support, f, truth):
        predictions = objective.predictions(
            networks.features(key, objective.effective(support)), support, f
        )
        if what == "accuracy":
            return jnp.mean(jnp.argmax(predictions, 1) == truth)
        return -objective.loss_of(predictions, truth, support)

    return lambda support: float(value(objective, support, f, truth))


def support_set(
    objective: Objective, support: Support, key: PRNGKeyArray, provenance: dict[str, Any]
) -> DistilledSet:
    """The distilled set of what was descended: its effective points, with their labels.

    It is for the NNGP kernel of the same network at infinite width. lam_S = jitter tr(K_SS) / m,
    the trace being that of 16 networks drawn from the key.
    """
    net, points = objective.networks.network, objective.effective(support)
    f = RandomNetworks(net, VALIDATION_NETWORKS).features(key, points)
    reg_s = float(regression.relative_reg(from_features(f, f), objective.jitter))
    learned = "labels" in support
    return DistilledSet(
        points,
        support.get("labels", objective.labels),
        reg_s,
        None,
        objective.targets.preprocessing,
        "learned from one-hot - 1/k" if learned else "one-hot - 1/k",
        "RFAD",
        provenance,
        InfiniteWidth("nngp", net.architecture, net.depth, net.shape),
    )
