"""Whatever the locale, the device's name and the state of the disk."""

import ast
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import make_project, start, write_notebook

from distill_lib.companion.errors import explained
from distill_lib.companion.profiles import Profile
from distill_lib.companion.run.fingerprint import jax_platform
from distill_lib.companion.run.plan import REPEATABLE, Plan
from distill_lib.companion.run.work import LARGE, ending, heaviness

PACKAGE = Path(__file__).parents[2] / "distill_lib"
NEEDS_NO_JAX = """
import sys
sys.argv = ["distill", *{arguments}]
from distill_lib.companion.__main__ import main
try:
    main()
except SystemExit:
    pass
loaded = {{"jax", "matplotlib", "sklearn", "papermill"}} & set(sys.modules)
assert not loaded, loaded
"""


def calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node, getattr(node.func, "attr", getattr(node.func, "id", ""))


def test_every_text_file_is_read_and_written_in_utf_8():
    """No call that opens text leaves the encoding to the locale."""
    left = []
    for path in PACKAGE.rglob("*.py"):
        for call, name in calls(path):
            words = {keyword.arg: keyword.value for keyword in call.keywords}
            values = [a.value for a in call.args if isinstance(a, ast.Constant)]
            binary = any("b" in str(v) for v in values if str(v) in {"rb", "wb", "ab", "r+b", "xb"})
            text = "text" in words or "universal_newlines" in words
            opens = name in {"read_text", "write_text"} or (
                name in {"open", "fdopen"} and not binary
            )
            if name == "write_text" and isinstance(call.func, ast.Name):
                continue  # ours, in UTF-8
            # Of `tarfile`, `zipfile`, `Image` and `os`, `open` is no text.
            holder = getattr(call.func, "value", None)
            owner = getattr(holder, "id", getattr(holder, "attr", "")).removeprefix("_")
            if (
                text or (opens and owner not in {"archive", "tarfile", "os", "Image"})
            ) and "encoding" not in words:
                left.append(f"{path.relative_to(PACKAGE)}:{call.lineno}")
    assert left == []


def test_a_name_outside_ascii_survives_a_latin_locale_and_a_checkout_that_is_read_only(tmp_path):
    root = make_project(tmp_path / "π", {"a": {"word": "λ"}})
    write_notebook(root, "a", 'print("μ", word)', parameters='profile = "tiny"\nword = ""')
    environment = {
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
        "JAX_PLATFORMS": "cpu",
    }
    (root / "_build").write_text("in the way")  # as root, a mode would not keep us out
    build = tmp_path / "elsewhere"
    process = start(root, "--build-dir", str(build), "run", "-p", "tiny", environment=environment)
    out, err = process.communicate(timeout=100)
    log = build / "tiny/state/run/a/log.txt"
    assert (process.returncode, err) == (0, ""), out + log.read_text(encoding="utf-8")
    executed = (build / "tiny/notebooks/a.ipynb").read_text(encoding="utf-8")
    assert "μ λ" in executed
    assert (root / "_build").read_text() == "in the way"


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["run", "--help"], ["run", "-p", "nowhere"]]
)
def test_the_command_line_answers_without_jax(arguments):
    script = NEEDS_NO_JAX.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert "AssertionError" not in done.stderr
    assert done.returncode == 0


def test_an_interrupt_while_the_command_is_loaded_is_one_sentence(tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PACKAGE.parent}"}
    command = [sys.executable, "-m", "distill_lib.companion", "run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert done.stderr == "distill: interrupted; the same command goes on from here\n"


def test_a_plain_install_says_which_extra_is_missing(tmp_path):
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('No module', name='typer')\n")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PACKAGE.parent}"}
    command = [sys.executable, "-m", "distill_lib.companion", "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'distill-lib[book]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("named", "platform"),
    [("cpu", "cpu"), ("CPU", "cpu"), ("cuda", "gpu"), ("gpu", "gpu"), ("cuda,cpu", "gpu"), (" rocm , cpu", "gpu"),
     ("tpu", "tpu"), ("cpu,cuda", "cpu")],
)  # fmt: skip
def test_a_device_has_one_name(monkeypatch, named, platform):
    monkeypatch.setenv("JAX_PLATFORMS", named)
    assert jax_platform() == platform


def test_notebooks_on_one_gpu_share_its_memory_and_repeat_their_bits(monkeypatch):
    for name in ("XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_PREALLOCATE", "XLA_FLAGS"):
        monkeypatch.delenv(name, raising=False)
    profile = Profile("tiny", "x", {})
    on_gpu = Plan(Path(), profile, "gpu", [])
    assert on_gpu.settings(1) == {"XLA_FLAGS": REPEATABLE}  # and JAX's own three quarters
    for count in (2, 3, 8):
        assert count * float(on_gpu.settings(count)["XLA_PYTHON_CLIENT_MEM_FRACTION"]) <= 0.91
    assert Plan(Path(), profile, "cpu", []).settings(4) == {}
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    assert on_gpu.settings(2) == {
        "XLA_FLAGS": f"--xla_dump_to=x {REPEATABLE}"
    }  # the user has said how
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_exclude_nondeterministic_ops=false")
    assert on_gpu.settings(1) == {"XLA_FLAGS": "--xla_gpu_exclude_nondeterministic_ops=false"}


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "at /x; the disk is full: free some room"),
        (errno.EROFS, "--build-dir or DISTILL_BUILD"),
        (errno.EACCES, "--build-dir or DISTILL_BUILD"),
        (errno.EIO, "Input/output error at /x"),
    ],
)
def test_the_systems_refusals_are_said_with_the_remedy(number, remedy):
    assert remedy in explained(OSError(number, os.strerror(number), "/x"))
    assert "Errno" not in explained(OSError(number, os.strerror(number), "/x"))


@pytest.mark.parametrize(
    ("code", "free", "told"),
    [
        (-9, 1 << 40, "run fewer notebooks at a time"),
        (-6, 0, "the disk is full"),
        (3, 0, "the disk is full"),
    ],
)
def test_a_killed_process_is_explained(tmp_path, monkeypatch, code, free, told):
    (tmp_path / "log.txt").write_text("the last line\n")
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, free))
    assert told in ending(code, tmp_path)


def test_a_large_notebook_is_warned_of(tmp_path):
    path = tmp_path / "a.ipynb"
    for size, warned in ((LARGE, False), (LARGE + 1, True)):
        with path.open("wb") as file:
            file.truncate(size)
        assert ("10 MB, too many for a page" in heaviness(path)) is warned
