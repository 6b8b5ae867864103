"""What the page on interpretability computes: sums that add up, points that decide, and removals."""

import jax
import numpy as np
import pytest

from distill_lib.companion.numbers.results import Results
from distill_lib.experiments import interpretability, interpretability_sets
from distill_lib.experiments.interpretability_sets import CLOSED, IMAGES, KIP, MORE_RIDGE, SUBSET


@pytest.fixture(scope="module")
def problem():
    return interpretability_sets.problem("digits", ipc=2, tests=40)


@pytest.fixture(scope="module")
def sets(problem):
    """Without descents: the start, moved a little, stands for what they find."""
    moved = [problem.start + 0.1 * jax.random.normal(jax.random.key(i), (20, 64)) for i in (0, 1)]
    return interpretability_sets.sets(problem, *moved, depth=1, full=60)


@pytest.fixture(scope="module")
def apart(problem, sets):
    return {name: interpretability.taken_apart(problem, one) for name, one in sets.items()}


@pytest.fixture(scope="module")
def rows(problem, sets, apart):
    return [interpretability.reasons(problem, name, sets[name], apart[name]) for name in sets]


def test_contributions_add_up_and_at_most_all_points_decide(rows):
    assert [row["points"] for row in rows] == [20] * 5 + [60] * 2
    for row in rows:
        assert row["sum against score"] < 1e-6
        assert 1 <= row["points for 90 %"] <= row["points"]
        assert row["cancellation"] >= 1
    found = {row["set"]: row["cancellation"] for row in rows}
    assert found[MORE_RIDGE] < found[IMAGES]


def test_shares_grow_to_the_whole(apart):
    for one in apart.values():
        share = interpretability.concentration(one)
        assert len(share) == one.parts.shape[1]
        assert np.all(np.diff(share) >= -1e-12)
        assert share[-1] == pytest.approx(100)


def test_the_formula_of_a_removal_is_training_again(sets, apart):
    row = interpretability.left_out(SUBSET, sets[SUBSET], apart[SUBSET])
    assert row["formula against training again"] < 1e-9
    assert 0 <= row["of opposite sign"] <= 1
    assert 0 < row["answers changed"] < 1
    found = interpretability.removal(apart[SUBSET])
    largest = np.abs(apart[SUBSET].towards(apart[SUBSET].guesses)).max(1)
    assert np.array_equal(np.abs(found.given), largest)


def test_answers_shown_are_three_classes_and_an_error(problem, sets, apart):
    shown = interpretability.answers(problem, sets[SUBSET], apart[SUBSET], count=4)
    classes = [one.titles[0].removeprefix("is ").split(", answer ") for one in shown]
    assert len({truth for truth, guess in classes[:3] if truth == guess}) == 3
    assert classes[3][0] != classes[3][1]
    for one in shown:
        assert one.images.shape == (5, 8, 8, 1)
        assert np.all(np.diff(np.abs(one.values)) <= 0)


@pytest.mark.parametrize("by", ["kip", "rfad"])
def test_descents_move_the_start_and_are_followed(problem, by):
    seen = []
    if by == "kip":
        points = interpretability_sets.kip_points(problem, 4, 50, report=seen.append)
    else:
        points = interpretability_sets.rfad_points(problem, [2, 8, 1], 4, 50, report=seen.append)
    assert [at.step for at in seen] == [2, 4]
    assert points.shape == problem.start.shape
    assert np.abs(np.asarray(points) - np.asarray(problem.start)).max() > 0


def test_everything_can_be_recorded(problem, sets, apart, rows, tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path))
    results = Results("interpretability", "digits")
    found, values = interpretability.recorded(problem, sets, apart, rows)
    results.take(found, values)
    assert [row["ipc"] for row in found] == [2] * 20 + [None] * 8
    assert values["full"] == (60, "{:,d}")
    assert "training_images_more_ridge_cancellation" in values
    assert "training_images_cosine" not in values
    removed = [interpretability.left_out(name, sets[name], apart[name]) for name in (CLOSED, KIP)]
    results.take(*interpretability.recorded_removals(problem, sets, removed))
