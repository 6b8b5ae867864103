"""What lies in a notebook's work folder: cleared before a run, brought to its place after it."""

import os
import shutil
import signal
from pathlib import Path

from distill_lib.companion.errors import DISK_FULL, OUT_OF_MEMORY
from distill_lib.companion.files import write_json
from distill_lib.companion.numbers.results import PROGRESS, STOP
from distill_lib.companion.numbers.stored import read_results
from distill_lib.companion.root import build_folder
from distill_lib.companion.run.plan import BEGUN, FORCED, Job, Plan

LARGE = (
    10_000_000  # bytes of an executed notebook; the largest of the reference runs has a tenth of it
)


def publish(plan: Plan, job: Job, seconds: float, memory: int | None) -> Path:
    """Move a finished notebook and its results to their places.

    The record, written last, makes them count.

    Args:
        memory: bytes that it held at most, where the system says so.
    Returns: the notebook's place.
    """
    build, work = build_folder(plan.root, plan.profile.name), plan.work(job)
    (work / "record.json").unlink(missing_ok=True)
    results = work / "results" / f"{job.name}.json"
    has_results = results.is_file()
    cost = {
        "memory": memory,
        "disk": sum(path.stat().st_size for path in work.rglob("*") if path.is_file()),
    }
    for folder in ("results", "notebooks"):
        (build / folder).mkdir(parents=True, exist_ok=True)
    if has_results:
        content = read_results(results)
        # Pieces of an interrupted run count.
        seconds = max(seconds, content["provenance"]["seconds"])
        content["provenance"] |= cost
        write_json(results, content)
        os.replace(results, build / "results" / results.name)
    else:
        (build / "results" / results.name).unlink(missing_ok=True)
    notebook = build / "notebooks" / f"{job.name}.ipynb"
    os.replace(work / "executed.ipynb", notebook)
    record = {"inputs": job.inputs, "seconds": round(seconds, 1), **cost, "results": has_results}
    write_json(work / "record.json", record)
    (work / BEGUN).unlink(missing_ok=True)
    for folder in ("pieces", "results"):
        shutil.rmtree(work / folder, ignore_errors=True)
    return notebook


def heaviness(notebook: Path) -> str:
    """A warning if an executed notebook is too large for a repository or a page, else nothing."""
    size = notebook.stat().st_size
    if size <= LARGE:
        return ""
    megabytes = f"{size / 1e6:.0f} MB"
    return f"; its outputs take {megabytes}, too many for a page: print less, or draw fewer points"


def kept(work: Path) -> dict[str, int]:
    """The finished pieces and checkpoints, each with the time of its last change."""
    return {path.name: path.stat().st_mtime_ns for path in work.glob("pieces/*/[!.]*")}


def said(progress: Path) -> str:
    """What a notebook says of its long cell."""
    try:
        return progress.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def ending(code: int, work: Path) -> str:
    """How a worker ended that could not say so itself."""
    cause = DISK_FULL if shutil.disk_usage(work).free < 1 << 20 else ""
    if code < 0:
        name = signal.Signals(-code).name
        cause = cause or (OUT_OF_MEMORY if name == "SIGKILL" else "")
        return f"the process was killed by signal {-code} ({name}){cause}"
    log = (work / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n".join([f"the process ended with status {code}{cause}", *log[-1:]])


def prepare(work: Path, job: Job) -> None:
    """Clear what an earlier attempt left, except the finished pieces of this very fingerprint."""
    work.mkdir(parents=True, exist_ok=True)
    for folder in ("scratch", "results"):
        shutil.rmtree(work / folder, ignore_errors=True)
    for name in ("partial.ipynb", "executed.ipynb", "log.txt", PROGRESS, STOP):
        (work / name).unlink(missing_ok=True)
    write_json(work / BEGUN, job.inputs)
    forced = job.why == FORCED
    for pieces in (work / "pieces").glob("*"):
        if forced or pieces.name != job.fingerprint[:16]:
            shutil.rmtree(pieces)
    if forced and job.seconds is not None:  # if interrupted, the next run goes on with it
        write_json(work / "record.json", {"inputs": None, "seconds": job.seconds, "results": False})


def sweep(build: Path) -> None:
    """Remove parts of unfinished files.

    Runs of notebooks that the profile no longer lists are kept.
    """
    for folder in ("notebooks", "results", "state/run"):
        for part in (build / folder).rglob(".*.part"):
            part.unlink()
