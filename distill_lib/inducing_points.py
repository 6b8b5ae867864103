"""Kernel inducing points (KIP) of a finite feature map: gradient descent on the support points, labels solved at every step.

Two objectives behind one interface, and one loop that runs either. `Stochastic` is the step of the paper's comparison: a
batch of the training set, labels from all of it. `FullBatch` is the same loss on the whole training set from sufficient
statistics (`kip.Target`): exact, and of a cost that does not depend on n.
"""

import abc
import hashlib
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.linalg import solve
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib import _checks, closed_form, kip
from distill_lib._files import replacing
from distill_lib.distilled_set import DistilledSet
from distill_lib.features import FeatureMap
from distill_lib.images import Normalisation


class Objective(eqx.Module):
    """What a KIP step descends: the mean squared error of the model that the support points train."""

    feature_map: eqx.AbstractVar[FeatureMap]

    @abc.abstractmethod
    def __call__(self, points: Float[Array, "m d"], key: PRNGKeyArray) -> Float[Array, ""]:
        """The loss at the support points; the key draws the batch, where there is one."""


class FullBatch(Objective):
    """(1 / (n k)) ||W_S phi(X) - Y||_F^2 with the best labels, from the reduced training set (`kip.solved_loss`).

    Attributes:
        feature_map: phi.
        target: `kip.Target.reduced(stats)`.
        count: n k, a number.
    """

    feature_map: FeatureMap
    target: kip.Target
    count: Float[Array, ""] | float

    def __call__(self, points: Float[Array, "m d"], key: PRNGKeyArray) -> Float[Array, ""]:
        return kip.solved_loss(self.feature_map(points), self.target) / self.count


class Stochastic(Objective):
    """The published step: labels Y_S = Y (A phi(X))^+ over all samples, A = (K_SS + lam_S I)^{-1} phi(X_S)^T, the loss on a batch.

    lam_S = 1e-6 tr(K_SS) / m. The labels are part of the graph, as in the released code: on a batch they are not
    optimal, so their gradient does not vanish.

    Attributes:
        feature_map: phi.
        features: (n, p) phi(X), computed once.
        labels: (n, k) one-hot Y.
        batch: samples per step, drawn without repetition; 5000 in the paper.
    """

    feature_map: FeatureMap
    features: Float[Array, "n p"]
    labels: Float[Array, "n k"]
    batch: int = eqx.field(static=True, default=5000)

    def __check_init__(self):
        if not 1 <= self.batch <= len(self.features):
            raise ValueError(
                f"a batch of {self.batch} cannot be drawn from {len(self.features)} samples; it must be between 1 and n."
            )

    def __call__(self, points: Float[Array, "m d"], key: PRNGKeyArray) -> Float[Array, ""]:
        support = self.feature_map(points)
        m = len(support)
        gram = support @ support.T + kip.relative_reg(support) * jnp.eye(m, dtype=support.dtype)
        a = solve(gram, support, assume_a="pos")
        solved = jnp.linalg.pinv(a @ self.features.T).T @ self.labels
        rows = jax.random.choice(key, len(self.features), (self.batch,), replace=False)
        residual = self.features[rows] @ (a.T @ solved) - self.labels[rows]
        return jnp.mean(residual**2)


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
        points: (m, d) support points.
        losses: (steps,) the objective before each step.
        seconds: (steps / every,) seconds spent until the end of each chunk of steps, without compiling and watching.
        watched: what `watch` returned at the start and after each chunk.
    """

    points: Float[Array, "m d"]
    losses: Float[np.ndarray, " steps"]
    seconds: Float[np.ndarray, " chunks"]
    watched: list[float]


def support_set(
    points: Float[Array, "m d"], target: kip.Target, feature_map: FeatureMap, normalisation: Normalisation
) -> DistilledSet:
    """The distilled set of given support points: their best labels, with lam_S = 1e-6 tr(K_SS) / m as in KIP.

    `provenance` records L(X_S), the loss on the training set of the model that the set trains.
    Raises: ValueError for shapes that do not fit.
    """
    support = feature_map(points)
    reg_s = float(kip.relative_reg(support))
    labels = kip.solved_labels(support, target, reg_s)
    record = {"loss": float(target.loss(closed_form.recovered_weights(support, labels, reg_s)))}
    return DistilledSet(
        points, labels, reg_s, feature_map, normalisation, "solved on the training set", "KIP", record
    )


class Diverged(ArithmeticError):
    """The loss is NaN or infinite; the last good checkpoint is kept."""


def descend(
    objective: Objective,
    start: Float[Array, "m d"],
    steps: int,
    *,
    key: PRNGKeyArray,
    learning_rate: float = 0.01,
    every: int = 100,
    checkpoint: Path | None = None,
    report: Callable[[Report], None] | None = None,
    watch: Callable[[Float[Array, "m d"]], float] | None = None,
) -> Descent:
    """Adam on the support points (Nguyen et al. 2021; settings of the paper: learning rate 0.01, 30,000 steps).

    The steps run in compiled chunks. Step i draws its batch with `fold_in(key, i)`, so a descent that was interrupted and goes on from
    its checkpoint takes the same steps as one that was not.

    Args:
        objective: `FullBatch` or `Stochastic`.
        start: (m, d) first support points: real samples in the paper.
        steps: a multiple of `every`.
        every: steps in a chunk; after each a checkpoint is written, and `report` and `watch` are called.
        checkpoint: a file to write to and to go on from; it belongs to this very descent.
        report: called with the progress after each chunk.
        watch: a number to follow, e.g. a test accuracy; its time is not counted.
    Raises: ValueError for arguments that do not fit, or a checkpoint of another descent. Diverged if the loss is no
        longer finite; the checkpoint then holds the last good chunk.
    """
    _checks.matrix("start", start, cols=objective.feature_map.dim_in)
    if steps < 1 or every < 1 or steps % every:
        raise ValueError(f"steps = {steps} must be a positive multiple of every = {every}.")
    _checks.positive("learning_rate", learning_rate)
    adam = optax.adam(learning_rate)
    start = jnp.asarray(start)
    state = (start, adam.init(start))
    identity = _identity(objective, start, key, learning_rate, every)
    losses: list[np.ndarray] = []
    seconds: list[float] = []
    watched: list[float] = []
    if checkpoint is not None and checkpoint.is_file():
        state, losses, seconds, watched = _resume(checkpoint, state, identity)
    elif watch is not None:
        watched.append(float(watch(start)))

    chunk = _chunk(adam, every).lower(state, objective, key, 0).compile()
    for done in range(len(losses), steps // every):
        began = time.perf_counter()
        new, values = chunk(state, objective, key, jnp.asarray(done * every))
        values = np.asarray(values)  # waits for the device
        spent = time.perf_counter() - began
        if not (np.isfinite(values).all() and bool(jnp.isfinite(new[0]).all())):
            first = done * every + int(np.argmin(np.isfinite(values)))
            kept = f"; {checkpoint} holds the state after step {done * every}" if checkpoint and done else ""
            raise Diverged(
                f"the KIP loss is not finite at step {first}: lower the learning rate ({learning_rate:g}) or compute in float64{kept}."
            )
        state = new
        losses.append(values)
        seconds.append(spent + (seconds[-1] if seconds else 0.0))
        if watch is not None:
            watched.append(float(watch(state[0])))
        if checkpoint is not None:
            _save(checkpoint, state, identity, losses, seconds, watched)
        if report is not None:
            count = (done + 1) * every
            report(
                Report(count, steps, float(values[-1]), seconds[-1], seconds[-1] / count * (steps - count))
            )
    chunks = steps // every
    return Descent(state[0], np.concatenate(losses[:chunks]), np.array(seconds[:chunks]), watched)


def _chunk(adam, every):
    @jax.jit
    def run(state, objective, key, first):
        def step(state, i):
            points, moments = state
            loss, gradient = jax.value_and_grad(objective)(points, jax.random.fold_in(key, i))
            change, moments = adam.update(gradient, moments)
            return (optax.apply_updates(points, change), moments), loss

        return jax.lax.scan(step, state, first + jnp.arange(every))

    return run


def _identity(objective, start, key, learning_rate, every) -> str:
    """What a checkpoint must have been made with: the objective's data, the start, the key and the settings."""
    digest = hashlib.sha256(repr((type(objective).__name__, learning_rate, every)).encode())
    for leaf in jax.tree.leaves((objective, start, jax.random.key_data(key))):
        array = np.ascontiguousarray(leaf)
        digest.update(repr((array.shape, str(array.dtype))).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _save(path: Path, state, identity: str, losses, seconds, watched) -> None:
    """Whole or not at all."""
    arrays: dict[str, Any] = {f"leaf_{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    arrays |= {"identity": identity, "losses": losses, "seconds": seconds, "watched": watched}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        np.savez(file, **arrays)


def _resume(path: Path, state, identity: str) -> tuple[Any, list[np.ndarray], list[float], list[float]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            held = dict(file)
        if str(held["identity"]) != identity:
            raise ValueError(
                f"{path} is the checkpoint of another descent (other data, start, key or settings); remove it or name another file."
            )
        structure: Any = jax.tree.structure(state)
        leaves = [jnp.asarray(held[f"leaf_{i}"]) for i in range(structure.num_leaves)]
    except (KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no checkpoint of a descent ({error}); remove it and start again."
        ) from None
    return (
        jax.tree.unflatten(structure, leaves),
        list(held["losses"]),
        held["seconds"].tolist(),
        held["watched"].tolist(),
    )
