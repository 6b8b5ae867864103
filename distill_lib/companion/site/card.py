"""Makes the social card, what a link to the book looks like elsewhere, when run as a module."""

from pathlib import Path
from typing import Any

from distill_lib.companion.root import project_root
from distill_lib.companion.site.citation import read_citation
from distill_lib.companion.site.page_links import CARD, CARD_SIZE

PICTURE = Path("book") / CARD
ROWS = Path("book") / "_static" / "four_rows.png"
INK, PAPER, BLUE = "#16324a", "#ffffff", "#1f5f8f"
LINES = ("real", "distilled, near", "distilled, nearest", "distilled, from noise")


def card(rows: Path, title: str, claim: str) -> Any:
    """The card as an image of `CARD_SIZE`: title and claim over the four rows of digits."""
    from matplotlib import font_manager
    from PIL import Image, ImageDraw, ImageFont

    def font(size: int, weight: str = "normal"):
        found = font_manager.findfont(
            font_manager.FontProperties(family="DejaVu Sans", weight=weight)
        )
        return ImageFont.truetype(found, size)

    width, height = CARD_SIZE
    sheet = Image.new("RGB", CARD_SIZE, PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((0, 0, 18, height), fill=BLUE)
    pen.text((64, 46), title, INK, font(46, "bold"))
    pen.multiline_text((64, 118), claim, BLUE, font(28), spacing=10)
    with Image.open(rows) as opened:
        scale = min((width - 64 - 320) / opened.width, (height - 250) / opened.height)
        size = round(scale * opened.width), round(scale * opened.height)
        digits = opened.convert("RGB").resize(size, Image.Resampling.NEAREST)
    left, top = width - 48 - size[0], height - 36 - size[1]
    sheet.paste(digits, (left, top))
    for i, name in enumerate(LINES):
        middle = top + size[1] * (2 * i + 1) / (2 * len(LINES))
        pen.text((left - 20, middle), name, INK, font(23), anchor="rm")
    return sheet


def drawn(root: Path) -> Any:
    """The card of the project."""
    claim = "As many images as classes train to the model\nof all the data. Every theorem as code."
    title = read_citation(root)["title"].partition(": ")[2].capitalize()
    return card(root / ROWS, title, claim)


def main() -> None:
    """`python -m distill_lib.companion.site.card`: draw it anew."""
    root = project_root()
    drawn(root).save(root / PICTURE, optimize=True)
    print(PICTURE)


if __name__ == "__main__":
    main()
