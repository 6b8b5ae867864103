"""The live figures in a browser: what they compute, what they say, and every way to use them."""

import re

import numpy as np
import pytest
from tools import soup

import distill_lib as dl

PAGES = {
    "roots": "theorem_4_1",
    "labels": "theorem_4_2",
    "nearest": "corollary_4_1_1",
    "kernel": "theorem_5_1",
    "privacy": "private_release",
}
CLOSE = 1e-6
K, D, M = 3, 8, 5
SAID = "() => document.querySelector('figure.live output').textContent"
MARKS = "() => document.querySelector('figure.live [data-now]').innerHTML"
NUMBER = re.compile(r"-?\d+\.?\d*")


def where(site, name):
    return site / "notebooks" / f"{PAGES[name]}.html"


def still(site, name):
    page = soup(where(site, name))
    (figure,) = page.select("figure.live")
    return figure


def slide(tab, value):
    """The control moved to one of its values, as a hand does."""
    tab.evaluate(
        """(value) => {
          const slider = document.querySelector(".live-control input");
          slider.value = value;
          slider.dispatchEvent(new Event("input", {bubbles: true}));
        }""",
        value,
    )


@pytest.fixture
def opened(site, tab):
    """Opens the page of a figure."""

    def open_(name):
        tab.goto(where(site, name).as_uri())
        tab.wait_for_selector(".live-control input")
        return tab

    return open_


@pytest.mark.parametrize("name", PAGES)
def test_the_first_live_picture_is_the_still_one(site, opened, name):
    drawn, tab = still(site, name), opened(name)
    if name != "kernel":  # other random features
        assert tab.evaluate(SAID) == drawn.output.get_text()
        told = [
            NUMBER.findall(text)
            for text in (str(drawn.select_one("[data-now]")), tab.evaluate(MARKS))
        ]
        if name != "nearest":  # pictures in other bytes
            assert len(told[0]) == len(told[1])
        if name in ("roots", "privacy"):
            np.testing.assert_allclose(*[np.array(each, float) for each in told], atol=0.11)
    slider = tab.locator(".live-control input")
    assert slider.get_attribute("aria-valuetext")
    assert tab.locator(".live-control label").get_attribute("for") == slider.get_attribute("id")
    before = tab.evaluate(SAID), tab.evaluate(MARKS)
    slider.press("ArrowRight")
    assert tab.evaluate(SAID) != before[0]
    assert tab.evaluate(MARKS) != before[1]
    slider.click(position={"x": 3, "y": 10})
    assert slider.input_value() == "0"
    assert tab.complaints == []


def test_the_roots_are_those_of_h_until_there_are_none(opened):
    tab = opened("roots")
    for position in range(0, 46, 5):
        slide(tab, position)
        at = tab.evaluate("live.current('roots')")
        reg, found = at["value"], at["found"]
        assert len(found) == (2 if reg <= 1 / (4 * 0.4**2) else 0)
        for s in found:
            assert s / (s * s + reg) == pytest.approx(0.4, rel=1e-12)
            made = dl.regularised_pinv(np.array([[s]]), reg)
            assert float(made[0, 0]) == pytest.approx(0.4, rel=1e-12)
    assert "no root" in tab.evaluate(SAID)


def test_what_is_computed_is_what_the_library_computes(opened):
    tab = opened("labels")
    for seed in range(5):
        rng = np.random.default_rng(seed)
        w, x = rng.normal(size=(K, D)), rng.normal(size=(M, D))
        setting = {"w": w.tolist(), "x": x.tolist(), "m": M}
        found = tab.evaluate(
            "({w, x, m}) => [live.computed.labels(w, x, m), live.computed.points(w, m)]", setting
        )
        carried = dl.recovered_weights(x, dl.solved_labels(w, x, 0.0), 0.0)
        assert found[0] == pytest.approx(dl.recovery_error(w, carried), rel=CLOSE)
        assert found[1] < 1e-12
        few = tab.evaluate("({w}) => live.computed.points(w, 2)", setting)
        s = np.linalg.svd(w, compute_uv=False)
        assert few == pytest.approx(s[2] / np.linalg.norm(s), rel=CLOSE)
        near = tab.evaluate("({w, x, m}) => live.computed.nearest(w, x, m)", setting)
        ours = dl.nearest_set(w, x)
        np.testing.assert_allclose(near["points"], ours.features, atol=CLOSE)
        assert near["distance"] == pytest.approx(ours.distance / np.linalg.norm(x), rel=CLOSE)
        assert near["condition"] == pytest.approx(np.linalg.cond(ours.features), rel=CLOSE)
        assert near["error"] < CLOSE


def test_the_features_are_the_librarys(opened):
    tab, r = opened("kernel"), np.linspace(0, 4, 9)
    for seed in range(3):
        a, b = tab.evaluate("(seed) => live.computed.drawn(64, seed)", seed)
        phi = dl.RandomFourier(np.array(a)[:, None], np.array(b))
        ours = np.asarray(phi(r[:, None]) @ phi(np.zeros((1, 1))).T)[:, 0]
        found = tab.evaluate("([a, b, r]) => live.computed.kernel(a, b, r)", [a, b, r.tolist()])
        np.testing.assert_allclose(found, ours, atol=CLOSE)
    a, b = map(np.array, tab.evaluate("live.computed.drawn(4096, 1)"))
    assert abs(a.mean()) < 0.08
    assert abs(a.std() - 1) < 0.06
    assert 0 < b.min() < b.max() < 2 * np.pi
    assert abs(b.mean() - np.pi) < 0.15
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.08
    before = tab.evaluate(SAID)
    tab.click(".live-control button")
    assert tab.evaluate(SAID) != before


def test_without_scripts_and_on_paper_the_picture_stands_alone(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(where(site, "labels").as_uri())
    figure = page.locator("figure.live")
    assert figure.locator("svg").is_visible()
    assert figure.locator("output").inner_text().startswith("m = 30")
    assert not figure.locator(".live-control").is_visible()
    assert (
        figure.locator("svg").get_attribute("aria-labelledby")
        == "live-labels-title live-labels-told"
    )
    context.close()


def test_a_finger_moves_it_and_paper_has_no_control(browser, site):
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(where(site, "roots").as_uri())
    slider = page.locator(".live-control input")
    slider.scroll_into_view_if_needed()
    slider.tap(position={"x": 2, "y": 10})
    assert page.evaluate("live.current('roots').value") == 0.25
    page.emulate_media(media="print")
    assert not page.locator(".live-control").is_visible()
    assert page.locator("figure.live svg").is_visible()
    context.close()
