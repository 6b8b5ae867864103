"""The live figures without their scripts: what they draw, and which records they show."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import distill_lib as dl
from distill_lib.companion.site.live import data, stills
from distill_lib.companion.site.live.axes import Axes
from distill_lib.companion.site.live.figures import figures

ROOT = Path(__file__).parents[2]
K, D, M = 3, 8, 5


@pytest.fixture(scope="module")
def instance():
    rng = np.random.default_rng(3)
    return rng.normal(size=(K, D)), rng.normal(size=(M, D))


@pytest.fixture(scope="module")
def recorded():
    path = ROOT / "book" / "reference" / "digits" / "results" / "privacy.json"
    return {"privacy": json.loads(path.read_text(encoding="utf-8"))}


def test_the_nearest_set_is_that_of_the_library(instance):
    w, x = instance
    np.testing.assert_allclose(stills.moved(w, x), dl.nearest_set(w, x).features, atol=1e-9)
    twice = np.vstack([x, x[:1]])  # of dependent points the directions that there are
    np.testing.assert_allclose(stills.moved(w, twice), dl.nearest_set(w, twice).features, atol=1e-9)


def test_every_figure_is_one_line_that_tells_what_it_shows(recorded):
    found = figures(ROOT, recorded)
    assert set(found) == {"roots", "labels", "nearest", "kernel", "privacy"}
    for name, html in found.items():
        assert "\n" not in html
        assert f'data-live="{name}"' in html
        for part in ("<title", "<desc", "<output>", "data-now", "data-axes"):
            assert html.count(part) == 1, (name, part)
        assert len(html) < 12_000
        assert not re.search(r"nan|inf\b", html)
    assert "privacy" not in figures(ROOT, {})


def test_a_project_without_the_digits_has_no_figures(tmp_path, recorded):
    assert figures(tmp_path, recorded) == {}
    assert data.script(tmp_path, recorded) == {}


def test_the_script_has_the_digits_and_the_records(recorded):
    (script,) = data.script(ROOT, recorded).values()
    held = json.loads(script.decode().removeprefix("globalThis.distilLive=").removesuffix(";\n"))
    assert len(script) < 20_000
    assert "provenance" not in held["digits"]
    rows = {
        (row["method"], row["model"]): row
        for row in recorded["privacy"]["rows"]
        if row["table"] == "privacy"
    }
    names = {
        f"{label}, {model}": (method, model)
        for method, label in data.NAMES.items()
        for model in ("pixels", "network")
    }
    assert len(held["privacy"]) >= 3
    for curve in held["privacy"]:
        method, model = names[curve["name"]]
        for epsilon, mean in zip(curve["epsilon"], curve["mean"], strict=True):
            assert mean == pytest.approx(rows[f"{method} {epsilon:g}", model]["measured"], abs=1e-4)
        assert curve["without"] == pytest.approx(rows["non-private", model]["measured"], abs=1e-4)


def test_only_releases_measured_at_every_epsilon_are_curves():
    row = {
        "table": "privacy",
        "dataset": "a",
        "quantity": "accuracy",
        "model": "m",
        "measured": 1.0,
        "spread": 0.0,
    }
    rows = [
        row | {"method": name}
        for name in ("non-private", "statistics 1", "statistics 3", "output 1", "weight 2 1")
    ]
    rows += [row | {"method": "output 3", "dataset": "b"}]
    assert [one["name"] for one in data.accuracies({"privacy": {"rows": rows}})] == [
        "noise on the statistics, m"
    ]


def test_axes_place_numbers_on_lines_and_powers():
    axes = Axes((1, 100), (0, 10), "x", left=0, right=200, low=100, top=0)
    assert axes.at(10, 5) == pytest.approx((100, 50))
    assert axes.at(100, 99) == pytest.approx((200, 0))  # what lies above lies on the end
