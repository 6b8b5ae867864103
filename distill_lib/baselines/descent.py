"""One loop for everything that is descended: compiled chunks of steps, a checkpoint after each, the same steps after an interruption."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from distill_lib.boundary import checks, npz
from distill_lib.boundary.memory import out_of_memory

Objective = Callable[[Any, PRNGKeyArray], Float[Array, ""]]


class Report(NamedTuple):
    """How far a descent is: steps done and in all, the last loss, seconds spent and expected still."""

    step: int
    steps: int
    loss: float
    seconds: float
    left: float


class Descent(NamedTuple):
    """What a descent found.

    Attributes:
        points: what was descended, after the last step.
        losses: (steps,) the objective before each step.
        seconds: (chunks,) seconds spent until the end of each chunk of steps, without compiling and watching.
        watched: what `watch` returned at the start and after each chunk.
        best: the points of the highest watched number, the earliest of several; None where nothing was watched.
    """

    points: Any
    losses: Float[np.ndarray, " steps"]
    seconds: Float[np.ndarray, " chunks"]
    watched: list[float]
    best: Any = None


class Diverged(ArithmeticError):
    """The loss or a point is NaN or infinite; the last good checkpoint is kept."""


_SMALLER = "take a smaller batch, fewer support points, or narrower or fewer networks"


class _State(NamedTuple):
    points: Any
    moments: Any
    best: Any


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
    """Gradient steps on `start` (an array, or a pytree of arrays).

    The steps run in compiled chunks. Step i draws its randomness with `fold_in(key, i)`, so a descent that was interrupted and goes
    on from its checkpoint takes the same steps as one that was not, bit for bit on the same device. On a GPU that
    holds at most where XLA leaves out operations that do not repeat, as the runner has it do: without that, two calls of one step
    were seen to differ there.

    Args:
        objective: objective(points, key), a scalar; a pytree itself (an Equinox module), so that its data are not compiled in.
        start: what is descended.
        steps: a multiple of `every`.
        learning_rate: a number, or for a dict `start` a dict with one for each of its entries.
        rule: an optax optimiser of a learning rate: Adam in KIP, AdaBelief in RFAD.
        every: steps in a chunk; after each a checkpoint is written, and `report` and `watch` are called.
        patience: stop once that many steps brought no higher watched number; None never stops early.
        checkpoint: a file to write to and to go on from; it belongs to this very descent.
        report: called with the progress after each chunk.
        watch: a number to follow, higher is better, e.g. a validation accuracy; its time is not counted.
        watches: what that number depends on, arrays and names; a checkpoint belongs to it as well.
    Raises: ValueError for arguments that do not fit, or a checkpoint of another descent. Diverged if the loss is no
        longer finite, OutOfMemory if a step does not fit; the checkpoint then holds the last good chunk.
    """
    if steps < 1 or every < 1 or steps % every:
        raise ValueError(f"steps = {steps} must be a positive multiple of every = {every}.")
    if patience is not None and (watch is None or patience < 1):
        raise ValueError(f"patience = {patience} needs a number to watch and to be at least 1.")
    rates = _rates(learning_rate, start)
    optimiser = (
        rule(rates[""])
        if set(rates) == {""}
        else optax.partition(
            {name: rule(rate) for name, rate in rates.items()}, {name: name for name in rates}
        )
    )
    start = jax.tree.map(jnp.asarray, start)
    state = _State(start, optimiser.init(start), start)
    settings = sorted(rates.items()), rule.__name__, every, patience, watch is None
    identity = _identity(objective, start, key, watches, settings)
    losses: list[np.ndarray] = []
    seconds: list[float] = []
    watched: list[float] = []
    if checkpoint is not None and checkpoint.is_file():
        state, losses, seconds, watched = _resume(checkpoint, state, identity, every)
        if len(losses) * every > steps:
            raise ValueError(
                f"{checkpoint} is at step {len(losses) * every} of a descent of steps = {steps}; ask for at least as many, or remove it."
            )

    def kept() -> str:
        return (
            f"; {checkpoint} holds the state after step {len(losses) * every}"
            if checkpoint and losses
            else ""
        )

    def watching(points) -> float:
        with out_of_memory("what is watched", lambda: f"watch fewer samples or smaller batches{kept()}"):
            return float(watch(points))  # type: ignore[misc]

    if watch is not None and not watched:
        watched.append(watching(start))

    def finished() -> bool:
        return len(losses) * every >= steps or (
            patience is not None and (len(watched) - 1 - int(np.argmax(watched))) * every >= patience
        )

    chunk = None
    while not finished():
        with out_of_memory("a step", lambda: _SMALLER + kept()):
            if chunk is None:
                chunk = _chunk(optimiser, every).lower(state[:2], objective, key, 0).compile()
            began = time.perf_counter()
            new, values = chunk(state[:2], objective, key, jnp.asarray(len(losses) * every))
            values = np.asarray(values)  # waits for the device
            spent = time.perf_counter() - began
        finite = np.isfinite(values)
        if not (finite.all() and all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(new[0]))):
            done = len(losses) * every
            first = (
                f"the points are not finite after step {done + every}"
                if finite.all()
                else f"the loss is not finite at step {done + int(np.argmin(finite))}"
            )
            raise Diverged(
                f"{first}: lower the learning rate ({_shown(rates)}), or, where a kernel matrix has become "
                f"singular, remove repeated points, regularise more or compute in float64{kept()}."
            )
        best = state.best
        if watch is not None:
            watched.append(watching(new[0]))
            best = new[0] if np.argmax(watched) == len(watched) - 1 else best
        losses.append(values)
        seconds.append(spent + (seconds[-1] if seconds else 0.0))
        points, moments = new
        state = _State(points, moments, best)
        if checkpoint is not None:
            _save(checkpoint, state, identity, losses, seconds, watched)
        if report is not None:
            count = len(losses) * every
            report(
                Report(count, steps, float(values[-1]), seconds[-1], seconds[-1] / count * (steps - count))
            )
    return Descent(
        state.points,
        np.concatenate(losses),
        np.array(seconds),
        watched,
        None if watch is None else state.best,
    )


def _rates(learning_rate, start) -> dict[str, float]:
    if not isinstance(learning_rate, dict):
        checks.positive("learning_rate", learning_rate)
        return {"": learning_rate}
    if not isinstance(start, dict) or set(start) != set(learning_rate):
        raise ValueError(
            f"learning rates are given for {', '.join(sorted(learning_rate))}; start must be a dict with the same entries."
        )
    for name, rate in learning_rate.items():
        checks.positive(f"learning_rate of {name}", rate)
    return learning_rate


def _shown(rates: dict[str, float]) -> str:
    return ", ".join(f"{name} {rate:g}".strip() for name, rate in rates.items())


def _chunk(optimiser, every):
    @jax.jit
    def run(state, objective, key, first):
        def step(state, i):
            points, moments = state
            loss, gradient = jax.value_and_grad(objective)(points, jax.random.fold_in(key, i))
            change, moments = optimiser.update(gradient, moments, points)
            return (optax.apply_updates(points, change), moments), loss

        return jax.lax.scan(step, state, first + jnp.arange(every))

    return run


def _identity(objective, start, key, watches, settings) -> str:
    """What a checkpoint must have been made with: the objective with its data, the start, the key, what is watched and the settings."""
    digest = hashlib.sha256(repr((str(jax.tree.structure((objective, watches))), settings)).encode())
    for leaf in jax.tree.leaves((objective, start, jax.random.key_data(key), watches)):
        array = np.ascontiguousarray(leaf)
        digest.update(repr((array.shape, str(array.dtype))).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _save(path: Path, state: _State, identity: str, losses, seconds, watched) -> None:
    """Whole or not at all."""
    arrays = {f"leaf_{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    arrays |= {"identity": np.array(identity), "losses": np.array(losses)}
    arrays |= {"seconds": np.array(seconds), "watched": np.array(watched)}
    path.parent.mkdir(parents=True, exist_ok=True)
    npz.write(path, arrays)


def _resume(
    path: Path, state: _State, identity: str, every: int
) -> tuple[_State, list[np.ndarray], list[float], list[float]]:
    """What `_save` wrote; arrays are read when they are of this descent's types and shapes. Raises: ValueError if they are not."""
    leaves, structure = jax.tree.flatten(state)
    names = [f"leaf_{i}" for i in range(len(leaves))]
    try:
        with npz.opened(path) as file:
            if file.text("identity") != identity:
                raise ValueError(
                    f"{path} is the checkpoint of another descent (other data, start, key, settings or watched number); remove it or name another file."
                )
            file.only({"identity", "losses", "seconds", "watched", *names}, "this descent")
            chunks = file.check("losses", (None, every)).shape[0]
            watched = (chunks + 1,) if 0 not in file.check("watched", (None,)).shape else (0,)
            for name, leaf in zip(names, leaves, strict=True):
                file.check(name, leaf.shape, leaf.dtype)
            held = [jnp.asarray(file.read(name, finite=False)) for name in names]
            lists = (
                list(file.read("losses")),
                file.read("seconds", shape=(chunks,)).tolist(),
                file.read("watched", shape=watched, finite=False).tolist(),
            )
    except npz.Unreadable as error:
        raise ValueError(
            f"{path} is no checkpoint of a descent ({error}); remove it and start again."
        ) from error
    state = jax.tree.unflatten(structure, held)
    if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves((state.points, state.best))):
        raise ValueError(
            f"{path} is no checkpoint of a descent (it holds points that are NaN or infinite); remove it and start again."
        )
    return state, *lists
