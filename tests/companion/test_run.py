import json
import os
import re
import signal
import time
from io import StringIO
from pathlib import Path

import psutil
import pytest
from projects import MARK, make_project, outputs, ran, start, write_notebook
from rich.console import Console

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.numbers.stored import load_results, read_results
from distill_lib.companion.run.fingerprint import data_digests, library_digest
from distill_lib.companion.run.reference import commit_reference, needs_run
from distill_lib.companion.run.runner import run_profile


def run(root, *names, **options):
    """Run the profile in this process; what it printed."""
    console = Console(width=160, record=True, file=StringIO())
    try:
        run_profile(root, "tiny", list(names), console=console, **options)
    finally:
        text = console.export_text()
    return text


LIMIT = 120  # seconds after which something hangs, on a busy machine too


def wait_for(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A project that has been run once:

    `a` prints its parameter, paths and noise; `b` has results.
    """
    root = make_project(tmp_path_factory.mktemp("executed") / "p", {"a": {"n": 7}, "b": {}})
    speak = 'import os, sys, warnings\nwarnings.warn("a true warning")\n'
    speak += 'print("An NVIDIA GPU may be present on this machine", file=sys.stderr)\n'
    speak += 'print("n is", n, os.getcwd() + "/x", "MPLBACKEND" in os.environ)'
    write_notebook(root, "a", MARK.format(name="a"), speak)
    save = 'from distill_lib.companion.numbers.results import Results\nresults = Results("b", profile)\nresults.value("two", 2)'
    write_notebook(root, "b", MARK.format(name="b"), f"{save}\nresults.save();")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_PLATFORMS", "cpu")
        patch.setenv("MPLBACKEND", "agg")
        text = run(root)
    return root, text


def test_a_first_run_says_what_it_will_do_and_does_it(executed):
    root, text = executed
    assert "a  run (not run yet; cost unknown)" in text
    assert "2 to run, " in text
    assert ran(root)[:2] == ["a", "b"]
    results = read_results(root / "_build/tiny/results/b.json")
    assert results["values"]["two"]["number"] == 2
    assert results["provenance"]["parameters"] == {"profile": "tiny"}


def test_an_executed_notebook_is_fit_to_be_committed(executed):
    root, _ = executed
    text = (root / "_build/tiny/notebooks/a.ipynb").read_text()
    assert "n is 7 x" in text  # the parameter, and the path without the project's folder
    assert "<cell>:2: UserWarning: a true warning" in text
    assert "NVIDIA" not in outputs(root, "a")
    for volatile in (str(root), "papermill", "ipykernel", "iopub", "start_time"):
        assert volatile not in text
    cells = json.loads(text)["cells"]
    assert [cell["id"] for cell in cells] == [f"cell-{i}" for i in range(5)]
    assert [cell["metadata"].get("tags") for cell in cells[1:3]] == [
        ["parameters", "remove-cell"],
        ["injected-parameters", "hide-input"],
    ]


SLOW = """
import pathlib, time
from distill_lib.companion.numbers.results import Results
Results("slow", profile).progress("step 3 of 9")
while not pathlib.Path("seen").exists():
    time.sleep(0.02)
"""


def test_a_long_cell_says_how_far_it_is(tmp_path):
    root = make_project(tmp_path / "p", {"slow": {}})
    write_notebook(root, "slow", SLOW)

    class Terminal(StringIO):
        def write(self, text):
            if "step 3 of 9" in text:
                (root / "seen").touch()
            return super().write(text)

    terminal = Terminal()
    run_profile(root, "tiny", [], console=Console(width=160, file=terminal, force_terminal=True))
    assert "step 3 of 9" in terminal.getvalue()
    assert "step 3 of 9" not in terminal.getvalue().splitlines()[-1]
    assert not list(root.rglob("progress.txt"))


def test_only_what_has_changed_is_run_again(executed):
    root, _ = executed
    before = ran(root)
    kept = (root / "_build/tiny/notebooks/a.ipynb").read_bytes()
    text = run(root)
    assert "a  up to date" in text
    assert "nothing to run" in text
    assert ran(root) == before
    source = root / "notebooks" / "a.md"
    words = source.read_text()
    source.write_text(words + "\nMore words.\n")
    assert "nothing to run" in run(root)
    source.write_text(words)
    write_notebook(root, "b", MARK.format(name="b"), "print('edited')")
    text = run(root)
    assert "b  run (changed: the notebook; about " in text
    assert ran(root) == sorted([*before, "b"])
    assert "edited" in outputs(root, "b")
    assert not (root / "_build/tiny/results/b.json").exists()  # the edited notebook has no results
    text = run(root, "a", force=True)
    assert "a  run (asked for with --force; about " in text
    assert ran(root) == sorted([*before, "a", "b"])
    assert (root / "_build/tiny/notebooks/a.ipynb").read_bytes() == kept  # equal runs, equal bytes


def test_runs_of_notebooks_that_the_profile_lists_no_more_are_kept(tmp_path):
    root = make_project(tmp_path / "p", {"a": {}})
    write_notebook(root, "a", "print(1)")
    run(root)
    build = root / "_build" / "tiny"
    for path in [*build.rglob("a.ipynb"), build / "state/run/a/record.json"]:
        other = Path(str(path).replace("/a", "/b"))
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(path.read_bytes())
    write_results(root, "b", commit=None)
    text = run(root)
    assert "kept, though the profile lists them no more: b" in text
    assert (build / "notebooks/b.ipynb").is_file()
    assert (build / "state/run/b/record.json").is_file()
    assert load_results(root, "tiny", fresh=True) == {}  # but not shown
    profiles = root / "notebooks" / "profiles.yml"
    profiles.write_text(profiles.read_text().replace("a: {}", "b: {}"))
    assert list(load_results(root, "tiny", fresh=True)) == ["b"]


def test_the_reference_run_stands_until_a_notebook_changes(executed, monkeypatch):
    root, _ = executed
    from distill_lib.companion.profiles import load_profile

    run(root)
    write_results(root, "a", commit=None)
    with pytest.raises(CompanionError, match="no git commit to name"):
        commit_reference(root, "tiny", [])
    folder = commit_reference(root, "tiny", [], allow_dirty=True)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "notebooks/a.ipynb",
        "notebooks/b.ipynb",
        "records.json",
        "results/a.json",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]  # nothing half-made remains
    for path in folder.glob("notebooks/*"):
        path.write_text("kept")
    commit_reference(root, "tiny", ["a"], allow_dirty=True)
    assert (folder / "notebooks" / "b.ipynb").read_text() == "kept"
    assert (folder / "notebooks" / "a.ipynb").read_text() != "kept"
    with pytest.raises(CompanionError, match="'c'"):
        commit_reference(root, "tiny", ["c"])
    profile = load_profile(root, "tiny")
    assert needs_run(root, profile) == ["a", "b"]  # run here, so kept up to date here
    (root / "_build" / "tiny").rename(root / "_build" / "away")
    assert needs_run(root, profile) == []
    write_notebook(root, "a", "print('edited')")
    assert needs_run(root, profile) == ["a"]
    with pytest.raises(CompanionError, match="not up to date in _build/tiny: a, b; run"):
        commit_reference(root, "tiny", [], allow_dirty=True)


def write_results(root, name, commit):
    content = {
        "notebook": name,
        "profile": "tiny",
        "rows": [],
        "values": {},
        "provenance": {"commit": commit, "dirty": None, "seconds": 1},
    }
    (root / "_build/tiny/results" / f"{name}.json").write_text(json.dumps(content))


def test_a_failing_cell_is_named_and_the_others_go_on(tmp_path):
    root = make_project(tmp_path / "p", {"bad": {}, "dead": {}, "good": {}})
    write_notebook(
        root,
        "bad",
        "print('before')",
        "# compute\nraise ValueError('m = 1 < k = 10')",
        MARK.format(name="bad"),
    )
    write_notebook(root, "dead", "import os\nos._exit(3)")
    write_notebook(root, "good", MARK.format(name="good"))
    console = Console(width=160, record=True, file=StringIO())
    with pytest.raises(CompanionError, match="2 of 3 notebooks failed: bad, dead"):
        run_profile(root, "tiny", [], console=console)
    text = console.export_text()
    assert "notebooks/bad.md: code cell 3 failed\n    # compute\n    raise ValueError" in text
    assert (
        "  ValueError: m = 1 < k = 10\n  to look at: _build/tiny/state/run/bad/partial.ipynb"
        in text
    )
    assert "notebooks/dead.md: code cell 2 failed\n    import os" in text
    assert "DeadKernelError" in text
    partial = (root / "_build/tiny/state/run/bad/partial.ipynb").read_text()
    assert "before" in partial
    assert "m = 1 < k = 10" in partial
    assert ran(root) == ["good"]
    assert [path.name for path in (root / "_build/tiny/notebooks").iterdir()] == ["good.ipynb"]


PIECES = """
import os, pathlib, time
from distill_lib.companion.numbers.results import Results
results = Results("pieces", profile)
pathlib.Path("pid").write_text(str(os.getpid()))

def square(i):
    with open("ran.txt", "a") as file:
        file.write(f"{i}\\n")
    return i * i

for i in range(3):
    results.value(f"square_{i}", results.cached(f"square/{i}", square, i))
    while not pathlib.Path(f"go_{i}").exists():
        time.sleep(0.02)
results.save();
"""


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    root = make_project(tmp_path / "p", {"pieces": {}})
    write_notebook(root, "pieces", PIECES)
    state, pid = root / "_build/tiny/state/run/pieces", root / "pid"

    def until(piece):
        wait_for(lambda: len(list(state.glob("pieces/*/*.json"))) > piece)
        return int(pid.read_text())

    first = start(root, "run", "-p", "tiny")
    kernel = until(0)
    at_work = "another 'distill run' of profile tiny is at work: wait for it, or stop it first "
    with pytest.raises(CompanionError) as refusal:
        run(root)
    assert str(refusal.value) == f"{at_work}(process {first.pid})"
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=LIMIT)
    assert first.returncode == 130
    assert err == "distill: interrupted; the same command goes on from here\n"
    assert not alive(kernel)

    (root / "go_0").touch()
    killed = start(root, "run", "-p", "tiny")
    kernel = until(1)
    killed.kill()
    killed.communicate(timeout=LIMIT)
    wait_for(lambda: not alive(kernel))
    wait_for(lambda: not (state / "scratch").exists())
    files = [path for path in root.rglob("*") if path.is_file() and "_build" in path.parts]
    assert all(json.loads(path.read_text()) for path in files if path.suffix in (".json", ".ipynb"))
    assert not [path for path in files if path.suffix == ".part"]
    assert not list(root.glob("_build/tiny/notebooks/*"))

    (root / "go_1").touch()
    (root / "go_2").touch()
    last = start(root, "run", "-p", "tiny")
    out, err = last.communicate(timeout=LIMIT)
    assert (last.returncode, err) == (0, "")
    assert "pieces  run (interrupted; cost unknown)" in out
    assert ran(root) == ["0", "1", "2"]  # no piece was computed twice
    results = read_results(root / "_build/tiny/results/pieces.json")
    assert [results["values"][f"square_{i}"]["number"] for i in range(3)] == [0, 1, 4]
    assert not (state / "pieces").exists()


def test_a_run_that_ignores_ctrl_c_ends_by_sigterm_and_its_worker_ignores_nothing(tmp_path):
    """As under nohup, and in the background of a script."""
    root = make_project(tmp_path / "p", {"pieces": {}})
    write_notebook(root, "pieces", PIECES)
    running = start(root, "run", "-p", "tiny", ctrl_c=signal.SIG_IGN)
    wait_for(lambda: list((root / "_build/tiny/state/run/pieces").glob("pieces/*/*.json")))
    kernel = psutil.Process(int((root / "pid").read_text()))
    assert ignores(running.pid, signal.SIGINT)
    assert not ignores(kernel.ppid(), signal.SIGINT)
    while running.poll() is None:  # the second signal ends it at once
        running.send_signal(signal.SIGTERM)
        time.sleep(0.5)
    running.communicate(timeout=LIMIT)
    assert running.returncode > 0
    assert not alive(kernel.pid)


def ignores(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(re.search(r"SigIgn:\s*(\w+)", status)[1], 16) >> (number - 1) & 1)


def test_the_librarys_digest_depends_on_its_code_and_of_the_companion_on_what_notebooks_use(
    tmp_path,
):
    package = tmp_path / "distill_lib"
    (package / "companion" / "numbers").mkdir(parents=True)
    digests = []
    for name, text in [
        ("ridge.py", "a"),
        ("companion/numbers/results.py", "b"),
        ("companion/plan.py", "c"),
        ("notes.txt", "d"),
    ]:
        (package / name).write_text(text)
        digests.append(library_digest(tmp_path))
    assert len(set(digests)) == 2
    assert digests[1] == digests[2] == digests[3]
    (package / "ridge.py").write_text('"""Mended."""\n\na  # a remark\n')
    assert library_digest(tmp_path) == digests[3]
    (package / "ridge.py").write_text("changed")
    assert library_digest(tmp_path) not in digests


def test_a_data_set_is_read_again_only_if_its_file_has_changed(tmp_path, monkeypatch):
    from distill_lib import data

    path, read = tmp_path / "mnist.npz", []

    def load(name):
        read.append(name)
        return type("Set", (), {"info": type("Info", (), {"digest": path.read_text()})})

    monkeypatch.setattr(data, "fetch", lambda name: path)
    monkeypatch.setattr(data, "load", load)
    path.write_text("one")
    for _ in range(2):
        assert data_digests(["mnist", "linear"], tmp_path / "cache.json") == {"mnist": "one"}
    assert read == ["mnist"]
    path.write_text("other")
    os.utime(path, ns=(1, 1))
    assert data_digests(["mnist"], tmp_path / "cache.json") == {"mnist": "other"}
    assert read == ["mnist", "mnist"]
