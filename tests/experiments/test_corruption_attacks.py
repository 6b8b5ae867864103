"""Attacks on sets with held pixels, after a descent of a few steps on the digits."""

import numpy as np
import pytest

from distill_lib.data import load
from distill_lib.experiments import corruption
from distill_lib.experiments import corruption_attacks as experiment


@pytest.fixture(scope="module")
def of():
    return experiment.setting(load("digits"), 1, (1, 8, 1), 4, 100)


@pytest.fixture(scope="module")
def run(of):
    return experiment.at_share(of, 0.5)


def test_held_pixels_are_half_of_all_and_keep_their_noise(of, run):
    held = np.asarray(run["held"])
    assert 0.4 < held.mean() < 0.6
    assert held.shape == of.start.shape
    moved = np.asarray(run["points"]) - np.asarray(of.start)
    assert np.abs(moved[held]).min() > 0  # noise in place of the image
    assert set(of.origins) <= set(of.descended)
    assert len(of.descended) + of.validation == len(of.data.x_train)
    assert 0 < run["real"] < 1
    assert 0 < run["distilled"] < 1


def test_attacks_tell_the_neighbour_and_trace_the_image(of, run):
    by = experiment.attacker(of, corruption.problem("digits", 2, 100.0))
    found = experiment.attacked(by, 0.5, run)
    assert found["held"] == pytest.approx(0.5)
    assert experiment.ratio(found["span"], 1e-300) > 1e3
    assert experiment.ratio(found["labels"], 1e-16) > 1e3
    assert 1 <= found["traced"][1] < len(by.images) / 2
    # A point that is the image itself, and one that is not.
    held = np.zeros((1, by.images.shape[1]), bool)
    assert experiment.traced(by.images[7:8], held, np.array([7]), by.images) == pytest.approx(
        (1, 1)
    )
    assert experiment.traced(by.images[7:8], held, np.array([8]), by.images)[1] > 1
    assert experiment.likeness(by.images[7:8], by.images) == pytest.approx(1)
    runs, attacks = {0.0: run, 0.5: run}, {0.0: found, 0.5: found}
    rows = experiment.recorded(of, 1, runs, attacks)
    assert len({(row["model"], row["method"], row["quantity"]) for row in rows}) == 2 * 2 + 2 * 7
    values = experiment.values(by, runs, attacks)
    assert values["most_share"][0] == 50
    assert values["points"] == 10
    assert len(experiment.seen(attacks)) == len(experiment.tested(attacks)) == 2
