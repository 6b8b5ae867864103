"""The baselines' recorded numbers: a fresh run of the profile digits against what the methods must at least give."""

import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[1] / "_build" / "digits" / "results"
# Points of accuracy by which KIP must beat a random subset of the same size on digits; it does by about 29 and 7.
MARGIN = {1: 20.0, 10: 4.0}


def fresh(notebook: str) -> list[dict]:
    path = RESULTS / f"{notebook}.json"
    if not path.is_file():
        pytest.skip(f"no fresh run of {notebook} in the profile digits: run make book first")
    return json.loads(path.read_text())["rows"]


def accuracies(rows: list[dict], ipc: int) -> dict[str, float]:
    return {
        row["method"]: row["measured"] for row in rows if row["quantity"] == "accuracy" and row["ipc"] == ipc
    }


@pytest.mark.parametrize("ipc", MARGIN)
def test_kip_beats_a_random_subset_of_the_same_size(ipc):
    found = accuracies(fresh("kip"), ipc)
    for method in ("kip fixed", "kip learned"):
        assert found[method] > found["random subset"] + MARGIN[ipc], method


@pytest.mark.parametrize("ipc", MARGIN)
def test_solved_labels_are_better_than_the_samples_own(ipc):
    found = accuracies(fresh("kip"), ipc)
    assert found["random subset"] < found["label solve"] < found["kip fixed"]


def test_the_exact_step_grows_faster_than_linearly():
    """A ratio of times in one run on one device; the recorded exponent is near 2, and a linear step could not pass."""
    (row,) = [row for row in fresh("kip") if row["quantity"] == "cost exponent"]
    assert row["measured"] > 1.5
