r"""Real points with solved labels against their number, for the page on Theorem 4.2.

Shapes: W (k, d), samples as rows (m, d); Sigma = E x x^T has eigenvalues e_i and eigenvectors v_i.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from distill_lib import paper
from distill_lib.algorithm import distill
from distill_lib.data import Dataset
from distill_lib.experiments.common import accuracy
from distill_lib.features import Linear
from distill_lib.images.sampling import balanced_points
from distill_lib.ridge import RidgeModel, RidgeStats

Row = dict[str, Any]
ROUNDING = 1e-12  # of the largest eigenvalue


class Setting(NamedTuple):
    """A data set, its original linear model, and the second moment of its images.

    Attributes:
        data, model: the data set and its model W.
        tests: (n, d) network inputs of the test images.
        values: (d,) eigenvalues of Sigma, descending.
        vectors: (d, d) its eigenvectors, as columns.
    """

    data: Dataset
    model: RidgeModel
    tests: Float[np.ndarray, "n d"]
    values: Float[np.ndarray, " d"]
    vectors: Float[np.ndarray, "d d"]

    @property
    def weights(self) -> Float[np.ndarray, "k d"]:
        """W."""
        return np.asarray(self.model.weights)


def setting(data: Dataset) -> Setting:
    """The original model, and Sigma = X X^T / n over all training images."""
    model = paper.original_model(data, "linear", seed=0)
    norm, count, k = model.normalisation, len(data.x_train), len(model.weights)
    stats = RidgeStats.of_images(data.x_train, data.y_train, k, Linear(norm.dim), norm)
    values, vectors = np.linalg.eigh(np.asarray(stats.gram) / count)
    tests = np.asarray(norm(data.x_test))
    return Setting(data, model, tests, np.clip(values[::-1], 0, None), vectors[:, ::-1])


def predicted_error(
    weights: Float[np.ndarray, "k d"],
    values: Float[np.ndarray, " d"],
    vectors: Float[np.ndarray, "d d"],
    m: int,
) -> float:
    """sqrt(sum_i gamma / (e_i + gamma) ||W v_i||^2) / ||W||_F with sum_i e_i / (e_i + gamma) = m.

    The error that labels alone leave on m random samples, by the approximation of Derezinski et
    al. 2020; 0 from the rank of Sigma on.
    """
    # One more direction, without energy, so that no logarithm below is of an empty list.
    e, shares = np.append(values, 0), np.append(np.sum((weights @ vectors) ** 2, axis=0), 0)
    e = np.where(e > ROUNDING * e[0], e, 0)
    if m >= np.count_nonzero(e):
        return 0.0
    low, high = np.log(e[e > 0].min()) - 20, np.log(e[0]) + 20
    gamma = np.exp(brentq(lambda t: np.sum(e / (e + np.exp(t))) - m, low, high))
    return float(np.sqrt(np.sum(gamma / (e + gamma) * shares) / np.sum(shares)))


def on_samples(at: Setting, root: Float[np.ndarray, "d d"], m: int, seed: int) -> Row:
    """Labels by Theorem 4.2, and labels solved for the training loss, on one draw of m samples.

    Args:
        root: (d, d) R with R R^T = G + lam I, the metric of the training loss.
    """
    w, data, norm = at.weights, at.data, at.model.normalisation
    key, size = jax.random.key(seed), np.linalg.norm(w)
    x, _ = map(np.asarray, balanced_points(key, data.x_train, data.y_train, m, len(w), norm))
    _, s, vt = np.linalg.svd(x, full_matrices=False)
    span = vt[s > 1e-11 * s[0]]
    on_labels = np.linalg.lstsq(x, x @ w.T, rcond=1e-11)[0].T  # trained on Y_S = W X_S, lam_S = 0
    for_loss = np.linalg.lstsq(root.T @ span.T, root.T @ w.T, rcond=None)[0].T @ span
    return {
        "error": np.linalg.norm(on_labels - w) / size,
        "projector": np.linalg.norm(w @ span.T @ span - w) / size,
        "accuracy": accuracy(on_labels, at.tests, data.y_test),
        "loss error": np.linalg.norm(for_loss - w) / size,
        "loss accuracy": accuracy(for_loss, at.tests, data.y_test),
    }


def along_m(at: Setting, most: int, seeds: Sequence[int]) -> list[Row]:
    """One row for each of seven numbers of points m from k to `most`: means over draws of samples.

    Every second row has the recovery errors of the full constructions as well, from "noise" and
    the set "nearest" to samples.
    """
    w, data, d = at.weights, at.data, len(at.values)
    gram = len(data.x_train) * (at.vectors * at.values) @ at.vectors.T
    root = np.linalg.cholesky(gram + at.model.reg * np.eye(d))
    rows = []
    for i, m in enumerate(np.unique(np.round(np.geomspace(len(w), most, 7)).astype(int)).tolist()):
        draws = [on_samples(at, root, m, seed) for seed in seeds]
        row = {"m": m} | {name: np.mean([draw[name] for draw in draws]) for name in draws[0]}
        row["predicted"] = predicted_error(w, at.values, at.vectors, m)
        assert abs(row["error"] - row["projector"]) < 1e-6
        if i % 2 == 0:
            row |= full_constructions(at, m)
        row["original"] = accuracy(w, at.tests, data.y_test)
        rows.append(row | {"isotropic": np.sqrt(max(0, 1 - m / d))})
    return rows


def full_constructions(at: Setting, m: int) -> Row:
    """Recovery errors of the two constructions that move the points."""
    pool, key = (at.data.x_train, at.data.y_train), jax.random.key(0)
    return {
        "noise": distill(at.model, m, key=key).provenance["recovery_error"],
        "nearest": distill(at.model, m, key=key, start="nearest", pool=pool).provenance[
            "recovery_error"
        ],
    }


def recorded(dataset: str, curve: Sequence[Row], seeds: Sequence[int]) -> list[Row]:
    """The rows of `along_m` as they are recorded."""
    return [
        {
            "table": "Theorem 4.2",
            "dataset": dataset,
            "model": "linear",
            "method": f"m = {row['m']}",
            "quantity": "recovery error",
            "measured": row["error"],
            "seeds": len(seeds),
            "unit": "relative",
            "predicted": row["predicted"],
            "accuracy": row["accuracy"],
        }
        for row in curve
    ]


def values(at: Setting, curve: Sequence[Row], seeds: Sequence[int]) -> dict[str, tuple[Any, str]]:
    """What the prose says of one data set, with formats."""
    few = [row for row in curve if row["predicted"] > 0.2]
    strong = np.cumsum(at.values) <= 0.9 * np.sum(at.values)
    shares = np.sum((at.weights @ at.vectors) ** 2, axis=0)
    off = max(abs(row["predicted"] / row["error"] - 1) for row in few)
    found: dict[str, tuple[Any, str]] = {
        "d": (len(at.values), "{:d}"),
        "rank": (int(np.sum(at.values > ROUNDING * at.values[0])), "{:d}"),
        "predicted_off": (100 * off, "{:.0f} %"),
        "seeds": (len(seeds), "{:d}"),
        "strong_share": (100 * shares[strong].sum() / shares.sum(), "{:.0f} %"),
    }
    for where, row in (("first", curve[0]), ("middle", curve[len(curve) // 2])):
        found[f"{where}_m"] = (row["m"], "{:d}")
        for name in ("error", "loss error"):
            found[f"{where}_{name.replace(' ', '_')}"] = (row[name], "{:.2f}")
        for name in ("accuracy", "loss accuracy", "original"):
            found[f"{where}_{name.replace(' ', '_')}"] = (100 * row[name], "{:.1f} %")
    return found
