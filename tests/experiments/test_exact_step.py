"""The cost of a pair: counted work that does not depend on how many pairs are measured."""

import pytest

from distill_lib.experiments.exact_step import pair_rows
from distill_lib.kernels.infinite_width import _miscompiles

pytestmark = pytest.mark.skipif(
    _miscompiles(), reason="this JAX may compile gradients of pooled kernels wrongly"
)

QUANTITIES = {"seconds a pair", "operations a pair", "memory a pair"}


def counted(targets):
    rows = pair_rows("nngp", (4, 4, 1), "float64", targets, support=3, depth=1)
    assert {row["quantity"] for row in rows} == QUANTITIES
    assert {row["pairs"] for row in rows} == {3 * targets}
    return {row["model"]: row["measured"] for row in rows if row["quantity"] == "operations a pair"}


def test_a_pair_costs_the_same_in_a_larger_block_and_more_with_its_gradient():
    few, many = counted(4), counted(16)
    assert many["value"] == pytest.approx(few["value"], rel=0.2)
    assert many["value and gradient"] > many["value"]


def test_in_single_precision_a_pair_takes_half_the_memory():
    held = {}
    for dtype in ("float32", "float64"):
        rows = pair_rows("nngp", (4, 4, 1), dtype, 16, support=3, depth=1)
        held[dtype] = next(row["measured"] for row in rows if row["quantity"] == "memory a pair")
    assert held["float64"] == pytest.approx(2 * held["float32"], rel=0.1)
