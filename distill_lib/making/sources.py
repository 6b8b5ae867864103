"""Where data come from: a table, a folder of pictures, a data set of the catalogue."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from distill_lib import data
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.readers import folder_stream, pictures
from distill_lib.images.streams import Stream
from distill_lib.making.labels import Labels, Task, enough
from distill_lib.making.tables import Table, table

Batch = tuple[np.ndarray, np.ndarray]
WIDEST = 16384  # inputs: their Gram matrix takes 2 GiB


@dataclass(frozen=True, eq=False)
class Source:
    """Labelled rows in batches, with what is known of them before they are read.

    Attributes:
        name: what they are, for messages and for the set's record.
        shape: (h, w, c) of a row: of a table (1, 1, columns).
        white: the number that stands for 1; 1 in a table.
        classes: the names of the classes; none for numbers to predict.
        counts: (k,) rows of each class; (1,) of all for numbers to predict.
        outputs: k, classes or numbers to predict.
        columns: of a table, in their order; none for pictures.
        labels: the names of the labels' columns; none for pictures.
        begin: begins to read: batches of rows (b, h, w, c) and class indices (b,) or numbers
            (b, k).
        known: a normalisation that belongs to the data.
        tests: opens the rows that belong to them as a test.
    """

    name: str
    shape: tuple[int, int, int]
    white: float
    classes: tuple[str, ...]
    counts: np.ndarray
    outputs: int
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    begin: Callable[[], Iterable[Batch]]
    known: Normalisation | None = None
    tests: Callable[[], "Source"] | None = None

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.counts.sum())

    @property
    def dim(self) -> int:
        """The number of inputs d."""
        return int(np.prod(self.shape))


def open_source(
    source: str | Path,
    labels: str | Sequence[str] = (),
    task: Task | None = None,
    *,
    columns: Sequence[str] | None = None,
    part: str = "train",
) -> Source:
    """The data at a path or of a name, their labels read and found to be in order.

    Args:
        source: a CSV or Parquet file; a folder with a folder of pictures for each class; or one of
            `data.names()`.
        labels: of a table, the name of the column of labels; several, if they are numbers to
            predict.
        task: "classes" or "values"; None decides by the labels: text and whole numbers are
            classes, numbers with fractions are values.
        columns: of a table, those to read; None for all but the labels.
        part: "train" or "test" of a named data set.
    Raises: ValueError that names the place, for what does not exist, has no such column, has one
        class alone or labels that do not fit the task. ImportError for Parquet without pyarrow.

    Example:
        >>> from distill_lib.making import open_source
        >>> digits = open_source("digits")
        >>> digits.rows, digits.shape, digits.classes[:3]
        (1437, (8, 8, 1), ('0', '1', '2'))
    """
    wanted = (labels,) if isinstance(labels, str) else tuple(labels)
    path = Path(source)
    if not path.exists():
        if str(source) in data.names():
            _no_columns(str(source), wanted, task)
            return _named(str(source), part)
        raise ValueError(
            f"there is no file or folder {path}, and no data set of that name; those are "
            f"{', '.join(data.names())}."
        )
    if path.is_dir():
        _no_columns(str(path), wanted, task)
        return _folder(path)
    return _table(table(path), wanted, task, columns)


def _no_columns(name: str, labels: tuple[str, ...], task: Task | None) -> None:
    if labels or task == "values":
        raise ValueError(f"{name} has classes and no columns of labels; leave labels and task out.")


def _named(name: str, part: str) -> Source:
    found = data.load(name)
    info = found.info
    x, y = (found.x_train, found.y_train) if part == "train" else (found.x_test, found.y_test)
    return Source(
        f"{info.title}, {part} part",
        info.shape,
        info.pixel_max,
        info.classes,
        np.bincount(y, minlength=len(info.classes)),
        len(info.classes),
        (),
        (),
        Stream.of_arrays(x, y).make,
        Normalisation(info.shape, info.pixel_max, info.mean, info.std),
        (lambda: _named(name, "test")) if part == "train" else None,
    )


def _folder(path: Path) -> Source:
    found = {one.name: pictures(one) for one in sorted(path.iterdir()) if one.is_dir()}
    if not found:
        raise ValueError(f"{path} has no folders; one folder of pictures for each class is needed.")
    for name, files in found.items():
        if not files:
            raise ValueError(f"{path / name} holds no pictures.")
    counts = np.array([len(files) for files in found.values()])
    enough(str(path), "in its folders", list(found), counts)
    shape = _shape([files[0] for files in found.values()])
    _not_too_wide(str(path), shape)
    stream = folder_stream(path, shape)
    return Source(str(path), shape, 255, tuple(found), counts, len(found), (), (), stream.make)


def _shape(firsts: Sequence[Path]) -> tuple[int, int, int]:
    """The shape of pictures by the first of each class: colour, if one of them has any."""
    shapes, grey = [], True
    for file in firsts:
        try:
            with Image.open(file) as picture:
                shapes.append((picture.height, picture.width))
                grey &= picture.mode in ("1", "L", "LA", "I", "I;16", "F")
        except OSError as error:
            raise ValueError(f"{file} cannot be read as a picture: {error}.") from error
    for file, shape in zip(firsts, shapes, strict=True):
        if shape != shapes[0]:
            raise ValueError(
                f"{file} has {shape[0]} x {shape[1]} pixels, but {firsts[0]} has "
                f"{shapes[0][0]} x {shapes[0][1]}; resize the pictures to one size first."
            )
    return (*shapes[0], 1 if grey else 3)


def _table(
    found: Table, labels: tuple[str, ...], task: Task | None, columns: Sequence[str] | None
) -> Source:
    named = ", ".join(found.columns[:20]) + ("..." if len(found.columns) > 20 else "")
    if not labels:
        raise ValueError(f"{found.path}: name the column of labels; its columns are {named}.")
    for name in (*labels, *(columns or ())):
        if found.columns.count(name) != 1:
            there = "no column" if name not in found.columns else "several columns"
            raise ValueError(f"{found.path} has {there} '{name}'; its columns are {named}.")
    names = [name for name in found.columns if name not in labels] if columns is None else columns
    _not_too_wide(str(found.path), (1, 1, len(names)))
    found.check(names)
    seen = [_scanned(found, name, "values" if labels[1:] else task) for name in labels]
    classes = seen[0].classes

    def begin() -> Iterator[Batch]:
        for values, texts in found.batches(names, labels):
            truth: Any = (
                seen[0].indices(texts[0])
                if classes
                else np.array([list(map(float, one)) for one in texts]).T
            )
            yield values[:, None, None, :], truth

    return Source(
        str(found.path),
        (1, 1, len(names)),
        1,
        classes,
        seen[0].counts,
        len(classes) or len(labels),
        tuple(names),
        labels,
        begin,
    )


def _scanned(found: Table, name: str, task: Task | None) -> Labels:
    """The labels of a column, all of them seen, before anything else is read."""
    labels = Labels(str(found.path), name, task)
    for places, values in found.labels(name):
        labels.see(values, lambda i, places=places: f"{found.row} {places[i]}")
    labels.finish()
    return labels


def _not_too_wide(name: str, shape: tuple[int, int, int]) -> None:
    if (d := int(np.prod(shape))) > WIDEST:
        raise ValueError(
            f"{name} has rows of {d:,} numbers, and the matrix of their products would take "
            f"{8 * d * d / 2**30:.0f} GiB; at most {WIDEST:,} are taken, so make the pictures "
            "smaller or leave columns out."
        )
