"""From statistics of parts to a validated model, without an image.

What is judged is the squared error, the one measure that statistics hold: how many samples are
classified rightly is no function of them.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.features import FeatureMap
from distill_lib.images.whitening import Preprocessing
from distill_lib.linalg.pseudoinverse import negligible
from distill_lib.ridge.model import GRID, RidgeModel
from distill_lib.ridge.path import RidgePath
from distill_lib.ridge.statistics import RidgeStats

Judged = Literal["parts", "generalised"]


def by_parts(parts: Sequence[RidgeStats], regs: Sequence[float]) -> Float[np.ndarray, " r"]:
    """The mean squared error for each reg, each part judged by the model of all others.

    That is cross-validation with the parts as folds, exact, from their statistics alone: for each
    part one eigendecomposition, O(p^3), and O(k p^2) for each reg.

    Args:
        parts: the statistics of disjoint parts, of one feature map.
        regs: ridge parameters.
    Returns: ||W(reg) phi(X) - Y||_F^2 / n, summed over the parts.
    Raises: ValueError for fewer than two parts, parts of different models, or an empty one.

    Example:
        >>> from distill_lib.ridge import by_parts
        >>> x, y = np.ones((4, 1)), np.array([[1.0], [1.0], [3.0], [3.0]])
        >>> parts = [dl.RidgeStats.of(x[:2], y[:2]), dl.RidgeStats.of(x[2:], y[2:])]
        >>> by_parts(parts, [0.0]).tolist()
        [4.0]
    """
    if len(parts) < 2:
        raise ValueError(
            f"{len(parts)} part has no other to be judged by; keep the statistics of several parts "
            "apart, or take validation='generalised'."
        )
    if empty := [i for i, part in enumerate(parts) if not int(part.count)]:
        raise ValueError(f"part {empty[0]} holds no sample; leave it out.")
    errors = np.zeros(len(regs))
    for i, part in enumerate(parts):
        first, *rest = (other for j, other in enumerate(parts) if j != i)
        path = RidgePath.of(sum(rest, first))
        errors += [float(part.loss(path.weights(reg))) for reg in regs]
    return np.maximum(errors, 0) / sum(int(part.count) for part in parts)


def generalised(
    stats: RidgeStats, regs: Sequence[float], path: RidgePath | None = None
) -> Float[np.ndarray, " r"]:
    """Generalised cross-validation for each reg (Golub, Heath & Wahba 1979).

    (||W phi(X) - Y||_F^2 / n) / (1 - t / n)^2, with t the sum of e / (e + reg) over the eigenvalues
    e of G. It is the leave-one-out error that the data would have if all samples had the same
    leverage. Infinite where the model goes through all samples, t = n up to rounding: nothing is
    left to judge it by.

    Args:
        stats: the statistics of all samples.
        regs: ridge parameters.
        path: their decomposition, if it is at hand.

    Example:
        >>> from distill_lib.ridge import generalised
        >>> stats = dl.RidgeStats.of(np.ones((4, 1)), np.array([[1.0], [1.0], [3.0], [3.0]]))
        >>> [round(float(error), 6) for error in generalised(stats, [0.0])]
        [1.777778]
    """
    path, n = path or RidgePath.of(stats), max(int(stats.count), 1)
    least = max(1e-9, negligible((max(n, len(path.values)),) * 2, path.values.dtype))
    errors = []
    for reg in regs:
        rest = 1 - float(np.sum(np.asarray(path.values) * path.filter(float(reg)))) / n
        loss = max(float(stats.loss(path.weights(reg))), 0)
        errors.append(loss / n / rest**2 if rest > least else math.inf)
    return np.array(errors)


def fit_statistics(
    parts: Sequence[RidgeStats],
    feature_map: FeatureMap,
    normalisation: Preprocessing,
    *,
    regs: Sequence[float] = GRID,
    validation: Judged = "parts",
) -> RidgeModel:
    """Train the ridge model of all parts together, lam chosen by squared error, without an image.

    W is that of `fit` on all images at the same lam, up to rounding.

    Args:
        parts: the statistics of disjoint parts; one will do with one reg, or if "generalised".
        feature_map, normalisation: what their features were made with.
        regs: candidate lam; one value skips the choice. Of equals the largest is taken.
        validation: "parts", each part judged by the model of all others; "generalised", from the
            sum alone.
    Returns: the model. Its `validation` is empty, since no accuracy is known; `by_parts` and
        `generalised` give the errors.
    Raises: ValueError for no part, parts that do not fit the map, an unknown validation, or as
        `by_parts`; by "generalised" also for a reg at which the model goes through all samples.

    Example:
        >>> x, norm = np.arange(8.0).reshape(8, 1, 1, 1) % 3, dl.Normalisation((1, 1, 1), 2, 0.5, 1)
        >>> y, one = np.arange(8) % 3 // 2, dl.Linear(1)
        >>> halves = [slice(0, 4), slice(4, 8)]
        >>> parts = [dl.RidgeStats.of_images(x[h], y[h], 2, one, norm) for h in halves]
        >>> dl.fit_statistics(parts, one, norm, regs=(0.1, 1.0)).reg
        0.1
    """
    if not parts:
        raise ValueError("no part was given, so there is nothing to train on.")
    if validation not in get_args(Judged):
        raise ValueError(f"validation is '{validation}'; it must be one of parts, generalised.")
    if (p := parts[0].gram.shape[0]) != feature_map.dim_out:
        raise ValueError(
            f"the statistics are of {p} features, but the feature map has {feature_map.dim_out}."
        )
    for reg in regs:
        checks.reg("reg", reg)
    if not len(regs):
        raise ValueError("the grid of ridge parameters is empty; give at least one value.")
    total, best = sum(parts[1:], parts[0]), float(regs[0])
    if len(regs) > 1:
        errors = by_parts(parts, regs) if validation == "parts" else generalised(total, regs)
        if len(through := np.asarray(regs)[np.isinf(errors)]):
            raise ValueError(
                f"at reg = {through[0]:g} the model goes through all {int(total.count)} samples, "
                "so nothing is left to judge it by; leave such small values out of regs."
            )
        best = -min(zip(errors.tolist(), (-float(reg) for reg in regs), strict=True))[1]
    weights = feature_map.onto_span(RidgePath.of(total).weights(best))
    return RidgeModel(weights, feature_map, normalisation, best, tuple(map(float, regs)), ())


@door()
def least_accuracy(held_out: RidgeStats, weights: Float[Array, "k p"]) -> float:
    """A bound from below of the accuracy on held-out samples, from their statistics.

    A sample with a one-hot label that is classified wrongly has a squared error of at least 1/2, so
    the fraction of wrong ones is at most twice the mean squared error. Statistics hold no more than
    a bound.

    Args:
        held_out: statistics of samples with one-hot labels, which W was not trained on.
        weights: (k, p) W.

    Example:
        >>> from distill_lib.ridge import least_accuracy
        >>> least_accuracy(dl.RidgeStats.of(np.eye(2), np.eye(2)), np.eye(2))
        1.0
    """
    mean = float(held_out.loss(jnp.asarray(weights))) / int(held_out.count)
    return min(1.0, max(0.0, 1 - 2 * mean))
