"""Paper | ours | difference | verdict, cell by cell."""

import json
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from distill_lib.companion.judge.costs import exact_steps, forecast
from distill_lib.companion.numbers.published import published
from distill_lib.companion.numbers.results import CELL
from distill_lib.companion.numbers.stored import load_results
from distill_lib.companion.profiles import load_profile
from distill_lib.companion.run.ledger import records
from distill_lib.data.catalogue import content_of
from distill_lib.data.facts import OFFICIAL

Cell = dict[str, Any]
FULL = "paper"  # the profile of the published sizes


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


def reason(
    cell: Cell,
    others: dict[tuple[Any, ...], Cell] | None = None,
    measured: dict[str, Cell] | None = None,
) -> str:
    """Why a cell has its verdict: from `reasons.json`, or what the verdict says by itself.

    A reason there may quote facts: {notebook}; {after}, how far an unfinished run came; {hours} and
    {how}, of the cell's seconds; {original}, the difference of the original model; {steps} of a
    descent; {forecast} of a baseline that was not run. It counts only where they are known.

    Args:
        others: the cells of the report that these are taken from, by their keys.
        measured: the records that forecasts are taken from.
    """
    facts = _facts(cell, others or {}, measured or {})
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
    ("reference"). The profile `paper`, which has the published sizes, is judged on the baselines'
    own papers too, and has the measurements in `book/measured` (source "record").
    """
    sets = load_profile(root, profile).datasets({cell["dataset"] for cell in published()})
    papers = {_key(cell): cell for cell in published() if cell["dataset"] in sets}
    if profile == FULL:
        papers |= {_key(_as_ours(cell)): _as_ours(cell) for cell in published("baselines")}
    rows: dict[tuple[Any, ...], list[Cell]] = {key: [] for key in papers}
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
    for row in _recorded(root) if profile == FULL else ():
        rows.setdefault(_key(row), []).append(row)
    cells = [_cell(papers.get(key), row) for key, found in rows.items() for row in _finished(found)]
    others, known = {_key(cell): cell for cell in cells}, records(root)
    cells = [cell | {"reason": reason(cell, others, known)} for cell in cells]
    tables = list(dict.fromkeys(cell["table"] for cell in cells))
    return sorted(cells, key=lambda cell: (tables.index(cell["table"]), *_place(cell)))


def _place(cell: Cell) -> tuple[Any, ...]:
    """Where a cell of the baselines stands, whose published numbers are of several papers."""
    if cell["table"] != "baselines":
        return ()
    return cell["dataset"] or "", cell["ipc"] or 0


def origin(cells: list[Cell], profile: str) -> str:
    """Where the cells come from and on what they were measured, in one sentence.

    It also tells which data were not the official ones.
    """
    found = {(cell["notebook"], cell["source"]) for cell in cells if cell["source"]}
    named = {
        source: sorted(notebook for notebook, of in found if of == source)
        for source in ("fresh", "reference", "record")
    }
    parts = [f"fresh results of {', '.join(named['fresh'])}"] if named["fresh"] else []
    parts += (
        [f"the committed reference run of {', '.join(named['reference'])}"]
        if named["reference"]
        else []
    )
    parts += ["the records of book/measured"] if named["record"] else []
    if not parts:
        return f"profile {profile}: nothing has been run; 'distill run --profile {profile}' does it"
    copies = {f"{cell['dataset']}: {cell['content']}" for cell in cells if cell.get("content")}
    return "; ".join([f"profile {profile}: {_listed(parts)}", _devices(cells), *sorted(copies)])


def _listed(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _as_ours(cell: Cell) -> Cell:
    """A published cell under the name of our method that it is compared with."""
    return cell | {"method": cell.get("ours", cell["method"])}


def _recorded(root: Path) -> list[Cell]:
    """The rows of the committed measurements that belong to a published table.

    The published speed-up of RFAD is held against the least that was composed here.
    """
    known = records(root)
    rows = [
        row
        | {
            "notebook": "gpu",
            "source": "record",
            "device": _device(record["provenance"]["device"]),
            "content": None,
        }
        for record in known.values()
        for row in record["rows"]
        if row["table"] in ("4", "baselines") and not isinstance(row["measured"], list)
    ]
    ratios = [(row["exact"] / row["rfad"], row) for row in exact_steps(known)]
    if ratios:
        ratio, row = min(ratios, key=lambda pair: pair[0])
        cell = next(cell for cell in published("baselines") if cell["quantity"] == "speedup")
        how = f"composed: {row['kernel']}, {row['ipc']} a class"
        rows.append(
            {key: cell[key] for key in (*CELL, "unit")}
            | {"measured": ratio, "how": how, "device": row["device"], "notebook": "gpu"}
            | {"source": "record", "content": None}
        )
    return rows


def _finished(rows: list[Cell]) -> list[Cell]:
    """The rows of a cell, less those of unfinished runs where another run was finished."""
    whole = [row for row in rows if not str(row.get("how")).startswith(("after", "estimated"))]
    return whole or rows or [{}]


@cache
def _reasons() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(
        (Path(__file__).parent / "reasons.json").read_text(encoding="utf-8")
    )
    return entries


def _facts(
    cell: Cell, others: dict[tuple[Any, ...], Cell], measured: dict[str, Cell]
) -> dict[str, Any]:
    facts = {"notebook": cell["notebook"]}
    if cell.get("steps"):
        facts["steps"] = f"{cell['steps']:,}"
    if cell["table"] == "baselines" and cell["verdict"] == "not run":
        expected = forecast(cell, measured)
        facts |= {"forecast": expected} if expected else {}
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
            for key in (
                *("spread", "seeds", "steps", "how", "device", "notebook", "source", "content"),
            )
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
