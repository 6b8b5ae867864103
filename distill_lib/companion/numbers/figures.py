"""One style for all figures, and the few shapes of figures and tables that pages share."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from distill_lib.images.pictures import picture_grid

WIDTH = 7.2  # inches, that of a page's text
# Told apart in grey as well: by mark and line, and by lightness.
STYLES = (
    {"marker": "o", "ls": "-", "color": "C0"},
    {"marker": "s", "ls": "--", "color": "C1"},
    {"marker": "^", "ls": ":", "color": "0.3"},
    {"marker": "D", "ls": "-.", "color": "C2"},
    {"marker": "v", "ls": "-", "color": "C3"},
    {"marker": "P", "ls": "--", "color": "C4"},
)


def panels(
    columns: int = 1, height: float = 2.7, rows: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """A figure as wide as the text, and its panels: one of `Axes`, or an array of them.

    Args:
        height: of a row, in inches.
        options: of `matplotlib.pyplot.subplots`.
    """
    size = (WIDTH if columns > 1 else 0.9 * WIDTH, height * rows)
    return plt.subplots(rows, columns, figsize=size, layout="constrained", **options)


def curves(
    axis: Axes, x: Any, lines: Mapping[str, Any], *, log: str = "", styles: Sequence[dict] = STYLES
) -> None:
    """One line a name, in the style's order.

    Args:
        x: common to all lines; a line that is a pair (x, y) has its own.
        lines: label -> values.
        log: which axes are logarithmic: "x", "y", "xy" or none.
    """
    for (label, values), style in zip(lines.items(), styles, strict=False):
        own, y = values if isinstance(values, tuple) else (x, values)
        axis.plot(own, y, label=label, **({"ms": 4, "lw": 1.3} | style))
    if "x" in log:
        axis.set_xscale("log")
    if "y" in log:
        axis.set_yscale("log")


def finish(
    axis: Axes, xlabel: str = "", ylabel: str = "", *, legend: bool = True, **settings: Any
) -> None:
    """Labels, a light grid, no frame at the top and right, a legend where lines have names.

    Args:
        settings: of `Axes.set`: `title`, `xlim`, `xticks`, ...
    """
    axis.set(xlabel=xlabel, ylabel=ylabel, **settings)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.3, lw=0.6)
    if legend and axis.get_legend_handles_labels()[1]:
        axis.legend(frameon=False, fontsize=7.5)


class Row(NamedTuple):
    """One labelled row of pictures: images (n, h, w, c), a name on the left, a note underneath.

    white: the value shown as white, what lies outside is clipped; None shows each image's own
        range.
    """

    name: str
    images: np.ndarray
    note: str = ""
    white: float | None = None


def picture_rows(rows: Sequence[Row], columns: int = 10, heads: Sequence[str] = ()) -> Figure:
    """Rows of pictures under each other, the first `columns` images of each.

    Args:
        heads: a short title over each column, such as class names.
    """
    heights = [max(1, -(-min(len(row.images), columns) // columns)) for row in rows]
    figure, axes = plt.subplots(
        len(rows),
        1,
        figsize=(7.2, 0.98 * sum(heights) + 0.25 * bool(heads)),
        layout="constrained",
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    for axis, row in zip(axes[:, 0], rows, strict=True):
        side = row.images.shape[2] + 1
        picture = picture_grid(row.images[:columns], columns, white=row.white)
        axis.imshow(picture, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.set_ylabel(row.name, fontsize=9, labelpad=3)
        if row.note:
            axis.set_xlabel(row.note, fontsize=10, labelpad=2)
        if heads and axis is axes[0, 0]:
            centres = side * np.arange(min(columns, len(heads))) + (side - 1) / 2 - 0.5
            axis.set_xticks(centres, heads[:columns], fontsize=8.5, rotation=0)
            axis.tick_params(
                top=True, bottom=False, labeltop=True, labelbottom=False, length=0, pad=1
            )
    return figure


def table(frame: pd.DataFrame, formats: Mapping[Any, str] | str = "{}") -> Styler:
    """A table for the book: text belongs in the index, numbers in the columns.

    Args:
        formats: of all columns, or of each that needs one.
    """
    # A fixed id: pandas' own is random, so the same numbers would not give the same page.
    name = hashlib.sha256(repr((list(frame.columns), list(frame.index))).encode()).hexdigest()[:8]
    return frame.style.format(formats).set_uuid(name)


def whole_ticks(axis: Axes, ticks: Sequence[int]) -> None:
    """Whole numbers at these places of a logarithmic x-axis, and at no others."""
    axis.set_xticks(ticks)
    axis.xaxis.set_major_formatter("{x:.0f}")
    axis.minorticks_off()
