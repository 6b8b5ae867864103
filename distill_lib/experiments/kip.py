"""KIP and label solve on an infinitely wide network: what they give, and what a step costs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib import paper
from distill_lib.baselines import kip
from distill_lib.baselines.training_set import Targets
from distill_lib.data import Dataset, load
from distill_lib.experiments.common import busy_time, seconds
from distill_lib.experiments.rfad_cell import inputs_of
from distill_lib.experiments.table_4 import timed
from distill_lib.images.sampling import balanced_sample
from distill_lib.kernels import regression
from distill_lib.kernels.infinite_width import Architecture, InfiniteWidth, Kind

Row = dict[str, Any]
Run = dict[str, Row]  # by method
START, SUBSET, SOLVE = "start", "random subset", "label solve"
FIXED, LEARNED, SOLVED = DESCENTS = "kip fixed", "kip learned", "kip solved"


class Problem(NamedTuple):
    """A data set under the kernel of a network.

    Attributes:
        tests: (n, d) network inputs of the test images.
    """

    data: Dataset
    kernel: InfiniteWidth
    targets: Targets
    tests: Float[Array, "n d"]

    @property
    def cell(self) -> Row:
        """Where its numbers stand in the tables."""
        kernel = f"{self.kernel.architecture}-{self.kernel.depth} {self.kernel.kind}"
        return {"table": "baselines", "dataset": self.data.info.name, "model": kernel}

    def drawn(self, key: PRNGKeyArray, m: int) -> tuple[Float[Array, "m d"], Float[Array, "m k"]]:
        """Random training samples, as many of each class, with their own labels."""
        chosen = balanced_sample(key, self.data.y_train, m, self.targets.count)
        return self.targets(jnp.asarray(chosen))

    def accuracy(self, points: Float[Array, "m d"], labels: Float[Array, "m k"]) -> float:
        """Of a support set on the test images."""
        return regression.accuracy(self.kernel, points, labels, self.tests, self.data.y_test)


def problem(name: str, kind: Kind, architecture: Architecture, depth: int) -> Problem:
    """The named data set; in colour it is whitened for convolutional kernels."""
    data = load(name)
    dense = architecture == "fc"
    inputs = paper.normalisation(data.info) if dense else inputs_of(data, "float64")
    targets = Targets.of(data.x_train, data.y_train, inputs, len(data.info.classes))
    kernel = InfiniteWidth(kind, architecture, depth, data.info.shape)
    return Problem(data, kernel, targets, inputs(data.x_test))


def run(
    of: Problem,
    ipc: int,
    steps: int,
    seed: int,
    batch: int,
    subsets: int,
    follow: Callable[[str], dict[str, Any]],
) -> Run:
    """All methods from the same samples: accuracies, seconds, and first points.

    Args:
        subsets: other random draws.
        follow: from a descent, by data set, size, seed and method, to its `report` and
            `checkpoint`.
    """
    m = ipc * of.targets.count
    start = of.drawn(jax.random.key(100 + seed), m)
    keys = [jax.random.key(1000 * seed + i) for i in range(subsets)]
    solved, spent = timed(lambda: kip.label_solve(of.kernel, start[0], of.targets))
    found: Run = {
        START: {"accuracy": of.accuracy(*start), "points": start[0][:10]},
        SUBSET: {"accuracy": [of.accuracy(*of.drawn(key, m)) for key in keys]},
        SOLVE: {"accuracy": of.accuracy(start[0], solved), "seconds": spent},
    }
    options: Any = {"key": jax.random.key(seed), "every": max(1, steps // 10)}
    for method in DESCENTS:
        options |= follow(f"{of.data.info.name}/{ipc}/{seed}/{method}")
        found[method] = descended(of, method, *start, steps, batch, **options)
    return found


def descended(
    of: Problem,
    method: str,
    points: Float[Array, "m d"],
    labels: Float[Array, "m k"],
    steps: int,
    batch: int,
    **options: Any,
) -> Row:
    """A descent: accuracy at the start and on the way, with the seconds, and first points.

    Args:
        options: of `kip.descend`.
    """

    def watch(at):
        if method == SOLVED:
            return of.accuracy(at["points"], kip.label_solve(of.kernel, at["points"], of.targets))
        return of.accuracy(at["points"], at.get("labels", labels))

    given, batch = labels if method == FIXED else None, min(batch, len(of.targets))
    objective = kip.KernelObjective(of.kernel, of.targets, given, batch)
    options |= {"labels": labels if method == LEARNED else None, "watch": watch}
    found = kip.descend(objective, points, steps, **options)
    curve, spent = found.watched, [0.0, *found.seconds.tolist()]
    first = found.points["points"][:10]
    return {"accuracy": curve[-1], "curve": curve, "seconds": spent, "points": first}


def accuracies(runs: Sequence[Run]) -> dict[str, Float[np.ndarray, " n"]]:
    """Test accuracies in per cent by method, of all seeds and of all draws of the subset."""
    return {
        method: 100 * np.concatenate([np.atleast_1d(one[method]["accuracy"]) for one in runs])
        for method in (START, SUBSET, SOLVE, *DESCENTS)
    }


def recorded(of: Problem, ipc: int, steps: int, runs: Sequence[Run]) -> list[Row]:
    """The rows of one size of set."""
    rows = []
    for method, values in accuracies(runs).items():
        cell = of.cell | {"ipc": ipc, "method": method}
        cell["steps"] = steps if method in DESCENTS else 0
        row = {"quantity": "accuracy", "measured": values.mean(), "spread": values.std()}
        rows.append(cell | row | {"unit": "%", "seeds": len(values)})
        if method in DESCENTS:
            cost = np.mean([one[method]["seconds"][-1] for one in runs]) / steps
            rows.append(cell | {"quantity": "seconds a step", "measured": cost, "unit": "s"})
    return rows


def gains(of: Problem, ipc: int, runs: Sequence[Run]) -> dict[str, Any]:
    """Named numbers of one size of set, against its random subsets."""
    found, kernel = accuracies(runs), of.kernel
    subset = found[SUBSET]
    return {
        "last_set": (ipc, f"{of.data.info.title} with {{:d}} images per class"),
        "subset_spread": (subset.std(), "{:.1f}"),
        "gain": (found[LEARNED].mean() - subset.mean(), "{:.1f}"),
        "solve_gain": (found[SOLVE].mean() - subset.mean(), "{:.1f}"),
        "kernel": (kernel.depth, f"{kernel.architecture.upper()}-{{}} {kernel.kind.upper()}"),
    }


def costs(of: Problem, points: Sequence[int], batch: int) -> list[float]:
    """Seconds of a step with fixed labels and so many support points, noise on real images.

    Args:
        batch: targets in all.
    """
    data, inputs, k = of.data, of.targets.preprocessing, of.targets.count
    chosen = balanced_sample(jax.random.key(3), data.y_train, batch, k)
    few, found = Targets.of(data.x_train[chosen], data.y_train[chosen], inputs, k), []
    step = jax.jit(lambda objective, *given: jax.value_and_grad(objective)(*given))
    for m in points:
        x, y = of.targets(jnp.arange(m) % len(of.targets))
        noisy = {"points": x + 0.1 * jax.random.normal(jax.random.key(m), x.shape)}
        objective = kip.KernelObjective(of.kernel, few, y, batch)
        found.append(seconds(step, objective, noisy, jax.random.key(0), clock=busy_time))
    return found


def recorded_costs(
    of: Problem, points: Sequence[int], batch: int, found: Sequence[float]
) -> tuple[list[Row], dict[str, Any]]:
    """The row and the named numbers of `costs`, beside the number of kernel values."""
    pairs = [m * (m + batch) for m in points]
    slope, of_pairs = (np.polyfit(np.log(points), np.log(y), 1)[0] for y in (found, pairs))
    row = of.cell | {"method": FIXED, "quantity": "cost exponent", "measured": slope, "unit": ""}
    return [row | {"points": points, "batch": batch}], {
        "cost_batch": batch,
        "cost_least": (points[0], "{:,d}"),
        "cost_most": (points[-1], "{:,d}"),
        "exponent": (slope, "{:.2f}"),
        "pairs_exponent": (of_pairs, "{:.2f}"),
    }
