"""Closed forms with many classes and long rows: seconds, peak memory and error of each.

Run by hand: `python tests/benchmarks/thin.py [--json FILE] [NAME ...]`. Each case is a process of
its own, so that its peak is its own. The model is random, of condition about 100, with k = m.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from kept import keep, measured_before

import distill_lib as dl
from distill_lib.linalg.thin import unfilled

CASES = ("closed form", "lam_S > 0", "nearest", "algorithm 1")


def matrix(m: int, d: int, seed: int):
    """A matrix whose rows have norms from 1 to 100, row by row; nothing else of its size is made."""
    rng, out = np.random.default_rng(seed), unfilled(m, d, np.float64)
    for i, norm in enumerate(np.geomspace(1, 100, m)):
        out[i] = rng.normal(size=d) * (norm / np.sqrt(d))
    return jax.dlpack.from_dlpack(out)  # which is not copied


def case(name: str, m: int, d: int) -> dict[str, float]:
    """Seconds, GiB at the peak, and recovery error of one case."""
    weights, labels = matrix(m, d, 0), jnp.eye(m)
    real = matrix(m, d, 1) if name == "nearest" else None
    jax.block_until_ready(weights)
    before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    start = time.perf_counter()
    if name == "algorithm 1":
        norm = dl.Normalisation((1, d, 1), pixel_max=1, mean=(0,), std=(1,))
        model = dl.RidgeModel(weights, dl.Linear(d), norm, 0.1, (0.1,), ())
        error = dl.distill(model, m, key=jax.random.key(0)).provenance["recovery_error"]
        made, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    else:
        if name == "nearest":
            features, labels, _ = dl.nearest_set(weights, real)
            reg_s = 0.0
        else:
            reg_s = 0.0 if name == "closed form" else 1e-6
            features = dl.support_features(dl.recovery_matrix(weights, labels), reg_s)
        made, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        error = dl.recovery_error(weights, dl.recovered_weights(features, labels, reg_s))
    return {
        "seconds to make": made - start,
        "seconds with its error": time.perf_counter() - start,
        "processor seconds": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before,
        "peak to make (GiB)": peak / 2**20,
        "peak (GiB)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "input and output (GiB)": (2 + (name == "nearest")) * m * d * 8 / 2**30,
        "recovery error": error,
    }


def main() -> None:
    """Run each case in a child, print what it measured, and keep a record if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(CASES))
    parser.add_argument("-m", type=int, default=1000)
    parser.add_argument("-d", type=int, default=196_608)
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(case(asked.names[0], asked.m, asked.d)))
        return
    measured = measured_before(asked.json) if asked.names else {}
    for name in asked.names or CASES:
        command = [sys.executable, __file__, "--child", name, f"-m{asked.m}", f"-d{asked.d}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=True)
        measured[name] = json.loads(done.stdout.splitlines()[-1])
        print(name, {key: float(f"{value:.3g}") for key, value in measured[name].items()})
        # after each case, so that what is done is kept
        keep(asked.json, measured, **{"k = m": asked.m, "d": asked.d})


if __name__ == "__main__":
    main()
