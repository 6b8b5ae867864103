"""What the workers of a cluster are: threads, memory, and what decides about the last bits."""

import sys
import warnings
from typing import Any, NamedTuple

import jax
import numpy as np
from threadpoolctl import threadpool_info


class ClusterError(RuntimeError):
    """The scheduler is gone, or there is no worker, or none that fits."""


class Facts(NamedTuple):
    """What a worker is.

    Attributes:
        threads: how many partitions it computes at once.
        limit: bytes for each of them; 0 where none is set.
        kind: BLAS and libraries, which decide about bits.
        version: of this library.
    """

    threads: int
    limit: int
    kind: str
    version: str


def facts(client: Any, patience: float) -> dict[str, Facts]:
    """What the workers are, by their addresses.

    Raises: ClusterError where there is none, or one lacks this library or has another version.
    """

    def asked(dask_worker):  # sent by its value, so that a worker without this library can answer
        try:
            from distill_lib.engines.workers import told
        except ImportError as error:
            return str(error)
        return tuple(told(dask_worker))

    if client.status != "running":
        raise ClusterError(
            f"the client of Dask is {client.status}, its scheduler gone; give a new one."
        )
    address = client.scheduler.address
    try:
        client.wait_for_workers(1, timeout=patience)
        answers = client.run(asked)
    except (TimeoutError, OSError) as error:
        raise ClusterError(
            f"the scheduler {address} has no worker that answers within {patience:g} s; start some "
            f"with: dask worker {address}"
        ) from error
    known = {}
    for where, answer in answers.items():
        if isinstance(answer, str):
            raise ClusterError(
                f"the worker {where} cannot import distill-lib ({answer}); install it there too."
            )
        known[where] = Facts(*answer)
        if known[where].version != _version():
            raise ClusterError(
                f"the worker {where} has distill-lib {known[where].version}, and here is "
                f"{_version()}; install the same everywhere."
            )
    if len(kinds := sorted({one.kind for one in known.values()})) > 1:
        warnings.warn(
            f"the workers differ ({'; '.join(kinds)}): the last bits of a sum depend on which of "
            "them computed what.",
            stacklevel=2,
        )
    return known


def told(worker: Any) -> Facts:
    """What a worker says of itself."""
    threads = worker.state.nthreads
    limit = int((worker.memory_manager.memory_limit or 0) / threads)
    blas = {
        f"{one['internal_api']} {one['version']} for {one.get('architecture', 'any')}"
        for one in threadpool_info()
        if one["user_api"] == "blas"
    }
    kind = f"{', '.join(sorted(blas))}, NumPy {np.__version__}, JAX {jax.__version__}"
    return Facts(threads, limit, kind, _version())


def _version() -> str:
    """That of the package, which this room may not import: it is there all the same."""
    return sys.modules["distill_lib"].__version__
