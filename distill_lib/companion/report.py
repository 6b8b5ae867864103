"""Paper | ours | difference | verdict, cell by cell."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from distill_lib.companion.profiles import load_profile
from distill_lib.companion.published import published
from distill_lib.companion.results import CELL, load_results

Cell = dict[str, Any]
COLOURS = {"reproduced": "green", "differs": "red", "estimated": "yellow"}


def verdict(paper: Cell | None, measured: float | None, how: str = "measured") -> str:
    """What a measurement says of a published cell.

    Args:
        how: how our number came about; one that begins with "estimated" is no measurement.
    Returns: "not run" (by us), "no published number", "estimated" (one of the two numbers is no measurement), "not compared"
    (it depends on the device), "reproduced" (|measured - value| <= tolerance) or "differs".
    """
    if measured is None:
        return "not run"
    if paper is None or paper["value"] is None:
        return "no published number"
    if paper["status"] == "estimated" or how.startswith("estimated"):
        return "estimated"
    if paper["tolerance"] is None:
        return "not compared"
    # Both numbers are decimals: 1e-9 forgives their binary rounding.
    return "reproduced" if abs(measured - paper["value"]) <= paper["tolerance"] + 1e-9 else "differs"


def reason(cell: Cell) -> str:
    """Why a cell has its verdict: from `reasons.json`, where it is named there, else what the verdict says by itself."""
    known = json.loads((Path(__file__).parent / "reasons.json").read_text(encoding="utf-8"))
    for entry in known:
        if entry["verdict"] == cell["verdict"] and all(
            cell[key] == value for key, value in entry["cells"].items()
        ):
            return entry["reason"]
    estimates = [
        *(["the paper's number is extrapolated"] if cell["status"] == "estimated" else []),
        *(["ours is extrapolated"] if str(cell["how"]).startswith("estimated") else []),
    ]
    return {
        "reproduced": f"within {cell['tolerance']:g} points" if cell["tolerance"] else "",
        "no published number": "not run in the paper" if cell["status"] else "not in the paper",
        "estimated": " and ".join(estimates),
        "not compared": "depends on the device",
    }.get(cell["verdict"], "")


def report(root: Path, profile: str) -> list[Cell]:
    """Every published cell of the profile's data sets, and every measured cell.

    Each notebook's results are those in `_build` (source "fresh"), else the committed ones ("reference").
    """
    sets = load_profile(root, profile).datasets({cell["dataset"] for cell in published()})
    papers = {_key(cell): cell for cell in published()}
    rows: dict[tuple[Any, ...], list[Cell]] = {key: [] for key in papers if papers[key]["dataset"] in sets}
    for notebook, (source, content) in _sources(root, profile).items():
        for row in content["rows"]:
            origin = {
                "notebook": notebook,
                "source": source,
                "device": _device(content["provenance"].get("device")),
            }
            rows.setdefault(_key(row), []).append(row | origin)
    cells = [_cell(papers.get(key), row) for key, found in rows.items() for row in found or [{}]]
    tables = list(dict.fromkeys(cell["table"] for cell in cells))
    return sorted(cells, key=lambda cell: tables.index(cell["table"]))


def origin(cells: list[Cell], profile: str) -> str:
    """Where the cells come from, in one sentence."""
    found = {(cell["notebook"], cell["source"]) for cell in cells if cell["source"]}
    named = {
        source: sorted(notebook for notebook, of in found if of == source)
        for source in ("fresh", "reference")
    }
    parts = [f"fresh results of {', '.join(named['fresh'])}"] if named["fresh"] else []
    parts += [f"the committed reference run of {', '.join(named['reference'])}"] if named["reference"] else []
    return f"profile {profile}: " + (
        " and ".join(parts) or f"nothing has been run; 'distill run --profile {profile}' does it"
    )


def render(cells: list[Cell]) -> Table:
    """The report as a table for the terminal."""
    table = Table("table", "data set", "IPC", "model", "quantity")
    for column in ("paper", "ours", "difference"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    table.add_column("because")
    for cell in cells:
        colour = COLOURS.get(cell["verdict"])
        *texts, judged, because = _texts(cell)
        table.add_row(cell["table"], *texts, f"[{colour}]{judged}[/]" if colour else judged, because)
    return table


def markdown(cells: list[Cell]) -> str:
    """The report as a table for the book; why a cell was not simply reproduced stands underneath, once for each reason."""
    several = len({cell["quantity"] for cell in cells}) > 1
    judged_any = any(cell["verdict"] in ("reproduced", "differs") for cell in cells)
    by_method = len({cell["model"] for cell in cells}) == 1 and all(cell["method"] for cell in cells)
    heads = [
        "data set",
        "IPC",
        "method" if by_method else "model",
        *(["quantity"] if several else []),
        "paper",
        "ours",
        *(["difference"] if judged_any else []),
        "verdict",
    ]
    rule = [
        ":---" if head in ("data set", "method", "model", "quantity", "verdict") else "---:" for head in heads
    ]
    lines = [heads, rule]
    notes: list[str] = []
    for cell in cells:
        *texts, judged, _ = [text.replace(" ", "\N{NO-BREAK SPACE}") for text in _texts(cell)]
        if cell["verdict"] != "reproduced" and cell["reason"]:
            if cell["reason"] not in notes:
                notes.append(cell["reason"])
            judged += f" ({notes.index(cell['reason']) + 1})"
        if by_method:
            texts[2] = cell["method"].replace(" ", "\N{NO-BREAK SPACE}")
        if not judged_any:
            del texts[-1]
        if not several:
            del texts[3]
        lines.append([*texts, judged])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return table + "".join(f"\n\n({number}) {note}." for number, note in enumerate(notes, start=1))


def _texts(cell: Cell) -> list[str]:
    return [
        cell["dataset"],
        "original" if cell["ipc"] is None else str(cell["ipc"]),
        ", ".join(part for part in (cell["model"], cell["method"]) if part),
        cell["quantity"] + (f" ({cell['unit']})" if cell["unit"] else ""),
        ("~" if cell["status"] == "estimated" else "") + _number(cell, "published", "uncertainty"),
        ("~" if str(cell["how"]).startswith("estimated") else "") + _number(cell, "measured", "spread"),
        _text(cell, cell["difference"], "+") if cell["verdict"] in ("reproduced", "differs") else "",
        cell["verdict"],
        cell["reason"],
    ]


def _sources(root: Path, profile: str) -> dict[str, tuple[str, dict[str, Any]]]:
    reference = {
        name: ("reference", found) for name, found in load_results(root, profile, fresh=False).items()
    }
    return reference | {
        name: ("fresh", found) for name, found in load_results(root, profile, fresh=True).items()
    }


def _cell(paper: Cell | None, row: Cell) -> Cell:
    known = paper or {}
    value, measured = known.get("value"), row.get("measured")
    cell = {
        **{key: (row or known)[key] for key in (*CELL, "unit")},
        "published": value,
        **{key: known.get(key) for key in ("uncertainty", "status", "tolerance")},
        "measured": measured,
        **{key: row.get(key) for key in ("spread", "seeds", "how", "device", "notebook", "source")},
        "difference": None if value is None or measured is None else measured - value,
        "verdict": verdict(paper, measured, row.get("how") or "measured"),
    }
    return cell | {"reason": reason(cell)}


def _key(cell: Cell) -> tuple[Any, ...]:
    return tuple(cell[key] for key in CELL)


def _device(device: dict[str, Any] | None) -> str:
    if device is None:
        return "unknown"
    return f"cpu, {device['cpus']} cores" if device["platform"] == "cpu" else device["kind"]


def _number(cell: Cell, key: str, spread: str) -> str:
    if cell[key] is None:
        return "-"
    return _text(cell, cell[key]) + (f" ± {_text(cell, cell[spread])}" if cell[spread] is not None else "")


def _text(cell: Cell, value: float, sign: str = "") -> str:
    if cell["unit"] == "%":
        return f"{value:{sign}.2f}"
    return f"{value:{sign},.0f}" if abs(value) >= 1e4 else f"{value:{sign}.4g}"
