"""Data sets: parsers, downloads and their failures, files on disk, and the sets' known facts."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import socket
import struct
import tarfile
import threading
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from messages import each
from PIL import Image

from distill_lib.data import DataError, describe, fetch, load, names, where
from distill_lib.data.catalogue import CATALOGUE, content_of
from distill_lib.data.facts import OFFICIAL, Entry, File
from distill_lib.data.formats import (
    PARTS,
    parse_cifar,
    parse_idx,
    read_celeba,
    read_cifar,
    read_idx,
    read_svhn,
)

BYTES = arrays(np.uint8, array_shapes(max_dims=4, max_side=4))


def idx(array):
    return b"\0\0\x08" + struct.pack(f">B{array.ndim}I", array.ndim, *array.shape) + array.tobytes()


def cifar(images, labels):
    """Records of the binary version: `labels` (n, label bytes), `images` (n, h, w, c)."""
    return b"".join(
        y.tobytes() + x.transpose(2, 0, 1).tobytes() for x, y in zip(images, labels, strict=True)
    )


def digest(*parts):
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


# Official formats


@given(BYTES)
def test_idx_round_trip(array):
    np.testing.assert_array_equal(parse_idx(idx(array)), array)


@given(BYTES, st.data())
def test_idx_cut_or_padded_is_refused(array, data):
    whole = idx(array)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match="idx file"):
        parse_idx(whole[:cut])
    with pytest.raises(ValueError, match="idx file"):
        parse_idx(whole + b"\0")


@pytest.mark.parametrize("start", [b"\0\0\x0d\x01", b"\x1f\x8b\x08\0", b"<!do"])
def test_idx_of_another_type_is_refused(start):
    with pytest.raises(ValueError, match=start.hex()):
        parse_idx(start + bytes(8))


@given(st.data(), st.integers(1, 2), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_cifar_round_trip_and_truncation(data, label_bytes, h, w, c):
    n = data.draw(st.integers(1, 4))
    images = data.draw(arrays(np.uint8, (n, h, w, c)))
    labels = data.draw(arrays(np.uint8, (n, label_bytes)))
    whole = cifar(images, labels)
    x, y = parse_cifar(whole, label_bytes, (h, w, c))
    np.testing.assert_array_equal(x, images)
    np.testing.assert_array_equal(y, labels[:, -1])
    record = len(whole) // n
    cut = data.draw(st.integers(0, len(whole) - 1).filter(lambda size: size % record or not size))
    with pytest.raises(ValueError, match=f"records of {record} bytes"):
        parse_cifar(whole[:cut], label_bytes, (h, w, c))


# A small set in the idx format, a local server, and a folder of its own


@pytest.fixture
def tiny():
    """The arrays of a set of 2 x 3 grey images in two classes."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (6, 2, 3), dtype=np.uint8),
        "y_train": np.array([0, 1, 1, 0, 1, 0], np.uint8),
        "x_test": rng.integers(0, 256, (3, 2, 3), dtype=np.uint8),
        "y_test": np.array([1, 0, 1], np.uint8),
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path / "sets"))
    return tmp_path / "sets"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files` well under /good/, and with one fault each elsewhere."""

    def do_GET(self):
        fault, name = self.path.strip("/").split("/")
        self.server.asked.append(fault)
        body = self.server.files[name]
        if fault == "absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write({"good": body, "changed": bytes(len(body)), "cut": body[:-5]}[fault])

    def log_message(self, *_):
        """Keep the test's standard error to what the library says."""


@pytest.fixture
def server(tiny, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.files = {f"{part}.gz": gzip.compress(idx(tiny[part])) for part in PARTS}
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def entry(server, tiny, monkeypatch):
    """Puts the small set into the catalogue; called with the mirrors' faults ("dead": no server
    there).
    """

    def put(*faults, known=True):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports = {"dead": free.getsockname()[1]}
        url = "http://127.0.0.1:{}/{}/"
        info = replace(
            CATALOGUE["mnist"].info,
            **{"name": "tiny", "title": "Tiny", "classes": ("no", "yes"), "shape": (2, 3, 1)},
            **{"n_train": 6, "n_test": 3},
        )
        files = tuple(
            File(name, len(body), hashlib.sha256(body).hexdigest())
            for name, body in server.files.items()
        )
        mirrors = tuple(url.format(ports.get(fault, server.server_port), fault) for fault in faults)
        contents = {digest(*(tiny[part] for part in PARTS)): OFFICIAL} if known else {}
        monkeypatch.setitem(
            CATALOGUE, "tiny", Entry(info, "", read_idx, files, mirrors, "", contents)
        )

    return put


def assert_is_tiny(ds, tiny):
    assert ds.x_train.shape == (6, 2, 3, 1)
    assert ds.x_test.shape == (3, 2, 3, 1)
    assert ds.x_train.dtype == ds.x_test.dtype == np.uint8
    assert ds.y_train.dtype == ds.y_test.dtype == np.int32
    for part in PARTS:
        np.testing.assert_array_equal(getattr(ds, part).ravel(), tiny[part].ravel())
    assert ds.info.digest == digest(*(tiny[part] for part in PARTS))
    assert ds.info.content == OFFICIAL


# Downloads


def test_download_is_kept_announced_and_not_repeated(entry, server, folder, tiny, capsys):
    entry("good")
    assert_is_tiny(load("tiny"), tiny)
    told = capsys.readouterr()
    size = sum(map(len, server.files.values()))
    assert f"Downloading Tiny ({size} bytes) from 127.0.0.1" in told.err
    assert str(folder / "tiny.npz") in told.err
    assert told.out == ""
    assert os.listdir(folder) == ["tiny.npz"]

    assert fetch("tiny") == folder / "tiny.npz"
    assert_is_tiny(load("tiny"), tiny)
    assert server.asked == ["good"] * 4
    assert capsys.readouterr().err == ""


FAULTS = {
    "dead": "no connection",
    "absent": "404 Client Error",
    "changed": "wrong checksum",
    "cut": "the connection broke off",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_second_mirror_steps_in(entry, folder, tiny, fault):
    entry(fault, "good")
    assert_is_tiny(load("tiny"), tiny)
    assert os.listdir(folder) == ["tiny.npz"]


@pytest.mark.parametrize("fault", FAULTS)
def test_failed_download_says_why_and_leaves_nothing(entry, folder, fault):
    entry(fault, "changed")
    with pytest.raises(DataError) as error:
        load("tiny")
    message = str(error.value)
    assert f"x_train.gz failed at 127.0.0.1 ({FAULTS[fault]}" in message
    assert "and 127.0.0.1 (wrong checksum)" in message
    assert "set DISTILL_DATA to a folder that holds tiny.npz" in message
    assert "`distill data tiny`" in message
    assert "\n" not in message
    assert os.listdir(folder) == []


def test_failure_after_the_first_file_leaves_nothing(entry, server, folder):
    entry("good")
    server.files["y_test.gz"] = b"another file"
    with pytest.raises(DataError, match=r"y_test\.gz failed .*wrong checksum"):
        fetch("tiny")
    assert server.asked == ["good"] * 4
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("name", "hosts"), [("mnist", ["amazonaws", "googleapis"]), ("cifar100", ["toronto"])]
)
def test_no_network(folder, monkeypatch, name, hosts):
    def unresolved(*_args, **_kwargs):
        raise socket.gaierror("no name service")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    with pytest.raises(DataError, match="no connection") as error:
        load(name)
    assert all(host in str(error.value) for host in hosts)
    assert os.listdir(folder) == []


def test_interrupted_write_leaves_nothing(entry, folder, monkeypatch):
    entry("good")
    savez = np.savez

    def interrupted(path, **parts):
        savez(path, **parts)
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch("tiny")
    assert os.listdir(folder) == []


def test_full_disk_and_folder_that_is_none(entry, folder, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    entry("good")
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(DataError, match="no space left on device"):
            fetch("tiny")
    assert os.listdir(folder) == []
    (tmp_path / "file").touch()
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path / "file" / "below"))
    with pytest.raises(DataError, match="set DISTILL_DATA to a folder that can be written"):
        fetch("tiny")


def test_official_files_in_the_folder_need_no_network(entry, server, folder, tiny):
    entry("good")
    folder.mkdir()
    for name, body in server.files.items():
        (folder / name).write_bytes(body)
    assert_is_tiny(load("tiny"), tiny)
    assert server.asked == []
    assert sorted(os.listdir(folder)) == sorted([*server.files, "tiny.npz"])


def test_wrong_file_in_the_folder_is_named_and_kept(entry, server, folder):
    entry("good")
    folder.mkdir()
    (folder / "x_test.gz").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"x_test\.gz is not the official file"):
        fetch("tiny")
    assert (folder / "x_test.gz").read_bytes() == b"mine"
    assert os.listdir(folder) == ["x_test.gz"]


def tar_of(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))


def test_cifar_archive_in_any_order_of_members(tmp_path):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (5, 2, 2, 3), dtype=np.uint8)
    labels = rng.integers(0, 256, (5, 2), dtype=np.uint8)
    batches = {f"a/{i}.bin": cifar(images[i : i + 1], labels[i : i + 1]) for i in range(5)}
    tar_of(tmp_path / "set.tar.gz", {"a/readme.html": b"text"} | dict(reversed(batches.items())))
    read = partial(read_cifar, [tmp_path / "set.tar.gz"], label_bytes=2, shape=(2, 2, 3))

    found = read(train=[f"a/{i}.bin" for i in range(4)], test=["a/4.bin"])
    np.testing.assert_array_equal(np.concatenate([found["x_train"], found["x_test"]]), images)
    np.testing.assert_array_equal(np.concatenate([found["y_train"], found["y_test"]]), labels[:, 1])
    with pytest.raises(ValueError, match=r"set\.tar\.gz has no file a/5\.bin"):
        read(train=["a/0.bin", "a/5.bin"], test=["a/4.bin"])


# Files on disk


@pytest.fixture
def npz(entry, folder):
    """The path of the small set's file, not written yet; no mirror can help."""
    entry("dead")
    folder.mkdir()
    return folder / "tiny.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_notes_and_memory_order_do_not_matter(npz, tiny, save):
    tiny["x_train"] = np.asfortranarray(tiny["x_train"])
    save(npz, lossy_train=np.arange(3), **tiny)
    assert_is_tiny(load("tiny"), tiny)


def changed(**change):
    """The set's file with other arrays, of the right ones."""
    return lambda npz, t: np.savez(npz, **t | {name: of(t) for name, of in change.items()})


def without(name):
    return lambda npz, t: np.savez(
        npz, **{part: array for part, array in t.items() if part != name}
    )


def with_test_inside_train(npz, t):
    t["x_train"][:3] = t["x_test"]
    np.savez(npz, **t)


def bytes_alone(content):
    return lambda npz, _: npz.write_bytes(content)


WRONG = {
    "missing array": (without("y_test"), "the array 'y_test' is missing"),
    "float images": (changed(x_test=lambda t: t["x_test"] / 255), "x_test is float64"),
    "wide labels": (changed(y_train=lambda t: t["y_train"].astype(np.int64)), "y_train is int64"),
    "other shape": (changed(x_train=lambda t: t["x_train"][..., None]), r"x_train is uint8 of shape \(6, 2, 3, 1\)"),
    "fewer images": (changed(x_train=lambda t: t["x_train"][:5]), r"not uint8 of shape \(6, 2, 3\)"),
    "label too high": (changed(y_test=lambda t: t["y_test"] + np.uint8(1)), "y_test holds 1..2"),
    "empty class": (changed(y_train=lambda t: np.ones(6, np.uint8)), "y_train has no sample of class 0"),
    "objects": (changed(y_train=lambda t: t["y_train"].astype(object)), "y_train holds Python objects or records"),
    "another array": (changed(bomb=lambda t: np.zeros(9)), "it also holds 'bomb'"),
    "black images": (changed(x_test=lambda t: t["x_test"] * 0), "its content, .*, is not that of Tiny"),
    "permuted labels": (changed(y_train=lambda t: t["y_train"][::-1]), "its content, .*, is not that of Tiny"),
    "test inside train": (with_test_inside_train, "is not that of Tiny"),
    "empty": (bytes_alone(b""), r"no npz file|truncated, damaged"),
    "page": (bytes_alone(b"<html>"), r"no npz file|truncated, damaged"),
    "npy": (bytes_alone(b"\x93NUMPY\x01\0"), r"no npz file|truncated, damaged"),
}  # fmt: skip


@each(WRONG)
def test_a_file_that_is_not_the_set_is_named_with_the_remedy(npz, tiny, wrong, words):
    wrong(npz, tiny)
    for ask in (load, fetch):
        with pytest.raises(DataError, match=words) as error:
            ask("tiny")
        assert str(error.value).startswith(f"{npz} is not a usable tiny.npz: ")
        assert "remove it and run `distill data tiny`, or set DISTILL_DATA" in str(error.value)
        assert "\n" not in str(error.value)


class Trap:
    """Unpickling an instance creates the file `sprung`."""

    def __init__(self, sprung):
        self.sprung = sprung

    def __reduce__(self):
        return Path.touch, (self.sprung,)


def test_pickle_is_never_opened(npz, tiny, tmp_path):
    trap = Trap(tmp_path / "sprung")
    npz.write_bytes(pickle.dumps(trap))
    with pytest.raises(DataError, match="no npz file"):
        load("tiny")
    np.savez(npz, **tiny | {"y_test": np.array([trap] * 3, object)})
    with pytest.raises(DataError, match="Python objects"):
        load("tiny")
    assert not trap.sprung.exists()
    pickle.loads(npz.read_bytes().partition(b"y_test.npy")[2].partition(b"\n")[2])
    assert trap.sprung.exists()  # the trap was armed


def test_damage_is_noticed_wherever_it_is(npz, tiny):
    np.savez(npz, **tiny)
    whole = npz.read_bytes()

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, len(whole) - 1), st.integers(1, 255))
    def damage(place, flip):
        npz.write_bytes(whole[:place])
        with pytest.raises(DataError):
            load("tiny")
        npz.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
        try:
            ds = load("tiny")
        except DataError:
            return
        assert_is_tiny(ds, tiny)  # a byte without meaning, such as a date in the archive

    damage()


def test_a_content_that_the_catalogue_does_not_know_counts_if_it_came_from_the_official_files(
    entry, folder, tiny
):
    entry("good", known=False)
    assert_is_tiny(load("tiny"), tiny)
    with np.load(folder / "tiny.npz") as file:
        kept = dict(file)
    np.savez(folder / "tiny.npz", **{part: kept[part] for part in PARTS})
    with pytest.raises(
        DataError, match="is not that of Tiny, nor of a copy whose differences are known"
    ):
        load("tiny")
    np.savez(folder / "tiny.npz", **kept | {"x_test": kept["x_test"] ^ 1})
    with pytest.raises(DataError, match="is not that of Tiny"):
        load("tiny")


def test_a_known_copy_says_how_it_differs(npz, tiny, monkeypatch):
    copy = {**tiny, "x_test": tiny["x_test"] ^ 1}
    contents = {digest(*(copy[part] for part in PARTS)): "a copy, one bit off"}
    monkeypatch.setitem(CATALOGUE, "tiny", replace(CATALOGUE["tiny"], contents=contents))
    np.savez(npz, **copy)
    info = load("tiny").info
    assert info.content == content_of("tiny", info.digest) == "a copy, one bit off"


def test_official_files_of_one_name_are_looked_for_in_folders_of_their_own(
    entry, server, folder, tiny, monkeypatch
):
    entry("dead")
    monkeypatch.setitem(CATALOGUE, "tiny", replace(CATALOGUE["tiny"], folder="own"))
    (folder / "own").mkdir(parents=True)
    for name, body in server.files.items():
        (folder / name).write_bytes(b"of another set")
        (folder / "own" / name).write_bytes(body)
    assert_is_tiny(load("tiny"), tiny)


def test_svhn(tmp_path):
    rng = np.random.default_rng(2)
    images, labels = (
        rng.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8),
        np.array([1, 10, 9, 10, 2], np.uint8),
    )
    paths = [tmp_path / "train.mat", tmp_path / "test.mat"]
    for path in paths:
        scipy.io.savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": labels[:, None]})
    found = read_svhn(paths)
    for part in ("train", "test"):
        np.testing.assert_array_equal(found[f"x_{part}"], images)
        np.testing.assert_array_equal(found[f"y_{part}"], [1, 0, 9, 0, 2])
    scipy.io.savemat(
        paths[1], {"X": images.transpose(1, 2, 3, 0).astype(float), "y": labels[:, None]}
    )
    with pytest.raises(ValueError, match=r"X is float64 .* in test\.mat"):
        read_svhn(paths)
    for content in (b"", b"<html>" * 50):
        paths[0].write_bytes(content)
        with pytest.raises(ValueError, match=r"train\.mat is no MATLAB file"):
            read_svhn(paths)


@pytest.fixture
def celeba(tmp_path):
    """Six faces in CelebA's three files: two for training, one for validation, three for tests."""
    faces = {f"{i:06d}.jpg": 40 * i for i in range(1, 7)}
    paths = [
        tmp_path / name
        for name in ("list_attr_celeba.txt", "list_eval_partition.txt", "img_align_celeba.zip")
    ]
    male = dict(zip(faces, (1, -1, 1, 1, -1, -1), strict=True))
    lines = [f"{name} -1 {male[name]:2d}  1" for name in faces]
    paths[0].write_text("\n".join(["6", "Bald Male Young ", *lines]) + "\n")
    parts = zip(faces, (0, 0, 1, 2, 2, 2), strict=True)
    paths[1].write_text("".join(f"{name} {part}\r\n" for name, part in parts))
    with zipfile.ZipFile(paths[2], "w") as archive:
        for name, grey in faces.items():
            picture = np.zeros((20, 12, 3), np.uint8)
            picture[6:14, 2:10] = grey, grey // 2, 255 - grey  # the central square of 8 pixels
            content = io.BytesIO()
            Image.fromarray(picture).save(content, "JPEG", quality=100, subsampling=0)
            archive.writestr(f"img_align_celeba/{name}", content.getvalue())
    return paths


def test_celeba(celeba):
    found = read_celeba(celeba, side=4, crop=8)
    assert found["x_train"].shape == (2, 4, 4, 3)
    assert found["x_test"].shape == (3, 4, 4, 3)
    np.testing.assert_array_equal(found["y_train"], [1, 0])
    np.testing.assert_array_equal(found["y_test"], [1, 0, 0])
    for part, numbers in (("train", (1, 2)), ("test", (4, 5, 6))):
        wanted = [(40 * i, 20 * i, 255 - 40 * i) for i in numbers]
        middle = found[f"x_{part}"][:, 1:3, 1:3].astype(int)
        assert np.abs(middle - np.array(wanted)[:, None, None]).max() <= 12  # JPEG


def replaced(number, write):
    """CelebA's files, one of them another: `write` makes it from the old one."""

    def ask(paths, place):
        other = place / f"other{paths[number].suffix}"
        write(other, paths[number])
        return [other if i == number else path for i, path in enumerate(paths)]

    return ask


def zip_of(**members):
    def write(other, _):
        with zipfile.ZipFile(other, "w") as archive:
            for name, content in members.items():
                archive.writestr(f"img_align_celeba/{name}.jpg", content)

    return write


WRONG_CELEBA = {
    "a face without attributes": (replaced(0, lambda other, old: other.write_text(old.read_text().replace("000005.jpg", "000009.jpg"))), r"other\.txt has no line for 000005\.jpg"),
    "no such attribute": (replaced(0, lambda other, _: other.write_text("6\nBald Young\n")), "names no column Male"),
    "a face of no part": (replaced(1, lambda other, old: other.write_text(old.read_text() + "000007.jpg\n")), r"too short: '000007\.jpg'"),
    "a face that is no picture": (replaced(2, zip_of(**{"000001": b"no picture"})), r"000001\.jpg cannot be read as a picture"),
    "no face": (replaced(2, zip_of()), r"has no img_align_celeba/000001\.jpg"),
}  # fmt: skip


@each(WRONG_CELEBA)
def test_what_is_wrong_in_celebas_files_is_named(celeba, tmp_path, wrong, words):
    with pytest.raises(ValueError, match=words):
        read_celeba(wrong(celeba, tmp_path), 4, 8)


def test_a_set_without_a_mirror_says_what_to_fetch_and_where_to_put_it(folder):
    with pytest.raises(DataError, match=r"fetch list_attr_celeba\.txt, .* into .*, and run"):
        fetch("celeba")
    assert not (folder / "celeba.npz").exists()


# The catalogue


def test_unknown_name_lists_the_known_ones(folder):
    for ask in (load, fetch):
        with pytest.raises(
            ValueError, match=r"'mnits'.* digits, mnist, fashion_mnist, cifar10, cifar100, svhn"
        ) as error:
            ask("mnits")
        assert not isinstance(error.value, DataError)
    assert not folder.exists()


def test_where(monkeypatch, tmp_path):
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path))
    assert where() == tmp_path
    monkeypatch.setenv("DISTILL_DATA", "~/sets")
    assert where() == Path.home() / "sets"
    for unset in (
        lambda: monkeypatch.setenv("DISTILL_DATA", ""),
        lambda: monkeypatch.delenv("DISTILL_DATA"),
    ):
        unset()
        assert where().name == "distill-lib"


def test_describe(folder, entry, tiny):
    entry("dead")
    digits, *others = describe()
    assert (digits.info.name, digits.path, digits.present, digits.download) == (
        "digits",
        None,
        True,
        0,
    )
    assert [line.info.name for line in others] == [
        "mnist",
        "fashion_mnist",
        "cifar10",
        "cifar100",
        "svhn",
        "celeba",
        "tiny",
    ]
    assert not any(line.present for line in others)
    assert not folder.exists()
    folder.mkdir()
    np.savez(folder / "tiny.npz", **tiny)
    assert [line.info.name for line in describe() if line.present] == ["digits", "tiny"]
    assert others[0].path == folder / "mnist.npz"
    assert others[0].download == 11_594_722


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue_is_sound(name):
    entry = CATALOGUE[name]
    info = entry.info
    assert info.name == name
    assert name in names()
    count = {"cifar100": 100, "celeba": 2}.get(name, 10)
    assert len(set(info.classes)) == len(info.classes) == count
    assert info.title
    assert info.licence
    assert info.citation
    assert bool(entry.files) == bool(info.mean) == bool(info.std)
    assert bool(entry.files) == bool(entry.mirrors) or name == "celeba"  # only by hand
    assert not info.mean or len(info.mean) == len(info.std) == info.shape[2]
    scheme = (
        "http://" if name == "svhn" else "https://"
    )  # its only home has no TLS; the checksum counts
    assert all(mirror.startswith(scheme) and mirror.endswith("/") for mirror in entry.mirrors)
    assert all(len(bytes.fromhex(file.sha256)) == 32 and file.size > 0 for file in entry.files)


# The real sets


def test_digits(monkeypatch, tmp_path):
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path / "unused"))
    ds = load("digits")
    assert fetch("digits") is None
    assert not (tmp_path / "unused").exists()
    assert (ds.info.n_train, ds.info.n_test) == (len(ds.x_train), len(ds.x_test)) == (1437, 360)
    assert ds.x_train.shape[1:] == ds.x_test.shape[1:] == ds.info.shape == (8, 8, 1)
    assert ds.x_train.dtype == np.uint8
    assert (ds.x_train.min(), ds.x_train.max()) == (0, ds.info.pixel_max) == (0, 16)
    counts = np.bincount(np.concatenate([ds.y_train, ds.y_test]))
    assert (len(counts), counts.min(), counts.max()) == (10, 174, 183)
    pixels = ds.x_train / 16
    np.testing.assert_allclose(ds.info.mean, [pixels.mean()], rtol=1e-12)
    np.testing.assert_allclose(ds.info.std, [pixels.std()], rtol=1e-12)
    assert ds.info.digest == "483e81b0ed14f9fe6a57edb201b6adae4f6e0cc63603cc72d7b6a13b74510481"


def test_digits_test_part_is_every_fifth_image():
    from sklearn.datasets import load_digits

    ds, original = load("digits"), load_digits()
    every = np.arange(1797)
    np.testing.assert_array_equal(ds.x_test[..., 0], original.images[::5])
    np.testing.assert_array_equal(ds.x_train[..., 0], original.images[every % 5 > 0])
    np.testing.assert_array_equal(ds.y_test, original.target[::5])
    np.testing.assert_array_equal(ds.y_train, original.target[every % 5 > 0])


# Images of CIFAR-10's training part that a copy used for this project's runs holds recompressed.
RECOMPRESSED = [
    *(
        4298,
        5949,
        7066,
        7237,
        7248,
        7630,
        8006,
        8831,
        8968,
        9415,
        12762,
        12834,
        13546,
        21493,
        25728,
    ),
    *(
        26098,
        26927,
        27621,
        28435,
        28728,
        29694,
        29747,
        31066,
        31367,
        31462,
        31625,
        31663,
        32777,
        33641,
    ),
    *(
        33661,
        34067,
        34276,
        34387,
        34825,
        35160,
        35646,
        36733,
        37329,
        37474,
        37567,
        38384,
        38925,
        39358,
    ),
    *(
        39385,
        39613,
        39840,
        39888,
        39971,
        40805,
        41779,
        42004,
        42389,
        42611,
        43357,
        43883,
        44882,
        45168,
    ),
    *(
        45240,
        46175,
        46435,
        46538,
        46624,
        47393,
        47597,
        48081,
        48124,
        48333,
        48821,
        48836,
        49321,
        49429,
    ),
    *(49631, 49830, 49857),
]


def rows_in_any_order(ds):
    rows = np.column_stack([ds.y_train.astype(np.uint8), ds.x_train.reshape(len(ds.x_train), -1)])
    return b"".join(sorted(hashlib.sha256(row).digest() for row in rows))


# SHA-256 of what every sound copy of a training part shares: all of MNIST, CIFAR-10 but for the
# images above, and CIFAR-100 in whatever order (a copy used for this project's runs is sorted into
# classes).
SHARED = {
    "mnist": (
        lambda ds: ds.x_train,
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    ),
    "fashion_mnist": (
        lambda ds: ds.x_train,
        "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
    ),
    "cifar10": (
        lambda ds: np.delete(ds.x_train, RECOMPRESSED, axis=0),
        "f197b4791869718c2c6bf84f7fb920997631fa62ccdd81f8714a7d6ce0473294",
    ),
    "cifar100": (
        rows_in_any_order,
        "36ce7a701fbea47796e570c34382aad50f2539687cfcbc6ae96e2f56530d29b6",
    ),
}
FOLDER = os.environ.get("DISTILL_DATA")


@pytest.mark.parametrize("name", SHARED)
def test_real_set(name):
    if not FOLDER or not (Path(FOLDER) / f"{name}.npz").is_file():
        pytest.skip(f"DISTILL_DATA names no folder with {name}.npz, and tests download nothing")
    ds = load(name)
    shared, expected = SHARED[name]
    assert hashlib.sha256(shared(ds)).hexdigest() == expected
    assert ds.x_train.shape == (ds.info.n_train, *ds.info.shape)
    assert ds.x_test.shape == (ds.info.n_test, *ds.info.shape)
    assert ds.x_train.max() == ds.info.pixel_max
    if not name.endswith("mnist"):  # CIFAR's classes are of one size
        for labels in (ds.y_train, ds.y_test):
            assert set(np.bincount(labels)) == {len(labels) // len(ds.info.classes)}
    if name != "cifar100":  # CIFAR-100 is normalised with CIFAR-10's constants
        mean = ds.x_train.mean((0, 1, 2)) / ds.info.pixel_max
        np.testing.assert_allclose(ds.info.mean, mean, atol=1e-4)
