"""What the page on privacy computes: attacks that decide, and audits."""

import math

import numpy as np
import pytest

from distill_lib import privacy
from distill_lib.experiments import privacy as experiment
from distill_lib.experiments import privacy_audit
from distill_lib.privacy import Audit


@pytest.fixture(scope="module")
def problem():
    return experiment.problem("digits")


def rng():
    return np.random.default_rng(0)


def test_records_come_back_from_the_model_and_all_others(problem):
    records, reg = experiment.records(problem), 1e-3 * problem.sizes[2]
    weights = problem.path.weights(reg)
    found, classes = experiment.reconstructed(weights, reg, problem.stats, records)
    assert classes == records.classes.tolist() == list(range(10))
    assert np.abs(found - records.inputs).max() < 1e-8


def test_the_claimed_noise_hides_nothing(problem):
    facts = experiment.claimed(problem, rng())
    assert facts["sum"][0] == facts["span"][0] == 100
    assert facts["rank of X"][0] < problem.sizes[1]
    assert facts["label error"][0] < 1e-6 < facts["label error of the neighbour"][0]


def test_the_claimed_constant_gives_a_larger_epsilon_where_delta_is_small():
    for row in experiment.constants():
        assert (row["true epsilon"] > float(row["epsilon"])) == (row["claimed"] < row["exact"])


def test_the_sum_decides_always_and_the_span_below_p():
    rows = privacy_audit.decisions(rng(), (3, 12))
    assert [row["decided by the span"] for row in rows] == [1, 0]


@pytest.mark.parametrize("adjacency", ["add-remove", "replace-one"])
@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_changes_reach_the_sensitivity_and_do_not_exceed_it(adjacency, weight):
    largest = privacy_audit.changes(rng(), weight, adjacency).max()
    bound = privacy.sensitivity(1.0, adjacency, weight)
    assert 0.99 * bound < largest <= bound * (1 + 1e-12)


def test_audits_refute_half_the_noise_and_not_the_whole():
    found = [privacy_audit.audit_ours(rng(), share, trials=20_000).epsilon for share in (0.5, 1.0)]
    assert found[0] > privacy_audit.EPSILON > found[1]
    claimed = privacy_audit.audit_claimed(
        rng(), privacy.sum_residual, np.tile(np.eye(3), (2, 1)), 1000
    )
    assert claimed.epsilon > 3
    assert math.isinf(privacy_audit.estimate(claimed))


def test_an_estimate_is_the_log_ratio_of_the_rates():
    one = Audit(0.5, 0.0, 100, 400, 1000)
    wanted = max(math.log((0.99 - 0.4) / 0.1), math.log((0.99 - 0.1) / 0.4))
    assert privacy_audit.estimate(one) == pytest.approx(wanted)
    assert privacy_audit.rates({"one": one})[0]["FNR"] == 0.4
    rows, values = privacy_audit.recorded({str(i): one for i in range(6)})
    assert [row["false_negatives"] for row in rows] == [400] * 6
    assert values["audit_half"] == (0.5, "{:.2f}")


def test_figure_3_has_two_sets_of_one_model(problem):
    found, original = experiment.figure_3(problem)
    assert {one.accuracy for one in found.values()} == {original}
    rows, values = experiment.recorded_3(problem, found, original)
    assert [row["ipc"] for row in rows] == [1, 10]
    assert values["figure_3_original"][0] == 100 * original
