"""What the search shows of a page: the text of its sections, as a script that needs no server."""

import json
from pathlib import Path
from typing import Any

PLACES = Path("_static") / "places.js"
LEFT_OUT = "pre, script, style, template, svg, summary, .cell_output, .page-end, .headerlink, nav"


def places_script(site: Path, pages: list[str]) -> str:
    """The script that sets `bookPlaces`: for each page its sections as anchor, heading and text."""
    found = {page: places((site / f"{page}.html").read_text(encoding="utf-8")) for page in pages}
    return (
        f"globalThis.bookPlaces={json.dumps(found, separators=(',', ':'), ensure_ascii=False)};\n"
    )


def places(html: str) -> list[list[str]]:
    """The sections of a page in their order: anchor, heading, and the words before the next one.

    Example:
        >>> places('<article><section id="a"><h1>A</h1><p>One <b>two</b>.</p></section></article>')
        [['a', 'A', 'One two.']]
    """
    from bs4 import BeautifulSoup

    article = BeautifulSoup(html, "html.parser").select_one("article")
    if article is None:
        return []
    for tag in article.select(LEFT_OUT):
        tag.decompose()
    sections = article.select("section[id]")
    return [[str(section["id"]), *_words(section)] for section in sections]


def _words(section: Any) -> tuple[str, str]:
    """The heading of a section, and its text without that of the sections in it."""
    heading, parts = "", list[str]()
    for child in section.find_all(recursive=False):
        if child.name in ("h1", "h2", "h3", "h4", "h5", "h6"):
            heading = heading or _plain(child.get_text(" "))
        elif child.name != "section":
            parts.append(_plain(child.get_text(" ")))
    return heading, " ".join(part for part in parts if part)


def _plain(text: str) -> str:
    """One line, with no space before a mark."""
    line = " ".join(text.replace("\\(", "").replace("\\)", "").split())
    for mark in ".,;:)":
        line = line.replace(f" {mark}", mark)
    return line
