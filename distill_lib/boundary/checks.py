"""One clear sentence for each kind of bad input, raised before long work starts."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import ArrayLike

SLICE = 2048  # entries of a vector in a file that are read at a time


def matrix(name: str, array: ArrayLike, rows: int | None = None, cols: int | None = None) -> None:
    """Raise ValueError unless `array` is a finite matrix of the stated size.

    Example:
        >>> from distill_lib.boundary import checks
        >>> checks.matrix("labels", np.eye(2), rows=3)
        Traceback (most recent call last):
        ValueError: labels has shape (2, 2), but a matrix of shape (3, any) is needed.
    """
    shaped(name, array, (rows, cols))
    finite(name, array)


def shaped(name: str, array: ArrayLike, wanted: Sequence[int | None]) -> None:
    """Raise ValueError unless `array` has that many axes, of the lengths that are not None."""
    shape = np.shape(array)
    if len(shape) != len(wanted) or any(
        size not in (None, seen) for size, seen in zip(wanted, shape, strict=True)
    ):
        sizes = ", ".join("any" if size is None else str(size) for size in wanted)
        form = {1: f"a vector of shape ({sizes},)", 2: f"a matrix of shape ({sizes})"}
        raise ValueError(
            f"{name} has shape {shape}, but {form.get(len(wanted), f'shape ({sizes})')} is needed."
        )


def finite(name: str, array: ArrayLike, rows: Any = None) -> None:
    """Raise ValueError if a floating-point array holds NaN or infinity.

    `rows` are the numbers of its rows, for the message, if not 0, 1, ...
    """
    if not all_finite(array):
        values = np.asarray(array)
        bad = int(np.size(values) - np.count_nonzero(np.isfinite(values)))
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        if rows is not None:
            first = (int(rows[first[0]]), *first[1:])
        raise ValueError(
            f"{name} holds {bad} entries that are NaN or infinite (the first at index {first}); "
            "clean or drop those samples."
        )


def all_finite(array: ArrayLike) -> bool:
    """Whether no entry is NaN or infinite; always so for integers."""
    values = np.asarray(array)
    if values.dtype.kind in "biuO":
        return True
    # The sum is NaN or infinite as soon as one entry is; only then are the entries looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum(dtype=np.float64)) or np.isfinite(values).all())


def key(name: str, value: Any) -> Any:
    """A value that is a JAX random key; ValueError for any other."""
    try:
        jax.random.key_data(value)
    except TypeError as error:
        raise ValueError(
            f"{name} = {value!r} is no random key of JAX; give {name}=jax.random.key(0), or "
            "another number for other draws."
        ) from error
    return value


def indices(name: str, array: ArrayLike, count: int | None = None) -> np.ndarray:
    """The array as signed class indices; ValueError unless it is a vector of integers.

    Of `count` entries, where that is given.

    Example:
        >>> from distill_lib.boundary import checks
        >>> checks.indices("truth", np.array([0, 2], np.uint8)).dtype.name
        'int64'
    """
    values = np.asarray(gathered(array))
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(
            f"{name} must be a vector of integer class indices, not shape {values.shape} of "
            f"{values.dtype}."
        )
    if count is not None and len(values) != count:
        raise ValueError(
            f"{name} has {len(values)} entries for {count} images; they must match one to one."
        )
    return values.astype(np.int64, copy=False)


def in_file(array: Any) -> bool:
    """Whether an array lies elsewhere and is read by slices, as a data set of HDF5 or Zarr."""
    known = isinstance(array, np.ndarray | jax.Array | list | tuple)
    if known or hasattr(array, "detach") or hasattr(array, "iloc"):
        return False
    return all(hasattr(array, name) for name in ("shape", "dtype", "__getitem__"))


def gathered(array: Any) -> Any:
    """A vector that lies in a file, read by slices; anything else as it is.

    Example:
        >>> from distill_lib.boundary import checks
        >>> checks.gathered([1, 2])
        [1, 2]
    """
    if not in_file(array) or len(array.shape) != 1:
        return array
    starts = range(0, array.shape[0], SLICE)
    parts = [np.asarray(array[i : min(i + SLICE, array.shape[0])]) for i in starts]
    return np.concatenate(parts) if parts else np.zeros(0, array.dtype)


def labels(
    name: str, array: ArrayLike, classes: int, count: int | None = None, *, every: bool = True
) -> None:
    """Raise ValueError unless `array` is a vector of class indices 0..classes-1.

    By default no class may be empty; with `every` false it may.
    """
    values = indices(name, array, count)
    if len(values) and (values.min() < 0 or values.max() >= classes):
        raise ValueError(
            f"{name} holds {values.min()}..{values.max()}, but {classes} classes are numbered "
            f"0..{classes - 1}."
        )
    seen = np.bincount(values, minlength=classes)
    if every and not seen.all():
        empty = np.flatnonzero(seen == 0)
        raise ValueError(
            f"{name} has no sample of class {', '.join(map(str, empty[:5]))}"
            f"{' and more' if len(empty) > 5 else ''}; every one of the {classes} classes needs at "
            "least one."
        )


def one_label_each(count: int, shape: Sequence[int]) -> None:
    """Raise ValueError unless labels of that shape are one for each of `count` images."""
    if len(shape) != 1 or shape[0] != count:
        raise ValueError(
            f"labels have shape {tuple(shape)} for {count} images; they must match one to one."
        )


def reg(name: str, value: float) -> None:
    """Raise ValueError unless a ridge parameter is a finite number and not negative."""
    if not (number(value) and value >= 0):
        raise ValueError(
            f"{name} = {value!r} is not a ridge parameter; it must be finite and at least 0."
        )


def positive(name: str, value: float) -> None:
    """Raise ValueError unless a value is a finite number above 0."""
    if not (number(value) and value > 0):
        raise ValueError(f"{name} = {value!r} must be a finite number above 0.")


def batch(size: int) -> None:
    """Raise ValueError unless a batch holds at least one sample.

    An empty one would leave its results unset.
    """
    if size < 1:
        raise ValueError(f"a batch of {size} samples reads nothing; it must be at least 1.")


def drawn(batch: int, count: int) -> None:
    """Raise ValueError unless a batch can be drawn from so many samples without repetition."""
    if not 1 <= batch <= count:
        raise ValueError(
            f"a batch of {batch} cannot be drawn from {count} samples; it must be between 1 and n."
        )


def number(value: object) -> bool:
    """Whether a value is one finite real number.

    Example:
        >>> from distill_lib.boundary import checks
        >>> checks.number(np.float32(2)), checks.number(float("nan")), checks.number([1.0])
        (True, False, False)
    """
    array = np.asarray(value)
    return array.ndim == 0 and array.dtype.kind in "uif" and bool(np.isfinite(array))
