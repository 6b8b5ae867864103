"""The tables of the page on intercepts, on the digits."""

from distill_lib.data import load
from distill_lib.experiments import intercept

DIGITS = load("digits")


def test_a_few_images_with_class_labels_are_scikit_learns_fit_of_all():
    rows = intercept.table(DIGITS, [("scaled", 10.0), ("stored", 1.0)])
    assert [row["set"] for row in rows[:3]] == [
        "one each, largest alpha", "all defaults", "one each, weighted",
    ]  # fmt: skip
    for row in rows:
        assert row["error of coef_"] < 1e-12
        assert row["error of intercept_"] < 1e-12
        assert row["other answers"] == 0
        assert row["accuracy"] == row["original accuracy"] > 0.9
        # As many as alpha = 1 asks for, and not one of each class more.
        assert (row["per class"] - 1) * row["bound"] < 1 <= row["per class"] * row["bound"]
    named = intercept.values(rows)
    assert named["scaled_stronger_images"][0] == 10 * rows[0]["per class"] > 10
    assert named["stored_images"][0] == 10
    recorded = intercept.recorded("digits", rows)
    assert len({(row["model"], row["method"], row["quantity"]) for row in recorded}) == 12


def test_the_nearest_set_is_far_nearer_than_class_labels_allow():
    images, rows = intercept.near_real(DIGITS, 3)
    assert [x.shape for x in images.values()] == [(30, 64)] * 3
    assert all(row["error of coef_"] < 1e-9 for row in rows)
    own, plain = (row["distance"] for row in rows)
    assert own < plain / 2
    assert intercept.values_near(rows)["own_distance"][0] == own


def test_unequal_classes_move_the_mean_and_shares_do_not():
    rows = intercept.unbalanced(DIGITS, 10)
    moved = {(row["original"], row["the few count"]): row["mean moved"] for row in rows}
    assert moved["plain", "alike"] > 0.01
    assert all(value < 1e-12 for of, value in moved.items() if of != ("plain", "alike"))
    assert all(row["error of coef_"] < 1e-12 for row in rows)
    assert intercept.values_unbalanced(rows)["moved_plain_alike"][0] == moved["plain", "alike"]
