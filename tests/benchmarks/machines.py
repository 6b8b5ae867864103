"""A training set in partitions: what it takes, by how many workers, and what a death costs.

Run by hand: `python tests/benchmarks/machines.py [NAME ...] [--json FILE]`; it is no test, since a
time is none. The images are `generated_partitions`, the shape of ImageNet. Each case is a process
of its own, so that its peak is its own.

workers     sums of the same partitions by 1, 2, ... local workers of Dask, one thread each: seconds,
            the largest process, and whether the bits are those of one process
rows        10^4 to 10^7 rows of 784 bytes, made by one worker and by two: seconds, largest process
deaths      the sums of "workers" each with a worker killed: what died, what was computed again
rates       processor seconds of the statistics of an image by p, and the fit a p + b p^2

The whole way at the shape of ImageNet is in the notebook `past_one_machine`.
"""

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from functools import partial
from pathlib import Path

import jax
import numpy as np
import psutil
from kept import keep, measured_before
from scipy.optimize import nnls

import distill_lib as dl
from distill_lib.engines import Cluster, InOrder
from distill_lib.engines.cluster import LOCAL
from distill_lib.images import generated_normalisation, generated_partitions

CASES = ("workers", "rows", "deaths", "rates")


def bits(stats) -> str:
    """The sums to their last bits."""
    import hashlib

    leaves = [np.ascontiguousarray(leaf).tobytes() for leaf in jax.tree.leaves(stats)]
    return hashlib.blake2b(b"".join(leaves), digest_size=8).hexdigest()


def peak(who=resource.RUSAGE_SELF) -> float:
    """GiB at most of this process, or of the largest of its children that ended."""
    return resource.getrusage(who).ru_maxrss / 2**20


def busy() -> float:
    """Processor seconds of the whole machine, less those of this process and its children."""
    ours = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    spent = psutil.cpu_times()
    return spent.user + spent.nice + spent.system - sum(u.ru_utime + u.ru_stime for u in ours)


def sums(parts, size: int, engine, classes: int):
    """The statistics of partitions and the seconds they took."""
    start = time.perf_counter()
    phi, norm = dl.Linear(3 * size * size), generated_normalisation(size)
    made = dl.RidgeStats.of_images(parts, None, classes, phi, norm, engine=engine)
    jax.block_until_ready(made.gram)
    return made, time.perf_counter() - start


def local(count: int):
    """A cluster of so many processes, which begin again when they are killed."""
    import dask
    from distributed import Client, LocalCluster

    dask.config.set(LOCAL)
    options = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    return Client(LocalCluster(n_workers=count, **options))


def workers(asked) -> dict:
    """By number of workers."""
    size, classes = asked.size or 32, 100
    parts = generated_partitions(asked.count or 24, size, classes, rows=asked.rows or 2048)
    sums(generated_partitions(1, size, classes, rows=asked.rows or 2048), size, None, classes)
    wanted, alone = sums(parts, size, InOrder(), classes)
    found: dict = {"p": 3 * size * size, "partitions": parts.count, "rows": asked.rows or 2048}
    found |= {"one process": alone}
    for count in map(int, asked.workers.split(",")):
        client = local(count)
        warm = generated_partitions(2 * count, size, classes, rows=256)
        sums(warm, size, Cluster(client), classes)
        made, seconds = sums(parts, size, Cluster(client), classes)
        client.cluster.close()
        found[f"{count} workers"] = seconds
        found[f"{count} workers, same bits"] = bits(made) == bits(wanted)
        found[f"{count} workers, largest process (GiB)"] = peak(resource.RUSAGE_CHILDREN)
    return found


def drawn_bytes(number: int, rows: int, classes: int = 10):
    """Partition `number` of images of MNIST's shape: uniform bytes and labels."""
    rng = np.random.default_rng([0, number])
    images = rng.integers(0, 256, (rows, 28, 28, 1), np.uint8)
    return images, rng.integers(0, classes, rows)


def growing(asked) -> dict:
    """By number of rows: the smallest first, since a peak is that of all children so far."""
    phi, norm = dl.Linear(784), dl.Normalisation((28, 28, 1), 255, 0.5, 0.5)
    each, found = asked.rows or 16384, []
    for n in (10**4, 10**5, 10**6, 10**7):
        rows = min(each, n // 4)
        parts = dl.Partitions(partial(drawn_bytes, rows=rows), -(-n // rows), 10)
        warm = dl.Partitions(partial(drawn_bytes, rows=rows), 4, 10)
        seconds = {}
        for count in (1, 2):
            client = local(count)
            for one in (warm, parts):
                start = time.perf_counter()
                stats = dl.RidgeStats.of_images(one, None, 10, phi, norm, engine=Cluster(client))
                seconds[count] = time.perf_counter() - start
            client.cluster.close()
        found.append({"n": int(stats.count), "one worker": seconds[1], "two workers": seconds[2],
                      "largest process (GiB)": peak(resource.RUSAGE_CHILDREN),
                      "this process (GiB)": peak()})  # fmt: skip
    return {"p": 784, "by n": found}


def kill(pid: int, after: float, done: threading.Event, hit: list[int]) -> None:
    """End a process after some seconds, unless the work is done before."""
    if not done.wait(after):
        os.kill(pid, signal.SIGKILL)
        hit.append(pid)


def deaths(asked) -> dict:
    """With a spill folder and without: in each sum a worker is killed at a random moment."""
    size, classes = asked.size or 32, 100
    parts = generated_partitions(asked.count or 12, size, classes, rows=asked.rows or 1024)
    wanted, alone = sums(parts, size, InOrder(), classes)
    found: dict = {"p": 3 * size * size, "partitions": parts.count, "one process": alone}
    client, rng = local(2), random.Random(0)
    for name in ("without a folder", "with a folder"):
        told, killed, same, again = [], 0, [], 0
        while killed < asked.deaths:
            pid, done = rng.choice(list(client.run(os.getpid).values())), threading.Event()
            hit: list[int] = []
            thread = threading.Thread(target=kill, args=(pid, rng.uniform(0, alone), done, hit))
            thread.start()
            with tempfile.TemporaryDirectory() as folder:
                spill = folder if name.startswith("with a") else None
                engine = Cluster(client, spill=spill, report=told.append)
                made, _ = sums(parts, size, engine, classes)
            done.set()
            thread.join()
            killed += len(hit)
            same.append(bits(made) == bits(wanted))
            again += told[-1].again
            client.wait_for_workers(2, timeout=120)
        found[name] = {"killed": killed, "runs": len(same), "same bits": all(same),
                       "computed again": again}  # fmt: skip
    client.cluster.close()
    return found


def rates(asked) -> dict:
    """By number of features: processor seconds an image, the least of some rounds, and the fit."""
    found, rows = [], asked.rows or 512
    for size in (16, 24, 32, 48):
        piece = generated_partitions(1, size, 10, rows=rows).piece(0)()
        parts = dl.Partitions(lambda _, piece=piece: piece, 1, 10)
        spent = []
        for _ in range(4):  # the first one compiles
            before = time.process_time()
            sums(parts, size, None, 10)
            spent.append(time.process_time() - before)
        found.append((3 * size * size, min(spent[1:]) / rows))
    p, seconds = np.array(found).T
    # Relative errors are fitted: small problems count as much as large ones.
    (a, b), _ = nnls(np.stack([p, p**2], 1) / seconds[:, None], np.ones(len(p)))
    off = np.abs((a * p + b * p**2) / seconds - 1).max()
    measured = [[int(one), float(second)] for one, second in found]
    return {"measured": measured, "a": a, "b": b, "largest error of the fit": off, "rows": rows}


def main() -> None:
    """Run each case in a child, print what it measured, and keep a record if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(CASES))
    for name in ("count", "rows", "size"):
        parser.add_argument(f"--{name}", type=int, help="of partitions, see the case's default")
    parser.add_argument("--deaths", type=int, default=20)
    parser.add_argument("--workers", default="1,2", help="their numbers")
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        warnings.simplefilter("ignore")
        case = dict(zip(CASES, (workers, growing, deaths, rates), strict=True))
        before, start = busy(), time.perf_counter()
        found = case[asked.names[0]](asked)
        share = (busy() - before) / (time.perf_counter() - start) / os.cpu_count()
        print(json.dumps(found | {"share of the cores that others took": max(0.0, share)}))
        return
    measured = measured_before(asked.json)
    given = [one for one in sys.argv[1:] if one not in asked.names]
    for name in asked.names or CASES:
        command = [sys.executable, __file__, name, *given, "--child"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=3600)
        measured[name] = json.loads(done.stdout.splitlines()[-1])
        print(name, json.dumps(measured[name], indent=1), flush=True)
        keep(asked.json, measured)  # after each case, so that what is done is kept


if __name__ == "__main__":
    main()
