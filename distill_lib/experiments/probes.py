"""A linear probe on a frozen encoder, and the k vectors that carry it."""

import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Float, Int
from sklearn.linear_model import RidgeClassifier

from distill_lib.algorithm import distill
from distill_lib.data import Dataset
from distill_lib.experiments import intercept
from distill_lib.experiments.common import relative_error
from distill_lib.experiments.encoder import Encoder
from distill_lib.features import Linear
from distill_lib.images.normalisation import Normalisation
from distill_lib.ridge import RidgeModel, fit
from distill_lib.sets.distilled_set import DistilledSet
from distill_lib.theory.closed_form import (
    max_reg,
    recovered_weights,
    recovery_matrix,
)
from distill_lib.theory.labels_only import solved_labels

Row = dict[str, Any]


class Probe(NamedTuple):
    """Embeddings with their classes, and the ridge model on them.

    Attributes:
        x, y: (n, p) training embeddings with their classes.
        tests, truth: (t, p) test embeddings with theirs.
        model: the probe, a linear model of embeddings as they are.
    """

    x: Float[np.ndarray, "n p"]
    y: Int[np.ndarray, " n"]
    tests: Float[np.ndarray, "t p"]
    truth: Int[np.ndarray, " t"]
    model: RidgeModel

    @property
    def classes(self) -> int:
        """The number of classes k."""
        return len(self.model.weights)

    def answers(self, weights, x=None) -> Int[np.ndarray, " t"]:
        """The classes that weights (k, p) give the test embeddings, or others."""
        return np.argmax((self.tests if x is None else x) @ np.asarray(weights).T, axis=1)

    def compared(self, answers) -> Row:
        """Accuracy of answers, and the share of them that are the probe's."""
        same = np.mean(answers == self.answers(self.model.weights))
        return {"accuracy": float(np.mean(answers == self.truth)), "as the probe": float(same)}


def probe(found: Encoder, data: Dataset) -> Probe:
    """The ridge probe on all training embeddings, lam by a tenth held out, refitted on all."""
    x, tests = found(data.x_train), found(data.x_test)
    as_they_are = Normalisation((1, x.shape[1], 1), 1.0, (0.0,), (1.0,))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*lam.*(end of the grid|validation accuracy)")
        model = fit(
            x.reshape(len(x), 1, -1, 1),
            data.y_train,
            Linear(x.shape[1]),
            as_they_are,
            key=jax.random.key(0),
            classes=len(data.info.classes),
            val_fraction=0.1,
            refit=True,
        )
    return Probe(x, np.asarray(data.y_train), tests, np.asarray(data.y_test), model)


def small_set(found: Probe, share: float = 0.0, branch: str = "+") -> DistilledSet:
    """One vector of each class that carries the probe; lam_S as a share of its largest value."""
    labels = jnp.eye(found.classes)
    reg_s = share * max_reg(recovery_matrix(found.model.weights, labels))
    key = jax.random.key(1)
    return distill(found.model, found.classes, key=key, reg_s=reg_s, branch=branch)  # type: ignore[arg-type]


def carried(found: Probe, share: float, alpha: float = 1.0, spanning: int = 10_000) -> list[Row]:
    """What carries the probe: vectors, vectors for a trainer with an intercept, real images.

    Args:
        share: lam_S of the set with small roots, as a share of its largest value.
        alpha: of the original with an intercept.
        spanning: how many training embeddings the real images are chosen from.
    """
    k, p = found.model.weights.shape
    sets = {"roots +": small_set(found), "roots −": small_set(found, share, "-")}
    rows = [
        _row(found, "ridge", f"one vector a class, {name}", k, made.model().weights)
        for name, made in sets.items()
    ]
    ridge = RidgeClassifier(alpha=alpha).fit(found.x, found.y)
    whole = intercept.Original(found.x, found.y, found.tests, found.truth, ridge)
    few = intercept.compared(whole, intercept.few(whole, intercept.bound(whole)))
    rows.append(
        {
            "trainer": "RidgeClassifier",
            "trained on": "one vector a class",
            "images": few["images"],
            "error": few["error of coef_"],
            "accuracy": few["accuracy"],
            "other answers": few["other answers"],
            "original": float(ridge.score(found.tests, found.truth)),
        }
    )
    real = found.x[_spanning(found.x, p, spanning)]
    labels = solved_labels(found.model.weights, real)
    weights = recovered_weights(real, labels)
    return [*rows, _row(found, "ridge", "real images, labels solved", len(real), weights)]


def _spanning(x, p: int, most: int) -> Int[np.ndarray, " m"]:
    """p rows of at most so many random ones that span best, by pivoted QR."""
    rows = np.random.default_rng(0).permutation(len(x))[:most]
    pivots = scipy.linalg.qr(x[rows].T, mode="r", pivoting=True)[1]
    return np.sort(rows[pivots[:p]])


def _row(found: Probe, trainer: str, on: str, count: int, weights) -> Row:
    same = found.answers(weights) == found.answers(found.model.weights)
    original = np.mean(found.answers(found.model.weights) == found.truth)
    return {
        "trainer": trainer,
        "trained on": on,
        "images": count,
        "error": relative_error(weights, found.model.weights),
        "accuracy": float(np.mean(found.answers(weights) == found.truth)),
        "other answers": int(np.sum(~same)),
        "original": float(original),
    }


def sizes(found: Probe) -> list[Row]:
    """Bytes of what could be handed over in place of a probe's training set."""
    (n, p), k = found.x.shape, found.classes
    kept = {
        "all embeddings": (4 * n * p + n, "in float32, a byte for each class"),
        "statistics": (8 * (p * (p + 1) // 2 + k * p + 2), "half of G, C, two numbers"),
        "one vector a class": (8 * k * p + k, "in float64, a byte for each class"),
        "the probe itself": (8 * k * p, "W in float64"),
    }
    whole = kept["all embeddings"][0]
    return [
        {"kept": name, "bytes": size, "what": what, "ratio": whole / size}
        for name, (size, what) in kept.items()
    ]


def behind(found: Encoder, embedded: Probe, data: Dataset, images: int) -> Row:
    """What stands between the vectors and images: their signs, and the encoder's local rank.

    Args: images: how many test images the Jacobian is taken at.
    """
    points = np.asarray(small_set(embedded).points)
    x = found.normalisation(data.x_test[:images])
    jacobian = jax.jit(jax.jacrev(lambda one: found.of_inputs(one[None])[0]))
    ranks = [np.linalg.matrix_rank(np.asarray(jacobian(one))) for one in x]
    return {
        # Of a feature that is always zero rounding leaves either sign.
        "negative": float(np.mean(points < -1e-9 * np.abs(points).max())),
        "least embedding": float(embedded.x.min()),
        "features": points.shape[1],
        "inputs": x.shape[1],
        "least rank": int(min(ranks)),
        "most rank": int(max(ranks)),
    }


def recorded(dataset: str, on: str, rows: list[Row], told: list[Row]) -> list[Row]:
    """Rows for the results, of `carried` and `of_logistic`; `on` is the encoder's data set."""
    cell = {"table": "probes", "dataset": dataset, "model": f"encoder of {on}"}
    made = []
    for row in rows:
        where = cell | {"method": f"{row['trainer']}, {row['trained on']}"}
        made += [
            where | {"quantity": "points", "measured": row["images"], "unit": "points"},
            where | {"quantity": "recovery error", "measured": row["error"], "unit": "relative"},
            where | {"quantity": "accuracy", "measured": 100 * row["accuracy"], "unit": "%"},
        ]
    for row in told:
        where = cell | {"method": f"logistic, {row['trained on']}"}
        made += [
            where | {"quantity": "accuracy", "measured": 100 * row["accuracy"], "unit": "%"},
            where | {"quantity": "agreement", "measured": 100 * row["as the probe"], "unit": "%"},
            where
            | {
                "quantity": "logistic agreement",
                "measured": 100 * row["as the logistic probe"],
                "unit": "%",
            },
        ]
    return made


def values(
    found: Encoder, embedded: Probe, rows: list[Row], told: list[Row], sizes: list[Row]
) -> dict[str, tuple[Any, str]]:
    """What the prose says, with formats."""
    size = {row["kept"]: row for row in sizes}
    plus, minus, own, real, whole = told
    named: dict[str, tuple[Any, str]] = {
        "encoder_accuracy": (100 * found.accuracy, "{:.1f} %"),
        "embeddings": (len(embedded.x), "{:,}"),
        "features": (embedded.x.shape[1], "{:,}"),
        "classes": (embedded.classes, "{:d}"),
        "asked": (len(embedded.truth), "{:,}"),
        "probe_accuracy": (100 * rows[0]["original"], "{:.2f} %"),
        "vectors_error": (max(row["error"] for row in rows[:3]), "{:.0e}"),
        "images_error": (rows[3]["error"], "{:.0e}"),
        "other_answers": (sum(row["other answers"] for row in rows[:3]), "{:d}"),
        "embedding_bytes": (size["all embeddings"]["bytes"], "{:,}"),
        "vector_bytes": (size["one vector a class"]["bytes"], "{:,}"),
        "ratio": (size["one vector a class"]["ratio"], "{:,.0f}"),
        "statistics_ratio": (size["statistics"]["ratio"], "{:,.1f}"),
        "logistic_rows": (whole["images"], "{:,}"),
    }
    for name, row in (
        ("plus", plus),
        ("minus", minus),
        ("own", own),
        ("real", real),
        ("whole", whole),
    ):
        named[f"{name}_accuracy"] = (100 * row["accuracy"], "{:.1f} %")
        named[f"{name}_agreement"] = (100 * row["as the probe"], "{:.1f} %")
        named[f"{name}_logistic_agreement"] = (100 * row["as the logistic probe"], "{:.1f} %")
    return named


def values_behind(row: Row) -> dict[str, tuple[Any, str]]:
    """What the prose says of `behind`, with formats."""
    return {
        "negative": (100 * row["negative"], "{:.0f} %"),
        "inputs": (row["inputs"], "{:,}"),
        "least_rank": (row["least rank"], "{:d}"),
        "most_rank": (row["most rank"], "{:d}"),
    }
