"""What a data set's facts, files and checksums are: the types of the catalogue."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from distill_lib.data.formats import Arrays


class DataError(ValueError):
    """A data set that cannot be had: out of reach, unwritable, or not what it should be.

    The message is one sentence: what failed, where, and what to do.
    """


OFFICIAL = "official"


@dataclass(frozen=True)
class DatasetInfo:
    """Facts about a data set, as recorded with every result computed from it.

    Attributes:
        name: the name that `load` takes.
        title: the name for people.
        classes: class names; label j means classes[j].
        shape: (height, width, channels) of one image.
        pixel_max: the largest pixel value, so that pixels / pixel_max lies in [0, 1].
        mean, std: per channel, for normalising pixels / pixel_max; those of the training pixels for
            digits, the customary constants for the others (see `CIFAR_STD`).
        licence: the terms in one line.
        citation: key in the bibliography.
        n_train, n_test: numbers of images.
        digest: SHA-256 (hex) over the bytes of x_train, y_train, x_test, y_test, in this order,
            each as unsigned bytes in C order; empty where the set has not been read yet.
        content: what the digest says: `OFFICIAL`, or in words how the copy that was read differs
            from the official set; empty where it has not been read yet.

    Example:
        >>> from distill_lib.data import load
        >>> info = load("digits").info
        >>> info.title, info.shape, info.n_train, info.content
        ('Digits 8 × 8', (8, 8, 1), 1437, 'official')
    """

    name: str
    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    pixel_max: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    citation: str
    n_train: int
    n_test: int
    digest: str = ""
    content: str = ""


@dataclass(frozen=True)
class File:
    """An official file: its name, size in bytes and SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """Where a set comes from and how it is read.

    Attributes:
        info: the facts, with an empty digest; an empty mean and std are computed when the set is
            loaded.
        home: the set's own page.
        read: turns the downloaded `files`, in their order, into the four arrays.
        files: the official files; empty for a set that ships with a dependency.
        mirrors: URLs to which a file's name is appended, tried in order.
        folder: where official files fetched by hand are looked for, below the folder of the data
            sets.
        contents: what is known of a content, by its digest: `OFFICIAL`, or how it differs from the
            official one.
    """

    info: DatasetInfo
    home: str
    read: Callable[[Sequence[Path]], Arrays]
    files: tuple[File, ...] = ()
    mirrors: tuple[str, ...] = ()
    folder: str = ""
    contents: Mapping[str, str] = field(default_factory=dict)
