"""Every built page, read as a file: links, images, outputs, and nothing unresolved or fetched from
elsewhere.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from tools import soup

LOADED = {
    "img": "src",
    "script": "src",
    "iframe": "src",
    "source": "src",
    "link": "href",
    "object": "data",
}
UNRESOLVED = [
    "{{",
    "}}",
    "???",
    "{eq}",
    "{ref}",
    "{numref}",
    "{prf:ref}",
    "{cite",
    "{doc}",
    "Substitution error",
]


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(tag.get("id") or tag.get("name") for tag in soup(path).select("[id], a[name]"))


def references(path: Path) -> list[str]:
    """What the page links to or loads."""
    links = [tag["href"] for tag in soup(path).select("a[href]")]
    return links + loads(path)


def loads(path: Path) -> list[str]:
    """What the page needs to be shown."""
    return [tag[key] for name, key in LOADED.items() for tag in soup(path).select(f"{name}[{key}]")]


def built_pages(site: Path) -> list[Path]:
    """Every page, also those that Sphinx adds (search, index); `_static` holds templates of the
    theme.
    """
    return [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]


def prose(path: Path) -> str:
    """The article's text without code, outputs and formulas."""
    article = BeautifulSoup(str(soup(path).select_one("article")), "html.parser")
    for tag in article.select("pre, code, .math, script, style"):
        tag.decompose()
    return article.get_text(" ")


@pytest.fixture
def path(site, page):
    return site / f"{page}.html"


def test_the_site_is_built_and_current(built):
    _, reason = built
    if reason and os.environ.get("DISTILL_REQUIRE_SITE") == "1":
        pytest.fail(reason)
    elif reason:
        pytest.skip(reason)


def test_the_site_opens_with_the_first_page(site):
    (refresh,) = soup(site / "index.html").select('meta[http-equiv="refresh"]')
    target = re.fullmatch(r"0; ?url=(\S+)", refresh["content"])[1]
    assert (site / target).is_file()


def test_a_page_of_the_contents_is_there_with_a_title(path):
    assert path.is_file()
    assert len(soup(path).select("article h1")) == 1


def test_no_link_or_file_of_any_page_is_missing(site):
    missing = []
    for path in built_pages(site):
        for reference in references(path):
            parts = urlsplit(reference)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            fragment = unquote(parts.fragment)
            if not target.is_file():
                missing.append(f"{path.relative_to(site)}: {reference} does not exist")
            elif fragment and target.suffix == ".html" and fragment not in anchors(target):
                missing.append(f"{path.relative_to(site)}: {reference} has no such anchor")
    assert not missing, "\n".join(missing)


def test_nothing_is_loaded_from_another_host(site):
    elsewhere = [
        f"{path.relative_to(site)}: {url}"
        for path in built_pages(site)
        for url in loads(path)
        if urlsplit(url).netloc or urlsplit(url).scheme not in ("", "data")
    ]
    for path in sorted(site.rglob("*.css")):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"(?:@import|url\()[\s'\"]*((?:https?:)?//[^)'\"\s]+)", text)
        elsewhere += [f"{path.relative_to(site)}: {url}" for url in found]
    assert not elsewhere, "\n".join(elsewhere)


def test_every_picture_exists_and_says_what_it_shows(path):
    for image in soup(path).select("article img"):
        alt = image.get("alt", "").strip()
        where = f"{path.name}: {image['src']}"
        assert (path.parent / unquote(image["src"])).is_file(), where
        assert alt, f"{where} has no alternative text"
        assert not re.search(r"\.(png|svg|jpe?g)$", alt), (
            f"{where} has its file name for alternative text"
        )


def test_nothing_is_left_unresolved(path):
    text = prose(path)
    assert not [mark for mark in UNRESOLVED if mark in text]
    assert not re.search(r"(?<!\w)\$[^$\n]+\$(?!\w)", text), "a formula that was not recognised"
    assert not soup(path).select(".system-message, .problematic")


def test_no_output_is_an_error(path):
    assert "Traceback (most recent call last)" not in soup(path).select_one("article").get_text()
    assert not soup(path).select(".output.traceback")


def test_a_notebook_shows_what_its_run_returned(site, notebook):
    cells = json.loads((site / "_sources" / f"{notebook}.ipynb").read_text(encoding="utf-8"))[
        "cells"
    ]
    code = [
        cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]
    assert code
    assert all(cell["execution_count"] for cell in code), "a cell was not executed"
    hidden = {"remove-cell", "remove-output", "remove_cell", "remove_output"}
    shown = [
        cell
        for cell in code
        if cell["outputs"] and not hidden & set(cell["metadata"].get("tags", []))
    ]
    assert shown
    assert len(soup(site / f"{notebook}.html").select("div.cell_output")) == len(shown)


def test_the_footer_names_the_profile(path, profile):
    (line,) = soup(path).select("footer .provenance")
    assert f"Profile {profile}" in line.get_text()


def test_a_page_describes_itself(path):
    content = {
        tag.get("name") or tag.get("property"): tag["content"]
        for tag in soup(path).select("meta[content]")
    }
    assert len(content["description"]) > 40
    assert content["og:description"] == content["description"]
    assert content["og:title"] in soup(path).select_one("article h1").get_text()
    assert "{" not in content["description"]


def test_a_notebook_is_offered_with_its_numbers(site, notebook):
    (link,) = soup(site / f"{notebook}.html").select("a.btn-download-source-button")
    offered = (site / notebook).parent / unquote(link["href"])
    cells = json.loads(offered.read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert "{{" not in text
    assert "make install" in "".join(cells[0]["source"])


def test_the_first_page_says_how_to_cite(site):
    text = soup(site / "book" / "index.html").select_one("article").get_text()
    assert "@inproceedings{" in text
    assert "@software{" in text
