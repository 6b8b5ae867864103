"""One loop for everything that is descended: compiled chunks of steps, a checkpoint after each, the
same steps after an interruption.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
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
    """How far a descent is: steps done and in all, the last loss, seconds spent and left."""

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
        seconds: (chunks,) seconds spent until the end of each chunk of steps, without compiling and
            watching.
        watched: what `watch` returned at the start and after each chunk.
        best: the points of the highest watched number, the earliest of several; None where nothing
            was watched.
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


@dataclass
class _Progress:
    """A descent under way: its state after the last chunk of steps, what was seen on the way, and
    where that is kept.
    """

    state: _State
    every: int
    checkpoint: Path | None
    losses: list[np.ndarray]
    seconds: list[float]
    watched: list[float]

    @property
    def done(self) -> int:
        """Steps taken."""
        return len(self.losses) * self.every

    @property
    def kept(self) -> str:
        """The end of a sentence about what has failed."""
        held = self.checkpoint and self.losses
        return f"; {self.checkpoint} holds the state after step {self.done}" if held else ""

    def finished(self, steps: int, patience: int | None) -> bool:
        """Whether all steps are taken, or none has brought a higher watched number for too long."""
        if self.done >= steps or patience is None:
            return self.done >= steps
        return (len(self.watched) - 1 - int(np.argmax(self.watched))) * self.every >= patience

    def look(self, watch: Callable[[Any], float], points: Any) -> None:
        """Follow a number, and the points at which it was highest."""
        with out_of_memory(
            "what is watched", lambda: f"watch fewer samples or smaller batches{self.kept}"
        ):
            self.watched.append(float(watch(points)))
        if np.argmax(self.watched) == len(self.watched) - 1:
            self.state = self.state._replace(best=points)

    def check(self, points: Any, values: np.ndarray, rates: dict[str, float]) -> None:
        """Raise Diverged unless a chunk's losses and points are finite."""
        finite = np.isfinite(values)
        if finite.all() and all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(points)):
            return
        first = (
            f"the points are not finite after step {self.done + self.every}"
            if finite.all()
            else f"the loss is not finite at step {self.done + int(np.argmin(finite))}"
        )
        raise Diverged(
            f"{first}: lower the learning rate ({_shown(rates)}), or, where a kernel matrix has "
            "become "
            f"singular, remove repeated points, regularise more or compute in float64{self.kept}."
        )

    def report(self, steps: int) -> Report:
        """How far it is."""
        left = self.seconds[-1] / self.done * (steps - self.done)
        return Report(self.done, steps, float(self.losses[-1][-1]), self.seconds[-1], left)


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

    The steps run in compiled chunks. Step i draws its randomness with `fold_in(key, i)`, so a
    descent that was interrupted and goes on from its checkpoint takes the same steps as one that
    was not, bit for bit on the same device. On a GPU that
    holds at most where XLA leaves out operations that do not repeat, as the runner has it do:
    without that, two calls of one step were seen to differ there.

    Args:
        objective: objective(points, key), a scalar; a pytree itself (an Equinox module), so that
            its data are not compiled in.
        start: what is descended.
        steps: a multiple of `every`.
        learning_rate: a number, or for a dict `start` a dict with one for each of its entries.
        rule: an optax optimiser of a learning rate: Adam in KIP, AdaBelief in RFAD.
        every: steps in a chunk; after each a checkpoint is written, and `report` and `watch` are
            called.
        patience: stop once that many steps brought no higher watched number; None never stops
            early.
        checkpoint: a file to write to and to go on from; it belongs to this very descent.
        report: called with the progress after each chunk.
        watch: a number to follow, higher is better, e.g. a validation accuracy; its time is not
            counted.
        watches: what that number depends on, arrays and names; a checkpoint belongs to it as well.
    Raises: ValueError for arguments that do not fit, or a checkpoint of another descent. Diverged
        if the loss is no longer finite, OutOfMemory if a step does not fit; the checkpoint then
        holds the last good chunk.
    """
    if steps < 1 or every < 1 or steps % every:
        raise ValueError(f"steps = {steps} must be a positive multiple of every = {every}.")
    if patience is not None and (watch is None or patience < 1):
        raise ValueError(f"patience = {patience} needs a number to watch and to be at least 1.")
    rates = _rates(learning_rate, start)
    optimiser = _optimiser(rule, rates)
    start = jax.tree.map(jnp.asarray, start)
    settings = sorted(rates.items()), rule.__name__, every, patience, watch is None
    identity = _identity(objective, start, key, watches, settings)
    made = _Progress(_State(start, optimiser.init(start), start), every, checkpoint, [], [], [])
    if checkpoint is not None and checkpoint.is_file():
        _resume(made, identity, steps)
    if watch is not None and not made.watched:
        made.look(watch, start)
    chunk = None
    while not made.finished(steps, patience):
        with out_of_memory("a step", lambda: _SMALLER + made.kept):
            if chunk is None:
                chunk = _chunk(optimiser, every).lower(made.state[:2], objective, key, 0).compile()
            began = time.perf_counter()
            (points, moments), values = chunk(
                made.state[:2], objective, key, jnp.asarray(made.done)
            )
            values = np.asarray(values)  # waits for the device
            spent = time.perf_counter() - began
        made.check(points, values, rates)
        if watch is not None:
            made.look(watch, points)
        made.state = made.state._replace(points=points, moments=moments)
        made.losses.append(values)
        made.seconds.append(spent + (made.seconds[-1] if made.seconds else 0.0))
        _save(made, identity)
        if report is not None:
            report(made.report(steps))
    best = None if watch is None else made.state.best
    return Descent(
        made.state.points, np.concatenate(made.losses), np.array(made.seconds), made.watched, best
    )


def _optimiser(rule, rates) -> optax.GradientTransformation:
    """One rule for everything, or for each entry of a dict one with its rate."""
    if set(rates) == {""}:
        return rule(rates[""])
    return optax.partition(
        {name: rule(rate) for name, rate in rates.items()}, {name: name for name in rates}
    )


def _rates(learning_rate, start) -> dict[str, float]:
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
    """What a checkpoint must have been made with: the objective with its data, the start, the key,
    what is watched and the settings.
    """
    digest = hashlib.sha256(
        repr((str(jax.tree.structure((objective, watches))), settings)).encode()
    )
    for leaf in jax.tree.leaves((objective, start, jax.random.key_data(key), watches)):
        array = np.ascontiguousarray(leaf)
        digest.update(repr((array.shape, str(array.dtype))).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _save(made: _Progress, identity: str) -> None:
    """Write the checkpoint, where there is one, whole or not at all."""
    if made.checkpoint is None:
        return
    arrays = {f"leaf_{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(made.state))}
    arrays |= {"identity": np.array(identity), "losses": np.array(made.losses)}
    arrays |= {"seconds": np.array(made.seconds), "watched": np.array(made.watched)}
    made.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    npz.write(made.checkpoint, arrays)


def _resume(made: _Progress, identity: str, steps: int) -> None:
    """Go on from what `_save` wrote, of this descent's types and shapes.

    Raises: ValueError for any other file.
    """
    path, (leaves, structure) = str(made.checkpoint), jax.tree.flatten(made.state)
    names = [f"leaf_{i}" for i in range(len(leaves))]
    try:
        with npz.opened(path) as file:
            if file.text("identity") != identity:
                raise ValueError(
                    f"{path} is the checkpoint of another descent (other data, start, key, "
                    "settings or "
                    "watched number); remove it or name another file."
                )
            file.only({"identity", "losses", "seconds", "watched", *names}, "this descent")
            chunks = file.check("losses", (None, made.every)).shape[0]
            watched = (chunks + 1,) if 0 not in file.check("watched", (None,)).shape else (0,)
            for name, leaf in zip(names, leaves, strict=True):
                file.check(name, leaf.shape, leaf.dtype)
            held = [jnp.asarray(file.read(name, finite=False)) for name in names]
            made.losses = list(file.read("losses"))
            made.seconds = file.read("seconds", shape=(chunks,)).tolist()
            made.watched = file.read("watched", shape=watched, finite=False).tolist()
    except npz.Unreadable as error:
        raise ValueError(
            f"{path} is no checkpoint of a descent ({error}); remove it and start again."
        ) from error
    made.state = jax.tree.unflatten(structure, held)
    known = jax.tree.leaves((made.state.points, made.state.best))
    if not all(bool(jnp.isfinite(leaf).all()) for leaf in known):
        raise ValueError(
            f"{path} is no checkpoint of a descent (it holds points that are NaN or infinite); "
            "remove it and "
            "start again."
        )
    if made.done > steps:
        raise ValueError(
            f"{path} is at step {made.done} of a descent of steps = {steps}; ask for at least as "
            "many, or remove it."
        )
