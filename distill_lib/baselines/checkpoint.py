"""Where a descent stands, and the file in which it is kept so that it can go on."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from distill_lib.boundary import npz
from distill_lib.boundary.memory import out_of_memory


class Report(NamedTuple):
    """How far a descent is: steps done and in all, the last loss, seconds spent and left."""

    step: int
    steps: int
    loss: float
    seconds: float
    left: float


class Diverged(ArithmeticError):
    """The loss or a point is NaN or infinite; the last good checkpoint is kept."""


class State(NamedTuple):
    """What a descent changes: the points, the optimiser's moments, the best points so far."""

    points: Any
    moments: Any
    best: Any


@dataclass
class Progress:
    """A descent under way: its state after the last chunk, what was seen, where it is kept."""

    state: State
    every: int
    checkpoint: Path | None
    losses: list[np.ndarray]
    seconds: list[float]
    watched: list[float]

    @property
    def done(self) -> int:
        """How many steps are taken."""
        return len(self.losses) * self.every

    @property
    def kept(self) -> str:
        """The end of a sentence about what has failed, naming the file that holds the state."""
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
            f"{first}: lower the learning rate ({shown(rates)}), or, where a kernel matrix has "
            "become "
            f"singular, remove repeated points, regularise more or compute in float64{self.kept}."
        )

    def take(self, points: Any, moments: Any, values: np.ndarray, spent: float, watch) -> None:
        """Keep the outcome of a chunk of steps."""
        if watch is not None:
            self.look(watch, points)
        self.state = self.state._replace(points=points, moments=moments)
        self.losses.append(values)
        self.seconds.append(spent + (self.seconds[-1] if self.seconds else 0.0))

    def report(self, steps: int) -> Report:
        """How far the descent is."""
        left = self.seconds[-1] / self.done * (steps - self.done)
        return Report(self.done, steps, float(self.losses[-1][-1]), self.seconds[-1], left)


def shown(rates: dict[str, float]) -> str:
    """The learning rates in words, for a message."""
    return ", ".join(f"{name} {rate:g}".strip() for name, rate in rates.items())


def identity_of(objective, start, key, watches, settings) -> str:
    """A digest of what a checkpoint must have been made with to belong to a descent.

    That is: the objective with its data, the start, the key, what is watched and the settings.
    """
    digest = hashlib.sha256(
        repr((str(jax.tree.structure((objective, watches))), settings)).encode()
    )
    for leaf in jax.tree.leaves((objective, start, jax.random.key_data(key), watches)):
        array = np.ascontiguousarray(leaf)
        digest.update(repr((array.shape, str(array.dtype))).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def save(made: Progress, identity: str) -> None:
    """Write the checkpoint, where there is one, whole or not at all."""
    if made.checkpoint is None:
        return
    arrays = {f"leaf_{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(made.state))}
    arrays |= {"identity": np.array(identity), "losses": np.array(made.losses)}
    arrays |= {"seconds": np.array(made.seconds), "watched": np.array(made.watched)}
    made.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    npz.write(made.checkpoint, arrays)


def resume(made: Progress, identity: str, steps: int) -> None:
    """Go on from what `save` wrote, if it is of this descent's types and shapes.

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
