"""The page of ready sets: its tables, and what it offers beside them.

Run as a module, this draws the sets' pictures, exports the two that "Use a set elsewhere" offers,
and measures the headline again on the data that are at hand.
"""

from pathlib import Path
from textwrap import wrap
from typing import Any

from distill_lib.companion.files import read_json, write_json
from distill_lib.companion.judge.measured import markdown_table

INDEX = Path("distill_lib") / "sets" / "ready" / "index.json"
HEADLINE = Path("book") / "sets" / "headline.json"
STATIC = Path("book") / "_static" / "sets"
OFFERED = {"digits": "digits-intercept-30", "mnist": "mnist-intercept-30"}
COLUMNS = 10
MODULE = "distill_lib.companion.site.ready"


def tables(root: Path) -> dict[str, str]:
    """{{ ready.table }} and its like; empty in a project without ready sets."""
    if not (root / INDEX).is_file():
        return {}
    index = read_json(root / INDEX)
    return {
        "table": _table(index),
        "bytes": f"{sum(one['bytes'] for one in index.values()) / 2**20:.1f} MiB",
        "headline": _headline(read_json(root / HEADLINE)["rows"]),
        "pictures": "\n\n".join(_picture(name, told) for name, told in index.items()),
        "data": _data(index),
    }


def _table(index: dict[str, Any]) -> str:
    lines = [
        [
            f"`{name}`",
            f"{told['measured']['accuracy']:.2%}".replace("%", " %"),
            f"{told['measured']['recovery error']:.0e}",
            f"{told['reg_s']:.3g}",
            f"{told['bytes'] / 1000:,.0f} kB, {told['dtype'].replace('float', '')} bits",
            _in_lines(told["construction"]),
        ]
        for name, told in index.items()
    ]
    heads = ["name", "accuracy", "recovery error", "$\\lambda_S$", "size", "made by"]
    return markdown_table(heads, lines, numbers=(1, 2, 3))


def _in_lines(words: str, width: int = 22) -> str:
    """Words that break in few places, so that a column is not narrower than so many letters."""
    return " ".join(line.replace(" ", "\N{NO-BREAK SPACE}") for line in wrap(words, width))


def _headline(rows: list[dict[str, Any]]) -> str:
    lines = [
        [
            row["data"],
            str(row["images"]),
            f"{row['alpha']:.3g}",
            f"{row['error of coef_']:.0e}",
            f"{row['error of intercept_']:.0e}",
            f"{row['other answers']} of {row['tests']:,}",
            f"{row['accuracy']:.2%}".replace("%", " %"),
            f"{row['accuracy of all']:.2%}".replace("%", " %"),
        ]
        for row in rows
    ]
    heads = ["data", "images", "`alpha`", "error of `coef_`", "of `intercept_`"]
    heads += ["other answers", "accuracy", "of all images"]
    return markdown_table(heads, lines, numbers=tuple(range(1, len(heads))))


def _picture(name: str, told: dict[str, Any]) -> str:
    what = f"{told['provenance']['making']['source'].split(',')[0]}: the images of {name}"
    return (
        f":::{{figure}} _static/sets/{name}.png\n:alt: {what}.\n:class: pixelated\n\n`{name}`\n:::"
    )


def _data(index: dict[str, Any]) -> str:
    seen = {told["made"]["data"]: told["made"] for told in index.values()}
    lines = [
        [name, made["licence"], f"`{made['digest'][:12]}`", made["content"]]
        for name, made in seen.items()
    ]
    return markdown_table(["data", "licence", "digest", "content"], lines, numbers=())


def main() -> None:
    """`python -m distill_lib.companion.site.ready`: make what the pages offer anew."""
    from distill_lib import making
    from distill_lib.companion.root import project_root
    from distill_lib.experiments import ready_sets
    from distill_lib.making.cards import draw

    root = project_root()
    (root / STATIC).mkdir(parents=True, exist_ok=True)
    (root / HEADLINE).parent.mkdir(exist_ok=True)
    for name in read_json(root / INDEX):
        draw(ready_sets.ready.released(name), root / STATIC / f"{name}.png", COLUMNS)
    for name, of in OFFERED.items():
        making.export(ready_sets.ready.released(of), root / STATIC / name).card.unlink()
    rows = [row for name in ("mnist", "fashion_mnist") for row in ready_sets.headline(name)]
    write_json(root / HEADLINE, {"rows": rows, "made by": f"python -m {MODULE}"})
    print(_headline(rows))


if __name__ == "__main__":
    main()
