"""The one door for arrays: whatever comes in becomes floats, and no NaN or infinity goes out.

A public function is marked `@door()`. Its annotations then say what comes in: `Float[...]` arguments become arrays of floats
(`floats`), a `PRNGKeyArray` has to be a JAX key. Of what it returns every number has to be finite. Images, which may be bytes and too
many to read at once, have a door of their own: `images.Normalisation.opened` and `images.batches`.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from distill_lib.boundary import checks

_FLOATS, _INTS = (kind[Array, ""].dtypes for kind in (Float, Int))  # type: ignore[attr-defined]
F = TypeVar("F", bound=Callable)


def door(*, infinite: bool = False) -> Callable[[F], F]:
    """Arguments come in by their annotations, and the result leaves finite, or without NaN if it may be `infinite`.

    Functions stay differentiable and can be compiled: what is being traced passes by its type alone.
    """

    def mark(function: F) -> F:
        parameters = inspect.signature(function).parameters
        names = list(parameters)
        enter = {name: _entrance(p.annotation) for name, p in parameters.items()}
        # What an annotation allows beside an array: None, or a word.
        words = {
            name: tuple(kind for kind in get_args(p.annotation) if kind in (str, type(None)))
            for name, p in parameters.items()
        }

        def entered(name, value):
            convert = enter.get(name)
            if convert is None or isinstance(value, words[name]):
                return value
            return convert(name, value)

        @functools.wraps(function)
        def through(*args, **kwargs):
            given = [entered(name, value) for name, value in zip(names, args, strict=False)]
            named = {name: entered(name, value) for name, value in kwargs.items()}
            result = function(*given, *args[len(names) :], **named)
            seen = dict(zip(names, given, strict=False)) | named
            _leave(function.__qualname__, result, seen, infinite)
            return result

        through.__kwdefaults__ = getattr(function, "__kwdefaults__", None)  # type: ignore[attr-defined]
        return through  # type: ignore[return-value]

    return mark


def floats(name: str, array: Any) -> Float[np.ndarray, "..."] | Float[Array, "..."]:
    """Real numbers of any type as floats: float32 and float64 as they are, half precision as float32, all others as float64.

    Raises: ValueError naming the argument for what is no array of real numbers.
    """
    values = real(name, array)
    if jnp.issubdtype(values.dtype, jnp.floating):
        return values.astype(np.float32) if values.dtype.itemsize < 4 else values
    return values.astype(np.float64)


def real(name: str, array: Any) -> np.ndarray | Array:
    """A NumPy or JAX array of real numbers, of the type that they have; extended precision as float64. Raises: as `floats`."""
    values = plain(name, array)
    if not is_real(values.dtype):
        raise ValueError(
            f"{name} ({type(array).__name__}) holds {_kind(values.dtype)}; real numbers are needed: an array, a list, a tensor "
            "or a data frame of floats or integers."
        )
    return values.astype(np.float64) if values.dtype == np.longdouble else values


def plain(name: str, array: Any) -> np.ndarray | Array:
    """A NumPy or JAX array, of any type, by the standard protocols; a tensor that tracks gradients is detached.

    Raises: ValueError naming the argument for ragged lists, masked entries, and what has none of the protocols.
    """
    if isinstance(array, jax.Array):
        return array
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise ValueError(
            f"{name} has {np.ma.count_masked(array)} masked entries; fill them or drop those samples."
        )
    if hasattr(array, "detach"):
        array = array.detach()
    try:
        by_dlpack = hasattr(array, "__dlpack__") and not hasattr(array, "__array__")
        return np.from_dlpack(array) if by_dlpack else _numbers(array)
    except Exception as error:  # whatever a foreign array raises: bfloat16 and other devices are no NumPy's
        try:
            return np.asarray(jax.dlpack.from_dlpack(array))
        except Exception:
            reason = str(error).split("\n")[0].rstrip(".")
            raise ValueError(
                f"{name} ({type(array).__name__}) cannot be read as an array: {reason}; give a NumPy array, of a tensor "
                "tensor.detach().cpu().numpy()."
            ) from error


def lazy(name: str, array: Any) -> Any:
    """What can be sliced and has a type of real numbers stays where it is (a memory map, a file's data set); else as `real`."""
    try:
        if hasattr(array, "shape") and hasattr(array, "__getitem__") and is_real(np.dtype(array.dtype)):
            return array
    except (AttributeError, TypeError):  # no dtype, or one that NumPy does not know
        pass
    return real(name, array)


def is_real(dtype: Any) -> bool:
    """Whether numbers of a type are real: booleans, integers, floats of any size."""
    return any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, np.bool_))


def finished(where: str, result: Any, *, infinite: bool = False) -> None:
    """Raise ValueError if a number of a result, an array or a pytree of them, is NaN or infinite; `where` is its subject."""
    for leaf in jax.tree.leaves(result):
        if isinstance(leaf, jax.core.Tracer) or not isinstance(
            leaf, jax.Array | np.ndarray | np.floating | float
        ):
            continue
        if checks.all_finite(leaf) or (infinite and not np.isnan(np.asarray(leaf)).any()):
            continue
        raise ValueError(
            f"{where} is not finite (NaN or infinity among {np.size(leaf)} numbers of {np.asarray(leaf).dtype}): products of what was given "
            "leave the range of these numbers, or a division has nothing to divide by; scale the input towards 1 and look for zeros."
        )


def _entrance(annotation: Any) -> Callable[[str, Any], Any] | None:
    """What an argument goes through, by its annotation."""
    kinds = get_args(annotation) or (annotation,)
    if any(kind in kinds for kind in get_args(PRNGKeyArray)):
        return checks.key
    for types, convert in ((_FLOATS, floats), (_INTS, plain)):
        if any(getattr(kind, "dtypes", None) == types and kind.dim_str for kind in kinds):
            return convert
    return None


def _leave(where: str, result: Any, given: dict[str, Any], infinite: bool) -> None:
    try:
        finished(f"the result of {where}", result, infinite=infinite)
    except ValueError:
        for name, value in given.items():  # what was not finite when it came is the cause
            if isinstance(value, jax.Array | np.ndarray) and not isinstance(value, jax.core.Tracer):
                checks.finite(name, value)
        raise


def _numbers(array: Any) -> np.ndarray:
    values = np.asarray(array)
    if values.dtype == object and hasattr(array, "to_numpy"):  # a frame of columns of several real types
        kinds = {getattr(dtype, "kind", "O") for dtype in np.atleast_1d(np.asarray(array.dtypes, object))}
        if kinds <= set("buif"):
            return array.to_numpy(np.float64, na_value=np.nan)
    return values


def _kind(dtype: Any) -> str:
    named = {
        "c": "complex numbers",
        "U": "strings",
        "S": "strings",
        "M": "dates",
        "m": "durations",
        "O": "objects",
    }
    return f"{named.get(np.dtype(dtype).kind, 'entries') if isinstance(dtype, np.dtype) else 'entries'} ({dtype})"
