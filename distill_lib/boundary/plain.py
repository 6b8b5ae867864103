"""Values as plain JSON, and back to the types that a class states for its fields."""

import math
import reprlib
import sys
from typing import Any, Literal, get_args, get_origin

_WHOLE = 2**31  # sizes and counts are below


def plain(name: str, value: Any) -> Any:
    """A value as JSON can keep it.

    NumPy's and JAX's numbers become Python's, arrays and tuples lists, NaN and infinity text.

    Raises: ValueError that names the entry if it is of another type.

    Example:
        >>> from distill_lib.boundary.plain import plain
        >>> plain("record", {"loss": np.float64(0.5), "sizes": (2, 3), "bound": np.inf})
        {'loss': 0.5, 'sizes': [2, 3], 'bound': 'inf'}
    """
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: plain(f"{name}.{key}", entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(f"{name}[{i}]", entry) for i, entry in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(
        f"{name} is of type {type(value).__name__}, which a file cannot keep; "
        "give numbers, text, and lists or dicts with text as names."
    )


def typed(name: str, value: Any, hint: Any) -> Any:
    """A JSON value as a field annotated with `hint` holds it.

    Args:
        hint: float, int, str, dict, a Literal, or a tuple of one of these.
    Raises: ValueError that names the entry if it is of another type, or not finite.

    Example:
        >>> from distill_lib.boundary.plain import typed
        >>> typed("shape", [8, 8, 1], tuple[int, int, int])
        (8, 8, 1)
    """
    inner, origin = get_args(hint), get_origin(hint)
    if origin is tuple:
        count = None if inner[-1] is ... else len(inner)
        if not isinstance(value, list) or count not in (None, len(value)):
            raise _not(name, value, f"a list of {count or 'some'} entries")
        return tuple(typed(f"{name}[{i}]", entry, inner[0]) for i, entry in enumerate(value))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if origin is Literal and not any(value is one or value == one for one in inner):
        raise _not(name, value, f"one of {', '.join(map(str, inner))}")
    if hint is float and not (number and abs(value) <= sys.float_info.max):
        raise _not(name, value, "a finite number")
    if hint is int and not (number and isinstance(value, int) and abs(value) < _WHOLE):
        raise _not(name, value, "a whole number of usual size")
    if hint is str and not isinstance(value, str):
        raise _not(name, value, "text")
    if hint is dict or origin is dict:
        if not isinstance(value, dict):
            raise _not(name, value, "a set of named entries")
        return plain(name, value)
    return value


def entries(
    name: str, value: Any, hints: dict[str, Any], optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A JSON object that has just the entries of `hints`, each as `typed` gives it.

    `Any` as a hint stands for whatever the entry is.

    Raises: ValueError that names what is missing, unknown or of another type.

    Example:
        >>> from distill_lib.boundary.plain import entries
        >>> entries("header", {"version": 2, "name": "a set"}, {"version": int, "name": str})
        {'version': 2, 'name': 'a set'}
    """
    value = typed(name, value, dict)
    of = f"{name}." if name else ""
    for key in hints:
        if key not in value and key not in optional:
            raise ValueError(f"'{of}{key}' is missing")
    for key in value:
        if key not in hints:
            raise ValueError(f"'{of}{key[:80]}' is unknown")
    return {
        key: entry if hints[key] is Any else typed(of + key, entry, hints[key])
        for key, entry in value.items()
    }


def _not(name: str, value: Any, wanted: str) -> ValueError:
    return ValueError(f"{name} is {reprlib.repr(value)}, not {wanted}")
