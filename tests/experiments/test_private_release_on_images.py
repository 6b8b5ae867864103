"""What the page on the private release computes: accuracies by epsilon, of four mechanisms."""

import numpy as np
import pytest

from distill_lib.experiments import privacy
from distill_lib.experiments import private_release as experiment


@pytest.fixture(scope="module")
def problem():
    return privacy.problem("digits")


@pytest.mark.parametrize("kind", experiment.KINDS)
def test_accuracies_of_every_release(problem, kind, monkeypatch):
    monkeypatch.setattr(experiment, "REGS", (0.003, 0.1))
    found = experiment.utility(problem, kind, [1, 10], 2)
    assert all(len(runs) == (1 if name == "non-private" else 2) for name, runs in found.items())
    assert found["non-private"][0] > 0.7
    assert ("statistics 10" in found) == (kind != "projection")
    if kind != "pixels":
        return
    assert {"replace-one 1", "weight 0.5 1", "weight 2 1"} < set(found)
    for method in experiment.METHODS:
        low, high = np.mean(found[f"{method} 1"]), np.mean(found[f"{method} 10"])
        assert 0.3 < low < high <= found["non-private"][0] + 0.02, method
    # Three pixels are always black, so AdaSSP only damps more.
    assert np.mean(found["statistics 1"]) > np.mean(found["AdaSSP 1"]) - 0.03


def test_rows_of_the_releases(problem):
    one = {"non-private": [0.9]}
    for eps in ("1", "10"):
        one |= {f"{method} {eps}": [0.7, 0.8] for method in experiment.METHODS}
    one |= {"output 1": [0.5, 0.5]}
    one |= {key: [0.6] for key in ("replace-one 1", "weight 0.5 1", "weight 2 1")}
    measured = dict.fromkeys(experiment.KINDS, one)
    rows, values = experiment.recorded(problem, measured, [1, 10], 2)
    assert len(rows) == 3 * len(one)
    curve = [row for row in rows if row["table"] == "accuracy_by_epsilon"]
    assert {(row["mechanism"], row["epsilon"]) for row in curve} == {
        (method, eps) for method in experiment.METHODS for eps in (1.0, 10.0)
    }
    assert curve[0]["measured"] == pytest.approx(75)
    assert values["output_gap"][0] == pytest.approx(25)
    assert values["black"] == 3
    assert values["network_without"] == (90, "{:.1f} %")
    assert experiment.variants(measured, 64)[0]["accuracy at epsilon = 1 (%)"] == "75.0 ± 5.0"
    assert experiment.beside(one, [1, 10])[0]["output *"] == "50.0 ± 0.0"
