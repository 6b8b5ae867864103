"""A page as a visitor's tools judge it: axe's serious faults, bytes of script, steadiness."""

from functools import cache
from pathlib import Path

from bs4 import BeautifulSoup

AXE = Path(__file__).parent / "axe" / "axe.min.js"
MOST_SCRIPT = 1_500_000  # bytes a page loads from disk, MathJax included
MOST_SHIFT = 0.1  # Lighthouse's limit of a good score
WITH_CODE = "notebooks/theorem_c"  # where axe reads the colours of code, sign by sign

SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => list.getEntries().forEach((entry) => shifts.push(entry.value)))
  .observe({type: "layout-shift", buffered: true});
"""
SETTLED = """async () => {
  if (document.querySelector("script[src*=mathjax]")) await MathJax.startup.promise;
  await document.fonts.ready;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
SCRIPTS = "[...document.scripts].filter((script) => script.src).map((script) => script.src)"
UNSIZED = """[...document.querySelectorAll("article img")]
  .filter((image) => !(image.getAttribute("width") && image.getAttribute("height")))
  .map((image) => image.src)"""
# Signs of formulas, of code and of signatures are many, and alike: axe reads the page without them.
THINNED = """(code) => {
  const flat = (box) => (box.textContent = box.textContent);
  document.querySelectorAll("mjx-container > mjx-math").forEach((drawing) => drawing.remove());
  [...document.querySelectorAll("dt.sig")].slice(9).forEach(flat);
  if (!code) document.querySelectorAll("pre").forEach(flat);
}"""
FAULTS = """async (only) => {
  const options = {resultTypes: ["violations"], preload: false, ...(only && {runOnly: only})};
  const {violations} = await axe.run(document, options);
  return violations.filter((rule) => ["serious", "critical"].includes(rule.impact))
    .flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)}`));
}"""
PAINT = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime'


@cache
def soup(path: Path) -> BeautifulSoup:
    """A built page, read once."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def size(address: str) -> int:
    """The bytes of a script on disk."""
    return Path(address.removeprefix("file://").partition("?")[0]).stat().st_size


def visit(tab, path):
    """Open a page in the light, and wait until formulas and fonts are there."""
    tab.add_init_script(SHIFTS)
    tab.emulate_media(color_scheme="light", reduced_motion="reduce")  # colours change at once
    tab.goto(path.as_uri())
    tab.evaluate(SETTLED)


def faults(tab, page):
    """What axe calls serious, in the light and in the dark."""
    tab.emulate_media(color_scheme="light")
    tab.wait_for_function("document.documentElement.dataset.theme === 'light'")
    tab.evaluate(THINNED, page == WITH_CODE)
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = tab.evaluate(FAULTS, None)
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    return found + tab.evaluate(FAULTS, ["color-contrast"])
