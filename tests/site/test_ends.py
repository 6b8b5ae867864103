"""How pages end, what the search shows, and what comes out of a printer."""

import re
import zlib

from tools import soup

PRINTED = "notebooks/theorem_4_2"
DARKEST = 0.5  # the largest luminance of a letter on paper
OVER_THE_EDGE = """() => [...document.querySelectorAll("article :is(pre, table, img, svg, mjx-container)")]
  .filter((box) => box.checkVisibility() && box.getBoundingClientRect().right > innerWidth + 1)
  .map((box) => box.tagName + " " + box.textContent.trim().slice(0, 40))"""


def test_every_page_says_how_to_cite_it(site, page):
    end = soup(site / f"{page}.html").select_one("article .page-end")
    entry = end.select_one("details pre").get_text()
    assert entry.startswith("@software{")
    assert entry.count("{") == entry.count("}")
    title = soup(site / f"{page}.html").select_one("article h1").get_text().rstrip("#").strip()
    assert title in entry


def test_every_notebook_says_when_its_numbers_were_computed(site, notebook):
    told = soup(site / f"{notebook}.html").select_one(".page-end .page-origin").get_text()
    assert re.match(r"Numbers of the profile \w+, computed on \d{4}-\d\d-\d\d\.", told)


def test_the_search_shows_the_section_and_the_words(site, tab):
    tab.goto((site / "search.html").as_uri() + "?q=projector")
    tab.wait_for_selector("#search-results .search-place")
    places = tab.locator("#search-results .search-place")
    assert "projector" in places.first.inner_text().lower()
    assert places.first.locator("mark").count() > 0
    target = places.first.locator("a").get_attribute("href")
    page, anchor = target.split("#")
    assert soup(site / page).find(id=anchor) is not None
    assert tab.complaints == []


def test_a_phone_shows_the_verdicts(site, tab):
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto((site / "book" / "report.html").as_uri())
    box = tab.locator("table.verdicts").first
    box.scroll_into_view_if_needed()
    for cell in box.locator("tbody tr td:last-child").all()[:3]:
        assert cell.evaluate("(cell) => cell.getBoundingClientRect().right") <= 390


def letters(pdf):
    """The luminance of each colour that text is filled with in the PDF's pages."""
    found, colour = set(), 0.0
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S):
        try:
            text = zlib.decompress(part).decode("latin-1")
        except zlib.error:
            continue
        for red, green, blue, begun in re.findall(r"([\d.]+) ([\d.]+) ([\d.]+) rg|\b(BT)\b", text):
            if begun:
                found.add(colour)
            else:
                colour = 0.2126 * float(red) + 0.7152 * float(green) + 0.0722 * float(blue)
    return found


def printed(tab):
    """The page as a PDF; with backgrounds, or the browser would darken letters by itself."""
    sides = dict.fromkeys(("left", "right", "top", "bottom"), "15mm")
    return tab.pdf(format="A4", margin=sides, print_background=True)


def test_pale_letters_are_noticed(tab):
    tab.set_content("<p style='color: #bbb'>pale</p><p>dark</p>")
    assert max(letters(printed(tab))) > DARKEST > min(letters(printed(tab)))


def test_a_chapter_is_printed_in_dark_ink_with_nothing_cut(site, tab):
    tab.emulate_media(color_scheme="dark")
    tab.goto((site / f"{PRINTED}.html").as_uri())
    tab.evaluate("MathJax.startup.promise.then(() => true)")
    pdf = tab.pdf(format="A4", margin=dict.fromkeys(("left", "right", "top", "bottom"), "15mm"))
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") >= 3
    inks = letters(pdf)
    assert inks
    assert max(inks) <= DARKEST
    tab.set_viewport_size({"width": 680, "height": 900})  # A4 between its margins
    tab.emulate_media(media="print", color_scheme="dark")
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert tab.evaluate(OVER_THE_EDGE) == []
