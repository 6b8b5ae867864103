"""Sets near real digits: which construction is nearer, and what it costs."""

import jax.numpy as jnp
import numpy as np
import pytest

from distill_lib.data import load
from distill_lib.experiments import corollary_4_1_1


@pytest.fixture(scope="module")
def at():
    return corollary_4_1_1.samples(load("digits"))


def test_the_best_labels_are_best():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(4, 6)))
    for _ in range(20):
        one_hot, model, best = corollary_4_1_1.label_distances(
            jnp.asarray(rng.normal(size=(2, 6))), x
        )
        assert best <= min(one_hot, model) * (1 + 1e-9)


def test_the_nearest_set_is_nearer_and_worse_conditioned(at):
    row = corollary_4_1_1.at_m(at, 20)
    assert row["rank"] == row["m"] == 20
    assert row["distance nearest"] < row["distance real"]
    assert row["condition nearest"] > row["condition real"]
    assert row["off the tail"] < 1e-12
    for start in ("real", "nearest"):
        assert row[f"bound {start}"] <= row[f"condition {start}"]
        assert row[f"float64 {start}"] < 1e-10 < row[f"float32 {start}"]
    values = corollary_4_1_1.values_along_m([row])
    assert values["largest_condition"][0] == row["condition nearest"]


def test_three_sets_of_one_size_carry_the_model_and_are_recorded(at):
    made = corollary_4_1_1.figure_2(at, 2)
    assert made.images.keys() == made.notes.keys() == {"samples", *corollary_4_1_1.STARTS}
    assert made.facts["nearest"]["distance"] < made.facts["real"]["distance"]
    rows, values = corollary_4_1_1.recorded("digits", 2, made)
    assert [row["method"] for row in rows] == list(corollary_4_1_1.STARTS)
    assert all(row["same_predictions"] == 1 for row in rows)
    ratio = corollary_4_1_1.summary(made)["times nearer"]
    assert values["digits_2_ratio"][0] == pytest.approx(ratio)
    assert ratio > 1
