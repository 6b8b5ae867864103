"""The committed measurements as tables for the book."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from distill_lib.companion.judge.costs import card, exact_steps, kernel_name, longer
from distill_lib.companion.numbers.published import published
from distill_lib.companion.run.ledger import records

Row = dict[str, Any]


def tables(root: Path) -> dict[str, str]:
    """What the book pastes of the records, as tables by name.

    {{ measured.steps }}, {{ measured.precision }}, {{ measured.sets }}, {{ measured.kip }},
    {{ measured.exact }}, {{ measured.pairs }}, {{ measured.small }}, {{ measured.small_budget }},
    {{ measured.bounds }} and {{ measured.made }}, with
    numbers about {{ measured.exact }}: least_ratio, most_ratio, one_point, one_point_highest,
    printed_ratio, and {{ measured.claim }}, the least ratios in each precision.
    """
    known = records(root)
    rows = [row | {"card": card(record)} for record in known.values() for row in record["rows"]]
    return {
        "steps": _steps([row for row in rows if row["table"] == "rfad step"]),
        "precision": _precision([row for row in rows if row["table"] == "rfad precision"]),
        "sets": _sets([row for row in rows if row["table"] == "baselines"]),
        "kip": _kip([row for row in rows if row["table"] == "4"]),
        "small": _small([row for row in rows if row["table"] == "small budget"]),
        "small_budget": _budget(known),
        "pairs": _pairs([row for row in rows if row["table"] == "exact kernel"]),
        **_exact(exact_steps(known), longer(known)),
        "bounds": _bounds(known),
        "made": _made(known),
    }


def _steps(rows: list[Row]) -> str:
    cells: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in rows:
        key = row["dataset"], row["ipc"], row["method"], row["card"]
        cells.setdefault(key, {})[row["quantity"]] = row["measured"]
    lines = []
    for (size, ipc, name, on), cell in sorted(
        cells.items(), key=lambda item: (item[0][:2], item[1]["seconds"])
    ):
        numbers = cell["seconds"], cell["operations"] / 1e12, cell["rate"], cell["memory"]
        shown = [
            form.format(number)
            for form, number in zip(("{:.3f}", "{:.1f}", "{:.0f}", "{:.1f}"), numbers, strict=True)
        ]
        lines.append([_size(size), str(ipc), name, *shown, on])
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


def _cells(rows: Iterable[Row], keys: tuple[str, ...]) -> dict[tuple[Any, ...], Row]:
    """The rows of each cell by their quantities."""
    cells: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        cells.setdefault(tuple(row[key] for key in keys), {})[row["quantity"]] = row
    return cells


def _kip(rows: list[Row]) -> str:
    """A line for each method of a cell of Table 4; accuracies are of whole runs alone.

    Records keep the accuracy of "kip, labels from statistics" as that of "kip", whose steps it is.
    """
    printed = {
        (c["dataset"], c["ipc"], c["method"]): c["value"]
        for c in published()
        if c["table"] == "4" and c["quantity"] == "accuracy"
    }
    cells = _cells(rows, ("dataset", "ipc", "method", "card"))
    lines = []
    for (dataset, ipc, method, on), cell in sorted(cells.items(), key=lambda item: item[0][:2]):
        right, spent = cell.get("accuracy"), cell["seconds"]
        estimated = str(spent["how"]).startswith("estimated")
        if estimated:
            right = None
        elif right is None:
            right = cells.get((dataset, ipc, "kip", on), {}).get("accuracy")
        shown = {
            "accuracy": "" if right is None else f"{right['measured']:.2f}",
            "printed": _spread(printed.get((dataset, ipc, method)), None),
            "step": f"{cell['step']['measured']:.2f}" if "step" in cell else "",
            "seconds": ("~" if estimated else "") + f"{spent['measured']:.3g}",
            "ratio": f"{cell['time ratio']['measured']:,.0f}" if "time ratio" in cell else "",
        }
        lines.append([dataset, str(ipc), method, *shown.values(), on])
    heads = ["data", "per class", "method", "accuracy, %", "printed, %", "ms a step"]
    heads += ["s in all", "times the closed form", "card"]
    return markdown_table(heads, lines, numbers=(1, 3, 4, 5, 6, 7))


def _small(rows: list[Row]) -> str:
    """Mean and deviation over the seeds, RFAD beside the random subset that has its seed."""
    found: dict[tuple[Any, ...], dict[str, list[float]]] = {}
    for row in rows:
        key = row["dataset"], row["ipc"], row["model"]
        found.setdefault(key, {}).setdefault(row["method"], []).append(row["measured"])
    lines = []
    for (dataset, ipc, model), of in found.items():
        subset, made = np.array(of["random subset"]), np.array(of["rfad platt learned"])
        gain = made - subset
        shown = [_spread(part.mean(), part.std()) for part in (subset, made, gain)]
        lines.append([dataset, str(ipc), model, *shown, f"{gain.min():.1f}"])
    heads = ["data", "per class", "judged by", "random subset, %", "RFAD, %", "gain", "least gain"]
    return markdown_table(heads, lines, numbers=(1, 3, 4, 5, 6))


def _budget(known: dict[str, Row]) -> str:
    """The settings of the small budget, in words."""
    chosen = [record["settings"] for name, record in known.items() if name.startswith("small-")]
    if not chosen:
        return ""
    one, (width, steps, count) = chosen[0], chosen[0]["finite"]
    return (
        f"{one['steps']:,} steps at rate {one['rate']:g}, each with {one['networks']} ConvNets of "
        f"width {one['width']} and {one['batch']} targets; the judges are new networks of that "
        f"width, and {count} ConvNets of width {width} trained for at most {steps:,} steps; "
        f"{len(chosen)} seeds"
    )


def _pairs(rows: list[Row]) -> str:
    lines = []
    for (method, part, on), cell in _cells(rows, ("method", "model", "card")).items():
        spent, count, memory = (
            cell[f"{name} a pair"]["measured"] for name in ("seconds", "operations", "memory")
        )
        shown = [f"{1e3 * spent:.3f}", f"{count / 1e6:.0f}", f"{memory:.0f}"]
        lines.append([kernel_name(method), part, *shown, on])
    heads = ["kernel", "of a pair", "ms", "MFLOP", "MiB", "card"]
    return markdown_table(heads, lines, numbers=(2, 3, 4))


def _exact(rows: list[Row], times: dict[str, float]) -> dict[str, str]:
    lines = [
        [
            *(row["kernel"], str(row["ipc"]), f"{row['pairs']:,}", f"{row['exact']:.1f}"),
            *(f"{row['rfad']:.3f}", f"{row['exact'] / row['rfad']:,.0f}", row["card"]),
        ]
        for row in rows
    ]
    heads = ["exact kernel", "per class", "pairs", "its step, s (composed)"]
    heads += ["RFAD's step, s", "times RFAD's", "card"]
    ratios = [row["exact"] / row["rfad"] for row in rows]
    if not rows:
        return {}
    one_point = min(row["one_point"] for row in rows)
    known = published("baselines")
    printed = next(cell["value"] for cell in known if cell["quantity"] == "speedup")
    return {
        "exact": markdown_table(heads, lines, numbers=(1, 2, 3, 4, 5)),
        "least_ratio": f"{min(ratios):,.0f}",
        "most_ratio": f"{max(ratios):,.0f}",
        "one_point": f"{one_point:,.0f}",
        "one_point_highest": f"{one_point / times['highest']:.2g}",
        "claim": _claim(rows, times),
        "printed_ratio": f"{printed:g}",
    }


def _claim(rows: list[Row], times: dict[str, float]) -> str:
    """The least factor over the kernels, by the precision of RFAD's step and images a class."""
    least: dict[int, float] = {}
    for row in rows:
        factor = row["exact"] / row["rfad"]
        least[row["ipc"]] = min(factor, least.get(row["ipc"], factor))
    lines = [
        [f"`{precision}`", *(f"{factor / ratio:,.0f}" for factor in least.values())]
        for precision, ratio in times.items()
    ]
    heads = ["RFAD's step in", *(f"{ipc} per class" for ipc in least)]
    return markdown_table(heads, lines, numbers=tuple(range(1, len(heads))))


def _size(shape: str) -> str:
    return shape.replace("x", "&nbsp;×&nbsp;")


def _spread(value: float | None, spread: float | None) -> str:
    return "" if value is None else f"{value:.1f}" + (f" ± {spread:.1f}" if spread else "")


def _bounds(known: dict[str, Row]) -> str:
    """How far the descents and trainings at the published settings may go, in words."""
    chosen = [
        record["settings"]
        for name, record in known.items()
        if "finite" in record["settings"] and not name.startswith("small-")
    ]
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
