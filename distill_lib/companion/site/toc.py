"""The pages of the book, and of which profile each page with code is shown."""

from pathlib import Path

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.run.reference import shown_profile


def toc_pages(root: Path) -> list[str]:
    """The pages of `_toc.yml`, the root first, without their endings."""
    from sphinx_external_toc.parsing import MalformedError, parse_toc_yaml

    needed(root / "_toc.yml")
    try:
        return list(parse_toc_yaml(root / "_toc.yml"))
    except (MalformedError, ValueError) as error:
        raise CompanionError(
            f"{root / '_toc.yml'} is malformed: {' '.join(str(error).split())}"
        ) from None


def left_out(root: Path, profile: str) -> dict[str, str]:
    """The notebooks of the book that the profile leaves out, and whose run is shown of each."""
    pages = [
        page.removeprefix("notebooks/") for page in toc_pages(root) if page.startswith("notebooks/")
    ]
    shown = {name: shown_profile(root, profile, name) for name in pages}
    return {name: other for name, other in shown.items() if other != profile}


def needed(path: Path) -> bytes:
    """The bytes of a file that the book cannot do without.

    Raises: CompanionError if it does not exist.
    """
    if not path.is_file():
        raise CompanionError(
            f"the book needs {path}, which does not exist: restore it from the repository"
        )
    return path.read_bytes()
