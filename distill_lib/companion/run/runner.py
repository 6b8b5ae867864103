"""Executes a profile's notebooks in parallel processes; what is finished is never done twice."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.files import locked
from distill_lib.companion.numbers.results import PROGRESS, STOP
from distill_lib.companion.profiles import load_profile
from distill_lib.companion.root import build_folder
from distill_lib.companion.run.limit import UNFINISHED, Limit, on_signal
from distill_lib.companion.run.notebook import convert, count_code_cells, source_path
from distill_lib.companion.run.plan import (
    Job,
    Plan,
    announcement,
    duration,
    expected,
    keeps_pieces,
    make_plan,
    remaining,
)
from distill_lib.companion.run.process import begin
from distill_lib.companion.run.work import ending, heaviness, kept, prepare, publish, said, sweep


def run_profile(
    root: Path,
    profile: str,
    names: list[str],
    *,
    jobs: int | None = None,
    force: bool = False,
    limit: Limit | None = None,
    console: Console,
) -> None:
    """Execute the named notebooks of a profile (all if none is named) that are not up to date.

    Args:
        jobs: notebooks at a time; default: as many as the cores allow, one on a GPU.
        force: run those that are up to date, too.
        limit: the time that there is (default: no limit); SIGTERM shortens it.
    Raises: CompanionError for a wrong name or parameter, if another run of the profile is at work,
        or, after all the others have been run, if a notebook failed; with the code `UNFINISHED` if
        the time did not suffice. KeyboardInterrupt after everything has been stopped.
    """
    limit = limit or Limit()
    chosen = load_profile(root, profile)
    chosen.select(names)
    build = build_folder(root, profile)
    message = (
        f"another 'distill run' of profile {profile} is at work: wait for it, or stop it first"
    )
    with locked(build / "state" / "run.lock", message), _ended_by_signals():
        plan = make_plan(root, chosen, names, force=force)
        sweep(build)
        console.print(announcement(plan, jobs), soft_wrap=True, highlight=False, markup=False)
        if plan.to_run:
            with on_signal([signal.SIGTERM], limit.terminate):
                Run(plan, limit, console).execute(plan.processes(jobs))


class Run:
    """One execution of a plan: the worker processes and what has become of them."""

    def __init__(self, plan: Plan, limit: Limit, console: Console):
        self.plan, self.limit, self.console = plan, limit, console
        self.waiting = plan.to_run
        self.unfinished: list[Job] = []
        self.in_vain: list[str] = []
        self.failed: list[str] = []
        self.workers: set[subprocess.Popen[str]] = set()
        self.starting = threading.Lock()
        self.stopping = False
        self.settings: dict[str, str] = {}
        self.progress = Progress(
            TextColumn("cells"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
        )
        self.bar = self.progress.add_task("", total=None)

    def execute(self, processes: int) -> None:
        """Run all jobs.

        Raises: CompanionError if one failed or is left, KeyboardInterrupt if stopped.
        """
        jobs, self.settings = self.plan.to_run, self.plan.settings(processes)
        for job in jobs:
            prepare(self.plan.work(job), job)
        sources = [source_path(self.plan.root, job.name) for job in jobs]
        self.progress.update(
            self.bar, total=sum(count_code_cells(convert(path)) for path in sources)
        )
        with self.progress, self.supervised(), ThreadPoolExecutor(processes) as pool:
            try:
                for future in as_completed([pool.submit(self.work_off) for _ in range(processes)]):
                    future.result()
            except BaseException:
                self.stop()
                raise
        self.conclude()

    def conclude(self) -> None:
        """Say what failed and what is left. Raises: CompanionError if anything is."""
        left = [remaining(self.plan.work(job), job) for job in [*self.unfinished, *self.waiting]]
        words = (
            f"{len(left)} of {len(self.plan.to_run)} notebooks left, as {self.limit.because}: "
            f"{', '.join(sorted(job.name for job in left))} ({expected(left, 1)}); "
            "what is finished is kept, the same command goes on from here"
        )
        if self.in_vain:
            names = ", ".join(sorted(self.in_vain))
            words += f"; nothing new could be kept of {names}, which asks for more time at once"
        if self.failed:
            raise CompanionError(
                f"{len(self.failed)} of {len(self.plan.to_run)} notebooks failed: "
                f"{', '.join(sorted(self.failed))}; mend them and run the same command again"
                + (f"; {words}" if left else "")
            )
        if left:
            raise CompanionError(words, code=UNFINISHED)

    def work_off(self) -> None:
        """Run jobs, one after the other, as long as there are any for which there is time."""
        while (job := self.take()) is not None:
            self.run_one(job)

    def take(self) -> Job | None:
        """The next job: the first that fits into the time left.

        If none does, the shortest of those that keep pieces.
        """
        with self.starting:
            if self.stopping or self.limit.near():
                return None
            left = self.limit.left()
            fitting = [job for job in self.waiting if (job.forecast or 0.0) <= left]
            resumable = [job for job in reversed(self.waiting) if keeps_pieces(self.plan.root, job)]
            job = next(iter([*fitting, *resumable]), None)
            if job is not None:
                self.waiting.remove(job)
            return job

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Show beside the bar what the notebooks say of their long cells, and keep the limit."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.25):
                texts = (said(self.plan.work(job) / PROGRESS) for job in self.plan.to_run)
                self.progress.update(self.bar, description="; ".join(filter(None, texts)))
                if self.limit.left() <= 0:
                    self.stop()
                    return
                if self.limit.near():
                    for job in self.plan.to_run:
                        (self.plan.work(job) / STOP).touch()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.progress.update(self.bar, description="")

    def run_one(self, job: Job) -> None:
        """Execute a notebook in a worker process and publish what it made."""
        work = self.plan.work(job)
        started, before = time.perf_counter(), kept(work)
        last: dict[str, Any] = {}
        with (work / "log.txt").open("w", encoding="utf-8") as log:
            with self.starting:  # a worker is either seen by `stop` or not started
                if self.stopping:
                    self.unfinished.append(job)
                    return
                worker = begin(self.plan, job, work, log, self.settings)
                self.workers.add(worker)
            assert worker.stdout is not None
            for line in worker.stdout:
                last = json.loads(line)
                if "cell" in last:
                    self.progress.advance(self.bar)
            code = worker.wait()
            self.workers.discard(worker)
        (work / PROGRESS).unlink(missing_ok=True)
        seconds = time.perf_counter() - started
        if "done" in last:
            notebook = publish(self.plan, job, seconds, last.get("memory"))
            self.progress.console.print(
                f"{job.name}: done in {duration(seconds)}{heaviness(notebook)}",
                soft_wrap=True,
                highlight=False,
            )
        elif "stopped" in last or self.stopping:
            self.unfinished.append(job)
            if kept(work) == before:
                self.in_vain.append(job.name)
        else:
            self.failed.append(job.name)
            self.report(
                job, work, last.get("failed") or {"cell": None, "error": ending(code, work)}
            )

    def report(self, job: Job, work: Path, failure: dict[str, Any]) -> None:
        """Say where a notebook failed, and where to look."""
        cell = f"code cell {failure['cell']}" if failure["cell"] else "execution"
        lines = [f"notebooks/{job.name}.md: {cell} failed"]
        lines += [f"    {line}" for line in failure.get("source", "").strip().splitlines()[:3]]
        lines += [f"  {line}" for line in failure["error"].strip().splitlines()[:3]]
        partial = work / ("partial.ipynb" if (work / "partial.ipynb").is_file() else "log.txt")
        inside = partial.is_relative_to(self.plan.root)
        lines += [f"  to look at: {partial.relative_to(self.plan.root) if inside else partial}"]
        self.progress.console.print(
            "\n".join(lines), style="red", soft_wrap=True, highlight=False, markup=False
        )

    def stop(self) -> None:
        """End the workers and their kernels, and wait until they have gone."""
        with self.starting:
            self.stopping = True
        for worker in list(self.workers):
            if worker.stdin is not None:
                worker.stdin.close()
        for worker in list(self.workers):
            try:
                worker.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.kill()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGHUP stops a run as Ctrl-C does; SIGTERM ends it as a limit does."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    def ended() -> None:
        raise CompanionError(
            "asked to end before a notebook was run; nothing is lost", code=UNFINISHED
        )

    hangup = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []  # not on Windows
    with on_signal(hangup, interrupted), on_signal([signal.SIGTERM], ended):
        yield
