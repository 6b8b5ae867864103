"""Builds the site: staged sources through Jupyter Book, a warning being an error."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.files import locked, write_text
from distill_lib.companion.root import build_folder
from distill_lib.companion.site.citation import read_citation, repository
from distill_lib.companion.site.citation import site as address
from distill_lib.companion.site.downloads import downloads
from distill_lib.companion.site.places import PLACES, places_script
from distill_lib.companion.site.polish import polish
from distill_lib.companion.site.stage import staged_files, synchronise
from distill_lib.companion.site.toc import toc_pages

BUILD = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
TOOLS = re.compile(
    r"sphinx|jupyter[-_]book|myst|docutils|pydata|pybtex|pygments|jinja2", re.IGNORECASE
)
MARK = Path("state") / "book.sha256"
SHOWN = 5  # warnings quoted in the error; the log has them all


def build_book(root: Path, profile: str, *, console: Any = None) -> Path:
    """Build the book of a profile, or do nothing if nothing has changed since the last time.

    Args:
        root: the project's folder.
        profile: whose executed notebooks and results the book shows.
        console: a `rich` console for a line of progress (default: none).
    Returns: `_build/<profile>/html/index.html`. It is replaced as a whole, and only by a build
        without warnings.
    Raises: CompanionError if a page is missing, or with the first warnings and the log's path if
        there are any.
    """
    folder = build_folder(root, profile)
    with locked(
        folder / "state" / "book.lock",
        f"another build of the book for {profile} is under way: wait for it",
    ):
        return _build(root, profile, folder, console)


def book_is_current(root: Path, profile: str) -> bool:
    """Whether the built site shows the prose, notebooks and numbers as they are now."""
    folder = build_folder(root, profile)
    built = _read_mark(folder)
    return (
        built is not None
        and (folder / "html" / "index.html").is_file()
        and built == _fingerprint(staged_files(root, profile))
    )


def _build(root: Path, profile: str, folder: Path, console: Any) -> Path:
    stage, work, site = folder / "stage", folder / "state" / "book", folder / "html"
    index, mark = site / "index.html", folder / MARK
    files = staged_files(root, profile)
    fingerprint, built = _fingerprint(files), _read_mark(folder)
    if built == fingerprint and index.is_file():
        return index
    # The last build failed or was stopped: Sphinx would not repeat the warnings of what it read.
    if built is None:
        shutil.rmtree(work, ignore_errors=True)
    # Else pages and style sheets of earlier builds stay.
    shutil.rmtree(work / "_build" / "html", ignore_errors=True)
    mark.unlink(missing_ok=True)
    synchronise(stage, files)
    if console is not None:
        console.print(f"building the book of profile {profile} ({len(toc_pages(root))} pages)")
    try:
        _run_jupyter_book(stage, work, folder / "book.log")
    except CompanionError:
        if built is None:
            raise
        # Sphinx still knows what a page has handed to another one since: it may begin afresh.
        shutil.rmtree(work, ignore_errors=True)
        _run_jupyter_book(stage, work, folder / "book.log")
    built_pages = work / "_build" / "html"
    citation = read_citation(root)
    for name, content in downloads(files, repository(citation), address(citation)).items():
        (built_pages / name).write_bytes(content)  # in place of the source that Sphinx copied
    (built_pages / PLACES).write_text(places_script(built_pages, toc_pages(root)), encoding="utf-8")
    polish(built_pages)
    _publish(built_pages, site, toc_pages(root)[0])
    write_text(mark, f"{fingerprint}\n")
    return index


def _read_mark(folder: Path) -> str | None:
    """The fingerprint of the last build, or None if it did not finish well."""
    mark = folder / MARK
    return mark.read_text(encoding="utf-8").strip() if mark.is_file() else None


def _fingerprint(files: dict[str, bytes]) -> str:
    tools = sorted(
        {(found.name, found.version) for found in distributions() if TOOLS.search(found.name)}
    )
    library = Path(__file__).parents[2]  # its docstrings are a page of the book
    sources = {
        path.relative_to(library).as_posix(): path.read_bytes()
        for path in sorted(library.rglob("*.py"))
    }
    content = [
        {name: hashlib.sha256(data).hexdigest() for name, data in sorted(part.items())}
        for part in (files, sources)
    ]
    return hashlib.sha256(json.dumps([tools, content]).encode()).hexdigest()


def _run_jupyter_book(stage: Path, work: Path, log: Path) -> None:
    command = ["build", str(stage), "--path-output", str(work), "-W", "-n", "--keep-going"]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            [sys.executable, "-c", BUILD, *command],
            stdout=file,
            stderr=file,
            env=environment,
            check=False,
        )
    text = log.read_text(encoding="utf-8", errors="replace")
    write_text(log, re.sub(r"\x1b\[[0-9;]*m", "", text))  # without colours
    if done.returncode != 0:
        raise CompanionError(_failure(log, stage))


def _failure(log: Path, stage: Path) -> str:
    lines = log.read_text(encoding="utf-8").splitlines()
    found = [
        line.strip() for line in lines if re.search(r"\b(WARNING|ERROR|CRITICAL|SEVERE)\b", line)
    ]
    found = list(dict.fromkeys(found)) or [line for line in lines if line.strip()][-SHOWN:]
    shown = [_cell(line.replace(f"{stage}{os.sep}", "")) for line in found[:SHOWN]]
    more = [f"... and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "\n  ".join(["the book was not built, because of", *shown, *more, f"in full: {log}"])


def _cell(line: str) -> str:
    """MyST-NB counts lines of a notebook as 10000 * cell + line."""
    return re.sub(
        r"\.ipynb:(\d+)(\d{4}):", lambda at: f".ipynb: cell {at[1]}, line {int(at[2])}:", line
    )


def _publish(built: Path, site: Path, root_page: str) -> None:
    """Put the built pages in the site's place, with an index that opens the first page."""
    old = site.with_name("html.old")
    shutil.rmtree(old, ignore_errors=True)
    if root_page != "index":
        page = f"{root_page}.html"
        (built / "index.html").write_text(
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Open the '
            "book</title>\n"
            f'<meta http-equiv="refresh" content="0; url={page}">\n<p><a href="{page}">Open the '
            "book</a></p>\n</html>\n",
            encoding="utf-8",
        )
    if site.exists():
        os.replace(site, old)
    os.replace(built, site)
    shutil.rmtree(old, ignore_errors=True)
