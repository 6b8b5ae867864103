"""Theorem 6.1: KIP's loss on samples and on the reduced set, its cost, and its descent."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib import paper
from distill_lib.baselines.kip_on_features import FullBatch, Stochastic, descend
from distill_lib.baselines.moments import same_moments
from distill_lib.data import Dataset, describe, load
from distill_lib.experiments.common import relative_error, seconds
from distill_lib.features import FeatureMap, Linear
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.sampling import balanced_points
from distill_lib.ridge import RidgeStats
from distill_lib.theory import kip_loss
from distill_lib.theory.kip_loss import Target

Row = dict[str, Any]
TRACE, REDUCED, TURNED = "trace form", "reduced, from G and C", "reduced, from the samples"


class Problem(NamedTuple):
    """A data set through the network with one hidden layer.

    Attributes:
        samples: phi(X) and one-hot Y.
        reduced: the same loss on p rows, from the statistics.
    """

    data: Dataset
    norm: Normalisation
    phi: FeatureMap
    samples: Target
    reduced: Target

    def points(self, m: int) -> Float[Array, "m d"]:
        """Network inputs of m real images, as many of each class as of any other."""
        data, k = self.data, len(self.data.info.classes)
        key = jax.random.key(1)
        return balanced_points(key, data.x_train, data.y_train, m, k, self.norm)[0]


def problem(name: str) -> Problem:
    """The named data set's."""
    data = load(name)
    norm = paper.normalisation(data.info)
    phi = paper.feature_map("fcnn", norm.dim, jax.random.key(0))
    one_hot = jnp.asarray(np.eye(len(data.info.classes))[data.y_train])
    samples = Target(phi(norm(data.x_train)), one_hot)
    reduced = Target.reduced(RidgeStats.of(samples.features, samples.labels))
    return Problem(data, norm, phi, samples, reduced)


def given(x: Float[Array, "m d"], phi: FeatureMap, target: Target) -> Float[Array, ""]:
    """L(X_S) with one-hot labels; lam_S moves with the points."""
    support, k = phi(x), target.labels.shape[1]
    labels = jnp.asarray(np.eye(k)[np.arange(len(x)) % k])
    return kip_loss.loss(support, labels, target, kip_loss.relative_reg(support))


def solved(x: Float[Array, "m d"], phi: FeatureMap, target: Target) -> Float[Array, ""]:
    """L*(X_S), with the best labels."""
    return kip_loss.solved_loss(phi(x), target)


def compared(of: Problem, m: int) -> list[Row]:
    """Loss and gradient on the samples and on the reduced set, labels given and solved."""
    x, rows = of.points(m), []
    for loss in (given, solved):
        step = jax.jit(jax.value_and_grad(loss))
        value, slope = step(x, of.phi, of.samples)
        value_r, slope_r = step(x, of.phi, of.reduced)
        rows.append(
            {
                "labels": loss.__name__,
                "L / ||Y||²": float(value / len(of.samples.labels)),
                "loss, relative difference": float(abs(value_r / value - 1)),
                "gradient, relative difference": relative_error(slope_r, slope),
            }
        )
    return rows


class Precision(NamedTuple):
    """Relative errors of three forms of the loss, by its size relative to ||Y||^2."""

    size: list[float]
    errors: dict[str, list[float]]

    def right(self, form: str) -> float:
        """The least loss of which the form has one digit right; 1 if there is none."""
        pairs = zip(self.size, self.errors[form], strict=True)
        return min((size for size, error in pairs if error < 0.1), default=1.0)

    def wrong(self, form: str) -> float:
        """The largest loss of which it has none; 0 if there is none."""
        pairs = zip(self.size, self.errors[form], strict=True)
        return max((size for size, error in pairs if error > 0.1), default=0.0)


def precision(rng: np.random.Generator, n: int = 48, p: int = 64) -> Precision:
    """The forms of the loss against the residual in extended precision.

    For weights at a decreasing distance from W and random features of condition number 10^3, n < p.
    """
    left, right = (np.linalg.qr(rng.normal(size=(size, n)))[0] for size in (n, p))
    x: Any = (left * np.geomspace(1, 1e-3, n)) @ right.T
    y: Any = np.eye(10)[rng.integers(0, 10, n)]
    stats = RidgeStats.of(x, y)
    reduced, turned = Target.reduced(stats), Target(*same_moments(x, y))
    forms: dict[str, Any] = {TRACE: stats.loss, REDUCED: reduced.loss, TURNED: turned.loss}
    w, way = np.linalg.lstsq(x, y, rcond=None)[0].T, rng.normal(size=(10, p))
    precise = np.longdouble
    found = Precision([], {name: [] for name in forms})
    for t in 10.0 ** np.arange(1, -13, -0.5):
        moved = w + t * way
        true = np.sum((x.astype(precise) @ moved.T.astype(precise) - y) ** 2)
        found.size.append(float(true / n))
        for name, form in forms.items():
            error = abs(precise(float(form(moved))) / true - 1)
            found.errors[name].append(max(float(error), 1e-17))
    return found


def theirs(n: int, p: int, m: int, batch: int = 5000) -> int:
    """Floating-point operations of the released step, without the feature map."""
    return n * (2 * m * p + 8 * m**2) + 6 * m * p * min(batch, n)


def ours(p: int, m: int) -> int:
    """Those of a step on the reduced set."""
    return 2 * p**2 * m + 6 * p * m * min(m, p)


def operations() -> list[Row]:
    """Operations of a step in the paper's settings: 95 % of the images, p = d."""
    rows = []
    for info in (entry.info for entry in describe() if entry.info.name != "digits"):
        n, p = round(0.95 * info.n_train), int(np.prod(info.shape))
        for ipc in (1, 10, 50):
            m = ipc * len(info.classes)
            row: Row = {"data set": info.title, "IPC": ipc, "m": m, "p": p}
            row |= {"theirs, GFLOP": theirs(n, p, m) / 1e9, "ours, GFLOP": ours(p, m) / 1e9}
            rows.append(row | {"ratio": theirs(n, p, m) / ours(p, m)})
    return rows


@jax.jit
def _released_step(support, objective):
    return jax.value_and_grad(objective)(support, jax.random.key(0))


_our_step = jax.jit(jax.value_and_grad(kip_loss.solved_loss))


def costs(of: Problem, m: int, counts: Sequence[int]) -> list[list[float]]:
    """Time of the released step and of ours by number of samples, relative to ours at the first.

    The samples are repeated where a count exceeds them.
    """
    support, found = of.phi(of.points(m)), []
    whole = np.asarray(of.samples.features), np.asarray(of.samples.labels)
    for count in counts:
        f, y = (jnp.asarray(np.resize(a, (count, a.shape[1]))) for a in whole)
        small = Target.reduced(RidgeStats.of(f, y))
        released = Stochastic(Linear(support.shape[1]), f, y, min(counts))
        taken = seconds(_released_step, support, released), seconds(_our_step, support, small)
        found.append(taken)
    return (np.array(found) / found[0][1]).tolist()


def losses(of: Problem, m: int, steps: int) -> Float[np.ndarray, " steps"]:
    """L* along a descent of m points from real images, full batch."""
    objective = FullBatch(of.phi, of.reduced, 1.0)
    return descend(objective, of.points(m), steps, key=jax.random.key(2), every=steps).losses


def unoptimised(of: Problem, floor: float) -> tuple[list[int], list[float]]:
    """Numbers m of real images, and L* / L_min - 1 of them as they are, with solved labels."""
    k, d = len(of.data.info.classes), of.norm.dim
    starts = sorted({k, d // 4, d // 2, d - d // 10, d, d + d // 4})
    seen = np.asarray(of.reduced.features @ of.phi(of.points(max(starts))).T)
    labels, excess = of.reduced.labels, []
    for m in starts:
        b = seen[:, :m]
        best = b @ np.linalg.lstsq(b, np.asarray(labels), rcond=None)[0]
        excess.append(float(np.sum((labels - best) ** 2) / floor))
    return starts, excess


def recorded(
    of: Problem,
    told: Precision,
    cost: Float[np.ndarray, "counts 2"],
    counts: Sequence[int],
    runs: Mapping[int, Sequence[float]],
    floor: float,
) -> tuple[list[Row], dict[str, Any]]:
    """The row and the named numbers of the page.

    Args:
        cost: `costs` of the largest number of points in `runs`.
        runs: `losses` by number of points.
        floor: L_min.
    """
    cifar = next(entry.info for entry in describe() if entry.info.name == "cifar100")
    ipc, ratio = 50, cost[-1, 0] / cost[-1, 1]
    last = list(runs)[-1]
    values: dict[str, Any] = {
        "estimated_ipc": ipc,
        "estimated_m": ipc * len(cifar.classes),
        "estimated_p": int(np.prod(cifar.shape)),
        "useless": (told.wrong(TRACE), "{:.0e}"),
        "kept": (told.right(REDUCED), "{:.0e}"),
        "kept_samples": (told.right(TURNED), "{:.0e}"),
        "cost_m": last,
        "cost_ratio": (ratio, "{:,.0f}"),
        "cost_batch": min(counts),
        "cost_n": (counts[-1], "{:,d}"),
        "steps": len(runs[last]),
    }
    for i, (m, run) in enumerate(runs.items()):
        values[f"run_m_{i}"] = m
        values[f"run_start_{i}"] = (100 * (run[0] / floor - 1), "{:.3g} %")
        values[f"run_end_{i}"] = (100 * (run[-1] / floor - 1), "{:.2g} %")
    row = {"table": "Theorem 6.1", "dataset": of.data.info.name, "model": "fcnn"}
    row |= {"method": "KIP step", "quantity": "time ratio", "measured": ratio, "unit": "times"}
    return [row | {"n": counts[-1], "m": last}], values
