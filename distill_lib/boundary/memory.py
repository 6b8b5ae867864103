"""A device's lack of memory as one sentence."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax


class OutOfMemory(MemoryError):
    """The device has not the memory for a step, or for a block of a kernel matrix.

    The last good checkpoint is kept.
    """


@contextmanager
def out_of_memory(what: str, remedy: Callable[[], str]) -> Iterator[None]:
    """Turn a device's lack of memory into `OutOfMemory`, which names what did not fit.

    The message ends with the remedy.

    Example:
        >>> from distill_lib.boundary.memory import out_of_memory
        >>> with out_of_memory("a step", lambda: "take a smaller batch"):
        ...     raise MemoryError
        Traceback (most recent call last):
        OutOfMemory: a step does not fit into the memory of cpu: take a smaller batch.
    """
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, OutOfMemory) or (
            isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error)
        ):
            raise
        device = jax.devices()[0].device_kind
        raise OutOfMemory(
            f"{what} does not fit into the memory of {device}: {remedy()}."
        ) from error
