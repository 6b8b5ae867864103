"""The page on large problems: its numbers are those of the records, and its formulas hold."""

import math
import re

import numpy as np
import pytest

import distill_lib as dl
from distill_lib.companion.numbers.stored import (
    BENCHMARK,
    load_profile_results,
    load_results,
    read_results,
)
from distill_lib.companion.root import project_root
from distill_lib.companion.site.large import tables
from distill_lib.ridge.batches import BATCH

ROOT = project_root()
PAGE = (ROOT / "book" / "large.md").read_text(encoding="utf-8")


def record(name):
    return read_results(ROOT / "book" / "large" / f"{name}.json", BENCHMARK)


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
    for table in made.values():
        assert "(s)" not in table
        assert "seconds" not in table
    ratio = made["floor"].splitlines()[2].strip("| ").split("|")[-2]
    assert float(ratio) == pytest.approx(record("floor")["measured"]["ratio"], rel=5e-3)


def test_the_long_closed_forms_are_exact_and_take_little_more_than_their_matrices():
    for name, found in record("thin")["measured"].items():
        assert found["recovery error"] < 1e-12, name
        beside = 2.5  # GiB: the model that the set gives back, and the process itself
        assert found["peak (GiB)"] < found["input and output (GiB)"] + beside, name


def test_memory_does_not_grow_with_the_rows():
    *_, million, ten = record("machines")["measured"]["rows"]["by n"]
    assert ten["n"] >= 10**7
    assert million["n"] >= 10**6
    for process in ("largest process (GiB)", "this process (GiB)"):
        assert ten[process] < min(1.5, 1.1 * million[process])


def test_the_exponent_is_that_of_the_last_two_rows_of_the_table():
    made = tables(ROOT)
    *_, million, ten = [
        [float(cell.replace(",", "")) for cell in line.strip("| ").split(" | ")]
        for line in made["growth"].splitlines()[2:]
    ]
    shown = 1 + math.log(ten[1] / million[1]) / math.log(ten[0] / million[0])
    assert f"{shown:.3f}" == f"{float(made['growth_exponent']):.3f}"


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


def test_partitions_have_the_same_bits_whoever_added_them_and_whoever_died():
    measured = record("machines")["measured"]
    same = [value for key, value in measured["workers"].items() if key.endswith("same bits")]
    same += [one["same bits"] for one in measured["deaths"].values() if isinstance(one, dict)]
    assert len(same) >= 4
    assert all(same)
    assert "no |" not in tables(ROOT)["workers"] + tables(ROOT)["deaths"]


@pytest.mark.parametrize("profile", ["digits", "mnist", "large"])
def test_the_committed_runs_hold_what_their_page_says(profile):
    """Every form one model, memory that stands still, sets that carry W, silos that cost nothing."""
    found = load_results(ROOT, profile, fresh=False).get("past_one_machine")
    if found is None:
        pytest.skip(f"the profile {profile} has no committed run of the page")
    said = {name: entry["number"] for name, entry in found["values"].items()}
    assert said["forms_error"] < 1e-6
    assert said["forms_other_bits"] == 0
    assert said["growing_exponent"] == 0
    assert abs(said["growing_bytes_exponent"]) < 0.1
    assert said["growing_times"] >= 16
    assert said["solved_share"] <= 1
    assert max(said["with_g_error"], said["without_g_error"]) < 1e-9
    assert said["residual"] <= 2e-6
    assert max(said["silos_apart_error"], said["revealed_error"]) < 1e-6
    accuracy = {}
    for row in found["rows"]:
        if row["quantity"] == "accuracy" and row["method"].endswith(" G"):
            accuracy.setdefault(row["method"], {})[row["ipc"]] = row["measured"]
    assert set(accuracy) == {"with G", "without G"}
    for way, of in accuracy.items():
        assert of[1] == pytest.approx(of[None], abs=1)
        assert of[None] > 200 / said[f"{way.replace(' ', '_').lower()}_classes"]


def test_the_tables_of_the_notebook_are_those_of_the_largest_run_there_is():
    made = tables(ROOT)
    has = [
        profile
        for profile in ("large", "mnist", "digits")
        if "past_one_machine" in load_results(ROOT, profile, fresh=False)
    ]
    assert made["path_profile"] == has[0]
    said = load_results(ROOT, has[0], fresh=False)["past_one_machine"]["values"]
    *_, first, second = made["path"].splitlines()
    assert said["with_g_p"]["text"] in first
    assert said["without_g_images"]["text"] in second
    assert made["passes"] == said["passes"]["text"]
    heads, _, *rows = made["silos"].splitlines()
    assert heads.count("varepsilon") >= 3
    assert len(rows) >= 3
    assert all(row.count("±") == heads.count("varepsilon") for row in rows)
    assert made["revealed"].count("\n") == 4
    assert made["silos_set"] in ("MNIST", "digits")


def test_the_forecast_is_for_one_worker_and_for_more():
    *_, one, eight, sixty_four = tables(ROOT)["forecast"].splitlines()
    hours = []
    for line, count in ((one, 1), (eight, 8), (sixty_four, 64)):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert int(cells[0]) == count
        hours.append(float(cells[1].replace(",", "")))
    assert 1 < hours[0] / hours[1] <= 8.1
    assert hours[1] > hours[2]


def test_a_profile_may_bear_the_name_of_what_the_prose_pastes():
    """{{ large.floor }} is a table, and {{ large.past_one_machine.passes }} a number of a run."""
    from distill_lib.companion.site.pasted import substitutions

    pasted = substitutions(ROOT, "digits")["large"]
    assert pasted["floor"] == tables(ROOT)["floor"]
    for name, numbers in load_profile_results(ROOT, "large", fresh=False).items():
        assert pasted[name] == numbers


def test_the_distance_to_the_solution_is_bounded_by_the_residual():
    """The formula of the page: W - W_* = R (G + lam I)^{-1}."""
    rng = np.random.default_rng(2)
    f, y, reg = rng.normal(size=(9, 5)), rng.normal(size=(9, 2)), 0.4
    inverse = np.linalg.inv(f.T @ f + reg * np.eye(5))
    w = y.T @ f @ inverse + rng.normal(size=(2, 5))
    residual = w @ (f.T @ f + reg * np.eye(5)) - y.T @ f
    apart = w - y.T @ f @ inverse
    assert np.allclose(apart, residual @ inverse)
    assert np.linalg.norm(apart) <= np.linalg.norm(residual) / reg
