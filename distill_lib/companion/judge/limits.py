"""What a profile costs in time, memory and disk, beside the limits of a reproduction service."""

from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from distill_lib.companion.profiles import Profile, load_profiles
from distill_lib.companion.run.reference import committed_records

GB = 1e9
# NeuroLibre runs a companion on two processors within these.
HOURS, MEMORY, DISK, DATA = 8.0, 7.5, 10.0, 5.0  # the last three in GB
KEPT = {"mnist": 0.055, "cifar10": 0.184, "cifar100": 0.184}  # GB of a data set, one byte a pixel
AT_ONCE = 2  # notebooks, on two processors
Cost = dict[str, Any]


def limits(root: Path, verdicts: list[dict[str, Any]]) -> str:
    """A table for the book: what each profile takes, beside the limits.

    Hours of one notebook after the other, memory of the largest two at once, disk with the
    installed packages and the data.

    Args:
        verdicts: the last summaries of `verify`: where their costs are larger, or the only ones,
            they count.
    """
    rows = []
    for profile in load_profiles(root).values():
        costs = committed_records(root, profile.name)
        mine = [verdict["costs"] for verdict in verdicts if verdict["profile"] == profile.name]
        for name, cost in (pair for pages in mine for pair in pages.items()):
            costs[name] = _larger(costs.get(name, {}), cost)
        if costs:
            software = max((verdict["installed"] for verdict in verdicts), default=0)
            rows.append(_row(profile, list(costs.values()), software))
    last = ["*limit*", f"{HOURS:g}", f"{MEMORY:g}", f"{DISK:g}", f"{DATA:g}", ""]
    return markdown(
        ("profile", "hours", "memory, GB", "disk, GB", "data, GB", "inside"), [*rows, last]
    )


def markdown(heads: tuple[str, ...], rows: list[Any]) -> str:
    """A table for the book."""
    lines = [heads, [":---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(part) for part in line) + " |" for line in lines)


def installed() -> int:
    """Bytes of the installed packages, by their own lists of files."""
    return sum(file.size or 0 for found in distributions() for file in found.files or ())


def _row(profile: Profile, costs: list[Cost], software: int) -> list[str]:
    known = sorted(cost["memory"] / GB for cost in costs if cost.get("memory"))
    data = sum(KEPT[name] for name in profile.datasets(set(KEPT)))
    used = {
        "hours": (sum(cost["seconds"] for cost in costs) / 3600, HOURS),
        "memory": (sum(known[-AT_ONCE:]), MEMORY),
        "disk": (sum(cost.get("disk") or 0 for cost in costs) / GB + software / GB + data, DISK),
        "data": (data, DATA),
    }
    over = [name for name, (value, limit) in used.items() if value > limit]
    told = {name: f"{value:.2g}" for name, (value, _) in used.items()}
    if len(known) < len(costs):
        part = f" ({len(known)} of {len(costs)} pages recorded)"
        told |= {
            name: told[name] + part if known else "not recorded" for name in ("memory", "disk")
        }
    inside = "yes" if len(known) == len(costs) else "as far as recorded"
    return [profile.name, *told.values(), f"no: {', '.join(over)}" if over else inside]


def _larger(one: Cost, other: Cost) -> Cost:
    return {
        key: max(one.get(key) or 0, other.get(key) or 0) for key in ("seconds", "memory", "disk")
    }
