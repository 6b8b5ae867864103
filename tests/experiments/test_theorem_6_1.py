"""What the page on Theorem 6.1 computes: one loss by two ways, what it can tell, what a step costs."""

import numpy as np
import pytest

from distill_lib.data import describe
from distill_lib.experiments import theorem_6_1


@pytest.fixture(scope="module")
def digits():
    return theorem_6_1.problem("digits")


def test_the_reduced_set_has_the_loss_and_the_gradient_of_the_samples(digits):
    rows = theorem_6_1.compared(digits, 10)
    assert [row["labels"] for row in rows] == ["given", "solved"]
    for row in rows:
        assert row["loss, relative difference"] < 1e-10
        assert row["gradient, relative difference"] < 1e-8
    assert rows[1]["L / ||Y||²"] < rows[0]["L / ||Y||²"]


def test_the_reduced_forms_tell_smaller_losses_than_the_trace_form():
    told = theorem_6_1.precision(np.random.default_rng(0))
    trace, reduced, turned = told.errors
    assert told.right(turned) <= told.right(reduced) < told.wrong(trace)
    assert told.right(reduced) < 1e-16 < 1e-14 < told.wrong(trace)
    assert theorem_6_1.Precision([1.0], {"form": [1.0]}).right("form") == 1


def test_operations_grow_with_the_samples_in_the_released_step_alone():
    n, p, m = 60_000, 784, 100
    ratio = theorem_6_1.theirs(n, p, m, batch=0) / theorem_6_1.ours(p, m)
    assert ratio == pytest.approx(n / p * (p + 4 * m) / (p + 3 * m))
    assert all(row["ratio"] > 1 for row in theorem_6_1.operations())


def test_the_second_factor_of_the_costs_is_between_the_bounds_that_the_page_states():
    train = {entry.info.title: round(0.95 * entry.info.n_train) for entry in describe()}
    assert train["MNIST"] == 57_000
    assert 0.3 < 15_000 / train["CIFAR-10"] < 1 / 3
    for row in theorem_6_1.operations():
        if row["m"] <= row["p"]:
            assert 1 < row["ratio"] * row["p"] / train[row["data set"]] < 4 / 3, row


def test_a_descent_falls_and_enough_real_images_need_none(digits):
    floor = float(digits.reduced.rest)
    run = theorem_6_1.losses(digits, 10, 20)
    assert floor < run[-1] < run[0]
    starts, excess = theorem_6_1.unoptimised(digits, floor)
    for m, left in zip(starts, excess, strict=True):
        assert (left < 1e-12) == (m >= digits.norm.dim)


def test_costs_are_relative_to_the_first_and_recorded(digits):
    cost = np.array(theorem_6_1.costs(digits, 10, [50, 200]))
    assert cost.shape == (2, 2)
    assert cost[0, 1] == 1
    told = theorem_6_1.Precision(
        [1.0],
        {form: [0.0] for form in (theorem_6_1.TRACE, theorem_6_1.REDUCED, theorem_6_1.TURNED)},
    )
    (row,), values = theorem_6_1.recorded(digits, told, cost, [50, 200], {10: [2.0, 1.5]}, 1.0)
    assert row["measured"] == cost[1, 0] / cost[1, 1]
    assert (row["n"], row["m"]) == (200, 10)
    assert values["run_end_0"] == (50, "{:.2g} %")
    assert values["steps"] == 2
