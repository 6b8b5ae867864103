"""An audit from outside: what attacks prove about a mechanism, with what confidence."""

from typing import NamedTuple

import numpy as np
import scipy  # loads its parts when they are first used
from jaxtyping import ArrayLike, Float, Int

from distill_lib.boundary.door import door


class Audit(NamedTuple):
    """The outcome of an audit: a lower bound on epsilon, and what it rests on.

    Attributes:
        epsilon: lower bound; the mechanism is (epsilon', delta)-private for no smaller epsilon',
            unless chance misled the audit.
        threshold: scores above it were taken for the second data set.
        false_positives, false_negatives: errors among `trials` releases of the first and of the
            second data set each.
    """

    epsilon: float
    threshold: float
    false_positives: int
    false_negatives: int
    trials: int


@door(infinite=True)
def epsilon_lower(
    false_positives: Int[ArrayLike, "..."],
    false_negatives: Int[ArrayLike, "..."],
    trials: int,
    delta: float,
    confidence: float = 0.95,
) -> Float[np.ndarray, "..."]:
    """A lower confidence bound on epsilon from the errors of one fixed test.

    Both kinds of errors are counted in `trials` releases of each data set. Every test of an
    (epsilon, delta)-private mechanism has FNR >= 1 - delta - e^epsilon FPR and the same exchanged.
    Both rates are replaced by upper Clopper-Pearson limits, each at 1 - (1 - confidence) / 2, so
    that they hold together with `confidence`.

    Example:
        >>> from distill_lib.privacy import epsilon_lower
        >>> round(float(epsilon_lower(0, 0, 1000, 1e-5)), 2)  # no error in 1000 trials of each
        5.6
    """
    level = 1 - (1 - confidence) / 2
    fpr, fnr = (
        _upper_limit(np.asarray(e), trials, level) for e in (false_positives, false_negatives)
    )
    tiny = np.finfo(float).tiny
    powers = [np.log(np.maximum(1 - delta - b, tiny) / a) for a, b in ((fpr, fnr), (fnr, fpr))]
    return np.maximum(np.maximum(*powers), 0)


@door()
def audit(
    absent: Float[ArrayLike, " t"],
    present: Float[ArrayLike, " t"],
    delta: float,
    confidence: float = 0.95,
) -> Audit:
    """A lower bound on epsilon from an attack's scores on two neighbouring data sets.

    There is one score for each release. The first half of the scores chooses the threshold, the
    second half measures its errors, so the test is fixed before it counts.

    Args:
        absent, present: scores on releases of the two data sets, higher for the second one.
    Raises: ValueError unless both hold the same number of scores, at least 4, all finite.

    Example:
        >>> from distill_lib.privacy import audit
        >>> found = audit(np.zeros(1000), np.ones(1000), delta=1e-5)  # told apart every time
        >>> found.false_positives, found.false_negatives, round(found.epsilon, 2)
        (0, 0, 4.91)
    """
    low, high = (np.asarray(a, np.float64) for a in (absent, present))
    if len(low) < 4:
        raise ValueError(f"an audit needs at least 4 scores of each data set, not {len(low)}.")
    half = len(low) // 2
    tails = np.geomspace(1 / half, 0.5, 200)
    pooled = np.concatenate([low[:half], high[:half]])
    # Between the scores, never on one.
    candidates = np.quantile(pooled, np.concatenate([tails, 1 - tails]), method="midpoint")
    errors = _errors(low[:half], high[:half], candidates)
    threshold = candidates[np.argmax(epsilon_lower(*errors, half, delta, confidence))]
    fp, fn = _errors(low[half:], high[half:], threshold)
    bound = epsilon_lower(fp, fn, len(low) - half, delta, confidence)
    return Audit(float(bound), float(threshold), int(fp), int(fn), len(low) - half)


@door()
def roc_area(
    outside: Float[ArrayLike, " n"], inside: Float[ArrayLike, " m"]
) -> tuple[float, float]:
    """The area under an attack's ROC curve, and its standard error.

    The area is the share of pairs in which the score from inside is the larger one, with 1/2 for
    equal ones: 1/2 for scores that say nothing. The standard error is DeLong, DeLong and
    Clarke-Pearson's (Biometrics 44, 1988): with v_i the share of outside scores below the i-th
    inside one, and w_j that of inside scores above the j-th outside one, it is sqrt(var(v) / m +
    var(w) / n). It is zero, and says nothing, where the two kinds of scores do not overlap.

    Args:
        outside, inside: independent scores of non-members and of members, higher for those taken
            for members; at least 2 of each.
    Returns: the area and its standard error, both in [0, 1].
    Raises: ValueError for fewer scores, or scores that are not finite.

    Example:
        >>> from distill_lib.privacy import roc_area
        >>> area, error = roc_area([0, 1, 2], [1, 2, 3])
        >>> round(area, 3), round(error, 3)
        (0.778, 0.208)
    """
    low, high = (np.asarray(a, np.float64) for a in (outside, inside))
    if min(len(low), len(high)) < 2:
        raise ValueError(
            f"an area under the ROC curve needs at least 2 scores of each kind, not {len(high)} "
            f"and {len(low)}."
        )
    v, w = _share_below(low, high), 1 - _share_below(high, low)
    return float(v.mean()), float(np.sqrt(v.var(ddof=1) / len(v) + w.var(ddof=1) / len(w)))


@door()
def correlations(
    released: Float[ArrayLike, " d"], candidates: Float[ArrayLike, "n d"]
) -> Float[np.ndarray, " n"]:
    """Pearson correlation of a released vector with each candidate for what it was made from.

    0 with a constant one.

    Raises: ValueError for shapes that do not fit, or entries that are not finite.

    Example:
        >>> from distill_lib.privacy import correlations
        >>> found = correlations([1, 2, 3], [[2, 4, 6], [3, 2, 1], [5, 5, 5]])
        >>> np.allclose(found, [1, -1, 0])
        True
    """
    a, b = np.asarray(released), np.asarray(candidates)
    a, b = a - a.mean(), b - b.mean(1, keepdims=True)
    size = np.linalg.norm(a) * np.linalg.norm(b, axis=1)
    # A constant is known by its range: its mean may be rounded and leave a residue.
    varies = (np.ptp(released) > 0) & (np.ptp(candidates, axis=1) > 0)
    return np.divide(
        b @ a, size, out=np.zeros(len(b), np.result_type(a, b)), where=varies & (size > 0)
    )


def _share_below(scores, of) -> np.ndarray:
    # With 1/2 for equal ones.
    """The share of scores below each of others, with 1/2 for equal ones."""
    scores = np.sort(scores)
    return (np.searchsorted(scores, of, "left") + np.searchsorted(scores, of, "right")) / (
        2 * len(scores)
    )


def _errors(low, high, threshold) -> tuple[np.ndarray, np.ndarray]:
    """False positives and false negatives at each threshold."""
    low, high = np.sort(low), np.sort(high)
    return len(low) - np.searchsorted(low, threshold, "right"), np.searchsorted(
        high, threshold, "right"
    )


def _upper_limit(errors, trials, level):
    # The Clopper-Pearson upper limit is the `level` quantile of Beta(errors + 1, trials - errors),
    # and 1 if all failed.
    """The upper Clopper-Pearson limit of a rate of errors."""
    inside = scipy.special.betaincinv(errors + 1, np.maximum(trials - errors, 1), level)
    return np.where(errors < trials, inside, 1.0)
