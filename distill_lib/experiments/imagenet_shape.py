"""From images to a distilled set at the shape of ImageNet, with G and without it.

`python -m distill_lib.experiments.imagenet_shape SETTINGS`, with the arguments of `shape` in JSON,
runs it in a process of its own and prints lines of progress, and then what it found in JSON.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from distill_lib.algorithm import distill
from distill_lib.experiments.common import peak
from distill_lib.features import Linear
from distill_lib.images import (
    Partitions,
    Stream,
    generated_normalisation,
    generated_partitions,
)
from distill_lib.ridge import RidgeModel, RidgeStats
from distill_lib.ridge.matrix_free import fit_matrix_free

Row = dict[str, Any]
Report = Callable[[str], None]


def _silent(line: str) -> None:
    """No report."""


def shape(
    size: int,
    classes: int,
    count: int,
    rows: int,
    share: float,
    sketch: int = 0,
    tol: float = 1e-6,
    report: Report = _silent,
) -> Row:
    """W of generated images, a set with a point for each class, and what both say of fresh images.

    Args:
        count, rows: partitions, and images in each.
        share: lambda over n p, which is the trace of G where all features have unit variance.
        sketch: its rank; 0 takes G and its Cholesky factor.
        tol: of the residual of what is found without G.
        report: is given a line after each step.
    Returns: the sizes; of what is found without G the passes, their forecast and the residual; the
        recovery error of the set, and both accuracies.
    """
    phi, norm = Linear(3 * size * size), generated_normalisation(size)
    made, n = generated_partitions(count, size, classes, rows=rows), count * rows
    reg = share * n * phi.dim_out
    found: Row = {"size": size, "p": phi.dim_out, "classes": classes, "n": n, "sketch": sketch}
    if sketch:
        stream = Stream(partial(_in_turn, made, _silent), classes)
        free = fit_matrix_free(
            stream, None, phi, norm, reg=reg, key=jax.random.key(0), sketch=sketch, tol=tol,
            report=report,
        )  # fmt: skip
        model = free.model
        found |= {"passes": free.passes, "forecast": free.forecast, "residual": free.residual}
    else:
        stream = Stream(partial(_in_turn, made, report), classes)
        stats = RidgeStats.of_images(stream, None, classes, phi, norm)
        report("Cholesky factor of G + lambda I")
        model = RidgeModel(stats.solve(reg), phi, norm, reg, (reg,), ())
        del stats
    report("the set, and fresh images")
    fresh = generated_partitions(count + 1, size, classes, rows=rows).piece(count)()
    small = distill(model, classes, key=jax.random.key(1))
    return found | {
        "tests": rows,
        "error": small.provenance["recovery_error"],
        "accuracy": model.accuracy(*fresh),
        "of the set": small.accuracy(*fresh),
    }


def _in_turn(parts: Partitions, report: Report) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One partition after the other."""
    for number in range(parts.count):
        report(f"partition {number + 1} of {parts.count}")
        yield parts.piece(number)()


def in_child(settings: Row, report: Report = _silent) -> Row:
    """`shape` in a process of its own, with the peak of its memory in GiB.

    Raises: subprocess.CalledProcessError if it fails; what `report` raises ends it.
    """
    command = [sys.executable, "-m", __name__, json.dumps(settings)]
    found: Row = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if line.startswith("{"):
                    found = json.loads(line)
                else:
                    report(line.strip())
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return found


if __name__ == "__main__":
    told = shape(**json.loads(sys.argv[1]), report=partial(print, flush=True))
    print(json.dumps(told | {"peak": peak()}))
