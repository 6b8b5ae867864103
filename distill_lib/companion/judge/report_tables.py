"""The report as tables, for the terminal and for the book."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Cell = dict[str, Any]
NUMBERS = ("paper", "ours", "difference")
COLOURS = {"reproduced": "green", "differs": "red", "estimated": "yellow"}


def render(cells: list[Cell]) -> Group:
    """The report for the terminal: a table for each quantity.

    Under it stands why a cell was not simply reproduced.
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
    """Cells of one quantity as a table for the book.

    Why one was not simply reproduced stands underneath, once for each reason. IPC, model or method
    are left out where all cells have the same, and the difference where none is judged.
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
        *(["on"] if len(told["on"] - {""}) > 1 else []),
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
        "on": (cell.get("device") or "").removeprefix("NVIDIA ").replace(",", " ").split(" ")[0],
    }


def _number(cell: Cell, key: str, spread: str) -> str:
    if cell[key] is None:
        return "-"
    one = spread == "spread" and cell.get("seeds") == 1
    return _text(cell, cell[key]) + (
        f" ± {_text(cell, cell[spread])}" if cell[spread] is not None and not one else ""
    )


def _text(cell: Cell, value: float, sign: str = "") -> str:
    if cell["unit"] == "%":
        return f"{value:{sign}.2f}"
    return f"{value:{sign},.0f}" if abs(value) >= 1e4 else f"{value:{sign}.4g}"
