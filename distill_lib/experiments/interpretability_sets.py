"""Sets of every origin whose predictions are taken apart, as many points each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float, Int, PRNGKeyArray

from distill_lib import paper
from distill_lib.algorithm import distill
from distill_lib.baselines import kip, rfad
from distill_lib.baselines.training_set import Targets, centred_labels
from distill_lib.data import Dataset, load
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.sampling import balanced_points
from distill_lib.kernels.base import Kernel
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import Network, RandomNetworks
from distill_lib.theory.contributions import FeatureKernel

CLOSED, NEAREST, KIP, RFAD, SUBSET = "closed form", "nearest set", "KIP", "RFAD", "random subset"
IMAGES, MORE_RIDGE = "training images", "training images, more ridge"


class Problem(NamedTuple):
    """A data set, the samples at which descents start, and the test images to take apart.

    Attributes:
        start: (m, d) network inputs of real samples, as many of each class as of any other.
        labels: (m, k) their one-hot labels minus 1/k.
        x, truth: (n, d) network inputs of test images and (n,) their classes.
        key: of the samples, the noise and the descents.
    """

    data: Dataset
    norm: Normalisation
    start: Any
    labels: Any
    x: Any
    truth: Int[np.ndarray, " n"]
    key: PRNGKeyArray

    @property
    def pool(self) -> tuple[Any, Any]:
        """The training images and their classes."""
        return self.data.x_train, self.data.y_train


def problem(name: str, ipc: int, tests: int) -> Problem:
    """The named data set, so many images per class, and that many test images."""
    data, key = load(name), jax.random.key(0)
    norm, k = paper.normalisation(data.info), len(data.info.classes)
    start, _ = balanced_points(key, data.x_train, data.y_train, ipc * k, k, norm)
    labels = centred_labels(jnp.arange(ipc * k) % k, k)
    return Problem(data, norm, start, labels, norm(data.x_test[:tests]), data.y_test[:tests], key)


def kip_points(of: Problem, steps: int, batch: int, **follow: Any) -> Float[ArrayLike, "m d"]:
    """Points of KIP under the NTK of a network with one hidden layer.

    Args:
        follow: `report` and `checkpoint` of `kip.descend`.
    """
    targets = Targets.of(*of.pool, of.norm, len(of.data.info.classes))
    objective = kip.KernelObjective(_ntk(of), targets, of.labels, min(batch, len(targets)))
    options: Any = {"key": of.key, "every": steps // 2} | follow
    return kip.descend(objective, of.start, steps, **options).points["points"]


def rfad_points(
    of: Problem, networks: Sequence[int], steps: int, batch: int, **follow: Any
) -> Float[ArrayLike, "m d"]:
    """Points of RFAD, with labels and transform fixed.

    Args:
        networks: their number, width and depth; fully connected.
        follow: `report` and `checkpoint` of `rfad.distill`.
    """
    count, width, depth = networks
    drawn = RandomNetworks(Network(of.norm.shape, width, depth, "fc"), count)
    options: Any = {"networks": drawn, "steps": steps, "every": steps // 2, "start": of.start}
    options |= {"rates": {"points": 0.02}, "settings": {"batches": 1, "batch": batch}}
    options |= {"key": of.key, "learn_transform": False} | follow
    return rfad.distill(*of.pool, of.norm, len(of.start), **options).set.points


def _ntk(of: Problem) -> InfiniteWidth:
    return InfiniteWidth("ntk", "fc", 1, of.norm.shape)


class Support(NamedTuple):
    """K, X_S (m, d), Y_S (m, k), and lam_S relative to tr(K_SS) / m."""

    kernel: Kernel
    points: Any
    labels: Any
    reg: float


def sets(of: Problem, by_kip: Any, by_rfad: Any, depth: int, full: int) -> dict[str, Support]:
    """Sets of every origin by name.

    Args:
        by_kip, by_rfad: (m, d) points of `kip_points` and `rfad_points`.
        depth: of RFAD's networks.
        full: training images of the models without distillation.
    """
    m, k = of.labels.shape
    model = paper.original_model(of.data, "linear", 0)
    noise = distill(model, m, key=of.key)
    near = distill(model, m, key=of.key, start="nearest", pool=of.pool)
    images, rest = balanced_points(jax.random.key(1), *of.pool, full, k, of.norm)
    classes = centred_labels(of.data.y_train[rest], k)
    linear, ntk = FeatureKernel(model.feature_map), _ntk(of)
    nngp = InfiniteWidth("nngp", "fc", depth, of.norm.shape)
    return {
        CLOSED: Support(linear, noise.points, noise.labels, 0.0),
        NEAREST: Support(linear, near.points, near.labels, 0.0),
        KIP: Support(ntk, jnp.asarray(by_kip), of.labels, 1e-6),
        RFAD: Support(nngp, jnp.asarray(by_rfad), of.labels, 5e-3),
        SUBSET: Support(ntk, of.start, of.labels, 1e-6),
        IMAGES: Support(ntk, images, classes, 1e-6),
        MORE_RIDGE: Support(ntk, images, classes, 1e-2),
    }
