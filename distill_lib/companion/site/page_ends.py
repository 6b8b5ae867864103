"""A Sphinx extension: how a page ends, and the scripts that only some pages need.

The end says when the numbers of the page were computed and when they last came out again, and how
to cite the page.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

from distill_lib.companion.files import read_json
from distill_lib.companion.site.citation import Citation, bibtex
from distill_lib.companion.site.shown import shown_results

PASTED = re.compile(r"\{\{ *([a-z]\w*)\.(\w+)")
LIVE = 'class="sketch live"'
PAGE = "THIS-PAGE"  # stands in the entry for what differs from page to page


def origins(root: Path, profile: str, pages: dict[str, str]) -> dict[str, str]:
    """One sentence for each page that shows numbers: the days of their runs, and of their checks.

    Args:
        pages: the text of each page as it is written, by its path without an ending.
    """
    shown = shown_results(root, profile)
    kept = root / "book" / "verdicts.json"
    verdicts = [one for one in read_json(kept).values() if one["agrees"]] if kept.is_file() else []
    found = {}
    for page, text in pages.items():
        name = page.rpartition("/")[2]
        names = {name} if page.startswith("notebooks/") else set()
        names |= {other for head, other in PASTED.findall(text) if head == "this"}
        runs = [shown[each] for each in sorted(names) if each in shown]
        if runs:
            found[page] = _sentence(runs, verdicts)
    return found


def _sentence(runs: list[dict[str, Any]], verdicts: list[dict[str, Any]]) -> str:
    days = sorted({_day(run["provenance"]["date"]) for run in runs})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    profiles = ", ".join(sorted({str(run["profile"]) for run in runs}))
    told = f"Numbers of the profile {profiles}, computed on {when}."
    checks = [
        one
        for one in verdicts
        if all(run["profile"] == one["profile"] and run["notebook"] in one["costs"] for run in runs)
    ]
    if not checks:
        return told
    pythons = sorted({".".join(one["versions"]["python"].split(".")[:2]) for one in checks})
    last = max(_day(one["date"]) for one in checks)
    return f"{told} Last verified on {last}, with Python {' and '.join(pythons)}."


def entry(citation: Citation) -> str:
    """The software's BibTeX entry, with PAGE in the place of a page's title and address."""
    return bibtex(citation | {"note": f"Page: {PAGE}"})


def end(cited: str, origin: str) -> str:
    """The end of a page as HTML."""
    told = f'<p class="page-origin">{escape(origin)}</p>' if origin else ""
    return (
        f'<div class="page-end">{told}<details class="page-cite"><summary>Cite this page</summary>'
        f'<div class="highlight"><pre>{escape(cited)}\n</pre></div></details></div>\n'
    )


def _complete(app: Any, page: str, _template: str, context: dict[str, Any], doctree: Any) -> None:
    if page == "search":
        for name in ("places.js", "search_places.js"):
            app.add_js_file(name, loading_method="defer")
    if doctree is None or not page.startswith(("book/", "notebooks/")):
        return
    if LIVE in context["body"]:
        for name in ("live_data.js", "live.js"):
            app.add_js_file(name, loading_method="defer")
    title, home = app.env.titles[page].astext(), app.config.book_url
    where = f"{title}, {home}/{page}.html" if home else title
    cited = app.config.book_entry.replace(PAGE, where)
    context["body"] += end(cited, app.config.book_origins.get(page, ""))


def _day(date: str) -> str:
    return date.partition("T")[0]


def setup(app: Any) -> dict[str, bool]:
    app.add_config_value("book_entry", "", "html")
    app.add_config_value("book_origins", {}, "html")
    app.connect("html-page-context", _complete)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
