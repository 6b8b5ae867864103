"""The lines of code on pages without cells run as they stand, and show what the page says."""

import contextlib
import io
import math
import re
from pathlib import Path

from distill_lib.metrics import label_robust_score

BOOK = Path(__file__).parents[1] / "book"


def printed(page, blocks):
    """What the blocks of a page print, in their order, and the names that they leave."""
    text = (BOOK / f"{page}.md").read_text(encoding="utf-8")
    found = re.findall(rf":class: {page}-lines\n(.*?)```", text, re.S)
    assert len(found) == blocks
    said, names = io.StringIO(), {}
    with contextlib.redirect_stdout(said):
        for block in found:
            exec(block, names)
    return said.getvalue(), names


def test_an_exact_set_loses_nothing_on_the_page_of_worth():
    said, _ = printed("worth", 1)
    name, recovery, improvement, score = said.rsplit(maxsplit=3)
    assert (name, float(recovery)) == ("own trainer", 0)
    assert label_robust_score(0.0, float(improvement)) == float(score) > 1 / (1 + math.e)


def test_the_model_of_four_days_is_that_of_all_images_and_the_union_of_sets_is_not(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    said, names = printed("update", 2)
    told = dict(line.rsplit(" ", 1) for line in said.splitlines())
    assert float(told["against all images"]) < 1e-9
    assert float(told["union of sets"]) > 0.1
    assert 0 < float(told["at least"]) < float(told["accuracy"])
    assert len(names["small"].points) == 10
