"""When new data arrive: what statistics of parts hold, what they do not, and what unions of sets do.

Rows are samples.
"""

import re

import jax
import numpy as np
import pytest
from helpers import close, matrix, pictures, seeds, train
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

import distill_lib as dl
from distill_lib.ridge import by_parts, generalised, least_accuracy
from distill_lib.ridge.identity import digest

REGS = (0.1, 3.0)
few = settings(max_examples=15, deadline=None)


def samples(rng, n=12, p=5, k=3):
    """Features and one-hot labels, every class among them."""
    return rng.normal(size=(n, p)), np.eye(k)[rng.permutation(np.arange(n) % k)]


def of(pair):
    return dl.RidgeStats.of(*pair)


def both(*pairs):
    return tuple(map(np.concatenate, zip(*pairs, strict=True)))


@few
@given(seeds)
def test_each_part_is_judged_by_the_model_of_the_others(seed):
    rng = np.random.default_rng(seed)
    parts = [samples(rng) for _ in range(3)]
    found = by_parts(list(map(of, parts)), REGS)
    for reg, error in zip(REGS, found, strict=True):
        errors = 0.0
        for i, (x, y) in enumerate(parts):
            w = train(*both(*(part for j, part in enumerate(parts) if j != i)), reg)
            errors += np.sum((x @ w.T - y) ** 2)
        assert close(error, errors / 36, 10)


@few
@given(seeds, st.sampled_from(REGS))
def test_generalised_is_leaving_one_out_of_data_with_the_same_statistics(seed, reg):
    """A rotation of the samples by V H / sqrt(n), H a Hadamard matrix, makes all leverages equal."""
    rng = np.random.default_rng(seed)
    x, y = samples(rng, n=16)
    hat = x @ np.linalg.solve(x.T @ x + reg * np.eye(5), x.T)
    rotation = np.linalg.eigh(hat)[1] @ hadamard(16) / 4
    x2, y2 = rotation.T @ x, rotation.T @ y
    assert close(np.diag(rotation.T @ hat @ rotation), np.full(16, np.trace(hat) / 16), 10)
    errors = 0.0
    for i in range(16):
        rest = np.arange(16) != i
        errors += np.sum((x2[i] @ train(x2[rest], y2[rest], reg).T - y2[i]) ** 2)
    assert close(generalised(of((x, y)), [reg])[0], errors / 16, 100)
    # Of the data themselves leaving one out is another number: no function of the statistics.
    own = sum(
        np.sum((x[i] @ train(np.delete(x, i, 0), np.delete(y, i, 0), reg).T - y[i]) ** 2)
        for i in range(16)
    )
    assert abs(own - errors) > 1e-6 * errors
    assert all(
        close(a, b, 10)
        for a, b in zip(jax.tree.leaves(of((x, y))), jax.tree.leaves(of((x2, y2))), strict=True)
    )


def test_accuracy_is_no_function_of_statistics_even_with_one_hot_labels():
    """-1, -1, 2 and -2, 1, 1 have one sum and one sum of squares; their sides of 0 differ."""
    w, other = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[1.0, -1.0]])
    found = []
    for values in ([-1.0, -1.0, 2.0], [-2.0, 1.0, 1.0]):
        x = np.concatenate([np.c_[np.ones(3), values], other])
        y = np.eye(2)[[0, 0, 0, 1]]
        found.append((of((x, y)), np.mean((x @ w.T).argmax(1) == y.argmax(1))))
    (stats, right), (again, wrong) = found
    assert all(map(np.array_equal, jax.tree.leaves(stats), jax.tree.leaves(again)))
    assert (right, wrong) == (0.5, 0.75)


@few
@given(seeds)
def test_the_accuracy_is_at_least_what_the_statistics_say_and_may_be_no_more(seed):
    rng = np.random.default_rng(seed)
    x, y = samples(rng)
    w = train(x + 0.1 * rng.normal(size=x.shape), y, 1e-3)
    truth = y.argmax(1)
    assert np.mean((x @ w.T).argmax(1) == truth) >= least_accuracy(of((x, y)), w)
    halves = np.array([[0.5, 0.5]])  # the first of equals is answered
    assert least_accuracy(dl.RidgeStats.of(np.eye(1), [[0.0, 1.0]]), halves.T) == 0
    assert least_accuracy(dl.RidgeStats.of(np.eye(3), np.eye(3)), np.eye(3)) == 1


@pytest.mark.parametrize("validation", ["parts", "generalised"])
def test_a_model_from_parts_is_that_of_all_images(validation):
    shape, k = (3, 3, 1), 3
    images, labels = pictures(k, shape)
    norm = dl.Normalisation(shape, 255.0, (0.4,), (0.2,))
    phi = dl.FullyConnected.random(jax.random.key(0), (9, 7))
    cuts = [slice(0, 30), slice(30, 60), slice(60, 90)]
    parts = [dl.RidgeStats.of_images(images[c], labels[c], k, phi, norm) for c in cuts]
    made = dl.fit_statistics(parts, phi, norm, regs=REGS, validation=validation)
    wanted = dl.fit(
        images, labels, phi, norm, key=jax.random.key(0), regs=(made.reg,), val_fraction=0.0
    )
    assert close(made.weights, wanted.weights, 1e3)
    errors = by_parts(parts, REGS) if validation == "parts" else generalised(sum(parts), REGS)
    assert made.reg == REGS[int(np.argmin(errors))]
    assert np.array_equal(made.predict(images), wanted.predict(images))


def test_of_equal_errors_the_largest_lam_is_taken():
    zero = dl.RidgeStats.of(np.eye(2), np.zeros((2, 1)))
    norm = dl.Normalisation((1, 2, 1), 1, 0, 1)
    assert dl.fit_statistics([zero, zero], dl.Linear(2), norm, regs=(1.0, 8.0, 2.0)).reg == 8


def test_statistics_come_back_to_the_bit_and_know_their_map(tmp_path):
    rng = np.random.default_rng(0)
    stats, norm = of(samples(rng)), dl.Normalisation((1, 5, 1), 255.0, 0.4, 0.2)
    phi = dl.FullyConnected.random(jax.random.key(0), (5, 5))
    stats.save(path := tmp_path / "s.npz", phi, norm)
    for again in (dl.RidgeStats.load(path), dl.RidgeStats.load(path, phi, norm)):
        for a, b in zip(jax.tree.leaves(stats), jax.tree.leaves(again), strict=True):
            assert np.array_equal(a, b)
            assert a.dtype == b.dtype
    other = dl.FullyConnected.random(jax.random.key(1), (5, 5))
    for pair in ((other, norm), (phi, dl.Normalisation((1, 5, 1), 255.0, 0.4, 0.3))):
        with pytest.raises(ValueError, match="made with another feature map"):
            dl.RidgeStats.load(path, *pair)
    stats.save(path)
    with pytest.raises(ValueError, match="names no feature map"):
        dl.RidgeStats.load(path, phi, norm)
    with pytest.raises(ValueError, match="or neither"):
        stats.save(path, phi)
    assert digest(dl.AffineCoupling.random(jax.random.key(0), 4, layers=1, hidden=2)) == digest(
        dl.AffineCoupling.random(jax.random.key(0), 4, layers=1, hidden=2)
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": np.array("a set")}, "of the kind 'a set'"),
        ({"count": np.array(-1)}, "are negative"),
        ({"triangle": np.zeros(4)}, "triangle is float64"),
        ({"cross": np.full((3, 5), np.nan)}, "NaN"),
        ({"more": np.zeros(2)}, "also holds 'more'"),
    ],
)
def test_a_file_that_is_none_of_statistics_is_refused_by_name(tmp_path, change, word):
    of(samples(np.random.default_rng(0))).save(path := tmp_path / "s.npz")
    with np.load(path) as file:
        np.savez(path, **(dict(file) | change))
    with pytest.raises(ValueError, match=word) as failed:
        dl.RidgeStats.load(path)
    assert "s.npz cannot be read as statistics" in str(failed.value)


PART, NORM = dl.RidgeStats.of(np.eye(2), np.eye(2)), dl.Normalisation((1, 2, 1), 1, 0, 1)


@pytest.mark.parametrize(
    ("parts", "options", "word"),
    [
        ([], {}, "no part was given"),
        ([PART], {}, "1 part has no other"),
        ([PART, PART], {"regs": ()}, "grid of ridge parameters is empty"),
        ([PART, PART], {"regs": (-1.0,)}, "reg = -1.0"),
        ([PART, PART], {"validation": "loo"}, "one of parts, generalised"),
        ([PART], {"regs": (0.0, 1.0), "validation": "generalised"}, "goes through all 2 samples"),
        ([dl.RidgeStats.of(np.eye(3), np.eye(3))], {}, "of 3 features"),
        ([PART, dl.RidgeStats.of(np.eye(2), np.eye(2, 3))], {}, "do not add up"),
        ([PART, dl.RidgeStats.of(np.eye(2)[:0], np.eye(2)[:0])], {}, "part 1 holds no sample"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_a_sentence(parts, options, word):
    with pytest.raises(ValueError, match=re.escape(word)):
        dl.fit_statistics(parts, dl.Linear(2), NORM, **options)


# Another normalisation.


@few
@given(seeds)
def test_after_another_affine_normalisation_the_statistics_need_the_class_counts(seed):
    rng = np.random.default_rng(seed)
    x, y = samples(rng)
    a, change = rng.normal(size=5), matrix(rng, 5, 5)
    stats, counts = of((x, y)), y.sum(axis=0)
    gram, cross, n = np.asarray(stats.gram), np.asarray(stats.cross), int(stats.count)
    total = cross.sum(axis=0)
    assert close(total, x.sum(axis=0), 10)
    moved = gram - np.outer(a, total) - np.outer(total, a) + n * np.outer(a, a)
    wanted = of(((x - a) @ change.T, y))
    assert close(change @ moved @ change.T, wanted.gram, 1e3)
    assert close((cross - np.outer(counts, a)) @ change.T, wanted.cross, 1e3)
    assert close(cross @ change.T, of((x @ change.T, y)).cross, 1e3)


def test_without_the_class_counts_two_data_sets_have_one_file_and_two_after_a_shift():
    """Inputs 0 belong to either class: G, C, n and ||Y||^2 do not tell."""
    x, found = np.array([[1.0], [1.0], [0.0]]), []
    for last in (0, 1):
        y = np.eye(2)[[0, 1, last]]
        found.append((of((x, y)), of((x - 1, y))))
    (stats, moved), (again, other) = found
    assert all(map(np.array_equal, jax.tree.leaves(stats), jax.tree.leaves(again)))
    assert not np.allclose(moved.cross, other.cross)


# The union of distilled sets.


def exact(weights, rng, m=3, reg=0.0):
    """An exact set of a model, with one-hot labels."""
    y = np.eye(3)[np.arange(m) % 3]
    d = dl.recovery_matrix(weights, y, 0.1 * rng.normal(size=(m, weights.shape[1])))
    return np.asarray(dl.support_features(d, reg)), y


@few
@given(seeds)
def test_the_union_of_exact_sets_is_no_set_of_the_union(seed):
    """And what it trains is the mean of both models that their own points weigh."""
    rng = np.random.default_rng(seed)
    data = [samples(rng, n=20, p=8) for _ in range(2)]
    models = [train(*pair, 0.5) for pair in data]
    wanted = train(*both(*data), 0.5)
    sets = [exact(w, rng) for w in models]
    for w, pair in zip(models, sets, strict=True):
        assert close(train(*pair), w, 1e4)
    made = train(*both(*sets))
    assert np.linalg.norm(made - wanted) > 0.05 * np.linalg.norm(wanted)
    a, b = (x.T @ x for x, _ in sets)
    assert close(made, (models[0] @ a + models[1] @ b) @ np.linalg.pinv(a + b, rcond=1e-11), 1e5)


@pytest.mark.parametrize("r", [1, 2, 3])
def test_few_points_have_a_gram_matrix_of_the_rank_of_their_model_and_data_with_a_ridge_all(r):
    rng = np.random.default_rng(r)
    y = np.eye(3)
    points = np.asarray(dl.support_features(dl.recovery_matrix(matrix(rng, 3, 8, r), y)))
    assert np.linalg.matrix_rank(points.T @ points, tol=1e-9) == r
    x, _ = samples(rng, n=2, p=8)
    assert np.linalg.matrix_rank(x.T @ x + 0.5 * np.eye(8)) == 8


def test_the_union_of_two_sets_of_one_model_may_carry_more_of_it():
    """One feature 1 with the label 2: 1 at lam = 1, and 4 / 3 for two such sets."""
    one = np.ones((1, 1)), np.full((1, 1), 2.0)
    assert np.isclose(train(*one, 1.0), 1)
    assert np.isclose(train(*both(one, one), 1.0), 4 / 3)
    assert np.isclose(train(*both(one, one), 2.0), 1)  # lam = lam_S1 + lam_S2


@few
@given(seeds, st.sampled_from((0.0, 0.2)), st.sampled_from((0.0, 0.1, 0.2, 0.7)))
def test_the_union_trains_to_the_mean_of_both_models_times_a_factor(seed, reg_s, reg):
    rng = np.random.default_rng(seed)
    sets = [samples(rng, n=n, p=8) for n in (3, 4)]  # any labels: they carry what they train to
    models = [train(*pair, reg_s / 2) for pair in sets]
    a, b = (x.T @ x + reg_s / 2 * np.eye(8) for x, _ in sets)
    mean = (models[0] @ a + models[1] @ b) @ np.linalg.pinv(a + b, rcond=1e-11)
    made = train(*both(*sets), reg)
    factor = (a + b) @ np.linalg.pinv(a + b + (reg - reg_s) * np.eye(8), rcond=1e-11)
    assert close(made, mean @ factor, 1e5)
    if reg == reg_s:
        assert close(made, mean, 1e5)
    else:
        assert (np.linalg.norm(made) > np.linalg.norm(mean)) == (reg < reg_s)


@few
@given(seeds)
def test_the_union_is_exact_if_both_sets_carry_one_model_and_the_lam_add_up(seed):
    rng = np.random.default_rng(seed)
    w = matrix(rng, 3, 8, scale=0.05)
    sets = [exact(w, rng, m, reg) for m, reg in ((3, 0.1), (5, 0.05))]
    assert close(train(*both(*sets), 0.15), w, 1e3)
    assert not close(train(*both(*sets), 0.1), w, 1e3)


@few
@given(seeds)
def test_sets_of_the_same_moments_add_up_for_every_lam_and_with_any_data(seed):
    rng = np.random.default_rng(seed)
    data = [samples(rng, n=20, p=6) for _ in range(2)]
    sets = []
    for x, y in data:
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        sets.append((s[:, None] * vt, u.T @ y))  # 6 points in place of 20
    for reg in REGS:
        assert close(train(*both(*sets), reg), train(*both(*data), reg), 100)
        assert close(train(*both(sets[0], data[1]), reg), train(*both(*data), reg), 100)


@few
@given(seeds)
def test_a_set_with_fewer_points_fails_with_some_of_p_new_samples(seed):
    """The proof's samples: X_2 = I, and labels that tell the two inverses apart."""
    rng = np.random.default_rng(seed)
    p, reg = 6, 0.5
    x, y = samples(rng, n=20, p=p)
    small = exact(train(x, y, reg), rng, 5, 0.0)  # carries W, with 5 < 6 points, at its own lam_S
    more = np.eye(p)
    worst = 0.0
    for targets in (np.zeros((p, 3)), *(np.outer(np.eye(p)[j], np.eye(3)[0]) for j in range(p))):
        wanted = train(*both((x, y), (more, targets)), reg)
        made = train(*both(small, (more, targets)), reg)
        worst = max(worst, np.linalg.norm(made - wanted) / np.linalg.norm(wanted))
    assert worst > 1e-3


def test_a_map_that_is_neither_linear_nor_onto_can_need_a_point_for_each_sample():
    """phi(x) = (cos x, sin x): every point adds 1 to the trace of G, and G has rank 2."""
    angles = np.arange(5.0)
    x, y = np.c_[np.cos(angles), np.sin(angles)], np.eye(2)[np.arange(5) % 2]
    gram = np.asarray(of((x, y)).gram)
    assert np.linalg.matrix_rank(gram) == 2
    assert np.isclose(np.trace(gram), 5)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    two = s[:, None] * vt, u.T @ y  # the features and labels of two points with the same moments
    assert close(np.asarray(of(two).gram), gram, 10)
    assert (np.linalg.norm(two[0], axis=1) > 1.1).any()  # which no x has


@few
@given(seeds)
def test_for_one_known_batch_k_points_do(seed):
    rng = np.random.default_rng(seed)
    (x, y), (x2, y2), reg = samples(rng), samples(rng), 0.5
    wanted = train(*both((x, y), (x2, y2)), reg)
    rest = wanted @ (x2.T @ x2 + reg * np.eye(5)) - y2.T @ x2  # R
    small = rest, np.eye(3) + rest @ wanted.T
    assert close(train(*both(small, (x2, y2)), reg), wanted, 100)
