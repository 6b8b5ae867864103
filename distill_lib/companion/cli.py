"""The command line, `distill`."""

import io
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from distill_lib.companion import cli_sets
from distill_lib.companion.cli_state import Profile, state
from distill_lib.companion.errors import CompanionError, explained
from distill_lib.companion.root import project_root


class Interruptible(TyperGroup):
    """Ctrl-C ends any command with one sentence, not with Click's "Aborted!"."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("distill: interrupted; the same command goes on from here", file=sys.stderr)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Interruptible,
    help="Makes distilled sets of your data, runs the notebooks, builds the book and compares its "
    "numbers with the published ones. A plain install has the library; the extra 'book' adds this "
    "command and what it runs, 'privacy' the accounting of noise, 'cuda' JAX for NVIDIA GPUs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(state, name="state")
for name, command in cli_sets.COMMANDS.items():
    app.command(name)(command)
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Notebooks (default: all).")
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Notebooks at a time (default: by the cores)."),
]


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    build_dir: Annotated[
        Path | None,
        typer.Option("--build-dir", help="Where to build (default: $DISTILL_BUILD, else _build)."),
    ] = None,
) -> None:
    if build_dir is not None:
        os.environ["DISTILL_BUILD"] = str(build_dir.resolve())
    if show_version:
        print(f"distill-lib {version('distill-lib')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def run(
    names: Names = None,
    profile: Profile = "digits",
    jobs: Jobs = None,
    force: Annotated[bool, typer.Option("--force", help="Run what is up to date, too.")] = False,
    budget: Annotated[
        str | None, typer.Option("--budget", help="Stop cleanly after this time: 90s, 8m, 2h.")
    ] = None,
) -> None:
    """Execute a profile's notebooks that are not up to date.

    Exit status: 0 all done, 1 a notebook failed, 2 a wrong name or option, 75 the budget is spent
    or SIGTERM came and something is left, 130 interrupted. What is finished is kept; the same
    command goes on.
    """
    _run(project_root(), profile, names or [], jobs=jobs, force=force, budget=budget)


@app.command()
def measure(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Pieces (default: all.)")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option("--budget", help="A time (90s, 8m, 2h): no piece begins that would not fit."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="A folder for the records (default: the committed ones')."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--list", help="Say what there is to measure, and do nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Measure what has a record, too.")] = False,
) -> None:
    """Make the measurements that want a GPU, one record each, and keep them."""
    from distill_lib.companion.run.ledger import ledger_folder, measure, wanted
    from distill_lib.companion.run.limit import budget_seconds
    from distill_lib.experiments.pieces import pieces

    root = project_root()
    folder = to or ledger_folder(root)
    todo = wanted(pieces(), names or [], [ledger_folder(root), folder], force)
    if show:
        for piece in todo:
            print(f"{piece.name}: {piece.about}, about {piece.minutes:g} min on {piece.on}")
        return
    seconds = None if budget is None else budget_seconds(budget)
    left = measure(root, todo, folder, lambda text: print(text, flush=True), seconds)
    if left:
        print(f"not begun, for lack of time: {', '.join(left)}; the same command goes on")


@app.command()
def book(
    profile: Profile = "digits",
    run: Annotated[
        bool | None,
        typer.Option(
            "--run/--no-run",
            help="Run what is out of date, or nothing (default: what no reference run covers).",
        ),
    ] = None,
    jobs: Jobs = None,
) -> None:
    """Build the book and print where it begins."""
    from distill_lib.companion.profiles import load_profile
    from distill_lib.companion.run.reference import needs_run
    from distill_lib.companion.site.book import build_book

    root = project_root()
    chosen = load_profile(root, profile)
    names = needs_run(root, chosen) if run is None else list(chosen.notebooks) if run else []
    if names:
        _run(root, profile, names, jobs=jobs)
    if run is None and len(names) < len(chosen.notebooks):
        print(
            f"{len(chosen.notebooks) - len(names)} of {len(chosen.notebooks)} notebooks come from "
            "the committed reference run"
        )
    print(build_book(root, profile, console=_console()))


@app.command()
def report(
    profile: Profile = "digits",
    as_json: Annotated[bool, typer.Option("--json", help="Print the cells as JSON.")] = False,
) -> None:
    """Compare the measured numbers with the published ones."""
    from distill_lib.companion.judge import report as reporting
    from distill_lib.companion.judge.report_tables import render

    cells = reporting.report(project_root(), profile)
    if as_json:
        print(json.dumps(cells, indent=1, ensure_ascii=False))
    else:
        _console().print(escape(reporting.origin(cells, profile)), render(cells), highlight=False)


@app.command()
def verify(
    names: Names = None,
    profile: Profile = "digits",
    everything: Annotated[
        bool, typer.Option("--all", help="All pages, not a few minutes' choice.")
    ] = False,
    run: Annotated[
        bool, typer.Option("--run/--no-run", help="Compute anew, or judge what 'distill run' left.")
    ] = True,
    jobs: Jobs = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
    kept: Annotated[
        bool, typer.Option("--keep", help="Keep the verdict for the book's page on it.")
    ] = False,
) -> None:
    """Recompute pages and compare every number with the committed one; status 1 if one differs."""
    from distill_lib.companion.judge import verdicts
    from distill_lib.companion.judge import verify as verifying

    root, console = project_root(), Console(stderr=as_json)
    found = verifying.verify(
        root, profile, names or [], everything=everything, run=run, jobs=jobs, console=console
    )
    if kept:
        verdicts.keep(root, found)
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _console().print(*verifying.render(found), sep="\n", highlight=False)
    if not found["agrees"]:
        raise typer.Exit(1)


@app.command()
def reference(
    names: Names = None,
    profile: Profile = "digits",
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Even if the sources were not committed.")
    ] = False,
) -> None:
    """Keep an up-to-date run, or that of the named notebooks, as the committed one."""
    from distill_lib.companion.run.reference import commit_reference

    root = project_root()
    kept = commit_reference(root, profile, names or [], allow_dirty=allow_dirty)
    print(f"{kept.relative_to(root)} is ready to be committed")


@app.command()
def data(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Data sets to fetch (default: list them)."),
    ] = None,
    dest: Annotated[
        Path | None,
        typer.Option("--dest", help="Their folder (default: $DISTILL_DATA, else a cache)."),
    ] = None,
) -> None:
    """List the data sets, or fetch some."""
    if dest is not None:
        os.environ["DISTILL_DATA"] = str(dest)
    from distill_lib import data as sets

    for name in names or []:
        print(f"{name}: {sets.fetch(name) or 'ships with scikit-learn'}")
    if not names:
        for entry in sets.describe():
            place = str(entry.path) if entry.present else "not here"
            if entry.path is None:
                place = "ships with scikit-learn"
            elif entry.download and not entry.present:
                place += f", a download of {entry.download / 1e6:.0f} MB"
            print(f"{entry.info.name:<9} {entry.info.title}: {place}")


def main() -> None:
    """Entry point: an error is one sentence on stderr, with a traceback after `--debug` alone."""
    debug = "--debug" in sys.argv[1:]
    sys.argv[1:] = [
        *(["--debug"] if debug else []),
        *(word for word in sys.argv[1:] if word != "--debug"),
    ]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where the terminal's encoding lacks a sign
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has gone: nothing more to print
        sys.exit(1)
    except (CompanionError, ValueError, OSError) as error:
        if debug:
            raise
        said = explained(error) if isinstance(error, OSError) else error
        print(f"distill: {said}", file=sys.stderr)
        sys.exit(error.code if isinstance(error, CompanionError) else 1)


def _run(
    root: Path,
    profile: str,
    names: list[str],
    *,
    jobs: int | None,
    force: bool = False,
    budget: str | None = None,
) -> None:
    from distill_lib.companion.run.limit import Limit, budget_seconds
    from distill_lib.companion.run.runner import run_profile

    limit = Limit() if budget is None else Limit(budget_seconds(budget))
    run_profile(root, profile, names, jobs=jobs, force=force, limit=limit, console=_console())


def _console() -> Console:
    # Where no terminal sets a width, tables keep all their columns.
    return Console() if sys.stdout.isatty() else Console(width=200)


if __name__ == "__main__":
    main()
