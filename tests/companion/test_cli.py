import json
import re

import pytest
from messages import each
from projects import make_project, write_notebook

from distill_lib.companion import cli
from distill_lib.data import names


@pytest.fixture
def project(tmp_path, monkeypatch):
    root = make_project(tmp_path / "p", {"theorem": {}, "table": {"size": 3}})
    write_notebook(root, "theorem")
    write_notebook(root, "table", parameters='profile = "tiny"\nsizes = [1]')
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def distill(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["distill", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call


def profiles(text):
    return lambda root: (root / "notebooks" / "profiles.yml").write_text(text)


def without(name):
    return lambda root: (root / "notebooks" / name).unlink()


def outside_a_project(root):
    """ROOT is then the folder that is looked at."""
    (root / "_toc.yml").unlink()


# How the project, or what is asked of it, is made wrong; the exit status; the sentence.
RUN = ["run", "-p", "tiny"]
WRONG = {
    "a profile of a run": ((None, ["run", "--profile", "tinny"], 2), "unknown profile 'tinny': did you mean 'tiny'\\? known: tiny"),
    "a profile of a book": ((None, ["book", "--profile", "paper"], 2), "unknown profile 'paper': known: tiny"),
    "a profile of a report": ((None, ["report", "--profile", "tine"], 2), "unknown profile 'tine': did you mean 'tiny'\\? known: tiny"),
    "a notebook": ((None, [*RUN, "teorem"], 2), "unknown notebook of profile tiny 'teorem': did you mean 'theorem'\\? known: table, theorem"),
    "a parameter": ((None, RUN, 2), "unknown parameter of notebook table 'size': did you mean 'sizes'\\? known: profile, sizes"),
    "no project": ((outside_a_project, ["run"], 2), ".*holds _toc.yml and notebooks/.*"),
    "no profiles": ((without("profiles.yml"), RUN, 1), "no profiles at ROOT/notebooks/profiles.yml.*"),
    "profiles that are no YAML": ((profiles("tiny: ["), RUN, 1), "ROOT/notebooks/profiles.yml is not 'profile:.*"),
    "a profile without notebooks": ((profiles("tiny: {description: x}"), RUN, 1), "ROOT/notebooks/profiles.yml is not 'profile:.*"),
    "a notebook that is missing": ((without("theorem.md"), RUN, 2), "notebooks/profiles.yml: unknown notebook 'theorem': known: table"),
    "a budget": ((None, [*RUN, "--budget", "8"], 2), "a budget of '8' is not understood: give a time such as 90s, 8m or 2h"),
    "a state of nothing": ((None, ["state", "pack", "s.zip", "-p", "tiny"], 1), "nothing has been run of profile tiny: there is no state to pack"),
    "no archive": ((None, ["state", "unpack", "s.zip"], 1), "No such file or directory at s.zip"),
    "a data set": ((None, ["data", "mnits"], 1), ".*mnist.*"),
}  # fmt: skip


@each(WRONG)
def test_what_is_wrong_is_one_sentence(project, distill, monkeypatch, wrong, words):
    spoil, arguments, status = wrong
    monkeypatch.setattr("distill_lib.companion.root.__file__", str(project / "package" / "root.py"))
    if spoil is not None:
        spoil(project)
    code, out, err = distill(*arguments)
    assert (code, out) == (status, "")
    assert re.fullmatch(f"distill: {words.replace('ROOT', re.escape(str(project)))}\n", err), err
    assert not (project / "_build" / "tiny" / "notebooks").exists()


def test_debug_shows_the_traceback(project, distill):
    from distill_lib.companion.errors import CompanionError

    with pytest.raises(CompanionError, match="unknown profile"):
        distill("run", "--profile", "tinny", "--debug")


def test_unknown_options_and_commands_exit_with_2(distill):
    for arguments in (["run", "--wrong"], ["fly"], ["run", "--jobs", "0"]):
        code, out, err = distill(*arguments)
        assert (code, out) == (2, "")
        assert "Traceback" not in err


def test_report_as_json(project, distill):
    code, out, err = distill("report", "-p", "tiny", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == []  # the profile names no published data set and nothing has been run
    (project / "notebooks" / "profiles.yml").write_text(
        "m: {description: x, notebooks: {theorem: {datasets: [mnist]}}}"
    )
    cells = json.loads(distill("report", "-p", "m", "--json")[1])
    wanted = {
        "table",
        "dataset",
        "ipc",
        "model",
        "published",
        "measured",
        "spread",
        "verdict",
        "device",
    }
    assert all(wanted <= set(cell) for cell in cells)
    assert len(cells) == 4 + 12 + 15


def test_data_are_listed_and_fetched(distill, tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path))
    code, out, _ = distill("data", "--dest", str(tmp_path / "sets"))
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(names())
    (tmp_path / "sets").mkdir()  # --dest stays in this process
    (tmp_path / "sets" / "mnist.npz").write_bytes(b"damaged")
    code, out, err = distill("data", "mnist")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "mnist.npz is not a usable mnist.npz" in err
    assert distill("data", "digits") == (0, "digits: ships with scikit-learn\n", "")


def test_version(distill):
    code, out, _ = distill("--version")
    assert code == 0
    assert out.startswith("distill-lib ")


@pytest.mark.parametrize("command", [["book", "--no-run"], ["run"], ["report"], ["data"]])
def test_an_interrupt_of_any_command_is_one_sentence(project, distill, monkeypatch, command):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    for door in ("site.book.build_book", "run.runner.run_profile", "judge.report.report"):
        monkeypatch.setattr(f"distill_lib.companion.{door}", interrupted)
    monkeypatch.setattr("distill_lib.data.describe", interrupted)
    profile = [] if command == ["data"] else ["-p", "tiny"]
    code, _, err = distill(*command, *profile)
    assert (code, err) == (130, "distill: interrupted; the same command goes on from here\n")


def test_the_exit_statuses_are_documented(distill):
    told = " ".join(distill("run", "--help")[1].split())
    for status in (
        "0 all done",
        "1 a notebook failed",
        "75 the budget is spent",
        "130 interrupted",
    ):
        assert status in told
