"""What committed runs drew, on pages of prose; and the picture on the first page."""

import base64

import nbformat
import numpy as np
import pytest
from helpers import at_hand
from PIL import Image

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.root import project_root
from distill_lib.companion.site.four_rows import IPC, PICTURE, ROWS, four_rows
from distill_lib.companion.site.run_pictures import run_pictures

ROOT = project_root()


@pytest.fixture
def project(tmp_path):
    """A committed run with two pictures, and an output that is none between them."""
    folder = tmp_path / "book" / "reference" / "tiny" / "notebooks"
    folder.mkdir(parents=True)
    outputs = [
        nbformat.v4.new_output("display_data", {"image/png": base64.b64encode(b"one").decode()}),
        nbformat.v4.new_output("stream", text="words"),
        nbformat.v4.new_output("display_data", {"image/png": base64.b64encode(b"two").decode()}),
    ]
    cells = [nbformat.v4.new_markdown_cell("# Demo"), nbformat.v4.new_code_cell(outputs=outputs)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "demo.ipynb")
    return tmp_path


def test_a_named_picture_is_staged_beside_its_page(project):
    pages = {"book/index.md": b":img-top: runs/tiny-demo-1.png\n", "notebooks/demo.ipynb": b"{}"}
    assert run_pictures(project, pages) == {"book/runs/tiny-demo-1.png": b"two"}
    assert run_pictures(project, {"book/index.md": b"# No pictures\n"}) == {}


@pytest.mark.parametrize(("name", "count"), [("tiny-demo-2", 2), ("tiny-other-0", 0)])
def test_a_picture_that_no_run_has_is_named_with_the_page(project, name, count):
    page = {"book/a.md": f"![x](runs/{name}.png)".encode()}
    with pytest.raises(
        CompanionError, match=rf"book/a.md shows runs/{name}.png.* has {count} pict"
    ):
        run_pictures(project, page)


def test_the_four_rows_are_those_of_figure_2():
    """As far as one sees without MNIST: the real and the nearest row alike, the last one noise."""
    picture = np.asarray(Image.open(ROOT / PICTURE).convert("L"), float) / 255
    pitch = (picture.shape[0] + 2) // len(ROWS)
    real, corollary, nearest, noise = (picture[i * pitch :][: pitch - 2] for i in range(len(ROWS)))
    off = [np.abs(row - real).mean() for row in (nearest, corollary, noise)]
    assert 0 < off[0] < off[1] / 3 < off[2] / 9
    assert np.isin(noise, (0, 1)).mean() > 0.8


def test_the_four_rows_are_drawn_by_this_code():
    kept = np.asarray(Image.open(ROOT / PICTURE).convert("RGB"), int)
    made = four_rows(at_hand("mnist")).astype(int)
    assert kept.shape == made.shape
    assert np.abs(kept - made).max() <= 1  # a grey level of rounding
    assert IPC == 10
