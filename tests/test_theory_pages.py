"""How a page of the theory is laid out: in short, motivated, proved, and where it stops."""

import re
from collections import Counter
from pathlib import Path

import pytest
from test_theory_index import chapters

from distill_lib.companion.site.drawings import drawings

ROOT = Path(__file__).parents[1]
PAGES = [page for page in chapters("The theory") if page.startswith("notebooks/")]
PAGES += ["notebooks/ridge_path", "notebooks/corruption"]
MOST_WORDS = 90
CODE = re.compile(r"^```\{code-cell\}.*?^```$", re.S | re.M)
BOX = re.compile(
    r"\A# [^\n]+\n\n:::\{admonition\} In short\n:class: in-short\n\n(.*?)\n:::\n", re.S
)
DRAWING = re.compile(r"\{\{ drawn\.\w+ \}\}")


def text(page):
    """Title and prose, without the header and the cells of code."""
    source = (ROOT / f"{page}.md").read_text(encoding="utf-8")
    return CODE.sub("", source.split("\n---\n\n", 1)[1])


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_in_short_what_it_claims_with_one_picture_and_what_to_conclude(page):
    box = BOX.search(text(page))
    assert box, "no box In short below the title"
    assert len(DRAWING.findall(box[1])) == 1
    claim, conclusion = DRAWING.split(box[1])
    assert len(claim.split()) > 10
    assert conclusion.strip().startswith("**To conclude.** ")
    assert len(f"{claim} {conclusion}".split()) <= MOST_WORDS


@pytest.mark.parametrize("page", PAGES)
def test_a_page_motivates_before_it_defines(page):
    """Two sentences at least, before the first statement and without a definition in them."""
    begun = BOX.sub("", text(page)).split(":::{prf:")[0].split("\n## ")[0].strip()
    first = begun.split("\n\n")[0]
    assert len(re.findall(r"[.?!](?=\s|$)", first)) >= 2
    assert not re.match(r"(?:Let|Throughout|Write|Put) \$", first)
    assert "$$" not in first


@pytest.mark.parametrize("page", PAGES)
def test_a_page_ends_with_where_it_stops(page):
    headings = re.findall(r"^## (.+)$", text(page), re.M)
    assert headings[-1] == "Where it stops"
    assert headings.count("Where it stops") == 1


def test_what_recovery_does_not_mean_is_said_early_and_with_the_measured_transfer():
    said = (
        text("notebooks/theorem_4_1").split("## What recovery does not mean\n")[1].split("\n## ")[0]
    )
    assert len(re.findall(r"\{\{ this\.comparison\.\w+ \}\}", said)) >= 5
    first_page = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
    before_table = first_page.split("## The result in one table")[0]
    assert "theorem_4_1.md#what-recovery-does-not-mean" in before_table


def test_each_drawing_stands_on_one_page_so_that_its_names_are_there_once():
    pages = [*(ROOT / "notebooks").glob("*.md"), *(ROOT / "book").glob("*.md")]
    sources = (path.read_text(encoding="utf-8") for path in pages)
    used = Counter(
        name for source in sources for name in re.findall(r"\{\{ drawn\.(\w+) \}\}", source)
    )
    assert used == dict.fromkeys(drawings(), 1)
