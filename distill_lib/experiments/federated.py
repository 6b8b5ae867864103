"""Accuracy of private models from many silos in one round, and what exact statistics reveal."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from distill_lib import privacy
from distill_lib.data import load
from distill_lib.experiments.common import accuracy
from distill_lib.features import Linear
from distill_lib.images.normalisation import Normalisation
from distill_lib.privacy import StatisticsMechanism
from distill_lib.ridge import RidgeStats

Row = dict[str, Any]


def utility(
    name: str, silos: Sequence[int], epsilons: Sequence[float], draws: int
) -> tuple[list[Row], float]:
    """Test accuracy by number of silos and epsilon, and how far the exact sum is from the pooled.

    The training set is dealt to the silos in its order, each sends one message, features are the
    pixels in [0, 1] clipped to norm 1, delta = n^-1.1.

    Returns: rows with the mean and the deviation over draws of the noise in per cent, and the
        largest relative difference of W from silos' exact statistics to that of all data.
    """
    data = load(name)
    info, n = data.info, len(data.x_train)
    k, channels = len(info.classes), info.shape[2]
    norm = Normalisation(info.shape, info.pixel_max, (0.0,) * channels, (1.0,) * channels)
    phi, delta = Linear(norm.dim), n**-1.1
    features = np.asarray(phi(norm(data.x_test)))
    rows, apart = [], 0.0

    def stats(part: slice) -> RidgeStats:
        some = data.x_train[part], data.y_train[part]
        return privacy.clipped_statistics(*some, phi, norm, 1.0, classes=k)

    whole = privacy.federated_ridge([stats(slice(None))], phi, norm, reg=1e-5 * n)
    for count in silos:
        cuts = np.linspace(0, n, count + 1).astype(int)
        parts = [stats(slice(a, b)) for a, b in pairwise(cuts)]
        exact = privacy.federated_ridge(parts, phi, norm, reg=1e-5 * n)
        gap = np.linalg.norm(exact.weights - whole.weights) / np.linalg.norm(whole.weights)
        apart = max(apart, float(gap))
        row: Row = {
            "silos": count,
            "exact": 100 * accuracy(np.asarray(exact.weights), features, data.y_test),
        }
        for epsilon in epsilons:
            mechanism = StatisticsMechanism(float(epsilon), delta)
            found = []
            for draw in range(draws):
                keys = jax.random.split(jax.random.key(draw), count)
                sent = [_sent(one, mechanism, key) for one, key in zip(parts, keys, strict=True)]
                model = privacy.federated_private(sent, phi, norm).model
                found.append(100 * accuracy(np.asarray(model.weights), features, data.y_test))
            row[f"epsilon {epsilon:g}"] = (float(np.mean(found)), float(np.std(found)))
        rows.append(row)
    return rows, apart


def _sent(stats: RidgeStats, mechanism: StatisticsMechanism, key) -> privacy.SiloRelease:
    """What a silo sends, of statistics that were computed once for all draws."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    gram, cross = mechanism(np.asarray(stats.gram), np.asarray(stats.cross), rng)
    return privacy.SiloRelease(jnp.asarray(gram), jnp.asarray(cross), mechanism)


def revealed(name: str) -> dict[str, float]:
    """How exactly images of a data set are read from exact statistics: relative errors.

    One image alone; one of each class; one image that a silo of many added between two rounds.
    """
    data = load(name)
    info, k = data.info, len(data.info.classes)
    channels = info.shape[2]
    norm = Normalisation(info.shape, info.pixel_max, (0.0,) * channels, (1.0,) * channels)
    phi = Linear(norm.dim)

    def stats(rows) -> RidgeStats:
        return RidgeStats.of_images(data.x_train[rows], data.y_train[rows], k, phi, norm)

    def error(found, rows) -> float:
        truth = np.asarray(norm(data.x_train[rows]))
        order = np.argsort(data.y_train[rows], kind="stable")
        return float(np.linalg.norm(found - truth[order]) / np.linalg.norm(truth))

    def read(gram, cross) -> np.ndarray:
        return privacy.added_records(np.asarray(gram), np.asarray(cross))[0]

    firsts = np.array([int(np.argmax(data.y_train == c)) for c in range(k)])
    one, each = stats(firsts[:1]), stats(np.sort(firsts))
    many = np.setdiff1d(np.arange(min(len(data.y_train), 1000)), firsts[:1])
    before, after = stats(many), stats(np.sort(np.append(many, firsts[0])))
    difference = after.gram - before.gram, after.cross - before.cross
    return {
        "one image": error(read(one.gram, one.cross), firsts[:1]),
        "one of each class": error(read(each.gram, each.cross), np.sort(firsts)),
        "one added to many": error(read(*difference), firsts[:1]),
    }
