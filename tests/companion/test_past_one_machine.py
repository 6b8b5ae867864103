"""The page on large problems: its numbers are those of the records, and its formulas hold."""

import json
import re

import numpy as np
import pytest

import distill_lib as dl
from distill_lib.companion.root import project_root
from distill_lib.companion.site.large import tables
from distill_lib.ridge.batches import BATCH

ROOT = project_root()
PAGE = (ROOT / "book" / "large.md").read_text(encoding="utf-8")


def record(name):
    return json.loads((ROOT / "book" / "large" / f"{name}.json").read_text(encoding="utf-8"))


def test_the_page_pastes_what_there_is():
    asked = re.findall(r"\{\{ large\.(\w+) \}\}", PAGE)
    assert set(asked) == set(tables(ROOT))


def test_a_project_without_records_has_no_tables(tmp_path):
    assert tables(tmp_path) == {}


def test_the_tables_tell_the_records():
    made, thin = tables(ROOT), record("thin")["measured"]
    lines = made["thin"].splitlines()
    assert len(lines) == 2 + len(thin)
    for line, (name, found) in zip(lines[2:], thin.items(), strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == name
        assert float(cells[2]) == pytest.approx(found["peak (GiB)"], rel=5e-3)
        assert float(cells[3]) == pytest.approx(found["recovery error"], rel=5e-2)
    ratio = made["floor"].splitlines()[2].strip("| ").split("|")[-2]
    assert float(ratio) == pytest.approx(record("floor")["measured"]["ratio"], rel=5e-3)


def test_the_long_closed_forms_are_exact_and_take_little_more_than_their_matrices():
    for name, found in record("thin")["measured"].items():
        assert found["recovery error"] < 1e-12, name
        beside = 2.5  # GiB: the model that the set gives back, and the process itself
        assert found["peak (GiB)"] < found["input and output (GiB)"] + beside, name


def test_the_batch_is_that_of_the_library():
    assert tables(ROOT)["batch"] == f"{BATCH:,}"


def test_parts_add_up_as_the_page_says():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 2, 2, 1)).astype(np.uint8), np.arange(40) % 2
    norm, phi = dl.Normalisation((2, 2, 1), 255, (0.5,), (0.25,)), dl.Linear(4)
    halves = [slice(0, 15), slice(15, 40)]
    streams = [dl.Stream.of_arrays(images[half], labels[half], 2) for half in halves]
    parts = (dl.RidgeStats.of_images(stream, None, 2, phi, norm) for stream in streams)
    path = dl.RidgePath.of(sum(parts))
    whole = dl.RidgePath.of(dl.RidgeStats.of_images(images, labels, 2, phi, norm))
    assert np.allclose(path.weights(0.1), whole.weights(0.1), rtol=1e-10)


def test_the_second_residual_is_the_first_over_one_minus_the_leverage():
    """The formula of the page, on models trained without a sample."""
    rng = np.random.default_rng(1)
    f, y, reg = rng.normal(size=(12, 4)), rng.normal(size=(12, 2)), 0.3
    path = dl.RidgePath.of(dl.RidgeStats.of(f, y))
    h = (f @ np.asarray(path.vectors)) ** 2 @ np.asarray(path.filter(reg))
    residual = y - f @ np.asarray(path.weights(reg)).T
    for i in range(12):
        rest = np.arange(12) != i
        other = dl.RidgePath.of(dl.RidgeStats.of(f[rest], y[rest])).weights(reg)
        assert np.allclose(y[i] - f[i] @ np.asarray(other).T, residual[i] / (1 - h[i]), rtol=1e-9)
