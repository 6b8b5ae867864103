"""What a set is worth: the scores on exact sets are what the theorems say, and judges are fair."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import pictures, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.baselines.descent import Diverged
from distill_lib.baselines.finite_network import FiniteNetwork
from distill_lib.kernels.random_networks import Network
from distill_lib.kernels.residual_network import ResidualNetwork
from distill_lib.metrics import (
    NetworkJudge,
    OwnTrainer,
    Taught,
    hard_label_recovery,
    hard_labels,
    improvement_over_random,
    label_robust_score,
    network_judges,
    worth,
)

K, SHAPE, KEY = 3, (4, 4, 1), jax.random.key(3)
IMAGES, CLASSES = pictures(K, SHAPE)
NORM = dl.Normalisation(SHAPE, 255.0, (0.4,), (0.2,))
TRAIN, TESTS = (IMAGES[:60], CLASSES[:60]), (IMAGES[60:], CLASSES[60:])
MODEL = dl.fit(*TRAIN, dl.Linear(16), NORM, key=KEY, regs=(30.0,), val_fraction=0.0)
fractions = st.floats(0, 1)
few = settings(max_examples=30, deadline=None)


def judged(small, **options):
    return worth(small, TRAIN, TESTS, key=KEY, draws=2, validation=20, original=MODEL, **options)


@few
@given(fractions, fractions, fractions, fractions)
def test_the_score_of_hard_labels_is_the_order_of_their_accuracies(own, random, real, weight):
    """With hard labels a = A - (w A_random + (1 - w) A_all): no judge learns more than from A."""
    score = label_robust_score(
        hard_label_recovery(real, own), improvement_over_random(own, random), weight
    )
    combined = own - (weight * random + (1 - weight) * real)
    assert 0 <= score <= 1
    assert math.isclose(
        score * (math.e - 1 / math.e) + 1 / math.e, math.exp(combined), rel_tol=1e-12
    )


def test_what_neither_loses_nor_gains_has_one_over_one_plus_e():
    assert math.isclose(label_robust_score(0.0, 0.0), 1 / (1 + math.e))
    assert label_robust_score(0.0, 1.0, 0.0) == label_robust_score(0.0, -1.0, 0.0)  # w = 0


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: hard_label_recovery(93.0, 0.5), "real = 93.0 is no accuracy"),
        (lambda: improvement_over_random(0.5, float("nan")), "random = nan"),
        (lambda: label_robust_score(1.5, 0.0), "recovery = 1.5"),
        (lambda: label_robust_score(0.0, 0.0, 2), "weight = 2"),
        (lambda: judged(dl.distill(MODEL, 3, key=KEY), judges=[])[0:] or worth(
            dl.distill(MODEL, 3, key=KEY), TRAIN, TESTS, key=KEY, draws=0), "at least one draw"),
        (lambda: worth(dl.distill(MODEL, 3, key=KEY), TRAIN, (TESTS[0], [7] * 30), key=KEY), "7"),
        (lambda: judged(dataclasses.replace(dl.distill(MODEL, 3, key=KEY), intercept=True)),
            "fits an intercept"),
        (lambda: ResidualNetwork((4, 4, 1), 2, 3), "a depth of at most 2"),
        (lambda: ResidualNetwork((4, 4), 2), "must be"),
    ],
)  # fmt: skip
def test_what_is_no_accuracy_or_does_not_fit_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()


@pytest.mark.parametrize("m", [3, 7])
def test_an_exact_set_with_class_labels_loses_nothing_in_its_own_trainer(m):
    (row,) = judged(dl.distill(MODEL, m, key=KEY))
    assert row["recovery"] == 0
    assert row["all"] == row["hard"] == row["set"] == MODEL.accuracy(*TESTS)
    assert row["improvement"] == row["set"] - row["random"]


def test_an_exact_set_with_labels_of_its_own_loses_by_hard_labels_and_nothing_else():
    """Hardening the labels of an exact set is another set: the recovery is not that of the set."""
    near = dl.distill(MODEL, 6, key=KEY, start="nearest", pool=TRAIN)
    (row,) = judged(near)
    assert row["set"] == row["all"] > row["hard"]
    assert row["recovery"] == row["all"] - row["hard"]


def test_with_the_teachers_labels_as_many_images_as_features_are_random_and_exact():
    """Theorem 4.2: from m = p on soft labels make random images exact, so nothing can improve."""
    small = dl.distill(MODEL, 18, key=KEY, start="nearest", pool=TRAIN)
    judge = OwnTrainer(dl.Linear(16), 0.0, MODEL, regs=())  # lam_S alone
    (row,) = judged(small, judges=[judge])
    assert row["set"] == row["random"] == row["all"]
    assert row["improvement"] == 0
    assert row["random spread"] == 0


def test_random_images_get_the_lam_that_is_best_for_them():
    judge = OwnTrainer(dl.Linear(16), 0.0, MODEL)
    taught, tests = (Taught(*part, NORM, K) for part in (TRAIN, TESTS))
    drawn, val = taught.rows(np.arange(9)), taught.rows(np.arange(9, 60))
    found = judge.of_random(drawn, drawn.one_hot(), tests, val, KEY)[0]
    by_reg = {}
    for reg in (0.0, *dl.GRID):
        w = np.asarray(dl.recovered_weights(drawn.points(), drawn.one_hot(), reg))
        right = [
            np.mean(np.argmax(np.asarray(part.points()) @ w.T, axis=1) == part.labels)
            for part in (val, tests)
        ]
        by_reg[reg] = right
    best = max(by_reg, key=lambda reg: (by_reg[reg][0], reg))
    assert found == by_reg[best][1]
    assert by_reg[best][0] > by_reg[0.0][0]


@few
@given(seeds)
def test_hard_labels_are_one_hot_and_keep_what_is_one_hot(seed):
    labels = np.random.default_rng(seed).normal(size=(5, 3))
    made = np.asarray(hard_labels(labels))
    assert (made.argmax(1) == labels.argmax(1)).all()
    assert ((made == 0) | (made == 1)).all()
    assert (made.sum(1) == 1).all()
    assert np.array_equal(hard_labels(made), made)


def residual():
    return ResidualNetwork(SHAPE, 3, 2)


def test_the_residual_network_is_its_definition():
    network, x = residual(), np.random.default_rng(0).normal(size=(2, 16))
    drawn = network.scaled(network.draw(KEY, jnp.float64))
    assert network.dim_out == 3
    h = x.reshape(2, 4, 4, 1)

    def layer(h, i):
        weights, biases = map(np.asarray, drawn[i])
        padded = np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
        rows, cols = h.shape[1:3]
        return biases + sum(
            padded[:, a : a + rows, b : b + cols] @ weights[a, b]
            for a in range(3)
            for b in range(3)
        )

    h = np.maximum(layer(h, 0), 0)
    for stage in (0, 1):
        branch = np.maximum(layer(h, 2 * stage + 1), 0)
        h = np.maximum(h + layer(branch, 2 * stage + 2), 0)
        h = (h[:, ::2, ::2] + h[:, 1::2, ::2] + h[:, ::2, 1::2] + h[:, 1::2, 1::2]) / 4
    assert np.allclose(network.hidden(drawn, x), h.reshape(2, -1), rtol=1e-10)


def test_the_second_convolution_of_a_stage_starts_smaller():
    network = ResidualNetwork((8, 8, 3), 40, 3)
    ones = jax.tree.map(jnp.ones_like, network.draw(KEY))
    found = [float(weights[0, 0, 0, 0]) ** 2 for weights, _ in network.scaled(ones)]
    inner = 2 / (9 * 40)
    assert np.allclose(found, [2 / 27, *[inner, inner / 3] * 3])


def test_a_networks_verdict_is_the_same_at_any_scale_of_the_set(monkeypatch):
    """And a learning rate at which training diverges is passed over."""
    network = FiniteNetwork(Network(SHAPE, 8, 1, "fc"), K)
    judge = NetworkJudge("net", network, steps=40, seeds=2, rates=(0.03,))
    tests, taught = Taught(*TESTS, NORM, K), Taught(*TRAIN, NORM, K)
    points, labels = taught.points(), taught.one_hot()
    monkeypatch.setattr("distill_lib.metrics.judges._BATCH", 25)  # images become inputs in parts
    found = judge.of_all(taught, tests, KEY)
    assert found.shape == (2,)
    both = NetworkJudge("net", network, steps=40, seeds=2, rates=(1e9, 0.03))
    assert np.array_equal(found, both.of_points(8 * points, labels, tests, KEY))
    with pytest.raises(Diverged):
        NetworkJudge("net", network, steps=40, rates=(1e9,)).of_points(points, labels, tests, KEY)


class Clerk:
    """A judge that trains nothing and writes down what it is given."""

    name = "clerk"

    def __init__(self):
        self.seen = []

    def of_points(self, points, labels, tests, key):
        self.seen.append(np.asarray(labels))
        return np.array([0.5, 0.7])

    def of_random(self, taught, labels, tests, val, key):
        assert not {image.tobytes() for image in val.images} & {
            image.tobytes() for image in taught.images
        }
        return self.of_points(taught.points(), labels, tests, key)

    def of_all(self, taught, tests, key):
        return np.array([0.9])


def test_a_row_is_made_of_four_trainings_and_what_is_known_is_not_trained_again():
    near, clerk = dl.distill(MODEL, 6, key=KEY, start="nearest", pool=TRAIN), Clerk()
    (row,) = judged(near, judges=[clerk])
    hard, own, *random = clerk.seen
    assert np.array_equal(hard, hard_labels(near.labels))
    assert np.array_equal(own, near.labels)
    assert len(random) == 2
    assert not np.array_equal(*random)
    assert (row["all"], row["set"], row["images"]) == (0.9, 0.6, 6)
    assert math.isclose(row["recovery"], 0.3)
    assert math.isclose(row["set spread"], 0.1)
    assert judged(near, judges=[clerk], known={"clerk": 1.0})[0]["all"] == 1


def test_the_standard_judges_are_three_architectures_and_say_so():
    judges = network_judges((16, 16, 1), 10, width=8, seeds=3)
    assert [judge.name for judge in judges] == ["ConvNet-2", "MLP", "ResNet-2"]
    assert len({type(j.model.network).__name__ + j.name for j in judges}) == 3
    assert {judge.seeds for judge in judges} == {3}
    assert network_judges(SHAPE, 10)[0].name == "ConvNet-1"
