"""Random feature approximation for dataset distillation (RFAD): KIP with a kernel of random finite networks, drawn anew at every step.

Loo, Hasani, Amini, Rus: Efficient dataset distillation using random feature approximation, NeurIPS 2022.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from distill_lib import _checks, descent
from distill_lib.descent import Descent
from distill_lib.distilled_set import DistilledSet
from distill_lib.images import Normalisation, balanced_sample
from distill_lib.random_networks import (
    BIAS_VARIANCE,
    WEIGHT_VARIANCE,
    Network,
    RandomNetworks,
    batched_features,
    from_features,
)

RATES = {"points": 1e-3, "labels": 1e-3, "transform": 5e-5, "tau": 1e-2}
VALIDATION_NETWORKS = 16
Support = dict[str, Float[Array, "..."]]


class Corruption(eqx.Module):
    """Pixels of the support images that are held at noise: nothing of the training set can be read from them.

    Attributes:
        held: which pixels, True for those held.
        noise: their values; entries that are not held are not read.
    """

    held: Bool[Array, "m h w c"]
    noise: Float[Array, "m h w c"]

    @classmethod
    def random(cls, key: PRNGKeyArray, share: float, m: int, normalisation: Normalisation) -> "Corruption":
        """Each pixel held with probability `share`, at a value that is standard normal as a network input.

        Raises: ValueError unless 0 <= share <= 1.
        """
        if not (_checks.number(share) and 0 <= share <= 1):
            raise ValueError(f"corruption = {share!r} is no share of the pixels; it must be in [0, 1].")
        for_mask, for_noise = jax.random.split(key)
        held = jax.random.bernoulli(for_mask, share, (m, *normalisation.shape))
        noise = jax.random.normal(for_noise, (m, normalisation.dim), normalisation.dtype)
        return cls(held, normalisation.inverse(noise))

    def __call__(self, points: Float[Array, "m d"], normalisation: Normalisation) -> Float[Array, "m d"]:
        """Points whose images have the held pixels; their gradient there is zero."""
        return normalisation(jnp.where(self.held, self.noise, normalisation.inverse(points)))


class Objective(eqx.Module):
    """The loss of one step: kernel ridge regression from the support set, tested on training images.

    With F the features of freshly drawn networks, K = 2 F F^T + 0.01 and lam = jitter tr(K_SS) / m, the predictions are
    K_TS (K_SS + lam I)^{-1} y_S. They are computed as features times weights, so a step costs O(m) but for an m x m solve in float64.

    Attributes:
        networks: drawn from the step's key.
        images: (n, h, w, c) training images as they are stored; normalised a batch at a time.
        truth: (n,) their classes.
        labels: (m, k) support labels; those of a support set with "labels" of its own take their place.
        normalisation: from images to network inputs.
        corruption: pixels held at noise, or None.
        loss: "mse": half the mean squared error of one-hot labels minus 1/k. "platt": cross-entropy of exp(tau) times the predictions.
        targets, batch: target batches of a step and their size; all drawn together, without repetition.
        jitter: lam relative to the mean diagonal of K_SS.
    """

    networks: RandomNetworks
    images: Array
    truth: Int[Array, " n"]
    labels: Float[Array, "m k"]
    normalisation: Normalisation
    corruption: Corruption | None = None
    loss: Literal["mse", "platt"] = eqx.field(static=True, default="mse")
    targets: int = eqx.field(static=True, default=4)
    batch: int = eqx.field(static=True, default=1280)
    jitter: float = eqx.field(static=True, default=5e-3)

    def __check_init__(self) -> None:
        _checks.positive("jitter", self.jitter)
        if self.loss not in ("mse", "platt"):
            raise ValueError(f"the loss '{self.loss}' is unknown; known are mse and platt.")
        if min(self.targets, self.batch) < 1 or self.targets * self.batch > len(self.images):
            raise ValueError(
                f"{self.targets} target batches of {self.batch} cannot be drawn from {len(self.images)} training images; "
                "take fewer or smaller ones."
            )
        if self.networks.network.shape != self.normalisation.shape:
            raise ValueError(
                f"the networks take images of shape {self.networks.network.shape}, the training images have "
                f"{self.normalisation.shape}; give both the same."
            )

    def __call__(self, support: Support, key: PRNGKeyArray) -> Float[Array, ""]:
        for_networks, for_rows = jax.random.split(key)
        count = self.targets * self.batch
        rows = jax.random.choice(for_rows, len(self.images), (count,), replace=False)

        def features(rows):
            return self.networks.features(for_networks, self.normalisation(self.images[rows]))

        f = jax.lax.map(features, rows.reshape(self.targets, self.batch)).reshape(count, -1)
        predictions = self.predictions(
            self.networks.features(for_networks, self.effective(support)), support, f
        )
        return self.loss_of(predictions, self.truth[rows], support)

    def effective(self, support: Support) -> Float[Array, "m d"]:
        """The points that the networks see: transformed, then with the held pixels."""
        points = support["points"]
        points = points @ support["transform"] if "transform" in support else points
        return points if self.corruption is None else self.corruption(points, self.normalisation)

    def predictions(
        self, features: Float[Array, "m p"], support: Support, f: Float[Array, "n p"]
    ) -> Float[Array, "n k"]:
        """K_TS (K_SS + lam I)^{-1} y_S for features of the support and of the targets; the weights in float64."""
        labels = support.get("labels", self.labels).astype(jnp.float64)
        features = features.astype(jnp.float64)
        gram, m = from_features(features, features), len(features)
        gram += self.jitter * jnp.trace(gram) / m * jnp.eye(m)
        alpha = jax.scipy.linalg.solve(gram, labels, assume_a="pos")
        weights = WEIGHT_VARIANCE * features.T @ alpha
        return (f @ weights.astype(f.dtype)).astype(jnp.float64) + BIAS_VARIANCE * alpha.sum(0)

    def loss_of(
        self, predictions: Float[Array, "n k"], truth: Int[Array, " n"], support: Support
    ) -> Float[Array, ""]:
        """Mean over the samples, and for "mse" over the classes."""
        if self.loss == "platt":
            logits = jnp.exp(support["tau"]) * predictions
            return optax.softmax_cross_entropy_with_integer_labels(logits, truth).mean()
        return 0.5 * jnp.mean((predictions - centred_labels(truth, predictions.shape[1])) ** 2)


class Distilled(NamedTuple):
    """What RFAD found.

    Attributes:
        set: the support set of the best validation loss, transformed and with its held pixels; for the kernel.
        support: what was descended, at that step.
        descent: the whole descent.
    """

    set: DistilledSet
    support: Support
    descent: Descent


def centred_labels(labels: Int[Array, " n"], classes: int, dtype=jnp.float64) -> Float[Array, "n k"]:
    """One-hot minus 1/k."""
    return jax.nn.one_hot(labels, classes, dtype=dtype) - 1 / classes


def distill(
    images,
    labels,
    normalisation: Normalisation,
    m: int,
    *,
    key: PRNGKeyArray,
    networks: RandomNetworks | None = None,
    classes: int | None = None,
    steps: int = 100_000,
    every: int = 40,
    patience: int | None = 1000,
    rates: dict[str, float] | None = None,
    learn_labels: bool = False,
    learn_transform: bool = True,
    corruption: float = 0.0,
    validation: int | None = None,
    watch: Literal["loss", "accuracy"] = "loss",
    start: Float[Array, "m d"] | None = None,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> Distilled:
    """RFAD: AdaBelief on m support images, stopped by the loss of fixed networks on training images that were held out.

    Args:
        images: (n, h, w, c) training images.
        labels: (n,) their classes.
        m: support points, as many of each class as of any other.
        networks: of a step; 8 ConvNets of width 256 and depth 3 where not given. Validation takes 16 of the same architecture.
        classes: k; by default the largest label + 1.
        steps: at most; `every` that many validation takes place.
        patience: steps without a better validation after which the descent stops; None never stops early.
        rates: learning rates that replace those of `RATES`.
        learn_labels: labels are descended as well, from one-hot minus 1/k.
        learn_transform: a linear transform of all support images is descended as well, from the identity; the set holds the product.
        corruption: share of the support's pixels held at noise.
        validation: training images held out; by default 500 of each of up to 10 classes and 100 of each of more, as published, but at most a fifth of all.
        watch: what validation follows and the best step is chosen by: the loss, or the accuracy.
        start: (m, d) first support points, of class 0, 1, ..., k-1, 0, 1, ...; None takes real images.
        settings: `loss`, `targets`, `batch` and `jitter` of `Objective`.
        options: `checkpoint` and `report` of `descent.descend`.
    Raises: ValueError for input that does not fit, before the first step; otherwise as `descent.descend`.
    """
    normalisation.check(images)
    labels = _checks.indices("labels", labels, count=len(images))
    k = int(labels.max(initial=-1)) + 1 if classes is None else classes
    _checks.labels("labels", labels, k)
    networks = RandomNetworks(Network(normalisation.shape)) if networks is None else networks
    for_split, for_start, for_mask, for_validation, for_steps = jax.random.split(key, 5)
    if validation is None:
        validation = min(k * (500 if k <= 10 else 100), len(labels) // 5)
    held_out = balanced_sample(for_split, labels, validation, k)
    rest = np.setdiff1d(np.arange(len(labels)), held_out)
    images_val, truth_val, images, labels = images[held_out], labels[held_out], images[rest], labels[rest]
    first = balanced_sample(for_start, labels, m, k)
    if start is None:
        start = normalisation(images[first])
    _checks.matrix("start", start, rows=m, cols=normalisation.dim)
    objective = Objective(
        networks,
        jnp.asarray(images),
        jnp.asarray(labels),
        centred_labels(jnp.arange(m) % k, k, start.dtype),
        normalisation,
        Corruption.random(for_mask, corruption, m, normalisation) if corruption else None,
        **(settings or {}),
    )
    support: Support = {"points": start}
    if learn_labels:
        support["labels"] = objective.labels
    if learn_transform:
        support["transform"] = jnp.eye(normalisation.dim, dtype=start.dtype)
    if objective.loss == "platt":
        support["tau"] = jnp.zeros((), start.dtype)
    chosen = RATES | (rates or {})
    if set(chosen) != set(RATES):
        raise ValueError(
            f"rates are those of {', '.join(RATES)}, not of {', '.join(set(chosen) - set(RATES))}."
        )
    follow = watcher(objective, images_val, truth_val, for_validation, watch)
    found = descent.descend(
        objective,
        support,
        steps,
        key=for_steps,
        learning_rate={name: chosen[name] for name in support},
        rule=optax.adabelief,
        every=every,
        patience=patience,
        watch=follow,
        **options,
    )
    record = {
        "networks": networks.count,
        "architecture": {
            "kind": networks.network.architecture,
            "width": networks.network.width,
            "depth": networks.network.depth,
        },
        "loss": objective.loss,
        "targets": objective.targets,
        "batch": objective.batch,
        "jitter": objective.jitter,
        "rates": {name: chosen[name] for name in support},
        "steps": len(found.losses),
        "best_step": int(np.argmax(found.watched)) * every,
        "corruption": corruption,
        "tau": float(found.best["tau"]) if "tau" in found.best else None,
        "watched": watch,
        "best": max(found.watched),
    }
    return Distilled(_support_set(objective, found.best, record), found.best, found)


def watcher(
    objective: Objective, images, truth, key: PRNGKeyArray, what: Literal["loss", "accuracy"] = "loss"
) -> Callable[[Support], float]:
    """A function of a support set: minus its loss, or its accuracy, on given images under 16 networks drawn once from the key.

    The features of the images are computed once and kept: 4 p bytes an image.
    """
    if what not in ("loss", "accuracy"):
        raise ValueError(f"'{what}' cannot be watched; known are loss and accuracy.")
    networks = RandomNetworks(objective.networks.network, VALIDATION_NETWORKS)
    f = jnp.asarray(batched_features(networks, key, images, objective.normalisation))
    truth = jnp.asarray(truth)

    @jax.jit
    def value(objective, support, f, truth):
        features = networks.features(key, objective.effective(support))
        predictions = objective.predictions(features, support, f)
        if what == "accuracy":
            return jnp.mean(jnp.argmax(predictions, 1) == truth)
        return -objective.loss_of(predictions, truth, support)

    return lambda support: float(value(objective, support, f, truth))


def _support_set(objective, support, record):
    return record
