"""Paper | ours | difference | verdict, cell by cell."""

import json
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from distill_lib.companion.numbers.published import published
from distill_lib.companion.numbers.results import CELL, load_results
from distill_lib.companion.profiles import load_profile
from distill_lib.data.catalogue import content_of
from distill_lib.data.facts import OFFICIAL

Cell = dict[str, Any]
NUMBERS = ("paper", "ours", "difference")
COLOURS = {"reproduced": "green", "differs": "red", "estimated": "yellow"}


def verdict(paper: Cell | None, measured: float | None, how: str = "measured") -> str:
    """What a measurement says of a published cell.

    Args:
        how: how our number came about; one that begins with "estimated" is no measurement, with
            "after" one of an unfinished run.
    Returns: "not run" (by us, or not to its end), "no published number", "estimated" (one of the
        two numbers is no measurement), "not compared" (it depends on the device), "reproduced"
        (|measured - value| <= tolerance) or "differs".
    """
    if measured is None:
        return "not run"
    if paper is None or paper["value"] is None:
        return "no published number"
    if how.startswith("after"):
        return "not run"
    if paper["status"] == "estimated" or how.startswith("estimated"):
        return "estimated"
    if paper["tolerance"] is None:
        return "not compared"
    # Both numbers are decimals: 1e-9 forgives their binary rounding.
    return (
        "reproduced" if abs(measured - paper["value"]) <= paper["tolerance"] + 1e-9 else "differs"
    )


def reason(cell: Cell, others: dict[tuple[Any, ...], Cell] | None = None) -> str:
    """Why a cell has its verdict: from `reasons.json`, where it is named there, else what the
    verdict says by itself.

    A reason there may quote facts: {notebook}; {after}, how far an unfinished run came; {hours} and
    {how}, of the cell's seconds; {original}, the difference of the original model. It counts only
    where they are known.

    Args:
        others: the cells of the report that these are taken from, by their keys.
    """
    facts = _facts(cell, others or {})
    for entry in _reasons():
        named = all(cell[key] == value for key, value in entry["cells"].items())
        quoted = {field for _, field, *_ in Formatter().parse(entry["reason"]) if field}
        if entry["verdict"] == cell["verdict"] and named and quoted <= facts.keys():
            return str(entry["reason"].format(**facts))
    estimates = [
        *(["the paper's number is extrapolated"] if cell["status"] == "estimated" else []),
        *(["ours is extrapolated"] if str(cell["how"]).startswith("estimated") else []),
    ]
    return {
        "reproduced": f"within {cell['tolerance']:g} points"
        if cell["tolerance"]
        else "the same number",
        "no published number": "not run in the paper" if cell["status"] else "not in the paper",
        "estimated": " and ".join(estimates),
        "not compared": "depends on the device",
    }.get(cell["verdict"], "")


def report(root: Path, profile: str) -> list[Cell]:
    """Every published cell of the profile's data sets, and every measured cell.

    Each notebook's results are those in `_build` (source "fresh"), else the committed ones
    ("reference").
    """
    sets = load_profile(root, profile).datasets({cell["dataset"] for cell in published()})
    papers = {_key(cell): cell for cell in published()}
    rows: dict[tuple[Any, ...], list[Cell]] = {
        key: [] for key in papers if papers[key]["dataset"] in sets
    }
    for notebook, (source, content) in _sources(root, profile).items():
        copies = _copies(content["provenance"])
        for row in content["rows"]:
            origin = {
                "notebook": notebook,
                "source": source,
                "device": _device(content["provenance"].get("device")),
                "content": copies.get(row["dataset"]),
            }
            rows.setdefault(_key(row), []).append(row | origin)
    cells = [_cell(papers.get(key), row) for key, found in rows.items() for row in found or [{}]]
    others = {_key(cell): cell for cell in cells}
    cells = [cell | {"reason": reason(cell, others)} for cell in cells]
    tables = list(dict.fromkeys(cell["table"] for cell in cells))
    return sorted(cells, key=lambda cell: tables.index(cell["table"]))


def origin(cells: list[Cell], profile: str) -> str:
    """Where the cells come from, on what they were measured, and which data were not the official
    ones, in one sentence.
    """
    found = {(cell["notebook"], cell["source"]) for cell in cells if cell["source"]}
    named = {
        source: sorted(notebook for notebook, of in found if of == source)
        for source in ("fresh", "reference")
    }
    parts = [f"fresh results of {', '.join(named['fresh'])}"] if named["fresh"] else []
    parts += (
        [f"the committed reference run of {', '.join(named['reference'])}"]
        if named["reference"]
        else []
    )
    if not parts:
        return f"profile {profile}: nothing has been run; 'distill run --profile {profile}' does it"
    copies = {f"{cell['dataset']}: {cell['content']}" for cell in cells if cell.get("content")}
    return "; ".join(
        [f"profile {profile}: {' and '.join(parts)}", _devices(cells), *sorted(copies)]
    )


def render(cells: list[Cell]) -> Group:
    """The report for the terminal: a table for each quantity, and under it why a cell was not
    simply reproduced.
    """
    parts: list[RenderableType] = []
    for (name, quantity), rows in _by_quantity(cells).items():
        lines, notes = _noted(rows)
        lines = [
            line | {"model": ", ".join(filter(None, (line["model"], line["method"]))), "method": ""}
            for line in lines
        ]
        heads = [head for head in _heads(lines) if head != "method"]
        table = Table(
            title=f"{name}: {quantity}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
        )
        for head in heads:
            number = head in NUMBERS
            table.add_column(
                head, justify="right" if number else "left", no_wrap=number or head == "IPC"
            )
        for line, cell in zip(lines, rows, strict=True):
            colour = COLOURS.get(cell["verdict"], "default")
            table.add_row(
                *[Text(line[head], style=colour if head == "verdict" else "") for head in heads]
            )
        remarks = [Text(f"({number}) {note}.") for number, note in enumerate(notes, start=1)]
        parts += [table, *remarks, Text()]
    return Group(*parts)


def markdown(cells: list[Cell]) -> str:
    """Cells of one quantity as a table for the book; why one was not simply reproduced stands
    underneath, once for each reason.

    IPC, model or method are left out where all cells have the same, and the difference where none
    is judged.
    """
    lines, notes = _noted(cells)
    for line in lines:
        fixed = [head for head in line if head not in ("model", "method")]
        line |= {head: line[head].replace(" ", "\N{NO-BREAK SPACE}") for head in fixed}
    heads = _heads(lines)
    rows = [
        heads,
        ["---:" if head in ("IPC", *NUMBERS) else ":---" for head in heads],
        *[[line[head] for head in heads] for line in lines],
    ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    # A backslash breaks the line within the paragraph of the notes.
    remarks = "\\\n".join(f"({number}) {note}." for number, note in enumerate(notes, start=1))
    return f"{table}\n\n{remarks}" if notes else table


def _by_quantity(cells: list[Cell]) -> dict[tuple[str, str], list[Cell]]:
    """The cells of each table and quantity, in their order."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        texts = _texts(cell)
        name = f"Table {texts['table']}" if texts["table"].isdigit() else texts["table"]
        groups.setdefault((name, texts["quantity"]), []).append(cell)
    return groups


def _noted(cells: list[Cell]) -> tuple[list[dict[str, str]], list[str]]:
    """The cells' texts, each verdict with the number of its reason, and the reasons, each once."""
    lines, notes = [], list[str]()
    for cell in cells:
        line = _texts(cell)
        if cell["verdict"] != "reproduced" and cell["reason"]:
            if cell["reason"] not in notes:
                notes.append(cell["reason"])
            line["verdict"] += f" ({notes.index(cell['reason']) + 1})"
        lines.append(line)
    return lines, notes


def _heads(lines: list[dict[str, str]]) -> list[str]:
    """The columns in which something is told."""
    told = {head: {line[head] for line in lines} for head in lines[0]}
    return [
        "data set",
        *[head for head in ("IPC", "model", "method") if len(told[head]) > 1],
        *[head for head in NUMBERS if head != "difference" or told[head] != {""}],
        "verdict",
    ]


def _texts(cell: Cell) -> dict[str, str]:
    return {
        "table": cell["table"],
        "data set": cell["dataset"],
        "IPC": "original" if cell["ipc"] is None else str(cell["ipc"]),
        "model": cell["model"] or "",
        "method": cell["method"] or "",
        "quantity": cell["quantity"] + (f" ({cell['unit']})" if cell["unit"] else ""),
        "paper": ("~" if cell["status"] == "estimated" else "")
        + _number(cell, "published", "uncertainty"),
        "ours": ("~" if str(cell["how"]).startswith("estimated") else "")
        + _number(cell, "measured", "spread"),
        "difference": _text(cell, cell["difference"], "+")
        if cell["verdict"] in ("reproduced", "differs")
        else "",
        "verdict": cell["verdict"],
        "because": cell["reason"],
    }


@cache
def _reasons() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(
        (Path(__file__).parent / "reasons.json").read_text(encoding="utf-8")
    )
    return entries


def _facts(cell: Cell, others: dict[tuple[Any, ...], Cell]) -> dict[str, Any]:
    facts = {"notebook": cell["notebook"]}
    if str(cell["how"]).startswith("after"):
        facts["after"] = cell["how"]
    timed, original = (
        others.get(_key(cell | {"quantity": "seconds"})),
        others.get(_key(cell | {"ipc": None})),
    )
    if timed and timed["measured"] is not None:
        hours = timed["measured"] / 3600
        facts |= {"hours": f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}", "how": timed["how"]}
    if original and original["difference"] is not None:
        facts |= {"original": f"{original['difference']:+.2f}"}
    return facts


def _sources(root: Path, profile: str) -> dict[str, tuple[str, dict[str, Any]]]:
    reference = {
        name: ("reference", found)
        for name, found in load_results(root, profile, fresh=False).items()
    }
    return reference | {
        name: ("fresh", found) for name, found in load_results(root, profile, fresh=True).items()
    }


def _cell(paper: Cell | None, row: Cell) -> Cell:
    known = paper or {}
    value, measured = known.get("value"), row.get("measured")
    return {
        **{key: (row or known)[key] for key in (*CELL, "unit")},
        "published": value,
        **{key: known.get(key) for key in ("uncertainty", "status", "tolerance")},
        "measured": measured,
        **{
            key: row.get(key)
            for key in ("spread", "seeds", "how", "device", "notebook", "source", "content")
        },
        "difference": None if value is None or measured is None else measured - value,
        "verdict": verdict(paper, measured, row.get("how") or "measured"),
    }


def _key(cell: Cell) -> tuple[Any, ...]:
    return tuple(cell[key] for key in CELL)


def _copies(provenance: dict[str, Any]) -> dict[str, str]:
    """How the data sets that are not the official ones differ from them, by their names."""
    said = {name: content_of(name, digest) for name, digest in provenance.get("data", {}).items()}
    said |= provenance.get("content", {})
    return {name: words for name, words in said.items() if words not in ("", OFFICIAL)}


def _device(device: dict[str, Any] | None) -> str:
    if device is None:
        return "unknown"
    return f"cpu, {device['cpus']} cores" if device["platform"] == "cpu" else device["kind"]


def _devices(cells: list[Cell]) -> str:
    """On what the cells were measured; notebooks are named where it was not one for all."""
    used: dict[str, set[str]] = {}
    for cell in cells:
        if cell["device"]:
            used.setdefault(cell["device"].partition(",")[0], set()).add(cell["notebook"])
    if len(used) == 1:
        return f"all on {next(iter(used))}"
    return ", ".join(
        f"{', '.join(sorted(names))} on {kind}" for kind, names in sorted(used.items())
    )


def _number(cell: Cell, key: str, spread: str) -> str:
    if cell[key] is None:
        return "-"
    return _text(cell, cell[key]) + (
        f" ± {_text(cell, cell[spread])}" if cell[spread] is not None else ""
    )


def _text(cell: Cell, value: float, sign: str = "") -> str:
    if cell["unit"] == "%":
        return f"{value:{sign}.2f}"
    return f"{value:{sign},.0f}" if abs(value) >= 1e4 else f"{value:{sign}.4g}"
