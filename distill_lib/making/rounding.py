"""A set in a few bits: what rounding costs it, and a set that it costs less."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from distill_lib.images.quantisation import Stored, quantise, restore
from distill_lib.making.exchange import difference
from distill_lib.sets.distilled_set import DistilledSet
from distill_lib.theory.intercept import centred
from distill_lib.theory.intercept_nearest import affine_solved_labels, row_basis
from distill_lib.theory.labels_only import solved_labels
from distill_lib.theory.nearest import robust_set

PENALTIES = tuple(10.0**e for e in range(-4, 3))  # of the features' mean square, to choose from


class Rounded(NamedTuple):
    """A set whose rows are integers.

    Attributes:
        small: the set of the rows as they are stored, whose provenance has the bits and the cost.
        rows: the integers, with the scale and the offset that make numbers of them.
        error: the relative distance of its model from that of the set before.
    """

    small: DistilledSet
    rows: Stored
    error: float


def rounded(small: DistilledSet, bits: int, robust: bool = False) -> Rounded:
    """A set with its rows rounded to so many bits, between its least and its largest number.

    Labels are kept, or solved again for the rows as stored if that is nearer to the model.

    Args:
        small: the set.
        bits: 1 to 32.
        robust: move the points first, so that rounding changes the model less (`robust_set`), by
            the penalty of `PENALTIES` that serves best; labels are of their own then.
    Raises: ValueError for bits out of range, or points that no robust set is near.

    Example:
        >>> from distill_lib.making import Recipe, make, open_source, rounded
        >>> small = make(open_source("digits"), Recipe(lam=(10.0,), points=40))
        >>> rounded(small, 8, robust=True).error < rounded(small, 8).error < 0.5
        True
    """
    if not robust:
        return _stored(small, small, bits, own=False)
    made = [_stored(small, one, bits, own=True) for one in _robust(small)]
    if not made:
        raise ValueError(
            "no robust set near these points lies in the range of their feature map; take more "
            "bits."
        )
    return min(made, key=lambda one: one.error)


def robust_offer(small: DistilledSet, bits: int) -> str:
    """What the robust set would cost in so many bits, in a sentence."""
    try:
        return f"the robust set would have {rounded(small, bits, robust=True).error:.2g}"
    except ValueError as error:
        return str(error)


def _stored(before: DistilledSet, small: DistilledSet, bits: int, own: bool) -> Rounded:
    """The rounded set, with labels as they are (unless they are of its own) or solved again."""
    rows = quantise(np.asarray(small.images()), bits)
    points = small.normalisation(restore(rows))
    tried = [_with(small, points, _solved(before, points), "numbers of their own")]
    if not own:
        tried.append(_with(small, points, small.labels, small.label_convention))
    errors = [difference(before, one) for one in tried]
    best = int(np.argmin(errors))
    record = {"bits": bits, "robust": own, "error": errors[best]}
    chosen = tried[best]
    provenance = before.provenance | {"rounding": record}
    kept = _with(chosen, points, chosen.labels, chosen.label_convention, provenance)
    return Rounded(kept, rows, errors[best])


def _solved(before: DistilledSet, points):
    """The labels with which points come nearest to a set's model."""
    model = before.model()
    features = model.feature_map(points)
    if model.intercept is None:
        return solved_labels(model.weights, features, before.reg_s)
    return affine_solved_labels(model.weights, model.intercept, features, before.reg_s)


def _robust(small: DistilledSet):
    """Robust sets near the points of a set, one a penalty, where phi's range has them."""
    model = small.model()
    phi, real = model.feature_map, model.feature_map(small.points)
    rows = row_basis(model.weights).basis
    x = centred(real)
    m = len(real)
    # Coordinates of the differences, as `nearest_affine_set` has them.
    n = np.linalg.qr(np.column_stack([np.ones(m), np.eye(m)[:, 1:]]))[0][:, 1:]
    size = float(jnp.mean(jnp.sum(real**2, axis=1)))
    for penalty in PENALTIES:
        try:
            if small.intercept:
                near = robust_set(rows, jnp.asarray(n.T) @ x.rows, penalty * size)
                features = x._replace(rows=jnp.asarray(n) @ near.features).around(x.mean)
            else:
                features = robust_set(rows, real, penalty * size).features
        except ValueError:  # the outputs on these points are dependent at this penalty
            continue
        if phi.range_scale(features) == 1:
            yield _with(small, phi.inverse(features, near=small.points), small.labels, "moved")


def _with(small, points, labels, convention, provenance=None) -> DistilledSet:
    return DistilledSet(
        points,
        jnp.asarray(labels),
        small.reg_s,
        small.feature_map,
        small.normalisation,
        convention,
        small.construction,
        small.provenance if provenance is None else provenance,
        intercept=small.intercept,
    )


def same_answers(one: DistilledSet, other: DistilledSet, batches) -> float:
    """The share of rows about which the models of two sets answer with the same class.

    Args:
        batches: pairs of rows and labels, as `Source.begin` gives.
    """
    first, second, same, seen = one.model(), other.model(), 0, 0
    for rows, _ in batches:
        same += int(np.sum(first.predict(rows) == second.predict(rows)))
        seen += len(rows)
    return same / seen
