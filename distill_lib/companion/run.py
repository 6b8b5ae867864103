"""Executes a profile's notebooks in parallel processes; what is finished is never done twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
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
from distill_lib.companion.files import locked, write_json
from distill_lib.companion.notebook import convert, count_code_cells, source_path
from distill_lib.companion.plan import FORCED, Job, Plan, duration, expected, make_plan
from distill_lib.companion.profiles import load_profile
from distill_lib.companion.results import PROGRESS
from distill_lib.companion.root import build_folder


def run_profile(
    root: Path,
    profile: str,
    names: list[str],
    *,
    jobs: int | None = None,
    force: bool = False,
    console: Console,
) -> None:
    """Execute the named notebooks of a profile (all if none is named) that are not up to date.

    Args:
        jobs: notebooks at a time; default: as many as the cores allow, one on a GPU.
        force: run those that are up to date, too.
    Raises: CompanionError for a wrong name or parameter, if another run of the profile is at work, or, after all the
    others have been run, if a notebook failed. KeyboardInterrupt after everything has been stopped.
    """
    chosen = load_profile(root, profile)
    chosen.select(names)
    build = build_folder(root, profile)
    message = f"another 'distill run' of profile {profile} is at work: wait for it, or stop it first"
    with locked(build / "state" / "run.lock", message), _terminated_as_interrupted():
        plan = make_plan(root, chosen, names, force=force)
        _prune(build, set(chosen.notebooks))
        _announce(plan, jobs, console)
        if plan.to_run:
            Run(plan, console).execute(plan.processes(jobs))


class Run:
    """One execution of a plan: the worker processes and what has become of them."""

    def __init__(self, plan: Plan, console: Console):
        self.plan, self.console = plan, console
        self.workers: set[subprocess.Popen[str]] = set()
        self.starting = threading.Lock()
        self.stopping = False
        self.failed: list[str] = []
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
        """Run all jobs. Raises: CompanionError if one failed, KeyboardInterrupt if stopped."""
        jobs = self.plan.to_run
        for job in jobs:
            _prepare(self.plan.work(job), job)
        sources = [source_path(self.plan.root, job.name) for job in jobs]
        self.progress.update(self.bar, total=sum(count_code_cells(convert(path)) for path in sources))
        with self.progress, self.notes(), ThreadPoolExecutor(processes) as pool:
            try:
                for future in as_completed([pool.submit(self.run_one, job) for job in jobs]):
                    future.result()
            except BaseException:
                self.stop()
                pool.shutdown(cancel_futures=True)
                raise
        if self.failed:
            raise CompanionError(
                f"{len(self.failed)} of {len(jobs)} notebooks failed: {', '.join(sorted(self.failed))}; "
                "mend them and run the same command again"
            )

    @contextmanager
    def notes(self) -> Iterator[None]:
        """Show beside the bar what the notebooks say of their long cells."""
        ended = threading.Event()

        def show() -> None:
            while not ended.wait(1):
                said = (_read(self.plan.work(job) / PROGRESS) for job in self.plan.to_run)
                self.progress.update(self.bar, description="; ".join(filter(None, said)))

        thread = threading.Thread(target=show, daemon=True)
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
        started = time.perf_counter()
        last: dict[str, Any] = {}
        with (work / "log.txt").open("w") as log:
            with self.starting:  # a worker is either seen by `stop` or not started
                if self.stopping:
                    return
                worker = self.start(job, work, log)
            assert worker.stdout is not None
            for line in worker.stdout:
                last = json.loads(line)
                if "cell" in last:
                    self.progress.advance(self.bar)
            code = worker.wait()
            self.workers.discard(worker)
        (work / PROGRESS).unlink(missing_ok=True)
        seconds = time.perf_counter() - started
        if self.stopping:
            return
        if "done" in last:
            publish(self.plan, job, seconds)
            self.progress.console.print(
                f"{job.name}: done in {duration(seconds)}", soft_wrap=True, highlight=False
            )
        else:
            self.failed.append(job.name)
            self.report(job, work, last.get("failed") or {"cell": None, "error": _ending(code, work)})

    def start(self, job: Job, work: Path, log: Any) -> "subprocess.Popen[str]":
        """Start the worker in a session of its own: Ctrl-C reaches the runner alone, which then closes the pipe."""
        environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
        environment |= {
            "DISTILL_RESULTS": str(work),
            "DISTILL_FINGERPRINT": job.fingerprint,
            "DISTILL_PARAMETERS": json.dumps(job.parameters),
            # Most compiled functions are the same in many notebooks.
            "JAX_COMPILATION_CACHE_DIR": str(self.plan.root / "_build" / "cache" / "jax"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
            "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, not one that the user has installed elsewhere
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning about frozen modules in every kernel's log
        }
        worker = subprocess.Popen(
            [sys.executable, "-m", "distill_lib.companion.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            cwd=self.plan.root,
            start_new_session=True,
        )
        self.workers.add(worker)
        task = {
            "source": str(source_path(self.plan.root, job.name)),
            "root": str(self.plan.root),
            "work": str(work),
            "parameters": job.parameters,
        }
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(task) + "\n")
        worker.stdin.flush()
        return worker

    def report(self, job: Job, work: Path, failure: dict[str, Any]) -> None:
        """Say where a notebook failed, and where to look."""
        cell = f"code cell {failure['cell']}" if failure["cell"] else "execution"
        lines = [f"notebooks/{job.name}.md: {cell} failed"]
        lines += [f"    {line}" for line in failure.get("source", "").strip().splitlines()[:3]]
        lines += [f"  {line}" for line in failure["error"].strip().splitlines()[:3]]
        partial = work / ("partial.ipynb" if (work / "partial.ipynb").is_file() else "log.txt")
        lines += [f"  to look at: {partial.relative_to(self.plan.root)}"]
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


def publish(plan: Plan, job: Job, seconds: float) -> None:
    """Move a finished notebook and its results to their places; the record, written last, makes them count."""
    build, work = build_folder(plan.root, plan.profile.name), plan.work(job)
    (work / "record.json").unlink(missing_ok=True)
    results = work / "results" / f"{job.name}.json"
    has_results = results.is_file()
    for folder in ("results", "notebooks"):
        (build / folder).mkdir(parents=True, exist_ok=True)
    if has_results:
        measured = json.loads(results.read_text())["provenance"]["seconds"]
        seconds = max(seconds, measured)  # pieces of an interrupted run are counted there
        os.replace(results, build / "results" / results.name)
    else:
        (build / "results" / results.name).unlink(missing_ok=True)
    os.replace(work / "executed.ipynb", build / "notebooks" / f"{job.name}.ipynb")
    record = {"inputs": job.inputs, "seconds": round(seconds, 1), "results": has_results}
    write_json(work / "record.json", record)
    for folder in ("pieces", "results"):
        shutil.rmtree(work / folder, ignore_errors=True)


def _prepare(work: Path, job: Job) -> None:
    """Clear what an earlier attempt left, except the finished pieces of this very fingerprint."""
    work.mkdir(parents=True, exist_ok=True)
    for folder in ("scratch", "results"):
        shutil.rmtree(work / folder, ignore_errors=True)
    for name in ("partial.ipynb", "executed.ipynb", "log.txt", PROGRESS):
        (work / name).unlink(missing_ok=True)
    forced = job.why == FORCED
    for pieces in (work / "pieces").glob("*"):
        if forced or pieces.name != job.fingerprint[:16]:
            shutil.rmtree(pieces)
    if forced and job.seconds is not None:  # if interrupted, the next run goes on with it
        write_json(work / "record.json", {"inputs": None, "seconds": job.seconds, "results": False})


def _prune(build: Path, names: set[str]) -> None:
    """Remove what earlier runs left of notebooks that the profile no longer has, and parts of unfinished files."""
    for path in [*build.glob("notebooks/*.ipynb"), *build.glob("results/*.json")]:
        if path.stem not in names:
            path.unlink()
    for path in build.glob("state/run/*"):
        if path.name not in names:
            shutil.rmtree(path)
    for folder in ("notebooks", "results", "state/run"):
        for part in (build / folder).rglob(".*.part"):
            part.unlink()


def _announce(plan: Plan, jobs: int | None, console: Console) -> None:
    """Say what will be run, what is up to date and what it will cost."""
    lines = [f"profile {plan.profile.name}: {plan.profile.description}"]
    width = max(len(job.name) for job in plan.jobs)
    for job in plan.jobs:
        cost = "cost unknown" if job.seconds is None else f"about {duration(job.seconds)}"
        lines.append(f"  {job.name:<{width}}  " + (f"run ({job.why}; {cost})" if job.why else "up to date"))
    todo, count = plan.to_run, plan.processes(jobs)
    total = f"{len(todo)} to run, {count} at a time: {expected(todo, count)}" if todo else "nothing to run"
    console.print("\n".join([*lines, total]), soft_wrap=True, highlight=False, markup=False)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _ending(code: int, work: Path) -> str:
    """How a worker ended that could not say so itself."""
    if code < 0:
        return f"the process was killed by signal {-code} ({signal.Signals(-code).name})"
    log = (work / "log.txt").read_text(errors="replace").strip().splitlines()
    return "\n".join([f"the process ended with status {code}", *log[-1:]])


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP stop a run as Ctrl-C does."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    heeded = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) != signal.SIG_IGN]  # nohup
    previous = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
