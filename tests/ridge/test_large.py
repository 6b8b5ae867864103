"""Training sets that are never held as a whole: what is read, how much is alive, and the results."""

import warnings
import weakref
from itertools import pairwise

import jax
import numpy as np
import pytest
from helpers import close, condition, seeds, train
from hypothesis import given, settings
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.baselines.training_set import Targets
from distill_lib.engines import InOrder
from distill_lib.images import Whitening, balanced_points, balanced_sample
from distill_lib.ridge import batches, selection, sources

K, SHAPE = 3, (2, 3, 2)
NORMALISATION = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4))
PHI = dl.FullyConnected.random(jax.random.key(7), (12, 9))
WHITE = Whitening.of(np.arange(240).reshape(20, *SHAPE) % 251, NORMALISATION)
KEY, REGS = jax.random.key(0), (1e-2, 1.0, 1e2, 1e4)
QUIET = pytest.mark.filterwarnings("ignore:.*lam:UserWarning")


@pytest.fixture(autouse=True)
def ten_rows_a_batch(monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 10)
    monkeypatch.setattr(sources, "_DRAWN", 10)


def pictures(seed, n=93):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % K)
    images = rng.integers(0, 200, (n, *SHAPE))
    images[np.arange(n), labels % 2, labels % 3] += 55
    return images.astype(np.uint8), labels


def features(images):
    x = (images / 255.0 - NORMALISATION.mean) / NORMALISATION.std
    x = x.transpose(0, 3, 1, 2).reshape(len(x), -1) @ np.asarray(PHI.weights[0]).T
    return np.where(x > 0, x, 0.1 * x)


class File:
    """An array that can be sliced and nothing else, as one of HDF5 or Zarr.

    It counts the rows that were read, the longest slice, and the rows that are alive at once.
    """

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.read, self.longest, self.alive, self.peak = 0, 0, 0, 0

    def __getitem__(self, part):
        assert isinstance(part, slice), part
        made = self.array[part].copy()
        self.read += len(made)
        self.longest = max(self.longest, len(made))
        self.alive += len(made)
        self.peak = max(self.peak, self.alive)
        weakref.finalize(made, self.forget, len(made))
        return made

    def forget(self, rows):
        self.alive -= rows

    def __array__(self, *_, **__):
        raise AssertionError("loaded whole")


class Rows:
    """An array whose rows are those of a matrix: what is said of pictures, said of features."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, (len_of(array), 12), array.dtype

    def __getitem__(self, part):
        return self.array[part].reshape(-1, 12)


def len_of(array):
    return array.shape[0]


class Sent(File):
    """A file that is sent as a handle, as one of Zarr: it is not pickled with its rows."""

    def __init__(self, inner):
        self.inner, self.shape, self.dtype = inner, inner.shape, inner.dtype

    def __getitem__(self, part):
        return self.inner[part]

    def __reduce__(self):
        return str, ("a handle",)


def solved(x, y):
    return dl.fit_matrix_free(x, y, PHI, NORMALISATION, reg=10.0, key=KEY, classes=K, sketch=9)


def cut(images, labels, size):
    """A stream that makes its batches anew each time."""
    return dl.Stream(
        lambda: (
            (images[start : start + size], labels[start : start + size])
            for start in range(0, images.shape[0], size)
        ),
        K,
    )


def fitted(images, labels, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"key": KEY, "regs": REGS, "val_fraction": 0.3} | options
        return dl.fit(images, labels, PHI, NORMALISATION, **options)


def bits(model):
    return np.asarray(model.weights).tobytes(), model.validation, model.reg


OPTIONS = {
    "random": {},
    "stratified": {"validation": "stratified"},
    "leave-one-out": {"validation": "leave-one-out"},
    "refit": {"refit": True},
    "one lam": {"regs": (1.0,), "val_fraction": 0},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_file_gives_the_bits_of_an_array_and_is_never_loaded_whole(name):
    images, labels = pictures(0)
    file = File(images)
    assert bits(fitted(file, labels, **OPTIONS[name])) == bits(
        fitted(images, labels, **OPTIONS[name])
    )
    assert file.longest <= 10


@pytest.mark.parametrize("name", OPTIONS)
def test_as_many_rows_are_alive_for_every_size(name):
    peaks = []
    for n in (93, 403):
        images, labels = pictures(0, n)
        file = File(images)
        fitted(file, labels, **OPTIONS[name])
        peaks.append(file.peak)
    assert max(peaks) <= 40
    if name != "stratified":
        peaks = []
        for n in (93, 403):
            file = File(pictures(0, n)[0])
            fitted(cut(file, pictures(0, n)[1], 7), None, **OPTIONS[name])
            peaks.append(file.peak)
        assert max(peaks) <= 14  # one batch of the stream, while the next one is made


def rows_of(x, y):
    """A training set of KIP and RFAD, of some rows."""
    return Targets.of(x, y, NORMALISATION, K, rows=np.arange(0, len(PICTURED[1]), 3))


PICTURED = pictures(1, 13000)
PATH = dl.RidgePath.of(dl.RidgeStats.of(np.arange(144.0).reshape(12, 12) % 7, np.eye(12)))
PUBLIC = {
    "targets": lambda x, y: Targets.of(x, y, NORMALISATION),
    "rows of targets": rows_of,
    "white targets": lambda x, y: Targets.of(x, y, WHITE, K),
    "accuracies": lambda x, y: PATH.accuracies(Rows(x), y, REGS),
    "losses": lambda x, y: PATH.losses(Rows(x), Rows(x), REGS),
    "features": lambda x, y: dl.RidgeStats.of(Rows(x), Rows(x)),
    "fit": lambda x, y: fitted(x, y).weights,
    "engine": lambda x, y: fitted(Sent(x), y, engine=InOrder()).weights,
    "without G": lambda x, y: solved(x, y).model.weights,
    "sample": lambda x, y: balanced_sample(KEY, y, 6, K),
    "statistics": lambda x, y: dl.RidgeStats.of_images(x, y, K, PHI, NORMALISATION),
    "scores": lambda x, y: fitted(*pictures(0)).scores(x),
    "accuracy": lambda x, y: fitted(*pictures(0)).accuracy(x, y),
    "set": lambda x, y: dl.distill(fitted(*pictures(0)), K, key=KEY).accuracy(x, y),
    "check": lambda x, y: NORMALISATION.check(x),
    "points": lambda x, y: balanced_points(KEY, x, y, 6, K, NORMALISATION),
    "pool": lambda x, y: dl.distill(fitted(*pictures(0)), 6, key=KEY, start="nearest", pool=(x, y)),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_no_public_function_loads_a_file_whole(name):
    images, labels = PICTURED
    file, classes = File(images), File(labels)
    made, wanted = PUBLIC[name](file, classes), PUBLIC[name](images, labels)
    for a, b in zip(*map(jax.tree.leaves, (made, wanted)), strict=True):
        assert np.allclose(a, b, rtol=1e-9)  # the same bits, but for chunks of features
    assert max(file.longest, classes.longest) <= 4096  # the longest batch of any
    assert file.peak <= 2 * 4096


def test_whitening_reads_a_file_in_batches():
    images, _ = pictures(1, 13000)
    file = File(images)
    made = Whitening.of(file, NORMALISATION)
    assert np.array_equal(made.forward, Whitening.of(images, NORMALISATION).forward)
    assert file.longest <= 4096


# Streams


@given(seeds, st.lists(st.integers(0, 20), min_size=1, max_size=9))
def test_statistics_of_a_stream_are_the_same_however_it_is_cut(seed, sizes):
    images, labels = pictures(seed, 60)
    cuts = np.minimum(np.cumsum([0, *sizes, 60]), 60)

    def make():
        for a, b in pairwise(cuts):
            yield images[a:b], labels[a:b]

    found = dl.RidgeStats.of_images(make, None, K, PHI, NORMALISATION)
    whole = dl.RidgeStats.of_images(cut(images, labels, 60), None, K, PHI, NORMALISATION)
    for a, b in zip(*map(jax.tree.leaves, (found, whole)), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    f, y = features(images), np.eye(K)[labels]
    assert close(found.gram, f.T @ f)
    assert close(found.cross, y.T @ f)
    assert found.count == 60


def test_a_fit_of_a_stream_is_the_same_however_it_is_cut():
    images, labels = pictures(3)
    for name in ("random", "refit", "leave-one-out"):
        models = {
            bits(fitted(cut(images, labels, s), None, **OPTIONS[name])) for s in (1, 7, 10, 93)
        }
        assert len(models) == 1


@settings(max_examples=15)
@given(seeds, st.booleans(), st.integers(1, 30))
def test_a_fit_of_a_stream_is_that_of_its_rows(seed, refit, size):
    """Which are held out is computed anew, from the draws that the number of a row decides."""
    images, labels = pictures(seed)
    key = jax.random.key(seed)
    model = fitted(cut(images, labels, size), None, refit=refit, key=key)
    data = np.asarray(jax.random.key_data(key)).tolist()
    draws = np.concatenate([np.random.default_rng([*data, i]).random(10) for i in range(10)])[:93]
    out = draws < 0.3
    for c in range(K):
        out[np.argmax(labels == c)] = False
    f, y = features(images), np.eye(K)[labels]
    solutions = [train(f[~out], y[~out], reg) for reg in REGS]
    accuracies = [np.mean((f[out] @ w.T).argmax(1) == labels[out]) for w in solutions]
    assert np.allclose(model.validation, accuracies)
    rows = np.full(93, True) if refit else ~out
    assert close(model.weights, train(f[rows], y[rows], model.reg), 1e3 * condition(f))


@QUIET
@settings(max_examples=10)
@given(seeds)
def test_leave_one_out_of_a_stream_is_that_of_an_array(seed):
    images, labels = pictures(seed)
    a = fitted(cut(images, labels, 8), None, validation="leave-one-out")
    b = fitted(images, labels, validation="leave-one-out")
    assert a.validation == b.validation
    assert a.reg == b.reg
    assert close(a.weights, b.weights, 1e3 * condition(features(images)))


@given(seeds, st.floats(0.05, 0.9), st.integers(1, 7))
def test_no_class_of_a_stream_is_held_out_as_a_whole(seed, share, size):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(K), rng.integers(1, 5, K)))
    images = rng.integers(0, 256, (len(labels), *SHAPE)).astype(np.uint8)
    source = dl.ridge.sources.InStream(cut(images, labels, size), K, NORMALISATION)
    source.divide(jax.random.key(seed % 5), share, "random", 2)
    trained, held = ([y[y >= 0] for _, y in part()] for part in (source.trained, source.held_out))
    assert set(np.concatenate(trained)) == set(range(K))
    both = np.concatenate([*trained, *held])
    assert np.array_equal(np.bincount(both), np.bincount(labels))


@pytest.mark.parametrize(("name", "passes"), [("one lam", 1), ("random", 2), ("leave-one-out", 2)])
def test_a_stream_is_read_no_more_than_it_takes(name, passes):
    images, labels = pictures(0)
    file = File(images)
    fitted(cut(file, labels, 9), None, **OPTIONS[name])
    assert file.read == passes * 93


def changing(first, then):
    """A stream that is another one when it is read again."""
    readings = iter([first, then])

    def make():
        yield from cut(*next(readings), 7).make()

    return dl.Stream(make, K)


def test_a_stream_that_is_another_one_the_second_time_is_told():
    images, labels = pictures(0)
    for then, message in (
        ((images[:80], labels[:80]), "gave 93 rows when it was read first and 80 now"),
        ((np.r_[images, images], np.r_[labels, labels]), "93 rows .* and 186 now"),
        ((images, np.roll(labels == 0, 1) + 0), "of class 0 31 and 62"),
    ):
        with pytest.raises(ValueError, match=message):
            fitted(changing((images, labels), then), None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 5}, "the stream has no sample of class 3, 4; every one of the 5 classes"),
        ({"classes": 2}, "labels of batch 0 holds 0..2, but 2 classes"),
        ({"validation": "stratified"}, "'stratified' needs the number of samples of each class"),
        ({"val_fraction": 0}, "val_fraction = 0 holds out nothing"),
        ({"val_fraction": 1.0}, r"val_fraction = 1.0 is no share .* \[0, 1\)"),
        ({"val_fraction": 1e-9}, "no sample was held out"),
        ({"labels": [0, 1]}, "a stream brings its labels with it"),
    ],
)
def test_bad_settings_of_a_stream_are_one_sentence(options, message):
    images, labels = pictures(0)
    with pytest.raises(ValueError, match=message):
        fitted(**{"images": cut(images, labels, 7), "labels": None} | options)


def test_the_number_of_classes_of_a_stream_has_to_be_known():
    stream = dl.Stream(cut(*pictures(0), 7).make)
    with pytest.raises(ValueError, match="give classes=k"):
        fitted(stream, None)
    assert fitted(stream, None, classes=K).weights.shape == (K, 9)


@pytest.mark.parametrize("size", [1, 7, 93])
def test_accuracy_on_a_stream_is_that_on_its_rows(size):
    images, labels = pictures(5)
    model = fitted(images, labels)
    assert model.accuracy(cut(images, labels, size), None) == model.accuracy(images, labels)


def test_samples_held_out_are_judged_by_counts():
    """The same accuracies and losses, whatever the batches."""
    rng = np.random.default_rng(0)
    f, truth = rng.normal(size=(40, 6)), rng.integers(0, K, 40)
    path = dl.RidgePath.of(dl.RidgeStats.of(f, np.eye(K)[truth]))
    other, labels = rng.normal(size=(23, 6)), rng.integers(0, K, 23)
    rows = [(other[i : i + 5], labels[i : i + 5]) for i in range(0, 23, 5)]
    weights = np.stack([np.asarray(path.weights(reg)) for reg in REGS])
    found = np.array(selection.judged(weights, rows))
    assert np.array_equal(found[:, 0], path.accuracies(other, labels, REGS))
    assert np.allclose(found[:, 1], path.losses(other, np.eye(K)[labels], REGS), rtol=1e-12)
    assert selection.judged(weights, []) == []
