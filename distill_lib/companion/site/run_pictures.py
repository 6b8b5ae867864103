"""Pictures of committed runs on pages of prose: what a notebook drew, shown elsewhere too."""

import base64
import posixpath
import re
from pathlib import Path

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.root import reference_folder

# `runs/mnist-privacy-2.png`: of the run of `privacy` committed for `mnist`, its third picture.
NAME = re.compile(r"\bruns/(\w+)-(\w+)-(\d+)\.png\b")


def run_pictures(root: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    """The pictures that staged pages of prose name, by their paths in the stage.

    Raises: CompanionError naming the page and a picture that no committed run has.
    """
    found: dict[str, bytes] = {}
    for page, content in files.items():
        if page.endswith(".md"):
            for match in NAME.finditer(content.decode()):
                path = posixpath.normpath(posixpath.join(posixpath.dirname(page), match[0]))
                found[path] = _picture(root, page, match)
    return found


def _picture(root: Path, page: str, match: re.Match[str]) -> bytes:
    profile, notebook, number = match[1], match[2], int(match[3])
    path = reference_folder(root, profile) / "notebooks" / f"{notebook}.ipynb"
    drawn = _drawn(path) if path.is_file() else ()
    if number >= len(drawn):
        raise CompanionError(
            f"{page} shows {match[0]}, but the committed run has {len(drawn)} pictures: name one "
            f"of {notebook} for {profile}, counted from 0"
        )
    return drawn[number]


def _drawn(path: Path) -> tuple[bytes, ...]:
    """The pictures in a notebook's outputs."""
    import nbformat

    return tuple(
        base64.b64decode(output.data["image/png"])
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    )
