"""Recomputes pages and compares all their numbers with those of the committed reference run."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.judge.kinds import CLOCK
from distill_lib.companion.judge.origins import origins
from distill_lib.companion.judge.recorded import Number, facts, numbers, states
from distill_lib.companion.judge.tolerances import rule_of
from distill_lib.companion.numbers.provenance import commit, device, versions
from distill_lib.companion.numbers.stored import read_results
from distill_lib.companion.profiles import Profile, load_profile
from distill_lib.companion.root import build_folder, builds, reference_folder
from distill_lib.companion.run.plan import read_record
from distill_lib.companion.run.reference import committed_records
from distill_lib.companion.run.runner import run_profile

SECONDS = 240.0  # of recorded time: what a doubter waits for
WRONG = ("differs", "missing")
COLOURS = {"same": "green", "agrees": "green", "differs": "red", "missing": "red", "shown": "dim"}
Report = dict[str, Any]


def choice(root: Path, profile: Profile, seconds: float = SECONDS) -> list[str]:
    """The notebooks that took the least in the reference run, as many as time allows."""
    took = {name: record["seconds"] for name, record in _records(root, profile).items()}
    chosen, left = list[str](), seconds
    for name in sorted(took, key=took.__getitem__):
        left -= took[name]
        if left >= 0 or not chosen:
            chosen.append(name)
    return profile.select(chosen) if chosen else []


def verify(
    root: Path,
    profile: str,
    names: list[str],
    *,
    everything: bool = False,
    run: bool = True,
    jobs: int | None = None,
    console: Console,
) -> Report:
    """Recompute notebooks and judge their numbers by the committed ones.

    Args:
        names: the notebooks; by default those of `choice`.
        everything: all notebooks of the reference run.
        run: compute anew, in `_build/verify`, so that nobody's runs are touched; else judge what
            `_build` holds.
        jobs: as for `run_profile`.
    Returns: `profile`, `date`, `commit`, `dirty`, `versions`, `device`, the `origins` that differ,
        the `numbers` with their verdicts, the `costs` of each page and `agrees`, whether nothing is
        wrong.
    Raises: CompanionError if a name is unknown, has no reference or nothing to compare with, or its
        notebook failed.
    """
    settings = load_profile(root, profile)
    known = _records(root, settings)
    chosen = (
        settings.select(names) if names else list(known) if everything else choice(root, settings)
    )
    if lacking := [name for name in chosen if name not in known] or ([] if chosen else [profile]):
        raise CompanionError(
            f"no committed run of {', '.join(lacking)} to compare with: 'distill reference -p "
            f"{profile}' keeps one"
        )
    with _apart(root) if run else _in_place():
        if run:
            run_profile(root, profile, chosen, jobs=jobs, force=True, console=console)
        pages = [_page(root, settings, name, known[name]) for name in chosen]
    found = [origin for page in pages for origin in page["origins"]]
    judged = [number for page in pages for number in page["numbers"]]
    wrong = [entry for entry in (*found, *judged) if entry["verdict"] in WRONG]
    return {
        "profile": profile,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **commit(root),
        "versions": versions(),
        "device": device(),
        "agrees": not wrong,
        "costs": {page["name"]: page["cost"] for page in pages},
        "origins": found,
        "numbers": judged,
    }


def judge(reference: Number, here: float, *, bits: bool) -> dict[str, Any]:
    """The verdict on a recomputed number.

    Args:
        bits: whether all that it depends on is the same, so that it must be the same to the last
            bit.
    Returns: `page`, `number`, `reference`, `here`, `tolerance` (the least and largest value
        allowed, or None), `rule` and `verdict`: "same" (to the last bit), "agrees" (within the
        tolerance), "differs" or "shown" (not judged).
    Raises: CompanionError if no rule is written for the number.
    """
    rule = rule_of(reference)
    limits = rule.limits(reference)
    if limits is not None and bits:
        limits = (reference.value, reference.value)
    verdict = "same" if here == reference.value else "shown" if limits is None else "differs"
    if limits is not None and limits[0] <= here <= limits[1] and verdict == "differs":
        verdict = "agrees"
    return {
        "page": reference.page,
        "number": reference.name,
        "reference": reference.value,
        "here": here,
        "tolerance": limits,
        "rule": "same bits" if bits and limits else rule.name,
        "verdict": verdict,
    }


def compare(reference: dict[str, Any], here: dict[str, Any], *, bits: bool) -> list[dict[str, Any]]:
    """The verdicts on all numbers of a page, then on what stands beside them.

    The numbers are in the reference's order. Beside them are numbers that only one of the two has,
    words beside a number, texts that must state theirs.
    """
    before, now = numbers(reference), numbers(here)
    found = [
        judge(number, now[name].value, bits=bits) for name, number in before.items() if name in now
    ]

    def note(name: str, there: Any, value: Any, rule: str, verdict: str) -> None:
        entry = {"page": reference["notebook"], "number": name, "reference": there, "here": value}
        found.append(entry | {"tolerance": None, "rule": rule, "verdict": verdict})

    for name in [*before, *(name for name in now if name not in before)]:
        if name not in now or name not in before:
            there, value = (side[name].value if name in side else None for side in (before, now))
            note(name, there, value, "recorded in one of the two only", "missing")
    words, others = facts(reference), facts(here)
    for name in {**words, **others}:
        if words.get(name) != others.get(name):
            cell = name.rpartition(": ")[0]
            clock = cell in before and rule_of(before[cell]) is CLOCK
            note(
                name,
                words.get(name),
                others.get(name),
                "the words beside it",
                "shown" if clock else "differs",
            )
    for name, value in reference["values"].items():
        if not states(value["text"], value["number"]):
            note(
                f"= {name}",
                value["text"],
                value["number"],
                "the page's text must state it",
                "differs",
            )
    return found


def render(report: Report) -> Iterator[Any]:
    """The report for the terminal: what the numbers were made from, each number, the sum."""
    if report["origins"]:
        columns = ("what", "reference", "here", "verdict")
        pages: dict[str, Report] = {}  # most are the same for all
        for origin in report["origins"]:
            line = {column: _text(origin[column]) for column in columns}
            pages.setdefault(json.dumps(line), {"pages": [], **line})["pages"].append(
                origin["page"]
            )
        lines = [line | {"pages": ", ".join(line["pages"])} for line in pages.values()]
        yield _table("made from", lines, ("pages", *columns))
    else:
        yield "the same code, parameters, data, versions and processor as the reference run"
    heads = ("page", "number", "reference", "here", "tolerance", "rule", "verdict")
    yield _table("numbers", report["numbers"], heads)
    yield summary(report)


def summary(report: Report) -> str:
    """The verdicts, counted, in one sentence."""
    counts = Counter(number["verdict"] for number in report["numbers"])
    words = {
        "same": "the same to the last bit",
        "agrees": "within their tolerance",
        "shown": "shown, not judged",
        "differs": "differ",
        "missing": "missing",
    }
    told = ", ".join(
        f"{counts[verdict]} {text}" for verdict, text in words.items() if counts[verdict]
    )
    made = sum(origin["verdict"] == "differs" for origin in report["origins"])
    return (
        f"profile {report['profile']}: {len(report['numbers'])} numbers of {len(report['costs'])} "
        f"pages: {told}"
        + (f"; made from something else in {made} ways that must not differ" if made else "")
    )


def _page(root: Path, profile: Profile, name: str, reference: dict[str, Any]) -> dict[str, Any]:
    path = build_folder(root, profile.name) / "results" / f"{name}.json"
    record = read_record(root, profile.name, name)
    if record is None or not record["inputs"]:
        raise CompanionError(
            f"{name} has not been run here: leave --no-run away, or 'distill run -p {profile.name} "
            f"{name}' first"
        )
    committed = reference_folder(root, profile.name) / "results" / f"{name}.json"
    there, here = read_results(committed), read_results(path)
    found = origins(root, profile.name, name, (reference, there), (record, here))
    cost = {key: record.get(key) for key in ("seconds", "memory", "disk")}
    return {
        "name": name,
        "origins": found,
        "numbers": compare(there, here, bits=not found),
        "cost": cost,
    }


def _records(root: Path, profile: Profile) -> dict[str, dict[str, Any]]:
    """The records of the reference run, in the profile's order, of notebooks that left results."""
    records = committed_records(root, profile.name)
    return {
        name: records[name] for name in profile.notebooks if records.get(name, {}).get("results")
    }


@contextmanager
def _apart(root: Path) -> Iterator[None]:
    """Everything is built in a folder of its own."""
    before = os.environ.get("DISTILL_BUILD")
    os.environ["DISTILL_BUILD"] = str(builds(root) / "verify")
    try:
        yield
    finally:
        os.environ.pop("DISTILL_BUILD")
        if before is not None:
            os.environ["DISTILL_BUILD"] = before


@contextmanager
def _in_place() -> Iterator[None]:
    yield


def _table(title: str, entries: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for entry in entries:
        line = [escape(_text(entry[column])) for column in columns]
        colour = COLOURS.get(entry["verdict"], "yellow")
        table.add_row(*line[:-1], f"[{colour}]{line[-1]}[/]")
    return table


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, tuple):
        return " to ".join(f"{end:.5g}" for end in value) if value[0] != value[1] else "none"
    return (
        ""
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False)
    )
