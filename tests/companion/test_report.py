import json
import math
import re
from collections import Counter
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import make_project
from rich.console import Console

from distill_lib.companion.judge.report import (
    _as_ours,
    _finished,
    origin,
    published,
    reason,
    report,
    verdict,
)
from distill_lib.companion.judge.report_tables import markdown, render
from distill_lib.companion.numbers.results import CELL, Results
from distill_lib.companion.numbers.stored import read_results
from distill_lib.companion.root import build_folder, project_root, reference_folder
from distill_lib.data.catalogue import CATALOGUE

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
    assert (
        verdict(None, measured)
        == verdict(cell(None, None, "not run"), measured)
        == "no published number"
    )
    assert verdict(cell(396000, None, "estimated"), measured) == "estimated"
    assert verdict(cell(16, None), measured) == "not compared"
    assert verdict(cell(5.0, 200.0), measured, "estimated from 4 of 30 steps") == "estimated"
    assert verdict(cell(5.0, 200.0), measured, "after 4 of 30 steps") == "not run"
    assert verdict(None, measured, "after 4 of 30 steps") == "no published number"


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
    table_1 = [each for each in cells if each["table"] == "1"]
    assert len(table_1) + len(table_3) + len(table_4) == len(cells)
    baselines = published("baselines")
    assert all(each["table"] == "baselines" for each in baselines)
    keys = Counter(tuple(each[key] for key in CELL) for each in baselines)
    assert max(keys.values()) == 1
    counts = Counter((each["method"], each["model"]) for each in baselines)
    assert counts == {
        ("kip", "fc-1 ntk"): 6,
        ("rfad", "finite ConvNet"): 14,
        ("rfad, kernel regression", "convnet-3 nngp"): 5,
        ("rfad, corrupted", None): 1,
        ("rfad", "convnet-3 ntk"): 1,  # how much faster than its exact kernel
        **{
            (method, model): 8
            for method in ("kip convnet", "label solve")
            for model in ("convnet-3 ntk", "finite ConvNet")
        },
    }
    for each in baselines:
        if each["quantity"] == "speedup":
            assert each["tolerance"] is None
        elif each["uncertainty"] is None:
            assert each["tolerance"] == 1
        else:
            assert each["tolerance"] == pytest.approx(max(3 * each["uncertainty"], 0.5))


def test_the_counts_of_table_1_are_those_of_the_data():
    from distill_lib.data import describe

    info = next(entry.info for entry in describe() if entry.info.name == "mnist")
    d, k = math.prod(info.shape), len(info.classes)
    assert {(c["model"], c["method"]): c["value"] for c in published() if c["table"] == "1"} == {
        ("linear", "Izzo and Zou, every λ"): d,
        ("linear", "Chen et al."): k,
        ("surjective", "Chen et al."): k,
        ("not surjective", "deep linear, trained"): k + 1,
    }


def test_every_published_number_is_well_formed():
    for each in published():
        assert each["dataset"] in ("mnist", "cifar10", "cifar100")
        assert each["status"] in ("measured", "estimated", "stated", "not run")
        assert (each["status"] == "stated") == (each["table"] == "1") == (each["tolerance"] == 0)
        assert (each["value"] is None) == (each["status"] == "not run")
        assert (each["uncertainty"] is not None) == (
            each["table"] == "4" and each["quantity"] == "accuracy" and each["status"] == "measured"
        )
        assert (each["tolerance"] is not None) == (
            (each["quantity"] == "accuracy" and each["status"] == "measured")
            or each["status"] == "stated"
        )
        if each["uncertainty"] is not None:
            assert each["tolerance"] == pytest.approx(max(3 * each["uncertainty"], 0.5))


def test_the_papers_speedups_are_the_ratios_of_its_seconds():
    seconds = {
        (c["dataset"], c["ipc"], c["method"]): c["value"]
        for c in published()
        if c["quantity"] == "seconds"
    }
    for each in published():
        if each["quantity"] == "speedup":
            where = each["dataset"], each["ipc"]
            assert each["value"] == pytest.approx(
                seconds[*where, "kip"] / seconds[*where, "closed form"], rel=0.01
            )


def test_the_status_of_the_cell_that_was_never_run():
    where = {"table": "4", "dataset": "cifar100", "ipc": 50}
    found = [
        each
        for each in published()
        if where.items() <= each.items() and each["status"] != "measured"
    ]
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
    save(
        build_folder(project, "tiny"),
        monkeypatch,
        "table_3",
        ("mnist", None, 86.5),
        ("mnist", 10, 88.0),
    )
    cells = report(project, "tiny")
    measured = {
        (c["dataset"], c["ipc"]): (c["verdict"], c["source"])
        for c in cells
        if c["measured"] is not None
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
        == "profile tiny: fresh results of table_3 and the committed reference run of other; all on cpu"
    )
    elsewhere = [
        each | {"device": "A GPU"} if each["notebook"] == "other" else each for each in cells
    ]
    assert origin(elsewhere, "tiny").endswith("run of other; other on A GPU, table_3 on cpu")


def test_data_that_are_not_the_official_ones_are_named(project, monkeypatch):
    """By what a run recorded, or for older runs by what is known of the digest."""
    folder = build_folder(project, "tiny")
    save(folder, monkeypatch, "table_3", ("mnist", 1, 80.0), ("cifar10", 1, 30.0))
    path = folder / "results" / "table_3.json"
    content = read_results(path)
    known = next(iter(CATALOGUE["cifar10"].contents.items()))
    content["provenance"] |= {
        "data": {"cifar10": known[0]},
        "content": {"mnist": "a copy, one bit off"},
    }
    path.write_text(json.dumps(content))
    cells = report(project, "tiny")
    assert origin(cells, "tiny").endswith(f"cifar10: {known[1]}; mnist: a copy, one bit off")
    assert {c["dataset"]: c["content"] for c in cells if c["measured"]} == {
        "cifar10": known[1],
        "mnist": "a copy, one bit off",
    }


def test_the_table_shows_every_cell(project, monkeypatch):
    save(build_folder(project, "tiny"), monkeypatch, "table_3", ("mnist", None, 86.5))
    cells = report(project, "tiny")
    for width in (80, 160):
        console = Console(width=width, record=True, file=StringIO())
        console.print(render(cells))
        text = console.export_text()
        for part in (
            "original",
            "86.41",
            "86.50",
            "+0.09",
            "reproduced",
            "93.44 ± 0.17",
            "not run",
        ):
            assert part in text
        assert max(map(len, text.splitlines())) <= width
        assert text.count("\n") < 2 * len(cells)  # a line a cell, and the notes once


@pytest.mark.parametrize("profile", ["digits", "mnist", "paper"])
def test_the_report_breaks_no_number_and_no_word_on_80_columns(profile):
    cells = report(project_root(), profile)
    console = Console(width=80, record=True, file=StringIO())
    console.print(render(cells))
    text = console.export_text()
    said = set(re.findall(r"[\w.]+", text))
    for cell in cells:
        assert {
            word for word in re.findall(r"[\w.]+", cell["model"] or "") if len(word) < 20
        } <= said
        assert set(cell["verdict"].split()) <= said
    assert text.count("\n") < 3 * len(cells)


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
    told = {
        "verdict": "reproduced",
        "tolerance": 0.15,
        "status": "measured",
        "how": None,
        "notebook": None,
    }
    return base | told | change


def test_every_verdict_has_a_reason():
    assert reason(judged()) == "within 0.15 points"
    assert reason(judged(verdict="not compared", tolerance=None)) == "depends on the device"
    assert (
        reason(judged(verdict="estimated", status="estimated"))
        == "the paper's number is extrapolated"
    )
    both = judged(verdict="estimated", status="estimated", how="estimated from 4 steps")
    assert reason(both) == "the paper's number is extrapolated and ours is extrapolated"
    assert reason(judged(verdict="no published number", status="not run")) == "not run in the paper"
    assert reason(judged(verdict="no published number", status=None)) == "not in the paper"
    assert reason(judged(tolerance=0)) == "the same number"


def test_reasons_quote_the_other_cells():
    slow = judged(table="4", model="fcnn", method="kip", verdict="not run")
    key = tuple(slow[name] for name in CELL)
    seconds = {"measured": 5400.0, "how": "estimated from 4 of 30000 steps"}
    others = {(*key[:-1], "seconds"): judged() | seconds}
    told = "as published it would take 1.5 hours, estimated from 4 of 30000 steps"
    assert reason(slow, others) == told
    assert reason(slow) == ""  # nothing has been timed
    short = slow | {"how": "after 4 of 30000 steps"}
    assert (
        reason(short, others)
        == "ours is after 4 of 30000 steps; as published it would take 1.5 hours"
    )
    assert reason(slow | {"verdict": "reproduced"}, others) == "within 0.15 points"
    own = judged(table="baselines", verdict="no published number", status=None, notebook="kip")
    assert reason(own).endswith("on the page kip")
    shifted = judged(dataset="cifar100", model="rff", ipc=50, verdict="differs")
    original = {("3", "cifar100", None, "rff", None, "accuracy"): shifted | {"difference": 0.471}}
    assert "+0.47" in reason(shifted, original)


def test_of_a_cell_the_finished_runs_are_shown():
    short, guess, whole = ({"how": how} for how in ("after 4 of 9 steps", "estimated from 4", None))
    assert _finished([short, whole, guess]) == [whole]
    assert _finished([short, guess]) == [short, guess]
    assert _finished([]) == [{}]


def test_every_published_cell_of_the_baselines_is_judged_with_a_reason_on_the_profile_paper():
    cells = report(project_root(), "paper")
    own = [cell for cell in cells if cell["table"] == "baselines" and cell["status"]]
    assert len(own) >= len(published("baselines"))
    assert all(cell["reason"] for cell in own)
    told = {cell["reason"] for cell in own if cell["verdict"] == "not run"}
    assert any("steps would take" in why for why in told)
    assert any("pairs would take at most" in why for why in told)
    found = next(cell for cell in own if cell["quantity"] == "speedup")
    assert found["verdict"] == "not compared"
    assert found["measured"] > 100  # RFAD's claim, at its published settings
    other = {cell["table"] for cell in report(project_root(), "mnist") if cell["status"]}
    assert "baselines" not in other


def test_devices_are_told_apart_where_a_table_has_several():
    where = {"unit": "%", "uncertainty": None, "spread": None, "published": 1.0, "measured": 2.0}
    two = [
        judged(reason="", difference=1.0, device=device) | where
        for device in ("cpu, 2 cores", "NVIDIA H200")
    ]
    assert "| on |" in markdown(two).splitlines()[0]
    assert [line.split(" | ")[1] for line in markdown(two).splitlines()[2:4]] == ["cpu", "H200"]
    assert "| on |" not in markdown(two[:1])


def test_reasons_belong_to_published_cells():
    import json
    from pathlib import Path

    from distill_lib.companion.judge import report as module

    for entry in json.loads((Path(module.__file__).parent / "reasons.json").read_text()):
        assert entry["verdict"] in ("not run", "differs", "no published number")
        if entry["verdict"] == "no published number":
            assert entry["cells"]["table"] in ("1", "baselines")
        else:
            cells = published() + [_as_ours(each) for each in published("baselines")]
            assert any(entry["cells"].items() <= each.items() for each in cells), entry


def test_the_book_shows_the_same_cells(project, monkeypatch):
    save(
        build_folder(project, "tiny"),
        monkeypatch,
        "table_3",
        ("mnist", None, 86.5),
        ("mnist", 1, 80.0),
    )
    tables = {}
    for cell in report(project, "tiny"):
        tables.setdefault((cell["table"], cell["quantity"]), []).append(cell)
    heads = {
        ("1", "points"): "| data set | model | method | paper | ours | verdict |",
        ("3", "accuracy"): "| data set | IPC | model | paper | ours | difference | verdict |",
        ("4", "accuracy"): "| data set | IPC | method | paper | ours | verdict |",
        ("4", "seconds"): "| data set | IPC | method | paper | ours | verdict |",
        ("4", "speedup"): "| data set | IPC | paper | ours | verdict |",
    }
    assert tables.keys() == heads.keys()
    for name, cells in tables.items():
        lines = markdown(cells).replace("\N{NO-BREAK SPACE}", " ").splitlines()
        assert lines[0] == heads[name]
        assert len(lines) == 2 + len(cells)
        assert {line.count("|") for line in lines} == {lines[0].count("|")}
    lines = markdown(tables["3", "accuracy"]).replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert "| mnist | original | linear | 86.41 | 86.50 | +0.09 | reproduced |" in lines
    assert "| mnist | 1 | linear | 86.41 | 80.00 | -6.41 | differs |" in lines


def test_the_book_gives_each_reason_once():
    where = {"unit": "%", "uncertainty": None, "spread": None, "published": 1.0, "measured": 2.0}
    cells = [
        judged(verdict="differs", reason=why, difference=1.0, ipc=ipc) | where
        for ipc, why in enumerate(["first", "second", "first"])
    ]
    text = markdown(cells).replace("\N{NO-BREAK SPACE}", " ")
    assert [line[-14:] for line in text.splitlines()[2:5]] == [
        f" differs ({n}) |" for n in (1, 2, 1)
    ]
    assert text.endswith("|\n\n(1) first.\\\n(2) second.")
