"""One cell of RFAD's tables at its published settings: a set distilled, then judged.

Kernels and trained networks are the judges.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from distill_lib import paper
from distill_lib.baselines import rfad
from distill_lib.baselines.finite_network import FiniteNetwork, train_stably
from distill_lib.data import Dataset
from distill_lib.images.sampling import balanced_sample
from distill_lib.images.whitening import Preprocessing, Whitening
from distill_lib.kernels import regression
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import Network, Precision, RandomNetworks, batched_features
from distill_lib.sets.distilled_set import DistilledSet

Row = dict[str, Any]
JUDGES = 16  # networks of the evaluation kernel
JITTER = 5e-3


class Settings(NamedTuple):
    """How one cell of RFAD's tables is made.

    The defaults of a descent are those of Loo et al. 2022, but for `steps`, a bound.

    Attributes:
        dataset, ipc, loss, learn_labels: the cell.
        steps: at most; a multiple of `every`, after which a validation follows.
        rate: the learning rate of points and labels.
        patience: steps without a better validation after which the descent ends.
        depth, width, networks: of the ConvNets of a step.
        batches, batch: targets of a step.
        precision: of the products inside the networks.
        finite: trained ConvNets: width, steps at most, how many.
        finite_rates: their learning rates; the largest that does not diverge is taken.
        label_scale: of the labels that they are trained on.
        exact: test images for the exact kernels; None takes all.
        seed: of everything that is drawn.

    Example:
        >>> from distill_lib.experiments.rfad_cell import Settings
        >>> Settings("mnist", 1).method
        'rfad platt learned'
    """

    dataset: str
    ipc: int
    loss: str = "platt"
    learn_labels: bool = True
    steps: int = 100_000
    rate: float = 1e-3
    every: int = 40
    patience: int | None = 1000
    depth: int = 3
    width: int = 256
    networks: int = 8
    batches: int = 4
    batch: int = 1280
    precision: Precision = "highest"
    finite: tuple[int, int, int] = (1024, 5000, 4)
    finite_rates: tuple[float, ...] = (1e-3, 1e-4)
    label_scale: float = 8.0
    exact: int | None = None
    seed: int = 0

    @property
    def method(self) -> str:
        """The method's name in a table."""
        return f"rfad {self.loss}" + (" learned" if self.learn_labels else "")


def inputs_of(data: Dataset, dtype: str = "float32") -> Preprocessing:
    """The preprocessing of a data set: standardised channels, for colour regularised ZCA on top.

    Example:
        >>> from distill_lib.data import load
        >>> from distill_lib.experiments.rfad_cell import inputs_of
        >>> digits = load("digits")
        >>> inputs_of(digits)(digits.x_train).shape
        (1437, 64)
    """
    standard = paper.normalisation(data.info, dtype)
    return Whitening.of(data.x_train, standard) if data.info.shape[2] == 3 else standard


def distilled(
    data: Dataset,
    inputs: Preprocessing,
    chosen: Settings,
    *,
    checkpoint: Path | None = None,
    report: Callable[[Any], None] | None = None,
) -> rfad.Distilled:
    """The distilled set of a cell.

    Raises: as `rfad.distill`.
    """
    k = len(data.info.classes)
    return rfad.distill(
        data.x_train,
        data.y_train,
        inputs,
        chosen.ipc * k,
        key=jax.random.key(chosen.seed),
        networks=RandomNetworks(
            Network(data.info.shape, chosen.width, chosen.depth), chosen.networks
        ),
        classes=k,
        steps=chosen.steps,
        every=chosen.every,
        patience=chosen.patience,
        rates={"points": chosen.rate, "labels": chosen.rate},
        learn_labels=chosen.learn_labels,
        settings={
            "loss": chosen.loss,
            "batches": chosen.batches,
            "batch": chosen.batch,
            "jitter": JITTER,
            "precision": chosen.precision,
        },
        checkpoint=checkpoint,
        report=report,
    )


def subset(data: Dataset, inputs: Preprocessing, ipc: int, seed: int) -> DistilledSet:
    """A random set of real images, as many of each class, to compare with.

    Example:
        >>> from distill_lib.data import load
        >>> from distill_lib.experiments.rfad_cell import inputs_of, subset
        >>> digits = load("digits")
        >>> subset(digits, inputs_of(digits), ipc=2, seed=0).points.shape
        (20, 64)
    """
    k = len(data.info.classes)
    rows = np.asarray(balanced_sample(jax.random.key(500 + seed), data.y_train, ipc * k, k))
    labels = jnp.eye(k)[data.y_train[rows]] - 1 / k
    net = Network(data.info.shape, 1, 1)
    return DistilledSet(
        inputs(data.x_train[rows]),
        labels,
        0.0,
        None,
        inputs,
        "one-hot - 1/k",
        "random subset",
        {"seed": seed},
        InfiniteWidth("nngp", net.architecture, 3, net.shape),
    )


def accuracies(data: Dataset, made: DistilledSet, chosen: Settings) -> dict[str, tuple[float, int]]:
    """Test accuracies of three kernels on the points of a set, by model.

    Each is the fraction of test images classified as labelled, and of how many. The models are the
    kernel of 16 networks of the width that distilled, on all test images, and the exact NNGP and
    NTK of the same ConvNet, on the first `exact`.
    """
    shape, points, labels = data.info.shape, jnp.asarray(made.points), jnp.asarray(made.labels)
    judging = RandomNetworks(Network(shape, chosen.width, chosen.depth), JUDGES)
    key = jax.random.key(4242)
    seen = jnp.asarray(batched_features(judging, key, data.x_test, made.normalisation))
    scores = _empirical(judging, key, points, labels, seen)
    found = {
        "empirical nngp": (
            float(np.mean(np.argmax(np.asarray(scores), 1) == data.y_test)),
            len(data.y_test),
        )
    }
    tests, truth = data.x_test[: chosen.exact], data.y_test[: chosen.exact]
    if chosen.exact != 0:
        x, points = made.normalisation(tests), points.astype(jnp.float32)
        for kind in ("nngp", "ntk"):
            kernel = InfiniteWidth(kind, "convnet", chosen.depth, shape)
            block = 32 if jax.default_backend() == "gpu" else None
            right = regression.accuracy(kernel, points, labels, x, truth, JITTER, block=block)
            found[kind] = (right, len(truth))
    return {f"convnet-{chosen.depth} {name}": value for name, value in found.items()}


@jax.jit
def _empirical(judging, key, points, labels, seen):
    """Scores under the kernel of drawn networks, from features of the test images."""
    own = judging.features(key, points)
    gram = 2 * (own @ own.T).astype(jnp.float64) + 0.01
    alpha = regression.solve(gram, labels.astype(jnp.float64), JITTER)
    products = seen @ (2 * own.T.astype(jnp.float64) @ alpha).astype(seen.dtype)
    return products.astype(jnp.float64) + (0.01 * alpha.sum(0))[None, :]


def trained(
    data: Dataset, made: DistilledSet, chosen: Settings, **options: Any
) -> tuple[list[float], float]:
    """Test accuracies of ConvNets trained on a set, one a start, and the learning rate.

    Centred outputs, the largest learning rate that does not diverge; validated on 500 training
    images.
    """
    width, steps, count = chosen.finite
    k, inputs = len(data.info.classes), made.normalisation
    keep = np.asarray(
        balanced_sample(
            jax.random.key(77), data.y_train, min(500, len(data.y_train) // 5) // k * k, k
        )
    )
    precision: Precision = "highest" if chosen.precision == "highest" else "tf32"
    model = FiniteNetwork(Network(data.info.shape, width, chosen.depth), k, precision=precision)
    found, rate = train_stably(
        model,
        made.points,
        made.labels,
        count,
        rates=chosen.finite_rates,
        key=jax.random.key(5),
        steps=steps,
        every=100,
        patience=500,
        validation=(inputs(data.x_train[keep]), data.y_train[keep]),
        label_scale=chosen.label_scale,
        **options,
    )
    return found.accuracies(data.x_test, data.y_test, inputs).tolist(), rate


def judged(data: Dataset, made: DistilledSet, chosen: Settings, method: str) -> list[Row]:
    """Rows of a table of baselines: the accuracies of a set in per cent."""
    cell = {
        "table": "baselines",
        "dataset": chosen.dataset,
        "ipc": chosen.ipc,
        "method": method,
        "unit": "%",
    }
    rows = [
        cell
        | {"model": model, "quantity": "accuracy", "measured": 100 * value, "test_images": count}
        for model, (value, count) in accuracies(data, made, chosen).items()
    ]
    if chosen.finite[2]:
        right, rate = trained(data, made, chosen)
        values = 100 * np.array(right)
        rows.append(
            cell
            | {"model": "finite ConvNet", "quantity": "accuracy", "measured": float(values.mean())}
            | {
                "spread": float(values.std()),
                "seeds": len(values),
                "width": chosen.finite[0],
                "rate": rate,
            }
        )
    return rows
