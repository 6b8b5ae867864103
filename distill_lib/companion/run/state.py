"""A profile's runs, finished and unfinished, as one file that goes on on another machine.

What is finished of a notebook counts there if its inputs are the same: code, library, parameters,
data, versions and JAX platform. So work begun on a GPU goes on on a GPU, bit for bit where it is of
the same kind.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

from distill_lib.boundary.files import replacing
from distill_lib.companion.errors import CompanionError
from distill_lib.companion.files import locked, read_json
from distill_lib.companion.numbers.provenance import versions
from distill_lib.companion.profiles import load_profile
from distill_lib.companion.root import build_folder
from distill_lib.companion.run.fingerprint import jax_platform
from distill_lib.companion.run.plan import BEGUN

MANIFEST, FORMAT = "manifest.json", 1
# All that an archive may hold: no other path is ever written.
_PATH = re.compile(
    r"notebooks/(?P<a>[\w-]+)\.ipynb|results/(?P<b>[\w-]+)\.json|"
    rf"state/run/(?P<c>[\w-]+)/(record\.json|{re.escape(BEGUN)}|pieces/[0-9a-f]{{16}}/[\w.-]+\.(json|npz))",
    re.ASCII,
)
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,  # a password, or a method that is not known
)
Files = dict[str, dict[str, Any]]  # path -> size, sha256


def pack(root: Path, profile: str, target: Path) -> list[str]:
    """Write everything done for a profile into `target` (zip); returns the notebooks it is of.

    The same state gives the same bytes.

    Raises: CompanionError if a run is at work, or nothing has been run.
    """
    load_profile(root, profile)
    build = build_folder(root, profile)
    with _at_rest(build, profile):
        files = _files(build)
        if not files:
            raise CompanionError(
                f"nothing has been run of profile {profile}: there is no state to pack"
            )
        manifest = {"format": FORMAT, "profile": profile, "files": files}
        manifest |= {"versions": versions(), "platform": jax_platform()}
        with (
            replacing(target) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            archive.writestr(_entry(MANIFEST), json.dumps(manifest, indent=1, sort_keys=True))
            for path in files:
                archive.writestr(_entry(path), (build / path).read_bytes())
    return sorted({_notebook(path) for path in files})


def unpack(root: Path, source: Path, *, replace: bool = False) -> tuple[str, list[str], str]:
    """Bring a packed state to its place.

    Everything is read and checked before anything is replaced. Notebooks that the archive does not
    hold stay as they are. Data sets are not in it.

    Args:
        replace: even where this loses work that is here and not in the archive.
    Returns: the profile, the notebooks, and what differs here so that unfinished work begins anew
        ("" if nothing).
    Raises: CompanionError if the file is no such archive or damaged, of a profile that is unknown
        here, if a run is at work, or if work would be lost.
    """
    with tempfile.TemporaryDirectory(prefix=".state-", dir=_parent(root)) as folder:
        new = Path(folder) / "new"
        try:
            with zipfile.ZipFile(source) as archive:
                manifest = _manifest(archive)
                size = sum(facts["size"] for facts in manifest["files"].values())
                if size > shutil.disk_usage(folder).free:
                    raise ValueError(
                        f"it unpacks to {size / 1e9:.1f} GB, more than the disk has room for"
                    )
                for path, facts in manifest["files"].items():
                    _extract(archive, path, facts, new / path)
        except _UNREADABLE as error:
            raise CompanionError(
                f"{source} is no archive of 'distill state pack' ({error}): pack it again"
            ) from None
        profile, names = (
            manifest["profile"],
            sorted({_notebook(path) for path in manifest["files"]}),
        )
        load_profile(root, profile)
        build = build_folder(root, profile)
        with _at_rest(build, profile):
            lost = [name for name in names if _loses(build, new, name)]
            if lost and not replace:
                raise CompanionError(
                    f"here is work on {', '.join(lost)} that {source} does not hold: "
                    "pack it first, or pass --replace to lose it"
                )
            for name in names:
                _install(new, build, name)
    return profile, names, _differences(manifest)


def _differences(manifest: dict[str, Any]) -> str:
    """What is another here, of all that a run depends on and this machine decides."""
    there = manifest["versions"] | {"JAX's platform": manifest["platform"]}
    here = versions() | {"JAX's platform": jax_platform()}
    return "; ".join(
        f"{name} {there.get(name)} there, {value} here"
        for name, value in here.items()
        if value != there.get(name)
    )


def _at_rest(build: Path, profile: str) -> Any:
    return locked(
        build / "state" / "run.lock",
        f"profile {profile} is being run: wait for it, or stop it first",
    )


def _files(build: Path) -> Files:
    """What of a build folder is state: no locks, no site, no caches, no parts of files."""
    paths = sorted(
        path.relative_to(build).as_posix() for path in build.rglob("*") if path.is_file()
    )
    return {path: _facts((build / path).read_bytes()) for path in paths if _PATH.fullmatch(path)}


def _facts(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _entry(path: str) -> zipfile.ZipInfo:
    """Without a time, an owner or a mode of this machine."""
    entry = zipfile.ZipInfo(path)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _notebook(path: str) -> str:
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError(f"it holds '{path}', which is no part of a state")
    return next(name for name in found.group("a", "b", "c") if name)


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Raises: KeyError, TypeError or ValueError if it is malformed or does not fit the archive."""
    if archive.getinfo(MANIFEST).file_size > 1 << 26:
        raise ValueError("its manifest is too large")
    manifest = json.loads(archive.read(MANIFEST))
    if manifest["format"] != FORMAT:
        raise ValueError(f"its format is {manifest['format']}, known is {FORMAT}")
    sizes = {
        entry.filename: entry.file_size
        for entry in archive.infolist()
        if entry.filename != MANIFEST
    }
    if len(archive.infolist()) != len(sizes) + 1:
        raise ValueError("it holds a name twice")
    if sizes != {_checked(path): facts["size"] for path, facts in manifest["files"].items()}:
        raise ValueError("its files are not those of its manifest")
    if not isinstance(manifest["profile"], str) or not isinstance(manifest["versions"], dict):
        raise TypeError("its manifest is malformed")
    return manifest | {"platform": str(manifest["platform"])}


def _checked(path: str) -> str:
    _notebook(path)
    return path


def _extract(archive: zipfile.ZipFile, path: str, facts: dict[str, Any], target: Path) -> None:
    content = archive.read(path)
    if _facts(content) != facts:
        raise ValueError(f"{path} is damaged")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _loses(build: Path, new: Path, name: str) -> bool:
    """Whether work here is neither in the archive nor finished there from the same inputs."""
    here, there = (folder / "state" / "run" / name for folder in (build, new))
    ours, theirs = _finished(here), _finished(there)
    if ours is not None and ours != theirs:
        return True
    if theirs is not None and (here / BEGUN).is_file() and read_json(here / BEGUN) == theirs:
        return False
    pieces = [path.relative_to(here) for path in here.glob("pieces/*/*")]
    return not all((there / path).is_file() for path in pieces)


def _finished(work: Path) -> dict[str, Any] | None:
    """The inputs of a finished run, else None."""
    path = work / "record.json"
    inputs: dict[str, Any] | None = read_json(path)["inputs"] if path.is_file() else None
    return inputs or None


def _install(new: Path, build: Path, name: str) -> None:
    """Replace what is here of a notebook, the work folder and the record that counts it last."""
    work = Path("state") / "run" / name
    shutil.rmtree(build / work, ignore_errors=True)
    for path in (Path("notebooks") / f"{name}.ipynb", Path("results") / f"{name}.json", work):
        if (new / path).exists():
            (build / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(new / path, build / path)
        elif path != work:
            (build / path).unlink(missing_ok=True)


def _parent(root: Path) -> Path:
    folder = build_folder(root, "").parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder
