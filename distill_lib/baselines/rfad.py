"""Random feature approximation distillation (RFAD): KIP with a kernel of random finite networks, drawn anew at every step.

Loo, Hasani, Amini, Rus: Efficient dataset distillation using random feature approximation, NeurIPS 2022.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from distill_lib.baselines import descent
from distill_lib.baselines.descent import Descent
from distill_lib.baselines.training_set import Targets, centred_labels
from distill_lib.boundary import checks
from distill_lib.images.sampling import balanced_sample
from distill_lib.images.whitening import Preprocessing
from distill_lib.kernels import regression
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import (
    BIAS_VARIANCE,
    WEIGHT_VARIANCE,
    Network,
    Precision,
    RandomNetworks,
    batched_features,
    from_features,
)
from distill_lib.sets.distilled_set import DistilledSet

RATES = {"points": 1e-3, "labels": 1e-3, "transform": 5e-5, "tau": 1e-2}
VALIDATION_NETWORKS = 16
Support = dict[str, Float[Array, "..."]]


class Corruption(eqx.Module):
    """Pixels of the support images that are held at noise, so that they carry nothing of the training set.

    Attributes:
        held: which pixels, True for those held.
        noise: their values; entries that are not held are not read.
    """

    held: Bool[Array, "m h w c"]
    noise: Float[Array, "m h w c"]

    @classmethod
    def random(cls, key: PRNGKeyArray, share: float, m: int, preprocessing: Preprocessing) -> "Corruption":
        """Each pixel held with probability `share`, at a value that is standard normal as a network input.

        Raises: ValueError unless 0 <= share <= 1.
        """
        if not (checks.number(share) and 0 <= share <= 1):
            raise ValueError(f"corruption = {share!r} is no share of the pixels; it must be in [0, 1].")
        for_mask, for_noise = jax.random.split(key)
        held = jax.random.bernoulli(for_mask, share, (m, *preprocessing.shape))
        noise = jax.random.normal(for_noise, (m, preprocessing.dim), preprocessing.dtype)
        return cls(held, preprocessing.inverse(noise))

    def __call__(self, points: Float[Array, "m d"], preprocessing: Preprocessing) -> Float[Array, "m d"]:
        """Points whose images have the held pixels; their gradient there is zero."""
        return preprocessing(jnp.where(self.held, self.noise, preprocessing.inverse(points)))


class Objective(eqx.Module):
    """The loss of one step: kernel ridge regression from the support set, tested on training images.

    With F the features of freshly drawn networks, K = 2 F F^T + 0.01 and lam = jitter tr(K_SS) / m, the predictions are
    K_TS (K_SS + lam I)^{-1} Y_S. They are computed as features times weights, in the order F_T (F_S^T alpha): the networks and this cost
    O(m), and what is left is K_SS, m^2 numbers, and its solve in float64.

    Attributes:
        networks: drawn from the step's key.
        targets: the training set.
        labels: (m, k) support labels; those of a support set with "labels" of its own take their place.
        corruption: pixels held at noise, or None.
        loss: "mse": half the mean squared error over samples and classes. "platt": cross-entropy of exp(tau) times the predictions.
        batches, batch: target batches of a step and their size; all drawn together, without repetition.
        jitter: lam relative to the mean diagonal of K_SS.
        precision: of the products inside the networks. Most of a step is the targets' features, which carry no gradient; those of
            the support are computed in tf32 where this is "bf16". Kernel, solve and loss are of float32 and float64 in any case.
    """

    networks: RandomNetworks
    targets: Targets
    labels: Float[Array, "m k"]
    corruption: Corruption | None = None
    loss: Literal["mse", "platt"] = eqx.field(static=True, default="mse")
    batches: int = eqx.field(static=True, default=4)
    batch: int = eqx.field(static=True, default=1280)
    jitter: float = eqx.field(static=True, default=5e-3)
    precision: Precision = eqx.field(static=True, default="highest")

    def __check_init__(self) -> None:
        checks.positive("jitter", self.jitter)
        checks.matrix("labels", self.labels, cols=self.targets.count)
        if self.precision not in get_args(Precision):
            raise ValueError(
                f"the precision '{self.precision}' is unknown; known are {', '.join(get_args(Precision))}."
            )
        if self.loss not in ("mse", "platt"):
            raise ValueError(f"the loss '{self.loss}' is unknown; known are mse and platt.")
        if min(self.batches, self.batch) < 1 or self.batches * self.batch > len(self.targets):
            raise ValueError(
                f"{self.batches} target batches of {self.batch} cannot be drawn from {len(self.targets)} training images; "
                "take fewer or smaller ones."
            )
        if self.networks.network.shape != self.targets.preprocessing.shape:
            raise ValueError(
                f"the networks take images of shape {self.networks.network.shape}, the training images have "
                f"{self.targets.preprocessing.shape}; give both the same."
            )

    def __call__(self, support: Support, key: PRNGKeyArray) -> Float[Array, ""]:
        for_networks, for_rows = jax.random.split(key)
        rows = jax.random.choice(for_rows, len(self.targets), (self.batches, self.batch), replace=False)
        of_support: Precision = "highest" if self.precision == "highest" else "tf32"
        drawn = self.networks.draw(for_networks)  # once, for targets and support
        f = jax.lax.map(lambda rows: self.networks.hidden(drawn, self.targets(rows)[0], self.precision), rows)
        own = self.networks.hidden(drawn, self.effective(support), of_support)
        predictions = self.predictions(own, support, f.reshape(rows.size, -1))
        return self.loss_of(predictions, self.targets.classes[rows.reshape(-1)], support)

    def effective(self, support: Support) -> Float[Array, "m d"]:
        """The points that the networks see: transformed, then with the held pixels."""
        points = support["points"]
        points = points @ support["transform"] if "transform" in support else points
        return points if self.corruption is None else self.corruption(points, self.targets.preprocessing)

    def predictions(
        self, own: Float[Array, "m p"], support: Support, f: Float[Array, "n p"]
    ) -> Float[Array, "n k"]:
        """K_TS (K_SS + lam I)^{-1} Y_S for features of the support and of the targets: products of features in their dtype, the solve in float64."""
        labels = support.get("labels", self.labels).astype(jnp.float64)
        gram = from_features(own, own).astype(jnp.float64)
        alpha = regression.solve(gram, labels, self.jitter)
        weights = WEIGHT_VARIANCE * own.T.astype(jnp.float64) @ alpha
        return (f @ weights.astype(f.dtype)).astype(jnp.float64) + BIAS_VARIANCE * alpha.sum(0)

    def loss_of(
        self, predictions: Float[Array, "n k"], truth: Int[Array, " n"], support: Support
    ) -> Float[Array, ""]:
        """Mean over the samples, and for "mse" over the classes."""
        if self.loss == "platt":
            logits = jnp.exp(support["tau"]) * predictions
            return optax.softmax_cross_entropy_with_integer_labels(logits, truth).mean()
        return 0.5 * jnp.mean((predictions - centred_labels(truth, self.targets.count)) ** 2)


class Distilled(NamedTuple):
    """What RFAD found.

    Attributes:
        set: the support set of the best validation, transformed and with its held pixels, for the NNGP kernel that the networks estimate.
        support: what was descended, at that step.
        descent: the whole descent.
        held_out: indices of the training images that were set apart for validation.
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
    """RFAD: AdaBelief on m support images, stopped by what fixed networks make of training images that were held out.

    In the published code the validation images are training images as well; here they are set apart first.

    Args:
        images: (n, h, w, c) training images.
        labels: (n,) their classes.
        m: support points, as many of each class as of any other.
        networks: of a step; 8 ConvNets of width 256 and depth 3 where not given. Validation takes 16 of the same.
        classes: k; by default the largest label + 1.
        steps: at most, a multiple of `every`; after each `every` steps there is a validation.
        patience: steps without a better validation after which the descent stops; None never stops early.
        rates: learning rates that replace those of `RATES`.
        learn_labels: labels are descended as well, from one-hot minus 1/k.
        learn_transform: a linear transform of all support images is descended as well, from the identity; the set holds the product.
        corruption: share of the support's pixels held at noise.
        validation: training images set apart; by default 500 of each of up to 10 classes and 100 of each of more, as published, but
            at most a fifth of all.
        watch: what validation follows and the best step is chosen by: the loss, or the accuracy.
        start: (m, d) first support points, of class 0, 1, ..., k-1, 0, 1, ...; None takes real images.
        settings: `loss`, `batches`, `batch` and `jitter` of `Objective`.
        options: `checkpoint` and `report` of `descent.descend`.
    Raises: ValueError for input that does not fit, before the first step; otherwise as `descent.descend`.
    """
    chosen = RATES | (rates or {})
    if len(chosen) > len(RATES):
        raise ValueError(
            f"there are rates of {', '.join(RATES)}, not of {', '.join(set(chosen) - set(RATES))}."
        )
    images = preprocessing.opened(images)
    preprocessing.check(images)
    labels = checks.indices("labels", labels, count=len(images))
    k = int(labels.max(initial=-1)) + 1 if classes is None else classes
    for_split, for_start, for_mask, for_validation, for_steps = jax.random.split(key, 5)
    if validation is None:
        validation = min(k * (500 if k <= 10 else 100), len(labels) // 5)
    held_out = balanced_sample(for_split, labels, validation, k)
    rest = np.setdiff1d(np.arange(len(labels)), held_out)
    if start is None:
        start = preprocessing(images[rest[balanced_sample(for_start, labels[rest], m, k)]])
    checks.matrix("start", start, rows=m, cols=preprocessing.dim)
    networks = RandomNetworks(Network(preprocessing.shape)) if networks is None else networks
    objective = Objective(
        networks,
        Targets.of(images[rest], labels[rest], preprocessing, k),
        centred_labels(jnp.arange(m) % k, k, start.dtype),
        Corruption.random(for_mask, corruption, m, preprocessing) if corruption else None,
        **(settings or {}),
    )
    support: Support = {"points": jnp.asarray(start)}
    if learn_labels:
        support["labels"] = objective.labels
    if learn_transform:
        support["transform"] = jnp.eye(preprocessing.dim, dtype=start.dtype)
    if objective.loss == "platt":
        support["tau"] = jnp.zeros((), start.dtype)
    rates = {name: chosen[name] for name in support}
    found = descent.descend(
        objective,
        support,
        steps,
        key=for_steps,
        learning_rate=rates,
        rule=optax.adabelief,
        every=every,
        patience=patience,
        watch=watcher(objective, images[held_out], labels[held_out], for_validation, watch),
        watches=(watch, held_out, jax.random.key_data(for_validation)),
        **options,
    )
    record = {
        "networks": networks.count,
        "width": networks.network.width,
        "loss": objective.loss,
        "batches": objective.batches,
        "batch": objective.batch,
        "jitter": objective.jitter,
        "rates": rates,
        "validation": validation,
        "watched": watch,
        "steps": len(found.losses),
        "best_step": int(np.argmax(found.watched)) * every,
        "corruption": corruption,
        "tau": float(found.best["tau"]) if "tau" in found.best else None,
    }
    return Distilled(support_set(objective, found.best, for_validation, record), found.best, found, held_out)


def watcher(
    objective: Objective, images, truth, key: PRNGKeyArray, what: Literal["loss", "accuracy"] = "loss"
) -> Callable[[Support], float]:
    """A function of a support set: minus its loss, or its accuracy, on given images under 16 networks drawn once from the key.

    The features of the images are computed once and kept: 4 p bytes an image.
    """
    if what not in ("loss", "accuracy"):
        raise ValueError(f"'{what}' cannot be watched; known are loss and accuracy.")
    networks = RandomNetworks(objective.networks.network, VALIDATION_NETWORKS)
    f = jnp.asarray(batched_features(networks, key, images, objective.targets.preprocessing))
    truth = jnp.asarray(truth)

    @jax.jit
    def value(objective, support, f, truth):
        predictions = objective.predictions(networks.features(key, objective.effective(support)), support, f)
        if what == "accuracy":
            return jnp.mean(jnp.argmax(predictions, 1) == truth)
        return -objective.loss_of(predictions, truth, support)

    return lambda support: float(value(objective, support, f, truth))


def support_set(
    objective: Objective, support: Support, key: PRNGKeyArray, provenance: dict[str, Any]
) -> DistilledSet:
    """The distilled set of what was descended: its effective points, for the NNGP kernel of the same network at infinite width.

    lam_S = jitter tr(K_SS) / m, the trace being that of 16 networks drawn from the key.
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
