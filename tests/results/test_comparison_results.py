"""What the comparison chapter measured on the digits: every method does more than real images, in
the model that it is for.
"""

import pytest
from recorded import fresh

MARGIN = 5.0  # points of test accuracy above the random subset of the same size, in the same model
METHODS = {
    "closed form, linear", "nearest set", "closed form, FCNN", "exact KIP, FCNN",
    "KIP fixed", "KIP learned", "label solve", "RFAD",
}  # fmt: skip


@pytest.fixture(scope="module")
def content():
    return fresh("comparison")


@pytest.fixture(scope="module")
def cells(content):
    return {
        (row["method"], row["model"]): row
        for row in content["rows"]
        if row["quantity"] == "accuracy"
    }


def test_every_method_beats_the_random_subset_at_home(cells):
    home = {method: model for (method, model), row in cells.items() if row["home"]}
    assert set(home) == METHODS
    for method, model in home.items():
        subset = cells["random subset", model]
        assert cells[method, model]["measured"] >= subset["measured"] + MARGIN, (method, model)


def test_every_set_was_evaluated_in_every_model(cells):
    methods, models = {m for m, _ in cells}, {m for _, m in cells} - {"finite ConvNet"}
    assert methods == METHODS | {"random subset"}
    assert len(models) == 6
    assert {(a, b) for a in methods for b in models} <= set(cells)
    assert all(0 <= row["measured"] <= 100 for row in cells.values())


def test_the_trained_networks_have_several_seeds(cells):
    trained = [row for (_, model), row in cells.items() if model == "finite ConvNet"]
    assert len(trained) >= 5
    assert all(row["seeds"] >= 3 and row["spread"] is not None for row in trained)


def test_sets_near_images_travel_and_sets_from_noise_do_not(cells):
    for model in ("FC NNGP", "FC NTK", "Conv NTK", "ConvNet NNGP"):
        subset = cells["random subset", model]["measured"]
        assert cells["nearest set", model]["measured"] > subset + 2, model
        assert cells["closed form, FCNN", model]["measured"] < subset - 30, model


def test_the_linear_reading_is_at_the_ridge_parameter_of_the_table(cells, content):
    values = content["values"]
    for method in ("closed form, linear", "nearest set"):
        for model in ("FCNN", "FC NNGP", "FC NTK"):
            name = f"{method}_{model}_kernel".replace(",", "").replace(" ", "_")
            assert values[name]["number"] == pytest.approx(
                cells[method, model]["measured"], abs=0.3
            ), name


def test_the_random_subset_is_several_draws(cells):
    rows = [
        row
        for (method, model), row in cells.items()
        if method == "random subset" and model != "finite ConvNet"
    ]
    assert all(row["seeds"] >= 5 and 0 < row["spread"] < 15 for row in rows)


def test_the_linear_reading_is_recorded_where_it_is_a_ridge_regression(content):
    values = content["values"]
    read = {
        (row["method"], row["model"]): row["measured"]
        for row in content["rows"]
        if row["quantity"] == "correlation with linear reading"
    }
    for model in ("FC_NNGP", "FC_NTK"):
        assert values[f"closed_form_linear_{model}_negative"]["number"] == 0
        assert read["closed form, linear", model.replace("_", " ")] > 0.5
    # Images differ in length, and e(x_j, x_j) has both signs on them; lam_S may still outweigh it.
    assert 0 < values["random_subset_FC_NNGP_negative"]["number"] < 100
    on_images = [
        value
        for (method, model), value in read.items()
        if model != "FCNN" and "closed form" not in method
    ]
    assert len(on_images) >= 2
    assert min(on_images) > 0.9


def test_every_method_has_its_memory(content):
    memory = {
        row["method"]: row["measured"] for row in content["rows"] if row["quantity"] == "memory"
    }
    assert set(memory) == METHODS
    assert all(number > 0 for number in memory.values())
