import json
import math
import shutil
from io import StringIO
from pathlib import Path

import pytest
from projects import MARK, make_project, ran, write_notebook
from rich.console import Console
from typer.testing import CliRunner

from distill_lib.companion import cli
from distill_lib.companion.errors import CompanionError
from distill_lib.companion.judge import tolerances
from distill_lib.companion.judge.kinds import CLOCK
from distill_lib.companion.judge.recorded import Number, numbers, states
from distill_lib.companion.judge.verdicts import pasted
from distill_lib.companion.judge.verify import choice, compare, judge, verify
from distill_lib.companion.numbers.stored import read_results
from distill_lib.companion.profiles import load_profile
from distill_lib.companion.run.reference import commit_reference
from distill_lib.companion.run.runner import run_profile

REFERENCE = Path(__file__).parents[2] / "book" / "reference"
COMMITTED = sorted(REFERENCE.glob("*/results/*.json"))
PAGES = {"theorem_4_1": {}, "ridge": {"seed": 1}}
PARAMETERS = 'profile = "tiny"\nseed = 0'
CELL = """
from distill_lib.companion.numbers.results import Results
from theorem import recovered
results = Results({name!r}, profile)
row = dict(table="1", dataset="digits", method="closed form", unit="")
results.add(quantity="distance to real", measured=recovered(1.0 + seed), **row)
results.add(quantity="seconds", measured=seed - 0.5, **row)
results.value("points", 9 + seed, "{{:d}} points")
results.save();
"""


def console():
    return Console(width=160, file=StringIO())


def plant(path, before, after):
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def found(report, page):
    """What is not the same, on a page: the words for what it was made from, and the names of its
    numbers.
    """
    entries = [*report["origins"], *report["numbers"]]
    wrong = [
        entry
        for entry in entries
        if entry["page"] == page and entry["verdict"] not in ("same", "shown")
    ]
    return {
        entry.get("what") or entry["number"].rpartition("/")[2]: entry["verdict"] for entry in wrong
    }


@pytest.fixture(scope="module")
def referenced(tmp_path_factory):
    """A project whose run has been kept as the reference."""
    root = make_project(tmp_path_factory.mktemp("verified") / "p", PAGES)
    (root / "theorem.py").write_text("def recovered(weight):\n    return 2 * weight - 1\n")
    for name in PAGES:
        write_notebook(
            root, name, MARK.format(name=name), CELL.format(name=name), parameters=PARAMETERS
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_PLATFORMS", "cpu")
        run_profile(root, "tiny", [], console=console())
        commit_reference(root, "tiny", [], allow_dirty=True)
    return root


@pytest.fixture
def project(referenced, tmp_path):
    shutil.copytree(referenced, tmp_path / "p")
    return tmp_path / "p"


def judged(root, **options):
    return verify(root, "tiny", [], everything=True, run=False, console=console(), **options)


def test_a_run_agrees_with_itself_to_the_last_bit_but_for_its_clock(referenced):
    report = judged(referenced)
    assert report["agrees"]
    assert report["origins"] == []
    verdicts = {
        number["number"].rpartition("/")[2]: number["verdict"] for number in report["numbers"]
    }
    assert set(verdicts.values()) == {"same"}
    assert all(cost["memory"] > 1e7 and cost["disk"] > 1e3 for cost in report["costs"].values())
    results = read_results(referenced / "_build/tiny/results/ridge.json")
    assert results["provenance"]["memory"] == report["costs"]["ridge"]["memory"]


def test_a_sign_a_seed_and_a_cell_are_found_by_computing_anew(project):
    before = {
        path: path.read_bytes()
        for path in (project / "_build" / "tiny").rglob("*")
        if path.is_file()
    }
    plant(project / "theorem.py", "- 1", "+ 1")
    plant(project / "notebooks" / "profiles.yml", "seed: 1", "seed: 2")
    plant(project / "notebooks" / "ridge.md", "9 + seed", "8 + seed")
    report = verify(project, "tiny", [], everything=True, console=console())
    assert not report["agrees"]
    assert found(report, "theorem_4_1") == {"distance to real": "differs"}
    assert found(report, "ridge") == {
        "the parameters: seed": "differs",
        "the notebook": "differs",
        "distance to real": "differs",
    }
    assert {path: path.read_bytes() for path in before} == before  # nobody's runs are touched
    assert ran(project) == sorted(2 * list(PAGES))


@pytest.mark.parametrize(
    ("file", "before", "after", "what", "verdict"),
    [
        ("results/ridge.json", '"measured": 3.0', '"measured": 3.00001', "distance to real", "differs"),
        ("results/ridge.json", "10 points", "16 points", "= points", "differs"),
        ("results/ridge.json", '"measured": 0.5', '"measured": 0.6', "the reference's results", "differs"),
        ("notebooks/ridge.ipynb", "9 + seed", "8 + seed", "the cells of the reference's executed notebook", "differs"),
        ("results/ridge.json", '"numpy": "', '"numpy": "9', "numpy", "differs"),
        ("records.json", '"numpy": "', '"numpy": "9', "package versions: numpy", "other"),
    ],
    ids=["digit", "digit of the text", "time", "cell", "version of the results", "version of all"],
)  # fmt: skip
def test_what_is_planted_in_the_reference_is_found(project, file, before, after, what, verdict):
    plant(project / "book" / "reference" / "tiny" / file, before, after)
    report = judged(project)
    assert not report["agrees"]
    assert any(what in name and of == verdict for name, of in found(report, "ridge").items())


def test_other_versions_alone_are_told_and_change_the_tolerance(project):
    for file in ("records.json", "results/ridge.json"):
        plant(project / "book" / "reference" / "tiny" / file, '"numpy": "', '"numpy": "9')
    plant(project / "book" / "reference" / "tiny" / "results" / "ridge.json", "3.0,", "3.0000001,")
    plant(project / "book" / "reference" / "tiny" / "records.json", '"sha256"', '"not recorded"')
    report = verify(project, "tiny", ["ridge"], run=False, console=console())
    assert found(report, "ridge") == {
        "package versions: numpy": "other",
        "distance to real": "agrees",
    }
    assert report["agrees"]


def test_the_command_line_exits_with_one_if_a_number_differs(project, monkeypatch):
    monkeypatch.chdir(project)
    command = ["verify", "-p", "tiny", "--all", "--no-run"]
    good = CliRunner().invoke(cli.app, [*command, "--json", "--keep"])
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["agrees"]
    assert "| tiny, Python 3." in pasted(project)["last"]
    plant(project / "book/reference/tiny/results/ridge.json", '"measured": 3.0', '"measured": 4.0')
    bad = CliRunner().invoke(cli.app, command)
    assert bad.exit_code == 1
    assert "differs" in bad.output


def test_a_page_without_a_reference_or_a_run_is_refused(project):
    with pytest.raises(CompanionError, match=r"unknown notebook .* 'rigde'.*did you mean 'ridge'"):
        verify(project, "tiny", ["rigde"], run=False, console=console())
    shutil.rmtree(project / "_build")
    with pytest.raises(CompanionError, match="ridge has not been run here"):
        verify(project, "tiny", ["ridge"], run=False, console=console())
    shutil.rmtree(project / "book")
    with pytest.raises(CompanionError, match="no committed run of ridge"):
        verify(project, "tiny", ["ridge"], run=False, console=console())


def test_the_choice_is_of_the_cheapest_pages(project):
    records = project / "book" / "reference" / "tiny" / "records.json"
    content = json.loads(records.read_text())
    content["theorem_4_1"]["seconds"], content["ridge"]["seconds"] = 40, 20
    records.write_text(json.dumps(content))
    profile = load_profile(project, "tiny")
    assert choice(project, profile, 60) == ["theorem_4_1", "ridge"]
    assert choice(project, profile, 59) == choice(project, profile, 10) == ["ridge"]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_committed_number_has_a_rule_that_can_fail(path):
    content = read_results(path)
    assert {number["verdict"] for number in compare(content, content, bits=False)} == {"same"}
    for number in numbers(content).values():
        clock = tolerances.rule_of(number) is CLOCK
        for wrong in (number.value + 200 * (abs(number.value) + 1), math.nan):
            verdict = judge(number, wrong, bits=False)["verdict"]
            assert verdict == ("shown" if clock else "differs"), number
        if not clock:
            assert (
                judge(number, math.nextafter(number.value, 1e300), bits=True)["verdict"]
                == "differs"
            )


def test_every_rule_is_needed():
    used = {id(tolerances.rule_of(n)) for p in COMMITTED for n in numbers(read_results(p)).values()}
    assert used == {id(rule) for _, _, rule in tolerances.RULES}


def test_a_number_without_a_rule_is_refused():
    with pytest.raises(CompanionError, match="no tolerance for 'a/b/c' of nowhere"):
        tolerances.rule_of(Number("nowhere", "a/b/c", 1.0))


@pytest.mark.parametrize(
    ("name", "reference", "here", "verdict"),
    [
        ("1/digits/1/-/-/recovery error", 1e-13, 3e-13, "agrees"),
        ("1/digits/1/-/-/recovery error", 1e-13, 3e-12, "differs"),
        ("1/digits/1/-/-/recovery error", 0.0, 1e-16, "agrees"),
        ("1/digits/1/-/-/recovery error", 1e-3, 3e-3, "differs"),
        ("1/digits/1/-/-/accuracy", 92.5, 92.5 + 200 / 360, "agrees"),
        ("1/digits/1/-/-/accuracy", 92.5, 92.5 + 300 / 360, "differs"),
        ("1/digits/1/-/-/distance to real", 0.5, 0.5 + 4e-7, "agrees"),
        ("1/digits/1/-/-/distance to real", 0.5, 0.5 + 6e-7, "differs"),
        ("1/digits/1/-/-/points", 10.0, 11.0, "differs"),
        ("1/digits/1/-/-/seconds", 1.0, 50.0, "shown"),
    ],
)
def test_tolerances(name, reference, here, verdict):
    number = Number("theorem_4_1", name, reference, tests=360)
    assert judge(number, here, bits=False)["verdict"] == verdict


@pytest.mark.parametrize(
    ("page", "name", "reference", "here", "verdict"),
    [
        ("theorem_6_1", "= useless", 1.09e-12, 1.09e-13, "agrees"),
        ("theorem_6_1", "= kept", 1.09e-24, 1.0899e-22, "agrees"),
        ("theorem_6_1", "= kept", 1.09e-24, 1.09e-21, "differs"),
        ("probes", "= negative", 37.1875, 39.0625, "agrees"),
        ("kip", "b/mnist/1/fc/kip fixed/accuracy", 87.84, 89.0, "agrees"),
        ("kip", "b/mnist/1/fc/kip fixed/accuracy", 87.84, 97.0, "differs"),
        ("probes", "= negative", 37.1875, 60.0, "differs"),
    ],
)
def test_tolerances_of_what_rounding_moves_from_one_processor_to_another(
    page, name, reference, here, verdict
):
    number = Number(page, name, reference, tests=360)
    assert judge(number, here, bits=False)["verdict"] == verdict


@pytest.mark.parametrize(
    "form", ["{:.2f} %", "{:,.0f}", "{:.0e}", "{:+.2f}", "{:.3g}", "{}", "set of {:d}"]
)
def test_a_text_states_its_number_and_no_other(form):
    for number in (0, 1234, -37, 52) if "d" in form else (0.0, 1234.5678, -0.0372, 5.25e-4):
        text = form.format(number)
        assert states(text, number), text
        assert not states(text, number + 1 + abs(number)), text
