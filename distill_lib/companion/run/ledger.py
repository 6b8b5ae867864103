"""Measurements that are made once, where the machine for them is, and kept.

There is one record a piece, with its provenance. A record does not grow stale with the library,
unlike a notebook's run: it says at which commit and on which device it was made.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distill_lib.companion.files import write_json
from distill_lib.companion.numbers import provenance
from distill_lib.companion.numbers.results import plain
from distill_lib.companion.numbers.stored import PIECE, read_results
from distill_lib.companion.run.plan import duration

Say = Callable[[str], None]
Row = dict[str, Any]


def ledger_folder(root: Path) -> Path:
    """`book/measured`: the committed records."""
    return root / "book" / "measured"


def records(root: Path) -> dict[str, Row]:
    """All committed records by piece; that of a second card as "<piece>.<card>"."""
    paths = sorted(ledger_folder(root).glob("*.json"))
    return {path.stem: read_results(path, PIECE) for path in paths}


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
    done = {path.name.split(".")[0] for folder in folders for path in folder.glob("*.json")}
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
        say(f"{piece.name}: {piece.about}; about {duration(60 * piece.minutes)} on {piece.on}")
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
