"""What the tools of tools.py notice, and pages that stand still on a phone."""

import pytest
from tools import AXE, FAULTS, MOST_SHIFT, SCRIPTS, UNSIZED, size, visit

SMALL = ("book/index", "notebooks/theorem_4_1", "book/report")


@pytest.mark.parametrize("name", SMALL)
def test_a_page_stands_still_on_a_phone(site, name, tab):
    tab.set_viewport_size({"width": 390, "height": 844})
    visit(tab, site / f"{name}.html")
    assert sum(tab.evaluate("shifts")) < MOST_SHIFT


def test_a_fault_is_noticed(tab, tmp_path):
    """The checks themselves: a page with every fault they look for."""
    (tmp_path / "late.js").write_text(
        "setTimeout(() => document.body.prepend(Object.assign(document.createElement('div'), "
        "{style: 'height: 400px'})), 300)"
    )
    (tmp_path / "bad.html").write_text(
        '<html data-theme="light"><body style="background: #fff"><script src="late.js"></script>'
        '<article><img src="x.png"><p style="color: #ddd; height: 600px">pale</p><p>dark</p></article></body></html>'
    )
    visit(tab, tmp_path / "bad.html")
    tab.wait_for_function(f"shifts.reduce((all, one) => all + one, 0) > {MOST_SHIFT}")
    assert len(tab.evaluate(UNSIZED)) == 1
    assert 0 < sum(size(address) for address in tab.evaluate(SCRIPTS)) < 300
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = " ".join(tab.evaluate(FAULTS, None))
    for rule in ("color-contrast", "image-alt", "html-has-lang"):
        assert f"{rule}:" in found
