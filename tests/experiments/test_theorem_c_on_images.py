"""Sets on which W answers its labels, and whether they carry W."""

import numpy as np
import pytest

from distill_lib.experiments.theorem_c import KINDS, pinv, recorded, sets, trained_error


@pytest.mark.parametrize("m", [3, 5, 8, 10])
def test_every_set_answers_the_labels_and_only_c_1_fails_to_carry_w_below_d_points(m):
    rng = np.random.default_rng(m)
    w, labels = rng.normal(size=(3, 8)), rng.normal(size=(3, m))
    made = sets(w, labels, rng)
    for points in made.values():
        assert np.allclose(w @ points, labels)
    errors = {kind: trained_error(points, labels, w) for kind, points in made.items()}
    assert max(errors["C.2"], errors["k ranks lost"]) < 1e-10
    assert (errors["C.1"] < 1e-10) == (m >= 8)


def test_the_error_is_that_of_training_by_its_definition():
    rng = np.random.default_rng(0)
    w, points, labels = (rng.normal(size=size) for size in ((2, 6), (6, 4), (2, 4)))
    by_definition = np.linalg.norm(labels @ pinv(points) - w) / np.linalg.norm(w)
    assert trained_error(points, labels, w) == pytest.approx(by_definition, rel=1e-9)


def test_a_row_is_recorded_for_each_set_and_number_of_points():
    curve = [{"m": m, **dict.fromkeys(KINDS, 0.5)} for m in (3, 6)]
    rows = recorded("digits", curve)
    assert [(row["method"], row["quantity"]) for row in rows] == [
        (kind, f"recovery error, m = {m}") for m in (3, 6) for kind in KINDS
    ]
