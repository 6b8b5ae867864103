"""Makes the picture on the first page from MNIST when it is run as a module."""

from pathlib import Path

import numpy as np

from distill_lib.companion.root import project_root
from distill_lib.data import Dataset
from distill_lib.experiments import corollary_4_1_1
from distill_lib.images.pictures import picture_grid, save_picture

PICTURE = Path("book") / "_static" / "four_rows.png"
ROWS = ("samples", "real", "nearest", "noise")
IPC = 10


def four_rows(data: Dataset) -> np.ndarray:
    """Figure 2 without its words: real samples, Corollary 4.1.1, nearest set, from noise.

    All images at the scale of a pixel, as on the page of the corollary.
    """
    images = corollary_4_1_1.figure_2(corollary_4_1_1.samples(data), IPC).images
    stacked = np.concatenate([images[row] for row in ROWS])
    return picture_grid(stacked, columns=len(images["samples"]), white=data.info.pixel_max, gap=2)


def main() -> None:
    """`python -m distill_lib.companion.site.four_rows`: draw it anew."""
    from distill_lib.data import load

    save_picture(four_rows(load("mnist")), project_root() / PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()
