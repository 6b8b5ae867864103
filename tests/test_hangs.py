"""The suite ends, on a busy machine and under any disposition of signals: every wait has a limit,
and no verdict a clock.
"""

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from companion.projects import children_answer_ctrl_c_by

TESTS = Path(__file__).parent
FILES = sorted(
    path
    for path in TESTS.rglob("*.py")
    if path.name != "mutation.py" and path.parent.name != "benchmarks"  # which run by themselves
)
WAITS = {"run", "call", "check_call", "check_output", "communicate", "wait"}
CLOCKS = {"perf_counter", "perf_counter_ns", "process_time", "thread_time"}


def calls(path):
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_wait_for_a_process_has_a_limit_and_no_clock_is_read(path):
    for call in calls(path):
        said = ast.unparse(call.func)
        *owner, name = said.split(".")
        waits = name in WAITS and (owner == ["subprocess"] or name in ("communicate", "wait"))
        where = f"{path.name}:{call.lineno}: {said}"
        assert not waits or any(keyword.arg == "timeout" for keyword in call.keywords), (
            f"{where} may wait for ever"
        )
        assert name not in CLOCKS, f"{where}: count work instead (distill_lib.experiments.cost)"


ENDLESS = """
import signal, time

def test_ctrl_c_is_ignored():
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN

def test_waits_for_ever():
    while True:
        time.sleep(0.05)
"""


def test_a_suite_that_hangs_with_ctrl_c_ignored_ends_and_says_where(tmp_path, pytestconfig):
    """As under nohup. The limit of a test is that of the project's settings, here made short."""
    (tmp_path / "test_endless.py").write_text(ENDLESS)
    assert float(pytestconfig.getini("timeout")) > 0
    options = [
        "-c",
        str(TESTS.parent / "pyproject.toml"),
        "-p",
        "no:cacheprovider",
        "--timeout=3",
        str(tmp_path),
    ]
    with children_answer_ctrl_c_by(signal.SIG_IGN):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options], capture_output=True, text=True, timeout=120
        )
    assert done.returncode != 0
    assert "Timeout" in done.stdout + done.stderr
    assert "test_waits_for_ever" in done.stdout + done.stderr
    assert "test_ctrl_c_is_ignored" not in done.stdout + done.stderr
