"""What the pieces of `pieces` do: from a piece's settings to the rows of its record."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from distill_lib.boundary.files import replacing
from distill_lib.data import load
from distill_lib.experiments import label_solve, rfad_cell, table_4
from distill_lib.experiments.rfad_cell import Settings
from distill_lib.experiments.table_4 import Report

Row = dict[str, Any]
Say = Report  # told a sentence


def small(chosen: Settings, folder: Path, say: Say) -> list[Row]:
    """The rows of a small budget, under a table of their own."""
    data = load(chosen.dataset)
    inputs = rfad_cell.inputs_of(data)
    made = rfad_cell.distilled(data, inputs, chosen)
    other = rfad_cell.subset(data, inputs, chosen.ipc, chosen.seed)
    rows = rfad_cell.judged(data, made.set, chosen, chosen.method)
    rows += rfad_cell.judged(data, other, chosen, "random subset")
    return [row | {"table": "small budget"} for row in rows]


def cell(name: str, chosen: Settings, folder: Path, say: Say) -> list[Row]:
    """The rows of a cell: the set's accuracies, then how its descent went."""
    data = load(chosen.dataset)
    inputs = rfad_cell.inputs_of(data)
    made = rfad_cell.distilled(
        data,
        inputs,
        chosen,
        checkpoint=folder / f"{name}.checkpoint.npz",
        report=lambda at: say(
            f"step {at.step:,} of {at.steps:,}, loss {at.loss:.4f}, {at.seconds:.0f} s"
        ),
    )
    points, labels = (np.asarray(part, np.float32) for part in (made.set.points, made.set.labels))
    with replacing(folder / f"{name}.npz") as file:
        np.savez_compressed(file, points=points, labels=labels, reg_s=made.set.reg_s)
    say("judging the set")
    rows = rfad_cell.judged(data, made.set, chosen, chosen.method)
    cell = {key: rows[0][key] for key in ("table", "dataset", "ipc", "method")}
    done = len(made.descent.losses)
    rows.append(cell | {"model": None, "quantity": "steps", "measured": done, "unit": "steps"})
    rows.append(
        cell | {"model": None, "quantity": "best step", "unit": "steps"}
        | {"measured": int(np.argmax(made.descent.watched)) * chosen.every}
    )  # fmt: skip
    rows.append(
        cell
        | {
            "model": None,
            "quantity": "seconds a step",
            "measured": made.descent.seconds[-1] / done,
            "unit": "s",
        }
    )
    rows.append(
        cell
        | {"model": None, "quantity": "validation", "measured": made.descent.watched, "unit": ""}
    )
    return rows


def kip(name: str, chosen: table_4.Settings, folder: Path, say: Say) -> list[Row]:
    """The rows of a cell of Table 4."""
    data, made = _prepared(chosen.dataset, chosen.seed)
    folder = folder / f"{name}-{chosen.dataset}-{chosen.ipc}-{chosen.seed}.checkpoints"
    folder.mkdir(exist_ok=True)

    def report(at):
        say(f"step {at.step:,} of {at.steps:,}, loss {at.loss:.4g}, {at.seconds:.0f} s")

    if name == "kip":
        return table_4.rows_of(data, made, chosen, folder, report)
    of = table_4.begun(data, made, chosen)
    return of.rows + table_4.published_rows(data, made, chosen, of, folder, report)


def solved(dataset: str, ipc: int, folder: Path, say: Say) -> list[Row]:
    """The rows of label solve."""

    def report(seen, count):
        say(f"{seen:,} of {count:,} samples")

    return label_solve.rows(load(dataset), ipc, block=32, report=report)


@lru_cache(maxsize=1)
def _prepared(dataset: str, seed: int) -> tuple[Any, table_4.Prepared]:
    """Shared by the pieces of one data set."""
    data = load(dataset)
    return data, table_4.prepared(data, seed)


def beside(chosen: Settings, folder: Path, say: Say) -> list[Row]:
    """The rows of a random subset under the judges of a cell."""
    data = load(chosen.dataset)
    made = rfad_cell.subset(data, rfad_cell.inputs_of(data), chosen.ipc, chosen.seed)
    return rfad_cell.judged(data, made, chosen, "random subset")
