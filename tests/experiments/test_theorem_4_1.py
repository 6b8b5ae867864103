"""The table under Figure 1, on the digits."""

from distill_lib.data import load
from distill_lib.experiments import theorem_4_1


def test_one_point_for_each_class_carries_the_model_in_each_precision():
    data = load("digits")
    images, row = theorem_4_1.figure_1(data)
    assert images.shape == (10, *data.info.shape)
    assert row["error float64"] < 1e-12 < row["error float32"] < 1e-2
    assert row["agreement float64"] == 1
    assert row["distilled"] == row["original"] > 0.9
    assert {name.removeprefix("digits_") for name in theorem_4_1.values(row)} == {
        "points", "error_float64", "error_float32", "original", "distilled",
    }  # fmt: skip
