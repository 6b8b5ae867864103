r"""Distilled sets near real samples: Corollary 4.1.1 and the nearest set, measured.

Shapes: W (k, d), samples as rows (m, d); Xh are real samples and H = Xh_{lam_S}^+ (m, d).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib import paper
from distill_lib.algorithm import distill
from distill_lib.data import Dataset
from distill_lib.images.sampling import balanced_points
from distill_lib.linalg.pseudoinverse import regularised_pinv
from distill_lib.ridge import RidgeModel
from distill_lib.sets.distilled_set import DistilledSet
from distill_lib.theory import closed_form
from distill_lib.theory.realistic import realistic_matrix

Row = dict[str, Any]
Values = dict[str, tuple[Any, str]]
STARTS = ("real", "nearest", "noise")


def label_distances(w: Float[Array, "k d"], x: Float[Array, "m d"]) -> list[float]:
    """Least distance to H over Z with one-hot labels, with W Xh, and with the best labels.

    The best are Y_S = F^{-1} E^T with E the last k left singular vectors of H P, P = I - W^+ W, and
    F = E^T H W^+.
    """
    (m, d), k = x.shape, len(w)
    h = regularised_pinv(x)
    p = jnp.eye(d) - jnp.linalg.pinv(w) @ w
    e = jnp.linalg.svd(h @ p)[0][:, -k:]
    best = jnp.linalg.solve(e.T @ h @ jnp.linalg.pinv(w), e.T).T
    choices = (jax.nn.one_hot(jnp.arange(m) % k, k, dtype=w.dtype), x @ w.T, best)
    return [float(jnp.linalg.norm(realistic_matrix(w, y, x) - h)) for y in choices]


class Samples(NamedTuple):
    """The original linear model of a data set, and from which images real samples are drawn.

    Attributes:
        data, model: the data set and its model.
        key: of the draws.
    """

    data: Dataset
    model: RidgeModel
    key: PRNGKeyArray

    @property
    def weights(self) -> Float[Array, "k d"]:
        """W."""
        return self.model.weights

    def real(self, m: int) -> Float[Array, "m d"]:
        """Xh, as many samples of each class as of any other."""
        images, labels, k = self.data.x_train, self.data.y_train, len(self.weights)
        return balanced_points(self.key, images, labels, m, k, self.model.normalisation)[0]

    def distilled(self, m: int, start: str, **options: Any) -> DistilledSet:
        """A set of m points, from the same samples where the start is from real ones."""
        pool = (self.data.x_train, self.data.y_train)
        options |= {"key": self.key, "start": start, "pool": pool}
        return distill(self.model, m, **options)


def samples(data: Dataset) -> Samples:
    """The original linear model of the paper, and samples by a fixed key."""
    return Samples(data, paper.original_model(data, "linear", seed=0), jax.random.key(1))


def relative(points: Float[Array, "m d"], real: Float[Array, "m d"]) -> float:
    """||X_S - Xh||_F / ||Xh||_F."""
    return float(jnp.linalg.norm(points - real) / jnp.linalg.norm(real))


def along_ridge(at: Samples, m: int, shares: Sequence[float]) -> list[float]:
    """Relative distances of Corollary 4.1.1 with labels W Xh, at each lam_S = share s_1^2.

    Where that is too large for its D, labels and D stay, and lam_S is the largest that D allows.
    """
    size = float(jnp.linalg.norm(at.real(m), 2))
    made = (at.distilled(m, "real", label_rule="model", reg_s=share * size**2) for share in shares)
    return [found.provenance["distance"] for found in made]


def values_along_ridge(ipc: int, distances: Sequence[float], nearest: float) -> Values:
    """What the prose says of `along_ridge` with `ipc` samples per class, with formats."""
    found = {"none": distances[0], "large": distances[-1], "worst": max(distances)}
    named = {f"ridge_{name}": (number, "{:.2g}") for name, number in found.items()}
    return {"ridge_ipc": (ipc, "{:d}")} | named | {"ridge_nearest": (nearest, "{:.2g}")}


def along_m(at: Samples, most: int) -> list[Row]:
    """Distance, conditioning and recovery error of both constructions, for six m from k to `most`.

    Where nothing has to move, distances are rounding and the bound says nothing.
    """
    sizes = np.unique(np.round(np.geomspace(len(at.weights), most, 6)).astype(int))
    rows = [at_m(at, m) for m in sizes.tolist()]
    for row in rows:
        assert row["off the tail"] < 1e-12
        assert row["smallest"] <= row["limit"] * (1 + 1e-6)
        for start in ("real", "nearest"):
            moved = row[f"distance {start}"] > 1e-13
            assert not moved or row[f"bound {start}"] <= row[f"condition {start}"] * (1 + 1e-6)
    return rows


def at_m(at: Samples, m: int) -> Row:
    """One row: of both constructions from the same m samples, Xh of rank r.

    "tail" is the least distance by the formula, "limit" what bounds the smallest singular value of
    the nearest set, "bound" the least condition number of any set at a construction's distance.
    """
    w, real = at.weights, np.asarray(at.real(m))
    k, d = w.shape
    v, s, ut = np.linalg.svd(real, full_matrices=False)
    r = int(np.sum(s > 1e-11 * s[0]))
    q = np.linalg.qr(np.asarray(w).T)[0]
    outside = np.linalg.norm(q - ut[:r].T @ (ut[:r] @ q), 2)
    # The formula's t and B, from a projector of their own.
    p = np.eye(d) - np.linalg.pinv(w) @ w
    b, t, _ = np.linalg.svd(v[:, :r].T @ real @ p, full_matrices=False)
    entering = np.linalg.svd(q.T @ real.T @ v[:, :r] @ b[:, -k:], compute_uv=False)[-1]
    tail = float(np.linalg.norm(t[-k:]))
    row = {"m": m, "rank": r, "tail": tail, "limit": float(min([entering, *t[:-k]]))}
    for start in ("real", "nearest"):
        made = at.distilled(m, start)
        points = np.asarray(made.points)
        s = np.linalg.svd(points, compute_uv=False)[:r]
        row[f"distance {start}"] = made.provenance["distance"]
        row[f"condition {start}"] = float(s[0] / s[-1])
        row[f"bound {start}"] = float(s[0] * outside / np.linalg.norm(points - real, 2))
        row[f"float64 {start}"] = made.provenance["recovery_error"]
        row[f"float32 {start}"] = single_precision_error(w, made)
    # Of the nearest set, the last one.
    off = abs(np.linalg.norm(points - real) - tail) / np.linalg.norm(real)
    return row | {"off the tail": off, "smallest": float(s[-1])}


def single_precision_error(w: Float[Array, "k d"], made: DistilledSet) -> float:
    """Recovery error of the set when it is trained on in single precision."""
    points, labels = (jnp.asarray(part, jnp.float32) for part in (made.points, made.labels))
    trained = closed_form.recovered_weights(points, labels)
    return closed_form.recovery_error(w, jnp.asarray(trained, jnp.float64))


def values_along_m(curve: Sequence[Row]) -> Values:
    """What the prose says of `along_m`, with formats."""
    of = {name: np.array([row[name] for row in curve]) for name in curve[0]}
    return {
        "off_the_tail": (of["off the tail"].max(), "{:.0e}"),
        "limit_ratio": ((of["limit"] / of["smallest"]).max(), "{:.1f}"),
        "largest_condition": (of["condition nearest"].max(), "{:.0e}"),
        "worst_float64": (of["float64 nearest"].max(), "{:.0e}"),
        "worst_float32": (of["float32 nearest"].max(), "{:.0e}"),
        "best_float32": (of["float32 nearest"].min(), "{:.0e}"),
    }


class Figure2(NamedTuple):
    """Sets of one size beside the real samples.

    Attributes:
        images: "samples" and each start -> (10, h, w, c) the first ten images.
        notes: the same -> a line to stand under them.
        facts: start -> distance to the samples and recovery error, relative; "same": the share of
            test images predicted as by the original.
    """

    images: dict[str, Float[np.ndarray, "n h w c"]]
    notes: dict[str, str]
    facts: dict[str, dict[str, float]]


def figure_2(at: Samples, ipc: int) -> Figure2:
    """Corollary 4.1.1, the nearest set and one from noise, with `ipc` images per class."""
    data, norm = at.data, at.model.normalisation
    made = {start: at.distilled(ipc * len(at.weights), start) for start in STARTS}
    chosen = made["real"].provenance["samples"]
    assert chosen == made["nearest"].provenance["samples"]
    real, truth = norm(data.x_train[np.array(chosen)]), at.model.predict(data.x_test)
    images, notes = {"samples": np.asarray(norm.inverse(real[:10]))}, {"samples": "real samples"}
    facts = {}
    for start, found in made.items():
        fact = {
            "distance": relative(found.points, real),
            "error": found.provenance["recovery_error"],
            "same": float(np.mean(found.predict(data.x_test) == truth)),
        }
        images[start], facts[start] = np.asarray(found.images()[:10]), fact
        spread = float(jnp.std(found.images()) / norm.pixel_max)
        wide = f"standard deviation {spread:.2g} times a pixel's range"
        notes[start] = wide if start == "noise" else f"distance {fact['distance']:.2g}"
        notes[start] += f", recovery error {fact['error']:.0e}"
        notes[start] += f", same test predictions {fact['same']:.2%}"
    return Figure2(images, notes, facts)


def summary(made: Figure2) -> dict[str, float]:
    """Both distances, their ratio, and how exactly the nearest set carries W."""
    far, near = (made.facts[start]["distance"] for start in ("real", "nearest"))
    return {
        "Corollary 4.1.1": far,
        "nearest": near,
        "times nearer": far / near,
        "recovery error": made.facts["nearest"]["error"],
    }


def recorded(dataset: str, ipc: int, made: Figure2) -> tuple[list[Row], Values]:
    """One row a set as it is recorded, and what the prose says, with formats."""
    where = {"table": "Fig. 2", "dataset": dataset, "ipc": ipc, "model": "linear"}
    where |= {"quantity": "distance to real", "unit": "relative"}
    rows, values, name = [], {}, f"{dataset}_{ipc}"
    for start, fact in made.facts.items():
        values[f"{name}_{start}_distance"] = (fact["distance"], "{:.2g}")
        values[f"{name}_{start}_error"] = (fact["error"], "{:.0e}")
        found = {"method": start, "measured": fact["distance"]}
        more = {"recovery_error": fact["error"], "same_predictions": fact["same"]}
        rows.append(where | found | more)
    ratio = made.facts["nearest"]["distance"] / made.facts["real"]["distance"]
    return rows, values | {f"{name}_ratio": (1 / ratio, "{:.3g}")}
