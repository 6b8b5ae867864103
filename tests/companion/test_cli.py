import json

import pytest
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


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["run", "--profile", "tinny"],
            "unknown profile 'tinny': did you mean 'tiny'? known: tiny",
        ),
        (["book", "--profile", "paper"], "unknown profile 'paper': known: tiny"),
        (
            ["report", "--profile", "tine"],
            "unknown profile 'tine': did you mean 'tiny'? known: tiny",
        ),
        (
            ["run", "-p", "tiny", "teorem"],
            "unknown notebook of profile tiny 'teorem': did you mean 'theorem'? known: table, "
            "theorem",
        ),
        (
            ["run", "-p", "tiny"],
            "unknown parameter of notebook table 'size': did you mean 'sizes'? known: profile, "
            "sizes",
        ),
    ],
)
def test_a_wrong_name_is_one_sentence_with_the_known_ones(project, distill, arguments, sentence):
    assert distill(*arguments) == (2, "", f"distill: {sentence}\n")
    assert not (project / "_build" / "tiny" / "notebooks").exists()


def test_outside_a_project_the_message_says_what_is_missing(tmp_path, monkeypatch, distill):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "distill_lib.companion.root.__file__", str(tmp_path / "package" / "root.py")
    )
    code, out, err = distill("run")
    assert (code, out) == (2, "")
    assert "holds _toc.yml and notebooks/" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no profiles at"),
        ("tiny: [", "is not 'profile:"),
        ("tiny: {description: x}", "is not 'profile:"),
    ],
)
def test_a_broken_profiles_file_is_named(project, distill, content, message):
    path = project / "notebooks" / "profiles.yml"
    path.unlink() if content is None else path.write_text(content)
    code, _, err = distill("run", "-p", "tiny")
    assert code == 1
    assert str(path) in err
    assert message in err
    assert err.count("\n") == 1


def test_a_profile_that_lists_a_missing_notebook(project, distill):
    (project / "notebooks" / "theorem.md").unlink()
    code, _, err = distill("run", "-p", "tiny")
    assert (code, err) == (
        2,
        "distill: notebooks/profiles.yml: unknown notebook 'theorem': known: table\n",
    )


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
    code, out, err = distill("data", "mnits")
    assert (code, out) == (1, "")
    assert "mnist" in err
    assert err.count("\n") == 1


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


def test_a_budget_that_is_not_understood_and_an_archive_that_is_none(project, distill, tmp_path):
    code, out, err = distill("run", "-p", "tiny", "--budget", "8")
    assert (code, out) == (2, "")
    assert err == "distill: a budget of '8' is not understood: give a time such as 90s, 8m or 2h\n"
    code, out, err = distill("state", "pack", str(tmp_path / "s.zip"), "-p", "tiny")
    assert (code, out) == (1, "")
    assert err == "distill: nothing has been run of profile tiny: there is no state to pack\n"
    code, out, err = distill("state", "unpack", str(tmp_path / "s.zip"))
    assert (code, out, err) == (
        1,
        "",
        f"distill: No such file or directory at {tmp_path / 's.zip'}\n",
    )


def test_the_exit_statuses_are_documented(distill):
    told = " ".join(distill("run", "--help")[1].split())
    for status in (
        "0 all done",
        "1 a notebook failed",
        "75 the budget is spent",
        "130 interrupted",
    ):
        assert status in told
