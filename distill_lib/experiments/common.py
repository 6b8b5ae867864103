"""What several pages do."""

import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import ArrayLike, Float, Int


def accuracy(
    weights: Float[np.ndarray, "k p"],
    features: Float[np.ndarray, "n p"],
    labels: Int[np.ndarray, " n"],
) -> float:
    """Fraction of samples for which the largest entry of W phi(x) is that of the label."""
    return float(np.mean(np.argmax(features @ weights.T, axis=1) == labels))


def relative_error(found: Float[ArrayLike, "..."], wanted: Float[ArrayLike, "..."]) -> float:
    """||found - wanted|| / ||wanted||, of points, features or weights."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def seconds(
    call: Callable[..., Any], *arguments: Any, clock: Callable[[], float] = time.perf_counter
) -> float:
    """The least time of three to thirty calls after the first, about a second in all."""
    jax.block_until_ready(call(*arguments))
    taken: list[float] = []
    while len(taken) < 3 or (len(taken) < 30 and sum(taken) < 1):
        started = clock()
        jax.block_until_ready(call(*arguments))
        taken.append(clock() - started)
    return min(taken)


def busy_time() -> float:
    """On a processor the time of this program's threads together, whatever else it does."""
    return time.process_time() if jax.default_backend() == "cpu" else time.perf_counter()


def peak() -> float:
    """GiB that this process held at most; on Linux of this program alone.

    `resource.getrusage` knows what its parent held before it became this program, too.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        found = re.search(r"VmHWM:\s*(\d+)", status.read_text(encoding="utf-8"))
        if found:
            return int(found[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30  # macOS counts bytes
