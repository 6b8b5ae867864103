"""scikit-learn's own classifier on a few images and on all of them: the intercept theorem tried."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from sklearn.linear_model import Ridge, RidgeClassifier

from distill_lib.data import Dataset
from distill_lib.experiments.common import relative_error
from distill_lib.images.sampling import balanced_sample
from distill_lib.theory.class_labels import class_weights, codes
from distill_lib.theory.closed_form import max_reg
from distill_lib.theory.intercept import (
    Affine,
    affine_mean,
    affine_recovery_matrix,
    affine_set,
    centred,
    copies,
)
from distill_lib.theory.intercept_nearest import nearest_affine_set

Row = dict[str, Any]
UNITS = {"scaled": "pixels in [0, 1]", "stored": "pixels as stored"}


class Original(NamedTuple):
    """scikit-learn's classifier, fitted on all training images, and what it is asked.

    Attributes:
        x, y, tests, truth: (n, d) training images with their classes, test images with theirs.
        classifier: a fitted `RidgeClassifier`.
    """

    x: Float[np.ndarray, "n d"]
    y: Int[np.ndarray, " n"]
    tests: Float[np.ndarray, "t d"]
    truth: Int[np.ndarray, " t"]
    classifier: RidgeClassifier

    @property
    def model(self) -> Affine:
        """W and b, as the classifier has them."""
        return _model(self.classifier)

    @property
    def classes(self) -> int:
        """The number of classes k."""
        return len(self.classifier.classes_)

    def targets(self, labels) -> Float[Array, "m k"]:
        """What the classifier makes of class labels."""
        return jnp.asarray(codes(labels, self.classes))


class Few(NamedTuple):
    """A few images to fit a classifier on: (m, d), (m,), alpha, and their weights or None."""

    points: Float[np.ndarray, "m d"]
    labels: Int[np.ndarray, " m"]
    alpha: float
    sample_weight: Float[np.ndarray, " m"] | None = None


def original(data: Dataset, unit: str, **options: Any) -> Original:
    """The classifier on all training images.

    Args:
        data: the data set.
        unit: "scaled", pixels / pixel_max, or "stored".
        options: of `RidgeClassifier`; none are its defaults.
    """
    scale = data.info.pixel_max if unit == "scaled" else 1
    x, tests = (np.reshape(a, (len(a), -1)) / scale for a in (data.x_train, data.x_test))
    y, truth = np.asarray(data.y_train), np.asarray(data.y_test)
    return Original(x, y, tests, truth, RidgeClassifier(**options).fit(x, y))


def needed(found: Original, alpha: float = 1.0) -> int:
    """Images per class with which `RidgeClassifier(alpha)` is the original."""
    return copies(found.model.weights, found.targets(np.arange(found.classes)), alpha)


def bound(found: Original) -> float:
    """The largest alpha with which one image per class is the original."""
    labels = found.targets(np.arange(found.classes))
    return max_reg(affine_recovery_matrix(found.model.weights, labels))


def few(found: Original, alpha: float, per_class: int = 1, weight: float | None = None) -> Few:
    """Images with plain class labels, about the mean of the training images."""
    labels = np.arange(per_class * found.classes) % found.classes
    omega = None if weight is None else jnp.full(len(labels), weight)
    mean, y = jnp.asarray(found.x.mean(axis=0)), found.targets(labels)
    points = affine_set(*found.model, y, mean, None, alpha, "+", omega)
    return Few(np.asarray(points), labels, alpha, None if weight is None else np.asarray(omega))


def compared(found: Original, small: Few) -> Row:
    """The same class fitted on the few images, beside the original."""
    fitted = RidgeClassifier(alpha=small.alpha).fit(small.points, small.labels, small.sample_weight)
    same = fitted.predict(found.tests) == found.classifier.predict(found.tests)
    return {
        "images": len(small.points),
        "alpha": small.alpha,
        "error of coef_": relative_error(fitted.coef_, found.classifier.coef_),
        "error of intercept_": relative_error(fitted.intercept_, found.classifier.intercept_),
        "other answers": int(np.sum(~same)),
        "accuracy": float(fitted.score(found.tests, found.truth)),
    }


def table(data: Dataset, cases: Sequence[tuple[str, float]]) -> list[Row]:
    """For each (unit, alpha): one image per class; scikit-learn's defaults; one each, weighted."""
    rows: list[Row] = []
    for unit, alpha in cases:
        found = original(data, unit, alpha=alpha)
        n, at = needed(found), bound(found)
        case: Row = {"case": unit if alpha == 1 else f"{unit}_stronger", "pixels": UNITS[unit]}
        case |= {"original": alpha}
        case |= {"per class": n, "bound": at, "test_images": len(found.truth)}
        case["original accuracy"] = float(found.classifier.score(found.tests, found.truth))
        for name, small in (
            ("one each, largest alpha", few(found, at)),
            ("all defaults", few(found, 1.0, n)),
            ("one each, weighted", few(found, 1.0, 1, float(n))),
        ):
            rows.append(case | {"set": name} | compared(found, small))
    return rows


def values(rows: Sequence[Row]) -> dict[str, tuple[Any, str]]:
    """What the prose says of `table`, with formats."""
    named: dict[str, tuple[Any, str]] = {}
    for row in rows:
        case = row["case"]
        if row["set"] == "all defaults":
            named[f"{case}_alpha"] = (row["original"], "{:g}")
            named[f"{case}_images"] = (row["images"], "{:d}")
            named[f"{case}_per_class"] = (row["per class"], "{:d}")
            named[f"{case}_bound"] = (row["bound"], "{:.2g}")
            named[f"{case}_original"] = (100 * row["original accuracy"], "{:.2f} %")
    for name in ("coef_", "intercept_"):
        worst = max(row[f"error of {name}"] for row in rows)
        named[f"worst_{name}error"] = (worst, "{:.0e}")
    named["other_answers"] = (sum(row["other answers"] for row in rows), "{:d}")
    named["tests"] = (rows[0]["test_images"], "{:,}")
    return named


def recorded(dataset: str, rows: Sequence[Row]) -> list[Row]:
    """Rows for the results, of `table`."""
    return [
        {
            "table": "intercept",
            "dataset": dataset,
            "model": f"{row['pixels']}, alpha {row['original']:g}",
            "method": row["set"],
            "quantity": quantity,
            "measured": row[column],
            "unit": unit,
        }
        for row in rows
        for quantity, column, unit in (
            ("points", "images", "images"),
            ("recovery error", "error of coef_", "relative"),
        )
    ]


def near_real(data: Dataset, ipc: int) -> tuple[dict[str, np.ndarray], list[Row]]:
    """Sets from real images, with labels of their own and with class labels.

    Returns the images (m, d) by name, and for each set its relative distance to the real images and
    the error of the coefficients that scikit-learn finds on it.
    """
    found = original(data, "scaled")
    (w, b), k = found.model, found.classes
    m = ipc * k
    index = balanced_sample(jax.random.key(1), found.y, m, k)
    real, labels = jnp.asarray(found.x[index]), found.y[index]
    nearest = nearest_affine_set(w, b, real, 1.0, rank=k - 1)
    near, own = np.asarray(nearest.features), np.asarray(nearest.labels)
    y = found.targets(labels)
    x = centred(real).svd()
    z = x.with_values(1 / x.s)
    alpha = 0.5 * max_reg(affine_recovery_matrix(w, y, z))
    plain = np.asarray(affine_set(w, b, y, real.mean(axis=0), z, alpha))
    fits = {
        "nearest, labels of its own": (near, Ridge(alpha=1.0).fit(near, own).coef_),
        "class labels, Z from them": (plain, RidgeClassifier(alpha=alpha).fit(plain, labels).coef_),
    }
    rows = [
        {
            "set": name,
            "distance": relative_error(made, real),
            "error of coef_": relative_error(c, w),
        }
        for name, (made, c) in fits.items()
    ]
    return {"real": np.asarray(real)} | {name: made for name, (made, _) in fits.items()}, rows


def values_near(rows: Sequence[Row]) -> dict[str, tuple[Any, str]]:
    """What the prose says of `near_real`, with formats."""
    own, plain = rows
    return {
        "own_distance": (own["distance"], "{:.2g}"),
        "plain_distance": (plain["distance"], "{:.2g}"),
        "near_error": (max(own["error of coef_"], plain["error of coef_"]), "{:.0e}"),
    }


def unbalanced(data: Dataset, every: int) -> list[Row]:
    """Originals of unequal classes: how far the mean of one image per class has to move.

    Of the second half of the classes every `every`-th image is kept. The original is fitted plainly
    and with class_weight="balanced"; the labels of the few images count alike, or by the shares of
    the classes.
    """
    y = np.asarray(data.y_train)
    k = len(data.info.classes)
    rare = np.flatnonzero(y >= k // 2)
    kept = np.sort(np.append(np.flatnonzero(y < k // 2), rare[::every]))
    scale, one = data.info.pixel_max, np.arange(k)
    x, y = np.reshape(data.x_train, (len(data.y_train), -1))[kept] / scale, y[kept]
    y_one, rows = jnp.asarray(codes(one, k)), []
    for name, weighting in (("plain", None), ("balanced", "balanced")):
        fitted = RidgeClassifier(class_weight=weighting).fit(x, y)
        shares = np.bincount(y) if weighting is None else np.ones(k)
        omega = np.ones(len(y)) if weighting is None else class_weights(y)
        mean = jnp.asarray(omega @ x / omega.sum())
        for given, weights in (("alike", np.ones(k)), ("by shares", class_weights(one, shares))):
            by = jnp.asarray(weights)
            w, b = _model(fitted)
            moved = affine_mean(w, b, y_one, mean, by) - mean
            reg_s = 0.5 * max_reg(affine_recovery_matrix(w, y_one, None, by))
            points = np.asarray(affine_set(w, b, y_one, mean, None, reg_s, "+", by))
            again = RidgeClassifier(alpha=reg_s).fit(points, one, weights)
            rows.append(
                {
                    "original": name,
                    "the few count": given,
                    "mean moved": float(jnp.linalg.norm(moved) / jnp.linalg.norm(mean)),
                    "error of coef_": relative_error(again.coef_, w),
                }
            )
    return rows


def values_unbalanced(rows: Sequence[Row]) -> dict[str, tuple[Any, str]]:
    """What the prose says of `unbalanced`, with formats."""
    plain, shares = rows[0], rows[1]
    return {
        "moved_plain_alike": (plain["mean moved"], "{:.2g}"),
        "moved_plain_shares": (shares["mean moved"], "{:.0e}"),
        "unequal_error": (max(row["error of coef_"] for row in rows), "{:.0e}"),
    }


def _model(classifier) -> Affine:
    return Affine(jnp.asarray(classifier.coef_), jnp.asarray(classifier.intercept_))
