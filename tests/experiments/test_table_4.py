"""A cell of Table 4 on digits: its rows, its whole runs and their resumption."""

import pytest

from distill_lib.companion.numbers.published import published
from distill_lib.data import load
from distill_lib.experiments import label_solve, table_4
from distill_lib.experiments.table_4 import FROM_STATISTICS, Settings

SMALL = Settings("digits", 1, steps=200, batch=500, timed=4, looks=2)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def made(digits):
    return table_4.prepared(digits, 0)


@pytest.fixture(scope="module")
def cell(digits, made, tmp_path_factory):
    """Its rows, what was told, and the folder in which its runs are kept."""
    told, folder = [], tmp_path_factory.mktemp("cell")
    return table_4.rows_of(digits, made, SMALL, folder, told.append), told, folder


def found(rows, method, quantity):
    return next(row for row in rows if row["method"] == method and row["quantity"] == quantity)


def test_a_cell_has_the_published_quantities_and_kip_by_statistics_descends(digits, made, cell):
    rows, told, folder = cell
    printed = {(c["method"], c["quantity"]) for c in published() if c["table"] == "4"}
    assert printed <= {(row["method"], row["quantity"]) for row in rows}
    assert all(row["table"] == "4" and row["dataset"] == "digits" for row in rows)
    assert found(rows, "kip", "accuracy")["how"].startswith("the same steps")
    assert found(rows, "kip", "seconds")["how"] == "estimated from 4 of 200 steps"
    for method in ("exact KIP", FROM_STATISTICS):
        course = found(rows, method, "accuracies")
        assert len(course["measured"]) == len(course["seconds"]) == SMALL.looks + 1
        assert course["measured"][-1] > course["measured"][0] + 0.05  # of real images
    assert [at.step for at in told] == [100, 200] * 2
    again = table_4.rows_of(digits, made, SMALL, folder, told.append)
    assert len(told) == 4  # both runs were there
    assert found(again, "kip", "accuracy") == found(rows, "kip", "accuracy")


def test_a_whole_run_of_the_published_steps_ends_where_those_by_statistics_do(
    digits, made, cell, tmp_path
):
    """In single precision, so only about: the same batches, and a loss that is the same in exact
    arithmetic.
    """
    rows, of = cell[0], table_4.begun(digits, made, SMALL)
    whole = SMALL._replace(timed=SMALL.steps)
    slow = table_4.published_rows(digits, made, whole, of, tmp_path, lambda at: None)
    assert found(slow, "kip", "seconds")["how"] == "measured"
    one, other = (found(part, "kip", "accuracy")["measured"] for part in (rows, slow))
    assert one == pytest.approx(other, abs=2.0)


def test_with_more_points_than_features_there_is_no_run_by_statistics(digits, made, tmp_path):
    crowded = SMALL._replace(ipc=7, steps=4, timed=4)  # 70 points, 64 features
    rows = table_4.rows_of(digits, made, crowded, tmp_path, lambda at: None)
    assert FROM_STATISTICS not in {row["method"] for row in rows}
    assert found(rows, "exact KIP", "accuracy")["measured"] > 80


def test_solved_labels_beat_those_of_the_images_under_the_kernel_that_solved_them(digits):
    told = []
    row = label_solve.rows(
        digits, 1, architecture="fc", depth=1, report=lambda *seen: told.append(seen)
    )[0]
    assert told[-1] == (len(digits.x_train),) * 2
    assert row["test_images"] == len(digits.y_test)
    assert row["measured"] > 50
