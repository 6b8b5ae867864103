"""The error that the command line shows as one sentence."""

from collections.abc import Iterable
from difflib import get_close_matches


class CompanionError(Exception):
    """What was wrong, where, and what to do: printed without a traceback, then exit with `code`."""

    def __init__(self, message: str, *, code: int = 1):
        super().__init__(message)
        self.code = code


def unknown(kind: str, name: str, known: Iterable[str]) -> CompanionError:
    """A usage error (exit code 2) for a name that does not exist: the nearest known one, and all of them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return CompanionError(f"unknown {kind} '{name}': {hint}known: {', '.join(names) or 'none'}", code=2)
