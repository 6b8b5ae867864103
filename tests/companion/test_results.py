import json

import jax.numpy as jnp
import numpy as np
import pytest
from messages import each
from projects import make_project

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.numbers import results as results_module
from distill_lib.companion.numbers.results import Results
from distill_lib.companion.numbers.stored import (
    BENCHMARK,
    PIECE,
    RUN,
    load_profile_results,
    read_results,
)

ROW = {
    "table": "3",
    "dataset": "mnist",
    "model": "linear",
    "quantity": "accuracy",
    "measured": 86.4,
    "unit": "%",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path))
    return tmp_path


def test_saved_results_are_read_back_with_their_provenance(folder, monkeypatch):
    monkeypatch.setenv("DISTILL_PARAMETERS", '{"n": 3}')
    results = Results("table_3", "tiny")
    results.add(**ROW, ipc=1, spread=np.float32(0.5), seeds=3, reg=jnp.asarray([1.0, 2.0]))
    results.add(**ROW)
    results.value("ratio", jnp.asarray(0.1875), "{:.2f}")
    results.data(type("Info", (), {"name": "mnist", "digest": "abc", "content": "a copy"}))
    path = results.save()
    assert path == folder / "results" / "table_3.json"
    content = read_results(path)
    assert content["rows"][0] == {
        **ROW,
        "ipc": 1,
        "method": None,
        "spread": 0.5,
        "seeds": 3,
        "reg": [1.0, 2.0],
    }
    assert content["rows"][1]["ipc"] is None
    assert content["values"] == {"ratio": {"number": 0.1875, "text": "0.19"}}
    made = content["provenance"]
    assert made["parameters"] == {"n": 3}
    assert (made["data"], made["content"]) == ({"mnist": "abc"}, {"mnist": "a copy"})
    assert made["device"]["platform"] == "cpu"
    assert made["versions"]["jax"]
    assert made["seconds"] >= 0
    assert {"commit", "dirty", "date"} <= set(made)


def test_without_a_runner_the_results_lie_in_the_build_folder(tmp_path, monkeypatch):
    root = make_project(tmp_path / "p", {"a": {}})
    monkeypatch.chdir(root / "notebooks")
    results = Results("a", "tiny")
    results.value("two", 2)
    assert results.save() == root / "_build" / "tiny" / "results" / "a.json"
    assert load_profile_results(root, "tiny", fresh=True) == {"a": {"two": "2"}}
    assert load_profile_results(root, "tiny", fresh=False) == {}


NAN, INFINITY = float("nan"), float("inf")
CELL = "3/mnist/None/linear/None/accuracy"
WRONG = {
    "a measurement of NaN": (lambda results: results.add(**ROW | {"measured": NAN}), f"{CELL} is .* not a finite number"),
    "an infinite measurement": (lambda results: results.add(**ROW | {"measured": INFINITY}), f"{CELL} is .* not a finite number"),
    "a value of NaN": (lambda results: results.value("x", NAN), "x is .* not a finite number"),
    "an infinite value": (lambda results: results.value("x", INFINITY), "x is .* not a finite number"),
    "a column with NaN": (lambda results: results.add(**ROW, reg=[1.0, NAN]), r"results: reg of 3/mnist/None/.* is not finite"),
    "a cell twice": (lambda results: results.add(**ROW, ipc=1), "cell 3/mnist/1/linear/None/accuracy has been recorded already"),
    "a name twice": (lambda results: results.value("ratio", 2), "'ratio' has been recorded already"),
    **{
        f"a name, {name}": (lambda results, name=name: results.value(name, 1), f"'{name}' cannot be used in the prose")
        for name in ("two words", "1st", "items", "class")
    },
}  # fmt: skip


@each(WRONG)
def test_what_cannot_be_recorded_is_refused_by_name(folder, wrong, words):
    results = Results("a", "tiny")
    results.add(**ROW, ipc=1)
    results.add(**ROW, ipc=10)
    results.value("ratio", 1)
    with pytest.raises(ValueError, match=words):
        wrong(results)


def test_a_piece_keeps_what_json_does_not_have(folder, monkeypatch):
    monkeypatch.setenv("DISTILL_FINGERPRINT", "a" * 64)
    values = [
        Results("a", "tiny").cached("x", lambda: np.array([np.nan, np.inf, 0.1])) for _ in range(2)
    ]
    assert repr(values) == repr([[float("nan"), float("inf"), 0.1]] * 2)
    (path,) = folder.rglob("*.json")
    json.loads(path.read_text(), parse_constant=pytest.fail)  # no NaN, which is not JSON


def test_what_an_experiment_found_is_taken_as_rows_and_numbers(folder):
    one, other = Results("a", "tiny"), Results("a", "tiny")
    one.take([{**ROW, "ipc": 1}], {"x": 1, "y": (0.5, "{:.2f}")})
    other.add(**ROW, ipc=1)
    other.value("x", 1)
    other.value("y", 0.5, "{:.2f}")
    assert read_results(one.save())["rows"] == read_results(other.save())["rows"]
    assert (
        one._values
        == other._values
        == {
            "x": {"number": 1, "text": "1"},
            "y": {"number": 0.5, "text": "0.50"},
        }
    )


def test_a_finished_piece_is_reused_under_the_same_fingerprint_only(folder, monkeypatch):
    calls = []

    def compute(x):
        calls.append(x)
        return {"x": np.float64(x), "list": (1, 2)}

    def piece():
        return Results("a", "tiny").cached("mnist/linear/0", compute, 3)

    expected = {"x": 3.0, "list": [1, 2]}
    assert [piece(), piece()] == [expected, expected]
    assert len(calls) == 2  # no fingerprint, no reuse
    monkeypatch.setenv("DISTILL_FINGERPRINT", "a" * 64)
    assert [piece(), piece()] == [expected, expected]
    assert len(calls) == 3
    monkeypatch.setenv("DISTILL_FINGERPRINT", "b" * 64)
    assert piece() == expected
    assert len(calls) == 4


def test_pieces_of_another_device_are_told_apart(folder, monkeypatch):
    monkeypatch.setenv("DISTILL_FINGERPRINT", "a" * 64)
    device = {"platform": "gpu", "kind": "first", "cpus": 1}
    monkeypatch.setattr(results_module.provenance, "device", lambda: device)
    Results("a", "tiny").cached("x", lambda: 1)
    assert read_results(Results("a", "tiny").save())["provenance"]["device"] == device
    device = device | {"kind": "second"}
    results = Results("a", "tiny")
    results.cached("x", lambda: 1)
    assert read_results(results.save())["provenance"]["device"] == device | {
        "pieces_from": ["first"]
    }


def test_a_checkpoint_lies_among_the_pieces_of_its_fingerprint(folder, monkeypatch):
    monkeypatch.delenv("DISTILL_FINGERPRINT", raising=False)
    assert Results("n", "tiny").checkpoint("a/b") is None
    monkeypatch.setenv("DISTILL_FINGERPRINT", "f" * 64)
    path = Results("n", "tiny").checkpoint("a/b")
    assert path.parent == folder / "pieces" / ("f" * 16)
    assert path.suffix == ".npz"
    assert path != Results("n", "tiny").checkpoint("a_b")


def test_keys_that_look_alike_in_a_file_name_are_different_pieces(folder, monkeypatch):
    monkeypatch.setenv("DISTILL_FINGERPRINT", "a" * 64)
    results = Results("a", "tiny")
    assert [results.cached(key, lambda key=key: key) for key in ("a/b", "a_b", "a b")] == [
        "a/b",
        "a_b",
        "a b",
    ]


def test_a_piece_that_fails_leaves_nothing_behind(folder, monkeypatch):
    monkeypatch.setenv("DISTILL_FINGERPRINT", "a" * 64)
    results = Results("a", "tiny")
    with pytest.raises(TypeError, match="not object"):
        results.cached("x", object)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (None, RUN, "no results at .*: run the notebook first"),
        (None, PIECE, "no results at .*: measure the piece first"),
        ("{", RUN, "is not valid JSON"),
        ('{"rows": []}', RUN, "lacks notebook, profile, provenance, values: delete it and run the notebook again"),
        ('{"rows": []}', PIECE, "lacks piece, provenance, settings: delete it and measure the piece again"),
        ('{"rows": []}', BENCHMARK, "lacks measured, provenance, settings: delete it and run the benchmark again"),
        ("[]", BENCHMARK, "lacks measured, provenance, settings"),
        ('{"settings": {}, "measured": {}, "provenance": []}', BENCHMARK, "lacks provenance"),
        ('{"notebook": "table_3", "profile": "digits", "rows": [], "values": {}, "provenance": []}', RUN, "lacks provenance:"),
    ],
)  # fmt: skip
def test_an_unusable_file_is_named(tmp_path, text, kind, message):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CompanionError, match=message) as caught:
        read_results(path, kind)
    assert str(path) in str(caught.value)
