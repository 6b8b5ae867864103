"""A run that ends before its work does: whatever its budgets, nothing finished is lost or done
twice.
"""

import json
import signal
import time
from io import StringIO
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import make_project, outputs, start, write_notebook
from rich.console import Console

from distill_lib.baselines.descent import descend
from distill_lib.companion.errors import CompanionError
from distill_lib.companion.numbers.results import STOP, Results, Stopped
from distill_lib.companion.profiles import load_profile
from distill_lib.companion.run.limit import GRACE, UNFINISHED, Limit, budget_seconds
from distill_lib.companion.run.plan import Job, make_plan
from distill_lib.companion.run.runner import Run, run_profile


@jax.tree_util.Partial
def bowl(points, key):
    return jnp.sum((points - jax.random.normal(key, points.shape)) ** 2)


class Work:
    """A notebook of three pieces and a descent in chunks, which is asked to stop after a number of
    either.
    """

    def __init__(self, folder: Path):
        self.folder, self.done = folder, []

    def attempt(self, budget: float) -> bool:
        (self.folder / STOP).unlink(missing_ok=True)
        results, end = Results("work", "tiny"), len(self.done) + budget

        def finish(name):
            self.done.append(name)
            if len(self.done) >= end:
                (self.folder / STOP).touch()

        def piece(i):
            finish(f"piece {i}")
            return np.sin(i)

        def report(at):
            finish(f"step {at.step}")
            results.progress(f"step {at.step}")

        def descent():
            options = {
                "key": jax.random.key(0),
                "every": 2,
                "checkpoint": results.checkpoint("bowl"),
            }
            return descend(bowl, jnp.zeros(3), 6, report=report, **options).points

        try:
            values = [results.cached(f"piece {i}", piece, i) for i in range(3)]
            values.append(results.cached("descent", descent))
        except Stopped:
            return False
        self.values = values
        return True


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return uninterrupted(tmp_path_factory.mktemp("whole"), patch)


def uninterrupted(folder, patch):
    patch.setenv("DISTILL_RESULTS", str(folder))
    patch.setenv("DISTILL_FINGERPRINT", "a" * 64)
    work = Work(folder)
    assert work.attempt(float("inf"))
    return work


@settings(max_examples=8)
@given(budgets=st.lists(st.integers(0, 5), max_size=8))
def test_any_budgets_give_the_same_bits_and_do_nothing_twice(whole, tmp_path_factory, budgets):
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_RESULTS", str(folder))
        patch.setenv("DISTILL_FINGERPRINT", "a" * 64)
        work = Work(folder)
        if not any(work.attempt(budget) for budget in budgets):
            assert work.attempt(float("inf"))
    assert work.done == whole.done
    assert work.values == whole.values


PIECES = """
import pathlib, time
from distill_lib.companion.numbers.results import Results
results = Results("{name}", profile)

def square(i):
    with open("ran.txt", "a") as file:
        file.write(f"{name}/{{i}}\\n")
    return i * i

for i in range(4):
    results.cached(f"square/{{i}}", square, i)
    time.sleep(0.3)
print([results.cached(f"square/{{i}}", square, i) for i in range(4)])
"""


def pieces(root):
    path = root / "ran.txt"
    return path.read_text().split() if path.is_file() else []


def test_a_run_in_budgets_of_pieces_finishes_like_one_without(tmp_path):
    """The clock of the budget counts finished pieces, so that no second is measured."""
    root = make_project(tmp_path / "p", {"a": {}, "b": {}})
    for name in "ab":
        write_notebook(root, name, PIECES.format(name=name))
    console, ends = Console(width=160, record=True, file=StringIO()), []
    for _ in range(20):
        before = len(pieces(root))
        limit = Limit(3, clock=lambda: float(len(pieces(root))))
        try:
            run_profile(root, "tiny", [], jobs=1, limit=limit, console=console)
            break
        except CompanionError as error:
            ends.append(error)
        assert len(pieces(root)) > before  # no try is in vain
    assert ends
    assert {end.code for end in ends} == {UNFINISHED}
    assert all("left, as the budget is spent: " in str(end) for end in ends)
    assert sorted(pieces(root)) == [f"{name}/{i}" for name in "ab" for i in range(4)]
    assert all("[0, 1, 4, 9]" in outputs(root, name) for name in "ab")


SLOW = """
import os, pathlib, time
from distill_lib.companion.numbers.results import Results
results = Results("slow", profile)

def until_stopped(i):
    pathlib.Path("begun").touch()
    while not (pathlib.Path(os.environ["DISTILL_RESULTS"]) / "stop").exists() and not pathlib.Path("go").exists():
        time.sleep(0.05)
    return i

print([results.cached(str(i), until_stopped, i) for i in range(2)])
"""


def test_a_queues_signal_lets_the_piece_at_work_be_finished(tmp_path):
    root = make_project(tmp_path / "p", {"slow": {}})
    write_notebook(root, "slow", SLOW)
    process = start(root, "run", "-p", "tiny")
    while not (root / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=100)
    assert process.returncode == UNFINISHED
    assert err == (
        "distill: 1 of 1 notebooks left, as asked to end by a signal: slow (1 of unknown cost); "
        "what is finished is kept, the same command goes on from here\n"
    )
    (kept,) = (root / "_build/tiny/state/run/slow").glob("pieces/*/*.json")
    assert json.loads(kept.read_text())["key"] == "0"


def test_a_try_in_vain_says_so(tmp_path):
    """A first piece that is longer than every budget would else be begun again for ever."""
    root = make_project(tmp_path / "p", {"slow": {}})
    write_notebook(root, "slow", SLOW.replace("return i", "time.sleep(600)"))
    limit = Limit(1, clock=lambda: float((root / "begun").exists()))
    with pytest.raises(
        CompanionError, match="nothing new could be kept of slow, which asks for more time"
    ) as caught:
        run_profile(root, "tiny", [], limit=limit, console=Console(file=StringIO()))
    assert caught.value.code == UNFINISHED


def test_what_does_not_fit_is_not_started_unless_it_keeps_pieces(tmp_path):
    names = ["quick", "long", "kept", "unknown"]
    root = make_project(tmp_path / "p", {name: {} for name in names})
    for name in names:
        write_notebook(root, name, PIECES.format(name=name) if name == "kept" else "print(1)")
    plan = make_plan(root, load_profile(root, "tiny"), [])
    seconds = {"quick": 5.0, "long": 100.0, "kept": 50.0, "unknown": None}
    jobs = [Job(**{**vars(job), "seconds": seconds[job.name]}) for job in plan.jobs]
    now = 0.0
    run = Run(
        type(plan)(root, plan.profile, plan.platform, jobs),
        Limit(40, clock=lambda: now),
        Console(file=StringIO()),
    )
    assert [run.take().name for _ in range(3)] == ["unknown", "quick", "kept"]
    assert run.take() is None
    assert [job.name for job in run.waiting] == ["long"]
    now = 37.0  # so near the end nothing is started
    run.waiting = jobs
    assert run.take() is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("8m", 480), ("2h", 7200), ("0.5 h", None)]
)
def test_a_budget_is_a_number_with_a_unit(text, seconds):
    if seconds is not None:
        assert budget_seconds(text) == seconds
    else:
        with pytest.raises(CompanionError, match="give a time such as 90s, 8m or 2h") as caught:
            budget_seconds(text)
        assert caught.value.code == 2


@pytest.mark.parametrize("text", ["", "8", "0m", "-3m", "8 days", "inf", "nanm", "1e3s"])
def test_any_other_budget_is_refused(text):
    with pytest.raises(CompanionError, match="is not understood"):
        budget_seconds(text)


def test_a_signal_shortens_a_limit_and_never_lengthens_it():
    now = 0.0
    endless, short = Limit(clock=lambda: now), Limit(GRACE / 2, clock=lambda: now)
    assert not endless.near()
    for limit in (endless, short):
        limit.terminate()
        assert limit.near()
    assert (endless.left(), short.left()) == (GRACE, GRACE / 2)
