"""The estimators beside those of scikit-learn that they agree with: `fit`, in turns, in one process.

Run by hand: `python tests/benchmarks/estimators.py [NAME ...] [--json FILE]`; it is no test, since a
time is none. What the distilled set takes, which is made when it is first asked for, stands apart.
The first of each, which compiles, is left out; the least of the others counts. The largest difference of the coefficients, relative to the largest
one, stands beside the times.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse
from kept import keep
from sklearn.linear_model import Ridge, RidgeClassifier, RidgeClassifierCV, RidgeCV

from distill_lib import data
from distill_lib.estimators import DistilledRidge, DistilledRidgeClassifier

ALPHAS = tuple(10.0**e for e in range(-3, 4))


def table(n: int, d: int, classes: int = 0, targets: int = 1):
    """Normal numbers, and classes or targets that depend on them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d))
    y = x @ rng.normal(size=(d, max(classes, targets))) + rng.normal(
        size=(n, max(classes, targets))
    )
    return x, (np.argmax(y, axis=1) if classes else y)


def images(name: str):
    """A named data set's training images as numbers from 0 to 1, and their classes."""
    found = data.load(name)
    return np.asarray(found.x_train, float).reshape(len(found.x_train), -1) / 255, found.y_train


def sparse():
    """A table with one entry in a hundred, and classes that depend on it."""
    rng = np.random.default_rng(0)
    x = scipy.sparse.random(20_000, 500, density=0.01, format="csr", random_state=rng)
    return x, np.argmax(x @ rng.normal(size=(500, 5)) + 1e-3, axis=1)


CASES = {
    "20,000 x 100, 5 classes": (lambda: table(20_000, 100, 5), RidgeClassifier, {"alpha": 1.0}),
    "200 x 2,000, 5 classes": (lambda: table(200, 2_000, 5), RidgeClassifier, {"alpha": 1.0}),
    "20,000 x 100, 3 targets": (lambda: table(20_000, 100, 0, 3), Ridge, {"alpha": 1.0}),
    "sparse, 20,000 x 500, 5 classes": (sparse, RidgeClassifier, {"alpha": 1.0}),
    "5,000 x 100, 5 classes, 7 alphas": (lambda: table(5_000, 100, 5), RidgeClassifierCV, {}),
    "5,000 x 100, 1 target, 7 alphas": (lambda: table(5_000, 100), RidgeCV, {}),
    "digits": (lambda: images("digits"), RidgeClassifier, {"alpha": 1.0}),
    "MNIST": (lambda: images("mnist"), RidgeClassifier, {"alpha": 1.0}),
}
OURS = {
    RidgeClassifier: DistilledRidgeClassifier,
    RidgeClassifierCV: DistilledRidgeClassifier,
    Ridge: DistilledRidge,
    RidgeCV: DistilledRidge,
}


def compared(make, theirs, settings: dict, rounds: int) -> dict[str, float]:
    """Seconds of both, and how far the coefficients are apart."""
    x, y = make()
    chosen = settings or {"alphas": ALPHAS}
    spent: dict[str, list[float]] = {"scikit-learn": [], "ours": [], "set": []}
    made = {}
    for _ in range(rounds + 1):
        for name, kind in (("scikit-learn", theirs), ("ours", OURS[theirs])):
            start = time.perf_counter()
            made[name] = kind(**chosen).fit(x, y)
            spent[name].append(time.perf_counter() - start)
        start = time.perf_counter()
        points = made["ours"].distilled_X_
        spent["set"].append(time.perf_counter() - start)
    one, other = (np.asarray(model.coef_).ravel() for model in made.values())
    seconds = {f"{name} (s)": min(times[1:]) for name, times in spent.items()}
    return seconds | {
        "ours to theirs": seconds["ours (s)"] / seconds["scikit-learn (s)"],
        "coefficients apart": float(np.abs(one - other).max() / np.abs(one).max()),
        "points": len(points),
    }


def main() -> None:
    """Measure, print, and keep a record if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    measured = {}
    for name in asked.names or CASES:
        measured[name] = compared(*CASES[name], asked.rounds)
        print(
            f"{name:34s}", "  ".join(f"{k} {v:.3g}" for k, v in measured[name].items()), flush=True
        )
    keep(asked.json, measured, rounds=asked.rounds)


if __name__ == "__main__":
    main()
