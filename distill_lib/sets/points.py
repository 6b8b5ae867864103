"""A few points that train to a given model: with class labels, or with targets of their own."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from distill_lib.features import FeatureMap
from distill_lib.linalg.pseudoinverse import svd
from distill_lib.theory import closed_form, nearest
from distill_lib.theory.class_labels import class_weights, codes
from distill_lib.theory.intercept import (
    affine_mean,
    affine_model,
    affine_recovery_matrix,
    affine_set,
    centred,
    copies,
)
from distill_lib.theory.intercept_nearest import (
    affine_solved_labels,
    nearest_affine_set,
    row_basis,
)
from distill_lib.theory.labels_only import solved_labels

HALVINGS = 200  # of a set's extent, until it lies in the range of a feature map


class Model(NamedTuple):
    """What is to be carried.

    Attributes:
        weights: (k, p) W.
        intercept: (k,) b; None for a trainer without.
        mean: (p,) the features' mean, about which the points lie.
        spread: the features' mean squared distance from it.
        feature_map: phi; None for features that are the points.
    """

    weights: Float[Array, "k p"]
    intercept: Float[Array, " k"] | None
    mean: Float[Array, " p"]
    spread: float
    feature_map: FeatureMap | None


class Wish(NamedTuple):
    """What the points are to be.

    Attributes:
        points: how many; None for as few as alpha allows.
        alpha: lam_S; None for 1, or its bound where that is lower.
        real: (m, p) features of real samples to begin at, or None.
        z: a generator of random numbers for the free matrix Z, or None.
    """

    points: int | None
    alpha: float | None
    real: Float[Array, "m p"] | None = None
    z: np.random.RandomState | None = None


class Points(NamedTuple):
    """A distilled set.

    Attributes:
        points: (m, d) in the space of the inputs.
        labels: (m,) class indices, or (m, k) targets.
        alpha: lam_S to train with.
        sample_weight: (m,), or None where all points count alike.
        error: relative error of (W, b) after training on the points.
    """

    points: Float[np.ndarray, "m d"]
    labels: Any
    alpha: float
    sample_weight: Float[np.ndarray, " m"] | None
    error: float


def labels_for(classes: int, wish: Wish, model: Model) -> Int[np.ndarray, " m"]:
    """The class labels 0, 1, ..., k-1, 0, ... of a set of the wished size.

    Raises: ValueError for fewer points than classes.
    """
    count = wish.points
    if count is None:
        one = jnp.asarray(codes(np.arange(classes), classes))
        times = 1
        if wish.alpha is not None and model.intercept is not None:
            times = copies(model.weights, one, wish.alpha)
        elif wish.alpha is not None:
            bound = closed_form.max_reg(closed_form.recovery_matrix(model.weights, one))
            times = max(1, int(np.ceil(wish.alpha / bound * (1 - 1e-12))))
        count = times * classes
    if count < classes:
        raise ValueError(
            f"n_points = {count} is below the number of classes, {classes}: each needs a point."
        )
    return np.arange(count) % classes


def with_class_labels(
    model: Model, labels, classes: int, shares, wish: Wish, targets=None
) -> Points:
    """Points with plain class labels (`theory.intercept`; Theorem 4.1 without an intercept).

    Args:
        labels: (m,) class indices, from `labels_for`.
        shares: the classes' shares of the training weight, for the points' weights where no mean
            carries b without.
        targets: (m, k) what the trainer makes of the labels; None for scikit-learn's +1 and -1.
    Raises: ValueError if alpha is above its bound.
    """
    y = jnp.asarray(codes(labels, classes) if targets is None else targets)
    w, b = model.weights, model.intercept
    omega = None
    if b is not None:
        try:
            affine_mean(w, b, y, model.mean)
        except ValueError:
            omega = jnp.asarray(class_weights(labels, shares))

    def matrix(z):
        if b is None:
            return closed_form.recovery_matrix(w, y, z)
        return affine_recovery_matrix(w, y, z, omega)

    z = None
    if wish.real is not None:
        x = svd(wish.real) if b is None else centred(wish.real).svd()
        z = x.with_values(1 / x.s)
    elif wish.z is not None:
        size = 0.1 * float(np.std(np.asarray(matrix(None))))
        z = jnp.asarray(size * wish.z.standard_normal((len(labels), w.shape[1])))
    d = matrix(z)
    alpha = min(1.0, closed_form.max_reg(d)) if wish.alpha is None else wish.alpha

    def features(alpha, branch):
        if b is None:
            return closed_form.support_features(d, alpha, branch)
        return affine_set(w, b, y, model.mean, z, alpha, branch, omega)

    made, phi = features(alpha, "+"), model.feature_map
    for _ in range(HALVINGS):
        if phi is None or phi.range_scale(made) == 1 or alpha == 0:
            break
        # The small root s ~ alpha s' draws the points to their mean, as near as one likes.
        made, alpha = features(alpha / 2, "-"), alpha / 2
    return _points(model, made, labels, y, alpha, omega)


def with_targets(model: Model, wish: Wish) -> Points:
    """Points in the row space of W about the mean, or near real ones, with targets of their own.

    Raises: ValueError for fewer points than the rank of W asks for.
    """
    w, b = model.weights, model.intercept
    alpha = 1.0 if wish.alpha is None else wish.alpha
    centre = model.mean if b is not None else jnp.zeros_like(model.mean)
    if not np.any(np.asarray(w)):
        made = jnp.tile(centre, (wish.points or 1, 1))
    elif wish.real is not None and b is not None:
        made = nearest_affine_set(w, b, wish.real, alpha).features
    elif wish.real is not None:
        made = nearest.nearest_set(row_basis(w).basis, wish.real, alpha).features
    else:
        basis = row_basis(w).basis
        first = int(b is not None)
        least = len(basis) + first
        m = least if wish.points is None else wish.points
        if m < least:
            raise ValueError(
                f"n_points = {m} is too few: this model has rank {len(basis)} and "
                f"{'an' if first else 'no'} intercept, which takes {least}."
            )
        # Orthogonal columns, centred from the second on: the cosine transform.
        at = np.cos(np.pi * np.outer(np.arange(m) + 0.5, np.arange(first, first + len(basis))) / m)
        made = centre[None, :] + np.sqrt(model.spread or 1.0) * jnp.asarray(at) @ basis
    phi, middle = model.feature_map, made.mean(axis=0, keepdims=True)
    for _ in range(HALVINGS):
        if phi is None or phi.range_scale(made) == 1:
            break
        made = (middle if b is not None else 0) + (made - (middle if b is not None else 0)) / 2
    y = solved_labels(w, made, alpha) if b is None else affine_solved_labels(w, b, made, alpha)
    return _points(model, made, np.asarray(y), y, alpha, None)


def _points(model: Model, made, labels, y, alpha, omega) -> Points:
    """The points of the features, and what they train to through the map and back."""
    phi, w, b = model.feature_map, model.weights, model.intercept
    points = made if phi is None else phi.inverse(made)
    features = made if phi is None else phi(points)
    if b is None:
        found = jnp.ravel(closed_form.recovered_weights(features, y, alpha))
        wished = jnp.ravel(w)
    else:
        again = affine_model(features, y, alpha, omega)
        found = jnp.concatenate([jnp.ravel(again.weights), again.intercept])
        wished = jnp.concatenate([jnp.ravel(w), b])
    size = float(jnp.linalg.norm(wished)) or 1.0
    error = float(jnp.linalg.norm(found - wished)) / size
    weight = None if omega is None else np.asarray(omega)
    return Points(np.asarray(points), labels, float(alpha), weight, error)
