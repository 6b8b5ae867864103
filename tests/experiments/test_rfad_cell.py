"""RFAD's cells and steps at sizes of seconds: rows as the tables want them, counted operations, and
a set that beats real images.
"""

import numpy as np

from distill_lib.data import load
from distill_lib.experiments import rfad_cell, rfad_step
from distill_lib.experiments.rfad_cell import Settings

TINY = {"networks": 2, "width": 4, "batches": 2, "batch": 20}
SMALL = Settings(
    "digits", 1, steps=60, every=30, depth=1, width=16, networks=2, batches=1, batch=200, finite=(4, 100, 0), exact=0
)  # fmt: skip


def test_a_cell_beats_a_random_subset():
    data = load("digits")
    inputs = rfad_cell.inputs_of(data)
    made = rfad_cell.distilled(data, inputs, SMALL)
    rows = rfad_cell.judged(data, made.set, SMALL, SMALL.method)
    beside = rfad_cell.accuracies(data, rfad_cell.subset(data, inputs, 1, 0), SMALL)
    found = {row["model"]: row["measured"] for row in rows}
    assert found.keys() == {"convnet-1 empirical nngp"}
    assert {row["method"] for row in rows} == {"rfad platt learned"}
    assert found["convnet-1 empirical nngp"] > 100 * beside["convnet-1 empirical nngp"][0] + 10


def test_operations_grow_as_the_formula_says():
    """In the targets linearly, in the support linearly but for K_SS."""
    made, support = rfad_step.objective((16, 16, 3), 1, "highest", **TINY)
    m, one = len(support["points"]), rfad_step.operations
    targets = made.networks.count * made.networks.network.operations * 40
    assert one(made, 2 * m) - one(made, m) < targets
    quadratic = one(made, 3 * m) - 2 * one(made, 2 * m) + one(made, m)
    assert quadratic == 6 * 2 * m * m * made.networks.dim_out


def test_rows_of_a_step_and_of_what_a_precision_changes():
    precision = "bf16"
    rows = {
        r["quantity"]: r["measured"]
        for r in rfad_step.step_rows((8, 8, 1), 1, precision, 2, **TINY)
    }
    assert rows.keys() == {"seconds", "operations", "rate", "memory", "same bits"}
    assert rows["same bits"] == 1  # on a processor
    assert np.isclose(rows["rate"], rows["operations"] / rows["seconds"] / 1e12)
    apart = {
        r["model"]: r["measured"]
        for r in rfad_step.precision_rows((8, 8, 1), 1, precision, 2, **TINY)
    }
    assert apart.keys() == {"kernel", "loss", "gradient"}
    assert all(0 <= value < 0.1 for value in apart.values())
    assert apart["kernel"] > 0
