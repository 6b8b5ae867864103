"""What a run has to do, why, and what it will cost."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distill_lib.companion.files import read_json
from distill_lib.companion.numbers.provenance import cpu_count
from distill_lib.companion.numbers.stored import read_results
from distill_lib.companion.profiles import Profile, check_datasets
from distill_lib.companion.root import build_folder, reference_folder, work_folder
from distill_lib.companion.run.fingerprint import INPUTS, fingerprint, inputs, jax_platform
from distill_lib.companion.run.notebook import check_parameters, convert, source_path
from distill_lib.data import names as names_of_datasets

REPEATABLE = "--xla_gpu_exclude_nondeterministic_ops=true"
FORCED = "asked for with --force"
BEGUN = "begun.json"  # in a notebook's work folder: the inputs of its unfinished pieces


@dataclass(frozen=True)
class Job:
    """One notebook of a run: `why` is empty if it is up to date.

    `seconds` is what it took last time, if known, and `kept` the seconds of the pieces that it need
    not do again.
    """

    name: str
    parameters: dict[str, Any]
    inputs: dict[str, Any]
    fingerprint: str
    why: str
    seconds: float | None
    kept: float = 0.0

    @property
    def forecast(self) -> float | None:
        """Seconds that it will still take, if known."""
        return None if self.seconds is None else max(self.seconds - self.kept, 0.0)


@dataclass(frozen=True)
class Plan:
    """The jobs of a profile, in its order, and the JAX platform they run on."""

    root: Path
    profile: Profile
    platform: str
    jobs: list[Job]

    def work(self, job: Job) -> Path:
        """The folder in which a job is done."""
        return work_folder(self.root, self.profile.name, job.name)

    @property
    def to_run(self) -> list[Job]:
        """Those not up to date: of unknown cost first, then the longest.

        So the last to end is a short one.
        """
        return sorted((job for job in self.jobs if job.why), key=lambda job: -_or_inf(job.forecast))

    def settings(self, processes: int) -> dict[str, str]:
        """Settings for kernels on a GPU.

        Operations that do not repeat their bits are left out. Kernels that run together share the
        memory, of which each would else take three quarters.
        """
        if self.platform == "cpu":
            return {}
        flags = os.environ.get("XLA_FLAGS", "")
        if REPEATABLE.partition("=")[0] not in flags:
            flags = f"{flags} {REPEATABLE}".strip()
        named = {"XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_PREALLOCATE"} & set(
            os.environ
        )
        if processes == 1 or named:
            return {"XLA_FLAGS": flags}
        return {"XLA_FLAGS": flags, "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{0.9 / processes:.3f}"}

    def processes(self, wanted: int | None = None) -> int:
        """How many notebooks run at a time.

        Each uses all cores in its algebra, and a GPU holds one.
        """
        usual = 1 if self.platform != "cpu" else min(cpu_count(), max(2, cpu_count() // 4), 8)
        return max(1, min(wanted or usual, len(self.to_run)))


def make_plan(root: Path, profile: Profile, names: list[str], *, force: bool = False) -> Plan:
    """Check the profile's notebooks and parameters, then compare each with its last run.

    Raises: CompanionError for an unknown notebook, parameter or data set, before anything else is
        done; ValueError if a data set cannot be had.
    """
    chosen = profile.select(names)
    for name in chosen:
        check_parameters(name, convert(source_path(root, name)), profile.parameters(name))
    check_datasets(profile, chosen, names_of_datasets())
    platform, state = jax_platform(), build_folder(root, profile.name) / "state"
    jobs = []
    for name in chosen:
        parameters = profile.parameters(name)
        content = inputs(root, name, parameters, state, platform)
        why = FORCED if force else why_run(root, profile.name, name, content)
        seconds = last_seconds(root, profile.name, name)
        job = Job(name, parameters, content, fingerprint(content), why, seconds)
        forced = why == FORCED
        jobs.append(job if forced else remaining(work_folder(root, profile.name, name), job))
    return Plan(root, profile, platform, jobs)


def remaining(work: Path, job: Job) -> Job:
    """The job without its finished pieces: what is still to do of it."""
    pieces = (work / "pieces" / job.fingerprint[:16]).glob("*.json")
    return replace(job, kept=sum(read_json(path)["seconds"] for path in pieces))


def _records(plan: Plan) -> set[str]:
    """The notebooks of which a finished run is here."""
    folder = work_folder(plan.root, plan.profile.name, "")
    return {path.parent.name for path in folder.glob("*/record.json")}


def keeps_pieces(root: Path, job: Job) -> bool:
    """Whether a notebook's work is kept when it is stopped, so that any time spent on it counts."""
    text = source_path(root, job.name).read_text(encoding="utf-8")
    return "results.cached(" in text or "results.checkpoint(" in text


def read_record(root: Path, profile: str, name: str) -> dict[str, Any] | None:
    """What the last finished run of a notebook left.

    Its inputs, its seconds, whether it has results.
    """
    path = work_folder(root, profile, name) / "record.json"
    return read_json(path) if path.is_file() else None


def why_run(root: Path, profile: str, name: str, content: dict[str, Any]) -> str:
    """The reason to run a notebook, or nothing if its last run still stands."""
    work, build, record = (
        work_folder(root, profile, name),
        build_folder(root, profile),
        read_record(root, profile, name),
    )
    if record is None or not record["inputs"]:
        if (work / "partial.ipynb").is_file():
            return "failed"
        if not (work / BEGUN).is_file():
            return "interrupted" if work.is_dir() else "not run yet"
        changed = changes(read_json(work / BEGUN), content)
        return f"interrupted; changed since: {changed}" if changed else "interrupted"
    if changed := changes(record["inputs"], content):
        return f"changed: {changed}"
    outputs = [
        build / "notebooks" / f"{name}.ipynb",
        *([build / "results" / f"{name}.json"] if record["results"] else []),
    ]
    return "" if all(path.is_file() for path in outputs) else "its output is gone"


def changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Which inputs are others than before, in words; empty if none is."""
    return ", ".join(named for key, named in INPUTS.items() if before.get(key) != now[key])


def last_seconds(root: Path, profile: str, name: str) -> float | None:
    """Seconds of the last run here, else of the committed reference run, else None."""
    record = read_record(root, profile, name)
    if record is not None:
        return record["seconds"]
    reference = reference_folder(root, profile) / "results" / f"{name}.json"
    return read_results(reference)["provenance"].get("seconds") if reference.is_file() else None


def announcement(plan: Plan, jobs: int | None) -> str:
    """Say what will be run, what is up to date and what it will cost."""
    lines = [f"profile {plan.profile.name}: {plan.profile.description}"]
    width = max(len(job.name) for job in plan.jobs)
    for job in plan.jobs:
        cost = "cost unknown" if job.forecast is None else f"about {duration(job.forecast)}"
        lines.append(
            f"  {job.name:<{width}}  " + (f"run ({job.why}; {cost})" if job.why else "up to date")
        )
    kept = sorted(_records(plan) - set(plan.profile.notebooks))
    gone = [f"  kept, though the profile lists them no more: {', '.join(kept)}"] if kept else []
    todo, count = plan.to_run, plan.processes(jobs)
    total = (
        f"{len(todo)} to run, {count} at a time: {expected(todo, count)}"
        if todo
        else "nothing to run"
    )
    share = plan.settings(count).get("XLA_PYTHON_CLIENT_MEM_FRACTION")
    shared = [f"each with {float(share):.0%} of the GPU's memory"] if share else []
    return "\n".join([*lines, *gone, ", ".join([total, *shared])])


def expected(jobs: list[Job], processes: int) -> str:
    """The cost of some jobs in words."""
    known = [job.forecast for job in jobs if job.forecast is not None]
    unknown = len(jobs) - len(known)
    parts = [f"about {duration(max(sum(known) / processes, max(known)))}"] if known else []
    parts += [f"{unknown} of unknown cost"] if unknown else []
    return " and ".join(parts)


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _or_inf(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds
