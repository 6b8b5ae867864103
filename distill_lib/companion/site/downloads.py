"""The notebooks that the site offers: executed pages, to be read and run away from it."""

import posixpath
import re
from collections.abc import Callable
from typing import Any

LINK = re.compile(r"\[([^\]]*)\]\(([\w./-]+)\.(?:md|ipynb)(#[\w-]+)?\)")
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def downloads(files: dict[str, bytes], repository: str, site: str) -> dict[str, bytes]:
    """Each staged notebook as it is offered, by its path in the built site.

    A cell on top says where the code runs. Links to other pages lead to the published site; where
    there is none (`site` is empty) they are the pages' titles.

    Args:
        files: the staged files (`stage.staged_files`).
        repository, site: their addresses, or empty.
    """
    pages = [name for name in files if name.endswith((".md", ".ipynb"))]
    titles = {posixpath.splitext(name)[0]: _title(name, files[name]) for name in pages}
    return {
        f"_sources/{name}": _offered(name, files[name], titles, repository, site)
        for name in pages
        if name.endswith(".ipynb")
    }


def note(repository: str, site: str, page: str) -> str:
    """What the first cell says: which page this is, and where its code runs."""
    install = f'"distill-lib[book] @ git+{repository}"' if repository else '".[book]"'
    where = f"[this page]({site}/{page}.html)" if site else f"its page `{page}`"
    there = "" if repository else " in a copy of the source"
    return (
        "> An executed page of *Provable dataset distillation, rerun*; formulas, theorems and "
        f"references are set on {where}. The code runs in a clone after `make install`, with the "
        f"Python of `.venv`, or anywhere after `pip install {install}`{there}; it writes to "
        "`_build/`. The cell tagged *injected-parameters* holds what this run was given."
    )


def _offered(
    name: str, content: bytes, titles: dict[str, str], repository: str, site: str
) -> bytes:
    """One notebook, with its note and its links."""
    import nbformat

    notebook = nbformat.reads(content.decode(), as_version=4)
    leave = _leave(name, titles, site)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(leave, cell.source)
    page = posixpath.splitext(name)[0]
    first: Any = nbformat.v4.new_markdown_cell(note(repository, site, page), id="about")
    notebook.cells.insert(0, first)
    return nbformat.writes(notebook).encode()


def _leave(name: str, titles: dict[str, str], site: str) -> Callable[[re.Match[str]], str]:
    """What a link to another page of the book becomes."""

    def link(match: re.Match[str]) -> str:
        page = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))
        if page not in titles:
            return match[0]
        text = match[1] or titles[page]
        return f"[{text}]({site}/{page}.html{match[3] or ''})" if site else text

    return link


def _title(name: str, content: bytes) -> str:
    """The first heading of a page."""
    import nbformat

    text = content.decode()
    if name.endswith(".ipynb"):
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = TITLE.search(text)
    return found[1].strip() if found else posixpath.basename(name)


def main() -> None:
    """`python -m distill_lib.companion.site.downloads FOLDER [PROFILE]`: write every notebook."""
    import sys
    from pathlib import Path

    from distill_lib.companion.root import project_root
    from distill_lib.companion.site.citation import read_citation, repository
    from distill_lib.companion.site.citation import site as address
    from distill_lib.companion.site.stage import staged_files

    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: python -m distill_lib.companion.site.downloads FOLDER [PROFILE]")
    folder, profile = Path(sys.argv[1]), (sys.argv[2:] or ["digits"])[0]
    folder.mkdir(parents=True, exist_ok=True)
    root = project_root()
    citation, files = read_citation(root), staged_files(root, profile)
    for name, content in downloads(files, repository(citation), address(citation)).items():
        (folder / posixpath.basename(name)).write_bytes(content)


if __name__ == "__main__":
    main()
