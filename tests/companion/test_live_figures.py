"""The live figures without their scripts: what they draw, and which records they show."""

import json
import re
from pathlib import Path

import pytest

from distill_lib.companion.numbers.stored import read_results
from distill_lib.companion.site.live import data
from distill_lib.companion.site.live.figures import figures

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recorded():
    path = ROOT / "book" / "reference" / "digits" / "results" / "private_release.json"
    return {"private_release": read_results(path)}


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
    rows = {(row["method"], row["model"]): row for row in recorded["private_release"]["rows"]}
    names = {
        f"{label}, {model}": (method, model)
        for method, label in data.NAMES.items()
        for model in ("pixels", "network")
    }
    assert len(held["privacy"]) == 5
    for curve in held["privacy"]:
        method, model = names[curve["name"]]
        for epsilon, mean in zip(curve["epsilon"], curve["mean"], strict=True):
            assert mean == pytest.approx(rows[f"{method} {epsilon:g}", model]["measured"], abs=1e-4)
        assert curve["without"] == pytest.approx(rows["non-private", model]["measured"], abs=1e-4)
