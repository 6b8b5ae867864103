"""What goes into the book, laid out for Jupyter Book in one folder.

Prose, executed notebooks, numbers and settings.
"""

import os
import posixpath
import re
from datetime import datetime
from html import escape
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.numbers.stored import load_results
from distill_lib.companion.profiles import load_profile
from distill_lib.companion.root import build_folder, reference_folder
from distill_lib.companion.run.notebook import convert, with_one_setup, with_prose
from distill_lib.companion.run.reference import shown_profile
from distill_lib.companion.site import play
from distill_lib.companion.site.citation import Citation, read_citation, repository, site
from distill_lib.companion.site.live import data as live
from distill_lib.companion.site.page_ends import entry, origins
from distill_lib.companion.site.pasted import substitutions
from distill_lib.companion.site.prose import fill
from distill_lib.companion.site.run_pictures import run_pictures
from distill_lib.companion.site.shown import shown_results
from distill_lib.companion.site.toc import left_out, needed, toc_pages

# The parts that a page loads, the first by name; a third of the size of a file of all parts.
MATHJAX = "mathjax/startup.js"
_PARTS = ("core.js", "input/tex.js", "output/chtml.js", "output/chtml/fonts/tex.js",
          "output/chtml/fonts/woff-v2/*.woff", "a11y/assistive-mml.js")  # fmt: skip


def staged_files(root: Path, profile: str) -> dict[str, bytes]:
    """Every file of the stage, by its path there.

    Raises: CompanionError if a page of `_toc.yml`, a number of its prose, the settings or MathJax
    are missing.
    """
    static = root / "book" / "_static"
    found = {page: page_source(root, profile, page) for page in toc_pages(root)}
    missing = [page for page, path in found.items() if path is None]
    if missing:
        raise _missing_pages(root, missing, profile)
    paths = {page + path.suffix: path for page, path in found.items() if path is not None}
    citation, numbers = read_citation(root), substitutions(root, profile)
    files = {name: _page(root, name, path, set(paths), numbers) for name, path in paths.items()}
    for path in sorted([*static.rglob("*"), *(root / "book" / "_templates").rglob("*")]):
        if path.is_file():
            files[path.relative_to(root).as_posix()] = path.read_bytes()
    for name in ("_toc.yml", "book/references.bib"):
        files[name] = needed(root / name)
    files |= play.script(root) | live.script(root, shown_results(root, profile))
    files |= run_pictures(root, files)
    files |= _mathjax()
    texts = {page: _source(root, page, path) for page, path in found.items() if path is not None}
    files["_config.yml"] = _config(root, profile, citation, origins(root, profile, texts))
    return files


def page_source(root: Path, profile: str, page: str) -> Path | None:
    """The file behind a page.

    Of a notebook its latest execution, else its committed one, else, where the profile leaves it
    out, that of another profile; any other page as written.
    """
    folder, _, name = page.partition("/")
    if folder == "notebooks":
        shown = shown_profile(root, profile, name)
        runs = [reference_folder(root, shown)]
        if shown == profile:
            runs.insert(0, build_folder(root, profile))
        candidates = [run / "notebooks" / f"{name}.ipynb" for run in runs]
    else:
        candidates = [root / f"{page}.md"]
    return next((path for path in candidates if path.is_file()), None)


def footer(root: Path, profile: str) -> str:
    """One line of HTML: the profile, and when and at which commit its notebooks ran."""
    runs = {**load_results(root, profile, fresh=False), **load_results(root, profile, fresh=True)}
    sources = [run["provenance"] for run in runs.values()]
    parts = [f"Profile <strong>{escape(profile)}</strong>"]
    if sources:
        parts.append(
            "run on " + " to ".join(_first_and_last(_day(source["date"]) for source in sources))
        )
    commits = sorted({_commit(source) for source in sources if source.get("commit")})
    if commits:
        parts.append(f"commit{'s' * (len(commits) > 1)} {', '.join(commits)}")
    kinds = sorted({str(source["device"]["kind"]) for source in sources if source.get("device")})
    if others := sorted(set(left_out(root, profile).values())):
        parts.append(f"pages that it leaves out from {', '.join(map(escape, others))}")
    if kinds:
        parts.append(f"on {', '.join(map(escape, kinds))}")
    parts.append(f"distill-lib {version('distill-lib')}")
    return '<p class="provenance">' + " · ".join(parts) + "</p>"


def synchronise(stage: Path, files: dict[str, bytes]) -> None:
    """Make the folder hold exactly these files.

    Those with the same content keep their time of change.
    """
    for path in sorted(stage.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(stage).as_posix() not in files:
            path.unlink()
    for name, content in files.items():
        path = stage / name
        if not (path.is_file() and path.read_bytes() == content):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(path.name + ".part")
            part.write_bytes(content)
            os.replace(part, path)


def _page(root: Path, name: str, path: Path, staged: set[str], numbers: dict[str, Any]) -> bytes:
    """A page with its numbers, and with links to the executed notebooks."""

    def finished(text: str) -> str:
        return fill(_link_notebooks(name, text, staged), numbers, name)

    if path.suffix != ".ipynb":
        return finished(path.read_text(encoding="utf-8")).encode()
    import nbformat

    notebook = with_one_setup(_execution(root, path))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = finished(cell.source)
    return nbformat.writes(notebook).encode()


def _execution(root: Path, path: Path) -> Any:
    """An executed notebook; with the prose of its source, where there is one, as it is now."""
    import nbformat

    executed = nbformat.read(path, as_version=4)
    source = root / "notebooks" / f"{path.stem}.md"
    return with_prose(executed, convert(source), root) if source.is_file() else executed


def _link_notebooks(name: str, text: str, staged: set[str]) -> str:
    """Links to a text notebook, [](table_3.md), lead to its executed form."""

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[1])) + ".ipynb"
        return f"]({match[1]}.ipynb" if target in staged else match[0]

    return re.sub(r"\]\(([\w./-]+)\.md\b", link, text)


def _source(root: Path, page: str, path: Path) -> str:
    """A page as it is written."""
    written = root / f"{page}.md"
    return written.read_text(encoding="utf-8") if path.suffix == ".md" or written.is_file() else ""


def _config(root: Path, profile: str, citation: Citation, told: dict[str, str]) -> bytes:
    import yaml

    try:
        config = yaml.safe_load(needed(root / "_config.yml"))
        config["sphinx"]["config"] |= {
            "book_repository": repository(citation),
            "book_url": site(citation),
            "book_abstract": citation.get("abstract", ""),
            "book_entry": entry(citation),
            "book_origins": told,
        }
        config["html"]["extra_footer"] = footer(root, profile)
    except (yaml.YAMLError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise CompanionError(
            f"{root / '_config.yml'} is not valid YAML with html and sphinx: config ({reason})"
        ) from None
    return yaml.safe_dump(config, allow_unicode=True, sort_keys=True).encode()


def _mathjax() -> dict[str, bytes]:
    """MathJax as TeX in, HTML out, with its fonts and the MathML that screen readers are given."""
    package = find_spec("sphinx-mathjax-offline")
    static = Path(package.origin).parent / "static" if package and package.origin else Path()
    folder = (static / MATHJAX).parent
    found = [path for part in (Path(MATHJAX).name, *_PARTS) for path in sorted(folder.glob(part))]
    if len(found) <= len(_PARTS):
        raise CompanionError(
            "MathJax is not installed: install the package sphinx-mathjax-offline (extra 'book')"
        )
    return {
        f"book/_static/{path.relative_to(static).as_posix()}": path.read_bytes() for path in found
    }


def _missing_pages(root: Path, pages: list[str], profile: str) -> CompanionError:
    notebooks = [page.removeprefix("notebooks/") for page in pages if page.startswith("notebooks/")]
    prose = [f"{page}.md" for page in pages if not page.startswith("notebooks/")]
    if prose:
        return CompanionError(
            f"_toc.yml lists {', '.join(prose)}, which does not exist: write it or take it off the "
            "list"
        )
    unlisted = sorted(set(notebooks) - set(load_profile(root, profile).notebooks))
    if unlisted:
        return CompanionError(
            f"the profile {profile} leaves out {', '.join(unlisted)} (listed in _toc.yml), and no "
            "committed reference run has "
            "them: add them to the profile, or take them off the list"
        )
    return CompanionError(
        f"not executed for the profile {profile}: {', '.join(notebooks)} (listed in _toc.yml): "
        f"run `distill run --profile {profile} {' '.join(notebooks)}` first"
    )


def _first_and_last(days: Any) -> list[str]:
    ordered = sorted(set(days))
    return ordered[:1] + ordered[1:][-1:]


def _day(date: str) -> str:
    return datetime.fromisoformat(date).date().isoformat()


def _commit(source: dict[str, Any]) -> str:
    return f"<code>{escape(source['commit'][:7])}</code>" + (
        " with local changes" if source.get("dirty") else ""
    )
