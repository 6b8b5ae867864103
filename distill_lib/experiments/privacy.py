"""Records read from a distilled set, and Theorem 6.2 as claimed, on images."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from distill_lib import paper, privacy
from distill_lib.algorithm import distill
from distill_lib.data import Dataset, load
from distill_lib.experiments.privacy_audit import decided
from distill_lib.features import Linear
from distill_lib.images.normalisation import Normalisation
from distill_lib.ridge import RidgePath, RidgeStats

Row = dict[str, Any]


class Problem(NamedTuple):
    """A data set with pixels in [0, 1].

    Attributes:
        stats: G and C of the pixels as they are.
        path: its ridge models.
        clipped: G and C of images scaled to norm 1 where theirs is larger.
    """

    data: Dataset
    plain: Normalisation
    stats: RidgeStats
    path: RidgePath
    clipped: RidgeStats

    @property
    def sizes(self) -> tuple[int, int, int]:
        """k, d and n."""
        return len(self.data.info.classes), self.plain.dim, len(self.data.x_train)

    @property
    def delta(self) -> float:
        """n^-1.1."""
        return len(self.data.x_train) ** -1.1


def problem(name: str) -> Problem:
    """The named data set's."""
    data = load(name)
    info = data.info
    channels, k = info.shape[2], len(info.classes)
    plain = Normalisation(info.shape, info.pixel_max, (0.0,) * channels, (1.0,) * channels)
    pool, linear = (data.x_train, data.y_train), Linear(math.prod(info.shape))
    stats = RidgeStats.of_images(*pool, k, linear, plain)
    clipped = privacy.clipped_statistics(*pool, linear, plain, 1.0, classes=k)
    return Problem(data, plain, stats, RidgePath.of(stats), clipped)


class Records(NamedTuple):
    """Some training images (r, h, w, c), as network inputs (r, d), and their classes."""

    images: np.ndarray
    inputs: Any
    classes: Int[np.ndarray, " r"]


def records(of: Problem) -> Records:
    """The fourth of each of the first ten classes."""
    labels = of.data.y_train
    chosen = [int(np.flatnonzero(labels == c)[3]) for c in range(min(of.sizes[0], 10))]
    images = of.data.x_train[chosen]
    return Records(images, np.asarray(of.plain(images)), labels[chosen])


def reconstructed(
    weights: Any, reg: float, stats: RidgeStats, some: Records
) -> tuple[Float[np.ndarray, "r d"], list[int]]:
    """Each record in turn, and its class, from W and the statistics of all others."""
    gram, cross = np.asarray(stats.gram), np.asarray(stats.cross)
    unit = np.eye(len(cross))
    found = [
        privacy.last_record(weights, gram - np.outer(x, x), cross - np.outer(unit[c], x), reg)
        for x, c in zip(some.inputs, some.classes, strict=True)
    ]
    return np.array([guess for guess, _ in found]), [label for _, label in found]


def norms(of: Problem) -> Float[np.ndarray, " n"]:
    """Of the training images."""
    parts = np.array_split(of.data.x_train, 8)
    white = of.data.info.pixel_max
    return np.sqrt(np.concatenate([np.sum((x / white) ** 2, axis=(1, 2, 3)) for x in parts]))


def claimed(of: Problem, rng: np.random.Generator) -> dict[str, tuple[float, str]]:
    """Theorem 6.2 on the images: named numbers and their formats.

    The first training image is exchanged for a test image of its class; m = 2 k points.

    sigma_0 is the smallest singular value of X that is not zero.
    """
    data, k = of.data, of.sizes[0]
    swap = int(np.flatnonzero(data.y_test == data.y_train[0])[0])
    old, new = (
        np.asarray(of.plain(image[None]))[0] for image in (data.x_train[0], data.x_test[swap])
    )
    y_0, stats = np.eye(k)[data.y_train[0]], of.stats
    gram = stats.gram - np.outer(old, old) + np.outer(new, new)
    cross = stats.cross - np.outer(y_0, old) + np.outer(y_0, new)
    exchanged = RidgePath.of(RidgeStats(gram, cross, stats.label_sq, stats.count))
    w, other = (np.asarray(path.weights(0.0)) for path in (of.path, exchanged))
    values = np.sqrt(np.asarray(of.path.values))
    full = values[values > 1e-6 * values[-1]]
    one_hot, bound = np.eye(k)[np.arange(2 * k) % k], norms(of).max()
    truth = np.eye(k)[data.y_train]
    sigma = privacy.claimed_deviation(one_hot, truth, bound, full[0], 1.0, 1e-5)
    released = privacy.claimed_release(w, one_hot, sigma, rng, (100,))
    off = [np.abs(released[0] @ one.T - one_hot).max() for one in (w, other)]
    return {
        "rank of X": (len(full), "{:d}"),
        "noise": (sigma / w.std(), "{:.1e}"),
        "sum": (100 * decided(privacy.sum_residual, released, w, other), "{:.0f} %"),
        "span": (100 * decided(privacy.span_residual, released, w, other), "{:.0f} %"),
        "label error": (off[0], "{:.0e}"),
        "label error of the neighbour": (off[1], "{:.2g}"),
    }


def constants() -> list[Row]:
    """Noise in units of the sensitivity: as claimed, exact, classical; the epsilon of the first."""
    from dp_accounting import get_epsilon_gaussian

    rows = []
    for delta in (1e-3, 1e-5, 1e-7):
        for eps in (0.1, 0.5, 1.0):
            noise = math.sqrt(math.log(1.25 / delta)) / eps
            row: Row = {"delta": f"{delta:.0e}", "epsilon": f"{eps:g}", "claimed": noise}
            row |= {"exact": privacy.noise_multiplier(eps, delta)}
            row |= {"classical": math.sqrt(2) * noise}
            rows.append(row | {"true epsilon": get_epsilon_gaussian(noise, delta)})
    return rows


class FromNoise(NamedTuple):
    """A set from noise for the network with one hidden layer: its first ten points as images."""

    images: np.ndarray
    accuracy: float
    error: float


def figure_3(of: Problem) -> tuple[dict[int, FromNoise], float]:
    """Sets of one and of ten images per class, and the accuracy of the original model."""
    network, tests = paper.original_model(of.data, "fcnn", seed=0), (of.data.x_test, of.data.y_test)
    found = {}
    for ipc in (1, 10):
        made = distill(network, ipc * of.sizes[0], key=jax.random.key(ipc))
        error, images = made.provenance["recovery_error"], np.asarray(made.images()[:10])
        found[ipc] = FromNoise(images, made.model().accuracy(*tests), error)
    return found, network.accuracy(*tests)


def recorded_3(
    of: Problem, found: Mapping[int, FromNoise], original: float
) -> tuple[list[Row], dict[str, Any]]:
    """Rows and the named number of `figure_3`."""
    cell = {"table": "Fig. 3", "dataset": of.data.info.name, "model": "fcnn"}
    cell |= {"quantity": "accuracy", "unit": "%"}
    rows = [
        cell | {"ipc": ipc, "measured": 100 * one.accuracy, "recovery_error": one.error}
        for ipc, one in found.items()
    ]
    return rows, {"figure_3_original": (100 * original, "{:.2f} %")}
