"""The pictures of the structure are those of the code."""

import re
from graphlib import CycleError
from xml.etree import ElementTree

import pytest

import distill_lib as dl
from distill_lib.companion.site.rooms import Way, pictures, rooms, ways, ways_picture


def test_each_room_imports_from_those_below_it_alone_and_has_a_sentence():
    found = rooms()
    names = [room.name for room in found]
    assert {"theory", "ridge", "features", "kernels", "baselines", "experiments"} <= set(names)
    for i, room in enumerate(found):
        assert room.uses <= set(names[i + 1 :]), room.name
        assert 10 < len(room.about) < 80, room.name
    assert "boundary" in found[0].uses | found[1].uses
    assert found[-1].uses == frozenset()


@pytest.mark.parametrize("back", [False, True])
def test_the_rooms_of_any_package_are_read_from_its_imports(tmp_path, back):
    package = tmp_path / "some"
    (package / "low").mkdir(parents=True)
    package.joinpath("low", "__init__.py").write_text(
        '"""Low.\n\nMore."""\n' + "from some import high\n" * back
    )
    package.joinpath("low", "part.py").write_text("from some.low import other\nimport json\n")
    package.joinpath("high.py").write_text('"""High"""\nfrom some.low.part import x\n')
    package.joinpath("_private.py").write_text("from some import high\n")
    if back:
        with pytest.raises(CycleError):
            rooms(package)
        return
    high, low = rooms(package)
    assert (high.name, high.about, high.uses, high.files) == ("high", "High", {"low"}, 1)
    assert (low.name, low.about, low.uses, low.files) == ("low", "Low", frozenset(), 2)


def test_the_ways_are_those_of_the_annotations():
    found = ways()
    assert Way("fit", "images", "RidgeModel") in found
    assert Way("distill", "RidgeModel", "DistilledSet") in found
    assert Way("RidgePath.of", "RidgeStats", "RidgePath") in found
    assert Way("DistilledSet.model", "DistilledSet", "RidgeModel") in found
    for way in found:
        function = dl
        for part in way.name.split("."):
            function = getattr(function, part)
        assert callable(function)


def test_the_pictures_are_drawn_and_told():
    for name, picture in pictures().items():
        tree = ElementTree.fromstring(re.search(r"<svg.*</svg>", picture)[0])
        assert len(tree.attrib["aria-label"]) > 100, name
        x, y, width, height = map(float, tree.attrib["viewBox"].split())
        for box in tree.iter("rect"):
            assert x <= float(box.attrib["x"])
            assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
            assert y <= float(box.attrib["y"])
            assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height
        assert "\n" not in picture  # one block of HTML in a page
    drawn = ways_picture([Way("go", "images", "RidgeModel"), Way("back", "RidgeModel", "images")])
    assert drawn.count('class="way"') == 2
