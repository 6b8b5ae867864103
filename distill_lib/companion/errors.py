"""Errors as one sentence: what was wrong, where, and what to do."""

import errno
from collections.abc import Iterable
from difflib import get_close_matches


class CompanionError(Exception):
    """What was wrong, where, and what to do: printed without a traceback, then exit with `code`."""

    def __init__(self, message: str, *, code: int = 1):
        super().__init__(message)
        self.code = code


DISK_FULL = (
    "; the disk is full: free some room and run the same command again; what is finished is kept"
)
OUT_OF_MEMORY = (
    "; if the machine ran out of memory, run fewer notebooks at a time (--jobs 1) or take a "
    "smaller profile"
)


def explained(error: OSError) -> str:
    """The system's refusal of a file in one sentence, with the remedy."""
    where = f" at {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.strerror}{where}{DISK_FULL}"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            f"there is no permission to write{where}: where the checkout is read-only, name "
            "another folder "
            "with --build-dir or DISTILL_BUILD"
        )
    return f"{error.strerror or error}{where}"


def unknown(kind: str, name: str, known: Iterable[str]) -> CompanionError:
    """A usage error (exit code 2) for a name that does not exist.

    It tells the nearest known name, and all of them.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return CompanionError(
        f"unknown {kind} '{name}': {hint}known: {', '.join(names) or 'none'}", code=2
    )
