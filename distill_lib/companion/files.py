"""Files that are whole or absent, and a lock that dies with its owner."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from distill_lib.boundary.files import replacing
from distill_lib.companion.errors import CompanionError


def write_text(path: Path, text: str) -> None:
    """Write a file at once or not at all, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """`write_text` of indented JSON.

    Raises: ValueError for NaN and infinity, which JSON does not have.
    """
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Raises: CompanionError naming the file if it is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CompanionError(
            f"{path} is not valid JSON ({error}): delete it and run again"
        ) from None


@contextmanager
def locked(path: Path, message: str) -> Iterator[None]:
    """Hold the lock file; the system releases it when this process dies, however it dies.

    Raises: CompanionError(message, and the other's process id) if another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.with_suffix(".pid")  # beside the lock: some systems let nobody read a locked file
    try:
        lock = FileLock(path).acquire(timeout=0)
    except Timeout:
        other = owner.read_text(encoding="utf-8") if owner.is_file() else "unknown"
        raise CompanionError(f"{message} (process {other})") from None
    with lock:
        write_text(owner, str(os.getpid()))
        yield
