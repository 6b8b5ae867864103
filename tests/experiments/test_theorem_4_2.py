"""Labels alone on the digits: the properties that the page on Theorem 4.2 speaks of."""

import numpy as np
import pytest

from distill_lib.data import load
from distill_lib.experiments import theorem_4_2


@pytest.fixture(scope="module")
def at():
    return theorem_4_2.setting(load("digits"))


def test_the_prediction_is_isotropic_for_equal_eigenvalues_and_zero_from_the_rank_on(at):
    rng = np.random.default_rng(0)
    w, vectors = rng.normal(size=(3, 8)), np.linalg.qr(rng.normal(size=(8, 8)))[0]
    for m in (1, 4, 7):
        found = theorem_4_2.predicted_error(w, np.full(8, 5.0), vectors, m)
        assert found == pytest.approx(np.sqrt(1 - m / 8), rel=1e-9)
    assert theorem_4_2.predicted_error(w, np.array([3, 2, 1, 0, 0, 0, 0, 0.0]), vectors, 3) == 0
    errors = [theorem_4_2.predicted_error(at.weights, at.values, at.vectors, m) for m in (10, 30)]
    assert 0 < errors[1] < errors[0] < 1


def test_the_second_moment_is_that_of_all_images(at):
    """And its rank the number of independent samples that carry the model."""
    x = np.asarray(at.model.normalisation(at.data.x_train))
    moment = (at.vectors * at.values) @ at.vectors.T
    assert np.allclose(moment, x.T @ x / len(x), atol=1e-9 * at.values[0])
    count = int(np.sum(at.values > theorem_4_2.ROUNDING * at.values[0]))
    inside = at.vectors[:, :count]
    assert np.linalg.norm(at.weights - at.weights @ inside @ inside.T) < 1e-6


def test_labels_alone_err_as_the_projector_and_the_full_constructions_do_not(at):
    rows = theorem_4_2.along_m(at, 12, [0])
    assert [row["m"] for row in rows] == [10, 11, 12]
    for i, row in enumerate(rows):
        assert row["error"] == pytest.approx(row["projector"], rel=1e-6)
        assert row["error"] <= row["loss error"] * (1 + 1e-9)
        assert ("noise" in row) == ("nearest" in row) == (i % 2 == 0)
        assert max(row.get("noise", 0), row.get("nearest", 0)) < 1e-9 < row["error"]
    recorded = theorem_4_2.recorded("digits", rows, [0])
    assert [row["measured"] for row in recorded] == [row["error"] for row in rows]
    values = theorem_4_2.values(at, rows, [0])
    assert values["first_m"][0] == 10
    assert 0 < values["strong_share"][0] < 100
