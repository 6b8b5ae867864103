"""The ready sets are what their index says, small enough, and made by the recipes that are listed."""

import json

import numpy as np
import pytest
from helpers import at_hand
from sklearn.linear_model import RidgeClassifier

import distill_lib as dl
from distill_lib.companion.root import project_root
from distill_lib.companion.site.ready import HEADLINE, OFFERED, STATIC
from distill_lib.experiments import ready_sets
from distill_lib.sets import ready

INDEX = ready.index()


def test_the_sets_are_those_of_the_recipes_and_small():
    assert list(INDEX) == [name for name in ready_sets.recipes() if name in INDEX]
    assert {*INDEX} == {path.stem for path in ready.FOLDER.glob("*.npz")}
    assert sum(path.stat().st_size for path in ready.FOLDER.iterdir()) <= ready_sets.LARGEST
    for name, told in INDEX.items():
        recipe = ready_sets.recipes()[name]["recipe"]
        asked = told["provenance"]["making"]["recipe"]
        assert asked == json.loads(json.dumps(asked | vars(recipe))), name


@pytest.mark.parametrize("name", INDEX)
def test_a_ready_set_trains_to_the_accuracy_that_is_listed(name):
    data = at_hand(ready_sets.recipes()[name]["data"])
    small, told = dl.released(name), INDEX[name]
    assert len(small.points) == int(name.rsplit("-", 1)[1])
    assert small.provenance["making"]["rows"] == len(data.y_train)
    assert told["made"]["digest"] == data.info.digest
    found = small.accuracy(data.x_test, data.y_test)
    assert abs(found - told["measured"]["accuracy"]) < 2 / len(data.y_test)
    assert told["measured"]["recovery error"] < (1e-9 if told["dtype"] == "float64" else 1e-2)


@pytest.mark.parametrize("count", [10, 30])
def test_the_class_labelled_digits_are_scikit_learns_model_of_all(count):
    data, small = at_hand("digits"), dl.released(f"digits-intercept-{count}")
    x, labels = data.x_train.reshape(len(data.x_train), -1) / 16, np.asarray(small.labels).argmax(1)
    few = RidgeClassifier(small.reg_s).fit(np.asarray(small.points), labels)
    whole = RidgeClassifier(INDEX[f"digits-intercept-{count}"]["provenance"]["making"]["lam"])
    np.testing.assert_allclose(few.coef_, whole.fit(x, data.y_train).coef_, atol=1e-10)
    assert small.reg_s == 1 or count == 10  # all defaults of scikit-learn


def test_an_unknown_name_lists_the_known_ones_and_a_changed_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"no ready set 'mnist'; there are digits-linear-10, "):
        dl.released("mnist")
    (tmp_path / "digits-linear-10.npz").write_bytes(b"PK\3\4 changed")
    monkeypatch.setattr(ready, "FOLDER", tmp_path)
    monkeypatch.setattr(ready, "index", lambda: INDEX)
    with pytest.raises(ValueError, match="is not the file that was released"):
        dl.released("digits-linear-10")


@pytest.mark.parametrize("kind", ["network", "fourier"])
def test_a_map_of_a_seed_is_the_same_for_ever(kind):
    phi = ready.seeded_map(kind, 3, seed=5)
    first = phi.weights[0] if kind == "network" else phi.frequencies
    scale = np.sqrt(3) if kind == "network" else np.sqrt(1000)
    np.testing.assert_allclose(scale * first[0], [0.44122749, -0.33087015, 2.43077119], atol=1e-8)
    with pytest.raises(ValueError, match="the map 'deep' is unknown"):
        ready.seeded_map("deep", 3)


def test_the_headline_holds_as_recorded():
    rows = json.loads((project_root() / HEADLINE).read_text(encoding="utf-8"))["rows"]
    assert {(row["data"], row["images"]) for row in rows} == {
        (data, count) for data in ("MNIST", "Fashion-MNIST") for count in (10, 30)
    }
    for row in rows:
        assert row["other answers"] == 0
        assert max(row["error of coef_"], row["error of intercept_"]) < 1e-10
        assert (row["alpha"] == 1) == (row["images"] == 30)


def test_what_the_page_offers_is_there():
    folder = project_root() / STATIC
    assert {path.name for path in folder.iterdir()} == {
        *(f"{name}.png" for name in INDEX),
        *(f"{name}.{ending}" for name in OFFERED for ending in ("npz", "json")),
    }
