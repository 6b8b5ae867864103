"""What the live figures draw: the nearest set, the axes, and which records become curves."""

import numpy as np
import pytest

import distill_lib as dl
from distill_lib.companion.site.live import data, stills
from distill_lib.companion.site.live.axes import Axes

K, D, M = 3, 8, 5


@pytest.fixture(scope="module")
def instance():
    rng = np.random.default_rng(3)
    return rng.normal(size=(K, D)), rng.normal(size=(M, D))


def test_the_nearest_set_is_that_of_the_library(instance):
    w, x = instance
    np.testing.assert_allclose(stills.moved(w, x), dl.nearest_set(w, x).features, atol=1e-9)
    twice = np.vstack([x, x[:1]])  # of dependent points the directions that there are
    np.testing.assert_allclose(stills.moved(w, twice), dl.nearest_set(w, twice).features, atol=1e-9)


def test_only_releases_measured_at_every_epsilon_are_curves():
    row = {
        "table": "accuracy_by_epsilon",
        "dataset": "a",
        "quantity": "accuracy",
        "model": "m",
        "measured": 1.0,
        "spread": 0.0,
    }
    rows = [row | {"method": "non-private", "table": "another"}]
    rows += [
        row | {"method": name}
        for name in ("statistics 1", "statistics 3", "output 1", "weight 2 1")
    ]
    rows += [row | {"method": "output 3", "dataset": "b"}]
    assert [one["name"] for one in data.accuracies({"private_release": {"rows": rows}})] == [
        "noise on the statistics, m"
    ]


def test_axes_place_numbers_on_lines_and_powers():
    axes = Axes((1, 100), (0, 10), "x", left=0, right=200, low=100, top=0)
    assert axes.at(10, 5) == pytest.approx((100, 50))
    assert axes.at(100, 99) == pytest.approx((200, 0))  # what lies above lies on the end
