"""Ready sets: a few that come with the library, made by `experiments.ready_sets`.

Points and labels of a set are in an npz file of its name, all else in `index.json`. A random map is
given by its seed: NumPy's `RandomState` gives the same numbers for ever, by its own promise.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from distill_lib.boundary import npz
from distill_lib.features import FeatureMap, FullyConnected, Linear, RandomFourier
from distill_lib.images.normalisation import Normalisation
from distill_lib.sets.distilled_set import DistilledSet

FOLDER = Path(__file__).parent / "ready"
SLOPE = 0.1


def released(name: str) -> DistilledSet:
    """A ready set by its name, such as "mnist-linear-10".

    Args:
        name: data set, feature map (or "nearest", or "intercept") and number of points; a name
            that there is not lists those that there are.
    Raises: ValueError for an unknown name, or a file that is not the one that was released.

    Example:
        >>> small = dl.released("digits-linear-10")
        >>> from distill_lib import data
        >>> digits = data.load("digits")
        >>> small.accuracy(digits.x_test, digits.y_test) > 0.9
        True
    """
    known = index()
    if name not in known:
        raise ValueError(f"there is no ready set {name!r}; there are {', '.join(known) or 'none'}.")
    told, path = known[name], FOLDER / f"{name}.npz"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != told["sha256"]:
        raise ValueError(
            f"{path} is missing or is not the file that was released; install distill-lib again."
        )
    with npz.opened(path) as file:
        arrays = {part: np.asarray(file.read(part), float) for part in ("points", "labels")}
    norm = told["normalisation"]
    return DistilledSet(
        jnp.asarray(arrays["points"]),
        jnp.asarray(arrays["labels"]),
        told["reg_s"],
        seeded_map(**told["map"]),
        Normalisation(norm["shape"], norm["white"], norm["mean"], norm["std"]),
        told["label_convention"],
        told["construction"],
        told["provenance"],
        intercept=told["intercept"],
    )


@lru_cache
def index() -> dict[str, dict[str, Any]]:
    """What is known of each ready set, by its name, without reading one."""
    file = FOLDER / "index.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def seeded_map(kind: str, dim: int, seed: int = 0, variance: float = 1000.0) -> FeatureMap:
    """A feature map of `dim` features of as many inputs, the same on every machine.

    Args:
        kind: "linear"; "network", a layer of N(0, 1 / dim) weights with LeakyReLU; "fourier".
        dim: d = p.
        seed: of NumPy's `RandomState`, which draws the entries row by row.
        variance: sigma^2 of the Gaussian kernel of "fourier".
    Raises: ValueError for another kind.

    Example:
        >>> from distill_lib.sets.ready import seeded_map
        >>> round(float(seeded_map("network", 2).weights[0][0, 0]), 6)
        1.247373
    """
    draw = np.random.RandomState(seed)
    if kind == "linear":
        return Linear(dim)
    if kind == "network":
        return FullyConnected((jnp.asarray(draw.randn(dim, dim) / np.sqrt(dim)),), SLOPE)
    if kind == "fourier":
        frequencies = draw.randn(dim, dim) / np.sqrt(variance)
        phases = 2 * np.pi * draw.rand(dim)
        return RandomFourier(jnp.asarray(frequencies), jnp.asarray(phases))
    raise ValueError(f"the map '{kind}' is unknown; known are linear, network and fourier.")
