"""The built pages, finished: pictures sized, names that say what is read, icons that are used.

Sphinx and its theme leave these to the browser. A page then moves while it loads, a button is
announced by other words than it shows, and every page carries two thousand icons.
"""

import re
from functools import cache
from pathlib import Path

IMAGE = re.compile(r"<img\b[^>]*>")
SOURCE = re.compile(r'\bsrc="([^":?#]+)"')
ICON = re.compile(r"\bfa-([a-z0-9-]+)")
# A name of an icon, its size, its other names, its code, its outline.
DRAWN = re.compile(
    r',("?)([\w-]+)\1:\[\d+,\d+,\[([^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[(?:"[^"]*",?)*\])\]'
)
# Buttons that are announced by other words than they show; and a list without items.
NAMED = (
    ('<div role="list" class="citation-list">', '<div class="citation-list">'),
    ('<summary aria-label="Toggle hidden content">', "<summary>"),
    (' title="Search" aria-label="Search" data-bs', ' title="Search" data-bs'),
    (
        'theme-switch-button pst-js-only" aria-label="Color mode"',
        'theme-switch-button pst-js-only" aria-label="Color mode: Light, Dark or System Settings"',
    ),
)
# A table whose last column is a verdict, which a phone keeps in sight.
VERDICTS = re.compile(
    r'<table class="table">(?=\s*<thead>(?:(?!</thead>).)*<p>verdict</p></th>)', re.S
)
ICONS = Path("_static") / "scripts" / "fontawesome.js"


def polish(site: Path) -> None:
    """Finish every page of a built site, and the script of its icons, in place."""
    pages = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    texts = {path: path.read_text(encoding="utf-8") for path in pages}
    for path, text in texts.items():
        path.write_text(named(sized(text, path.parent)), encoding="utf-8")
    script = site / ICONS
    if script.is_file():
        others = [path for path in site.glob("_static/**/*.js") if path != script]
        read = [*texts.values(), *(path.read_text(encoding="utf-8") for path in others)]
        used = {name for text in read for name in ICON.findall(text)}
        script.write_text(slim(script.read_text(encoding="utf-8"), used), encoding="utf-8")


def sized(html: str, folder: Path) -> str:
    """The page with the width and the height of every picture that lies on the disk."""

    def with_size(match: re.Match[str]) -> str:
        tag = match[0]
        source = SOURCE.search(tag)
        if source is None or re.search(r"\b(width|height)=", tag):
            return tag
        size = _size((folder / source[1]).resolve())
        if size is None:
            return tag
        return f'<img width="{size[0]}" height="{size[1]}"' + tag.removeprefix("<img")

    return IMAGE.sub(with_size, html)


def named(html: str) -> str:
    """The page with buttons that are announced by the words that they show, and verdicts named."""
    for old, new in NAMED:
        html = html.replace(old, new)
    return VERDICTS.sub('<table class="table verdicts">', html)


def slim(script: str, used: set[str]) -> str:
    """The theme's script of icons without those that no page names, by any of their names."""

    def kept(match: re.Match[str]) -> str:
        others = set(re.findall(r'"([\w-]+)"', match[3]))
        return match[0] if used & {match[2], *others} else ""

    return DRAWN.sub(kept, script)


@cache
def _size(path: Path) -> tuple[int, int] | None:
    """The pixels of a picture, or the units of a drawing; None of what cannot be read."""
    from PIL import Image

    if not path.is_file():
        return None
    if path.suffix == ".svg":
        found = re.search(
            r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', path.read_text(encoding="utf-8")
        )
        return (round(float(found[1])), round(float(found[2]))) if found else None
    try:
        with Image.open(path) as image:
            return image.size
    except OSError:
        return None
