"""A digest of a feature map and its preprocessing, so that statistics of two maps never mix."""

import dataclasses
import hashlib
from typing import Any

import jax
import numpy as np


def digest(*modules: Any) -> str:
    """A name for what features depend on: kinds, settings and the bytes of all parameters.

    Equal modules have the same digest on every machine.

    Example:
        >>> from distill_lib.ridge.identity import digest
        >>> digest(dl.Linear(2)) == digest(dl.Linear(2)) != digest(dl.Linear(3))
        True
    """
    found = hashlib.sha256()
    for module in modules:
        _fed(found, module)
    return found.hexdigest()[:32]


def _fed(found, value: Any) -> None:
    """Feed one value, part by part."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found.update(f"{type(value).__name__}(".encode())
        for field in dataclasses.fields(value):
            found.update(f"{field.name}=".encode())
            _fed(found, getattr(value, field.name))
        found.update(b")")
    elif isinstance(value, tuple | list):
        found.update(f"{len(value)}[".encode())
        for part in value:
            _fed(found, part)
        found.update(b"]")
    elif isinstance(value, jax.Array | np.ndarray):
        array = np.ascontiguousarray(value)
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(array.tobytes())
    elif callable(value):  # an activation: its address is another in every process
        found.update(f"{getattr(value, '__name__', type(value).__name__)};".encode())
    else:
        found.update(f"{type(value).__name__}:{value!r};".encode())
