"""Federated in one round: the pooled model, its noise, and what exact statistics give away."""

import math

import jax
import numpy as np
import pytest
from helpers import close, condition, matrix, pinv, seeds, train
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib import privacy
from distill_lib.privacy import (
    added_records,
    federated_private,
    federated_ridge,
    silo_release,
)
from distill_lib.ridge import generalised

P, K = 6, 3
NORM, PHI = dl.Normalisation((1, P, 1), 1, (0.0,), (1.0,)), dl.Linear(P)


def silos(rng, sizes):
    return [(rng.normal(size=(n, P)), np.eye(K)[rng.integers(0, K, n)]) for n in sizes]


@given(seeds, st.lists(st.integers(1, 9), min_size=1, max_size=5), st.sampled_from((0.1, 3.0)))
def test_the_model_of_all_silos_is_the_pooled_one(seed, sizes, reg):
    parts = silos(np.random.default_rng(seed), sizes)
    f, y = (np.concatenate(rows) for rows in zip(*parts, strict=True))
    model = federated_ridge([dl.RidgeStats.of(*part) for part in parts], PHI, NORM, reg=reg)
    assert close(model.weights, train(f, y, reg), 1e3 * condition(f))


@given(seeds, st.integers(3, 20))
def test_generalised_cross_validation_needs_the_statistics_alone(seed, n):
    rng = np.random.default_rng(seed)
    ((f, y),) = silos(rng, [n])
    stats = dl.RidgeStats.of(f, y)
    regs = (0.01, 0.3, 5.0)
    found = generalised(stats, regs, dl.RidgePath.of(stats))
    for reg, value in zip(regs, found, strict=True):
        h = f @ np.linalg.solve(f.T @ f + reg * np.eye(P), f.T)
        wanted = n * np.sum((h @ y - y) ** 2) / (n - np.trace(h)) ** 2
        assert math.isclose(value, wanted, rel_tol=1e-7, abs_tol=1e-9)
    model = federated_ridge([stats], PHI, NORM, regs=regs)
    assert model.reg == regs[int(np.argmin(found))]


def records(rng, counts):
    """Independent features of so many records of each class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return matrix(rng, len(labels), P), labels


def same_sets(f, labels, found, classes):
    assert sorted(classes) == sorted(labels)
    left = list(range(len(f)))
    for row, c in zip(found, classes, strict=True):
        errors = [np.linalg.norm(f[i] - row) if labels[i] == c else np.inf for i in left]
        assert min(errors) <= 1e-5 * np.linalg.norm(f)
        left.pop(int(np.argmin(errors)))


@given(seeds, st.sampled_from(((1, 0, 0), (1, 1, 1), (0, 1, 1), (2, 0, 0), (1, 2, 1), (0, 1, 2))))
def test_exact_statistics_of_few_records_are_the_records(seed, counts):
    f, labels = records(np.random.default_rng(seed), counts)
    stats = dl.RidgeStats.of(f, np.eye(K)[labels])
    same_sets(f, labels, *added_records(stats.gram, stats.cross))


@given(seeds, st.sampled_from(((1, 0, 0), (1, 2, 0), (2, 2, 1), (0, 3, 3))))
def test_the_sizes_of_the_classes_are_in_exact_statistics(seed, counts):
    f, labels = records(np.random.default_rng(seed), counts)
    stats = dl.RidgeStats.of(f, np.eye(K)[labels])
    assert np.allclose(stats.cross @ pinv(stats.gram) @ stats.cross.T, np.diag(counts), atol=1e-6)


@pytest.mark.parametrize("shares", [(1.0, 0.0), (2 / 3, 2 / 3, -1 / 3)])
def test_dependent_records_have_the_statistics_of_fewer(shares):
    v = np.arange(1.0, P + 1)
    f, y = np.outer(shares, v), np.eye(K)[np.zeros(len(shares), int)]
    stats = dl.RidgeStats.of(f, y)
    found, classes = added_records(stats.gram, stats.cross)
    assert close(found, v[None])
    assert classes.tolist() == [0]
    assert stats.count > np.linalg.matrix_rank(stats.gram)  # what tells that they are dependent


@given(seeds, st.sampled_from(((1, 0, 0), (1, 2, 0))))
def test_two_rounds_of_a_silo_give_away_what_was_added(seed, counts):
    rng = np.random.default_rng(seed)
    ((old, y),) = silos(rng, [40])
    f, labels = records(rng, counts)
    first = dl.RidgeStats.of(old, y)
    second = first + dl.RidgeStats.of(f, np.eye(K)[labels])
    found = added_records(second.gram - first.gram, second.cross - first.cross)
    same_sets(f, labels, *found)


@given(seeds, st.sampled_from(((3, 0, 0), (2, 2, 0), (2, 2, 1))), st.floats(0.1, 3.0))
def test_of_more_records_there_are_others_with_the_same_statistics(seed, counts, angle):
    """F' = Q F with an orthogonal Q that leaves the columns of Y as they are."""
    rng = np.random.default_rng(seed)
    f, labels = records(rng, counts)
    y = np.eye(K)[labels][:, [c > 0 for c in counts]]
    free = np.linalg.svd(y)[0][:, y.shape[1] :]
    assert free.shape[1] >= 2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    q = np.eye(len(f)) + free[:, :2] @ (turn - np.eye(2)) @ free[:, :2].T
    other = q @ f
    assert close(other.T @ other, f.T @ f)
    assert close(y.T @ other, y.T @ f)
    assert np.linalg.norm(other - f) > 1e-3 * np.linalg.norm(f)
    with pytest.raises(ValueError, match="more records than classes and one more"):
        added_records(f.T @ f, np.eye(K)[labels].T @ f)


# Private


def pictures(n, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % K
    return rng.normal(np.eye(K, P)[labels], 0.05).reshape(n, 1, P, 1), labels


MECHANISM = dl.StatisticsMechanism(1.0, 1e-5)


def test_one_silo_is_the_private_model():
    given_ = (*pictures(30), PHI, NORM, MECHANISM)
    key = jax.random.key(3)
    one = federated_private([silo_release(*given_, classes=K, key=key)], PHI, NORM)
    alone = dl.private_ridge(*given_, classes=K, key=key)
    assert np.array_equal(one.model.weights, alone.model.weights)
    assert one.mechanism == alone.mechanism


@settings(max_examples=8)
@given(st.integers(1, 6), seeds)
def test_the_noise_of_silos_adds_up(count, seed):
    """Of each its own, and lam the size of all of it."""
    images, labels = pictures(30 * count)
    parts = [slice(30 * i, 30 * i + 30) for i in range(count)]
    keys = jax.random.split(jax.random.key(seed), count)
    sent = [
        silo_release(images[part], labels[part], PHI, NORM, MECHANISM, classes=K, key=key)
        for part, key in zip(parts, keys, strict=True)
    ]
    model = federated_private(sent, PHI, NORM).model
    assert math.isclose(model.reg, math.sqrt(count) * MECHANISM.reg(P), rel_tol=1e-12)
    gram, cross = sum(one.gram for one in sent), sum(one.cross for one in sent)
    assert np.allclose(model.weights, privacy.noisy_ridge(gram, cross, model.reg), rtol=1e-9)
    stats = privacy.clipped_statistics(images, labels, PHI, NORM, 1.0, classes=K)
    noise = np.asarray(gram - stats.gram)
    assert np.linalg.norm(noise) < 4 * math.sqrt(count) * MECHANISM.deviation * P
    assert count == 1 or np.linalg.norm(sent[0].gram - sent[1].gram) > MECHANISM.deviation


def test_the_guarantee_is_that_of_the_weakest_silo():
    others = dl.StatisticsMechanism(3.0, 1e-7)
    sent = [
        silo_release(*pictures(30), PHI, NORM, one, classes=K, key=jax.random.key(0))
        for one in (MECHANISM, others)
    ]
    found = federated_private(sent, PHI, NORM).mechanism
    assert (found.epsilon, found.delta) == (3.0, 1e-5)


def statistics(outputs=K):
    return dl.RidgeStats.of(np.eye(P), np.eye(P, outputs))


def clipped_at_different_norms():
    wide = dl.StatisticsMechanism(1.0, 1e-5, bound=2.0)
    return [
        silo_release(*pictures(30), PHI, NORM, one, classes=K, key=jax.random.key(0))
        for one in (MECHANISM, wide)
    ]


WRONG = {
    "no silo": (lambda: federated_ridge([], PHI, NORM, reg=1.0), "no silo sent"),
    "other outputs": (lambda: federated_ridge([statistics(), statistics(K + 1)], PHI, NORM, reg=1.0), r"silo 1 .* \(4, 6\) and silo 0"),
    "a reg of 0": (lambda: federated_ridge([statistics()], PHI, NORM, regs=(0.0,)), r"reg = 0\.0 must be a finite number above 0"),
    "two norms": (lambda: federated_private(clipped_at_different_norms(), PHI, NORM), "clip at different norms"),
}  # fmt: skip


@each(WRONG)
def test_silos_that_do_not_fit_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
