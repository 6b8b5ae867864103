"""Measurements that are made once, where the machine for them is, and kept.

There is one record a piece, with its provenance. A record does not grow stale with the library,
unlike a notebook's run: it says at which commit and on which device it was made.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distill_lib.companion.files import read_json, write_json
from distill_lib.companion.numbers import provenance
from distill_lib.companion.numbers.published import published
from distill_lib.companion.numbers.results import plain
from distill_lib.companion.run.plan import duration

Say = Callable[[str], None]
Row = dict[str, Any]


def ledger_folder(root: Path) -> Path:
    """`book/measured`: the committed records."""
    return root / "book" / "measured"


def records(root: Path) -> dict[str, Row]:
    """All committed records by piece."""
    return {path.stem: read_json(path) for path in sorted(ledger_folder(root).glob("*.json"))}


def wanted(
    known: list[Any], names: list[str], folders: list[Path], force: bool = False
) -> list[Any]:
    """Pieces to measure: the named ones, or all of which none of the folders has a record."""
    from distill_lib.companion.errors import unknown

    by_name = {piece.name: piece for piece in known}
    for name in names:
        if name not in by_name:
            raise unknown("piece", name, by_name)
    chosen = [by_name[name] for name in names] if names else known
    done = {path.stem for folder in folders for path in folder.glob("*.json")}
    return [piece for piece in chosen if force or piece.name not in done]


def measure(
    root: Path, todo: list[Any], folder: Path, say: Say, budget: float | None = None
) -> list[str]:
    """Measure pieces in their order and record each as soon as it is done.

    A piece begins only if its forecast fits into what is left of the budget (seconds).

    Returns: the names of those left.
    """
    began, left = time.monotonic(), []
    folder.mkdir(parents=True, exist_ok=True)
    for piece in todo:
        spent = time.monotonic() - began
        if budget is not None and spent + 60 * piece.minutes > budget:
            left.append(piece.name)
            continue
        say(f"{piece.name}: {piece.about}; about {duration(60 * piece.minutes)} on an H100")
        record(root, piece, folder, say)
    return left


def record(root: Path, piece: Any, folder: Path, say: Say) -> None:
    """Measure one piece and write its record, whole or not at all."""
    from distill_lib import data

    started = time.perf_counter()
    rows = plain(piece.run(folder, say))
    taken = time.perf_counter() - started
    write_json(
        folder / f"{piece.name}.json",
        {
            "piece": piece.name,
            "settings": plain(piece.settings),
            "rows": rows,
            "provenance": {
                **provenance.commit(root),
                "versions": provenance.versions(),
                "device": provenance.device(),
                "data": {name: data.load(name).info.digest for name in piece.datasets},
                "seconds": round(taken, 1),
                "date": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        },
    )
    say(f"{piece.name}: done in {duration(taken)}")


def tables(root: Path) -> dict[str, str]:
    """What the book pastes of the records, as tables by name.

    {{ measured.steps }}, {{ measured.precision }}, {{ measured.sets }}, {{ measured.bounds }} and
    {{ measured.made }}.
    """
    known = records(root)
    rows = [
        row | {"card": record["provenance"]["device"]["kind"].removeprefix("NVIDIA ").split()[0]}
        for record in known.values()
        for row in record["rows"]
    ]
    return {
        "steps": _steps([row for row in rows if row["table"] == "rfad step"]),
        "precision": _precision([row for row in rows if row["table"] == "rfad precision"]),
        "sets": _sets([row for row in rows if row["table"] == "baselines"]),
        "bounds": _bounds(known),
        "made": _made(known),
    }


def _steps(rows: list[Row]) -> str:
    cells: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in rows:
        key = row["dataset"], row["ipc"], row["method"], row["card"]
        cells.setdefault(key, {})[row["quantity"]] = row["measured"]
    lines = []
    for (size, ipc, name, card), cell in sorted(
        cells.items(), key=lambda item: (item[0][:2], item[1]["seconds"])
    ):
        numbers = cell["seconds"], cell["operations"] / 1e12, cell["rate"], cell["memory"]
        shown = [
            form.format(number)
            for form, number in zip(("{:.3f}", "{:.1f}", "{:.0f}", "{:.1f}"), numbers, strict=True)
        ]
        lines.append([_size(size), str(ipc), name, *shown, card])
    heads = [
        "images",
        "per class",
        "precision",
        "s a step",
        "TFLOP a step",
        "TFLOP/s",
        "GiB",
        "card",
    ]
    return markdown_table(heads, lines, numbers=(1, 3, 4, 5, 6))


def _precision(rows: list[Row]) -> str:
    cells: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in rows:
        cells.setdefault((row["dataset"], row["method"], row["card"]), {})[row["model"]] = row[
            "measured"
        ]
    lines = [
        [_size(size), name, *(f"{cell[part]:.0e}" for part in ("kernel", "loss", "gradient")), card]
        for (size, name, card), cell in sorted(cells.items(), reverse=True)
    ]
    return markdown_table(
        ["images", "precision", "kernel", "loss", "gradient", "card"], lines, numbers=(2, 3, 4)
    )


def _sets(rows: list[Row]) -> str:
    printed = {
        (c["dataset"], c["ipc"], c["model"]): c
        for c in published("baselines")
        if c["method"] == "rfad"
    }
    lines = []
    for row in rows:
        if row["quantity"] == "accuracy":
            key = row["dataset"], row["ipc"], row["model"]
            paper = printed.get(key, {}) if row["method"] != "random subset" else {}
            ours, theirs = (
                _spread(row["measured"], row.get("spread")),
                _spread(paper.get("value"), paper.get("uncertainty")),
            )
            names = [row["dataset"], str(row["ipc"]), row["method"], row["model"]]
            lines.append([*names, ours, theirs, row["card"]])
    heads = ["data", "per class", "method", "judged by", "accuracy, %", "published, %", "card"]
    return markdown_table(heads, lines, numbers=(1, 4, 5))


def _size(shape: str) -> str:
    return shape.replace("x", "&nbsp;×&nbsp;")


def _spread(value: float | None, spread: float | None) -> str:
    return "" if value is None else f"{value:.1f}" + (f" ± {spread:.1f}" if spread else "")


def _bounds(known: dict[str, Row]) -> str:
    """How far the descents and trainings of the records may go, in words, once for each choice."""
    chosen = [record["settings"] for record in known.values() if "finite" in record["settings"]]
    said = [
        f"at most {one['steps']:,} steps; and {one['finite'][2]} ConvNets of width "
        f"{one['finite'][0]:,} "
        f"are trained, for at most {one['finite'][1]:,} steps"
        for one in chosen
    ]
    return "; or ".join(dict.fromkeys(said))


def _made(known: dict[str, dict[str, Any]]) -> str:
    """Where and when the records were made, in one sentence."""
    sources = [record["provenance"] for record in known.values()]
    cards = sorted({source["device"]["kind"] for source in sources})
    days = sorted({source["date"][:10] for source in sources})
    when = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
    jax = sorted({source["versions"]["jax"] for source in sources})
    return f"{len(known)} records, made on {', '.join(cards)} with JAX {', '.join(jax)}, {when}"


def markdown_table(heads: list[str], lines: list[list[str]], numbers: tuple[int, ...]) -> str:
    """Columns with numbers, by their positions, stand to the right."""
    rules = ["---:" if i in numbers else "---" for i in range(len(heads))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [heads, rules, *lines])
