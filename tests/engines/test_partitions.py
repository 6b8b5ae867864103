"""Sums over partitions: the tree in one process, what it is made of, and the same on Dask."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import close, condition, seeds, train
from hypothesis import given, settings
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.engines import Cluster, InOrder, PartitionError, Total, engine_of
from distill_lib.engines.nodes import children, kept, root, size
from distill_lib.images import Whitening
from distill_lib.ridge.works import Part

ROOT = Path(__file__).parents[2]
K, SHAPE, COUNT, ROWS = 3, (2, 3, 2), 5, 24
NORM = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4))
PHI = dl.FullyConnected.random(jax.random.key(7), (12, 9))
KEY, REGS = jax.random.key(0), (1e-2, 1.0, 1e2)
QUIET = pytest.mark.filterwarnings("ignore:.*lam:UserWarning")
DASK = importlib.util.find_spec("distributed") is not None


def made(number, rows=ROWS):
    rng = np.random.default_rng([number, 5])
    labels = rng.integers(0, K, rows)
    images = rng.integers(0, 200, (rows, *SHAPE))
    images[np.arange(rows), labels % 2, labels % 3] += 55
    return images.astype(np.uint8), labels


def features(images):
    x = (images / 255.0 - NORM.mean) / NORM.std
    x = x.transpose(0, 3, 1, 2).reshape(len(x), -1) @ np.asarray(PHI.weights[0]).T
    return np.where(x > 0, x, 0.1 * x)


PARTS = dl.Partitions(made, COUNT, classes=K)
ALL = [np.concatenate(parts) for parts in zip(*(made(i) for i in range(COUNT)), strict=True)]


def fitted(parts=PARTS, labels=None, **options):
    options = {"key": KEY, "regs": REGS, "val_fraction": 0.3, "ties": "largest"} | options
    return dl.fit(parts, labels, PHI, NORM, **options)


def bits(model):
    return np.asarray(model.weights).tobytes(), model.validation, model.reg


# The tree


@given(st.integers(1, 300))
def test_the_tree_adds_every_partition_once_and_only_neighbours(count):
    def leaves(node):
        if node[0] == 0:
            return [node[1]]
        left, right = children(node, count)
        assert size(left, count) >= size(right, count)
        return leaves(left) + leaves(right)

    top = kept(root(count), count)
    assert leaves(top) == list(range(count))
    assert top[0] == max(count - 1, 0).bit_length()


class Summand:
    """A work whose partitions are numbers of very different sizes: their order shows."""

    about, room = "numbers", 0

    def __call__(self, number, name, pair):
        value = np.array(10.0 ** (16 - 4 * (number % 5)) * (-1) ** (number // 5 % 2))
        return Total((value + 0.1 * number,), (np.array(number),))


@settings(max_examples=12)
@given(st.integers(1, 60))
def test_the_sum_is_that_of_halves(count):
    """Of the tree's shape by its definition: the largest power of two below n, and the rest."""

    def halves(first, n):
        if n == 1:
            return Summand()(first, "", None).sums[0]
        left = 1 << (n - 1).bit_length() - 1
        return halves(first, left) + halves(first + left, n - left)

    found = InOrder().total(Summand(), dl.Partitions(made, count))
    assert found.sums[0] == halves(0, count)
    assert found.peaks[0] == count - 1


# A fit


@pytest.mark.parametrize("refit", [False, True])
def test_a_fit_of_partitions_is_that_of_its_rows(refit):
    model = fitted(refit=refit)
    images, labels = ALL
    part = Part(tuple(np.asarray(jax.random.key_data(KEY)).tolist()), 0.3, held=True)
    starts = ROWS * np.arange(COUNT)
    held = np.concatenate([part.rows(i, made(i)[1]) + s for i, s in enumerate(starts)])
    out = np.isin(np.arange(len(labels)), held)
    assert 0.1 < out.mean() < 0.5
    f, y = features(images), np.eye(K)[labels]
    accuracies = [
        np.mean((f[out] @ train(f[~out], y[~out], reg).T).argmax(1) == labels[out]) for reg in REGS
    ]
    assert np.allclose(model.validation, accuracies)
    rows = ~out | refit
    assert close(model.weights, train(f[rows], y[rows], model.reg), 1e3 * condition(f))


@given(seeds, st.floats(0.05, 0.95), st.integers(0, 9))
def test_rows_are_held_out_once_and_never_a_class_as_a_whole(seed, share, number):
    labels = np.random.default_rng(seed).integers(0, 4, 30)
    held, rest = (Part((seed,), share, held).rows(number, labels) for held in (True, False))
    assert np.array_equal(np.sort(np.append(held, rest)), np.arange(30))
    assert set(labels[rest]) == set(labels)
    other = Part((seed,), share, True).rows(number + 1, labels)
    assert share > 0.9 or not np.array_equal(held, other)


@QUIET
def test_other_ways_of_a_fit_are_those_of_the_rows():
    images, labels = ALL
    model = fitted(validation="leave-one-out")
    other = dl.fit(
        images, labels, PHI, NORM, key=KEY, regs=REGS, validation="leave-one-out", ties="largest"
    )
    assert model.validation == other.validation
    assert close(model.weights, other.weights, 1e3 * condition(features(images)))
    assert model.accuracy(PARTS, None) == model.accuracy(images, labels)
    stats = dl.RidgeStats.of_images(PARTS, None, K, PHI, NORM)
    for a, b in zip(
        jax.tree.leaves(stats),
        jax.tree.leaves(dl.RidgeStats.of_images(images, labels, K, PHI, NORM)),
        strict=True,
    ):
        assert np.allclose(a, b, rtol=1e-12)
    white, whole = Whitening.of(PARTS, NORM), Whitening.of(images, NORM)
    assert np.allclose(white.forward, whole.forward, rtol=1e-9, atol=1e-9)
    assert np.allclose(white.mean, whole.mean, rtol=1e-9, atol=1e-9)


def test_arrays_are_partitions_of_their_slices(tmp_path):
    images, labels = ALL
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    found = {
        bits(fitted(dl.Partitions.of_arrays(some, labels, K, size=ROWS)))
        for some in (images, mapped, mapped[:], list(images))
    }
    assert found == {bits(fitted())}
    piece = dl.Partitions.of_arrays(mapped, labels, K, size=ROWS).piece(1)
    assert np.array_equal(piece()[0], images[ROWS : 2 * ROWS])
    # What lies in a file is named, not sent.
    assert len(re.findall("images.npy", repr(vars(piece.args[0].args[0])))) == 1


class Unsendable:
    """A file that can be sliced and not be pickled, as one of HDF5."""

    shape, dtype = (4, *SHAPE), np.dtype(np.uint8)

    def __getitem__(self, rows):
        raise AssertionError("read")

    def __reduce__(self):
        raise TypeError("h5py objects cannot be pickled")


# What is wrong


def spoiled(how):
    def make(number):
        images, labels = made(number)
        return how(images, labels) if number == 3 else (images, labels)

    return dl.Partitions(make, COUNT, classes=K)


def missing(images, labels):
    raise FileNotFoundError("part-3.npy")


WRONG = [
    (
        lambda x, y: (np.where(np.arange(len(x)) == 7, np.nan, x.T).T, y),
        ValueError,
        r"images of partition 3 of 5 holds 12 entries that are NaN .* index \(7, 0, 0, 0\)",
    ),
    (lambda x, y: (x[:, :1], y), ValueError, r"images of partition 3 of 5 have shape \(24, 1, 3"),
    (lambda x, y: (x, y + 9), ValueError, "labels of partition 3 of 5 holds 9..11, but 3 classes"),
    (lambda x, y: x, ValueError, "partition 3 of 5 is a ndarray; a pair"),
    (lambda x, y: (1e200 * x, y), ValueError, "partition 3 of 5 is not finite"),
    (missing, PartitionError, "partition 3 of 5 cannot be computed: FileNotFoundError: part-3"),
]


@pytest.mark.parametrize(("how", "kind", "message"), WRONG)
@pytest.mark.filterwarnings("ignore")
def test_what_is_wrong_is_named_with_its_partition_and_the_rest_is_kept(
    how, kind, message, tmp_path
):
    with pytest.raises(kind, match=message):
        fitted(spoiled(how), engine=InOrder(spill=tmp_path))
    kept_files = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert kept_files == ["0-2.npz", "1-0.npz"]  # three partitions, two of them added
    told = []
    model = fitted(engine=InOrder(spill=tmp_path, report=told.append))
    first = [progress for progress in told if progress.about == "statistics"]
    assert [progress.done for progress in first] == [4, 5]
    assert bits(model) == bits(fitted())


def test_what_is_kept_is_that_of_the_same_settings_alone(tmp_path):
    fitted(engine=InOrder(spill=tmp_path))
    other = dl.FullyConnected.random(jax.random.key(8), (12, 9))
    leaky = dl.FullyConnected(PHI.weights, slope=0.2)
    for phi, key in ((other, KEY), (PHI, jax.random.key(1)), (leaky, KEY)):
        told = []
        dl.fit(
            PARTS, None, phi, NORM, key=key, regs=REGS, val_fraction=0.3, ties="largest",
            engine=InOrder(spill=tmp_path, report=told.append),
        )  # fmt: skip
        assert len(told) == 2 * COUNT


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fitted(PARTS, [0]), "a stream brings its labels"),
        (lambda: fitted(devices=jax.devices()), "computed by an engine and not shared by devices"),
        (lambda: fitted(dl.Stream(PARTS.make, K), engine=InOrder()), "cannot be shared; give dl.P"),
        (lambda: fitted(engine=4), "engine = 4 is no engine"),
        (lambda: fitted(engine=InOrder(spill=__file__)), "cannot be made: .*; name another"),
        (lambda: fitted(validation="stratified"), "'stratified' needs the number of samples"),
        (lambda: fitted(dl.Partitions(made, COUNT)), "give classes=k"),
        (lambda: fitted(classes=5), "no sample of class 3, 4"),
        (lambda: dl.Partitions([1], 2), "made by a function of their number, not by a list"),
        (lambda: dl.Partitions(made, 0), "0 partitions hold nothing"),
        (lambda: fitted(dl.Partitions(lambda i: made(i, 0), 2, K)), "none of the 2 partitions"),
        (lambda: fitted(*ALL, engine=InOrder(), classes=2), "labels of partition 0 of 1 holds"),
        (lambda: fitted(Unsendable(), [0, 1, 2, 0], engine=InOrder()), "h5py .* give dl.Partition"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_settings_are_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pixels_in_another_range_are_told_over_all_partitions():
    dark = dl.Partitions(lambda i: (made(i)[0] / 255.0, made(i)[1]), COUNT, K)
    with pytest.warns(UserWarning, match="the largest of the images' pixels is 0.99"):
        fitted(dark)


def test_partitions_that_change_between_passes_are_told():
    calls = []

    def make(number):
        calls.append(number)
        return made(number, ROWS - (len(calls) > COUNT))

    with pytest.raises(ValueError, match="gave 120 rows when it was read first and 115 now"):
        fitted(dl.Partitions(make, COUNT, K))


# Dask


@pytest.mark.skipif(DASK, reason="Dask is installed")
def test_without_dask_it_is_said_what_to_install():
    with pytest.raises(ImportError, match=r"pip install 'distill-lib\[distributed\]'"):
        engine_of("tcp://127.0.0.1:1")


@pytest.mark.skipif(not DASK, reason="needs Dask: pip install 'distill-lib[distributed]'")
class TestDask:
    """In one process each, since workers start with whatever the tests imported."""

    def run(self, script):
        paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *sys.path])
        done = subprocess.run(
            [sys.executable, str(Path(__file__).parent / script)],
            env=os.environ | {"PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
        return done.stdout

    def test_bits_do_not_depend_on_the_workers_nor_on_who_dies(self):
        assert "all as they should be" in self.run("on_dask.py")

    def test_no_scheduler_is_told(self):
        with pytest.raises(ValueError, match=r"no scheduler of Dask answers at tcp://127.0.0.1:9 "):
            fitted(engine=Cluster("tcp://127.0.0.1:9", patience=1))
