"""What the page on 8-bit images computes: sets that carry the model, and what rounding leaves of it."""

import numpy as np
import pytest

from distill_lib.experiments import quantisation, quantisation_numbers
from distill_lib.experiments.common import relative_error
from distill_lib.experiments.quantisation import LABELS, NAMES, ROBUST, SMALL


@pytest.fixture(scope="module")
def problem():
    return quantisation.problem("digits", 0.05)


@pytest.fixture(scope="module")
def made(problem):
    return quantisation.sets(problem, 3)


@pytest.fixture(scope="module")
def rows(problem, made):
    return quantisation.measured(problem, made, 3, [8, 16], True)


def test_every_set_but_labels_only_trains_to_the_model(problem, made):
    assert list(made.made) == list(NAMES)
    for name, one in made.made.items():
        error = relative_error(quantisation.trained(*one), problem.w)
        assert (error < 1e-6) == (name != LABELS)


def test_more_bits_and_new_labels_lose_less(rows):
    found = {(row["set"], row["limits"], row["how"]): row for row in rows}
    for name in NAMES[:-1]:
        eight, sixteen = (found[name, "own", how] for how in (8, 16))
        assert sixteen["kept"] < eight["kept"]
        assert eight["solved"] <= eight["kept"] * (1 + 1e-9)
        assert found[name, "own", "float32"]["kept"] < found[name, "own", "float16"]["kept"]
    assert found[ROBUST, "own", 8]["solved"] < 0.05
    assert {limits for _, limits, _ in found} == {"own", "pixels", "image"}


def test_the_tolerance_buys_distance(problem, made):
    """A larger penalty moves the robust set away from the samples, and rounding costs it less."""
    along = quantisation.trade(problem, made)
    assert np.all(np.diff([row["distance"] for row in along]) > 0)
    assert along[-1]["solved"] < along[0]["solved"]


def test_a_large_ridge_brings_the_corollary_nearer(problem, made):
    rows = {(row["set"], row["lam_S"]): row for row in quantisation.with_ridge(problem, made)}
    near, far = (rows["Cor. 4.1.1", title]["distance"] for title in ("100 s_1^2", "0"))
    assert near < far


def test_pixels_moved_by_less_than_half_a_step_are_stored_as_the_samples(problem, made):
    row = quantisation.near_pixels(problem, made, 3)
    assert row["within half a step"] <= row["same code"] + 1e-9


def test_rows_and_numbers_are_those_at_eight_bits(problem, made, rows):
    ridge = [
        {
            "set": "Cor. 4.1.1",
            "lam_S": title,
            "distance": 0.1,
            "labels kept": 0.2,
            "solved again": 0.3,
        }
        for title in ("0", "100 s_1^2")
    ]
    out, values = quantisation_numbers.recorded(problem, {3: made}, rows, ridge)
    assert len(out) == 2 * len(NAMES)
    small = next(
        row for row in rows if (row["set"], row["how"], row["limits"]) == (SMALL, 8, "own")
    )
    assert values["small_worst"][0] == values["middle_small_kept"][0] == small["kept"]
    assert values["ridge_large_labels_kept"] == (0.2, "{:.2g}")
    assert values["tolerance"] == (5, "{:.0f} %")
    # Proposition on small roots: at Z = 0 with balanced one-hot labels 2 sqrt(k) + 1/2 is enough.
    factor = values["small_factor_without_noise"][0]
    assert factor <= values["small_factor_limit"][0] == 2 * np.sqrt(10) + 0.5
    labels = made.made[SMALL].labels
    d = np.linalg.pinv(labels.T) @ problem.w
    size = 2 * np.linalg.norm(labels) * np.linalg.norm(d, 2) / np.linalg.norm(problem.w)
    assert factor == pytest.approx(size + 0.5)
    assert 0 < values["small_worst_without_noise"][0] < 0.1
