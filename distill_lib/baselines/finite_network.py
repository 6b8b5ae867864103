"""Training finite networks on a distilled set, to see what it is worth (Loo et al. 2022)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from distill_lib.baselines import descent
from distill_lib.baselines.descent import Descent
from distill_lib.boundary import checks
from distill_lib.images.whitening import Preprocessing
from distill_lib.kernels.random_networks import BIAS_VARIANCE, WEIGHT_VARIANCE, Network, Precision
from distill_lib.kernels.residual_network import ResidualNetwork

Parameterisation = Literal["standard", "ntk"]


class FiniteNetwork(eqx.Module):
    """A finite network with its output layer, to be trained.

    Attributes:
        network: the layers below.
        classes: k outputs.
        parameterisation: "standard": the weights themselves, of variance 2 / fan-in at the start,
            as RFAD trains them. "ntk": standard normal parameters, scaled in the network; with it
            training of wide networks is regression with the kernel of `InfiniteWidth("ntk", ...)`.
        precision: of the products below the output layer.
    """

    network: Network | ResidualNetwork
    classes: int = eqx.field(static=True)
    parameterisation: Parameterisation = eqx.field(static=True, default="standard")
    precision: Precision = eqx.field(static=True, default="highest")

    def __check_init__(self) -> None:
        if self.parameterisation not in ("standard", "ntk"):
            raise ValueError(
                f"the parameterisation '{self.parameterisation}' is unknown; known are standard "
                "and ntk."
            )

    def draw(self, key: PRNGKeyArray, dtype=jnp.float32) -> Any:
        """Random parameters to start from, as the parameterisation wants them."""
        below, weights, biases = jax.random.split(key, 3)
        top = jax.random.normal(weights, (self.network.dim_out, self.classes), dtype)
        drawn = (
            self.network.draw(below, dtype),
            (top, jax.random.normal(biases, (self.classes,), dtype)),
        )
        return self._scaled(drawn) if self.parameterisation == "standard" else drawn

    def __call__(self, parameters: Any, x: Float[Array, "n d"]) -> Float[Array, "n k"]:
        """The network's outputs, in the parameters' dtype."""
        below, (weights, biases) = (
            parameters if self.parameterisation == "standard" else self._scaled(parameters)
        )
        return self.network.hidden(below, x, self.precision) @ weights + biases[None, :]

    def _scaled(self, parameters):
        below, (weights, biases) = parameters
        top = (
            weights * (WEIGHT_VARIANCE / self.network.dim_out) ** 0.5,
            biases * BIAS_VARIANCE**0.5,
        )
        return self.network.scaled(below), top


class Loss(eqx.Module):
    """What the training of networks descends: the squared error, plus weight decay.

    Mean squared error of f - f_0 and scaled labels, over the square of the scale; summed over
    networks. They share nothing, so each of them trains by itself; one is evaluated at a time.

    Attributes:
        model: the network.
        start: parameters at the start, stacked over the networks.
        points: (m, d) training points.
        labels: (m, k).
        centred: subtract the outputs of the start; the decay then pulls towards the start,
            otherwise to zero.
        label_scale: s, the factor of the labels: a larger one makes the network move further from
            its start.
        weight_decay: times the squared distance.
        batch: points of a step, drawn without repetition; None takes all.
    """

    model: FiniteNetwork
    start: Any
    points: Float[Array, "m d"]
    labels: Float[Array, "m k"]
    centred: bool = eqx.field(static=True, default=True)
    label_scale: float = eqx.field(static=True, default=1.0)
    weight_decay: float = eqx.field(static=True, default=0.0)
    batch: int | None = eqx.field(static=True, default=None)

    def __call__(self, parameters: Any, key: PRNGKeyArray) -> Float[Array, ""]:
        count = len(jax.tree.leaves(parameters)[0])

        @jax.checkpoint
        def of_one(task):
            now, start, key = task
            x, y = self.points, self.labels
            if self.batch is not None:
                rows = jax.random.choice(key, len(x), (self.batch,), replace=False)
                x, y = x[rows], y[rows]
            outputs = self.outputs(now, start, x)
            fit = jnp.mean((outputs / self.label_scale - y.astype(outputs.dtype)) ** 2)
            if not self.weight_decay:
                return fit
            moved = jax.tree.map(lambda a, b: a - b, now, start) if self.centred else now
            return fit + self.weight_decay * sum(
                jnp.sum(leaf**2) for leaf in jax.tree.leaves(moved)
            )

        return jnp.sum(jax.lax.map(of_one, (parameters, self.start, jax.random.split(key, count))))

    def outputs(self, parameters: Any, start: Any, x: Float[Array, "n d"]) -> Float[Array, "n k"]:
        """Centred outputs f - f_0 of one network, or f where nothing is centred."""
        return self.model(parameters, x) - (self.model(start, x) if self.centred else 0)


class Trained(NamedTuple):
    """Networks that were trained on one set.

    Attributes:
        loss: what was descended, with the parameters at the start.
        parameters: those kept, stacked over the networks.
        descent: the descent; its `watched` is the mean validation accuracy, where there was a
            validation.
    """

    loss: Loss
    parameters: Any
    descent: Descent

    def scores(self, x: Float[Array, "n d"], batch: int = 512) -> Float[np.ndarray, "seeds n k"]:
        """Outputs (f - f_0) / label_scale of each network at network inputs, in batches."""
        checks.matrix("x", x, cols=self.loss.points.shape[1])
        return _scores(self.loss, self.parameters, x, batch)

    def accuracies(
        self, images, truth: Int[np.ndarray, " n"], normalisation: Preprocessing, batch: int = 512
    ) -> Float[np.ndarray, " seeds"]:
        """Fraction of images (n, h, w, c) that each network classifies as labelled."""
        images = normalisation.opened(images)
        normalisation.check(images)
        n = images.shape[0]
        truth = checks.indices("truth", truth, n)
        right = [
            (
                _scores(
                    self.loss, self.parameters, normalisation(images[i : i + batch]), batch
                ).argmax(2)
                == truth[i : i + batch]
            ).sum(1)
            for i in range(0, n, batch)
        ]
        return np.sum(right, 0) / n


def momentum(rate: float) -> optax.GradientTransformation:
    """Gradient descent with momentum 0.9."""
    return optax.sgd(rate, momentum=0.9)


def train(
    model: FiniteNetwork,
    points: Float[Array, "m d"],
    labels: Float[Array, "m k"],
    seeds: int | Sequence[int] = 1,
    *,
    key: PRNGKeyArray,
    steps: int,
    learning_rate: float = 1e-2,
    validation: tuple[Float[Array, "v d"], Int[np.ndarray, " v"]] | None = None,
    every: int = 100,
    patience: int | None = 500,
    checkpoint: Any = None,
    report: Callable[[descent.Report], None] | None = None,
    **settings: Any,
) -> Trained:
    """Train networks of different starts on one set (Loo et al. 2022).

    Gradient descent with momentum 0.9 on the centred outputs. With a validation set the parameters
    of the best mean accuracy are kept, and the descent stops once `patience` steps brought none
    better, as in RFAD, where training images validate. Without one, all steps are made and the last
    parameters kept: then nothing but the distilled set is used.

    Args:
        model: the network; width 1024 and depth 3 in RFAD.
        points, labels: the set, of any origin; the points are normalised, the labels as they are.
        seeds: how many networks, or which: network i starts from `fold_in(key, i)`.
        steps: a multiple of `every`.
        validation: network inputs and their classes.
        settings: `centred`, `label_scale`, `weight_decay`, `batch` of `Loss`.
    Raises: ValueError for input that does not fit; `descent.Diverged` where the learning rate is
        too high, and as `descent.descend`.

    Example:
        >>> from distill_lib.baselines.finite_network import FiniteNetwork, Network, train
        >>> model, x = FiniteNetwork(Network((1, 2, 1), 16, 1, "fc"), classes=2), jnp.eye(2)
        >>> train(model, x, x, key=jax.random.key(0), steps=100).scores(x).argmax(2).tolist()
        [[0, 1]]
    """
    loss = _loss_of(model, points, labels, seeds, key, settings)
    watch = None if validation is None else _watch(loss, *validation)
    found = descent.descend(
        loss,
        loss.start,
        steps,
        key=key,
        learning_rate=learning_rate,
        rule=momentum,
        every=every,
        patience=None if validation is None else patience,
        watch=watch,
        watches=validation,
        checkpoint=checkpoint,
        report=report,
    )
    return Trained(loss, found.points if watch is None else found.best, found)


def _loss_of(model, points, labels, seeds, key, settings) -> Loss:
    """What the networks of some seeds descend; ValueError for what does not fit."""
    checks.matrix("points", points, cols=model.network.dim_in)
    checks.matrix("labels", labels, rows=len(points), cols=model.classes)
    numbers = range(seeds) if isinstance(seeds, int) else seeds
    if not len(numbers):
        raise ValueError("no seed was given, so there is no network to train; give at least one.")
    draws = [model.draw(jax.random.fold_in(key, i)) for i in numbers]
    start = jax.tree.map(lambda *leaves: jnp.stack(leaves), *draws)
    loss = Loss(model, start, jnp.asarray(points), jnp.asarray(labels), **settings)
    checks.positive("label_scale", loss.label_scale)
    checks.reg("weight_decay", loss.weight_decay)
    if loss.batch is not None and not 1 <= loss.batch <= len(points):
        raise ValueError(
            f"a batch of {loss.batch} cannot be drawn from {len(points)} points; it must be "
            "between 1 and m."
        )
    return loss


def _watch(loss: Loss, x, truth) -> Callable[[Any], float]:
    """A function of parameters: the mean accuracy of all networks on validation points."""
    checks.matrix("validation points", x, cols=loss.model.network.dim_in)
    truth = checks.indices("validation classes", truth, len(x))
    return lambda parameters: float(np.mean(_scores(loss, parameters, x, 512).argmax(2) == truth))


def train_stably(
    *arguments: Any,
    rates: Sequence[float] = (1e-2, 1e-3, 1e-4),
    checkpoint: Path | None = None,
    **settings: Any,
) -> tuple[Trained, float]:
    """`train` with the largest learning rate at which nothing diverges; returns that as well.

    Args:
        checkpoint: a file; each rate has one of its own beside it.
    Raises: `descent.Diverged` if it does at all of them; ValueError for no rate; and as `train`.
    """
    if not rates:
        raise ValueError("no learning rate was given; give at least one.")

    def at(rate):
        file = None if checkpoint is None else checkpoint.with_stem(f"{checkpoint.stem}-{rate:g}")
        return train(*arguments, learning_rate=rate, checkpoint=file, **settings), rate

    *others, least = sorted(rates, reverse=True)
    for rate in others:
        try:
            return at(rate)
        except descent.Diverged:
            continue
    return at(least)


def _scores(loss, parameters, x, batch):
    checks.batch(batch)
    size = min(batch, len(x))
    out = np.empty((len(jax.tree.leaves(parameters)[0]), len(x), loss.model.classes), np.float32)
    for start in range(0, len(x), size):
        start = min(start, len(x) - size)  # batches of one size, so that one shape is compiled
        out[:, start : start + size] = _outputs(loss, parameters, x[start : start + size])
    return out


@eqx.filter_jit
def _outputs(loss, parameters, x):
    scores = jax.lax.map(lambda pair: loss.outputs(*pair, x), (parameters, loss.start))
    return scores / loss.label_scale
