"""CITATION.cff: who made what, and where it lives. All that says so elsewhere is made from it."""

import re
from pathlib import Path
from typing import Any

from distill_lib.companion.errors import CompanionError

GITHUB = re.compile(r"https://github\.com/([\w-]+)/([\w.-]+)")
KINDS = {"software": "software", "conference-paper": "inproceedings", "article": "article"}
Citation = dict[str, Any]


def read_citation(root: Path) -> Citation:
    """The fields of `CITATION.cff`.

    Raises: CompanionError if the file is missing, or lacks a title, a version or authors.
    """
    import yaml

    path = root / "CITATION.cff"
    if not path.is_file():
        raise CompanionError(f"the book needs {path}, which does not exist: restore it")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        lacking = [key for key in ("title", "version", "authors") if not content.get(key)]
    except (yaml.YAMLError, AttributeError) as error:
        lacking = [" ".join(str(error).split())]
    if lacking:
        raise CompanionError(f"{path} is not 'title, version, authors, ...' ({', '.join(lacking)})")
    return dict(content)


def repository(citation: Citation) -> str:
    """The address of the source, `repository-code`; empty while the project has none."""
    return str(citation.get("repository-code") or "").rstrip("/")


def site(citation: Citation) -> str:
    """The address of the published book: `url`, else GitHub's pages of the repository, or empty."""
    found = GITHUB.fullmatch(repository(citation))
    pages = f"https://{found[1].lower()}.github.io/{found[2]}" if found else ""
    return str(citation.get("url") or pages).rstrip("/")


def bibtex(entry: Citation) -> str:
    """A BibTeX entry for the software (the whole file), or for one of its `references`."""
    names = [_person(author) for author in entry["authors"]]
    year = entry.get("year") or str(entry.get("date-released", ""))[:4]
    fields = {
        "title": f"{{{entry['title']}}}",
        "author": " and ".join(names),
        "booktitle": entry.get("collection-title"),
        "volume": entry.get("volume"),
        "year": year,
        "version": entry.get("version"),
        "url": entry.get("repository-code") or entry.get("url"),
        "note": entry.get("note"),
    }
    key = re.sub(r"\W+", "-", f"{names[0].split(',')[0].strip('{}')} {year}".lower()).strip("-")
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{KINDS[entry['type']]}{{{key},", *lines, "}"])


def _person(author: Citation) -> str:
    """Family, given names; an organisation in braces, so that BibTeX does not take it apart."""
    if "name" in author:
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"
