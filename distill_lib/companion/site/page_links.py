"""A Sphinx extension: links to a page's source and to machines that run it, and its description."""

import re
from html import escape
from itertools import takewhile
from typing import Any

from distill_lib.companion.site.links import Link, launch_links, source_links

CARD = "_static/card.png"
CARD_SIZE = (1200, 630)
FORMULA = "\N{REPLACEMENT CHARACTER}"
SHORTEST, LONGEST = 40, 200  # characters of a description


def description(doctree: Any) -> str:
    """How a page's first paragraph begins that has whole sentences before a formula."""
    from docutils import nodes

    for paragraph in doctree.findall(nodes.paragraph):
        if not isinstance(paragraph.parent, nodes.section):
            continue
        words = [
            FORMULA if isinstance(node.parent, nodes.math) else node.astext()
            for node in paragraph.findall(nodes.Text)
        ]
        sentences = re.split(r"(?<=[.!?]) ", " ".join("".join(words).split()))
        plain = list(takewhile(lambda sentence: FORMULA not in sentence, sentences))
        if len(text := " ".join(plain)) >= SHORTEST:
            return cut(text)
    return ""


def cut(text: str) -> str:
    """The text, or as many of its words as fit, and an ellipsis."""
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST - 1].rsplit(" ", 1)[0].rstrip(",;:") + "\N{HORIZONTAL ELLIPSIS}"


def tags(title: str, book: str, text: str, site: str, page: str) -> str:
    """A page's description and social card; what needs the site's address only with one."""
    named = {"description": text, "twitter:card": "summary_large_image" if site else "summary"}
    graph = {
        "og:title": title,
        "og:site_name": book,
        "og:type": "article",
        "og:description": text,
        "og:url": f"{site}/{page}.html" if site else "",
        "og:image": f"{site}/{CARD}" if site else "",
        "og:image:width": str(CARD_SIZE[0]) if site else "",
        "og:image:height": str(CARD_SIZE[1]) if site else "",
        "og:image:alt": "Handwritten digits: real, and distilled" if site else "",
    }
    lines = [("name", *item) for item in named.items()] + [
        ("property", *item) for item in graph.items()
    ]
    known = [(kind, key, escape(value)) for kind, key, value in lines if value]
    return "".join(f'<meta {kind}="{key}" content="{value}" />\n' for kind, key, value in known)


def _menu(links: list[Link], tooltip: str, icon: str, label: str) -> list[dict[str, Any]]:
    entries = [{"type": "link", **vars(link)} for link in links]
    group = {"type": "group", "tooltip": tooltip, "icon": icon, "label": label}
    return [{**group, "buttons": entries}] if entries else []


def _complete(app: Any, page: str, _template: str, context: dict[str, Any], doctree: Any) -> None:
    if doctree is None:
        return  # the search, which has no source
    repository, site = app.config.book_repository, app.config.book_url
    source = page if page.startswith(("book/", "notebooks/")) else ""
    launch, links = launch_links(repository, source), source_links(repository, source)
    context["header_buttons"][:0] = [
        *_menu(launch, "Run this page", "fas fa-rocket", "launch-buttons"),
        *_menu(links, "Source", "fas fa-code-branch", "source-buttons"),
    ]
    title, book = app.env.titles[page].astext(), app.config.html_title
    text = description(doctree) or cut(app.config.book_abstract)
    context["metatags"] = context.get("metatags", "") + tags(title, book, text, site, page)


def setup(app: Any) -> dict[str, bool]:
    for name in ("book_repository", "book_url", "book_abstract"):
        app.add_config_value(name, "", "html")
    app.connect("html-page-context", _complete, priority=600)  # after the theme's own buttons
    return {"parallel_read_safe": True, "parallel_write_safe": True}
