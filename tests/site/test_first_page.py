"""The first page shows within one screen what the book is about; the lines for one's own data run."""

import contextlib
import io

import numpy as np
import pytest
from tools import soup

FIRST = {
    "the claim": "article h1 ~ p",
    "the four rows": ".four-rows img",
    "two commands": ".two-commands pre",
    "the way to try it": '.first-steps a[href="play.html"]',
}
SEEN = """(selector) => {
  const box = document.querySelector(selector).getBoundingClientRect();
  return [box.top, box.bottom, box.left, box.right, innerHeight, innerWidth];
}"""


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_screen_has_the_claim_the_pictures_the_commands_and_a_way_on(
    site, tab, width, scheme
):
    tab.set_viewport_size({"width": width, "height": 800})
    tab.emulate_media(color_scheme=scheme)
    tab.goto((site / "book" / "index.html").as_uri())
    tab.wait_for_load_state("load")
    for what, selector in FIRST.items():
        top, bottom, left, right, height, whole = tab.evaluate(SEEN, selector)
        assert 0 <= top < bottom <= height, what
        assert 0 <= left < right <= whole, what
    pre = ".two-commands pre"
    assert tab.evaluate(f"document.querySelector('{pre}').scrollWidth") <= tab.evaluate(
        f"document.querySelector('{pre}').clientWidth"
    ), "a command is cut"
    names = tab.locator(".four-rows span").evaluate_all(
        "(spans) => spans.map((span) => span.getBoundingClientRect()).map((box) => (box.top + box.bottom) / 2)"
    )
    top, bottom, *_ = tab.evaluate(SEEN, FIRST["the four rows"])
    middles = top + (bottom - top) * (np.arange(4) + 0.5) / 4
    np.testing.assert_allclose(names, middles, atol=6)  # each name beside its row
    assert tab.complaints == []


def test_every_card_leads_somewhere_and_each_reader_has_one(site):
    page = soup(site / "book" / "index.html")
    cards = page.select("article .sd-card")
    assert all(card.select_one("a.sd-stretched-link[href]") for card in cards)
    readers = [card.select_one(".sd-card-title").get_text().strip() for card in cards[:3]]
    assert readers == ["Read the theory", "Rerun the experiments", "Use it on your data"]
    assert all(card.select_one("img[alt]") for card in cards[3:])


def test_the_lines_for_ones_own_data_run_in_their_order(site, tmp_path, monkeypatch):
    page = soup(site / "book" / "use.html")
    blocks = [block.get_text() for block in page.select(".use-lines pre")]
    assert len(blocks) == 3
    monkeypatch.chdir(tmp_path)
    names, said = {}, io.StringIO()
    with contextlib.redirect_stdout(said):
        for block in blocks:
            exec(block, names)
    told = dict(line.rsplit(" ", 1) for line in said.getvalue().splitlines())
    assert float(told["recovery error"]) < 1e-8
    assert float(told["accuracy"]) == float(told["trained on 50"]) > 0.85
    assert float(told["same answers"]) == 1
    assert (tmp_path / "small.png").is_file()
