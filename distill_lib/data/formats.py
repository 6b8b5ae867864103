"""Readers of the formats in which the data sets are published.

These are idx (MNIST, Fashion-MNIST), CIFAR's binary version, SVHN's cropped digits, CelebA's
aligned faces and scikit-learn's digits. Each reader takes the downloaded files and returns the four
arrays `x_train, y_train, x_test, y_test` as unsigned bytes, images channel-last (grey: no channel
axis). No pickle is opened and no archive is unpacked to disk; where pixels are stored as they are,
the images are views of the bytes read.
"""

import gzip
import math
import struct
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy  # loads its parts when they are first used

PARTS = ("x_train", "y_train", "x_test", "y_test")
Arrays = dict[str, np.ndarray]


def parse_idx(data: bytes) -> np.ndarray:
    """The array of an idx file of unsigned bytes (LeCun et al. 1998).

    The file is two zero bytes, the type 0x08, the number of axes, each axis's length as a
    big-endian 32-bit integer, then the values in C order.

    Raises: ValueError if the bytes are not such a file, or are more or fewer than its header
        promises.

    Example:
        >>> from distill_lib.data.formats import parse_idx
        >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 6, 7])).tolist()
        [5, 6, 7]
    """
    if data[:3] != b"\x00\x00\x08" or len(data) < 4:
        raise ValueError(
            f"an idx file of unsigned bytes starts with 000008, this one with {data[:4].hex()}."
        )
    header = 4 + 4 * data[3]
    if len(data) < header:
        raise ValueError(
            f"the idx file ends inside its header, after {len(data)} of {header} bytes."
        )
    shape = struct.unpack(f">{data[3]}I", data[4:header])
    if len(data) != header + math.prod(shape):
        raise ValueError(
            f"an idx file of shape {shape} has {header + math.prod(shape)} bytes, but this one "
            f"{len(data)}."
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def parse_cifar(
    data: bytes, label_bytes: int, shape: tuple[int, int, int] = (32, 32, 3)
) -> tuple[np.ndarray, np.ndarray]:
    """The images (n, h, w, c) and labels (n,) of a file of CIFAR's binary version.

    Krizhevsky 2009. A record is `label_bytes` label bytes, of which the last is the finest
    (CIFAR-100: coarse, fine), then the pixels channel-first.

    Raises: ValueError if the bytes are not a whole number of records, or none.

    Example:
        >>> from distill_lib.data.formats import parse_cifar
        >>> images, labels = parse_cifar(bytes([7, 1, 2, 3, 4]), 1, shape=(1, 2, 2))
        >>> images.tolist(), labels.tolist()
        ([[[[1, 3], [2, 4]]]], [7])
    """
    h, w, c = shape
    record = label_bytes + h * w * c
    if not data or len(data) % record:
        raise ValueError(
            f"a CIFAR file is some records of {record} bytes, this one has {len(data)} bytes."
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, record)
    images = records[:, label_bytes:].reshape(-1, c, h, w).transpose(0, 2, 3, 1)
    return images, records[:, label_bytes - 1]


def read_idx(files: Sequence[Path]) -> Arrays:
    """The four arrays from four gzipped idx files, in the order of `PARTS`."""
    return {
        part: parse_idx(gzip.decompress(file.read_bytes()))
        for part, file in zip(PARTS, files, strict=True)
    }


def read_cifar(
    files: Sequence[Path],
    *,
    train: Sequence[str],
    test: Sequence[str],
    label_bytes: int,
    shape: tuple[int, int, int] = (32, 32, 3),
) -> Arrays:
    """The four arrays from CIFAR's archive, the one .tar.gz in `files`.

    Its members `train` and `test` hold the records.

    Raises: ValueError if a member is missing or is not a file of records.
    """
    (archive,) = files
    found: dict[str, bytes] = {}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            if member.name in (*train, *test) and (content := tar.extractfile(member)):
                found[member.name] = content.read()
    if missing := [member for member in (*train, *test) if member not in found]:
        raise ValueError(f"the archive {archive.name} has no file {missing[0]}.")
    x_train, y_train = parse_cifar(b"".join(found[member] for member in train), label_bytes, shape)
    x_test, y_test = parse_cifar(b"".join(found[member] for member in test), label_bytes, shape)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def read_svhn(files: Sequence[Path]) -> Arrays:
    """The four arrays from SVHN's `train_32x32.mat` and `test_32x32.mat`.

    Each holds X (h, w, c, n) and y (n, 1), in which 10 stands for 0.

    Raises: ValueError if a file is no MATLAB file (version 5) of unsigned bytes, or lacks one of
        them.
    """
    arrays: Arrays = {}
    for part, file in zip(("train", "test"), files, strict=True):
        try:
            content = scipy.io.loadmat(file, variable_names=("X", "y"))
            x, y = content["X"], content["y"]
        except (
            KeyError,
            NotImplementedError,
            TypeError,
            ValueError,
            scipy.io.matlab.MatReadError,
        ) as problem:
            raise ValueError(
                f"{file.name} is no MATLAB file (version 5) with X and y."
            ) from problem
        if x.dtype != np.uint8 or y.dtype != np.uint8 or x.ndim != 4 or y.size != x.shape[3]:
            raise ValueError(
                f"X is {x.dtype} of shape {x.shape} and y {y.dtype} of shape {y.shape} in "
                f"{file.name}; "
                "unsigned bytes (h, w, c, n) and (n, 1) are needed."
            )
        arrays[f"x_{part}"] = np.ascontiguousarray(x.transpose(3, 0, 1, 2))
        arrays[f"y_{part}"] = y.reshape(-1) % 10
    return arrays


def read_celeba(files: Sequence[Path], side: int = 64, crop: int = 178) -> Arrays:
    """The four arrays from CelebA's attributes, partition and archive of aligned faces.

    Liu et al. 2015. The label is the attribute "Male"; the validation part is left out. A face is
    the central square of `crop` pixels, resized to `side` pixels with an antialiasing filter. One
    picture is open at a time.

    Args:
        files: `list_attr_celeba.txt`, `list_eval_partition.txt`, `img_align_celeba.zip`.

    Raises: ValueError if a file is not what its name says, or a picture is missing or unreadable.
    """
    attributes, partition, archive = files
    male, part = _column(attributes, "Male"), _column(partition)
    arrays: Arrays = {}
    with zipfile.ZipFile(archive) as pictures:
        for name, number in (("train", "0"), ("test", "2")):
            members = [member for member, of in part.items() if of == number]
            if missing := [member for member in members if member not in male]:
                raise ValueError(f"{attributes.name} has no line for {missing[0]}.")
            faces = np.empty((len(members), side, side, 3), np.uint8)
            for row, member in enumerate(members):
                faces[row] = _face(pictures, f"img_align_celeba/{member}", side, crop)
            arrays[f"x_{name}"] = faces
            arrays[f"y_{name}"] = np.array([male[m] == "1" for m in members], np.uint8)
    return arrays


def _column(file: Path, name: str | None = None) -> dict[str, str]:
    """The entries of a column by the first entry of their line; the last where none is named."""
    lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    at = -1
    if name is not None:  # two lines come first: how many follow, and the names of the columns
        heads = lines[1].split() if len(lines) > 1 else []
        if name not in heads:
            raise ValueError(f"the second line of {file.name} names no column {name}.")
        at, lines = 1 + heads.index(name), lines[2:]
    found = {}
    for line in lines:
        entries = line.split()
        if len(entries) <= max(at, 1):
            raise ValueError(f"a line of {file.name} is too short: '{line[:60]}'.")
        found[entries[0]] = entries[at]
    return found


def _face(archive: zipfile.ZipFile, member: str, side: int, crop: int) -> np.ndarray:
    """The central square of a picture in an archive, resized."""
    from PIL import Image  # only here, and not everywhere installed

    try:
        with archive.open(member) as file, Image.open(file) as image:
            left, top = (image.width - crop) // 2, (image.height - crop) // 2
            square = image.convert("RGB").crop((left, top, left + crop, top + crop))
            return np.asarray(square.resize((side, side), Image.Resampling.BILINEAR))
    except KeyError:
        raise ValueError(f"the archive {archive.filename} has no {member}.") from None
    except OSError as problem:
        raise ValueError(f"{member} cannot be read as a picture.") from problem


def read_digits(files: Sequence[Path] = ()) -> Arrays:
    """The four arrays of scikit-learn's 8 x 8 digits.

    Every fifth image (index % 5 == 0) is the test part.

    Example:
        >>> from distill_lib.data.formats import read_digits
        >>> {part: values.shape for part, values in read_digits().items()}["x_test"]
        (360, 8, 8)
    """
    from sklearn.datasets import load_digits  # here, because scikit-learn is slow to import

    digits = load_digits()
    x, y = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    test = np.arange(len(x)) % 5 == 0
    return {"x_train": x[~test], "y_train": y[~test], "x_test": x[test], "y_test": y[test]}
