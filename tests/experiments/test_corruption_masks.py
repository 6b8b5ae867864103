"""Held pixels on the digits: what the theorem promises is found, what it forbids is not."""

import numpy as np
import pytest

from distill_lib.experiments import corruption


@pytest.fixture(scope="module")
def problem():
    return corruption.problem("digits", 2, 100.0)


def test_the_theorem_decides_each_mask_on_its_own_side(problem):
    k, d, m = problem.sizes
    pixels = np.argsort(-np.abs(problem.w).sum(0))
    assert corruption.promised(problem, np.zeros((m, d), bool)) == "part 1"
    assert corruption.promised(problem, corruption.whole(m, d, pixels[:m])) == "part 2"
    assert corruption.promised(problem, corruption.whole(m, d, pixels[: m + 1])) == "none: part 3"
    held = corruption.whole(m, d, [])
    held[: m - k + 1, :3] = True  # three pixels, free in k - 1 points
    assert corruption.promised(problem, held) == "part 2"
    held[: m - k + 1, : m + 2] = True  # more than m of them, and fewer conditions than unknowns
    assert corruption.promised(problem, held) is None


def test_black_pixels_can_be_held_in_one_point_fewer_than_others(problem):
    """The counterexample to a count of pixels alone: b of rank one need m >= b + k - 1."""
    (k, d, _), black = problem.sizes, problem.black
    assert len(black) == 3
    found, others = {}, np.setdiff1d(np.argsort(-np.abs(problem.w).sum(0))[:6], black)[:3]
    for points in (k + 2, k + 1):
        for name, pixels in (("black", black), ("others", others)):
            mask = corruption.whole(points, d, pixels)
            found[name, points] = corruption.held_exactly(problem, mask)
    for key in (("black", k + 2), ("others", k + 2), ("others", k + 1)):
        assert found[key]["set"] == "part 2"
        assert found[key]["error"] < 1e-9
        assert found[key]["accuracy"] > 0.8
    assert found["black", k + 1]["set"] == "none: part 2"
    assert "error" not in found["black", k + 1]


def test_the_masks_are_those_of_the_table(problem):
    k, d, m = problem.sizes
    named = {(word, count): mask for word, count, mask in corruption.masks(problem)}
    for (word, count), mask in named.items():
        held = mask.sum(0)
        if word == corruption.EACH:
            assert (held == count).all()
        elif word == corruption.ALL:
            assert sorted(set(held)) in ([0, m], [0], [m])
            assert np.sum(held == m) == count
    share = named[corruption.BOTH, m].mean()
    assert share == pytest.approx(1 - k * (d - m) / (m * d))
    assert len(named[corruption.BLACK, k + 1]) == k + 1
    assert corruption.limit(problem) == max(
        count for count in range(m + 1) if d * max(0, k - (m - count)) <= m * k
    )


def test_rows_and_numbers(problem):
    exact = {"share": 0.5, "bound": 0.0, "set": "part 1", "error": 1e-14, "accuracy": 0.9}
    exact |= {"independence": 0.1, "rms": 1.5, "condition": 10.0, "m": 20, "points": None}
    beyond = {"share": 0.6, "bound": 0.2, "set": "none: part 3", "m": 20}
    rows = {("each point", 10): exact, ("each point", 13): exact, ("both", 20): exact}
    rows |= {("all points", 21): beyond}
    assert corruption.last(problem, rows) == 13
    recorded, values = corruption.recorded(problem, 2, rows)
    assert [row["quantity"] for row in recorded] == ["relative error"] * 3 + [
        "least relative error"
    ]
    assert values["black"] == 3
    assert values["last_free"] == 7
    assert values["whole_limit"][0] == pytest.approx(100 * 20 / 64)
    assert corruption.shown(rows)[3]["no set below"] == "0.20"
