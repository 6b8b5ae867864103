"""What tests/engines/test_partitions.py runs where Dask is installed: a program of its own.

Fits by 1, 2 and 4 workers, in any order, with workers that are killed, of arrays and collections of
Dask; what is wrong; a scheduler that is gone.
"""

import functools
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings

import dask
import dask.array
import numpy as np
import pytest
from distributed import Client, LocalCluster
from test_partitions import ALL, COUNT, NORM, PARTS, ROWS, K, bits, fitted, made, spoiled

import distill_lib as dl
from distill_lib.engines import Cluster, PartitionError
from distill_lib.engines.cluster import LOCAL
from distill_lib.engines.workers import ClusterError
from distill_lib.images import Whitening

QUIET = {"dashboard_address": None, "silence_logs": 50, "threads_per_worker": 1}


def late(number):
    """A partition that is done when chance will have it."""
    time.sleep(random.uniform(0, 0.2))
    return made(number)


def deadly(folder):
    """Partitions of which one kills the worker that makes it, the first time."""

    def make(number):
        mark = os.path.join(folder, "killed")
        if number == 2 and not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), 9)
        return late(number)

    return dl.Partitions(make, COUNT, K)


def no_memory(images, labels):
    raise MemoryError("Unable to allocate 1 PiB")


def refused(kind, words, call):
    """The call raises one sentence with these words."""
    with pytest.raises(kind, match=re.escape(words)):
        call()


def with_client(client, wanted):
    assert bits(fitted(dl.Partitions(late, COUNT, K), engine=client)) == wanted
    images, labels = ALL
    blocks = dask.array.from_array(images, (ROWS, *NORM.shape)), dask.array.from_array(labels, ROWS)
    assert bits(fitted(*blocks, engine=client, classes=K)) == wanted
    model = fitted(refit=True)
    assert bits(fitted(engine=client, refit=True)) == bits(model)
    assert model.accuracy(PARTS, None, engine=client) == model.accuracy(PARTS, None)
    white = Whitening.of(PARTS, NORM, engine=client)
    assert np.array_equal(white.forward, Whitening.of(PARTS, NORM).forward)


def dying(client, wanted):
    for spilled in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            told, spill = [], folder if spilled else None
            engine = Cluster(client, spill=spill, report=told.append)
            assert bits(fitted(deadly(folder), engine=engine)) == wanted
            told = [one for one in told if one.about == "statistics"]
            assert told[-1].lost >= 1, told[-1]
            assert told[-1].again <= (1 if spilled else COUNT), told[-1]


def between_two_looks(client, wanted):
    """A worker that nobody saw come and that dies with its first partition is missed all the same."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("distill_lib.engines.cluster.facts", lambda *_: {})
        told, mark = [], os.path.join(folder, "killed")
        parts = dl.Partitions(functools.partial(first_is_deadly, mark), COUNT, K)
        assert bits(fitted(parts, engine=Cluster(client, report=told.append))) == wanted
        told = [one for one in told if one.about == "statistics"]
        assert told[-1].lost >= 1, told[-1]


def first_is_deadly(mark, number):
    if not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), 9)
    return made(number)


def always_deadly(number):
    """Partition 2 kills whoever makes it."""
    if number == 2:
        os.kill(os.getpid(), 9)
    return made(number)


class Fatal:
    """Partitions of which number 3 kills a process of another one: the scheduler."""

    def __init__(self, pid):
        self.pid = pid

    def __call__(self, number):
        if number == 3:
            os.kill(self.pid, 9)
            time.sleep(30)  # nobody waits for this one
        return made(number)


def started(*arguments):
    """A process of Dask's command line, that says nothing."""
    command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, **silent)


def scheduler_dies(wanted):
    """In the middle: one sentence, and what was finished is not made again."""
    with tempfile.TemporaryDirectory() as folder:
        file, spill = os.path.join(folder, "scheduler.json"), os.path.join(folder, "sums")
        os.mkdir(spill)
        scheduler = started(
            "dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", file
        )
        worker = None
        try:
            for _ in range(300):
                if os.path.exists(file):
                    break
                time.sleep(0.1)
            quick = ("--nthreads", "1", "--no-dashboard", "--no-nanny", "--death-timeout", "5")
            worker = started("dask_worker", "--scheduler-file", file, *quick)
            client = Client(scheduler_file=file, timeout=30)
            client.wait_for_workers(1, timeout=60)
            parts = dl.Partitions(Fatal(scheduler.pid), COUNT, K)
            engine = Cluster(client, spill=spill, patience=2)
            refused(ClusterError, "gone", lambda: fitted(parts, engine=engine))
            client.close(timeout=1)
        finally:
            for process in (scheduler, worker):
                if process:
                    process.kill()
                    process.wait(timeout=30)
        kept = sum(len(files) for *_, files in os.walk(spill))
        assert kept >= 1
        told = []
        assert bits(fitted(engine=dl.InOrder(spill=spill, report=told.append))) == wanted
        assert told[0].before >= 1, told[0]


def wrong(client, wanted):
    with tempfile.TemporaryDirectory() as folder:
        engine = Cluster(client, spill=folder)
        nan = spoiled(lambda x, y: (np.where(x > 0, np.nan, x), y))
        refused(ValueError, "images of partition 3 of 5 holds", lambda: fitted(nan, engine=engine))
        told = []
        assert bits(fitted(engine=Cluster(client, spill=folder, report=told.append))) == wanted
        assert told[0].before >= 1, told[0]
    memory = spoiled(no_memory)
    words = "partition 3 of 5 does not fit into the memory"
    refused(PartitionError, words, lambda: fitted(memory, engine=client))
    deadly_always = dl.Partitions(always_deadly, COUNT, K)
    refused(PartitionError, "partition 2 of 5 ended", lambda: fitted(deadly_always, engine=client))
    large = dl.Linear(200_000)
    norm = dl.Normalisation((1, 200_000, 1), 1, 0, 1)
    refused(
        ValueError,
        "for each of its threads",
        lambda: dl.RidgeStats.of_images(PARTS, None, K, large, norm, engine=client),
    )


def main():
    warnings.simplefilter("ignore")
    dask.config.set(LOCAL | {"distributed.scheduler.allowed-failures": 3})
    wanted = bits(fitted())
    with LocalCluster(n_workers=1, memory_limit="2GiB", **QUIET) as cluster:
        for count in (1, 2, 4):
            cluster.scale(count)
            with Client(cluster) as client:
                client.wait_for_workers(count, timeout=120)
                assert bits(fitted(dl.Partitions(late, COUNT, K), engine=client)) == wanted, count
                if count == 2:
                    with_client(client, wanted)
                    wrong(client, wanted)
                    dying(client, wanted)
                    between_two_looks(client, wanted)
        client = Client(cluster)
    engine = Cluster(client, patience=2)  # whose scheduler is gone with its cluster
    refused(ClusterError, "gone", lambda: fitted(engine=engine))
    scheduler_dies(wanted)
    print("all as they should be")


if __name__ == "__main__":
    main()
