"""What the page that compares all methods computes: sets, models, linear readings, memory."""

import numpy as np
import pytest

from distill_lib.baselines.descent import Diverged
from distill_lib.experiments import comparison, comparison_numbers
from distill_lib.experiments import comparison_sets as sets
from distill_lib.experiments.comparison import TRAINED
from distill_lib.kernels import regression

NETWORKS = (1, 2, 1)


@pytest.fixture(scope="module")
def of():
    return sets.setting("digits", 2, tests=40, networks=NETWORKS)


@pytest.fixture(scope="module")
def models(of):
    return comparison.models(of, validation=20)


@pytest.fixture(scope="module")
def made(of):
    linear = {
        name: sets.ready(of, name, sets.in_closed_form(of, "linear", begin))
        for name, begin in ((sets.LINEAR, "noise"), (sets.NEAREST, "nearest"))
    }
    return {sets.SUBSET: of.subsets(1)[0]} | linear


def test_one_image_a_class_is_refused():
    with pytest.raises(ValueError, match="ipc = 1"):
        sets.setting("digits", 1, None, NETWORKS)


def test_subsets_are_labelled_as_their_images_are(of):
    first, second = of.subsets(2)
    assert np.array_equal(first["points"], of.start)
    assert not np.array_equal(second["points"], of.start)
    assert np.array_equal(np.argmax(of.labels, 1), of.data.y_train[of.drawn])


def test_only_sets_from_noise_are_brought_to_the_size_of_images(of, made):
    size = np.sqrt(np.mean(of.start**2))
    assert np.sqrt(np.mean(made[sets.LINEAR]["points"] ** 2)) == pytest.approx(size)
    image = {"points": 3 * of.start, "labels": of.labels}
    assert np.array_equal(sets.ready(of, "RFAD", image)["points"], 3 * of.start)


@pytest.mark.parametrize(
    ("make", "settings", "looks"),
    [
        (sets.by_exact_kip, (5,), 5),
        (sets.by_kip, (5, 50, False), 5),
        (sets.by_kip, (5, 50, True), 5),
        (sets.by_rfad, (4, 20), 4),
    ],
)
def test_descents_record_their_course(of, make, settings, looks):
    found = make(of, *settings)
    assert found["points"].shape == of.start.shape
    assert not np.allclose(found["points"], of.start)
    assert len(found["at"]) == looks == len(found["curve"]) - 1
    assert np.all(np.diff(found["at"]) > 0)
    assert found["seconds"] == found["at"][-1]
    if "own" in found:
        assert found["own"] == pytest.approx(found["curve"][-1])
    else:
        assert np.allclose(found["labels"], of.labels) == (True not in settings)


def test_solved_labels_fit_the_training_images_better_than_those_of_the_start(of):
    solved = sets.by_label_solve(of)
    assert np.array_equal(solved["points"], of.start)
    x, y = of.targets(np.arange(200))
    errors = [
        np.linalg.norm(regression.scores(of.ntk, of.start, labels, x) - y)
        for labels in (solved["labels"], of.labels)
    ]
    assert errors[0] < errors[1]


def test_matrices_are_those_of_the_kernels(of, models):
    for model in ("linear", "FCNN", "FC NTK", "ConvNet NNGP"):
        kernel = models.kernels[model]
        k_ss, k_ts = models.matrices(model, of.start)
        assert np.array_equal(k_ss, k_ss.T)
        assert np.allclose(k_ss, kernel(of.start, of.start), rtol=1e-5), model
        assert np.allclose(k_ts, kernel(models.x, of.start), rtol=1e-5), model


def test_a_set_is_worth_at_home_what_it_was_made_for(of, models, made):
    one = made[sets.LINEAR]
    home = comparison.evaluated(models, sets.LINEAR, "linear", one)
    assert home == {"accuracy": one["own"], "reg": None}
    away = comparison.evaluated(models, sets.NEAREST, "FC NTK", made[sets.NEAREST])
    assert away["reg"] in comparison.REGS
    assert comparison.evaluated(models, "KIP fixed", "FC NTK", made[sets.SUBSET])["reg"] == 1e-6


def test_the_ridge_parameter_away_is_the_best_of_validation(of, models, made):
    """Unless the test images are looked at: exchanged answers to them change nothing."""
    other = models._replace(truth=np.where(np.arange(60) < 20, models.truth, -1))
    for model in comparison.READERS:
        seen, blind = (
            comparison.evaluated(one, sets.SUBSET, model, made[sets.SUBSET])
            for one in (models, other)
        )
        assert seen["reg"] == blind["reg"]
        assert blind["accuracy"] == 0 < seen["accuracy"]


def test_the_linear_part_of_a_linear_kernel_is_all_of_it():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 3))
    inner = x @ x.T
    kernel = 2 + 3 * inner + np.diag(rng.normal(size=6))  # the diagonal is left out
    assert np.allclose(comparison.linear_part(kernel, inner), [2, 3])


def test_a_reading_is_the_ridge_regression_of_the_page(of, models, made):
    """sum_j |W x_j + b - y_j|^2 / d_j + |W|^2 / beta_1 + |b|^2 / beta_0, by its normal equations."""
    reg, one = 1e-2, made[sets.LINEAR]
    row = comparison.linear_reading(models, "FC NTK", one, reg)
    points, labels = np.asarray(one["points"]), np.asarray(one["labels"])
    k_ss = np.asarray(models.matrices("FC NTK", one["points"])[0])
    beta = comparison.linear_part(k_ss, points @ points.T)
    d = np.diag(k_ss - beta[0] - beta[1] * points @ points.T) + float(
        regression.relative_reg(k_ss, reg)
    )
    assert row["holds"] == (min(beta) > 0 and min(d) > 0)
    x, images = (np.hstack([z, np.ones((len(z), 1))]) for z in (points, models.x[models.held :]))
    penalty = np.diag([*np.full(64, 1 / beta[1]), 1 / beta[0]])
    weights = np.linalg.solve((x.T / d) @ x + penalty, (x.T / d) @ labels)
    right = np.mean((images @ weights).argmax(1) == of.truth)
    assert row["reading"] == pytest.approx(100 * right)
    assert -1 <= row["correlation"] <= 1


def test_networks_that_diverge_have_no_accuracy(of, made, monkeypatch):
    found = comparison.trained(of, (2, 10, 2, 20), made[sets.SUBSET])
    assert len(found["accuracy"]) == 2
    assert found["rate"] == 1e-2

    def diverges(*_, **__):
        raise Diverged

    monkeypatch.setattr(comparison, "train_stably", diverges)
    found = comparison.trained(of, (2, 10, 2, 20), made[sets.SUBSET])
    assert found == {"accuracy": [], "rate": None}


@pytest.fixture
def right(models):
    """The random subset, drawn twice, has 40 and 60 %; sets have 70 % at home and 45 % away."""
    single = {
        name: {model: {"accuracy": 0.7 if home == model else 0.45} for model in models.kernels}
        for name, home in sets.HOME.items()
    }
    single[sets.SUBSET] = {model: {"accuracy": 0.4} for model in models.kernels}
    again = [{model: {"accuracy": 0.6} for model in models.kernels}]
    ends = {name: {"accuracy": [0.5, 0.7], "rate": 0.1} for name in sets.HOME}
    ends["RFAD"] = {"accuracy": [], "rate": None}
    return comparison.collected(single, again, ends), ends


def test_gains_are_over_the_mean_of_the_draws(right):
    found = comparison.gains(right[0])
    assert sets.SUBSET not in found
    assert found["RFAD"]["ConvNet NNGP"] == pytest.approx(20)
    assert found["RFAD"]["linear"] == pytest.approx(-5)
    assert np.isnan(found["RFAD"][TRAINED])
    assert found["KIP fixed"][TRAINED] == 0


def test_what_travels_best_stands_first_and_at_home_does_not_count(right):
    rows, values = comparison_numbers.travelled(right[0])
    means = [row["mean difference away"] for row in rows]
    assert means == pytest.approx([-25 / 6] * 7 + [-5])
    assert rows[-1]["set"] == "RFAD"
    assert rows[-1]["above the random subset in"] == "0 of 5 columns"
    assert {row["set"] for row in rows if row["begins at"] == "noise"} == set(sets.FROM_NOISE)
    assert values["images_least"][0] == pytest.approx(-5)
    assert values["noise_most"][0] == pytest.approx(-25 / 6)


def test_the_table_says_what_is_at_home_and_what_spreads(of, right):
    shown = {row["set"]: row for row in comparison_numbers.shown(right[0])}
    assert shown[sets.SUBSET]["linear"] == "50.0 ± 10.0"
    assert shown["RFAD"]["ConvNet NNGP"] == "70.0 *"
    assert shown["RFAD"][TRAINED] == "diverges"
    rows, values = comparison_numbers.recorded(of, *right, distance=0.25)
    assert len(rows) == len({(row["method"], row["model"]) for row in rows}) == 9 * 7 - 1
    assert sum(row["home"] for row in rows) == 8
    assert all(row["ipc"] == 2 for row in rows)
    ends = [row for row in rows if row["model"] == "finite ConvNet"]
    assert all((row["seeds"], row["rate"]) == (2, 0.1) for row in ends)
    assert values["fcnn_best_away"][0] == pytest.approx(45)
    assert values["nearest_distance"] == (25, "{:.1f}")


def test_a_reading_that_is_no_ridge_regression_is_not_recorded(of, models, made):
    rows = [
        {"set": sets.SUBSET, "model": "FC NNGP"}
        | comparison.linear_reading(models, "FC NNGP", made[sets.SUBSET], reg)
        for reg in (1e-6, 10.0)
    ]
    assert [row["holds"] for row in rows] == [False, True]
    for row, count in zip(rows, (0, 2), strict=True):
        out, values = comparison_numbers.readings_recorded(of, [row])
        assert len(out) == count
        assert len(values) == 3 + count
        assert values["random_subset_FC_NNGP_negative"][0] > 0


def test_every_set_but_the_random_subset_has_its_memory_and_its_time(of, right):
    memory = comparison_numbers.planned(of, 50, 20)
    assert set(memory) == set(sets.HOME) - {sets.SUBSET}
    assert min(memory.values()) > of.start.nbytes
    assert memory["KIP learned"] > memory["KIP fixed"]
    made = {name: {"seconds": 2.0 if name == sets.FCNN else 5.0} for name in memory}
    shown, rows = comparison_numbers.costs(of, made, right[0], memory)
    assert [row["set"] for row in shown] == list(memory)
    ratios = [row["measured"] for row in rows if row["quantity"] == "time ratio"]
    assert ratios == [2.5] * 7
    how = {row["method"] for row in rows if row.get("how") == "formula"}
    assert how == {*sets.FROM_NOISE, sets.NEAREST}
