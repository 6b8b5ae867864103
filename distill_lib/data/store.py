"""Data sets on disk: one `<name>.npz` each, fetched when first asked for, checked whenever it is read.

The file holds `x_train`, `y_train`, `x_test` and `y_test` as unsigned bytes, colour images as (n, h, w, c)
and grey ones as (n, h, w); other arrays in it are ignored.
"""

import hashlib
import os
import shutil
import tempfile
import time
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from distill_lib.data.catalogue import CATALOGUE, DataError, DatasetInfo, Entry, find
from distill_lib.data.formats import PARTS, Arrays


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels of a set, with its facts.

    Attributes:
        x_train, x_test: (n, h, w, c) unsigned bytes, 0..info.pixel_max.
        y_train, y_test: (n,) int32 labels, 0..len(info.classes) - 1.
        info: the facts.
    """

    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    info: DatasetInfo


@dataclass(frozen=True)
class Listing:
    """A line of the catalogue, as `describe` gives it.

    Attributes:
        info: the facts; `digest` is empty, because nothing is read.
        home: the set's own page.
        path: where its file is or would be; None for a set that ships with a dependency.
        present: whether `load` can do without a download.
        download: bytes that `fetch` would download from nothing; 0 for a set that ships with a dependency.
    """

    info: DatasetInfo
    home: str
    path: Path | None
    present: bool
    download: int


def where() -> Path:
    """The folder of the data sets: $DISTILL_DATA if set, else the user's cache. It may not exist yet."""
    if folder := os.environ.get("DISTILL_DATA"):
        return Path(folder).expanduser()
    import pooch  # as below, only where it is needed: it is slow to import

    return Path(pooch.os_cache("distill-lib"))


def describe() -> tuple[Listing, ...]:
    """Every known set, with its facts and whether it is present; nothing is read or downloaded."""
    return tuple(_listing(entry) for entry in CATALOGUE.values())


def fetch(name: str) -> Path | None:
    """Make sure that a set's file is present, downloading it if need be, and return its path.

    What is downloaded, how much, and how far it has come is told on standard error. The file appears whole
    or not at all. Official files (idx.gz, binary .tar.gz) that already lie in the folder are used as they are.

    Args:
        name: one of `names()`.

    Returns: the path of `<name>.npz` in `where()`; None for a set that ships with a dependency ("digits").
    Raises: ValueError for an unknown name; DataError if the set cannot be downloaded, is not the official
        one, or cannot be written.
    """
    entry = find(name)
    if not entry.files:
        return None
    path = where() / f"{name}.npz"
    try:
        if not path.is_file():
            _install(entry, path)
    except OSError as problem:
        raise DataError(
            f"{path} could not be written ({problem.strerror or problem}); make room for it there, "
            "or set DISTILL_DATA to a folder that can be written."
        ) from problem
    return path


def load(name: str) -> Dataset:
    """A data set as arrays, fetched first if it is not here yet (see `fetch`).

    Args:
        name: one of `names()`.

    Raises: ValueError for an unknown name; DataError as `fetch` does, or if the set's file is damaged, is not
        that set, holds labels outside the classes or leaves a class empty.
    """
    entry, path = find(name), fetch(name)
    arrays = entry.read([]) if path is None else _read(entry, path)
    digest = hashlib.sha256()
    for part in PARTS:
        digest.update(np.ascontiguousarray(arrays[part]).data)
    shape, info = entry.info.shape, replace(entry.info, digest=digest.hexdigest())
    if not info.mean:
        pixels = arrays["x_train"].reshape(-1, shape[-1]) / info.pixel_max
        info = replace(info, mean=tuple(pixels.mean(0).tolist()), std=tuple(pixels.std(0).tolist()))
    return Dataset(
        arrays["x_train"].reshape(-1, *shape),
        arrays["y_train"].astype(np.int32),
        arrays["x_test"].reshape(-1, *shape),
        arrays["y_test"].astype(np.int32),
        info,
    )


def _listing(entry: Entry) -> Listing:
    path = where() / f"{entry.info.name}.npz" if entry.files else None
    present = path is None or path.is_file()
    return Listing(entry.info, entry.home, path, present, sum(file.size for file in entry.files))


def _install(entry: Entry, path: Path) -> None:
    """Write a set's file from its official files, by way of a folder beside it that never remains."""
    from distill_lib.data.download import official_files

    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.stem}-*"):  # by a process that was killed, when it is a day old
        if time.time() - left.stat().st_mtime > 86400:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
        scratch = Path(folder)
        arrays = entry.read(official_files(entry, path.parent, scratch))
        _check(entry, arrays)
        np.savez(scratch / path.name, allow_pickle=False, **arrays)
        os.replace(scratch / path.name, path)


def _read(entry: Entry, path: Path) -> Arrays:
    try:
        arrays = _open(path)
        _check(entry, arrays)
    except ValueError as problem:
        raise DataError(
            f"{path} is not a usable {path.name}: {str(problem).rstrip('.')}; remove it and run "
            f"`distill data {entry.info.name}`, or set DISTILL_DATA to a folder with a good one."
        ) from problem
    return arrays


def _open(path: Path) -> Arrays:
    """The four arrays of an npz file, without numpy.load, which looks for a pickle in what is no npz file."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for part in PARTS:
                with archive.open(f"{part}.npy") as member:
                    arrays[part] = np.lib.format.read_array(member, allow_pickle=False)
    except KeyError as problem:
        raise ValueError(f"it does not hold the arrays {', '.join(PARTS)}") from problem
    except OSError as problem:
        raise ValueError(f"it cannot be read ({problem.strerror})") from problem
    except (EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as problem:
        raise ValueError("it is truncated, damaged or no npz file of plain arrays") from problem
    return arrays


def _check(entry: Entry, arrays: Arrays) -> None:
    """Raise ValueError unless the arrays are those of the entry: shapes, types, labels, no empty class."""
    from distill_lib._checks import labels  # with it comes JAX, which a list of the sets does not need

    info = entry.info
    image = info.shape if info.shape[2] > 1 else info.shape[:2]
    for part, count in (("train", info.n_train), ("test", info.n_test)):
        for array, shape in ((f"x_{part}", (count, *image)), (f"y_{part}", (count,))):
            seen = arrays[array]
            if seen.shape != shape or seen.dtype != np.uint8:
                raise ValueError(f"{array} is {seen.dtype} of shape {seen.shape}, not uint8 of shape {shape}")
        labels(f"y_{part}", arrays[f"y_{part}"], len(info.classes), count)
