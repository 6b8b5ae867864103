"""Recorded results: of the committed reference runs, and of a fresh run if there is one."""

from pathlib import Path
from typing import Any

import pytest

from distill_lib.companion.numbers.stored import read_results
from distill_lib.companion.profiles import load_profile

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "book" / "reference"
PROFILES = sorted(folder.name for folder in REFERENCE.iterdir())
# Those with the pages of the theory and the tables; others have some pages alone.
WHOLE = [name for name in PROFILES if "table_3" in load_profile(ROOT, name).notebooks]


def recorded(profile: str, notebook: str) -> dict[str, Any]:
    """The committed results of a notebook; the test is skipped where the profile's reference run
    lacks them.
    """
    return _read(
        REFERENCE / profile,
        notebook,
        f"the reference run of the profile {profile} has no {notebook}",
    )


def fresh(notebook: str, profile: str = "digits") -> dict[str, Any]:
    """The results of a notebook that this machine made; the test is skipped where there are none."""
    missing = f"no fresh run of {notebook} in the profile {profile}: run make book first"
    return _read(ROOT / "_build" / profile, notebook, missing)


def _read(folder: Path, notebook: str, missing: str) -> dict[str, Any]:
    path = folder / "results" / f"{notebook}.json"
    if not path.is_file():
        pytest.skip(missing)
    return read_results(path)


def cells(content: dict[str, Any], **wanted: Any) -> dict[tuple, dict[str, Any]]:
    """The rows with these entries, by (dataset, model, ipc, method)."""
    rows = (
        row for row in content["rows"] if all(row[key] == value for key, value in wanted.items())
    )
    return {(row["dataset"], row["model"], row["ipc"], row["method"]): row for row in rows}


def measured(content: dict[str, Any], **wanted: Any) -> float:
    """The number of the one row with these entries."""
    (row,) = cells(content, **wanted).values()
    return row["measured"]
