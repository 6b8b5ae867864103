"""Streams of what lies on a disk: a folder of pictures, a Parquet file."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from distill_lib.boundary import checks
from distill_lib.images.streams import SIZE, Stream

_MODES = {1: "L", 3: "RGB"}
_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


def folder_stream(path: str | Path, shape: Sequence[int], size: int = 256) -> Stream:
    """The pictures of a folder with one folder a class, in the order of their names.

    The classes are the folders' names in order, 0, 1, ...; pictures are read when their turn comes.

    Args:
        path: the folder.
        shape: (h, w, c) of every picture, with c = 1 (grey) or 3 (RGB).
        size: pictures in a batch.
    Returns: a stream of bytes, white at 255.
    Raises: ValueError for a folder without classes or a class without pictures; while reading, for
        a picture of another size or one that cannot be read, with its name.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> from distill_lib.images.readers import folder_stream
        >>> with tempfile.TemporaryDirectory() as place:
        ...     for name in ("cat", "dog"):
        ...         (Path(place) / name).mkdir()
        ...         Image.new("L", (2, 2)).save(Path(place) / name / "0.png")
        ...     stream = folder_stream(place, (2, 2, 1))
        ...     images, labels = next(iter(stream.make()))
        >>> stream.classes, images.shape, labels.tolist()
        (2, (2, 2, 2, 1), [0, 1])
    """
    checks.batch(size)
    mode = _mode(shape)
    classes = sorted(entry for entry in Path(path).iterdir() if entry.is_dir())
    if not classes:
        raise ValueError(f"{path} has no folders; one folder of pictures for each class is needed.")
    for one in classes:
        if not pictures(one):
            raise ValueError(f"{one} holds no pictures ({', '.join(sorted(_PICTURES))}).")

    def make():
        images, labels = [], []
        for label, one in enumerate(classes):
            for picture in pictures(one):
                images.append(_decoded(picture.read_bytes(), mode, shape, picture))
                labels.append(label)
                if len(images) == size:
                    yield np.stack(images), np.array(labels)
                    images, labels = [], []
        if images:
            yield np.stack(images), np.array(labels)

    return Stream(make, len(classes))


def parquet_stream(
    path: str | Path,
    shape: Sequence[int],
    classes: int | None = None,
    columns: tuple[str, str] = ("image", "label"),
    size: int = SIZE,
) -> Stream:
    """The images and labels of a Parquet file; needs `pyarrow`.

    An image is a list of h w c numbers, or an encoded picture: its bytes, or a structure with a
    field `bytes`, as the sets of Hugging Face have them.

    Args:
        path: the file.
        shape: (h, w, c) of every image.
        classes: k, where it is known.
        columns: the names of the images' and of the labels' column.
        size: rows in a batch.
    Raises: ValueError for a file without these columns; while reading, for an image of another
        size, with its row. ImportError without pyarrow.
    """
    checks.batch(size)
    parquet = arrow_parquet()
    shape = tuple(shape)
    with parquet.ParquetFile(path, pre_buffer=False) as file:
        names = file.schema_arrow.names
    if missing := [name for name in columns if name not in names]:
        raise ValueError(
            f"{path} has no column '{missing[0]}'; its columns are {', '.join(names)}: name the "
            "two of images and labels."
        )

    def make():
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            row = 0
            for batch in file.iter_batches(size, columns=list(columns)):
                images, labels = (batch.column(name) for name in columns)
                yield _images(images, shape, f"{path}, row", row), labels.to_numpy()
                row += batch.num_rows

    return Stream(make, classes)


def arrow_parquet() -> Any:
    """The module of pyarrow that reads Parquet.

    Raises: ImportError with the remedy where it is not installed.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError("Parquet is read by pyarrow: pip install pyarrow.") from error
    return parquet


def _images(column: Any, shape: tuple[int, ...], name: str, row: int) -> np.ndarray:
    """The images of a column of numbers or of encoded pictures, of which the first is `row`."""
    kind = str(column.type)
    if kind.startswith("struct"):
        column, kind = column.field("bytes"), "binary"
    if kind in ("binary", "large_binary"):
        mode = _mode(shape)
        return np.stack(
            [
                _decoded(one.as_py(), mode, shape, f"{name} {row + i}")
                for i, one in enumerate(column)
            ]
        )
    from pyarrow import compute

    wanted, flat = int(np.prod(shape)), column
    while "list" in str(flat.type):
        sizes = compute.list_value_length(flat)
        if compute.count_distinct(sizes, mode="all").as_py() > 1:
            break
        flat = flat.flatten()
    if "list" in str(flat.type) or len(flat) != len(column) * wanted:
        raise ValueError(
            f"{name}s {row} to {row + len(column) - 1}: these are no {len(column)} images of "
            f"{wanted} numbers each, as the shape {shape} has them."
        )
    return flat.to_numpy(zero_copy_only=False).reshape(-1, *shape)


def _mode(shape: Sequence[int]) -> str:
    if len(shape) != 3 or shape[2] not in _MODES:
        raise ValueError(
            f"pictures of shape {tuple(shape)}: (height, width, channels) with 1 channel (grey) "
            "or 3 (RGB) is needed."
        )
    return _MODES[shape[2]]


def pictures(folder: Path) -> list[Path]:
    """The pictures in a folder and below, in the order of their names."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in _PICTURES)


def _decoded(encoded: bytes, mode: str, shape: Sequence[int], name: Any) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(encoded)) as opened:
            picture = np.asarray(opened.convert(mode))
    except OSError as error:
        raise ValueError(f"{name} cannot be read as a picture: {error}.") from error
    picture = picture.reshape(*picture.shape[:2], shape[2])
    if picture.shape != tuple(shape):
        raise ValueError(
            f"{name} has shape {picture.shape}, but {tuple(shape)} is needed; resize the pictures "
            "first, or give a Stream of your own."
        )
    return picture
