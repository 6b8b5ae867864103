"""Every page in a browser, from the disk: wide and narrow, light and dark, without a network."""

from tools import MOST_SCRIPT, MOST_SHIFT, PAINT, SCRIPTS, UNSIZED, faults, size, visit

WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
PIXELS = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
LEAST_CONTRAST = 4.0  # of text with its background; WCAG AA asks for 4.5, or 3 for large text

FORMULAS = """() => {
  const marked = [...document.querySelectorAll("article .math")];
  return {
    undrawn: marked.filter((box) => !box.querySelector("mjx-container mjx-math")).map((box) => box.textContent),
    wrong: [...document.querySelectorAll("mjx-container [data-mml-node=merror]")]
      .map((node) => node.getAttribute("data-mjx-error")),
  };
}"""
READY = """async () => {
  if (document.querySelector("script[src*=mathjax]")) await MathJax.startup.promise;
  await document.fonts.ready;
}"""
EMPTY_PICTURES = """() => [...document.images]
  .filter((image) => image.getClientRects().length && !image.naturalWidth).map((image) => image.src)"""
OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  const cut = (node) => {
    for (let box = node.parentElement; box; box = box.parentElement)
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(box).overflowX)) return true;
    return false;
  };
  const wide = [...document.querySelectorAll("article *")]
    .filter((node) => node.getBoundingClientRect().right > width + 1 && !cut(node))
    .map((node) => node.tagName + "." + (node.getAttribute("class") || "") + " " + node.textContent.slice(0, 40));
  if (document.documentElement.scrollWidth > width) wide.unshift("the page itself");
  return wide;
}"""
CONTRAST = """(least) => {
  const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const under = (node) => {
    for (let box = node; box; box = box.parentElement) {
      const colour = rgba(getComputedStyle(box).backgroundColor);
      if (colour[3] > 127) return colour;
    }
    return [255, 255, 255, 255];
  };
  const texts = "article :is(h1, h2, h3, p, li, td, th, dt, dd, figcaption span, summary, pre), .bd-footer-content p";
  return [...document.querySelectorAll(texts)]
    .filter((node) => node.getClientRects().length && node.textContent.trim())
    .map((node) => {
      const [a, b] = [light(rgba(getComputedStyle(node).color)), light(under(node))].sort().reverse();
      return [(a + 0.05) / (b + 0.05), node.tagName + ": " + node.textContent.trim().slice(0, 40)];
    })
    .filter(([ratio]) => ratio < least)
    .map(([ratio, text]) => ratio.toFixed(1) + " " + text);
}"""
DARK_INK = """() => [...document.querySelectorAll("article :is(.cell_output, figure) img")]
  .filter((image) => getComputedStyle(image).backgroundColor.includes("rgba")).map((image) => image.src)"""

UNREACHABLE = """() => [...document.querySelectorAll("article *")]
  .filter((box) => ["auto", "scroll"].includes(getComputedStyle(box).overflowX))
  .filter((box) => box.scrollWidth > box.clientWidth + 1 && box.tabIndex < 0)
  .filter((box) => box.matches("div, pre, mjx-container") && box.checkVisibility())
  .map((box) => box.tagName + "." + box.className + " " + box.textContent.trim().slice(0, 40))"""
FORMULAS_CUT = """() => [...document.querySelectorAll("article mjx-container[display]")]
  .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1)
  .map((box) => `${box.clientWidth} of ${box.scrollWidth}: ${box.parentElement.id} ${box.textContent.slice(0, 40)}`)"""
NOT_ENLARGED = """() => [...document.querySelectorAll("article :is(.cell_output, figure) img")]
  .filter((image) => image.naturalWidth > 1.25 * image.clientWidth && image.closest("a")?.href !== image.src)
  .map((image) => image.src)"""
CUT_ON_PAPER = """() => [...document.querySelectorAll("article :is(pre, .text_html, .pst-scrollable-table-container)")]
  .filter((box) => getComputedStyle(box).overflowX !== "visible" || getComputedStyle(box).whiteSpace === "pre")
  .map((box) => box.textContent.slice(0, 40))"""
FRAME = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"""


def test_a_page_in_every_width_and_scheme(site, page, tab):
    visit(tab, site / f"{page}.html")
    print(f"{page}: first paint after {tab.evaluate(PAINT):.0f} ms")  # shown with -s, not judged
    scripts = tab.evaluate(SCRIPTS)
    assert sum(map(size, scripts)) < MOST_SCRIPT
    assert not any("searchindex" in address for address in scripts)  # the search's page alone
    assert sum(tab.evaluate("shifts")) < MOST_SHIFT
    assert tab.evaluate(UNSIZED) == []
    assert tab.evaluate(FORMULAS) == {"undrawn": [], "wrong": []}
    for scheme in SCHEMES:
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_function(
            "(scheme) => document.documentElement.dataset.theme === scheme", arg=scheme
        )
        assert tab.evaluate(CONTRAST, LEAST_CONTRAST) == [], f"hard to read ({scheme})"
    for width, (w, h) in WIDTHS.items():
        tab.set_viewport_size({"width": w, "height": h})
        assert tab.evaluate(EMPTY_PICTURES) == [], f"pictures that are not shown ({width})"
        assert tab.evaluate(OVERFLOW) == [], f"wider than the window ({width})"
        tab.evaluate(FRAME)  # formulas shrink to the width of the window
        assert tab.evaluate(FORMULAS_CUT) == [], f"formulas that run out of it ({width})"
    assert tab.evaluate(UNREACHABLE) == [], "scrolls, but not by keyboard"
    assert tab.evaluate(NOT_ENLARGED) == [], "smaller than the file, and no link to it"
    tab.emulate_media(color_scheme="dark", media="print")
    assert tab.evaluate(CONTRAST, LEAST_CONTRAST) == [], "hard to read on paper, from the dark"
    assert tab.evaluate(CUT_ON_PAPER) == [], "lines that paper would cut"
    tab.emulate_media(media="screen")
    assert tab.evaluate(DARK_INK) == [], "figures without a light sheet in the dark"
    tab.set_viewport_size({"width": 1280, "height": 900})
    assert faults(tab, page) == [], "what axe calls serious"
    assert tab.complaints == []


def test_a_page_that_is_opened_on_a_phone_in_the_dark(site, tab):
    """The start of the theme's scripts at this size, where the other test only resizes."""
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.emulate_media(color_scheme="dark")
    tab.goto((site / "index.html").as_uri())
    tab.wait_for_selector("article h1")
    tab.evaluate(READY)
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.evaluate(OVERFLOW) == []
    assert not tab.locator(".bd-sidebar-primary").is_visible()
    tab.locator(".bd-header-article .primary-toggle").click()
    tab.locator("#pst-primary-sidebar-modal[open], .bd-sidebar-primary").first.wait_for(
        state="visible"
    )
    assert tab.complaints == []


def test_the_search_works_without_a_server(site, tab):
    tab.goto((site / "search.html").as_uri() + "?q=distillation")
    tab.wait_for_selector("#search-results li a")
    assert tab.complaints == []


def test_a_fault_is_noticed(site, tab, tmp_path):
    """The checks themselves: a page with every fault they look for."""
    (tmp_path / "bad.html").write_text(
        '<html><body><article><p style="color: #eee">pale</p><div class="math">x</div>'
        '<figure><img src="absent.png" width="10" height="10"></figure><div style="width: '
        '3000px">wide</div>'
        f'<figure><img src="{PIXELS}" width="1"></figure>'
        '<div style="overflow-x: auto; width: '
        '9px"><table><td>0123456789</td></table></div><pre>line</pre>'
        '<mjx-container display="true" style="display: block; overflow: auto; width: 9px">0123456789'
        "</mjx-container></article>"
        '<script src="https://example.org/x.js"></script><script>console.error("no"); '
        "absent()</script></body></html>"
    )
    tab.goto((tmp_path / "bad.html").as_uri())
    assert tab.evaluate(FORMULAS)["undrawn"] == ["x"]
    assert tab.evaluate(EMPTY_PICTURES)
    assert any(line.startswith("the page itself") for line in tab.evaluate(OVERFLOW))
    assert tab.evaluate(CONTRAST, LEAST_CONTRAST) == ["1.2 P: pale"]
    assert tab.evaluate(DARK_INK)
    assert tab.evaluate(UNREACHABLE)
    assert len(tab.evaluate(FORMULAS_CUT)) == 1
    assert tab.evaluate(NOT_ENLARGED) == [PIXELS]
    assert tab.evaluate(CUT_ON_PAPER) == ["line"]
    for fault in ("another host", "console: no", "script error", "not loaded"):
        assert any(fault in complaint for complaint in tab.complaints), fault
