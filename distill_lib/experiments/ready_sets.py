"""The ready sets: how each was made, and what it is measured to be.

Run as a module, this makes those that are missing, or the named ones anew, into the package:
`python -m distill_lib.experiments.ready_sets [NAME...]`.
"""

import hashlib
import json
import sys
from importlib.metadata import version
from typing import Any

import jax.numpy as jnp
import numpy as np

from distill_lib.boundary import npz
from distill_lib.boundary.files import replacing
from distill_lib.data import load
from distill_lib.experiments.intercept import Few, compared, original
from distill_lib.making import make, open_source
from distill_lib.making.exchange import difference
from distill_lib.making.recipe import Recipe
from distill_lib.ridge import GRID
from distill_lib.sets import ready
from distill_lib.sets.distilled_set import DistilledSet

_LINEAR = tuple(reg for reg in GRID if reg >= 0.999e-3)
_SMALL = ("digits", "mnist", "fashion_mnist")
# lam of scikit-learn's classifier, on pixels from 0 to 1, with which three images a class are
# enough for its own default alpha = 1, see `experiments.intercept.needed`.
_LAM = {"digits": 10.0, "mnist": 100.0, "fashion_mnist": 100.0}
LARGEST = 4 * 2**20  # bytes of all files together


def recipes() -> dict[str, dict[str, Any]]:
    """By the name of each set: data, map, recipe, and the type in which points are kept.

    CIFAR's numbers are many, so its larger sets are kept in float32, and CIFAR-100 has one set.
    """
    made: dict[str, dict[str, Any]] = {}

    def add(data: str, what: str, points: int, kind="linear", kept="float64", **more: Any) -> None:
        name = f"{data.replace('_', '-')}-{what}-{points}"
        asked: dict[str, Any] = {"points": points, "lam": _LINEAR if kind == "linear" else GRID}
        asked |= more
        made[name] = {"data": data, "map": kind, "dtype": kept, "recipe": Recipe(**asked)}

    for data in _SMALL:
        add(data, "linear", 10)
        add(data, "nearest", 50, start="nearest")
        plain: dict[str, Any] = {"intercept": True, "plain": True, "lam": (_LAM[data],)}
        add(data, "intercept", 10, **plain)
        add(data, "intercept", 30, **plain)
        add(data, "network", 10, "network")
        add(data, "fourier", 10, "fourier")
    add("cifar10", "linear", 10)
    add("cifar10", "nearest", 30, kept="float32", start="nearest")
    add("cifar100", "linear", 100, kept="float32")
    return made


def made(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A set's arrays, and what the index says of it, with the numbers measured.

    The recovery error is that of the set as it is kept, against the set in double precision that
    it was made from, together with that set's own error.
    """
    asked = recipes()[name]
    info = load(asked["data"]).info
    dim = int(np.prod(info.shape))
    form = {"kind": asked["map"], "dim": dim, "seed": 0, "variance": 1000.0}
    phi = None if asked["map"] == "linear" else ready.seeded_map(**form)
    small = make(open_source(asked["data"]), asked["recipe"], feature_map=phi)
    arrays = {
        "points": np.asarray(small.points).astype(asked["dtype"]),
        "labels": np.asarray(small.labels),
    }
    kept = _kept(small, arrays)
    data = load(asked["data"])
    norm: Any = small.normalisation
    told = {
        "map": form,
        "normalisation": {
            "shape": list(norm.shape),
            "white": norm.pixel_max,
            "mean": list(norm.mean),
            "std": list(norm.std),
        },
        "reg_s": small.reg_s,
        "label_convention": small.label_convention,
        "construction": small.construction,
        "intercept": small.intercept,
        "provenance": small.provenance,
        "dtype": asked["dtype"],
        "measured": {
            "accuracy": kept.accuracy(data.x_test, data.y_test),
            "recovery error": difference(small, kept) + small.provenance["recovery_error"],
        },
        "made": {
            "by": f"python -m distill_lib.experiments.ready_sets {name}",
            "data": info.title,
            "digest": info.digest,
            "content": info.content,
            "licence": info.licence,
            "versions": {one: version(one) for one in ("distill-lib", "jax", "numpy")},
        },
    }
    return arrays, told


def _kept(small: DistilledSet, arrays: dict[str, np.ndarray]) -> DistilledSet:
    """The set with the points as they are kept."""
    return DistilledSet(
        jnp.asarray(arrays["points"], float),
        small.labels,
        small.reg_s,
        small.feature_map,
        small.normalisation,
        small.label_convention,
        small.construction,
        {},
        intercept=small.intercept,
    )


def headline(name: str) -> list[dict[str, Any]]:
    """scikit-learn's classifier on the `intercept` sets of a data set, beside that on all images.

    Ten images with alpha = lam_S, and thirty with all its defaults: error of the coefficients and
    of the intercept, answers that differ, accuracy.
    """
    data = load(name)
    found = original(data, "scaled", alpha=_LAM[name])
    rows = []
    for count in (10, 30):
        small = ready.released(f"{name.replace('_', '-')}-intercept-{count}")
        labels = np.asarray(small.labels).argmax(axis=1)
        few = Few(np.asarray(small.points), labels, small.reg_s)
        rows.append(
            {"data": data.info.title, "alpha of all": _LAM[name], "tests": len(found.truth)}
            | compared(found, few)
            | {"accuracy of all": float(found.classifier.score(found.tests, found.truth))}
        )
    return rows


def write(name: str) -> dict[str, Any]:
    """Make a set and put it into the package."""
    arrays, told = made(name)
    path = ready.FOLDER / f"{name}.npz"
    path.parent.mkdir(exist_ok=True)
    npz.write(path, arrays)
    told["bytes"] = path.stat().st_size
    told["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    file = ready.FOLDER / "index.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known = {one: (known | {name: told})[one] for one in recipes() if one in known or one == name}
    with replacing(file) as opened:
        opened.write((json.dumps(known, indent=1, ensure_ascii=False) + "\n").encode())
    return told


def main() -> None:
    """Make what is missing, or what is named."""
    known = ready.index()
    for name in sys.argv[1:] or [one for one in recipes() if one not in known]:
        told = write(name)
        print(name, told["measured"], told["bytes"], flush=True)


if __name__ == "__main__":
    main()
