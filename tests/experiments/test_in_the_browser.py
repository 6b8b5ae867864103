"""The data of the page "Distil in your browser"."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers import at_hand

from distill_lib import paper
from distill_lib.companion.root import project_root
from distill_lib.companion.site.live.data import DATA as SMALL
from distill_lib.companion.site.play import DATA
from distill_lib.data import load
from distill_lib.experiments.in_the_browser import array, content, small

ARRAYS = ("weights", "real", "test", "test_labels")


def test_the_model_and_the_images_are_those_of_the_data_set():
    data = load("digits")
    made = json.loads(json.dumps(content(data, rounds=3, tests=2), allow_nan=False))
    model = paper.original_model(data, "linear", seed=0, refit=True)
    np.testing.assert_array_equal(array(made["weights"]), model.weights)
    assert made["accuracy"] == model.accuracy(data.x_test, data.y_test)
    assert made["samples"] == len(data.y_train)
    real = array(made["real"])
    assert real.shape == (30, 8, 8, 1)
    rows = {image.tobytes(): label for image, label in zip(data.x_train, data.y_train, strict=True)}
    assert [rows[image.tobytes()] for image in real] == list(range(10)) * 3
    tests = {image.tobytes(): label for image, label in zip(data.x_test, data.y_test, strict=True)}
    labels = array(made["test_labels"]).tolist()
    assert [tests[image.tobytes()] for image in array(made["test"])] == labels
    assert sorted(labels) == sorted(list(range(10)) * 2)
    norm = paper.normalisation(data.info)
    assert (made["mean"], made["std"]) == (list(norm.mean), list(norm.std))


def test_more_images_than_there_are_is_refused():
    with pytest.raises(ValueError, match="smallest class has"):
        content(load("digits"), rounds=1000)


def test_the_committed_data_are_made_by_this_code():
    data = at_hand("mnist")
    made = content(data)
    kept = json.loads((project_root() / DATA).read_text(encoding="utf-8"))
    assert kept["provenance"]["digest"] == data.info.digest
    for name in ARRAYS:
        np.testing.assert_allclose(array(kept[name]), array(made[name]), rtol=1e-8, atol=1e-12)
    for name in kept.keys() - {*ARRAYS, "provenance"}:
        assert kept[name] == made[name], name


def test_the_committed_digits_are_made_by_this_code():
    data = load("digits")
    made = small(data, counts=(5, 40))
    kept = json.loads((project_root() / SMALL).read_text(encoding="utf-8"))
    curves, at = kept.pop("curves"), made.pop("curves")
    assert made == kept
    assert curves["m"] == list(range(1, 101))
    for name in ("labels", "points"):
        np.testing.assert_allclose(
            at[name], [curves[name][m - 1] for m in (5, 40)], rtol=1e-3, atol=1e-12
        )
    np.testing.assert_allclose(at["nearest"], [curves["nearest"][40 - 10]], rtol=1e-3)
    assert len(curves["nearest"]) == 64 - 10 + 1
    images = np.array([[int(c, 36) for c in image] for image in made["images"]])
    rows = {image.tobytes(): label for image, label in zip(data.x_train, data.y_train, strict=True)}
    found = [rows[image.astype("u1").tobytes()] for image in images]
    assert "".join(map(str, found)) == made["labels"]
    assert found[:20] == list(range(10)) * 2


def test_a_set_that_no_small_page_holds_is_refused():
    data = load("digits")
    wide = replace(data, info=replace(data.info, pixel_max=255))
    with pytest.raises(ValueError, match="pixels up to 255"):
        small(wide)
