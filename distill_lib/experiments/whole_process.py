"""What a process needs that starts from nothing.

`python -m distill_lib.experiments.whole_process digits linear` prints the accuracies, as fractions,
of the original model and of that of ten distilled images per class, and its peak memory in GiB.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any, NamedTuple

CACHES = ("JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")


class Process(NamedTuple):
    """One process, from its start to its end.

    Attributes:
        seconds: all of it.
        original, distilled: test accuracies, as fractions.
        peak: of its memory, in GiB.
    """

    seconds: float
    original: float
    distilled: float
    peak: float


def timed(dataset: str, kind: str, timeout: float | None = None) -> Process:
    """A fresh process without a cache of compiled programs, timed (Linux only).

    Args:
        kind: of the feature map, as `paper.feature_map` takes it.
        timeout: in seconds. Raises: subprocess.TimeoutExpired after it; CalledProcessError if the
            process fails.
    """
    without = {key: value for key, value in os.environ.items() if not key.startswith(CACHES)}
    command = [sys.executable, "-m", __name__, dataset, kind]
    options: dict[str, Any] = {"env": without, "stdout": subprocess.PIPE, "timeout": timeout}
    started = time.perf_counter()
    done = subprocess.run(command, text=True, encoding="utf-8", check=True, **options)
    return Process(time.perf_counter() - started, *json.loads(done.stdout))


def recorded(dataset: str, kind: str, found: Process) -> list[dict[str, Any]]:
    """The process as rows."""
    where = {"table": "whole process", "dataset": dataset, "ipc": 10, "model": kind}
    quantities = {
        "seconds": (found.seconds, "s"),
        "peak memory": (found.peak, "GiB"),
        "accuracy": (100 * found.distilled, "%"),
    }
    return [
        where | {"quantity": name, "measured": measured, "unit": unit}
        for name, (measured, unit) in quantities.items()
    ]


def _measured(dataset: str, kind: Any) -> list[float]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    from distill_lib import paper
    from distill_lib.algorithm import distill
    from distill_lib.data import load
    from distill_lib.experiments.common import peak
    from distill_lib.ridge.model import scores

    assert jax.config.values["jax_compilation_cache_dir"] is None
    data = load(dataset)
    model = paper.original_model(data, kind, seed=0)
    small = distill(model, 10 * len(model.weights), key=jax.random.key(0)).model()
    # The features of the test images once, for both.
    both = jnp.concatenate([model.weights, small.weights])
    found = np.asarray(scores(both, model.feature_map, model.normalisation, data.x_test))
    answers = [np.argmax(half, axis=1) for half in np.split(found, 2, axis=1)]
    return [*(float(np.mean(one == data.y_test)) for one in answers), peak()]


if __name__ == "__main__":
    print(json.dumps(_measured(*sys.argv[1:])))
