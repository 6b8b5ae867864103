"""The tree of a sum, computed by the workers of a Dask cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distill_lib.boundary import checks
from distill_lib.engines.nodes import Pieces, Total, Work
from distill_lib.engines.progress import Progress
from distill_lib.engines.run import Run
from distill_lib.engines.spill import Spill
from distill_lib.engines.workers import Facts, facts

_HEAP = 2**28  # bytes that a worker's allocator keeps
_SPAWN = "distributed.nanny.pre-spawn-environ"
# A worker that dies begins again, which takes longer than Dask waits on a busy machine. All that
# waited for it counts as one death nearer to being its cause, so that takes more than Dask's three.
# The matrices of a batch are freed and asked for again: Dask's own setting returns them each time.
LOCAL = {
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    "distributed.scheduler.allowed-failures": 10,
    f"{_SPAWN}.MALLOC_TRIM_THRESHOLD_": _HEAP,
    f"{_SPAWN}.MALLOC_MMAP_THRESHOLD_": _HEAP,
}
INSTALL = "Dask shares the work between processes: pip install 'distill-lib[distributed]'."


class Cluster:
    """Workers that compute partitions, add them up in a tree and survive each other.

    Statistics stay where they are made and travel only to be added. The tree depends on the number
    of partitions alone, so every bit is that of `InOrder`, however many workers there are and
    whichever is done first. A worker that dies costs what it held: that is computed again. Bits can
    be compared between machines of one processor and one set of libraries; a warning names what
    differs.

    Attributes:
        at: a `distributed.Client`, the address of a scheduler, or "local": as many workers on this
            machine as it has cores (a script that starts them needs the usual
            `if __name__ == "__main__"`).
        spill: a folder that all workers see, where finished nodes wait; a run after one that was
            ended does not compute them again.
        report: is given a `Progress` from time to time; for instance print.
        patience: seconds to wait for a scheduler to answer, and for a worker where there is none.
    Raises: ImportError without Dask, ValueError where no scheduler answers.
    """

    def __init__(
        self,
        at: Any = "local",
        *,
        spill: str | Path | None = None,
        report: Callable[[Progress], None] | None = None,
        patience: float = 60.0,
    ) -> None:
        try:
            import distributed  # noqa: F401
        except ImportError as error:
            raise ImportError(INSTALL) from error
        checks.positive("patience", patience)
        self.at, self.spill, self.report, self.patience = at, spill, report, patience

    def total(self, work: Work, pieces: Pieces) -> Total:
        """The sum of all partitions.

        Raises: ValueError or PartitionError that names the partition, as `computed`; ClusterError
            where the scheduler or every worker is gone, or one has too little memory.
        """
        spill = Spill.of(self.spill, work, pieces.count)
        with _client(self.at, self.patience) as client:
            known = facts(client, self.patience)
            _enough(known, work)
            run = Run(client, work, pieces, spill, self.report, self.patience, known)
            return run.result()


@contextmanager
def _client(at: Any, patience: float) -> Iterator[Any]:
    """A client: the user's own, or one that lives as long as the sum."""
    import dask
    from distributed import Client, LocalCluster

    if not isinstance(at, str):
        yield at
    elif at == "local":
        with (
            dask.config.set(LOCAL),
            LocalCluster(threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster, timeout=patience) as client,
        ):
            yield client
    else:
        try:
            client = Client(at, timeout=patience)
        except (OSError, TimeoutError, ValueError) as error:
            raise ValueError(
                f"no scheduler of Dask answers at {at} within {patience:g} s; give the address "
                "that `dask scheduler` prints, as tcp://host:8786."
            ) from error
        with client:
            yield client


def _enough(known: dict[str, Facts], work: Work) -> None:
    """Raise ValueError if a partition cannot fit into the memory of a worker."""
    for address, one in known.items():
        if one.limit and one.limit < work.room:
            raise ValueError(
                f"a partition takes up to {work.room / 2**30:.3g} GiB beside its images, but the "
                f"worker {address} has {one.limit / 2**30:.3g} GiB for each of its threads; give "
                "workers more memory or fewer threads, or take fewer features."
            )
