"""Pictures of the library's structure, drawn from its code whenever the book is built."""

import ast
import inspect
from functools import lru_cache
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, Self, get_args

import distill_lib

PACKAGE = Path(distill_lib.__file__).parent
ROW, LEFT, DOTS = 28, 604, 16  # units of the drawings


class Room(NamedTuple):
    """A folder or a file right below the package.

    Attributes:
        about: the first sentence of its docstring.
        uses: the rooms that it imports from.
        files, lines: its size.
    """

    name: str
    about: str
    uses: frozenset[str]
    files: int
    lines: int


class Way(NamedTuple):
    """A public function or method that makes one public object, or predictions, from another."""

    name: str
    takes: str
    gives: str


def rooms(package: Path = PACKAGE) -> list[Room]:
    """The rooms of a package, the highest first: each imports from those after it alone.

    Raises: graphlib.CycleError if they import in a circle.
    """
    found = {}
    for path in sorted(package.iterdir()):
        if path.name.startswith(("_", ".")) or not (path.is_dir() or path.suffix == ".py"):
            continue
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        texts = [file.read_text(encoding="utf-8") for file in files]
        about = _read(texts[0], package.name)[0]  # of __init__.py, the first by name
        uses = frozenset().union(*(_read(text, package.name)[1] for text in texts)) - {path.stem}
        lines = sum(len(text.splitlines()) for text in texts)
        sentence = about.split("\n")[0].rstrip(".")
        found[path.stem] = Room(path.stem, sentence, uses, len(files), lines)
    order = TopologicalSorter({name: room.uses & set(found) for name, room in found.items()})
    return [found[name] for name in reversed(list(order.static_order()))]


@lru_cache(1024)  # a build reads the package several times
def _read(text: str, package: str) -> tuple[str, frozenset[str]]:
    """The docstring of a file, and the rooms of a package that it imports from."""
    tree, names = ast.parse(text), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] == package:
                names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            parts_of = (alias.name.split(".") for alias in node.names)
            names |= {parts[1] for parts in parts_of if parts[0] == package and len(parts) > 1}
    return ast.get_docstring(tree) or "", frozenset(names)


def ways() -> list[Way]:
    """The ways between images and the public classes, by the annotations of what is public."""
    kinds = {getattr(distill_lib, name) for name in distill_lib.__all__}
    classes = {kind for kind in kinds if inspect.isclass(kind)}
    found = []
    for kind in sorted(kinds, key=lambda kind: getattr(kind, "__name__", "")):
        if inspect.isclass(kind):
            for name, body in vars(kind).items():
                bound = isinstance(body, classmethod)
                function = body.__func__ if bound else body
                if name.startswith("_") or not inspect.isfunction(inspect.unwrap(function)):
                    continue
                gives = _gives(function, kind, classes)
                takes = _takes(function, classes) if bound else kind.__name__
                found += [Way(f"{kind.__name__}.{name}", takes, gives)] if takes and gives else []
        elif inspect.isfunction(inspect.unwrap(kind)):
            takes, gives = _takes(kind, classes), _gives(kind, None, classes)
            found += [Way(kind.__name__, takes, gives)] if takes and gives else []
    return [way for way in found if way.takes != way.gives]


def _gives(function: Any, owner: Any, classes: set[Any]) -> str:
    annotation = inspect.signature(function).return_annotation
    kind = owner if annotation is Self else annotation
    return kind.__name__ if kind in classes else ""


def _takes(function: Any, classes: set[Any]) -> str:
    """The images, or the public class that comes first; settings such as a feature map are none."""
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "images":
            return "images"
        if name == "path":
            return "file"
        for kind in get_args(parameter.annotation) or (parameter.annotation,):
            if kind in classes and kind.__name__.startswith(("Ridge", "Distilled")):
                return kind.__name__
    return ""


def rooms_picture(found: list[Room]) -> str:
    """The rooms, one under the other, and which imports from which: inline SVG."""
    column = {room.name: LEFT + DOTS * (i + 1) for i, room in enumerate(found)}
    top, parts = 92, []
    for i, room in enumerate(found):
        y = top + ROW * i
        parts.append(
            f'<rect x="1" y="{y}" width="{LEFT - 8}" height="{ROW - 5}" rx="5" class="room"/>'
            f'<text x="10" y="{y + 16}" class="name">{room.name}</text>'
            f'<text x="104" y="{y + 16}">{escape(room.about)}</text>'
            f'<line x1="{LEFT}" x2="{column[found[-1].name] + 9}" y1="{y + 12}" y2="{y + 12}"'
            ' class="rule"/>'
            f'<text transform="translate({column[room.name] + 4} {top - 6}) rotate(-60)">'
            f"{room.name}</text>"
        )
        parts += [
            f'<circle cx="{column[other]}" cy="{y + 12}" r="5"/>'
            for other in sorted(room.uses & set(column))
        ]
    width, height = column[found[-1].name] + 62, top + ROW * len(found)
    used = "; ".join(
        f"{room.name} uses {', '.join(sorted(room.uses & set(column))) or 'none'}" for room in found
    )
    return _figure(parts, width, height, f"The rooms of the library, the highest first. {used}.")


def ways_picture(found: list[Way]) -> str:
    """Images, files and public classes in a row, an arc for each function that leads on or back."""
    graph: dict[str, set[str]] = {}
    for way in found:
        graph.setdefault(way.gives, set())
        graph.setdefault(way.takes, set())
    names = [n for n in _FIRST if n in graph] + sorted(set(graph) - set(_FIRST))
    place = {name: 66 + 132 * i for i, name in enumerate(names)}
    arcs: dict[tuple[str, str], list[str]] = {}
    for way in found:
        arcs.setdefault((way.takes, way.gives), []).append(way.name.split(".")[-1])
    reach = max(abs(names.index(a) - names.index(b)) for a, b in arcs)
    middle, parts = 40 + 46 * reach, []
    for (a, b), labels in sorted(arcs.items()):
        span = names.index(b) - names.index(a)
        side = -1 if span > 0 else 1
        start, end, y = place[a], place[b], middle + 17 * side
        apex = y + side * 46 * abs(span) * 0.75
        bend = y + side * 46 * abs(span)
        parts.append(
            f'<path d="M{start} {y} C{start} {bend} {end} {bend} {end} {y}" class="way"/>'
            f'<path d="M{end} {y} l-4 {side * 8} h8 z"/>'
            f'<text x="{(start + end) / 2}" y="{apex - 5 if span > 0 else apex + 14}" '
            f'text-anchor="middle">{", ".join(sorted(set(labels)))}</text>'
        )
    parts += [
        f'<rect x="{x - 57}" y="{middle - 16}" width="114" height="32" rx="6" class="room"/>'
        f'<text x="{x}" y="{middle + 5}" text-anchor="middle" class="name">{name}</text>'
        for name, x in place.items()
    ]
    back = max((names.index(a) - names.index(b) for a, b in arcs), default=0)
    height = middle + 40 + 46 * max(back, 0)
    told = "; ".join(f"{way.name}: from {way.takes} to {way.gives}" for way in found)
    return _figure(parts, 132 * len(names), height, f"The way of the data. {told}.")


_FIRST = ("file", "images", "RidgeStats", "RidgePath", "RidgeModel", "DistilledSet")
_STYLE = (
    "<style>.drawn text{fill:currentColor;font:13px sans-serif}.drawn .name{font-weight:600}"
    ".drawn .room{fill:none;stroke:currentColor;stroke-opacity:.45}"
    ".drawn .rule{stroke:currentColor;stroke-opacity:.15}"
    ".drawn circle,.drawn path{fill:currentColor}"
    ".drawn .way{fill:none;stroke:currentColor;stroke-width:1.4}</style>"
)


def _figure(parts: list[str], width: float, height: float, alt: str) -> str:
    """In colours of the page, light or dark; on a phone it scrolls."""
    size = f"min-width:{0.68 * width:g}px;max-width:{width:g}px;width:100%"
    return (
        f'<figure class="drawn" style="overflow-x:auto">{_STYLE}'
        f'<svg role="img" viewBox="0 0 {width:g} {height:g}" style="{size}" '
        f'aria-label="{escape(alt)}">{"".join(parts)}</svg></figure>'
    )


def pictures() -> dict[str, str]:
    """What {{ design.rooms }} and {{ design.ways }} paste into a page."""
    return {"rooms": rooms_picture(rooms()), "ways": ways_picture(ways())}
