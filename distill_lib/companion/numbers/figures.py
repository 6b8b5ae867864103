"""The few shapes of figures and tables that several notebooks share."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from distill_lib.images.pictures import picture_grid


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
