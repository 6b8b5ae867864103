"""Files that are whole or absent."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` at the end.

    A reader sees the old one or the new one, never a part. A link stays, and what it points to is
    written. A new file gets the rights that the umask leaves, an old one keeps its own.

    Raises: OSError, one sentence that names `path` as it was given, if it cannot be written.

    Example:
        >>> import pathlib, tempfile
        >>> from distill_lib.boundary.files import replacing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "note.txt")
        ...     with replacing(path) as file:
        ...         _ = file.write(b"whole")
        ...     path.read_bytes()
        b'whole'
    """
    try:
        target = Path(os.path.realpath(path))
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and not stat.S_ISREG(mode):  # a folder, or a device such as /dev/null
            raise OSError("something that is no file is in its place")
        part = target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.part")
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            if mode is not None:
                shutil.copymode(target, part)
            os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _sentence(path, error) from error


def _sentence(path: str | Path, error: OSError) -> OSError:
    """The error of a file as one sentence that names it."""
    folder = Path(path).parent
    if isinstance(error, FileNotFoundError | NotADirectoryError) and not folder.is_dir():
        reason = f"there is no folder {folder}; make it, or name another"
    else:
        reason = (error.strerror or str(error)).lower()
    said = type(error)(f"{path} cannot be written: {reason}")
    said.errno = error.errno
    return said
