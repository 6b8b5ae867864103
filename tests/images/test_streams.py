"""Streams: however they are cut, whatever is wrong with a batch, and what lies on a disk."""

import io
import warnings
from itertools import pairwise

import numpy as np
import pytest
from helpers import seeds
from hypothesis import given
from hypothesis import strategies as st
from messages import each
from PIL import Image

import distill_lib as dl
from distill_lib.images import folder_stream, parquet_stream
from distill_lib.images.normalisation import taken
from distill_lib.images.streams import given as stream_of
from distill_lib.images.streams import rechunked

SHAPE = (2, 3, 1)
NORMALISATION = dl.Normalisation(SHAPE, 255.0, (0.3,), (0.2,))


def pictures(n, seed=0, kind=np.uint8):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *SHAPE)).astype(kind), rng.integers(0, 3, n)


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 8), seeds)
def test_the_cuts_of_a_stream_do_not_matter(sizes, size, seed):
    images, labels = pictures(sum(sizes), seed)
    cuts = np.cumsum([0, *sizes])
    pairs = ((images[a:b], labels[a:b]) for a, b in pairwise(cuts))
    chunks = list(rechunked(pairs, size))
    assert [len(x) for x, _ in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert all(0 < len(x) <= size for x, _ in chunks)
    assert np.array_equal(np.concatenate([images[:0], *(x for x, _ in chunks)]), images)
    assert np.array_equal(np.concatenate([labels[:0], *(y for _, y in chunks)]), labels)


def test_batches_of_several_types_keep_their_numbers():
    halves = np.full((1, *SHAPE), 0.5)
    chunk, _ = next(rechunked([pictures(2), (halves, [0]), pictures(1)], 4))
    assert np.array_equal(chunk[2], halves[0])
    assert np.array_equal(chunk[:2], pictures(2)[0])


def read(change, number=812, count=815):
    """All batches of one row, of which one is changed."""

    def make():
        for i in range(count):
            images, labels = pictures(1, kind=float)
            yield change(images, labels) if i == number else (images, labels)

    return list(dl.Stream(make).checked(NORMALISATION, 3))


def unreadable(folder):
    (folder / "class 0" / "001.png").write_bytes(b"no picture")
    list(folder_stream(folder, SHAPE).make())


def with_an_empty_class(folder):
    (folder / "empty").mkdir()
    folder_stream(folder, SHAPE)


WRONG = {
    "an infinite pixel": (lambda _: read(lambda x, y: (x / np.array([[[[0.0], [1], [1]]]]), y)), "images of batch 812 holds"),
    "images of another shape": (lambda _: read(lambda x, y: (x[:, :, :2], y)), r"images of batch 812 have shape \(1, 2, 2, 1\); \(b, 2, 3"),
    "complex images": (lambda _: read(lambda x, y: (x.astype(complex), y)), "images of batch 812 .* holds complex"),
    "labels above the classes": (lambda _: read(lambda x, y: (x, y + 9)), r"labels of batch 812 holds .*, but 3 classes"),
    "more labels than images": (lambda _: read(lambda x, y: (x, np.r_[y, y])), "labels of batch 812 has 2 entries for 1 images"),
    "half labels": (lambda _: read(lambda x, y: (x, y + 0.5)), "labels of batch 812 must be a vector of integer"),
    "a batch without labels": (lambda _: read(lambda x, y: x), r"batch 812 is a ndarray; a pair"),
    "a batch of three": (lambda _: read(lambda x, y: (x, y, y)), "batch 812 is a tuple of 3; a pair"),
    "an iterator": (lambda _: stream_of(iter([pictures(3)]), None), "read more than once, and this list_iterator .* function"),
    "labels beside a stream": (lambda _: stream_of(lambda: iter([pictures(3)]), [0]), "a stream brings its labels with it"),
    "no labels": (lambda _: stream_of(pictures(3)[0], None), "labels are missing"),
    "empty batches": (lambda _: list(dl.Stream(lambda: iter([pictures(0)] * 2)).checked(NORMALISATION, 3)), "gave 2 batches without any image"),
    "a folder without folders": (lambda folder: folder_stream(folder / "class 0", SHAPE), "has no folders"),
    "pictures of another shape": (lambda folder: next(iter(folder_stream(folder, (4, 3, 1)).make())), r"00\d.png has shape \(2, 3, 1\), but \(4, 3, 1\)"),
    "two channels": (lambda folder: folder_stream(folder, (2, 3, 2)), r"pictures of shape \(2, 3, 2\)"),
    "a file that is no picture": (unreadable, r"001.png cannot be read as a picture"),
    "a folder without pictures": (with_an_empty_class, "empty holds no pictures"),
}  # fmt: skip


@each(WRONG)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_is_wrong_with_a_stream_is_told_by_batch_or_file(tmp_path, wrong, words):
    folder_of(tmp_path, *pictures(3))
    with pytest.raises(ValueError, match=words):
        wrong(tmp_path)


def test_a_stream_is_read_again_from_its_start():
    stream = dl.Stream(lambda: iter([pictures(3), pictures(2, 1)]))
    first, again = (list(stream.checked(NORMALISATION, 3)) for _ in range(2))
    assert [len(x) for x, _ in first] == [len(x) for x, _ in again] == [3, 2]


def test_images_of_a_stream_in_another_range_are_told():
    with pytest.warns(UserWarning, match="largest of the images' pixels is 1, but white is 255"):
        list(dl.Stream(lambda: iter([(np.ones((2, *SHAPE)), [0, 1])])).checked(NORMALISATION, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(dl.Stream(lambda: iter([pictures(2)])).checked(NORMALISATION, 3))


class Slices:
    """An array that can be sliced and nothing else, as one of HDF5 or Zarr; it keeps count."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, []

    def __getitem__(self, part):
        assert isinstance(part, slice), part
        made = self.array[part].copy()
        self.read.append(len(made))
        return made

    def __array__(self, *_, **__):
        raise AssertionError("loaded whole")


@given(st.sets(st.integers(0, 99), min_size=1))
def test_rows_of_a_file_are_read_by_slices_no_longer_than_they_are_many(rows):
    images, index = pictures(100)[0], np.array(sorted(rows))
    file = Slices(images)
    assert np.array_equal(taken(file, index), images[index])
    assert max(file.read) <= len(index)
    assert np.array_equal(taken(images, index), images[index])


def test_arrays_make_a_stream_by_slices():
    images, labels = pictures(23)
    files = Slices(images), Slices(labels)
    read = list(dl.Stream.of_arrays(*files, size=5).checked(NORMALISATION, 3))
    assert files[0].read == files[1].read == [5, 5, 5, 5, 3]
    assert np.array_equal(np.concatenate([x for x, _ in read]), images)
    assert np.array_equal(np.concatenate([y for _, y in read]), labels)
    with pytest.raises(ValueError, match=r"labels have shape \(22,\) for 23 images"):
        dl.Stream.of_arrays(files[0], labels[1:])
    with pytest.raises(ValueError, match="a batch of 0 samples"):
        dl.Stream.of_arrays(*files, size=0)


def folder_of(place, images, labels):
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = place / f"class {label}"
        folder.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{i:03}.png")


def test_a_folder_of_pictures_is_a_stream(tmp_path):
    images, labels = pictures(17)
    folder_of(tmp_path, images, labels)
    stream = folder_stream(tmp_path, SHAPE, size=4)
    read = list(stream.checked(NORMALISATION, 3))
    order = np.argsort(labels, kind="stable")
    assert stream.classes == 3
    assert [len(x) for x, _ in read] == [4, 4, 4, 4, 1]
    assert np.array_equal(np.concatenate([x for x, _ in read]), images[order])
    assert np.array_equal(np.concatenate([y for _, y in read]), labels[order])
    colour = next(iter(folder_stream(tmp_path, (2, 3, 3)).make()))[0]
    assert np.array_equal(colour, np.repeat(images[order], 3, axis=3))


def encoded(image):
    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, "png")
    return file.getvalue()


def columns(pa, images):
    """The same images as each kind of column."""
    flat = images.reshape(len(images), -1)
    pngs = [encoded(image) for image in images]
    return {
        "lists": pa.array(flat.tolist(), pa.list_(pa.uint8())),
        "lists of one size": pa.array(flat.tolist(), pa.list_(pa.uint8(), flat.shape[1])),
        "nested": pa.array(images[..., 0].tolist(), pa.list_(pa.list_(pa.uint8()))),
        "bytes": pa.array(pngs),
        "structures": pa.array([{"bytes": png, "path": None} for png in pngs]),
    }


@pytest.mark.parametrize("kind", ["lists", "lists of one size", "nested", "bytes", "structures"])
def test_a_parquet_file_is_a_stream(kind, tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    images, labels = pictures(11)
    table = pa.table({"image": columns(pa, images)[kind], "label": labels})
    parquet.write_table(table, tmp_path / "set.parquet", row_group_size=4)
    read = list(parquet_stream(tmp_path / "set.parquet", SHAPE, size=3).checked(NORMALISATION, 3))
    assert max(len(x) for x, _ in read) <= 3
    assert np.array_equal(np.concatenate([x for x, _ in read]), images)
    assert np.array_equal(np.concatenate([y for _, y in read]), labels)
    with pytest.raises(ValueError, match="has no column 'picture'; its columns are image, label"):
        parquet_stream(tmp_path / "set.parquet", SHAPE, columns=("picture", "label"))
    with pytest.raises(ValueError, match=r"row(s 0 to 2: these are no 3 images| 0 has shape)"):
        next(iter(parquet_stream(tmp_path / "set.parquet", (3, 3, 1), size=3).make()))


def test_parquet_asks_for_its_package(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        parquet_stream(tmp_path / "set.parquet", SHAPE)
