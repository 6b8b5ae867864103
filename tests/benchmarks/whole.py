"""Whole processes against their floor: the products that they cannot do without, and a start.

Run by hand: `python tests/benchmarks/whole.py [DATA:MAP ...] [--json FILE]`. It is no test, since a
time is none. The data sets are read from DISTILL_DATA.

A process imports, loads, trains on n images with 24 lam (18 for the linear map) judged on 5 % of
them, distils ten images per class, trains on these and tests both models. The floor is that of the
features of all images (2 d p operations each, none for the linear map) and of the lower half of G
(p^2 for each image trained on), at the rate of a large square product. A start is a process that
imports the library and loads the data set. All three are timed in turns; the least of each counts.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from floor import SQUARE, seconds
from kept import keep, measured_before

from distill_lib import paper
from distill_lib.data import load
from distill_lib.experiments.whole_process import timed

CASES = tuple(f"{data}:{kind}" for data in ("cifar10", "cifar100") for kind in paper.KINDS)
START = """import sys
from distill_lib import paper
from distill_lib.data import load
load(sys.argv[1])"""
TRAINED = 0.95  # of the images, the others choose lam
LIMIT = 300  # seconds for one process


def operations(dataset: str, kind: str) -> float:
    """Those of the floor."""
    info = load(dataset).info
    p = int(np.prod(info.shape))
    features = 0 if kind == "linear" else 2 * p * p * (info.n_train + info.n_test)
    return features + TRAINED * info.n_train * p * p


def start(dataset: str) -> float:
    """A process that only begins, in seconds."""
    before = time.perf_counter()
    subprocess.run([sys.executable, "-c", START, dataset], check=True, timeout=LIMIT)
    return time.perf_counter() - before


def main() -> None:
    """Measure, print, and keep a record if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", default=("mnist:linear", *CASES), help="DATA:MAP")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    asked = parser.parse_args()
    a, found = np.random.default_rng(0).normal(size=(SQUARE, SQUARE)), measured_before(asked.json)
    for case in asked.cases:
        dataset, kind = case.split(":")
        wanted, turns = operations(dataset, kind), []
        for _ in range(asked.rounds):
            products = seconds(lambda: [a @ a for _ in range(5)])[0] / (5 * 2 * SQUARE**3)
            turns.append((products * wanted, start(dataset), timed(dataset, kind, LIMIT).seconds))
        floor, begun, whole = np.min(turns, axis=0)
        found[case] = {
            "data set": load(dataset).info.title,
            "feature map": paper.KINDS[kind],
            "operations (TFLOP)": wanted / 1e12,
            "floor (s)": floor,
            "start (s)": begun,
            "ours (s)": whole,
            "ratio": whole / (floor + begun),
        }
        print(
            case, *(f"{name} {found[case][name]:.3g}" for name in list(found[case])[2:]), sep="  "
        )
        keep(asked.json, found, rounds=asked.rounds)


if __name__ == "__main__":
    main()
