"""Table 3: the accuracy of a model and of its distilled sets, and how exactly these carry it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from distill_lib import paper
from distill_lib.algorithm import distill
from distill_lib.data import Dataset

Row = dict[str, Any]
Key = tuple[str, str, int, str]  # data set, feature map, seed, precision
DTYPES = ("float64", "float32")
ERROR, COSINE, ANSWERS = "relative error", "1 - cosine", "same answers"


def one_run(
    data: Dataset, kind: paper.Kind, seed: int, dtype: str, ipcs: Sequence[int], variance: float
) -> Row:
    """One original model and its distilled sets, with one-hot labels and lam_S = 0.

    By images per class: accuracy, share of predictions that agree with the model's, relative error
    of recovery and one minus the cosine. In single precision a set can be refused; `refused` has
    the sentence then.

    Raises: ValueError if a set is refused in double precision.
    """
    model = paper.original_model(data, kind, seed, variance=variance, dtype=dtype)
    predictions = model.predict(data.x_test)
    run: Row = {"original": float(np.mean(predictions == data.y_test)), "reg": model.reg, "ipc": {}}
    for ipc in ipcs:
        try:
            small = distill(model, ipc * len(model.weights), key=jax.random.key(1000 + seed))
        except ValueError as refusal:
            if dtype == "float64":
                raise
            return run | {"refused": str(refusal)}
        again = small.predict(data.x_test)
        run["ipc"][str(ipc)] = {
            "accuracy": float(np.mean(again == data.y_test)),
            "agreement": float(np.mean(again == predictions)),
            "error": small.provenance["recovery_error"],
            "one_minus_cosine": abs(1 - small.provenance["cosine"]),
        }
    return run


def keys(names: Sequence[str], seeds: Sequence[int]) -> Iterator[Key]:
    """Every run of the table."""
    return product(names, paper.KINDS, seeds, DTYPES)


class Table(NamedTuple):
    """All runs of the table, and what is read from them.

    Attributes:
        sets: data sets by name.
        ipcs: images per class.
        seeds: of the random features and of the split.
        runs: `one_run` of each of `keys`.
    """

    sets: Mapping[str, Dataset]
    ipcs: Sequence[int]
    seeds: Sequence[int]
    runs: Mapping[Key, Row]

    def accuracies(self, name: str, kind: str, ipc: int | None) -> Float[np.ndarray, " seeds"]:
        """Accuracies in double precision, per cent; of the original models if `ipc` is None."""
        mine = [self.runs[name, kind, seed, "float64"] for seed in self.seeds]
        found = [r["original"] if ipc is None else r["ipc"][str(ipc)]["accuracy"] for r in mine]
        return 100 * np.array(found)

    def exactness(self, name: str, kind: str, ipc: int, dtype: str) -> dict[str, float]:
        """The worst over the seeds of three measures, without the runs that were refused."""
        every = [self.runs[name, kind, seed, dtype] for seed in self.seeds]
        mine = [run["ipc"][str(ipc)] for run in every if "refused" not in run]
        return {
            ERROR: max(run["error"] for run in mine),
            COSINE: max(run["one_minus_cosine"] for run in mine),
            ANSWERS: min(run["agreement"] for run in mine),
        }

    def refused(self) -> dict[Key, str]:
        """Runs that were refused, with the sentence of each."""
        return {key: run["refused"] for key, run in self.runs.items() if "refused" in run}

    def accuracy_rows(self, published: Mapping[tuple[str, int | None, str], float]) -> list[Row]:
        """The table as it is shown: mean and deviation over the seeds, the paper's value beside.

        Args: published: the paper's accuracies by data set, images per class and feature map.
        """
        rows = []
        for name, ipc in product(self.sets, (None, *self.ipcs)):
            model = "original" if ipc is None else f"IPC {ipc}"
            row = {"data set": self.sets[name].info.title, "model": model}
            for kind, title in paper.KINDS.items():
                values = self.accuracies(name, kind, ipc)
                row[title] = f"{values.mean():.2f} ± {values.std():.2f}"
                if (cell := published.get((name, ipc, kind))) is not None:
                    row[f"{title}, paper"] = f"{cell:.2f}"
            rows.append(row)
        return rows

    def exact_rows(self) -> dict[tuple[str, str, int], dict[tuple[str, str], float]]:
        """`exactness` by data set, feature map and images per class; columns by precision."""
        return {
            (self.sets[name].info.title, paper.KINDS[kind], ipc): {
                (dtype, measure): number
                for dtype in DTYPES
                for measure, number in self.exactness(name, kind, ipc, dtype).items()
            }
            for name, kind, ipc in product(self.sets, paper.KINDS, self.ipcs)
        }

    def recorded(self) -> tuple[list[Row], dict[str, Any]]:
        """The rows and the named numbers of the page."""
        shared = {"table": "3", "seeds": len(self.seeds)}
        rows: list[Row] = []
        for name, ipc, kind in product(self.sets, (None, *self.ipcs), paper.KINDS):
            at, of = {"dataset": name, "ipc": ipc, "model": kind}, self.accuracies(name, kind, ipc)
            found: Row = {"quantity": "accuracy", "measured": of.mean(), "spread": of.std()}
            rows.append(shared | at | found | {"unit": "%", "dtype": "float64"})
        for name, kind, dtype, each in product(self.sets, paper.KINDS, DTYPES, self.ipcs):
            at = {"dataset": name, "ipc": each, "model": kind, "method": dtype}
            exact = self.exactness(name, kind, each, dtype)
            for quantity, unit in ((ERROR, "relative"), (COSINE, "")):
                rows.append(
                    shared | at | {"quantity": quantity, "measured": exact[quantity], "unit": unit}
                )
        values: dict[str, Any] = {
            "refused": (len(self.refused()), "{:d}"),
            "single": (len(self.runs) // 2, "{:d}"),
            "seeds": (len(self.seeds), "{:d}"),
        }
        for name, kind in product(self.sets, paper.KINDS):
            values |= self._values(name, kind)
        return rows, values

    def _values(self, name: str, kind: str) -> dict[str, tuple[float, str]]:
        """The numbers of the prose about one data set and one feature map."""
        original = self.accuracies(name, kind, None)
        moved = [abs(self.accuracies(name, kind, ipc) - original).max() for ipc in self.ipcs]
        found = {"original": (original.mean(), "{:.2f} %"), "change": (max(moved), "{:.2f}")}
        for dtype in DTYPES:
            exact = [self.exactness(name, kind, ipc, dtype) for ipc in self.ipcs]
            same = 100 * min(each[ANSWERS] for each in exact)
            found[f"error_{dtype}"] = (max(each[ERROR] for each in exact), "{:.0e}")
            found[f"agreement_{dtype}"] = (same, "{:.2f} %")
        return {f"{name}_{kind}_{quantity}": value for quantity, value in found.items()}
