from collections import Counter
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import make_project
from rich.console import Console

from distill_lib.companion.report import markdown, origin, published, reason, render, report, verdict
from distill_lib.companion.results import CELL, Results
from distill_lib.companion.root import build_folder, reference_folder

percent = st.floats(0, 100)


def cell(value, tolerance, status="measured"):
    return {"value": value, "tolerance": tolerance, "status": status}


@given(percent, percent, st.floats(0.01, 5))
def test_reproduced_means_within_the_tolerance(value, measured, tolerance):
    gap = abs(value - measured)
    expected = "reproduced" if gap <= tolerance else "differs"
    if abs(gap - tolerance) > 1e-6:  # at the edge, binary rounding decides
        assert verdict(cell(value, tolerance), measured) == expected


@given(percent, st.sampled_from([0.15, 0.5]), st.sampled_from([-1, 1]))
def test_the_tolerance_belongs_to_the_interval(value, tolerance, sign):
    assert verdict(cell(value, tolerance), value + sign * tolerance) == "reproduced"


@given(percent)
def test_what_cannot_be_compared_is_not(measured):
    assert verdict(cell(5.0, 1.0), None) == verdict(None, None) == "not run"
    assert verdict(None, measured) == verdict(cell(None, None, "not run"), measured) == "no published number"
    assert verdict(cell(396000, None, "estimated"), measured) == "estimated"
    assert verdict(cell(16, None), measured) == "not compared"
    assert verdict(cell(5.0, 200.0), measured, "estimated from 4 of 30 steps") == "estimated"


def test_the_published_numbers_are_complete():
    cells = published()
    keys = Counter(tuple(each[key] for key in CELL) for each in cells)
    assert max(keys.values()) == 1
    table_3 = [each for each in cells if each["table"] == "3"]
    assert Counter(each["ipc"] for each in table_3) == {None: 9, 1: 9, 10: 9, 50: 9}
    assert Counter(each["model"] for each in table_3) == {"linear": 12, "fcnn": 12, "rff": 12}
    assert {each["tolerance"] for each in table_3 if each["model"] == "linear"} == {0.15}
    assert {each["tolerance"] for each in table_3 if each["model"] != "linear"} == {0.5}
    table_4 = [each for each in cells if each["table"] == "4"]
    assert Counter((each["method"], each["quantity"]) for each in table_4) == {
        ("kip", "accuracy"): 9,
        ("kip", "seconds"): 9,
        ("closed form", "accuracy"): 9,
        ("closed form", "seconds"): 9,
        ("closed form", "speedup"): 9,
    }
    assert len(table_3) + len(table_4) == len(cells)
    baselines = published("baselines")
    assert Counter(each["model"] for each in baselines) == {"fc-1 ntk": 6, "finite ConvNet": 2}
    assert all(each["table"] == "baselines" and each["tolerance"] is None for each in baselines)


def test_every_published_number_is_well_formed():
    for each in published():
        assert each["dataset"] in ("mnist", "cifar10", "cifar100")
        assert each["status"] in ("measured", "estimated", "not run")
        assert (each["value"] is None) == (each["status"] == "not run")
        assert (each["uncertainty"] is not None) == (
            each["table"] == "4" and each["quantity"] == "accuracy" and each["status"] == "measured"
        )
        assert (each["tolerance"] is not None) == (
            each["quantity"] == "accuracy" and each["status"] == "measured"
        )
        if each["uncertainty"] is not None:
            assert each["tolerance"] == pytest.approx(max(3 * each["uncertainty"], 0.5))


def test_the_papers_speedups_are_the_ratios_of_its_seconds():
    seconds = {
        (c["dataset"], c["ipc"], c["method"]): c["value"] for c in published() if c["quantity"] == "seconds"
    }
    for each in published():
        if each["quantity"] == "speedup":
            where = each["dataset"], each["ipc"]
            assert each["value"] == pytest.approx(
                seconds[*where, "kip"] / seconds[*where, "closed form"], rel=0.01
            )


def test_the_status_of_the_cell_that_was_never_run():
    where = {"table": "4", "dataset": "cifar100", "ipc": 50}
    found = [each for each in published() if where.items() <= each.items() and each["status"] != "measured"]
    assert {(each["method"], each["quantity"], each["status"]) for each in found} == {
        ("kip", "accuracy", "not run"),
        ("kip", "seconds", "estimated"),
        ("closed form", "speedup", "estimated"),
    }


@pytest.fixture
def project(tmp_path):
    return make_project(
        tmp_path / "p", {"table_3": {"datasets": ["mnist"]}, "other": {"cases": [["digits", 1]]}}
    )


def save(folder, monkeypatch, notebook, *rows):
    monkeypatch.setenv("DISTILL_RESULTS", str(folder))
    results = Results(notebook, "tiny")
    for dataset, ipc, measured in rows:
        results.add(
            table="3",
            dataset=dataset,
            ipc=ipc,
            model="linear",
            quantity="accuracy",
            measured=measured,
            unit="%",
        )
    results.save()


def test_every_published_cell_of_the_profiles_data_sets_appears(project):
    cells = report(project, "tiny")
    assert len(cells) == sum(each["dataset"] == "mnist" for each in published())
    assert {each["verdict"] for each in cells} == {"not run"}
    assert "nothing has been run" in origin(cells, "tiny")


def test_fresh_results_go_before_the_committed_ones(project, monkeypatch):
    save(reference_folder(project, "tiny"), monkeypatch, "table_3", ("mnist", 1, 80.0))
    save(reference_folder(project, "tiny"), monkeypatch, "other", ("digits", 1, 90.0))
    save(build_folder(project, "tiny"), monkeypatch, "table_3", ("mnist", None, 86.5), ("mnist", 10, 88.0))
    cells = report(project, "tiny")
    measured = {
        (c["dataset"], c["ipc"]): (c["verdict"], c["source"]) for c in cells if c["measured"] is not None
    }
    assert measured == {
        ("mnist", None): ("reproduced", "fresh"),
        ("mnist", 10): ("differs", "fresh"),
        ("digits", 1): ("no published number", "reference"),
    }
    original = next(each for each in cells if each["measured"] == 86.5)
    assert original["published"] == 86.41
    assert original["difference"] == pytest.approx(0.09)
    assert original["device"].startswith("cpu, ")
    assert (
        origin(cells, "tiny")
        == "profile tiny: fresh results of table_3 and the committed reference run of other"
    )


def test_the_table_shows_every_cell(project, monkeypatch):
    save(build_folder(project, "tiny"), monkeypatch, "table_3", ("mnist", None, 86.5))
    cells = report(project, "tiny")
    console = Console(width=160, record=True, file=StringIO())
    table = render(cells)
    console.print(table)
    assert table.row_count == len(cells)
    text = console.export_text()
    for part in ("original", "86.41", "86.50", "+0.09", "reproduced", "93.44 ± 0.17", "not run"):
        assert part in text


def judged(**change):
    """A cell of the report."""
    base = {
        "table": "3",
        "dataset": "mnist",
        "ipc": 1,
        "model": "linear",
        "method": None,
        "quantity": "accuracy",
    }
    return base | {"verdict": "reproduced", "tolerance": 0.15, "status": "measured", "how": None} | change


def test_every_verdict_has_a_reason():
    assert reason(judged()) == "within 0.15 points"
    assert reason(judged(verdict="not compared", tolerance=None)) == "depends on the device"
    assert reason(judged(verdict="estimated", status="estimated")) == "the paper's number is extrapolated"
    both = judged(verdict="estimated", status="estimated", how="estimated from 4 steps")
    assert reason(both) == "the paper's number is extrapolated and ours is extrapolated"
    assert reason(judged(verdict="no published number", status="not run")) == "not run in the paper"
    assert reason(judged(verdict="no published number", status=None)) == "not in the paper"
    slow = judged(table="4", model="fcnn", method="kip", verdict="not run")
    assert "cost per step" in reason(slow)
    assert reason(slow | {"verdict": "reproduced"}) == "within 0.15 points"


def test_reasons_belong_to_published_cells():
    import json
    from pathlib import Path

    from distill_lib.companion import report as module

    for entry in json.loads((Path(module.__file__).parent / "reasons.json").read_text()):
        assert entry["verdict"] in ("not run", "differs", "estimated", "not compared")
        assert any(entry["cells"].items() <= each.items() for each in published()), entry


def test_the_book_shows_the_same_cells(project, monkeypatch):
    save(build_folder(project, "tiny"), monkeypatch, "table_3", ("mnist", None, 86.5), ("mnist", 1, 80.0))
    for table, columns in (
        ("3", 7),
        ("4", 7),
    ):  # without a difference where nothing is judged, but with the quantity
        cells = [cell for cell in report(project, "tiny") if cell["table"] == table]
        text = markdown(cells).replace("\N{NO-BREAK SPACE}", " ")
        lines = [line for line in text.splitlines() if line.startswith("|")]
        assert len(lines) == 2 + len(cells)
        assert {line.count("|") for line in lines} == {columns + 1}
        if table == "3":
            assert "| mnist | original | linear | 86.41 | 86.50 | +0.09 | reproduced |" in lines
            assert "| mnist | 1 | linear | 86.41 | 80.00 | -6.41 | differs |" in lines
        else:
            assert lines[0] == "| data set | IPC | method | quantity | paper | ours | verdict |"
            assert "not run (1)" in text
            assert "(1) 30,000 steps" in text


def test_results_without_their_origin_are_named(tmp_path):
    from distill_lib.companion.errors import CompanionError
    from distill_lib.companion.results import read_results

    path = tmp_path / "table_3.json"
    path.write_text(
        '{"notebook": "table_3", "profile": "digits", "rows": [], "values": {}, "provenance": []}'
    )
    with pytest.raises(CompanionError, match="lacks provenance"):
        read_results(path)
