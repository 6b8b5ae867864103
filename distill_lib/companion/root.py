"""Where the project lies, and the names of its folders."""

import os
from pathlib import Path

from distill_lib.companion.errors import CompanionError


def project_root(start: Path | None = None) -> Path:
    """The nearest folder holding `_toc.yml` and `notebooks/`.

    Args:
        start: where to look first, upwards (default: the current folder); then above this package.
    Raises: CompanionError if there is none.
    """
    first = (start or Path.cwd()).resolve()
    for folder in (first, *first.parents, *Path(__file__).resolve().parents):
        if (folder / "_toc.yml").is_file() and (folder / "notebooks").is_dir():
            return folder
    raise CompanionError(
        f"no project at or above {first}: go to the folder that holds _toc.yml and notebooks/ and "
        "try again",
        code=2,
    )


def builds(root: Path) -> Path:
    """The folder of everything that is made.

    `_build`, or DISTILL_BUILD where the checkout is read-only.
    """
    named = os.environ.get("DISTILL_BUILD")
    return Path(named).absolute() if named else root / "_build"


def build_folder(root: Path, profile: str) -> Path:
    """What is made of a profile: executed notebooks, results, the runner's state, the site.

    `_build/<profile>`.
    """
    return builds(root) / profile


def reference_folder(root: Path, profile: str) -> Path:
    """The committed reference run's notebooks and results: `book/reference/<profile>`."""
    return root / "book" / "reference" / profile


def work_folder(root: Path, profile: str, notebook: str) -> Path:
    """What the runner knows of a notebook, and its work on it.

    `_build/<profile>/state/run/<notebook>`.
    """
    return build_folder(root, profile) / "state" / "run" / notebook
