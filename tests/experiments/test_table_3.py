"""Table 3 from runs: of the digits by one of them, and by runs whose numbers are known."""

import numpy as np
import pytest

from distill_lib import paper
from distill_lib.data import load
from distill_lib.experiments import table_3
from distill_lib.experiments.table_3 import Table, keys, one_run

IPCS, SEEDS = (1, 2), (0, 1)


def planted(key):
    """A run whose numbers name it; one in single precision is refused."""
    _, kind, seed, dtype = key
    size = 1e-12 if dtype == "float64" else 1e-4
    run = {"original": 0.5 + 0.25 * seed, "reg": 1.0, "ipc": {}}
    if (kind, seed, dtype) == ("rff", 1, "float32"):
        return run | {"refused": "singular"}
    for ipc in IPCS:
        one = {"accuracy": 0.5 + 0.25 * seed - 0.01 * ipc, "agreement": 1 - 0.1 * ipc - 0.05 * seed}
        one |= {"error": size * (1 + seed) * ipc, "one_minus_cosine": (size * ipc) ** 2}
        run["ipc"][str(ipc)] = one
    return run


@pytest.fixture(scope="module")
def of():
    data = {"digits": load("digits")}
    return Table(data, IPCS, SEEDS, {key: planted(key) for key in keys(list(data), SEEDS)})


def test_a_set_of_the_digits_is_as_good_as_its_model_and_gives_its_answers():
    run = one_run(load("digits"), "linear", 0, "float64", (1, 2), 80.0)
    assert run["original"] > 0.9
    for one in run["ipc"].values():
        assert one["accuracy"] == run["original"]
        assert (one["agreement"], one["error"] < 1e-9, one["one_minus_cosine"] < 1e-12) == (1, 1, 1)


def test_a_refusal_is_kept_in_single_precision_and_raised_in_double(monkeypatch):
    def refuse(*_, **__):
        raise ValueError("too near to singular")

    monkeypatch.setattr(table_3, "distill", refuse)
    run = one_run(load("digits"), "linear", 0, "float32", (1, 2), 80.0)
    assert (run["refused"], run["ipc"]) == ("too near to singular", {})
    with pytest.raises(ValueError, match="too near"):
        one_run(load("digits"), "linear", 0, "float64", (1, 2), 80.0)


def test_the_worst_of_the_seeds_is_shown_without_what_was_refused(of):
    assert of.exactness("digits", "linear", 2, "float32") == {
        "relative error": 4e-4, "1 - cosine": (2e-4) ** 2, "same answers": pytest.approx(0.75)
    }  # fmt: skip
    assert of.exactness("digits", "rff", 2, "float32")["relative error"] == 2e-4
    assert of.refused() == {("digits", "rff", 1, "float32"): "singular"}


def test_the_papers_accuracy_stands_beside_ours(of):
    original, one, _two = of.accuracy_rows({("digits", 1, "linear"): 61.0})
    title = paper.KINDS["linear"]
    assert (original["model"], original[title]) == ("original", "62.50 ± 12.50")
    assert (one["model"], one[title], one[f"{title}, paper"]) == ("IPC 1", "61.50 ± 12.50", "61.00")
    assert [name for name in original if name.endswith("paper")] == []


def test_what_is_recorded(of):
    rows, values = of.recorded()
    count = len(paper.KINDS) * (1 + len(IPCS) + 2 * 2 * len(IPCS))
    assert len(rows) == len({tuple(sorted(map(str, row.items()))) for row in rows}) == count
    assert (values["refused"][0], values["single"][0]) == (1, len(paper.KINDS) * len(SEEDS))
    assert np.isclose(values["digits_linear_change"][0], 2)
    assert values["digits_linear_error_float32"][0] == 4e-4
    assert np.isclose(values["digits_rff_agreement_float64"][0], 75)
    assert set(of.exact_rows()) == {
        (of.sets["digits"].info.title, title, ipc) for title in paper.KINDS.values() for ipc in IPCS
    }
