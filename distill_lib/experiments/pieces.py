"""The measurements that want a GPU, as pieces of a few minutes, most wanted first.

A processor cannot make them in reasonable time.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from distill_lib.experiments import exact_step, measurements, rfad_step, table_4
from distill_lib.experiments.rfad_cell import Settings
from distill_lib.kernels.infinite_width import Kind
from distill_lib.kernels.random_networks import Precision

Row = dict[str, Any]
Say = Callable[[str], None]


class Piece(NamedTuple):
    """One measurement, to be made on one GPU.

    Attributes:
        name: of its record.
        about: what it measures, in a few words.
        settings: what its numbers depend on.
        minutes: what it takes, for a forecast.
        run: run(folder, say) -> rows; it may keep a checkpoint and leave files in the folder.
        datasets: what it reads.
        on: the machine that the forecast is for.
    """

    name: str
    about: str
    settings: dict[str, Any]
    minutes: float
    run: Callable[[Path, Say], list[Row]]
    datasets: tuple[str, ...] = ()
    on: str = "an H100"


def pieces() -> list[Piece]:
    """All measurements, in the order in which they are wanted.

    Example:
        >>> from distill_lib.experiments.pieces import pieces
        >>> pieces()[0].name
        'rfad-step-32x32x3-1-bf16'
    """
    colour, grey = (32, 32, 3), (28, 28, 1)
    return [
        *(step(colour, 1, precision) for precision in ("bf16", "tf32", "highest")),
        precision(colour, 1, "tf32"),
        precision(colour, 1, "bf16"),
        cell(published("fashion_mnist", 1), 4.5),
        step(colour, 1, "bf16", repeatable=True),
        step(colour, 10, "bf16"),
        step(colour, 50, "bf16"),
        step(grey, 1, "bf16"),
        *(pair(kind, "float32") for kind in ("ntk", "nngp")),
        pair("ntk", "float64"),
        *(kip(of_table_4("mnist", ipc), 1.2) for ipc in (1, 10, 50)),
        cell(published("cifar10", 1), 5),
        *(kip(of_table_4("cifar10", ipc), 1.2) for ipc in (1, 10, 50)),
        *(
            kip(of_table_4(dataset, ipc)._replace(timed=30_000), minutes, published=True)
            for dataset, ipc, minutes in (("mnist", 1, 2), ("cifar10", 1, 2), ("mnist", 10, 7))
        ),
        *(solved(dataset, 1, 1.5) for dataset in ("cifar10", "mnist")),
        cell(published("mnist", 1), 4.5),
        *(kip(of_table_4("cifar100", ipc), 2) for ipc in (1, 10, 50)),
        *(beside(published(dataset, 1), 1.5) for dataset in ("fashion_mnist", "cifar10", "mnist")),
        *(cell(published(dataset, 10), 6) for dataset in ("cifar10", "fashion_mnist", "mnist")),
        *(small("fashion_mnist", 1, seed) for seed in range(3)),
    ]


def published(dataset: str, ipc: int) -> Settings:
    """The published settings of a descent, but for a bound on its steps.

    Two ConvNets are trained, for at most 2,000 steps.

    Example:
        >>> from distill_lib.experiments.pieces import published
        >>> published("mnist", 1).width, published("mnist", 1).steps
        (256, 3000)
    """
    return Settings(dataset, ipc, steps=3000, precision="bf16", finite=(1024, 2000, 2))


def pair(kind: Kind, dtype: exact_step.DType, **small: Any) -> Piece:
    """What a pair of colour images costs under the exact kernel of a ConvNet."""
    shape = 32, 32, 3
    settings = {"kind": kind, "shape": shape, "dtype": dtype, **small}
    return Piece(
        f"exact-pair-{kind}-{dtype}",
        f"the exact {kind.upper()} of a ConvNet, a pair of 32x32x3 images in {dtype}",
        settings,
        0.6,
        lambda folder, say: exact_step.pair_rows(**settings),
    )


def kip(chosen: table_4.Settings, minutes: float, published: bool = False) -> Piece:
    """A cell of Table 4: whole runs of KIP and the cost of its published step, or a run of that."""
    name = "kip-published" if published else "kip"
    what = "a whole run of KIP as published" if published else "whole runs of KIP, and its step"
    return Piece(
        f"{name}-{chosen.dataset}-{chosen.ipc}" + (f"-{chosen.seed}" if chosen.seed else ""),
        f"Table 4, {chosen.dataset}, {chosen.ipc} a class: {what}",
        chosen._asdict(),
        minutes,
        partial(measurements.kip, name, chosen),
        (chosen.dataset,),
    )


def solved(dataset: str, ipc: int, minutes: float) -> Piece:
    """Label solve with the exact kernel of a ConvNet."""
    return Piece(
        f"label-solve-{dataset}-{ipc}",
        f"label solve on {dataset}, {ipc} a class, with the exact NTK of a ConvNet",
        {"dataset": dataset, "ipc": ipc, "block": 32},
        minutes,
        partial(measurements.solved, dataset, ipc),
        (dataset,),
    )


def of_table_4(dataset: str, ipc: int) -> table_4.Settings:
    """A cell of Table 4; of the published step, whose cost grows as m^2, a few are timed."""
    return table_4.Settings(dataset, ipc, timed=20 if ipc == 1 else 4)


def step(shape: tuple[int, int, int], ipc: int, precision: Precision, **small: int) -> Piece:
    """Time, operations and memory of one step of RFAD on images of a shape."""
    return _of_a_step(
        "step",
        "a step at the published settings",
        rfad_step.step_rows,
        shape,
        ipc,
        precision,
        small,
    )


def precision(shape: tuple[int, int, int], ipc: int, name: Precision, **small: int) -> Piece:
    """What a precision changes in kernel, loss and gradient."""
    about = "what the precision changes in kernel, loss and gradient"
    return _of_a_step("precision", about, rfad_step.precision_rows, shape, ipc, name, small)


def _of_a_step(
    kind: str, about: str, rows, shape, ipc: int, precision: Precision, small: dict[str, int]
) -> Piece:
    """A piece that runs `rows` for one shape, size and precision."""
    size = "x".join(map(str, shape))
    return Piece(
        f"rfad-{kind}-{size}-{ipc}-{precision}" + "-repeatable" * small.get("repeatable", False),
        f"RFAD, {about}: {size}, {ipc} a class, {precision}"
        + ", repeatable" * small.get("repeatable", False),
        {"shape": list(shape), "ipc": ipc, "precision": precision, **small},
        0.6,
        lambda folder, say: rows(shape, ipc, precision, **small),
    )


def cell(chosen: Settings, minutes: float) -> Piece:
    """One cell of RFAD's tables: a set distilled and judged.

    The set's points, labels and lam_S stay in the folder as <name>.npz.
    """
    method = chosen.method.removeprefix("rfad ").replace(" ", "-")
    name = f"rfad-{chosen.dataset}-{chosen.ipc}-{method}"
    name += f"-{chosen.seed}" if chosen.seed else ""
    return Piece(
        name,
        f"{chosen.method} on {chosen.dataset}, {chosen.ipc} a class, at the published settings",
        chosen._asdict(),
        minutes,
        partial(measurements.cell, name, chosen),
        (chosen.dataset,),
    )


def beside(chosen: Settings, minutes: float) -> Piece:
    """What a random subset of the size of a cell gives under the same judges."""
    return Piece(
        f"subset-{chosen.dataset}-{chosen.ipc}",
        f"a random subset of {chosen.dataset}, {chosen.ipc} a class, under the judges of RFAD's "
        "sets",
        chosen._asdict(),
        minutes,
        partial(measurements.beside, chosen),
        (chosen.dataset,),
    )


def small(dataset: str, ipc: int, seed: int) -> Piece:
    """RFAD and a random subset under the same judges, on a budget for two processor cores."""
    chosen = Settings(
        dataset,
        ipc,
        steps=400,
        rate=0.01,
        patience=None,
        width=32,
        networks=4,
        batches=1,
        batch=200,
        finite=(64, 400, 2),
        finite_rates=(1e-2, 1e-3),
        label_scale=1.0,
        exact=0,
        seed=seed,
    )
    return Piece(
        f"small-{dataset}-{ipc}-{seed}",
        f"RFAD on {dataset}, {ipc} a class, on a budget of {chosen.steps} steps of "
        f"{chosen.networks} ConvNets of width {chosen.width}, beside a random subset; seed {seed}",
        chosen._asdict(),
        5,
        partial(measurements.small, chosen),
        (dataset,),
        "two cores",
    )
