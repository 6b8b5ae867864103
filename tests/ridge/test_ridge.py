"""Sufficient statistics, the ridge path and the choice of lam, against NumPy's least squares."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import close, condition, matrix, scales, seeds, train
from hypothesis import given, settings
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.ridge import batches, selection, sums

K, P, N = 3, 5, 24
SHAPE = (2, 3, 2)
NORMALISATION = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4))
FEATURES = dl.FullyConnected.random(jax.random.key(7), (12, 9))


def rows(draw_seed, n=N, p=P, rank=None):
    rng = np.random.default_rng(draw_seed)
    f = matrix(rng, n, p, rank)
    return f, np.eye(K)[rng.integers(0, K, n)] + 0.1 * rng.normal(size=(n, K)), rng


def pictures(seed, n=41):
    """Images with every class present and a class signal, so that ridge regression has something to
    learn.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % K).astype(np.int32)
    images = rng.integers(0, 200, (n, *SHAPE))
    images[np.arange(n), labels % 2, labels % 3] += 55
    return images.astype(np.uint8), labels


def inputs(images):
    """(pixel / 255 - mean) / std, channel first, by definition."""
    x = (images / 255.0 - NORMALISATION.mean) / NORMALISATION.std
    return x.transpose(0, 3, 1, 2).reshape(len(x), -1)


def leaky(x):
    x = x @ np.asarray(FEATURES.weights[0]).T
    return np.where(x > 0, x, 0.1 * x)


def equal(a, b, tolerance=1e-12):
    """Whether two statistics agree to rounding."""
    return all(
        np.allclose(x, y, rtol=tolerance, atol=tolerance * np.abs(y).max())
        for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True)
    )


def test_importing_the_package_switches_to_64_bit():
    assert jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == "float64"


# RidgeStats


@given(seeds)
def test_statistics_are_those_of_the_normal_equations(seed):
    f, y, _ = rows(seed)
    stats = dl.RidgeStats.of(f, y)
    assert close(stats.gram, f.T @ f)
    assert np.array_equal(stats.gram, stats.gram.T)
    assert close(stats.cross, y.T @ f)
    assert np.isclose(stats.label_sq, (y**2).sum())
    assert stats.count == N


@given(seeds, st.sampled_from(((16,), (2, 5, 9), (9, 2, 5), (2, 2, 2, 5, 5))))
def test_statistics_add_up_over_any_partition(seed, sizes):
    f, y, rng = rows(seed, n=16)
    parts = [
        dl.RidgeStats.of(f[part], y[part])
        for part in np.split(rng.permutation(16), np.cumsum(sizes)[:-1])
    ]
    whole = dl.RidgeStats.of(f, y)
    assert equal(sum(parts[1:], parts[0]), whole)
    assert whole.count == 16


@pytest.mark.parametrize("kind", [sums.HostSums, sums.DeviceSums])
@pytest.mark.parametrize("strip", [1, 2, 3, 4, 100])
def test_the_strips_make_the_whole_gram_matrix(strip, kind, monkeypatch):
    f, y, _ = rows(0, n=7)
    monkeypatch.setattr(sums, "STRIP", strip)
    sums._added.clear_cache()
    try:
        both = kind(f.shape[1], y.shape[1], f.dtype)
        both.add(f[:4], y[:4], 4)
        both.add(f[4:], y[4:], 3)
        made = dl.RidgeStats(*both.whole())
    finally:
        sums._added.clear_cache()
    assert close(made.gram, f.T @ f)
    assert close(made.cross, y.T @ f)
    assert np.isclose(made.label_sq, np.sum(np.square(y)))
    assert made.count == 7
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(made))


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize(
    "batch", [1, 7, 10, 41, 2048]
)  # 41 samples: with and without padding, one batch and many
def test_statistics_of_images_are_those_of_their_features(batch, dtype, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", batch)
    images, labels = pictures(0)
    stats = dl.RidgeStats.of_images(images.astype(dtype), labels, K, FEATURES, NORMALISATION)
    f, y = leaky(inputs(images)), np.eye(K)[labels]
    assert equal(stats, dl.RidgeStats(f.T @ f, y.T @ f, np.asarray(41.0), np.asarray(41)))


@pytest.mark.parametrize("kind", [sums.HostSums, sums.DeviceSums])
@pytest.mark.parametrize(
    "phi", [FEATURES, dl.Linear(12), dl.RandomFourier.random(jax.random.key(1), 12, 8)]
)
def test_a_padded_batch_adds_its_real_images(kind, phi):
    images, labels = pictures(0, n=7)
    both = kind(phi.dim_out, K, np.float64)
    both.add_images(phi, NORMALISATION, images, np.where(np.arange(7) < 5, labels, -1))
    both.add_images(phi, NORMALISATION, images, labels)
    seen = np.r_[:5, :7]
    f, y = np.asarray(phi(inputs(images)))[seen], np.eye(K)[labels[seen]]
    made = dl.RidgeStats(*both.whole())
    assert equal(made, dl.RidgeStats(f.T @ f, y.T @ f, np.asarray(12.0), np.asarray(12)))


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int32", "uint32", "int64", "uint64"])
def test_labels_of_every_integer_type_count_the_same(kind, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 10)
    images, labels = pictures(0)
    wanted = dl.RidgeStats.of_images(images, labels, K, FEATURES, NORMALISATION)
    assert equal(
        dl.RidgeStats.of_images(images, labels.astype(kind), K, FEATURES, NORMALISATION), wanted, 0
    )
    model = dl.fit(
        images, labels.astype(kind), FEATURES, NORMALISATION, key=jax.random.key(0), regs=(1.0,)
    )
    assert model.weights.shape == (K, 9)


@given(seeds, scales, st.floats(0, 10))
def test_loss_is_its_definition(seed, scale, reg):
    f, y, rng = rows(seed)
    w = scale * rng.normal(size=(K, P))
    wanted = np.linalg.norm(f @ w.T - y) ** 2 + reg * np.linalg.norm(w) ** 2
    assert np.isclose(dl.RidgeStats.of(f, y).loss(w, reg), wanted, rtol=1e-9)
    assert np.isclose(dl.RidgeStats.of(f, y).loss(w), np.linalg.norm(f @ w.T - y) ** 2, rtol=1e-9)


@given(seeds, st.sampled_from(dl.GRID))
def test_no_other_weights_have_less_loss(seed, reg):
    f, y, rng = rows(seed)
    stats = dl.RidgeStats.of(f, y)
    w = dl.RidgePath.of(stats).weights(reg)
    for size in (1e-3, 1.0):
        assert stats.loss(w, reg) < stats.loss(w + size * rng.normal(size=(K, P)), reg)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, y: dl.RidgeStats.of(f, y[:20]), r"targets has shape \(20, 3\), .* \(24, any\)"),
        (lambda f, y: dl.RidgeStats.of(f[0], y), r"features has shape \(5,\)"),
        (lambda f, y: dl.RidgeStats.of(f, y[:, 0]), r"targets has shape \(24,\)"),
        (
            lambda f, y: dl.RidgeStats.of(np.where(f == f[2, 1], np.nan, f), y),
            r"features holds 1 .* \(2, 1\)",
        ),
        (
            lambda f, y: dl.RidgeStats.of(f, np.where(y == y[2, 1], np.inf, y)),
            r"targets holds 1 .* \(2, 1\)",
        ),
        (lambda f, y: dl.RidgeStats.of(f, y).solve(-1.0), "reg = -1.0 is not a ridge parameter"),
        (
            lambda f, y: dl.RidgePath.of(dl.RidgeStats.of(f, y)).weights(np.nan),
            "reg = nan is not a ridge",
        ),
        (lambda f, y: dl.RidgeStats.of(0 * f, y).solve(0.0), "not positive definite at reg = 0"),
    ],
)
def test_bad_statistics_are_refused(call, message):
    f, y, _ = rows(0)
    with pytest.raises(ValueError, match=message):
        call(f, y)


# RidgePath


@given(seeds, st.integers(1, P))
def test_the_path_is_the_direct_solution_for_the_whole_grid(seed, rank):
    f, y, _ = rows(seed, rank=rank)
    stats = dl.RidgeStats.of(f, y)
    path = dl.RidgePath.of(stats)
    for reg in dl.GRID:
        # The Gram matrix squares the condition number; with rank < p the grid's smallest reg is
        # what bounds it.
        cond = (np.linalg.norm(f, 2) ** 2 + reg) / (reg if rank < P else reg + 1)
        wanted = train(f, y, reg)
        size = np.linalg.norm(y) * np.linalg.norm(f) / (np.linalg.norm(f, 2) ** 2 + reg)
        assert close(path.weights(reg), wanted, 10 * cond, size)
        assert close(stats.solve(reg), wanted, 10 * cond, size)


@given(seeds, st.integers(0, P))
def test_without_a_ridge_the_path_is_the_solution_of_least_norm(seed, rank):
    f, y, _ = rows(seed, rank=rank)
    assert close(
        dl.RidgePath.of(dl.RidgeStats.of(f, y)).weights(0.0), train(f, y), condition(f) ** 3, 1.0
    )


@given(seeds)
def test_accuracies_are_those_of_the_weights(seed):
    f, y, rng = rows(seed)
    path, truth = dl.RidgePath.of(dl.RidgeStats.of(f, y)), rng.integers(0, K, N)
    regs = np.array([0.0, 1e-6, 1.0, 1e5])
    found = path.accuracies(f, truth, regs)
    assert np.allclose(
        found, [np.mean((f @ train(f, y, reg).T).argmax(1) == truth) for reg in regs]
    )


def test_the_grid_is_that_of_the_released_code():
    assert len(dl.GRID) == 24
    assert np.allclose(np.log10(dl.GRID), np.arange(-6, 6, 0.5))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_that_of_the_normalisation(dtype):
    images, labels = pictures(0)
    normalisation = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4), dtype)
    key = jax.random.key(7)
    for phi in (
        dl.Linear(12),
        dl.FullyConnected.random(key, (12, 9), dtype=dtype),
        dl.RandomFourier.random(key, 12, 8, dtype=dtype),
    ):
        stats = dl.RidgeStats.of_images(images, labels, K, phi, normalisation)
        assert {stats.gram.dtype, stats.cross.dtype, stats.label_sq.dtype} == {jnp.dtype(dtype)}
    assert dl.RidgePath.of(stats).weights(0.5).dtype == dtype
    assert stats.solve(0.5).dtype == dtype
    model = dl.fit(images, labels, phi, normalisation, key=key, refit=True)
    assert model.weights.dtype == dtype
    assert model.scores(images).dtype == dtype


# fit


def spied_fit(images, labels, **options):
    """fit, with the parts it trained and validated on."""
    parts, padded = [], batches.padded

    def of(images, truth, normalisation, rows):
        parts.append((images[rows], truth))
        return padded(images, truth, normalisation, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "padded", of)
        model = dl.fit(images, labels, FEATURES, NORMALISATION, **options)
    train, (val, _) = parts
    return model, {"train": train, "val": val}


QUIET = pytest.mark.filterwarnings("ignore:.*lam:UserWarning")


@QUIET
@settings(max_examples=20)
@given(seeds, st.booleans(), st.sampled_from(("auto", "largest", "loss")))
def test_fit_takes_the_best_validated_reg_and_of_equals_by_its_rule(seed, refit, ties):
    images, labels = pictures(seed)
    regs = tuple(np.random.default_rng(seed).permutation((1e-3, 1.0, 10.0, 1e2, 1e3, 1e4)).tolist())
    model, parts = spied_fit(
        images,
        labels,
        key=jax.random.key(seed),
        regs=regs,
        val_fraction=0.2,
        refit=refit,
        ties=ties,
    )
    (chunk, truth), held_out = parts["train"], parts["val"]
    # Every image is in one of the two parts: images are distinct, so they name their samples.
    index = {image.tobytes(): i for i, image in enumerate(images)}
    trained, validated = ([index[image.tobytes()] for image in part] for part in (chunk, held_out))
    assert len(validated) == round(0.2 * len(images))
    assert sorted(trained + validated) == list(range(len(images)))
    assert np.array_equal(truth, labels[trained])
    f, y = leaky(inputs(images)), np.eye(K)[labels]
    accuracies = [
        np.mean(
            (f[validated] @ train(f[trained], y[trained], reg).T).argmax(1) == labels[validated]
        )
        for reg in regs
    ]
    assert np.allclose(model.validation, accuracies)
    tied = [
        r
        for r, accuracy in zip(regs, model.validation, strict=True)
        if accuracy == max(model.validation)
    ]
    losses = {
        reg: np.sum((f[validated] @ train(f[trained], y[trained], reg).T - y[validated]) ** 2)
        for reg in tied
    }
    to_the_end = len(tied) > 1 and max(tied) == max(
        regs
    )  # nothing but the grid would have chosen the largest
    by_loss = ties == "loss" or (ties == "auto" and to_the_end)
    assert model.reg == (min(losses, key=losses.get) if by_loss else max(tied))
    assert model.regs == regs
    seen = slice(None) if refit else trained
    assert close(model.weights, train(f[seen], y[seen], model.reg), 1e3 * condition(f))
    assert np.array_equal(model.predict(images), (f @ np.asarray(model.weights).T).argmax(1))


@pytest.mark.parametrize("regs", [(1e6, 1e7, 1e8), (1e8, 1e7, 1e6), (1e6, 1e8, 1e7)])
def test_a_tie_up_to_the_end_of_the_grid_is_told_and_left_to_the_loss(regs):
    images, labels = pictures(0)

    def fitted(**options):
        return dl.fit(
            images, labels, FEATURES, NORMALISATION, key=jax.random.key(0), regs=regs, **options
        )

    with pytest.warns(
        UserWarning, match="1e\\+06 is an end of the grid .* 3 values .* the loss decided"
    ):
        model = fitted()
    assert len(set(model.validation)) == 1  # only the scale of W differs
    assert model.reg == 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted(ties="largest").reg == 1e8  # as the released code, which says nothing


def test_a_rare_class_is_not_lost_to_the_grid():
    """Six images of one class beside 136 of another: the largest lam has the same accuracy and
    finds none of them.
    """
    rng = np.random.default_rng(0)
    labels = np.repeat((0, 1), (136, 6))
    images = rng.integers(0, 120, (142, *SHAPE)).astype(np.uint8)
    images[labels == 1, 0] += 100
    for options in ({}, {"validation": "stratified"}, {"validation": "leave-one-out"}):
        for seed in range(3):
            with warnings.catch_warnings(record=True):
                warnings.simplefilter("always")
                model = dl.fit(
                    images, labels, FEATURES, NORMALISATION, key=jax.random.key(seed), **options
                )
            assert np.mean(model.predict(images[labels == 1]) == 1) > 0.8


@given(seeds, st.floats(0.05, 0.9), st.sampled_from(("random", "stratified")))
def test_no_class_is_held_out_as_a_whole(seed, share, validation):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, 5)
    labels = rng.permutation(np.repeat(np.arange(5), sizes))
    train, val = selection.parts(labels, jax.random.key(seed % 7), share, validation, 1)
    assert sorted([*train, *val]) == list(range(len(labels)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(val) > 0).all()
    assert set(labels[train]) == set(range(5))
    held = np.bincount(labels[val], minlength=5)
    if validation == "stratified":
        wished = sizes * round(share * len(labels)) / len(labels)
        assert (np.abs(held - wished) < 1 + 1e-9).all()
    else:
        alone = selection.split(len(labels), jax.random.key(seed % 7), share)[1]
        assert set(val) <= set(alone)
        assert len(alone) - len(val) <= np.sum(held == sizes - 1)


@QUIET
@settings(max_examples=10)
@given(seeds)
def test_leave_one_out_is_exact(seed):
    """Accuracy and choice are those of n models, each trained without one sample."""
    images, labels = pictures(seed, n=23)
    regs = (1e-2, 1.0, 10.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH", 10)
        model = dl.fit(
            images,
            labels,
            FEATURES,
            NORMALISATION,
            key=jax.random.key(0),
            regs=regs,
            validation="leave-one-out",
        )
    f, y = leaky(inputs(images)), np.eye(K)[labels]
    without = [np.delete(np.arange(23), i) for i in range(23)]
    answers = np.array(
        [[f[i] @ train(f[w], y[w], reg).T for i, w in enumerate(without)] for reg in regs]
    )
    assert np.allclose(model.validation, np.mean(answers.argmax(2) == labels, axis=1))
    rows = ((f[i : i + 7], labels[i : i + 7]) for i in range(0, 23, 7))
    judged = selection.left_out(dl.RidgePath.of(dl.RidgeStats.of(f, y)), rows, regs)
    assert np.allclose(
        [loss for _, loss in judged], np.sum((answers - y) ** 2, axis=(1, 2)) / 23, rtol=1e-8
    )
    assert close(
        model.weights, train(f, y, model.reg), 1e3 * condition(f)
    )  # nothing is held out of the model


def test_leave_one_out_says_where_it_has_no_digits_left():
    images, labels = pictures(0, n=9)
    model = {"feature_map": FEATURES, "normalisation": NORMALISATION, "key": jax.random.key(0)}
    with pytest.raises(ValueError, match="no digits left at reg = 1e-15"):
        dl.fit(images, labels, **model, regs=(1e-15, 1.0), validation="leave-one-out")


@QUIET
def test_a_twentieth_is_held_out_by_default():
    images, labels = pictures(0, n=100)
    model, parts = spied_fit(images, labels, key=jax.random.key(0))
    assert len(parts["val"]) == 5
    assert len(parts["train"][1]) == 95
    assert model.regs == dl.GRID


@QUIET
def test_the_split_follows_the_key():
    images, labels = pictures(0)
    options = {"val_fraction": 0.5, "regs": (1e-2, 1.0, 1e2)}
    first, again, other = (
        spied_fit(images, labels, key=jax.random.key(seed), **options) for seed in (3, 3, 4)
    )
    assert np.asarray(first[0].weights).tobytes() == np.asarray(again[0].weights).tobytes()
    assert first[0].validation == again[0].validation
    assert np.array_equal(first[1]["val"], again[1]["val"])
    assert not np.array_equal(first[1]["val"], other[1]["val"])


@pytest.mark.parametrize("reg", [0.0, 0.1])
def test_one_reg_without_a_validation_part_trains_on_everything(reg):
    images, labels = pictures(0)
    model = dl.fit(
        images, labels, FEATURES, NORMALISATION, key=jax.random.key(0), regs=(reg,), val_fraction=0
    )
    f = leaky(inputs(images))
    assert close(model.weights, train(f, np.eye(K)[labels], reg), 1e3 * condition(f))
    assert model.validation == ()
    assert model.reg == reg


@pytest.mark.parametrize("batch", [7, 41, 2048])
def test_scores_are_in_order_and_without_padding(batch, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", batch)
    images, labels = pictures(0)
    w = np.random.default_rng(0).normal(size=(K, 9))
    model = dl.RidgeModel(jnp.asarray(w), FEATURES, NORMALISATION, 0.0, (), ())
    wanted = leaky(inputs(images)) @ w.T
    assert close(model.scores(images), wanted)
    assert np.array_equal(model.predict(images), wanted.argmax(1))
    assert model.accuracy(images, labels) == np.mean(wanted.argmax(1) == labels)
    assert model.accuracy(images[:1], wanted[:1].argmax(1)) == 1


def broken(array, index, value):
    array = array.astype(float)
    array[index] = value
    return array


class Unmarked(dl.Linear):
    """As one writes it at first: the field is a parameter."""

    dim: int


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x, y: {"images": broken(x, (3, 1, 2, 0), np.nan)},
            r"images holds 1 .* \(3, 1, 2, 0\)",
        ),
        (
            lambda x, y: {"images": broken(x, (3, 1, 2, 0), np.inf)},
            r"images holds 1 .* \(3, 1, 2, 0\)",
        ),
        (lambda x, y: {"images": x[..., 0]}, r"images have shape \(41, 2, 3\); \(n, 2, 3, 2\)"),
        (
            lambda x, y: {"images": x[:, :, :2]},
            r"images have shape \(41, 2, 2, 2\); \(n, 2, 3, 2\)",
        ),
        (lambda x, y: {"images": x[:0], "labels": y[:0]}, r"images have shape \(0, 2, 3, 2\)"),
        (lambda x, y: {"labels": y[:40]}, "labels has 40 entries for 41 images"),
        (
            lambda x, y: {"labels": np.eye(K, dtype=int)[y]},
            r"labels must be .* not shape \(41, 3\) of int64",
        ),
        (
            lambda x, y: {"labels": y.astype(float)},
            r"labels must be .* not shape \(41,\) of float64",
        ),
        (
            lambda x, y: {"labels": broken(y, 0, np.nan)},
            r"labels must be .* not shape \(41,\) of float64",
        ),
        (
            lambda x, y: {"labels": broken(y, 0, np.inf)},
            r"labels must be .* not shape \(41,\) of float64",
        ),
        (lambda x, y: {"labels": y.astype(str)}, r"labels must be .* not shape \(41,\) of <U"),
        (lambda x, y: {"labels": y - 1}, "labels holds -1..1, but 2 classes are numbered 0..1"),
        (lambda x, y: {"classes": 2}, "labels holds 0..2, but 2 classes are numbered 0..1"),
        (lambda x, y: {"classes": 5}, "no sample of class 3, 4; every one of the 5"),
        (
            lambda x, y: {"classes": 9},
            "no sample of class 3, 4, 5, 6, 7 and more; every one of the 9",
        ),
        (
            lambda x, y: {"labels": np.where(y == 1, 0, y)},
            "no sample of class 1; every one of the 3",
        ),
        (lambda x, y: {"regs": ()}, "grid of ridge parameters is empty"),
        (lambda x, y: {"regs": 1.0}, r"regs = 1.0 is no grid; .* for one value \(value,\)"),
        (lambda x, y: {"regs": (1.0, -2.0)}, "reg = -2.0 is not a ridge parameter"),
        (lambda x, y: {"regs": (1.0, np.nan)}, "reg = nan is not a ridge parameter"),
        (
            lambda x, y: {"val_fraction": 0.0},
            "val_fraction = 0.0 of 41 samples leaves none to validate on",
        ),
        (
            lambda x, y: {"val_fraction": 0.01},
            "val_fraction = 0.01 of 41 samples leaves none to validate on",
        ),
        (
            lambda x, y: {"val_fraction": 0.999},
            "val_fraction = 0.999 of 41 samples leaves 0 to train on",
        ),
        (lambda x, y: {"val_fraction": 1.0}, r"val_fraction = 1.0 is no share .* \[0, 1\)"),
        (lambda x, y: {"val_fraction": -0.1}, "val_fraction = -0.1"),
        (lambda x, y: {"key": 0}, r"key = 0 is no random key of JAX; give key=jax.random.key\(0\)"),
        (
            lambda x, y: {"ties": "smallest"},
            "ties is 'smallest'; it must be one of auto, largest, loss",
        ),
        (lambda x, y: {"validation": "none"}, "validation is 'none'; it must be one of random"),
        (
            lambda x, y: {"images": 1e200 * x.astype(float)},
            r"G = .* is not finite .* scale the input",
        ),
        (
            lambda x, y: {"feature_map": Unmarked(12)},
            r"Unmarked.dim = 12 .* eqx.field\(static=True\)",
        ),
        (lambda x, y: {"val_fraction": np.nan}, "val_fraction = nan"),
        (lambda x, y: {"val_fraction": np.inf}, "val_fraction = inf"),
        (
            lambda x, y: {"feature_map": dl.Linear(13)},
            r"takes 13 inputs, but images of shape \(2, 3, 2\) have 12",
        ),
    ],
)
def test_bad_input_to_fit_is_one_sentence(change, message):
    images, labels = pictures(0)
    arguments = {
        "images": images,
        "labels": labels,
        "feature_map": FEATURES,
        "normalisation": NORMALISATION,
        "key": jax.random.key(0),
    }
    with pytest.raises(ValueError, match=message):
        dl.fit(**arguments | change(images, labels))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x, y: dl.RidgeStats.of_images(x, y, 2, FEATURES, NORMALISATION),
            "labels holds 0..2, but 2 classes",
        ),
        (
            lambda x, y: dl.RidgeStats.of_images(x, y - 1, K, FEATURES, NORMALISATION),
            "labels holds -1..1",
        ),
        (
            lambda x, y: dl.RidgeStats.of_images(x, y[:40], K, FEATURES, NORMALISATION),
            "labels has 40 entries for 41",
        ),
        (
            lambda x, y: dl.RidgeStats.of_images(x[:0], y[:0], K, FEATURES, NORMALISATION),
            r"\(0, 2, 3, 2\)",
        ),
        (
            lambda x, y: dl.RidgeStats.of_images(x / 0.0, y, K, FEATURES, NORMALISATION),
            "NaN or infinite",
        ),
    ],
)
def test_bad_input_to_statistics_of_images_is_one_sentence(call, message):
    images, labels = pictures(0)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        call(images, labels)


@pytest.mark.parametrize("call", ["scores", "predict"])
def test_bad_images_are_refused_at_prediction(call):
    images, _ = pictures(0)
    model = dl.RidgeModel(jnp.ones((K, 9)), FEATURES, NORMALISATION, 0.0, (), ())
    with pytest.raises(ValueError, match=r"images have shape \(41, 3, 2\)"):
        getattr(model, call)(images[:, 0])
    with pytest.raises(ValueError, match="NaN or infinite"):
        getattr(model, call)(broken(images, 0, np.nan))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(40, int), "labels has 40 entries for 41 images"),
        (np.full(41, 3), "labels holds 3..3, but 3 classes"),
        (np.zeros(41), "must be a vector of integer class indices"),
    ],
)
def test_accuracy_needs_labels_that_fit(labels, message):
    model = dl.RidgeModel(jnp.ones((K, 9)), FEATURES, NORMALISATION, 0.0, (), ())
    with pytest.raises(ValueError, match=message):
        model.accuracy(pictures(0)[0], labels)
    assert (
        model.accuracy(pictures(0)[0], np.zeros(41, int)) == 1
    )  # equal scores: the first class, the others unseen


@pytest.mark.parametrize(("phi_dtype", "dtype"), [("float32", "float64"), ("float64", "float32")])
def test_two_precisions_at_once_are_refused(phi_dtype, dtype):
    normalisation = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4), dtype)
    phi = dl.FullyConnected.random(jax.random.key(7), (12, 9), dtype=phi_dtype)
    with pytest.raises(ValueError, match=f"map is of {phi_dtype} and the normalisation of {dtype}"):
        dl.fit(*pictures(0), phi, normalisation, key=jax.random.key(0))


def test_statistics_of_different_models_do_not_add_up_and_sum_works():
    rng = np.random.default_rng(0)
    parts = [dl.RidgeStats.of(rng.normal(size=(4, 3)), rng.normal(size=(4, 2))) for _ in range(3)]
    assert np.allclose(sum(parts).gram, np.sum([part.gram for part in parts], axis=0))
    other = dl.RidgeStats.of(rng.normal(size=(4, 3)), rng.normal(size=(4, 1)))
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(1, 3\)"):
        parts[0] + other
