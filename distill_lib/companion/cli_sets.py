"""The commands for those who have data: make a set, look at it, try it, take it elsewhere."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from distill_lib.companion.errors import CompanionError

SetFile = Annotated[Path, typer.Argument(metavar="SET", help="A set's file, .npz.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]


def make(
    source: Annotated[
        str,
        typer.Argument(
            help="A table (.csv, .parquet), a folder with a folder of pictures for each class, or "
            "a data set's name ('distill data' lists them)."
        ),
    ],
    output: Output,
    labels: Annotated[
        str, typer.Option("--labels", help="Of a table: the column of labels; several with commas.")
    ] = "",
    task: Annotated[
        str | None,
        typer.Option("--task", help="classes or values (default: by what the labels are)."),
    ] = None,
    map_: Annotated[
        str, typer.Option("--map", help="Feature map: linear, network, fourier.")
    ] = "linear",
    points: Annotated[
        int | None, typer.Option("--points", help="How many (default: as few as there can be).")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="noise, real, nearest, labels or mean.")
    ] = None,
    lam: Annotated[
        str,
        typer.Option("--lam", help="The model's ridge parameter, several with commas, or grid."),
    ] = "grid",
    lam_s: Annotated[
        float, typer.Option("--lam-s", help="The set's ridge parameter, lowered to its bound.")
    ] = 1.0,
    intercept: Annotated[
        bool, typer.Option("--intercept", help="For trainers that fit an intercept.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Take the numbers as they are; pixels from 0 to 1.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is drawn.")] = 0,
) -> None:
    """Make a distilled set of a table, a folder of pictures or a data set.

    Rows are read in bounded memory. Ctrl-C stops it at any time; a file is written whole, at the
    end, or not at all.
    """
    _writable(output, ".npz")
    asked = {"map": map_, "points": points, "start": start, "lam": _grid(lam), "lam_s": lam_s}
    asked |= {"intercept": intercept, "plain": plain, "seed": seed}
    with _plainly():
        from distill_lib import making

        recipe = making.Recipe(**{k: v for k, v in asked.items() if v not in (None, ())})  # type: ignore[arg-type]
        found = making.open_source(source, _several(labels), _task(task))
        with _bar() as tell:
            small = making.make(found, recipe, tell)
        small.save(output)
    print(output)
    _show(making.card(small))


def show(
    file: SetFile,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Write the points as a picture to this file.")
    ] = None,
) -> None:
    """Show a set's card: size, accuracy, recipe, theorem, lam_S; its points as a picture."""
    with _plainly():
        from distill_lib import making

        small = making.DistilledSet.load(file)
        _show(making.card(small))
        if picture is not None:
            making.draw(small, picture)
            print(picture)


def evaluate(
    file: SetFile,
    source: Annotated[str, typer.Argument(metavar="DATA", help="As for 'distill make'.")],
    labels: Annotated[
        str, typer.Option("--labels", help="Of a table (default: as the set was made).")
    ] = "",
) -> None:
    """Train a model on a set alone and try it on data; of a named data set, on its test part."""
    with _plainly():
        from distill_lib import making

        small = making.DistilledSet.load(file)
        found = making.fitting(small, source, _several(labels))
        rows = making.evaluate(small, found)
    table = Table("quantity", "value", "of", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["quantity"], f"{row['value']:.6g}", escape(str(row["of"])))
    _console().print(table)


def export(
    file: SetFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="NAME.npz, .json and .md of it.")],
    bits: Annotated[
        int | None, typer.Option("--bits", min=1, max=32, help="Round the rows to integers.")
    ] = None,
    robust: Annotated[
        bool, typer.Option("--robust", help="With --bits: the set that rounding costs least.")
    ] = False,
    on: Annotated[
        str | None, typer.Option("--on", help="With --bits: data on which answers are compared.")
    ] = None,
) -> None:
    """Write a set as plain files that other programs train on: arrays, a description, a card."""
    _writable(output.with_suffix(".npz"), ".npz")
    with _plainly():
        from distill_lib import making

        small, rows = making.DistilledSet.load(file), None
        if bits is not None:
            found = making.fitting(small, on) if on else None
            stored = making.rounded(small, bits, robust)
            print(f"{bits} bits: recovery error {stored.error:.2g}")
            if found and found.classes:
                same = making.same_answers(small, stored.small, found.begin())
                print(f"same answers on {found.name}: {same:.2%}")
            if not robust:
                print(making.robust_offer(small, bits))
            small, rows = stored.small, stored.rows
        made = making.export(small, output, rows=rows)
    print(made.arrays, made.description, made.card, sep="\n")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="NAME.npz, with NAME.json beside.")],
    output: Output,
) -> None:
    """Read the plain files of a set back; they have to train to what they say."""
    _writable(output, ".npz")
    with _plainly():
        from distill_lib import making

        small = making.import_set(file)
        small.save(output)
    print(output)


COMMANDS: dict[str, Callable[..., None]] = {
    "make": make,
    "show": show,
    "evaluate": evaluate,
    "export": export,
    "import": import_,
}


@contextmanager
def _plainly() -> Iterator[None]:
    """Warnings as notes of one line, a missing package as a sentence, Ctrl-C without a trace."""
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always", UserWarning)
            yield
    except KeyboardInterrupt:
        print("distill: interrupted; nothing was written", file=sys.stderr)
        raise typer.Exit(130) from None
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError):
            raise
        raise CompanionError(str(error)) from error
    for told in dict.fromkeys(str(one.message) for one in seen):
        print(f"note: {told}", file=sys.stderr)


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar with the time that is left, on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        yield tell


def _writable(path: Path, ending: str) -> None:
    """Raise CompanionError, before long work, for a file that could not be written."""
    if path.suffix != ending:
        raise CompanionError(f"{path}: a set's file ends in {ending}", code=2)
    if not path.parent.is_dir():
        raise CompanionError(f"{path} cannot be written: there is no folder {path.parent}", code=2)


def _grid(text: str) -> tuple[float, ...]:
    if text == "grid":
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise CompanionError(
            f"--lam {text} is no number, no numbers with commas between, and not 'grid'", code=2
        ) from None


def _several(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _task(text: str | None) -> Any:
    if text not in (None, "classes", "values"):
        raise CompanionError(f"--task {text}: it is classes or values", code=2)
    return text


def _show(told: dict[str, str]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, text in told.items():
        table.add_row(escape(name), escape(text))
    _console().print(table)


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=200)
