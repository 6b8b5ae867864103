"""The drawings show what their theorems say, in their frame, and are told in words."""

import re
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_lib.companion.site.drawings import drawings, pen, spaces, trees
from distill_lib.engines.nodes import children, root

DRAWN = drawings()
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def tree(name):
    return ElementTree.fromstring(re.search(r"<svg.*</svg>", DRAWN[name])[0])


def corners(element):
    numbers = list(map(float, NUMBER.findall(element.attrib["points"])))
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def dots(name, kind):
    return [
        (float(dot.attrib["cx"]), float(dot.attrib["cy"]))
        for dot in tree(name).iter("circle")
        if dot.attrib.get("class") == kind
    ]


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_lies_in_its_frame_and_fits_a_phone(name):
    drawn = tree(name)
    left, top, width, height = map(float, drawn.attrib["viewBox"].split())
    assert (left, top, width) == (0, 0, pen.WIDTH)
    assert width <= 400
    points = [
        point for kind in ("polyline", "polygon") for e in drawn.iter(kind) for point in corners(e)
    ]
    points += [(float(e.attrib["x"]), float(e.attrib["y"])) for e in drawn.iter("text")]
    points += [(float(e.attrib["cx"]), float(e.attrib["cy"])) for e in drawn.iter("circle")]
    assert len(points) > 10
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_is_told_and_takes_its_colours_from_the_page(name):
    drawn = tree(name)
    title, told = drawn.find("title"), drawn.find("desc")
    assert drawn.attrib["role"] == "img"
    assert drawn.attrib["aria-labelledby"].split() == [title.attrib["id"], told.attrib["id"]]
    assert len(title.text) > 20
    assert len(told.text) > 60
    assert "\n" not in DRAWN[name]  # one block of HTML in a page
    painted = {key for e in drawn.iter() for key in e.attrib} & {"fill", "stroke", "style"}
    assert painted == set()
    outside = re.sub(r"var\(--sketch-\w+,#\w+\)", "", DRAWN[name])
    assert not re.findall(r"#[0-9a-f]{3,6}\b", outside)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_the_plane_is_turned_as_little_as_it_can_be(seed):
    rng = np.random.default_rng(seed)
    samples, row = rng.normal(size=(3, 2)), spaces.unit(rng.normal(size=3))
    points = spaces.nearest_points(samples, row)
    found = np.linalg.lstsq(points, row, rcond=None)[0]
    assert np.linalg.norm(points @ found - row) < 1e-6 * np.linalg.cond(points)
    outside = samples - np.outer(row, row @ samples)
    bound = np.linalg.svd(outside, compute_uv=False)[-1]
    assert np.isclose(np.linalg.norm(points - samples), bound)


def test_the_planes_meet_in_the_direction_that_stays():
    """Both sheets are drawn with one pair of sides in common."""
    first, second = (corners(e) for e in list(tree("plane").iter("polygon"))[:2])

    def side(sheet):
        return np.subtract(sheet[0], sheet[1])

    assert np.allclose(side(first), side(second), atol=0.3)


def test_the_roots_are_those_of_h():
    (low, level), (high, same) = dots("roots", "two")
    s = (np.array([low, high]) - 44) / 66
    assert level == same
    assert np.allclose(s / (s**2 + 1), (158 - level) / 240, atol=2e-3)
    assert np.isclose(s.prod(), 1, atol=5e-3)


def test_the_projection_is_at_a_right_angle_to_what_is_missing():
    vector, (first, second) = (
        np.array([1.3, -0.55, 1.3]),
        (spaces.unit([1, 0.15, 0]), spaces.unit([-0.15, 1, 0])),
    )
    part = (vector @ first) * first + (vector @ second) * second
    (dashed,) = (e for e in tree("projector").iter("polyline") if e.attrib.get("class") == "dashed")
    assert np.allclose(corners(dashed), [spaces.seen(vector), spaces.seen(part)], atol=0.06)
    assert abs((vector - part) @ part) < 1e-12


def test_the_masks_hold_as_many_entries_as_the_theorem_allows():
    k, m, d = 2, 5, 9
    left = {"full": [], "free": []}
    for cell in tree("masks").iter("polygon"):
        kind = "full" if "full" in cell.attrib["class"] else "free"
        left[kind].append(corners(cell)[0])
    held = [
        sum(26 + 117 * at <= x < 26 + 117 * (at + 1) for x, _ in left["full"]) for at in range(3)
    ]
    assert held == [d * (m - k), m * (m - k), m * m + (d - m) * (m - k)]
    assert held[2] == round(m * d * (1 - k / m * (1 - m / d)))
    rows = Counter(round(y) for x, y in left["free"] if x < 26 + 117)
    assert set(rows.values()) == {k}  # each pixel is free in k points


def test_rounding_moves_less_than_half_a_step_and_turns_by_more():
    (first, second), (third, fourth) = dots("rounding", "hollow"), dots("rounding", "one")
    assert (
        max(np.abs(np.subtract(first, third)).max(), np.abs(np.subtract(second, fourth)).max())
        <= 20
    )

    def angle(a, b):
        return np.degrees(np.arctan2(*np.subtract(b, a)[::-1]))

    assert abs(angle(first, second) - angle(third, fourth)) > 15


@pytest.mark.parametrize("count", [3, 5, 6])
def test_the_tree_joins_the_nodes_that_the_engines_add(count):
    drawn = ElementTree.fromstring(re.search(r"<svg.*</svg>", trees.added(count))[0])
    at = {}  # a node's place, by its name in its box
    for text in drawn.iter("text"):
        if found := re.fullmatch(r"\((\d+), (\d+)\)", "".join(text.itertext())):
            place = (float(text.attrib["x"]), float(text.attrib["y"]))
            at[tuple(map(int, found.groups()))] = place
    lines = [corners(e) for e in drawn.iter("polyline")]
    joined = {((a, round(b - 9)), (c, round(d + 19))) for (a, b), (c, d) in lines}
    wanted, open_nodes = set(), [root(count)]
    while open_nodes:
        node = open_nodes.pop()
        if node[0]:
            parts = children(node, count)
            wanted |= {(at[node], at[part]) for part in parts}
            open_nodes += parts
    assert joined == {(parent, part) for parent, part in wanted}
    assert len(lines) == 2 * (count - 1)


def test_signs_are_set_low_and_high_and_come_back_to_the_line():
    text = ElementTree.fromstring(pen.sign((0, 0), "W_S + x^{+2} a"))
    parts = [(e.text, e.attrib.get("dy")) for e in text]
    assert parts == [("W", None), ("S", "4"), (" + x", "-4"), ("+2", "-6"), (" a", "6")]
