"""A set by each method of the book, all of one size and from one training set."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from distill_lib import paper
from distill_lib.algorithm import Start, distill
from distill_lib.baselines import kip, rfad
from distill_lib.baselines.descent import Descent
from distill_lib.baselines.kip_on_features import FullBatch, descend, support_set
from distill_lib.baselines.training_set import Targets, centred_labels
from distill_lib.data import Dataset, load
from distill_lib.experiments.common import accuracy
from distill_lib.experiments.table_4 import timed
from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.sampling import balanced_sample
from distill_lib.kernels import regression
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import Network, RandomNetworks
from distill_lib.ridge import RidgeStats
from distill_lib.theory import kip_loss

Row = dict[str, Any]
SUBSET, NEAREST = "random subset", "nearest set"
LINEAR, FCNN = FROM_NOISE = ("closed form, linear", "closed form, FCNN")
# The model that each set is made for.
HOME = {
    SUBSET: None,
    LINEAR: "linear",
    NEAREST: "linear",
    FCNN: "FCNN",
    "exact KIP, FCNN": "FCNN",
    "KIP fixed": "FC NTK",
    "KIP learned": "FC NTK",
    "label solve": "FC NTK",
    "RFAD": "ConvNet NNGP",
}


class Setting(NamedTuple):
    """What all sets are made from and tested on.

    Attributes:
        phi: the features of one random network.
        networks: of a step of RFAD.
        drawn: (m,) the training images that descents start from, as many of each class.
        start, labels: (m, d) their network inputs, (m, k) their one-hot labels minus 1/k.
        images, truth: test images and (n,) their classes.
        key: of draws, noise and descents.
    """

    data: Dataset
    norm: Normalisation
    phi: FeatureMap
    networks: RandomNetworks
    drawn: Int[np.ndarray, " m"]
    start: Any
    labels: Any
    images: np.ndarray
    truth: Int[np.ndarray, " n"]
    key: Any

    @property
    def pool(self) -> tuple[Any, Any]:
        """The training images and their classes."""
        return self.data.x_train, self.data.y_train

    @property
    def ntk(self) -> InfiniteWidth:
        """The kernel of an infinitely wide network with one hidden layer."""
        return InfiniteWidth("ntk", "fc", 1, self.norm.shape)

    @property
    def targets(self) -> Targets:
        """The training set, to draw batches from."""
        return Targets.of(*self.pool, self.norm, self.labels.shape[1])

    def sampled(self, key: Any, count: int) -> Any:
        """Training images by index, as many of each class."""
        return balanced_sample(key, self.data.y_train, count, self.labels.shape[1])

    def subsets(self, count: int) -> list[Row]:
        """Random subsets as sets, of which the first is the start of the descents."""
        keys = [jax.random.fold_in(self.key, i) for i in range(1, count)]
        drawn = [self.norm(self.data.x_train[self.sampled(key, len(self.start))]) for key in keys]
        return [{"points": points, "labels": self.labels} for points in (self.start, *drawn)]


def setting(name: str, ipc: int, tests: int | None, networks: tuple[int, int, int]) -> Setting:
    """The named data set, so many images per class, and that many test images, or all.

    Args:
        networks: number, width and depth of the ConvNets of a step of RFAD.
    Raises: ValueError for fewer than two images per class.
    """
    if ipc < 2:
        raise ValueError(
            f"ipc = {ipc} gives as many points as classes, and then the nearest set is the "
            "projection of the images onto the span of the model's k weight vectors, far from the "
            "images; take ipc >= 2."
        )
    data, key, (count, width, depth) = load(name), jax.random.key(0), networks
    norm, k = paper.normalisation(data.info), len(data.info.classes)
    drawn = balanced_sample(key, data.y_train, ipc * k, k)
    asked = np.arange(len(data.y_test))
    if tests is not None:
        asked = np.sort(balanced_sample(jax.random.key(8), data.y_test, tests, k))
    return Setting(
        data,
        norm,
        paper.original_model(data, "fcnn", 0).feature_map,
        RandomNetworks(Network(norm.shape, width, depth), count),
        drawn,
        norm(data.x_train[drawn]),
        centred_labels(jnp.arange(ipc * k) % k, k),
        data.x_test[asked],
        data.y_test[asked],
        key,
    )


def in_closed_form(of: Setting, kind: paper.Kind, begin: Start) -> Row:
    """A set that carries a ridge model, and its accuracy there.

    Its seconds are those of statistics, path, choice of lam and distillation.
    """
    model, fitting = timed(lambda: paper.original_model(of.data, kind, 0))
    m, pool = len(of.start), tuple(part[of.drawn] for part in of.pool)
    small, distilling = timed(lambda: distill(model, m, key=of.key, start=begin, pool=pool))
    made = {"points": small.points, "labels": small.labels, "seconds": fitting + distilling}
    own = small.model().accuracy(of.images, of.truth)
    return made | {"own": own, "distance": small.provenance.get("distance")}


def by_exact_kip(of: Setting, steps: int, **follow: Any) -> Row:
    """Points descended under the loss on the whole training set, with the best labels.

    Args:
        follow: `report` and `checkpoint` of the descent, here and below.
    """
    k, x = of.labels.shape[1], of.norm(of.images)
    target, before = timed(
        lambda: kip_loss.Target.reduced(RidgeStats.of_images(*of.pool, k, of.phi, of.norm))
    )
    features = np.asarray(of.phi(x))

    def watch(points):
        support = of.phi(points)
        weights = kip_loss.coefficients(support, target).T @ support
        return accuracy(np.asarray(weights), features, of.truth)

    objective = FullBatch(of.phi, target, float(len(of.data.y_train) * k))
    options: Any = {"key": of.key, "every": steps // 5, "watch": watch} | follow
    found = descend(objective, of.start, steps, **options)
    made = support_set(found.points, target, of.phi, of.norm)
    own = made.model().accuracy(of.images, of.truth)
    return {"points": made.points, "labels": made.labels, "own": own} | _course(found, before)


def by_kip(of: Setting, steps: int, batch: int, learned: bool, **follow: Any) -> Row:
    """Points descended under the NTK, their labels fixed or learned."""
    labels, x = of.labels, of.norm(of.images)
    fixed, batch = None if learned else labels, min(batch, len(of.data.y_train))
    objective = kip.KernelObjective(of.ntk, of.targets, fixed, batch)

    def watch(support):
        points, own = support["points"], support.get("labels", labels)
        return regression.accuracy(of.ntk, points, own, x, of.truth)

    options: Any = {"key": of.key, "every": steps // 5, "watch": watch} | follow
    found = kip.descend(objective, of.start, steps, labels=labels if learned else None, **options)
    return {"labels": labels} | found.points | _course(found)


def by_label_solve(of: Setting) -> Row:
    """The start with its best labels under the NTK."""
    targets = of.targets
    labels, seconds = timed(lambda: kip.label_solve(of.ntk, of.start, targets))
    return {"points": of.start, "labels": labels, "seconds": seconds}


def by_rfad(of: Setting, steps: int, batch: int, **follow: Any) -> Row:
    """Points descended under the kernels of random ConvNets."""
    options: Any = {"networks": of.networks, "steps": steps, "every": steps // 4, "key": of.key}
    options |= {"start": of.start, "rates": {"points": 0.02}, "learn_transform": False}
    options |= {"settings": {"batches": 1, "batch": batch}, "watch": "accuracy"} | follow
    validation = min(1000, len(of.data.y_train) // 5)
    found = rfad.distill(*of.pool, of.norm, len(of.start), validation=validation, **options)
    return {"points": found.set.points, "labels": found.set.labels} | _course(found.descent)


def _course(found: Descent, before: float = 0.0) -> Row:
    """Seconds of a descent and of what came before it, and accuracies on the way."""
    at = before + found.seconds
    return {"seconds": at[-1], "at": at, "curve": found.watched}


def ready(of: Setting, name: str, one: Row) -> Row:
    """A set as arrays; from noise, whose scale is arbitrary, at the root mean square of images."""
    points, labels = jnp.asarray(one["points"]), jnp.asarray(one["labels"])
    if name in FROM_NOISE:
        size, own = (float(jnp.sqrt(jnp.mean(x**2))) for x in (of.start, points))
        points = points * (size / own)
    return one | {"points": points, "labels": labels}
