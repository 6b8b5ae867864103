"""What the page on Section 5.2 computes: bounds that are attained, and records that follow from
what was found.
"""

import jax
import numpy as np
import pytest

import distill_lib as dl
from distill_lib.experiments import theorem_5_3
from distill_lib.theory.closed_form import recovery_error


@pytest.mark.parametrize("m", [1, 2, 3, 5, 12])
def test_a_set_attains_the_bound_for_every_number_of_points(m):
    """||W_S - W||^2 = ||W (I - Pi)||^2 + sum_{i > m} sigma_i(W Pi)^2."""
    phi = dl.DeepLinear.random(jax.random.key(0), (6, 9, 9))
    g, w = np.asarray(phi.matrix), np.random.default_rng(0).normal(size=(3, 9))
    inside = w @ g @ np.linalg.pinv(g)
    rest = np.linalg.svd(inside, compute_uv=False)[m:]
    bound = np.linalg.norm(w - inside) ** 2 + np.sum(rest**2)
    w_s = theorem_5_3.attained(w, phi, np.linalg.pinv(g), m, jax.random.key(1))
    assert np.linalg.norm(w_s - w) ** 2 == pytest.approx(bound, rel=1e-10)


@pytest.mark.parametrize("rank", [6, 4])
def test_a_trained_model_lies_in_the_range_and_a_random_one_does_not(rank):
    g, models = theorem_5_3.small_models(np.random.default_rng(0), 6, 10, 3, rank)
    outside = {name: recovery_error(w, w @ g @ np.linalg.pinv(g)) for name, w in models.items()}
    assert np.linalg.matrix_rank(g) == rank
    assert outside["trained"] < 1e-10 < 0.1 < outside["random"]


def test_the_digits_are_carried_by_k_points_when_trained():
    found = theorem_5_3.deep_linear("digits")
    k = found["record"]["points"]
    for row in found["curve"]:
        inside = row["m"] >= k
        assert (row["answers"] < 1e-10) == inside
        assert (row["weights"] < 1e-10) == (inside and row["W"] == "trained")
    assert found["record"]["distilled"] == found["record"]["original"]


def test_fewer_points_than_the_count_carry_no_random_model():
    name = "random Fourier features, p = 12"
    assert min(theorem_5_3.least_errors(name, 3, 1)) > 1e-3
    assert max(theorem_5_3.least_errors(name, 5, 1)) < theorem_5_3.CARRIED


def test_rows_follow_from_what_was_found():
    found = {name: {3: [1.0, 1.0], 5: [1e-12, 1.0]} for name in theorem_5_3.FAMILIES}
    end = theorem_5_3.Descent(np.zeros((10, 8, 8, 1)), 7, 1e-15, 0.2, 1.0)
    digits = theorem_5_3.FromDigits(np.zeros((10, 8, 8, 1)), 0.5, {50: end})
    rows, values = theorem_5_3.recorded({}, found, {3: 0.0, 4: 0.5}, digits)
    assert [row["measured"] for row in rows] == [1e-15, 0, 50, 0, 50]
    assert values["network_first"] == values["fourier_first"] == 5
    assert values["planted_4"] == (50, "{:.0f} %")
    assert {row["by the count"] for row in theorem_5_3.count_rows(found)} == {
        "impossible",
        "possible",
    }
