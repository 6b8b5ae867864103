"""KIP and label solve on digits: what their runs hold, the rows made of them, and a step's cost."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from distill_lib.experiments import common, kip
from distill_lib.experiments.kip import DESCENTS, FIXED, LEARNED, SOLVE, SOLVED, START, SUBSET
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.whitening import Whitening

STEPS = 4


@pytest.fixture(scope="module")
def digits():
    return kip.problem("digits", "ntk", "fc", 1)


@pytest.fixture(scope="module")
def found(digits):
    """A run, and the names of its descents."""
    names = []

    def follow(name):
        names.append(name)
        return {"report": None}

    return kip.run(digits, 1, STEPS, 0, 200, 2, follow), names


def test_all_methods_begin_with_the_same_samples_and_gain(found):
    run, names = found
    assert names == [f"digits/1/0/{method}" for method in DESCENTS]
    assert run[FIXED]["curve"][0] == run[LEARNED]["curve"][0] == run[START]["accuracy"]
    assert run[SOLVED]["curve"][0] == run[SOLVE]["accuracy"] > run[START]["accuracy"]
    assert len(set(run[SUBSET]["accuracy"])) == 2
    for method in DESCENTS:
        one = run[method]
        assert one["accuracy"] == one["curve"][-1] > run[START]["accuracy"] + 0.05
        assert len(one["curve"]) == len(one["seconds"]) == STEPS + 1
        assert one["points"].shape == run[START]["points"].shape == (10, 64)
        assert not np.allclose(one["points"], run[START]["points"])


def test_fixed_learned_and_solved_labels_are_three_descents(found):
    run, _ = found
    for one, other in itertools.combinations(DESCENTS, 2):
        assert not np.allclose(run[one]["points"], run[other]["points"], rtol=1e-3)


def test_rows_are_means_over_seeds_and_the_subset_over_all_draws(digits, found):
    run, _ = found
    other = {
        method: one | {"accuracy": np.array(one["accuracy"]) / 2} for method, one in run.items()
    }
    rows = kip.recorded(digits, 1, STEPS, [run, other])
    accuracy = {row["method"]: row for row in rows if row["quantity"] == "accuracy"}
    assert list(accuracy) == [START, SUBSET, SOLVE, *DESCENTS]
    assert accuracy[SUBSET]["seeds"] == 4
    assert accuracy[LEARNED]["measured"] == pytest.approx(75 * run[LEARNED]["accuracy"])
    assert accuracy[LEARNED]["spread"] == pytest.approx(25 * run[LEARNED]["accuracy"])
    assert [row["method"] for row in rows if row["unit"] == "s"] == list(DESCENTS)
    assert {row["method"]: row["steps"] for row in rows} == dict.fromkeys(
        accuracy, 0
    ) | dict.fromkeys(DESCENTS, STEPS)
    assert {row["model"] for row in rows} == {"fc-1 ntk"}


def test_gains_are_points_above_the_mean_subset(digits, found):
    run, _ = found
    values = kip.gains(digits, 1, [run])
    assert values["gain"][0] > 0 < values["solve_gain"][0]
    even = {method: one | {"accuracy": 0.5} for method, one in run.items()}
    flat = kip.gains(digits, 1, [even])
    assert [flat[name][0] for name in ("gain", "solve_gain", "subset_spread")] == [0, 0, 0]
    depth, form = values["kernel"]
    assert form.format(depth) == "FC-1 NTK"


def test_the_exponent_of_the_kernel_values_lies_between_one_and_two(digits):
    found = kip.costs(digits, [10], 10)
    assert len(found) == 1
    assert min(found) > 0
    points = [10, 40, 160]
    (row,), values = kip.recorded_costs(digits, points, 40, [m**3 for m in points])
    assert row["measured"] == values["exponent"][0] == pytest.approx(3)
    assert 1 < values["pairs_exponent"][0] < 2
    assert (row["points"], row["batch"], row["method"]) == (points, 40, FIXED)


@pytest.mark.parametrize(
    ("architecture", "channels", "inputs"),
    [("conv", 3, Whitening), ("conv", 1, Normalisation), ("fc", 3, Normalisation)],
)
def test_colour_is_whitened_for_convolutions(architecture, channels, inputs, monkeypatch):
    shape = (4, 4, channels)
    x = np.random.default_rng(0).integers(0, 256, (60, *shape)).astype(np.uint8)
    info = SimpleNamespace(
        shape=shape,
        pixel_max=255,
        mean=(0.5,) * channels,
        std=(0.3,) * channels,
        classes=("a", "b"),
    )
    y = np.arange(60) % 2
    data = SimpleNamespace(info=info, x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    monkeypatch.setattr(kip, "load", lambda name: data)
    of = kip.problem("drawn", "nngp", architecture, 1)
    assert isinstance(of.targets.preprocessing, inputs)
    assert (of.tests.shape, of.tests.dtype) == ((9, 16 * channels), "float64")


def test_the_least_of_three_calls_or_more_is_taken_after_the_first():
    ticks = itertools.accumulate([0, 3, 5, 2, 5, 4], lambda now, more: now + more)
    calls = []
    least = common.seconds(calls.append, 1, clock=lambda: float(next(ticks)))
    assert (least, len(calls)) == (2, 4)
