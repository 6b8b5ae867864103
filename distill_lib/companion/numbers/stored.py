"""What was recorded, as it lies in its files: runs of notebooks, pieces and benchmarks."""

from pathlib import Path
from typing import Any, NamedTuple

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.files import read_json
from distill_lib.companion.profiles import load_profile
from distill_lib.companion.root import build_folder, reference_folder


class Kind(NamedTuple):
    """A kind of results file: the parts that it has, and how it is made."""

    parts: tuple[str, ...]
    made: str


RUN = Kind(("notebook", "profile", "rows", "values", "provenance"), "run the notebook")
PIECE = Kind(("piece", "settings", "rows", "provenance"), "measure the piece")
BENCHMARK = Kind(("settings", "measured", "provenance"), "run the benchmark")


def read_results(path: Path, kind: Kind = RUN) -> dict[str, Any]:
    """The content of a results file: everything that was recorded is read here.

    Args:
        kind: a notebook's run (of `_build` or `book/reference`), a PIECE of `book/measured`, or a
            BENCHMARK of `book/large`.
    Raises: CompanionError naming the file if it is missing, no JSON, or lacks a part.
    """
    if not path.is_file():
        raise CompanionError(f"no results at {path}: {kind.made} first")
    content = read_json(path)
    lacking = set(kind.parts) - set(content if isinstance(content, dict) else ())
    if not lacking and not isinstance(content["provenance"], dict):
        lacking = {"provenance"}
    if lacking:
        raise CompanionError(
            f"{path} lacks {', '.join(sorted(lacking))}: delete it and {kind.made} again"
        )
    return content


def load_results(root: Path, profile: str, *, fresh: bool) -> dict[str, dict[str, Any]]:
    """Every results file of a profile, by notebook.

    From `_build` (fresh) or from the committed reference run.
    """
    folder = (build_folder if fresh else reference_folder)(root, profile) / "results"
    paths = {path.stem: path for path in sorted(folder.glob("*.json"))}
    # Runs that the profile lists no more are kept in `_build`, but not shown.
    names = load_profile(root, profile).notebooks if fresh and paths else paths
    return {name: read_results(path) for name, path in paths.items() if name in names}


def load_profile_results(root: Path, profile: str, *, fresh: bool) -> dict[str, dict[str, str]]:
    """The numbers that the prose pastes: notebook -> name -> formatted text.

    Empty if the profile has no results there.
    """
    return {
        notebook: {name: entry["text"] for name, entry in content["values"].items()}
        for notebook, content in load_results(root, profile, fresh=fresh).items()
    }
