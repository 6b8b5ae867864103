"""The work of a compiled function, counted by XLA.

Unlike its time it is the same on a busy machine.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

LOOP = re.compile(r" while\(.*")
ROUNDS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


class Work(NamedTuple):
    """What one call does: operations, bytes moved, memory.

    Attributes:
        flops: additions and multiplications. Transcendental functions count apart, a library's
            factorisations (Cholesky, QR, SVD, triangular solves: custom calls) not at all.
        transferred: bytes that the program's operations read and write.
        memory: bytes that it reserves beside its arguments and results.
    """

    flops: float
    transferred: float
    memory: int


def counted(function: Callable[..., Any], *arguments: Any) -> Work:
    """The work of `function(*arguments)`, which is compiled and not run.

    XLA counts the body of a loop once, however often it runs, so a program with loops is refused.
    Of JAX's random generators "threefry2x32" is a loop on a processor; "unsafe_rbg" is none.

    Args:
        arguments: arrays, or a `jax.ShapeDtypeStruct` in place of one.

    Raises: ValueError if the compiled program repeats a part of itself; the message gives the
        rounds. NotImplementedError where JAX does not count.

    Example:
        >>> from distill_lib.experiments.cost import counted
        >>> counted(lambda a, b: a + b, np.ones((4, 8)), np.ones((4, 8))).flops
        32.0
    """
    compiled = jax.jit(function).lower(*arguments).compile()
    loops = [ROUNDS.search(line) for line in LOOP.findall(compiled.as_text() or "")]
    rounds = ["an unknown number of" if found is None else found[1] for found in loops]
    if rounds:
        raise ValueError(
            f"the program has {len(rounds)} loop(s), of {', '.join(sorted(set(rounds)))} rounds, "
            "and "
            "XLA counts one round of each: count the body, or unroll the loop."
        )
    found, memory = compiled.cost_analysis(), compiled.memory_analysis()
    if found is None or memory is None:
        raise NotImplementedError("JAX counts no work on this device; count on a processor.")
    return Work(
        found.get("flops", 0.0), found.get("bytes accessed", 0.0), memory.temp_size_in_bytes
    )
