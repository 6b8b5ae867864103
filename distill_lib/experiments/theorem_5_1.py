"""Theorem 5.1 and its examples: which maps can be inverted, at what cost, and how."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib import paper
from distill_lib.algorithm import distill
from distill_lib.data import DatasetInfo, load
from distill_lib.experiments.common import relative_error
from distill_lib.features import (
    AffineCoupling,
    Convolution,
    FeatureMap,
    FullyConnected,
    Linear,
    RandomFourier,
)
from distill_lib.ridge import fit

Row = dict[str, Any]
# Nearest sets that are shown: the feature map, and by which preimage.
SHOWN = (
    ("invertible network", "near"),
    ("convolution, d/2", "near"),
    ("fully connected, d/2", "near"),
    ("Fourier, d/2", "near"),
    ("Fourier, d/2", "least norm"),
    ("Fourier", "near"),
)


def maps(info: DatasetInfo, variance: float) -> dict[str, FeatureMap]:
    """The feature maps of the examples on images of one data set."""
    d, keys = math.prod(info.shape), jax.random.split(jax.random.key(0), 6)
    channels = (2 * info.shape[2],)
    return {
        "linear": Linear(d),
        "invertible network": AffineCoupling.random(keys[0], d),
        "fully connected": FullyConnected.random(keys[1], (d, d)),
        "fully connected, d/2": FullyConnected.random(keys[2], (d, d // 2)),
        "convolution, d/2": Convolution.random(keys[3], info.shape, channels, stride=2),
        "Fourier": RandomFourier.random(keys[4], d, d, variance),
        "Fourier, d/2": RandomFourier.random(keys[5], d, d // 2, variance),
    }


def round_trip(phi: FeatureMap, x: Float[Array, "n d"]) -> Row:
    """Relative errors of phi(phi^{-1}(f)) by both preimages, and of x found again from phi(x).

    f are the features of x and random ones of their size.
    """
    f = phi(x)
    wished = jnp.asarray(np.random.default_rng(0).normal(size=f.shape)) * jnp.std(f)
    both = jnp.concatenate([phi.range_scale(wished) * wished, f])
    least, near = phi.inverse(both), phi.inverse(both, jnp.concatenate([x, x]))
    return {
        "p": phi.dim_out,
        "error": relative_error(phi(least), both),
        "error near": relative_error(phi(near), both),
        "image again": relative_error(near[len(x) :], x),
    }


def round_trips(names: Iterable[str], variance: float) -> list[Row]:
    """`round_trip` of 15 test images, by data set and feature map."""
    rows = []
    for name in names:
        data = load(name)
        x = paper.normalisation(data.info)(data.x_test[:15])
        for kind, phi in maps(data.info, variance).items():
            rows.append({"data set": data.info.title, "feature map": kind} | round_trip(phi, x))
    return rows


class Distilled(NamedTuple):
    """The sets of one data set through each map.

    Attributes:
        real: (10, h, w, c) real samples that the nearest sets started from.
        pictures: by map, (10, h, w, c): "noise", one point per class from noise; the nearest set by
            its preimage of "least norm" and by that "near" the samples.
        facts: by map, accuracy, recovery errors, distances to the samples, scale.
    """

    info: DatasetInfo
    real: np.ndarray
    pictures: dict[str, dict[str, np.ndarray]]
    facts: dict[str, Row]


def distilled(name: str, ipc: int, variance: float) -> Distilled:
    """Sets from noise and from real samples for an original model through each map, lam_S = 0."""
    data = load(name)
    norm, pool = paper.normalisation(data.info), (data.x_train, data.y_train)
    key_split, key = jax.random.split(jax.random.key(1))
    made = Distilled(data.info, np.empty(0), {}, {})
    for kind, phi in maps(data.info, variance).items():
        model = fit(*pool, phi, norm, key=key_split, classes=len(data.info.classes))
        truth, k = model.predict(data.x_test), len(model.weights)
        noise = distill(model, k, key=key)
        near = distill(model, ipc * k, key=key, start="nearest", pool=pool)
        real = norm(data.x_train[np.array(near.provenance["samples"])])
        least = phi.inverse(phi(near.points))
        shortest = phi.inverse(phi(noise.points), 0 * noise.points)
        same = [float(np.mean(one.predict(data.x_test) == truth)) for one in (noise, near)]
        made.facts[kind] = {
            "accuracy": float(np.mean(truth == data.y_test)),
            "error, noise": noise.provenance["recovery_error"],
            "error, real": near.provenance["recovery_error"],
            "same answers": min(same),
            "features": near.provenance["feature_distance"],
            "least norm": relative_error(least, real),
            "near": near.provenance["distance"],
            "scale": near.provenance["range_scale"],
            "branch": float(np.linalg.norm(noise.points) / np.linalg.norm(shortest)),
        }
        pictures = {"noise": noise.images(), "near": near.images()}
        pictures["least norm"] = norm.inverse(least[:10])
        made.pictures[kind] = {way: np.asarray(x[:10]) for way, x in pictures.items()}
    return made._replace(real=np.asarray(norm.inverse(real[:10])))


class FromNoise(NamedTuple):
    """The first ten points of sets of one and of ten points per class, as pictures at one scale.

    Attributes:
        pictures: by number of points, (10, h, w, c) arsinh(x / unit) + white / 2, so zero is grey.
        accuracies: of the sets' models.
        original: of the original model.
    """

    info: DatasetInfo
    pictures: dict[int, np.ndarray]
    accuracies: dict[int, float]
    original: float
    white: float


def from_noise(name: str) -> FromNoise:
    """Figure 3: sets from noise for the network with one hidden layer."""
    data = load(name)
    tests = (data.x_test, data.y_test)
    model = paper.original_model(data, "fcnn", seed=0)
    k = len(model.weights)
    small = {m: distill(model, m, key=jax.random.key(0)) for m in (k, 10 * k)}
    images = {m: np.asarray(one.images()) for m, one in small.items()}
    unit = min(float(np.median(np.abs(x))) for x in images.values())
    extent = np.arcsinh(max(float(np.abs(x).max()) for x in images.values()) / unit)
    return FromNoise(
        data.info,
        {m: np.arcsinh(x[:10] / unit) + extent for m, x in images.items()},
        {m: one.model().accuracy(*tests) for m, one in small.items()},
        model.accuracy(*tests),
        2 * float(extent),
    )


def recorded(
    trips: Sequence[Row], made: Mapping[tuple[str, int], Distilled], variance: float
) -> tuple[list[Row], dict[str, Any]]:
    """Rows and named numbers of the page; those of the prose are of the first case."""
    rows: list[Row] = [
        {"table": "round trip", "dataset": trip["data set"], "model": trip["feature map"]}
        | {"measured": max(trip["error"], trip["error near"]), "quantity": "relative error"}
        | {"unit": "relative", "image_again": trip["image again"]}
        for trip in trips
    ]
    for (name, ipc), one in made.items():
        cell = {"table": "Section 5.1", "dataset": name, "ipc": ipc, "method": "nearest"}
        cell |= {"quantity": "distance to real", "unit": "relative"}
        rows += [
            cell
            | {"model": kind, "measured": fact["near"]}
            | {"least_norm": fact["least norm"], "recovery_error": fact["error, real"]}
            for kind, fact in one.facts.items()
        ]
    first = next(iter(made.values()))
    values: dict[str, Any] = {}
    for word, kind in (("full", "Fourier"), ("half", "Fourier, d/2")):
        phi: Any = maps(first.info, variance)[kind]
        values[f"{word}_least"] = (first.facts[kind]["least norm"], "{:.2g}")
        values[f"{word}_near"] = (first.facts[kind]["near"], "{:.2g}")
        values[f"{word}_condition"] = (np.linalg.cond(np.asarray(phi.frequencies)), "{:.2g}")
    values["scale"] = (first.facts["Fourier, d/2"]["scale"], "{:.2f}")
    values["network"] = (first.facts["fully connected"]["near"], "{:.2g}")
    values["branch"] = (first.facts["Fourier"]["branch"], "{:.2g}")
    return rows, values
