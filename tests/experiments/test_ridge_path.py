"""Both ways to one choice, and a process of its own."""

import pytest

from distill_lib.data import load
from distill_lib.experiments import ridge_path, whole_process
from distill_lib.ridge import GRID


def test_both_ways_are_right_about_as_often_and_each_is_recorded():
    found = ridge_path.side_by_side(load("digits"), 4)
    assert len(found.again.validation) == 4
    assert found.again.reg in found.again.validation
    assert set(found.again.validation) <= set(GRID)
    for accuracies in (found.ours.accuracies, found.again.accuracies):
        assert accuracies[0] == pytest.approx(accuracies[1], abs=0.01)
        assert 0.85 < accuracies[0] < 1
    rows, values = ridge_path.recorded("digits", found)
    measured = {row["quantity"]: row["measured"] for row in rows}
    assert measured["time ratio"] * measured["seconds"] == pytest.approx(found.again.seconds)
    assert set(values) == {"digits_ratio", "digits_ratio_again", "digits_seconds"}


def test_a_process_from_nothing_finds_the_models_and_its_memory():
    found = whole_process.timed("digits", "linear", timeout=120)
    assert 0.85 < found.original == found.distilled < 1
    assert 0.1 < found.peak < 4
    rows = whole_process.recorded("digits", "linear", found)
    assert [row["quantity"] for row in rows] == ["seconds", "peak memory", "accuracy"]
    assert rows[2]["measured"] == 100 * found.distilled
