"""The statistics of a training set against their floor: the same products at BLAS's best rate.

Run by hand: `python tests/benchmarks/floor.py [--json FILE]`. It is no test, since a time is none.

n images with d = p cost 2 n d p operations for the features of a one-layer network and n p^2 for
the lower half of G. The floor is what a large square product needs for as many. Both are timed in
turns, and the least of each is taken, so that what else the machine does falls out of the ratio.
The images are random bytes: a product does not look at its numbers.
"""

import argparse
import time
from pathlib import Path

import jax
import numpy as np
from kept import keep

import distill_lib as dl
from distill_lib.ridge.batches import BATCH

SHAPE, CLASSES, SQUARE = (32, 32, 3), 10, 3072


def seconds(work) -> tuple[float, float]:
    """What one run takes, to the end, by the clock and of the processors."""
    start, before = time.perf_counter(), time.process_time()
    jax.block_until_ready(work())
    return time.perf_counter() - start, time.process_time() - before


def measured(n: int, rounds: int) -> dict[str, float]:
    """The floor and the statistics of n images, and their ratio."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (n, *SHAPE), np.uint8), rng.integers(0, CLASSES, n)
    norm = dl.Normalisation(SHAPE, 255, (0.5,) * 3, (0.25,) * 3)
    d = norm.dim
    phi = dl.FullyConnected.random(jax.random.key(0), (d, d))
    a = rng.normal(size=(SQUARE, SQUARE))
    operations = n * d * d * 3
    count = max(1, round(operations / (2 * SQUARE**3)))  # as long as ours, so as often disturbed

    def statistics():
        return dl.RidgeStats.of_images(images, labels, CLASSES, phi, norm)

    def products():
        return [a @ a for _ in range(count)][-1]

    seconds(statistics)  # compiled
    floor, ours = [], []
    for _ in range(rounds):
        floor.append(seconds(products))
        ours.append(seconds(statistics))
    scale = operations / (count * 2 * SQUARE**3)
    (clock, processors), mine = np.min(floor, axis=0) * scale, np.min(ours, axis=0)
    return {
        "images": n,
        "operations (TFLOP)": operations / 1e12,
        "floor (s)": clock,
        "ours (s)": mine[0],
        "ratio": mine[0] / clock,
        "ratio of processor time": mine[1] / processors,
    }


def main() -> None:
    """Measure, print, and keep a record if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-n", type=int, default=16 * 2048, help="number of images")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    asked = parser.parse_args()
    found = measured(asked.n, asked.rounds)
    for name, value in found.items():
        print(f"{name:24s} {value:.4g}")
    keep(asked.json, found, rounds=asked.rounds, batch=BATCH)


if __name__ == "__main__":
    main()
