"""One pen for all drawings: lines, arrows, areas and words in the colours of the page."""

import math
import re
from collections.abc import Iterable
from html import escape

Point = tuple[float, float]

WIDTH = 360  # of every drawing, so that its words are readable on a phone
STYLE = (
    "<style>.sketch svg{display:block;margin:auto;width:100%}"
    ".sketch text{fill:currentColor;font:13px sans-serif}"
    ".sketch .sign{font:italic 15px serif}.sketch .small{font-size:11.5px}"
    ".sketch :is(line,path,polyline,polygon,rect){fill:none;stroke:currentColor;stroke-width:1.5}"
    ".sketch .faint{stroke-opacity:.4}.sketch .dashed{stroke-dasharray:5 4}"
    ".sketch .one{stroke:var(--sketch-one,#1f6fa8);stroke-width:2.4}"
    ".sketch .two{stroke:var(--sketch-two,#b3541e);stroke-width:2.4}"
    ".sketch .area{fill:currentColor;fill-opacity:.09;stroke-opacity:.5}"
    ".sketch .area.one{fill:var(--sketch-one,#1f6fa8);fill-opacity:.16;stroke-width:1.5}"
    ".sketch .area.two{fill:var(--sketch-two,#b3541e);fill-opacity:.28;stroke-width:1.5}"
    ".sketch .area.full{fill-opacity:.75}"
    ".sketch .head{fill:currentColor;stroke:none}"
    ".sketch .head.one{fill:var(--sketch-one,#1f6fa8)}"
    ".sketch .head.two{fill:var(--sketch-two,#b3541e)}"
    ".sketch circle{fill:currentColor}.sketch circle.one{fill:var(--sketch-one,#1f6fa8)}"
    ".sketch circle.two{fill:var(--sketch-two,#b3541e)}"
    ".sketch circle.hollow{fill:none;stroke:var(--sketch-two,#b3541e);stroke-width:2.2}</style>"
)


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _at(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def path(points: Iterable[Point], kind: str = "") -> str:
    """A line through points."""
    return f'<polyline points="{_at(points)}"{_kind(kind)}/>'


def area(points: Iterable[Point], kind: str = "") -> str:
    """A filled polygon."""
    return f'<polygon points="{_at(points)}" class="{f"area {kind}".strip()}"/>'


def box(x: float, y: float, width: float, height: float, kind: str = "") -> str:
    """A filled rectangle."""
    return area([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], kind)


def dot(at: Point, kind: str = "", radius: float = 4) -> str:
    """A filled circle."""
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}"{_kind(kind)}/>'


def arrow(start: Point, end: Point, kind: str = "") -> str:
    """A line with a head that ends at a point."""
    length = math.dist(start, end)
    along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    neck = (end[0] - 9 * along[0], end[1] - 9 * along[1])
    wings = [(neck[0] - side * 4 * along[1], neck[1] + side * 4 * along[0]) for side in (1, -1)]
    colour = " ".join(word for word in kind.split() if word in ("one", "two"))
    head = f'<polygon points="{_at([end, *wings])}" class="{f"head {colour}".strip()}"/>'
    return path([start, neck], kind) + head


def word(at: Point, text: str, kind: str = "", anchor: str = "middle") -> str:
    """A word, or a sign with `_` and `^` before what is low or high: "X_S", "range(W^T)"."""
    shift, parts = 0, []
    for mark, braced, one, rest in re.findall(r"([_^])(?:\{([^}]*)\}|(.))|([^_^]+)", text):
        here = {"_": 4, "^": -6}.get(mark, 0)
        move = f' dy="{here - shift}"' if here != shift else ""
        size = ' font-size="72%"' if mark else ""
        parts.append(f"<tspan{move}{size}>{escape(braced or one or rest)}</tspan>")
        shift = here
    place = f'x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}"'
    return f"<text {place}{_kind(kind)}>{''.join(parts)}</text>"


def sign(at: Point, text: str, anchor: str = "middle") -> str:
    """A formula."""
    return word(at, text, "sign", anchor)


def sketch(
    name: str, title: str, told: str, parts: Iterable[str], height: float, **live: str
) -> str:
    """The figure: one line of HTML, with what it is and what it shows for those who do not see.

    A live one has `data`, the attributes that its script reads, and `said`, the HTML below.
    """
    names = f"{name}-title {name}-told"
    kind = f'"sketch live" {live["data"]}' if live else '"sketch"'
    below = ""
    if live:
        below = f"<figcaption><output>{live['said']}</output></figcaption>"
        below = f'<div class="live-control"></div>{below}'  # the script fills it
    return (
        f'<figure class={kind} style="max-width:{1.2 * WIDTH:g}px;margin:.4rem auto">{STYLE}'
        f'<svg role="img" aria-labelledby="{names}" viewBox="0 0 {WIDTH} {height:g}">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-told">{escape(told)}</desc>{"".join(parts)}</svg>{below}</figure>'
    )
