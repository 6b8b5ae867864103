"""npz files from anybody: nothing is read that does not fit, nothing inflates, and the reason is
about the file.
"""

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from distill_lib.boundary import npz
from distill_lib.boundary.npz import Unreadable, opened

ZEROS = 2**25  # bytes of a bomb; deflated they are 32 KB


def npy(shape, dtype="<f8", data=None, version=(1, 0)):
    """An array's bytes in the file, whatever its header claims."""
    out = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    {(1, 0): np.lib.format.write_array_header_1_0, (2, 0): np.lib.format.write_array_header_2_0}[
        version
    ](out, header)
    return out.getvalue() + (bytes(8) if data is None else data)


def packed(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def read_all(path):
    with opened(path) as file:
        return {name: file.read(name) for name in file.claims}


def overlapping(path, count=300):
    """A file whose directory names the same bytes many times."""
    packed(path, [("a000.npy", npy((1000,), data=bytes(8000)))], zipfile.ZIP_STORED)
    content = path.read_bytes()
    start, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    entries = b"".join(
        content[start:end].replace(b"a000", f"a{i:03d}".encode()) for i in range(count)
    )
    tail = bytearray(content[end:])
    tail[8:10] = tail[10:12] = count.to_bytes(2, "little")
    tail[12:16] = len(entries).to_bytes(4, "little")
    path.write_bytes(content[:start] + entries + tail)
    return path


HOSTILE = {
    "zeros that inflate": ([("x.npy", npy((ZEROS // 8,), data=bytes(ZEROS)))], "more than 100 times as many"),
    "a claim beyond memory": ([("x.npy", npy((10**15,)))], r"x claims to be float64 of shape \(10{15},\), but 8 bytes"),
    "a claim beyond numbers": ([("x.npy", npy((10**18, 10**18)))], "but 8 bytes of it are in the file"),
    "less than there is": ([("x.npy", npy((1,), data=bytes(80)))], "but 80 bytes of it are in the file"),
    "a negative size": ([("x.npy", npy((-1,), data=b""))], "x claims to be"),
    "a long header": ([("x.npy", npy((1,), version=(2, 0)))], "x is no plain array"),
    "objects": ([("x.npy", npy((1,), "|O"))], "x holds Python objects or records"),
    "records": ([("x.npy", npy((1,), [("a", "<f8")]))], "x holds Python objects or records"),
    "twice": ([("x.npy", npy((1,))), ("x.npy", npy((1,)))], "there twice"),
    "another file": ([("x.txt", b"hello" * 40)], "'x.txt', which is no array"),
    "no header": ([("x.npy", b"x" * 50)], "truncated, damaged or no npz file"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("members", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_arrays_are_refused_within_the_size_of_their_file(tmp_path, members, message):
    path = packed(tmp_path / "x.npz", members)
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match=message):
            read_all(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * path.stat().st_size + 2**19


def test_arrays_that_share_their_bytes_are_refused(tmp_path):
    with pytest.raises(Unreadable, match="overlap"):
        read_all(overlapping(tmp_path / "x.npz"))


def test_ways_of_compression_that_numpy_does_not_write_are_refused(tmp_path):
    for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = packed(tmp_path / "x.npz", [("x.npy", npy((1,)))], kind)
        with pytest.raises(Unreadable, match="in a way that numpy does not write"):
            read_all(path)


def test_only_what_is_asked_for_is_read_and_no_more_than_it_holds(tmp_path):
    large = np.random.default_rng(0).normal(size=2**18)
    np.savez(tmp_path / "x.npz", large=large, small=np.arange(5.0))
    tracemalloc.start()
    with opened(tmp_path / "x.npz") as file:
        assert np.array_equal(file.read("small"), np.arange(5.0))
        assert tracemalloc.get_traced_memory()[1] < 2**19
        assert np.array_equal(file.read("large"), large)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * large.nbytes
    tracemalloc.stop()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).astype(">f8"),
        np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
        np.array("λ"),
        np.zeros((0, 4), np.float32),
    ],
    ids=["big-endian", "Fortran", "text", "empty"],
)
def test_whatever_numpy_writes_of_plain_arrays_is_read(tmp_path, save, array):
    save(tmp_path / "x.npz", x=array)
    with opened(tmp_path / "x.npz") as file:
        found = file.read("x", kinds="iufU")
    assert np.array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"shape": (2, 4)}, r"x is float64 of shape \(2, 3\), not of shape \(2, 4\)"),
        ({"shape": (6,)}, r"not of shape \(6,\)"),
        ({"shape": (None, 4)}, r"not of shape \(any, 4\)"),
        ({"dtype": np.float32}, r"x is float64 of shape \(2, 3\), not float32 of shape \(2, 3\)"),
        ({"kinds": "U"}, "not of text"),
        ({}, "x holds numbers that are NaN or infinite"),
    ],
)
def test_an_array_that_is_not_what_is_wanted_is_named(tmp_path, wanted, message):
    np.savez(tmp_path / "x.npz", x=np.full((2, 3), np.inf))
    with opened(tmp_path / "x.npz") as file, pytest.raises(Unreadable, match=message):
        file.read("x", **wanted)


@pytest.mark.parametrize("dtype", [complex, object, np.longdouble, "M8[s]", "S3", [("a", float)]])
def test_types_that_would_not_be_read_are_not_written(tmp_path, dtype):
    with pytest.raises(ValueError, match=r"^x is of .*, which a file cannot keep"):
        npz.write(tmp_path / "x.npz", {"x": np.zeros(2, dtype)})
    assert not list(tmp_path.iterdir())


def test_something_that_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unreadable, match="it is no file"), opened(tmp_path / "pipe"):
        pass
