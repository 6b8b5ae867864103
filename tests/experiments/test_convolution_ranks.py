"""What the page on convolutions computes: which of them are inverted, and condition numbers."""

import jax.numpy as jnp
import numpy as np
import pytest

from distill_lib.experiments import convolution
from distill_lib.features.convolution import convolution_matrix


def test_layers_are_inverted_when_their_rows_are_independent():
    rows = convolution.layer_ranks(np.random.default_rng(0))
    assert {row["inverse"] for row in rows} == {"inverted", "refused"}
    assert all(row["outputs"] <= row["inputs"] for row in rows)


@pytest.mark.parametrize(("case", "padding"), [(0, "SAME"), (1, "VALID")])
def test_condition_numbers_are_those_of_the_matrices(case, padding):
    taps = np.random.default_rng(0).normal(size=(2, 3, 3))
    found = convolution.conditions(taps, 5)[:, case]
    for one, condition in zip(taps, found, strict=True):
        matrix = convolution_matrix(jnp.asarray(one[None, None]), 5, 5, 1, padding).toarray()
        s = np.linalg.svd(matrix, compute_uv=False)
        assert condition == pytest.approx(s[0] / s[-1])


def test_medians_are_recorded():
    measured = np.arange(18.0).reshape(2, 3, 3)
    rows, values = convolution.recorded([4, 9], measured)
    assert len(rows) == 6
    assert values["most_side"] == 9
    assert values["least_zeros_condition"][0] == 3
    assert values["most_periodic_condition"][0] == 14
