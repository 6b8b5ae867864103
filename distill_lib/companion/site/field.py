"""The published accuracies of the methods around the book, with where each was read."""

from pathlib import Path
from typing import Any

from distill_lib.companion.files import read_json
from distill_lib.companion.judge.measured import markdown_table

IMAGES = (1, 10, 50, None)  # per class; None: all of them


def tables(root: Path) -> dict[str, str]:
    """The tables {{ field.accuracies }} and {{ field.sources }}, from `book/field.json`.

    Empty in a project without it. A row of that file is one number: method, judge (what was trained
    on the set), dataset, ipc, accuracy, spread (or None) and sources, keys of the bibliography.
    """
    path = root / "book" / "field.json"
    if not path.is_file():
        return {}
    known = read_json(path)
    read_in = [f"- {{cite:t}}`{key}`: {where}" for key, where in known["sources"].items()]
    return {"accuracies": _accuracies(known["rows"]), "sources": "\n".join(read_in)}


def _accuracies(rows: list[dict[str, Any]]) -> str:
    lines: dict[tuple[str, str, str], dict[int | None, dict[str, Any]]] = {}
    for row in rows:
        lines.setdefault((row["method"], row["dataset"], row["judge"]), {})[row["ipc"]] = row
    heads = ["method", "data", "IPC 1", "10", "50", "all", "judged by", "read in"]
    return markdown_table(
        heads,
        [
            [method, dataset, *(_number(cells.get(ipc)) for ipc in IMAGES), judge, _cited(cells)]
            for (method, dataset, judge), cells in lines.items()
        ],
        numbers=(2, 3, 4, 5),
    )


def _number(row: dict[str, Any] | None) -> str:
    """As it was published, with a dagger if it was read in one place only."""
    if row is None:
        return "–"
    spread = "" if row["spread"] is None else f" ± {row['spread']}"
    return f"{row['accuracy']}{spread}{' †' if len(row['sources']) == 1 else ''}".replace(
        " ", "\N{NO-BREAK SPACE}"
    )


def _cited(cells: dict[int | None, dict[str, Any]]) -> str:
    keys = dict.fromkeys(key for row in cells.values() for key in row["sources"])
    return f"{{cite:p}}`{','.join(keys)}`"
