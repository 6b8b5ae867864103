"""The runs past one machine, on tiny instances: every form gives one model, memory stands still, W
without G is W, and a process of its own tells its progress.
"""

import subprocess

import numpy as np
import pytest

from distill_lib.experiments import imagenet_shape, past_one_machine
from distill_lib.experiments import past_one_machine_numbers as numbers
from distill_lib.experiments.past_one_machine import Counted, TrainingSet
from distill_lib.ridge import RidgeStats, batches

SMALL = {"size": 4, "classes": 5, "count": 2, "rows": 60, "share": 1e-4}
MANY = SMALL | {"share": 1e-6, "sketch": 12, "tol": 1e-9}


@pytest.fixture(scope="module")
def given() -> TrainingSet:
    return past_one_machine.training_set(size=4, classes=3, rows=95)


@pytest.fixture(scope="module")
def forms(given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH", 10)
        return {row["form"]: row for row in past_one_machine.forms(given, 20, 1e-3)}


def test_every_form_gives_the_model_of_the_array_and_the_bits_that_the_page_promises(forms):
    assert len(forms) == 7
    assert max(row["error"] for row in forms.values()) < 1e-10
    compared = {form: row["same bits as"] for form, row in forms.items() if "same bits as" in row}
    assert compared == {
        "file, by slices": "array",
        "stream, cut elsewhere": "stream",
        "partitions, stopped and resumed": "partitions in order",
    }
    assert all(forms[form]["same bits"] for form in compared)


def test_only_the_array_is_alive_as_a_whole(forms):
    alive = {form: row["alive"] for form, row in forms.items()}
    assert alive.pop("array") == 95
    assert max(alive.values()) <= 40


def test_rows_are_counted_while_they_live():
    seen = Counted()
    held = [seen(np.zeros(3)), seen(np.zeros(4))]
    assert (seen.alive, seen.most) == (7, 7)
    del held[0]
    assert (seen.alive, seen.most) == (4, 7)


def test_one_last_bit_is_another_bit(given):
    one = given.stats(given.images, given.labels)
    moved = np.nextafter(np.asarray(one.gram), np.inf)
    other = RidgeStats(moved, one.cross, one.label_sq, one.count)
    assert past_one_machine.same_bits(one, one)
    assert not past_one_machine.same_bits(one, other)


def test_memory_does_not_grow_with_the_partitions_and_the_images_do(monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 100)
    rows = past_one_machine.growing([2, 32], size=8, classes=3, rows=100)
    assert [row["n"] for row in rows] == [200, 3200]
    assert rows[0]["alive"] == rows[1]["alive"] <= 200
    assert past_one_machine.exponent(rows, "alive") == 0
    assert past_one_machine.exponent(rows, "bytes") == 1
    assert rows[1]["bytes alive"] < 1.2 * rows[0]["bytes alive"]


def test_the_exponent_is_that_of_a_power():
    rows = [{"n": n, "square": 3 * n**2} for n in (1, 5, 40)]
    assert past_one_machine.exponent(rows, "square") == pytest.approx(2)


def test_w_without_g_is_w_within_its_bound_and_a_sketch_saves_passes(given):
    rows = past_one_machine.solutions(given, 90, [1e-2, 1e-4], [0, 8, 24])
    assert [row["share"] for row in rows] == [1e-2] * 3 + [1e-4] * 3
    for row in rows:
        assert row["converged"]
        assert 0 < row["error"] <= row["bound"] < 1e-3
    for plain, _, sketched in (rows[:3], rows[3:]):
        assert sketched["passes"] < plain["passes"]
    assert rows[3]["passes"] > rows[0]["passes"]


def test_the_whole_way_with_g_and_without_it_finds_one_model():
    with_g, free = imagenet_shape.shape(**SMALL | {"share": 1e-6}), imagenet_shape.shape(**MANY)
    for row in (with_g, free):
        assert row["error"] < 1e-9
        assert row["accuracy"] == row["of the set"]
        assert (row["p"], row["n"], row["tests"]) == (48, 120, 60)
    assert with_g["accuracy"] == pytest.approx(free["accuracy"], abs=1 / 60)
    assert free["residual"] <= 2e-9
    assert free["passes"] > 3


def test_a_process_of_its_own_tells_its_progress_and_its_peak():
    told = []
    found = imagenet_shape.in_child(SMALL, told.append)
    assert told[:2] == ["partition 1 of 2", "partition 2 of 2"]
    assert 0.05 < found.pop("peak") < 2
    wanted = imagenet_shape.shape(**SMALL)
    assert found.pop("error") < 1e-9
    assert found == {name: value for name, value in wanted.items() if name != "error"}


def test_a_process_that_is_stopped_ends_and_one_that_fails_is_told():
    class Over(BaseException):
        pass

    def stop(line):
        raise Over

    with pytest.raises(Over):
        imagenet_shape.in_child(SMALL | {"count": 1000}, stop)
    with pytest.raises(subprocess.CalledProcessError):
        imagenet_shape.in_child(SMALL | {"size": 0})


def test_what_is_recorded_has_a_name_each_and_a_tolerance(given, forms, tmp_path, monkeypatch):
    from distill_lib.companion.files import read_json
    from distill_lib.companion.judge.recorded import numbers as every
    from distill_lib.companion.judge.tolerances import rule_of
    from distill_lib.companion.numbers.results import Results

    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path))
    results = Results("past_one_machine", "tiny")
    row = imagenet_shape.shape(**SMALL) | {"peak": 0.5}
    free = row | {"sketch": 12, "passes": 9, "forecast": 8, "residual": 1e-7}
    grown = [{"n": n, "alive": 7, "bytes alive": 2**20, "bytes": n} for n in (10, 20)]
    solved = {"passes": 9, "forecast": 8, "residual": 1e-9, "error": 1e-8, "bound": 1e-7}
    dealt = [{"silos": 4, "exact": 90.0, "epsilon 1": (80.0, 2.0)}]
    for made in (
        numbers.of_forms(given.name, list(forms.values())),
        numbers.of_growing(grown),
        numbers.of_solutions(given.name, [{"share": 1e-3, "sketch": s} | solved for s in (0, 8)]),
        numbers.of_shapes({"with G": row, "without G": free}),
        numbers.of_silos("digits", 3, dealt, 1e-9, {"one image": 1e-12}),
    ):
        results.take(*made)
    found = every(read_json(results.save()))
    assert len(found) > 60
    for number in found.values():
        rule_of(number)
