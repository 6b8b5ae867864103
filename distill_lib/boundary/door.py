"""The one door for arrays: floats that fit come in, no NaN or infinity goes out.

A public function is marked `@door()`. Its annotations then say what comes in. `Float[...]`
arguments become arrays of floats (`floats`), finite and of that many axes, and axes of one name are
of one length; a `PRNGKeyArray` has to be a JAX key; what is named reg, reg_s or penalty has to be a
ridge parameter. Of what the function returns every number has to be finite.

That is done once, where a user comes in: what a marked function calls takes arrays that have been
checked. Images, which may be bytes and too many to read at once, have a door of their own:
`Normalisation.opened` and `batches`.
"""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from distill_lib.boundary import checks

_FLOATS, _INTS = (kind[Array, ""].dtypes for kind in (Float, Int))  # type: ignore[attr-defined]
_REGS = ("reg", "reg_s", "penalty")
_inside: ContextVar[bool] = ContextVar("inside a marked function", default=False)
F = TypeVar("F", bound=Callable)


def door(*, infinite: bool = False, sliced: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Mark a function: arguments come in by their annotations, and the result leaves finite.

    It leaves without NaN if it may be `infinite`. Of those that are named `sliced`, what lies in a
    file comes in as it is: the function reads it by slices and checks them. Functions stay
    differentiable and can be compiled: what is being traced passes by its type and shape alone.

    Example:
        >>> from jaxtyping import Array, Float
        >>> from distill_lib.boundary.door import door
        >>> @door()
        ... def mean(x: Float[Array, " n"]):
        ...     return x.mean()
        >>> float(mean([1, 2, 6]))
        3.0
        >>> mean([[1, 2]])
        Traceback (most recent call last):
        ValueError: x has shape (1, 2), but a vector of shape (any,) is needed.
    """

    def mark(function: F) -> F:
        parameters = inspect.signature(function).parameters
        names = list(parameters)
        entrances = {name: _entrance(name, p.annotation) for name, p in parameters.items()}
        for name in sliced:
            entrances[name] = _or_sliced(entrances[name])

        @functools.wraps(function)
        def through(*args, **kwargs):
            if _inside.get():
                return function(*args, **kwargs)
            given: dict[str, Any] = {}
            sizes: dict[str, int] = {}
            for name, value in (*zip(names, args, strict=False), *kwargs.items()):
                enter = entrances.get(name)
                given[name] = _outside(value) if enter is None else enter(value, sizes)
            count = min(len(args), len(names))
            token = _inside.set(True)
            try:
                result = function(
                    *(given[name] for name in names[:count]),
                    *args[count:],
                    **{name: given[name] for name in kwargs},
                )
            finally:
                _inside.reset(token)
            finished(f"the result of {function.__qualname__}", result, infinite=infinite)
            return result

        through.__kwdefaults__ = getattr(function, "__kwdefaults__", None)  # type: ignore[attr-defined]
        return through  # type: ignore[return-value]

    return mark


def _outside(value: Any) -> Any:
    """A user's own function, called from within: what it calls comes in by the door again."""
    if not (inspect.isfunction(value) or inspect.ismethod(value)):
        return value

    @functools.wraps(value)
    def called(*args, **kwargs):
        token = _inside.set(False)
        try:
            return value(*args, **kwargs)
        finally:
            _inside.reset(token)

    return called


def floats(name: str, array: Any) -> Float[np.ndarray, "..."] | Float[Array, "..."]:
    """Real numbers of any type as an array of floats.

    float32 and float64 stay as they are; half precision becomes float32, all others float64.

    Raises: ValueError naming the argument for what is no array of real numbers.

    Example:
        >>> from distill_lib.boundary.door import floats
        >>> floats("x", [1, 2]).dtype.name, floats("x", np.ones(2, np.float16)).dtype.name
        ('float64', 'float32')
    """
    values = real(name, array)
    if jnp.issubdtype(values.dtype, jnp.floating):
        return values.astype(np.float32) if values.dtype.itemsize < 4 else values
    return values.astype(np.float64)


def real(name: str, array: Any) -> np.ndarray | Array:
    """A NumPy or JAX array of real numbers, of the type that they have.

    Extended precision becomes float64.

    Raises: as `floats`.
    """
    values = plain(name, array)
    if not is_real(values.dtype):
        raise ValueError(
            f"{name} ({type(array).__name__}) holds {_kind(values.dtype)}; real numbers are "
            "needed: an array, a list, a tensor "
            "or a data frame of floats or integers."
        )
    return values.astype(np.float64) if values.dtype == np.longdouble else values


def plain(name: str, array: Any) -> np.ndarray | Array:
    """A NumPy or JAX array, of any type, by the standard protocols.

    A tensor that tracks gradients is detached.

    Raises: ValueError naming the argument for ragged lists, masked entries, and what has none of
        the protocols.
    """
    if isinstance(array, jax.Array):
        return array
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise ValueError(
            f"{name} has {np.ma.count_masked(array)} masked entries; fill them or drop those "
            "samples."
        )
    if hasattr(array, "detach"):
        array = array.detach()
    # Whatever a foreign array raises: bfloat16 and other devices are no NumPy's.
    try:
        by_dlpack = hasattr(array, "__dlpack__") and not hasattr(array, "__array__")
        return np.from_dlpack(array) if by_dlpack else _numbers(array)
    except Exception as error:
        try:
            return np.asarray(jax.dlpack.from_dlpack(array))
        except Exception:
            reason = str(error).split("\n")[0].rstrip(".")
            raise ValueError(
                f"{name} ({type(array).__name__}) cannot be read as an array: {reason}; give a "
                "NumPy array, of a tensor "
                "tensor.detach().cpu().numpy()."
            ) from error


def lazy(name: str, array: Any) -> Any:
    """An array that stays where it is if it can be sliced and has a type of real numbers.

    That is a memory map, or a file's data set; else as `real`.
    """
    try:
        if (
            hasattr(array, "shape")
            and hasattr(array, "__getitem__")
            and is_real(np.dtype(array.dtype))
        ):
            return array
    except (AttributeError, TypeError):  # no dtype, or one that NumPy does not know
        pass
    return real(name, array)


def is_real(dtype: Any) -> bool:
    """Whether numbers of a type are real: booleans, integers, floats of any size."""
    return any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, np.bool_))


def finished(where: str, result: Any, *, infinite: bool = False) -> None:
    """Raise ValueError if a number of a result, an array or a pytree, is NaN or infinite.

    `where` is the subject of the message; `infinite` allows infinity.
    """
    for leaf in jax.tree.leaves(result):
        if isinstance(leaf, jax.core.Tracer) or not isinstance(
            leaf, jax.Array | np.ndarray | np.floating | float
        ):
            continue
        if checks.all_finite(leaf) or (infinite and not np.isnan(np.asarray(leaf)).any()):
            continue
        raise ValueError(
            f"{where} is not finite (NaN or infinity among {np.size(leaf)} numbers of "
            f"{np.asarray(leaf).dtype}): products of what was given "
            "leave the range of these numbers, or a division has nothing to divide by; scale the "
            "input towards 1 and look for zeros."
        )


def _entrance(name: str, annotation: Any) -> Callable[[Any, dict[str, int]], Any] | None:
    """What an argument goes through, by its name and annotation; `sizes` are the axes so far."""
    kinds = get_args(annotation) or (annotation,)
    if any(kind in kinds for kind in get_args(PRNGKeyArray)):
        return lambda value, sizes: checks.key(name, value)
    if name in _REGS:
        return lambda value, sizes: _ridge_parameter(name, value)
    # What an annotation allows beside an array: None, or a word.
    words = tuple(kind for kind in kinds if kind in (str, type(None)))
    for types, convert in (
        (_FLOATS, _fitting),
        (_INTS, lambda name, value, axes, sizes: plain(name, checks.gathered(value))),
    ):
        for kind in kinds:
            if getattr(kind, "dtypes", None) == types and kind.dim_str:
                axes = kind.dim_str.split()
                return lambda value, sizes: (
                    value if isinstance(value, words) else convert(name, value, axes, sizes)
                )
    return None


def _or_sliced(enter):
    """As an entrance, but what lies in a file stays there."""
    return lambda value, sizes: value if in_file(value) else enter(value, sizes)


def in_file(array: Any) -> bool:
    """Whether an array of real numbers lies in a file, a memory map included."""
    try:
        mapped = isinstance(array, np.memmap)
        return (mapped or checks.in_file(array)) and is_real(np.dtype(array.dtype))
    except TypeError:  # a type that NumPy does not know
        return False


def _fitting(name: str, value: Any, axes: list[str], sizes: dict[str, int]) -> Any:
    """An argument as floats that are finite and have the axes of its annotation."""
    values = floats(name, value)
    if not any(axis.startswith(("...", "*")) for axis in axes):
        wanted = [int(axis) if axis.isdigit() else sizes.get(axis) for axis in axes]
        checks.shaped(name, values, wanted)
        if len(set(axes)) < len(axes):  # a square matrix
            first = {axis: np.shape(values)[axes.index(axis)] for axis in axes}
            checks.shaped(name, values, [first[axis] for axis in axes])
        sizes |= dict(zip(axes, values.shape, strict=True))
    if not isinstance(values, jax.core.Tracer):
        checks.finite(name, values)
    return values


def _ridge_parameter(name: str, value: Any) -> Any:
    if not isinstance(value, jax.core.Tracer):
        checks.reg(name, value)
    return value


def _numbers(array: Any) -> np.ndarray:
    """A NumPy array of what has the array protocol; a data frame of real columns as float64."""
    values = np.asarray(array)
    # A frame of columns of several real types.
    if values.dtype == object and hasattr(array, "to_numpy"):
        kinds = {
            getattr(dtype, "kind", "O") for dtype in np.atleast_1d(np.asarray(array.dtypes, object))
        }
        if kinds <= set("buif"):
            return array.to_numpy(np.float64, na_value=np.nan)
    return values


def _kind(dtype: Any) -> str:
    """What numbers of a type are called in a message."""
    named = {
        "c": "complex numbers",
        "U": "strings",
        "S": "strings",
        "M": "dates",
        "m": "durations",
        "O": "objects",
    }
    kind = np.dtype(dtype).kind if isinstance(dtype, np.dtype) else ""
    return f"{named.get(kind, 'entries')} ({dtype})"
