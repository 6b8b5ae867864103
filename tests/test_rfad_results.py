"""What a fresh run of the RFAD chapter recorded: the sets beat random ones, the error and the cost have the stated exponents."""

import json
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "_build" / "digits" / "results" / "rfad.json"


@pytest.fixture(scope="module")
def rows():
    if not FILE.is_file():
        pytest.skip("no fresh run of the RFAD chapter on the profile digits")
    return json.loads(FILE.read_text())["rows"]


def measured(rows, **wanted):
    (row,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return row["measured"]


@pytest.mark.parametrize("kernel", ["convnet-2 empirical nngp", "convnet-2 nngp"])
@pytest.mark.parametrize("method", ["rfad mse", "rfad platt"])
def test_rfad_beats_a_random_subset_by_fifteen_points(rows, kernel, method):
    """One image per class: under the same kernel a random subset has about 60 %."""
    where = {"quantity": "accuracy", "model": kernel, "ipc": 1}
    assert measured(rows, method=method, **where) > measured(rows, method="random subset", **where) + 15


@pytest.mark.parametrize("method", ["more width", "more networks"])
def test_the_error_falls_as_one_over_the_root_of_the_features(rows, method):
    assert -0.65 < measured(rows, quantity="error exponent", method=method) < -0.35


def test_the_exact_step_is_quadratic_in_the_support_and_that_of_rfad_at_most_linear(rows):
    assert measured(rows, quantity="cost exponent", method="exact step") > 1.7
    assert measured(rows, quantity="cost exponent", method="rfad step") < 1.2
    assert measured(rows, quantity="memory exponent", method="exact step") > 1.5
    assert measured(rows, quantity="memory exponent", method="rfad step") < 1.2
