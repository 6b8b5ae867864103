"""What a notebook's outcome depends on, so that a run which nothing has changed is not repeated."""

import hashlib
import json
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.files import read_json, write_json
from distill_lib.companion.numbers.provenance import versions
from distill_lib.companion.profiles import strings
from distill_lib.companion.run.notebook import Notebook, code, convert, source_path
from distill_lib.companion.run.syntax import without_docstrings

PACKAGE = Path(__file__).resolve().parents[2]
USED_BY_NOTEBOOKS = "companion/numbers/"
# How a changed input is named to the user.
INPUTS = {
    "notebook": "the notebook",
    "library": "the library",
    "parameters": "the parameters",
    "data": "the data",
    "versions": "package versions",
    "platform": "the JAX platform",
}


def inputs(
    root: Path, name: str, parameters: dict[str, Any], state: Path, platform: str
) -> dict[str, Any]:
    """Everything that a notebook's outcome depends on, under the keys of `INPUTS`.

    The values are as JSON has them. Data sets that the parameters name are fetched if they are
    absent. `state` keeps their digests between runs.
    """
    return {
        "notebook": notebook_digest(root, name),
        "library": library_digest(root),
        "parameters": parameters,
        "data": data_digests(strings(parameters), state / "digests.json"),
        "versions": versions(),
        "platform": platform,
    }


def fingerprint(content: dict[str, Any]) -> str:
    """SHA-256 (hex) of inputs."""
    return _sha256(json.dumps(content, sort_keys=True).encode())


def notebook_digest(root: Path, name: str) -> str:
    """Over a notebook's code: its prose and captions change nothing in what it finds."""
    return code_digest(convert(source_path(root, name)))


def code_digest(notebook: Notebook) -> str:
    """The same over a source or an execution that has been read."""
    return _sha256(json.dumps(code(notebook)).encode())


def library_digest(root: Path) -> str:
    """A digest of the library's statements as a kernel in `root` imports it.

    Of the companion it takes what notebooks use. Docstrings and comments change nothing.
    """
    package = root / "distill_lib" if (root / "distill_lib").is_dir() else PACKAGE
    digest = hashlib.sha256()
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.json")]):
        name = path.relative_to(package).as_posix()
        if name.startswith(USED_BY_NOTEBOOKS) or not name.startswith("companion/"):
            digest.update(f"{name} {_digest(path)}\n".encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    content = path.read_bytes()
    return _of_statements(content) if path.suffix == ".py" else _sha256(content)


@cache  # every notebook of a plan asks for the same library
def _of_statements(module: bytes) -> str:
    return _sha256(json.dumps(without_docstrings(module.decode())).encode())


def data_digests(words: list[str], cache: Path) -> dict[str, str]:
    """Digest of every data set among the words.

    One that was read before is known again by its file's size and time.
    """
    from distill_lib import data

    known = read_json(cache) if cache.is_file() else {}
    digests = {}
    for name in sorted(set(words) & set(data.names())):
        path = data.fetch(name)
        file = None if path is None else path.stat()
        stamp = (
            [str(path), file.st_size, file.st_mtime_ns]
            if file
            else ["scikit-learn", version("scikit-learn")]
        )
        if known.get(name, {}).get("stamp") != stamp:
            known[name] = {"stamp": stamp, "digest": data.load(name).info.digest}
            write_json(cache, known)
        digests[name] = known[name]["digest"]
    return digests


def jax_platform() -> str:
    """The platform that JAX computes on, by JAX's own name for it: cpu, gpu or tpu.

    It is so however the user names it. Asked in a process of its own: a GPU's memory stays free for
    the kernels.
    """
    named = os.environ.get("JAX_PLATFORMS", "").split(",")[0].strip().lower()
    if named:
        return "gpu" if named in ("cuda", "rocm") else named
    if (
        not entry_points(group="jax_plugins")
        and not find_spec("jax_plugins")
        and not find_spec("libtpu")
    ):
        return "cpu"
    ask = [sys.executable, "-c", "import jax; print(jax.default_backend())"]
    done = subprocess.run(ask, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CompanionError(
            f"JAX finds no device ({last}): set JAX_PLATFORMS=cpu to compute on the processor"
        )
    return done.stdout.strip()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
