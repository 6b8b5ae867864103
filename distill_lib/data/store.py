"""Data sets on disk: one `<name>.npz` each, checked whenever it is read.

It is fetched when first asked for. The file holds `x_train`, `y_train`, `x_test` and `y_test` as
unsigned bytes, colour images as (n, h, w, c) and grey ones as (n, h, w). `fetch` adds `digest`,
that of the four arrays which the official files hold: a content is the official one if the
catalogue knows its digest as such, or, where it knows none, if the file does.
"""

import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from distill_lib.boundary import npz
from distill_lib.data.catalogue import CATALOGUE, find
from distill_lib.data.facts import OFFICIAL, DataError, DatasetInfo, Entry
from distill_lib.data.formats import PARTS, Arrays

_NOTES = ("digest", "lossy_train", "lossy_test")  # which images of a copy are recompressed


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels of a set, with its facts.

    Attributes:
        x_train, x_test: (n, h, w, c) unsigned bytes, 0..info.pixel_max.
        y_train, y_test: (n,) int32 labels, 0..len(info.classes) - 1.
        info: the facts.

    Example:
        >>> from distill_lib.data import load
        >>> digits = load("digits")
        >>> digits.x_train.shape, digits.y_train[:5].tolist(), digits.info.classes[-1]
        ((1437, 8, 8, 1), [1, 2, 3, 4, 6], '9')
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
        download: bytes that `fetch` would download from nothing; 0 for a set that ships with a
            dependency.
    """

    info: DatasetInfo
    home: str
    path: Path | None
    present: bool
    download: int


def where() -> Path:
    """The folder of the data sets: $DISTILL_DATA if set, else the user's cache.

    It may not exist yet.

    Example:
        >>> from distill_lib.data import where
        >>> (where() / "mnist.npz").name
        'mnist.npz'
    """
    if folder := os.environ.get("DISTILL_DATA"):
        return Path(folder).expanduser()
    import pooch  # as below, only where it is needed: it is slow to import

    return Path(pooch.os_cache("distill-lib"))


def describe() -> tuple[Listing, ...]:
    """Every known set, with its facts and whether it is present.

    Nothing is read or downloaded.

    Example:
        >>> from distill_lib.data import describe
        >>> [(one.info.name, one.download) for one in describe()][:2]
        [('digits', 0), ('mnist', 11594722)]
    """
    return tuple(_listing(entry) for entry in CATALOGUE.values())


def fetch(name: str) -> Path | None:
    """Make sure that a set's file is present and sound, downloading it if need be.

    What is downloaded, how much, and how far it has come is told on standard error. The file
    appears whole or not at all. Official files (idx.gz, binary .tar.gz, .mat) that already lie in
    the folder are used as they are.

    Args:
        name: one of `names()`.

    Returns: the path of `<name>.npz` in `where()`; None for a set that ships with a dependency
        ("digits").
    Raises: ValueError for an unknown name; DataError if the set cannot be downloaded or written, or
        as `load`.

    Example:
        >>> from distill_lib.data import fetch
        >>> fetch("digits") is None  # it comes with scikit-learn
        True
    """
    entry = find(name)
    path = _present(entry)
    if path is not None:
        found = path.stat()
        _sound(name, path, found.st_size, found.st_mtime_ns)
    return path


def load(name: str) -> Dataset:
    """A data set as arrays, fetched first if it is not here yet (see `fetch`).

    Of a copy that is not official, but whose differences are known, `info.content` tells them. Any
    other content is refused.

    Args:
        name: one of `names()`.

    Raises: ValueError for an unknown name; DataError as `fetch` does, or if the set's file is
        damaged, is not that set, holds labels outside the classes or leaves a class empty, or is
        neither the official one nor a copy whose differences are known.

    Example:
        >>> from distill_lib.data import load
        >>> digits = load("digits")
        >>> digits.x_test.shape, int(digits.x_test.max())
        ((360, 8, 8, 1), 16)
    """
    entry = find(name)
    path = _present(entry)
    arrays, info = _shipped(entry) if path is None else _read(entry, path)
    shape = info.shape
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
    """What the catalogue says of a set, and whether its file is here."""
    path = where() / f"{entry.info.name}.npz" if entry.files else None
    present = path is None or path.is_file()
    return Listing(entry.info, entry.home, path, present, sum(file.size for file in entry.files))


def _present(entry: Entry) -> Path | None:
    """The path of a set's file, which is made if it is not there."""
    if not entry.files:
        return None
    path = where() / f"{entry.info.name}.npz"
    try:
        if not path.is_file():
            _install(entry, path)
    except OSError as problem:
        raise DataError(
            f"{path} could not be written ({(problem.strerror or str(problem)).lower()}); make "
            "room for it "
            "there, or set DISTILL_DATA to a folder that can be written."
        ) from problem
    return path


@lru_cache
def _sound(name: str, path: Path, size: int, modified: int) -> None:
    """Raise DataError unless the file can be loaded; one that has not changed is read once."""
    _read(find(name), path)


def _install(entry: Entry, path: Path) -> None:
    """Write a set's file from its official files, by a folder that never remains."""
    from distill_lib.data.download import official_files

    path.parent.mkdir(parents=True, exist_ok=True)
    # By a process that was killed, when it is a day old.
    for left in path.parent.glob(f".{path.stem}-*"):
        if time.time() - left.stat().st_mtime > 86400:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
        arrays = entry.read(official_files(entry, path.parent, Path(folder)))
        _check(entry, arrays)
        npz.write(path, arrays | {"digest": np.array(_digest(arrays))})


def _shipped(entry: Entry) -> tuple[Arrays, DatasetInfo]:
    """The arrays and facts of a set that ships with a dependency."""
    try:
        return _identified(entry, entry.read([]))
    except ValueError as problem:
        raise DataError(
            f"{entry.info.title}, as scikit-learn has it: {problem}; take another version of it."
        ) from problem


def _read(entry: Entry, path: Path) -> tuple[Arrays, DatasetInfo]:
    """The arrays and facts of a set from its file, checked."""
    try:
        with npz.opened(path) as file:
            file.only({*PARTS, *_NOTES}, f"the file of {entry.info.title}")
            for part in PARTS:
                file.check(part, _shape(entry, part), np.uint8)
            arrays = {part: file.read(part) for part in PARTS}
            official = file.text("digest") if "digest" in file.claims else ""
        _check(entry, arrays)
        return _identified(entry, arrays, official)
    except ValueError as problem:
        raise DataError(
            f"{path} is not a usable {path.name}: {str(problem).rstrip('.')}; remove it and run "
            f"`distill data {entry.info.name}`, or set DISTILL_DATA to a folder with a good one."
        ) from problem


def _identified(entry: Entry, arrays: Arrays, official: str = "") -> tuple[Arrays, DatasetInfo]:
    """The arrays with the facts of their set, once their digest says what they are.

    Raises: ValueError if it does not.
    """
    digest, known = _digest(arrays), entry.contents
    if digest == official and OFFICIAL not in known.values():
        known = {digest: OFFICIAL}
    if digest not in known:
        raise ValueError(
            f"its content, of digest {digest[:16]}..., is not that of {entry.info.title}, nor of a "
            "copy "
            "whose differences are known"
        )
    return arrays, replace(entry.info, digest=digest, content=known[digest])


def _digest(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for part in PARTS:
        digest.update(np.ascontiguousarray(arrays[part]).data)
    return digest.hexdigest()


def _shape(entry: Entry, part: str) -> tuple[int, ...]:
    info = entry.info
    count = info.n_train if part.endswith("train") else info.n_test
    if part.startswith("y"):
        return (count,)
    return (count, *(info.shape if info.shape[2] > 1 else info.shape[:2]))


def _check(entry: Entry, arrays: Arrays) -> None:
    """Raise ValueError unless the arrays are those of the entry, no class of it empty."""
    from distill_lib.boundary.checks import (
        labels,  # with it comes JAX, which a list of the sets does not need
    )

    for part in PARTS:
        seen, shape = arrays[part], _shape(entry, part)
        if seen.shape != shape or seen.dtype != np.uint8:
            raise ValueError(
                f"{part} is {seen.dtype} of shape {seen.shape}, not uint8 of shape {shape}"
            )
        if part.startswith("y"):
            labels(part, seen, len(entry.info.classes))
