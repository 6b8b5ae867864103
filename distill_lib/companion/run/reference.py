"""The reference run: a profile's executed notebooks and results, committed with the book."""

import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.files import locked, read_json, write_json
from distill_lib.companion.numbers.stored import read_results
from distill_lib.companion.profiles import Profile, load_profile, load_profiles
from distill_lib.companion.root import build_folder, reference_folder
from distill_lib.companion.run.fingerprint import notebook_digest
from distill_lib.companion.run.plan import make_plan, read_record

RECORDS = "records.json"  # notebook -> what its committed run was made from


def commit_reference(
    root: Path, profile: str, names: list[str], *, allow_dirty: bool = False
) -> Path:
    """Copy up-to-date runs of notebooks (all if none is named) to `book/reference/<profile>`.

    The committed runs of other notebooks of the profile stay.

    Returns: that folder.
    Raises: CompanionError for an unknown name, or if one of the notebooks is not up to date, or was
        run with uncommitted changes of the sources or outside a repository, unless `allow_dirty`.
    """
    settings, build, target = (
        load_profile(root, profile),
        build_folder(root, profile),
        reference_folder(root, profile),
    )
    chosen = settings.select(names)
    with locked(build / "state" / "run.lock", f"profile {profile} is being run: wait for it"):
        stale = [job.name for job in make_plan(root, settings, chosen).jobs if job.why]
        if stale:
            raise CompanionError(
                f"not up to date in _build/{profile}: {', '.join(stale)}; run 'distill run "
                f"--profile {profile} "
                f"{' '.join(stale)}' first"
            )
        if not allow_dirty:
            _check_clean(build, profile, chosen)
        records = _records(target) | {
            name: read_record(root, profile, name) or {} for name in chosen
        }
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{profile}-", dir=target.parent) as folder:
            part = Path(folder) / "new"
            for name in settings.notebooks:
                source = build if name in chosen else target
                for path in (Path("notebooks") / f"{name}.ipynb", Path("results") / f"{name}.json"):
                    if (source / path).is_file():
                        (part / path.parent).mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(source / path, part / path)
            for name in chosen:
                if (kept := part / "results" / f"{name}.json").is_file():
                    records[name] |= {"sha256": sha256(kept.read_bytes()).hexdigest()}
            write_json(
                part / RECORDS,
                {name: records[name] for name in settings.notebooks if name in records},
            )
            if target.exists():
                os.replace(target, Path(folder) / "old")
            os.replace(part, target)
    return target


def needs_run(root: Path, profile: Profile) -> list[str]:
    """The notebooks that a book cannot take from the reference run.

    They have been run here before, so that they are kept up to date here; or their code or
    parameters have changed since the reference run; or it lacks them.
    """
    folder = reference_folder(root, profile.name)
    records = _records(folder)

    def stands(name: str) -> bool:
        made_from = records.get(name, {}).get("inputs", {})
        return (
            not (build_folder(root, profile.name) / "notebooks" / f"{name}.ipynb").is_file()
            and (folder / "notebooks" / f"{name}.ipynb").is_file()
            and made_from.get("notebook") == notebook_digest(root, name)
            and made_from.get("parameters") == profile.parameters(name)
        )

    return [name for name in profile.notebooks if not stands(name)]


def shown_profile(root: Path, profile: str, name: str) -> str:
    """Whose run of a notebook the book of a profile shows.

    Its own, or, where it leaves the notebook out, that of a committed reference run, of the
    smallest profile that has one.
    """
    profiles = load_profiles(root)
    if profile not in profiles or name in profiles[profile].notebooks:
        return profile
    others = (
        other
        for other in profiles  # in the order of the file, the smallest first
        if (reference_folder(root, other) / "notebooks" / f"{name}.ipynb").is_file()
    )
    return next(others, profile)


def committed_records(root: Path, profile: str) -> dict[str, dict[str, Any]]:
    """What each committed run was made from, and what it cost: notebook -> record."""
    return _records(reference_folder(root, profile))


def _records(folder: Path) -> dict[str, dict[str, Any]]:
    records = read_json(folder / RECORDS) if (folder / RECORDS).is_file() else {}
    if not isinstance(records, dict) or not all(
        isinstance(record, dict) for record in records.values()
    ):
        raise CompanionError(
            f"{folder / RECORDS} is not 'notebook: record': restore it from the repository"
        )
    return records


def _check_clean(build: Path, profile: str, names: list[str]) -> None:
    for name in names:
        path = build / "results" / f"{name}.json"
        made = (
            read_results(path)["provenance"] if path.is_file() else {"commit": "", "dirty": False}
        )
        if made["commit"] is None or made["dirty"]:
            what = (
                "uncommitted changes of the sources" if made["dirty"] else "no git commit to name"
            )
            raise CompanionError(
                f"{name} was run with {what}: commit and run it again ('distill run --profile "
                f"{profile} --force "
                f"{name}'), or pass --allow-dirty"
            )
