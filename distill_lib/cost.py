"""The work of a compiled function, counted by XLA: the same on a busy machine and an idle one, unlike its time."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

LOOP = re.compile(r" while\(.*")
ROUNDS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


class Work(NamedTuple):
    """What one call does.

    Attributes:
        flops: additions and multiplications; a transcendental function counts apart, and a library's factorisation (Cholesky,
            QR, SVD, triangular solves: custom calls) not at all.
        transferred: bytes that the program's operations read and write.
        memory: bytes that it reserves beside its arguments and results.
    """

    flops: float
    transferred: float
    memory: int


def counted(function: Callable[..., Any], *arguments: Any) -> Work:
    """The work of `function(*arguments)`, which is compiled and not run; an argument may be a `jax.ShapeDtypeStruct`.

    XLA counts the body of a loop once, however often it runs, so a program with loops is refused. Of JAX's random generators
    "threefry2x32" is a loop on a processor; keys of the implementation "unsafe_rbg" are not.

    Raises: ValueError if the compiled program repeats a part of itself; the message gives the rounds.
    """
    compiled = jax.jit(function).lower(*arguments).compile()
    loops = [ROUNDS.search(line) for line in LOOP.findall(compiled.as_text() or "")]
    rounds = ["an unknown number of" if found is None else found[1] for found in loops]
    if rounds:
        raise ValueError(
            f"the program has {len(rounds)} loop(s), of {', '.join(sorted(set(rounds)))} rounds, and XLA counts one round of each: "
            "count the body, or unroll the loop."
        )
    found, memory = compiled.cost_analysis(), compiled.memory_analysis()
    return Work(found.get("flops", 0.0), found.get("bytes accessed", 0.0), memory.temp_size_in_bytes)
