"""The last verdicts of `distill verify`, committed with the book and shown there."""

from collections import Counter
from pathlib import Path
from typing import Any

from distill_lib.companion.files import read_json, write_json
from distill_lib.companion.judge.limits import installed, limits, markdown
from distill_lib.companion.judge.tolerances import RULES
from distill_lib.companion.judge.verify import WRONG


def keep(root: Path, report: dict[str, Any]) -> Path:
    """Put the summary of a report in the place of the last one of its profile and Python."""
    path = _path(root)
    python = ".".join(report["versions"]["python"].split(".")[:2])
    summary = {
        key: report[key]
        for key in ("profile", "date", "commit", "versions", "device", "agrees", "costs")
    }
    summary |= {
        "counts": Counter(number["verdict"] for number in report["numbers"]),
        "origins": sorted({origin["what"] for origin in report["origins"]}),
        "wrong": [entry for entry in report["numbers"] if entry["verdict"] in WRONG],
        "installed": installed(),
    }
    kept = _kept(root) | {f"{report['profile']}, Python {python}": summary}
    write_json(path, dict(sorted(kept.items())))
    return path


def pasted(root: Path) -> dict[str, str]:
    """What book/verify.md pastes: the last verdicts, the rules, and the costs beside the limits."""
    kept = _kept(root)
    rules = [(rule.name, rule.because) for rule in dict.fromkeys(rule for _, _, rule in RULES)]
    return {
        "last": _last(kept),
        "rules": markdown(("may differ by", "because it is"), rules),
        "limits": limits(root, list(kept.values())),
    }


def _last(kept: dict[str, Any]) -> str:
    heads = (
        "profile",
        "JAX",
        "cores",
        "pages",
        "same bits",
        "within",
        "not judged",
        "wrong",
        "date",
    )
    rows = []
    for name, entry in kept.items():
        count = Counter(entry["counts"])
        row = [name, entry["versions"]["jax"], entry["device"]["cpus"], len(entry["costs"])]
        row += [
            count["same"],
            count["agrees"],
            count["shown"],
            sum(count[verdict] for verdict in WRONG),
        ]
        rows.append([*row, entry["date"].partition("T")[0]])
    return markdown(heads, rows) if rows else "Nothing has been verified yet."


def _kept(root: Path) -> dict[str, Any]:
    return read_json(_path(root)) if _path(root).is_file() else {}


def _path(root: Path) -> Path:
    return root / "book" / "verdicts.json"
