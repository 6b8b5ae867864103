"""The counts of Table 1 on a few digits."""

import numpy as np
import pytest
from helpers import train as by_definition

from distill_lib.baselines.moments import same_moments
from distill_lib.data import load
from distill_lib.experiments import table_1


@pytest.fixture(scope="module")
def task():
    return table_1.task(load("digits"), 300, 70, 80.0, 1.0, np.random.default_rng(0))


def test_every_construction_is_seen_at_its_count_and_recorded(task):
    turned = same_moments(task.x, task.y)
    found = [*table_1.counted(task, turned), table_1.kernel_subset(task, 30)]
    assert found[-1].seen == 30
    for row in found:
        assert row.counts == sorted(set(row.counts))
        if row.seen is not None:
            assert row.at[row.seen] < 1e-8 < row.at[row.seen - 1]
    rows = table_1.recorded("digits", found)
    assert len(rows) == len(found) - 1  # a last layer that was not trained has no count
    assert all(row["measured"] <= row["claimed"] for row in rows)
    grid = table_1.over_the_grid(task, turned, 1.0)
    assert max(grid.every) < 1e-8 < max(grid.one)
    assert grid.one[int(np.argmin(np.abs(np.log(grid.regs))))] < 1e-8
    values = table_1.values(task, turned, 30, grid)
    assert values["rank_x"][0] == len(turned.features)
    assert 0 < values["untrained"][0] < 1


def test_points_on_the_way_end_with_the_count_and_one_less():
    assert table_1.around(10, 11) == [1, 2, 3, 4, 6, 9, 10, 11]
    assert table_1.around(1) == [1]


@pytest.mark.parametrize("reg", [0.0, 0.3])
def test_training_is_ridge_regression_by_its_definition(reg):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(5, 8)), rng.normal(size=(5, 2))
    assert np.allclose(table_1.train(features, labels, reg), by_definition(features, labels, reg))
