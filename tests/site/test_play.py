"""The page "Distil in your browser": what it computes, what it says, and every way to use it."""

import base64
import json

import jax.numpy as jnp
import numpy as np
import pytest
from tools import soup

import distill_lib as dl
from distill_lib.companion.root import project_root
from distill_lib.companion.site.play import DATA
from distill_lib.experiments.in_the_browser import array
from distill_lib.theory.closed_form import max_reg

CLOSE = 1e-6
SIZES = (2, 5, 8, 9, 10, 11, 15, 20, 30, 50, 70, 100)  # by the control's steps
REGS = (0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
BITS = (0, 16, 12, 10, 8, 7, 6, 5, 4, 3, 2)

# Moves the controls as a hand does, and waits until the page shows what they say.
SET = """async ({m, bits, reg, noise, start, root, again}) => {
  const at = (name) => document.getElementById("distil-" + name);
  const slide = (name, value) => {
    at(name).value = value;
    at(name).dispatchEvent(new Event("input", {bubbles: true}));
  };
  const choose = (name, value) => document.querySelector(`[name="distil-${name}"][value="${value}"]`).click();
  slide("m", m);
  choose("start", start);
  slide("noise", noise);
  slide("reg", reg);
  slide("bits", bits);
  choose("root", root);
  if (again) at("again").click();
  const busy = () => document.querySelector(".distil").getAttribute("aria-busy") === "true";
  for (let tries = 0; busy() && tries < 1000; tries++) await new Promise((done) => setTimeout(done, 5));
  const shown = (name) => document.querySelector(`[data-value="${name}"]`).textContent;
  const packed = (rows) => {
    const bytes = new Uint8Array(Float64Array.from(rows.flat()).buffer);
    return [rows.length, btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))];
  };
  const found = {...distil.current(), texts: {error: shown("error"), bound: shown("bound")}};
  for (const name of ["points", "labels", "weights", "z"]) found[name] &&= packed(found[name]);
  return found;
}"""


def made(play, setting):
    """What the page makes of a setting, its matrices as arrays."""
    found = play.evaluate(SET, setting)
    for name in {"points", "labels", "weights", "z"} & {key for key in found if found[key]}:
        rows, text = found[name]
        found[name] = np.frombuffer(base64.b64decode(text)).reshape(rows, -1)
    return found


def widths(play):
    """The bars' widths in percent, a pair for each class."""
    bars = "[...document.querySelectorAll('td .distil-bar')].map((b) => parseFloat(b.style.width))"
    return np.reshape(play.evaluate(bars), (-1, 2))


def told(play):
    """What both models say of the digit, by the words beside the buttons."""
    return [int(play.inner_text(f"[data-value=answer-{which}]")) for which in ("all", "set")]


@pytest.fixture(scope="module")
def shipped():
    """The data of the page, and the model's W."""
    data = json.loads((project_root() / DATA).read_text(encoding="utf-8"))
    return data, array(data["weights"])


@pytest.fixture
def play(site, tab):
    """The page, opened."""
    tab.goto((site / "book" / "play.html").as_uri())
    tab.wait_for_selector(".distil-answer:not(:empty)")
    return tab


def normalisation(data):
    return dl.Normalisation(data["shape"], data["pixel_max"], data["mean"], data["std"])


def settings(count):
    """Random settings of the controls; sizes are few, since JAX compiles for each."""
    rng = np.random.default_rng(7)
    for i in range(count):
        start = ("noise", "real", "nearest")[i % 3]
        yield {
            "m": SIZES.index(rng.choice((10, 20))),
            "bits": int(rng.integers(len(BITS))) if i % 5 == 0 else 0,
            "reg": int(rng.integers(1, len(REGS))) if i % 4 else 0,
            "noise": round(0.05 * int(rng.integers(1, 21)), 2),
            "start": start,
            "root": str(rng.choice(("+", "-"))),
            "again": i % 7 == 0,
        }


def written(text):
    """A number as the page writes it, or None."""
    power = dict(zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True))
    digits, _, raised = text.partition("\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10")
    exponent = "".join(power[c] for c in raised) or "0"
    return None if text == "none" else float(f"{digits}e{exponent}")


def of_library(found, data, weights):
    """Points, labels and the bound of lam_S that the library gives for the page's setting and Z."""
    asked, norm = found["setting"], normalisation(data)
    m, reg, k = asked["m"], asked["regS"], len(weights)
    one_hot = np.eye(k)[np.arange(m) % k]
    if asked["start"] == "noise":
        d, labels, real = dl.recovery_matrix(weights, one_hot, found["z"]), one_hot, None
    else:
        real = norm(array(data["real"])[found["rows"]])
        if asked["start"] == "nearest":
            near = dl.nearest_set(weights, real, reg)
            return near.features, near.labels, None
        labels = dl.solved_labels(weights, real, reg)
        d = dl.realistic_matrix(weights, labels, real, reg)
    bound = max_reg(d)
    if reg > bound:
        return None, labels, bound
    signs = "-" if reg and asked["root"] == "-" else "+"
    return dl.support_features(d, reg, signs), labels, bound


def test_the_page_distils_as_the_library_does(play, shipped):
    data, weights = shipped
    norm, above = normalisation(data), 0
    for setting in settings(50):
        found = made(play, setting)
        asked = found["setting"]
        assert (asked["m"], asked["bits"]) == (SIZES[setting["m"]], BITS[setting["bits"]])
        assert asked["regS"] == REGS[setting["reg"]]
        points, labels, bound = of_library(found, data, weights)
        np.testing.assert_allclose(found["labels"], labels, atol=CLOSE * np.abs(labels).max())
        assert found["bound"] == (bound and pytest.approx(bound, rel=CLOSE))
        assert written(found["texts"]["bound"]) == (bound and pytest.approx(bound, rel=5e-3))
        assert written(found["texts"]["error"]) == pytest.approx(found["error"], rel=0.5)
        if points is None:
            above += 1
            assert found["error"] > 0
            continue
        if asked["bits"]:
            whole = points
            points = norm(dl.restore(dl.quantise(norm.inverse(points), asked["bits"])))
            moved = np.linalg.norm(points - whole, 2)
            promised = dl.error_bounds(weights, whole, moved, asked["regS"]).kept
            if np.isfinite(promised):
                assert found["promised"] == pytest.approx(float(promised), rel=1e-5)
        np.testing.assert_allclose(found["points"], points, atol=CLOSE * np.abs(points).max())
        recovered = dl.recovered_weights(points, labels, asked["regS"])
        error = dl.recovery_error(weights, recovered)
        assert found["error"] == pytest.approx(error, abs=CLOSE)
        assert dl.recovery_error(recovered, jnp.asarray(found["weights"])) < CLOSE
        if not asked["bits"]:
            assert error < CLOSE
    assert 0 < above < 25
    assert play.complaints == []


def test_too_few_images_are_said_to_be(play, shipped):
    _, weights = shipped
    play.click('[data-example="nine"]')
    found = play.evaluate("distil.current()")
    s = np.linalg.svd(weights, compute_uv=False)
    assert found["floor"] == pytest.approx(s[9] / np.linalg.norm(s), rel=CLOSE)
    rows = np.linalg.norm(weights, axis=1)  # one-hot labels of nine classes: no row for the tenth
    assert found["error"] == pytest.approx(rows[9] / np.linalg.norm(rows), rel=CLOSE)
    np.testing.assert_allclose(found["weights"][9], 0, atol=1e-12)
    said = play.locator("[data-verdict]:visible")
    assert said.count() == 1
    assert "part 1 of Theorem 4.1" in said.inner_text()
    assert "one-hot labels: they say nothing of 9, and that row" in said.inner_text()


def test_above_the_bound_the_nearest_singular_values_are_taken(play, shipped):
    data, weights = shipped
    play.click('[data-example="above"]')
    found = play.evaluate("distil.current()")
    reg = found["setting"]["regS"]
    assert reg == pytest.approx(20 * found["bound"])
    cut = np.minimum(np.linalg.svd(weights, compute_uv=False), 1 / (2 * np.sqrt(reg)))
    np.testing.assert_allclose(np.linalg.svd(found["weights"], compute_uv=False), cut, rtol=CLOSE)
    assert play.locator("[data-verdict=above]").is_visible()
    assert play.locator("#distil-bound").get_attribute("data-passed") == "true"
    inputs = np.asarray(normalisation(data)(array(data["test"])))
    whole, part = (inputs @ np.transpose(w) for w in (weights, found["weights"]))
    shares = np.linalg.norm(part, axis=1) / np.linalg.norm(whole, axis=1)
    assert shares.max() < 1  # the scores of every digit shrink, as one vector
    assert written(play.inner_text("[data-value=share]")) == pytest.approx(shares.mean(), rel=5e-3)
    assert (part.max(1) < whole.max(1)).all()
    long, short = widths(play)[told(play)[0]]
    assert long - short > 10  # of a hundred


@pytest.mark.parametrize("name", ["nine", "above", "coarse", "large"])
def test_what_breaks_shows_on_a_digit(play, shipped, name):
    data, weights = shipped
    play.click(f'[data-example="{name}"]')
    assert play.get_attribute(f'[data-example="{name}"]', "aria-pressed") == "true"
    found = play.evaluate("distil.current()")
    image = np.reshape(found["pixels"], (1, 28, 28, 1))
    inputs = np.asarray(normalisation(data)(array(data["test"])))
    labels = array(data["test_labels"])
    whole, part = (np.argmax(inputs @ np.transpose(w), 1) for w in (weights, found["weights"]))
    (at,) = np.flatnonzero((array(data["test"]) == image).all((1, 2, 3)))
    assert told(play) == [whole[at], part[at]]
    assert whole[at] == labels[at] != part[at]
    assert name != "nine" or labels[at] == 9
    assert found["same"] == (whole == part).sum() < len(labels)
    assert f"They differ, as on {(whole != part).sum()} of 100" in play.inner_text(".distil-answer")


def test_a_drawing_stays_where_the_failure_shows_on_it(play):
    round_ = np.linspace(0, 2 * np.pi, 20)
    nine = [(110 + 35 * np.cos(angle), 75 - 35 * np.sin(angle)) for angle in round_]
    nine += [(145 - i, 75 + 10 * i) for i in range(12)]
    for stroke, own in ((nine, True), (STROKE, False)):
        play.click("#distil-clear")
        with_mouse(play, play.locator("#distil-pad").bounding_box(), stroke)
        play.wait_for_function(YOURS)
        play.click('[data-example="nine"]')
        assert play.evaluate(YOURS) == own
        first, second = told(play)
        assert first == 9 != second
        play.click('[data-example="ten"]')


def test_each_image_has_its_digit_below(play):
    for example, m, words in (("nine", 9, "one-hot"), ("hundred", 100, "the digit that it was")):
        play.click(f'[data-example="{example}"]')
        below = play.locator("#distil-images > span").all_inner_texts()
        assert below == [str(i % 10) for i in range(m)]
        assert words in play.inner_text("[data-value=below]")


def test_buttons_verdict_sheet_and_bars_are_on_one_screen(play):
    bottom = "(name) => document.querySelector(name).getBoundingClientRect().bottom"
    assert max(play.evaluate(bottom, name) for name in ("#distil-pad", ".distil-bars")) <= 900
    play.set_viewport_size({"width": 400, "height": 800})
    assert play.evaluate(bottom, ".distil-told") <= 800
    for width in (1280, 400):
        play.set_viewport_size({"width": width, "height": 800})
        play.locator("#distil-again").scroll_into_view_if_needed()
        head = play.evaluate(bottom, ".bd-header-article")
        top = play.locator(".distil-told").bounding_box()["y"]
        assert head - 1 <= top <= head + 9  # the verdict stays in sight


def test_small_roots_mend_what_eight_bits_break(play):
    errors = {}
    for name in ("large", "small", "ten"):
        play.click(f'[data-example="{name}"]')
        errors[name] = play.evaluate("distil.current().error")
        for verdict, where in (("bits", "large small"), ("mend", "large"), ("small", "small")):
            seen = play.locator(f"[data-verdict={verdict}]").is_visible()
            assert seen == (name in where.split())
        first, second = told(play)
        assert (first == second) == (name != "large")
    assert errors["large"] > 10 * errors["small"] > 0
    assert errors["ten"] < 1e-12


YOURS = "document.querySelector('[data-value=asked]').textContent === 'your digit'"
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
STROKE = [(90 + 4 * i, 60 + 3 * i) for i in range(25)]


def with_mouse(tab, box, stroke=STROKE):
    tab.mouse.move(box["x"] + stroke[0][0], box["y"] + stroke[0][1])
    tab.mouse.down()
    for x, y in stroke[1:]:
        tab.mouse.move(box["x"] + x, box["y"] + y)
    tab.mouse.up()


def with_a_finger(tab, box):
    driver = tab.context.new_cdp_session(tab)
    for i, (x, y) in enumerate(STROKE):
        at = [{"x": box["x"] + x, "y": box["y"] + y}]
        kind = "touchMove" if i else "touchStart"
        driver.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    driver.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def with_keys(tab, box):
    tab.focus("#distil-pad")
    tab.keyboard.press("Delete")
    tab.keyboard.press("Space")
    for key in ("ArrowDown", "ArrowRight") * 16:
        tab.keyboard.press(key)
    tab.keyboard.press("Space")
    tab.keyboard.press("ArrowLeft")  # the pen is up


@pytest.mark.parametrize("draw", [with_mouse, with_a_finger, with_keys])
def test_a_digit_is_drawn(play, draw):
    for width in (1280, 400):
        play.set_viewport_size({"width": width, "height": 900})
        pad = play.locator("#distil-pad")
        pad.scroll_into_view_if_needed()
        play.click("#distil-take")
        top = play.evaluate("scrollY")
        draw(play, pad.bounding_box())
        play.wait_for_function(YOURS)
        play.evaluate(FRAMES)
        assert play.evaluate("scrollY") == top  # a finger draws, and does not scroll
        image = np.reshape(play.evaluate("distil.current().pixels"), (28, 28))
        rows, columns = np.nonzero(image > 64)
        assert 16 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22  # in MNIST's box of 20
        centre = [image.sum(axis) @ np.arange(28) / image.sum() for axis in (0, 1)]
        np.testing.assert_allclose(centre, 13.5, atol=0.5)
        assert np.corrcoef(rows, columns)[0, 1] > 0.9  # the line that was drawn
        first, second = told(play)
        assert first == second
        assert "No score differs" in play.inner_text(".distil-answer")
    assert play.complaints == []


def test_both_models_answer_alike_bar_by_bar_and_differ_when_broken(play, shipped):
    data, weights = shipped
    play.emulate_media(reduced_motion="reduce")
    assert (
        play.evaluate("getComputedStyle(document.querySelector('.distil-bar')).transitionDuration")
        == "0s"
    )
    for _ in range(5):
        play.click("#distil-take")
        x = normalisation(data)(
            np.reshape(play.evaluate("distil.current().pixels"), (1, 28, 28, 1))
        )
        scores = (weights @ np.asarray(x)[0]).round(2) + 0.0
        shown = [
            line.replace("−", "-")
            for line in play.locator("[data-class] td:nth-child(3)").all_inner_texts()
        ]
        np.testing.assert_allclose(np.array(shown, float), scores, atol=0.0051)
        np.testing.assert_allclose(*widths(play).T, atol=1e-6)
    play.click('[data-example="nine"]')
    whole, part = widths(play)[9]
    assert whole > 10 > part == 0


def code(site):
    """The lines for scikit-learn, as the page shows them."""
    page = soup(site / "book" / "play.html")
    (block,) = [box for box in page.select("article pre") if "sklearn" in box.get_text()]
    return block.get_text()


def taken(play, button, folder):
    """The file that a button offers, saved in a folder."""
    with play.expect_download() as offered:
        play.click(button)
    path = folder / offered.value.suggested_filename
    offered.value.save_as(path)
    return path


def test_the_file_trains_the_same_model_in_scikit_learn(play, site, shipped, tmp_path, monkeypatch):
    data, weights = shipped
    tests, lines = array(data["test"]), code(site)
    assert len(lines.strip().splitlines()) == 8
    monkeypatch.chdir(tmp_path)
    for example in ("ten", "hundred"):
        play.click(f'[data-example="{example}"]')
        error, m = play.evaluate("[distil.current().error, distil.current().setting.m]")
        path = taken(play, "#distil-npz", tmp_path)
        assert path.name == f"distilled-{m}.npz"
        names = {"pixels": tests.reshape(len(tests), -1)}
        exec(lines.replace("distilled-10.npz", path.name), names)
        ridge = names["ridge"].coef_
        assert dl.recovery_error(weights, ridge) == pytest.approx(error, abs=1e-7)
        loaded = dl.DistilledSet.load(path)
        again = loaded.model().weights
        assert dl.recovery_error(weights, again) == pytest.approx(error, abs=1e-7)
        np.testing.assert_array_equal(names["answers"], loaded.predict(tests))
        table = taken(play, "#distil-csv", tmp_path)
        rows = np.loadtxt(table, delimiter=",", skiprows=2)
        np.testing.assert_array_equal(rows, np.hstack([loaded.labels, loaded.points]))
        first = table.read_text(encoding="utf-8").splitlines()[0]
        assert float(first.removeprefix("# lam_S = ")) == loaded.reg_s
    assert play.complaints == []


def test_without_scripts_there_is_a_picture_and_a_sentence(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "book" / "play.html").as_uri())
    assert page.locator("figure.distil-still img").is_visible()
    assert "scripts are switched off" in page.inner_text("figure.distil-still")
    assert page.locator(".distil").count() == 0
    context.close()


def test_every_control_is_named_and_reached_by_keyboard(play):
    unnamed = play.evaluate("""() => [...document.querySelectorAll(".distil :is(input, button, canvas):not([role=img] *)")]
      .filter((box) => !(box.labels?.length || box.getAttribute("aria-label") || box.textContent.trim()))
      .map((box) => box.id)""")
    assert unnamed == []
    play.focus("#distil-m")
    play.keyboard.press("ArrowRight")
    play.wait_for_function("distil.current().setting.m === 11")
    play.keyboard.press("Tab")
    play.keyboard.press("ArrowRight")
    play.wait_for_function("distil.current().setting.start === 'real'")
    play.click('[data-example="ten"]')
    play.focus("#distil-reg")
    for keys, reg in ((["ArrowRight"] * 3, 0.1), (["PageUp"] * 2, 10), (["PageDown"], 1)):
        for key in keys:
            play.keyboard.press(key)
        play.wait_for_function(f"distil.current().setting.regS === {reg}")
        assert play.input_value("#distil-reg") == str(REGS.index(reg))
        side = "is above it" if reg > 5 else "is within it"
        play.wait_for_selector(f"[data-value=side]:has-text('{side}')")
