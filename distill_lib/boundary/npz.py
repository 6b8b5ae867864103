"""npz files that are looked at before they are read.

What an array claims is compared with what is wanted and with what its bytes can hold. Nothing is
unpickled, no array that nobody asked for is read, and nothing inflates beyond `_INFLATION` times
its file.
"""

import math
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distill_lib.boundary.files import replacing

_INFLATION = (
    100  # images and labels shrink less than that; an array of zeros shrinks a thousandfold
)
_REAL, _TEXT = "iuf", "U"


class Claim(NamedTuple):
    """What an array's own header says of it."""

    dtype: np.dtype
    shape: tuple[int, ...]

    def __str__(self) -> str:
        kind = "text" if self.dtype.kind == _TEXT else str(self.dtype)
        return f"{kind} of shape {tuple(map(_short, self.shape))}".replace("'", "")


class Unreadable(ValueError):
    """What is wrong with a file, in words about the file.

    Whoever opened it adds its name and the remedy.
    """


class Npz:
    """An open npz file, whose arrays are checked before they are read.

    `claims` holds what is said of each array, `read` gives one whose claim fits.
    """

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self._members = _members(archive, size)
        with _understood():
            self.claims = {
                name: self._claim(name, member) for name, member in self._members.items()
            }

    def check(
        self,
        name: str,
        shape: tuple[int | None, ...] | None = None,
        dtype: np.dtype | type | None = None,
        kinds: str = _REAL,
    ) -> Claim:
        """The claim of an array, nothing of it being read yet.

        Args:
            shape: what it must be, None for any size of an axis.
            dtype: what it must be; None for any of `kinds` (NumPy's letters), of at most 8 bytes
                where it is a number.
        Raises: Unreadable if it is missing or claims something else.
        """
        if name not in self.claims:
            raise Unreadable(f"the array '{name}' is missing")
        claim = self.claims[name]
        numbers = claim.dtype.kind != _TEXT
        if claim.dtype.kind not in kinds or (numbers and claim.dtype.itemsize > 8):
            raise Unreadable(
                f"{name} is {claim}, not of {'real numbers' if kinds == _REAL else 'text'}"
            )
        fits = shape is None or (
            len(claim.shape) == len(shape)
            and all(want in (None, seen) for want, seen in zip(shape, claim.shape, strict=True))
        )
        if not fits or (dtype is not None and claim.dtype != dtype):
            wanted = f"{np.dtype(dtype)} " if dtype is not None else ""
            raise Unreadable(
                f"{name} is {claim}, not {wanted}of shape {_shown(shape or claim.shape)}"
            )
        return claim

    def only(self, names, what: str) -> None:
        """Raise Unreadable if the file holds an array that is not named.

        `what` says what names them.
        """
        if others := sorted(set(self.claims) - set(names)):
            raise Unreadable(f"it also holds '{others[0][:80]}', which {what} does not have")

    def read(self, name: str, *, finite: bool = True, **wanted: Any) -> np.ndarray:
        """An array in native byte order, once `check` has passed.

        Raises: as `check`, or if it is damaged or not finite.
        """
        claim = self.check(name, **wanted)
        with _understood(), self._archive.open(self._members[name]) as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
        if finite and claim.dtype.kind == "f" and not np.isfinite(values).all():
            raise Unreadable(f"{name} holds numbers that are NaN or infinite")
        return values.astype(claim.dtype, copy=False)

    def text(self, name: str) -> str:
        """A text of the file.

        Raises: as `read`.
        """
        with _understood():
            return str(self.read(name, shape=(), kinds=_TEXT))

    def _claim(self, name: str, member: zipfile.ZipInfo) -> Claim:
        """What an array's header says of it, once its bytes can hold it."""
        with self._archive.open(member) as file:
            # Version 1 has at most 64 KB of header; later ones are for records, and may claim 4 GB
            # of it.
            if np.lib.format.read_magic(file) != (1, 0):
                raise Unreadable(f"{name} is no plain array")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            held = member.file_size - file.tell()
        if dtype.kind not in "biufcSUmM":
            raise Unreadable(
                f"{name} holds Python objects or records, and only plain arrays are read"
            )
        claim = Claim(dtype.newbyteorder("="), shape)
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != held:
            raise Unreadable(f"{name} claims to be {claim}, but {held} bytes of it are in the file")
        return claim


@contextmanager
def opened(path: str | Path) -> Iterator[Npz]:
    """An npz file, open for reading; its arrays are looked at, not read.

    Raises: Unreadable if it is no npz file, or claims more than its bytes can hold.

    Example:
        >>> import os, tempfile
        >>> from distill_lib.boundary import npz
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     npz.write(path := os.path.join(folder, "x.npz"), {"x": np.eye(2)})
        ...     with npz.opened(path) as file:
        ...         print(file.claims["x"], file.read("x").tolist())
        float64 of shape (2, 2) [[1.0, 0.0], [0.0, 1.0]]
    """
    try:
        info = Path(path).stat()
        # Could be waited for without end.
        if stat.S_ISFIFO(info.st_mode) or stat.S_ISCHR(info.st_mode):
            raise Unreadable("it is no file")
        with open(path, "rb") as file:
            if file.read(4) != b"PK\3\4":
                raise Unreadable("it is no npz file")
            with _understood():
                archive = zipfile.ZipFile(file)
            yield Npz(archive, info.st_size)
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror or error})") from error


def write(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to an npz file that `opened` reads back, whole or not at all.

    Raises: ValueError for another type, OSError as `replacing`.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in _REAL + _TEXT or (
            array.dtype.kind != _TEXT and array.dtype.itemsize > 8
        ):
            raise ValueError(
                f"{name} is of {array.dtype}, which a file cannot keep; give real numbers, float32 "
                "or float64."
            )
    with replacing(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # names are free, numpy's stub thinks of its flags


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The arrays' places by name; Unreadable for other files in it, or sizes that cannot be."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name == member.filename or name in members:
            raise Unreadable(f"it holds '{member.filename[:80]}', which is no array or there twice")
        if (
            member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            or member.flag_bits & 1
        ):
            raise Unreadable(f"{name} is compressed or locked in a way that numpy does not write")
        members[name] = member
    held = sum(member.compress_size for member in members.values())
    claimed = sum(member.file_size for member in members.values())
    if held > size:
        raise Unreadable("it is damaged: its arrays overlap")
    if claimed > _INFLATION * held:
        raise Unreadable(
            f"its {held:,d} bytes would become {claimed:,d} in memory, more than {_INFLATION} "
            "times as many"
        )
    return members


@contextmanager
def _understood() -> Iterator[None]:
    """Whatever a damaged file makes zipfile, zlib or numpy raise, in words about the file."""
    try:
        yield
    except (Unreadable, OSError):
        raise
    except Exception as error:
        raise Unreadable("it is truncated, damaged or no npz file of plain arrays") from error


def _shown(shape: tuple[int | None, ...]) -> str:
    """A wanted shape in words."""
    sizes = ", ".join("any" if size is None else str(size) for size in shape)
    return f"({sizes}{',' * (len(shape) == 1)})"


def _short(size: int) -> int | str:
    return size if abs(size) < 10**20 else "huge"
