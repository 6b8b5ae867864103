"""Gradient descent: the one loop for everything that is descended.

Steps are compiled in chunks, a checkpoint follows each, and after an interruption the same steps
are taken.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from distill_lib.baselines.checkpoint import (
    Diverged as Diverged,
)
from distill_lib.baselines.checkpoint import Progress, Report, State, identity_of, resume, save
from distill_lib.boundary import checks
from distill_lib.boundary.memory import out_of_memory

Objective = Callable[[Any, PRNGKeyArray], Float[Array, ""]]


class Descent(NamedTuple):
    """What a descent found.

    Attributes:
        points: what was descended, after the last step.
        losses: (steps,) the objective before each step.
        seconds: (chunks,) seconds spent until the end of each chunk of steps, without compiling and
            watching.
        watched: what `watch` returned at the start and after each chunk.
        best: the points of the highest watched number, the earliest of several; None where nothing
            was watched.

    Example:
        >>> from distill_lib.baselines.descent import descend
        >>> square = jax.tree_util.Partial(lambda x, key: jnp.sum(x**2))
        >>> found = descend(square, np.ones(2), 100, key=jax.random.key(0), learning_rate=0.1)
        >>> found.losses.shape, bool(found.losses[-1] < 1e-3 * found.losses[0])
        ((100,), True)
    """

    points: Any
    losses: Float[np.ndarray, " steps"]
    seconds: Float[np.ndarray, " chunks"]
    watched: list[float]
    best: Any = None


_SMALLER = "take a smaller batch, fewer support points, or narrower or fewer networks"


def descend(
    objective: Objective,
    start: PyTree,
    steps: int,
    *,
    key: PRNGKeyArray,
    learning_rate: float | PyTree = 0.01,
    rule: Callable[[float], optax.GradientTransformation] = optax.adam,
    every: int = 100,
    patience: int | None = None,
    checkpoint: Path | None = None,
    report: Callable[[Report], None] | None = None,
    watch: Callable[[Any], float] | None = None,
    watches: PyTree = None,
) -> Descent:
    """Gradient steps on `start` (an array, or a pytree of arrays), in compiled chunks.

    Step i draws its randomness with `fold_in(key, i)`: a descent that goes on from its checkpoint
    takes the same steps, bit for bit on the same device (on a GPU: with what repeats alone).

    Args:
        objective: objective(points, key), a scalar; a pytree, so that its data are not compiled in.
        start: what is descended.
        steps: a multiple of `every`.
        learning_rate: a number, or for a dict `start` a dict with one for each of its entries.
        rule: an optax optimiser of a learning rate: Adam in KIP, AdaBelief in RFAD.
        every: steps in a chunk; after each the checkpoint is written, `report` and `watch` called.
        patience: stop once that many steps brought no higher watched number; None never does.
        checkpoint: a file to write to and to go on from; it belongs to this very descent.
        watch: a number to follow, higher is better; its time is not counted.
        watches: what that number depends on, arrays and names.
    Raises: ValueError for arguments that do not fit, or a checkpoint of another descent. Diverged
        or OutOfMemory if a chunk fails; the checkpoint then holds the last good one.
    """
    _check(steps, every, patience, watch)
    rates = _rates(learning_rate, start)
    optimiser = _optimiser(rule, rates)
    start = jax.tree.map(jnp.asarray, start)
    settings = sorted(rates.items()), rule.__name__, every, patience, watch is None
    identity = identity_of(objective, start, key, watches, settings)
    made = Progress(State(start, optimiser.init(start), start), every, checkpoint, [], [], [])
    if checkpoint is not None and checkpoint.is_file():
        resume(made, identity, steps)
    if watch is not None and not made.watched:
        made.look(watch, start)
    chunk = None
    while not made.finished(steps, patience):
        with out_of_memory("a step", lambda: _SMALLER + made.kept):
            if chunk is None:
                chunk = _chunk(optimiser, every).lower(made.state[:2], objective, key, 0).compile()
            (points, moments), values, spent = _timed(chunk, made, objective, key)
        made.check(points, values, rates)
        made.take(points, moments, values, spent, watch)
        save(made, identity)
        if report is not None:
            report(made.report(steps))
    best = None if watch is None else made.state.best
    return Descent(
        made.state.points, np.concatenate(made.losses), np.array(made.seconds), made.watched, best
    )


def _timed(chunk, made: Progress, objective, key):
    """A chunk of steps: its outcome, its losses, and the seconds it took."""
    began = time.perf_counter()
    state, values = chunk(made.state[:2], objective, key, jnp.asarray(made.done))
    values = np.asarray(values)  # waits for the device
    return state, values, time.perf_counter() - began


def _check(steps, every, patience, watch) -> None:
    """Raise ValueError unless the numbers of steps fit each other."""
    if steps < 1 or every < 1 or steps % every:
        raise ValueError(f"steps = {steps} must be a positive multiple of every = {every}.")
    if patience is not None and (watch is None or patience < 1):
        raise ValueError(f"patience = {patience} needs a number to watch and to be at least 1.")


def _optimiser(rule, rates) -> optax.GradientTransformation:
    """One rule for everything, or for each entry of a dict one with its rate."""
    if set(rates) == {""}:
        return rule(rates[""])
    return optax.partition(
        {name: rule(rate) for name, rate in rates.items()}, {name: name for name in rates}
    )


def _rates(learning_rate, start) -> dict[str, float]:
    """The learning rate of each entry of the start, under "" where there is one for all."""
    if not isinstance(learning_rate, dict):
        checks.positive("learning_rate", learning_rate)
        return {"": learning_rate}
    if not isinstance(start, dict) or set(start) != set(learning_rate):
        raise ValueError(
            f"learning rates are given for {', '.join(sorted(learning_rate))}; start must be a "
            "dict with the same entries."
        )
    for name, rate in learning_rate.items():
        checks.positive(f"learning_rate of {name}", rate)
    return learning_rate


def _chunk(optimiser, every):
    """The compiled function that takes `every` steps."""

    @jax.jit
    def run(state, objective, key, first):
        def step(state, i):
            points, moments = state
            loss, gradient = jax.value_and_grad(objective)(points, jax.random.fold_in(key, i))
            with jax.numpy_dtype_promotion("standard"):  # Adam's decay to the number of the step
                change, moments = optimiser.update(gradient, moments, points)
            return (optax.apply_updates(points, change), moments), loss

        return jax.lax.scan(step, state, first + jnp.arange(every))

    return run
