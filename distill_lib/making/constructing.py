"""From a model to a set: which theorem makes it, for which trainer."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from distill_lib.algorithm import distill
from distill_lib.features import FeatureMap, Linear
from distill_lib.images.normalisation import Normalisation
from distill_lib.linalg.pseudoinverse import rank
from distill_lib.making.recipe import Recipe
from distill_lib.ridge import RidgeModel
from distill_lib.sets.distilled_set import DistilledSet
from distill_lib.sets.points import Model, Points, Wish, with_class_labels, with_targets
from distill_lib.theory.closed_form import recovery_error
from distill_lib.theory.intercept_nearest import affine_solved_labels

_PLAIN, _OWN = "+1 and -1", "numbers of their own"


class Original(NamedTuple):
    """The model to be carried, as it was trained.

    Attributes:
        weights: (k, p) W, for one-hot or numeric targets.
        intercept: (k,) b, or None.
        mean, spread: of the features: their mean (p,) and mean squared distance from it.
        phi: the feature map; None for the inputs themselves.
        norm: from rows to inputs.
        lam: the ridge parameter.
        classes: their names; none for numbers to predict.
        shares: (k,) rows of each class.
    """

    weights: Float[np.ndarray, "k p"]
    intercept: Float[np.ndarray, " k"] | None
    mean: Float[np.ndarray, " p"]
    spread: float
    phi: FeatureMap | None
    norm: Normalisation
    lam: float
    classes: tuple[str, ...]
    shares: Int[np.ndarray, " k"]

    @property
    def map(self) -> FeatureMap:
        """The feature map, which of inputs themselves is linear."""
        return Linear(self.norm.dim) if self.phi is None else self.phi

    def model(self) -> RidgeModel:
        """The model as one that answers about rows."""
        w = self.map.onto_span(jnp.asarray(self.weights))
        b = None if self.intercept is None else jnp.asarray(self.intercept)
        return RidgeModel(w, self.map, self.norm, self.lam, (self.lam,), (), b)


def construct(original: Original, recipe: Recipe, start: str, pool) -> DistilledSet:
    """The set that a recipe asks for.

    Args:
        original: the model.
        recipe, start: how, the start being one of those that there are.
        pool: rows (m, h, w, c) to start from with their class indices, or None.
    Raises: ValueError as the constructions do.
    """
    model, k = original.model(), len(original.classes)
    if k and not recipe.intercept and rank(model.weights) == k:
        key, m = jax.random.key(recipe.seed), recipe.points or k
        return distill(model, m, key=key, start=start, pool=pool, reg_s=recipe.lam_s)  # type: ignore[arg-type]
    if start == "labels":
        raise ValueError(
            f"the model has rank {rank(model.weights)} for {k} classes, and start 'labels' needs "
            "independent ones; take start 'nearest'."
        )
    real = None if pool is None else model.feature_map(jnp.asarray(original.norm(pool[0])))
    wish = Wish(recipe.points, recipe.lam_s, real, None)
    if start == "noise":
        wish = wish._replace(z=np.random.RandomState(recipe.seed))
    if k and start != "nearest":
        return (_with_plain_labels if recipe.intercept else _of_lower_rank)(original, wish)
    w, b = jnp.asarray(original.weights), original.intercept
    if k and b is not None:  # W of rank k - 1, up to rounding, for labels +1 and -1
        w, b = 2 * (w - w.mean(axis=0, keepdims=True)), 2 * np.asarray(b) - 1
    made = with_targets(_carried(original, w, b), wish)
    name = "nearest set" if real is not None else "set about the mean"
    name += ", with an intercept" if recipe.intercept else ""
    return _set(original, made, jnp.asarray(made.labels), name, _OWN)


def _of_lower_rank(original: Original, wish: Wish) -> DistilledSet:
    """A set with one-hot labels for dependent outputs, whose labels span more than W needs.

    Columns with their means taken out make such: the outputs of all classes add up to nothing.
    """
    k = len(original.classes)
    model, labels = _carried(original, original.weights, None), np.arange(wish.points or k) % k
    targets = np.eye(k)[labels]
    made = _at_most(model, labels, original, wish, targets)
    name = "Theorem 4.1/5.1, W of lower rank"
    return _set(original, made, jnp.asarray(targets), name, "one-hot")


def _at_most(model: Model, labels, original: Original, wish: Wish, targets=None) -> Points:
    """A set with class labels for the wished lam_S, or for its bound where that is lower."""
    k = len(original.classes)
    if wish.real is not None:
        wish = wish._replace(real=wish.real[: len(labels)])
    try:
        return with_class_labels(model, labels, k, original.shares, wish, targets)
    except ValueError:
        free = wish._replace(alpha=None)  # 1, or the bound where that is lower
        made = with_class_labels(model, labels, k, original.shares, free, targets)
        if made.alpha > (wish.alpha or 0):
            raise
        return made


def _with_plain_labels(original: Original, wish: Wish) -> DistilledSet:
    """A set with class labels, as scikit-learn's classifiers take them: +1 and -1."""
    k = len(original.classes)
    w = 2 * jnp.asarray(original.weights)
    w, b = w - w.mean(axis=0, keepdims=True), 2 * jnp.asarray(original.intercept) - 1
    if k == 2:  # one column, of the second class
        w, b = w[1:], b[1:]
    model = _carried(original, w, b)
    labels = np.arange(wish.points or k) % k
    made = _at_most(model, labels, original, wish)
    if made.sample_weight is None:
        signs = 2 * jnp.eye(k)[labels] - 1
        return _set(original, made, signs, "theorem with an intercept, class labels", _PLAIN)
    # No mean of these labels carries b: labels of their own do, and need no weights.
    features = original.map(jnp.asarray(made.points))
    own = affine_solved_labels(w, b, features, made.alpha)
    own = jnp.concatenate([-own, own], axis=1) if k == 2 else own
    return _set(original, made, own, "set with an intercept, labels of its own", _OWN)


def _carried(original: Original, w, b) -> Model:
    mean, b = jnp.asarray(original.mean), None if b is None else jnp.asarray(b)
    return Model(jnp.asarray(w), b, mean, original.spread, original.phi)


def _set(original: Original, made, labels, construction: str, convention: str) -> DistilledSet:
    """The set of points, with how exactly it carries the model as it trains to it."""
    small = DistilledSet(
        jnp.asarray(made.points),
        labels,
        float(made.alpha),
        original.map,
        original.norm,
        convention,
        construction,
        {},
        intercept=original.intercept is not None,
    )
    wished, found = original.model(), small.model()
    signs = 2.0 if original.classes else 1.0
    record: dict[str, Any] = {"recovery_error": _error(wished, found, signs), "reg": original.lam}
    return DistilledSet(
        small.points,
        small.labels,
        small.reg_s,
        small.feature_map,
        small.normalisation,
        convention,
        construction,
        record,
        intercept=small.intercept,
    )


def _error(wished: RidgeModel, found: RidgeModel, signs: float) -> float:
    """The relative error of W and b together; +1 and -1 are twice one-hot labels, less one."""
    if wished.intercept is None or found.intercept is None:
        return recovery_error(wished.weights, found.weights)
    b = signs * wished.intercept - (signs - 1)
    both = jnp.column_stack([signs * wished.weights, b])
    return recovery_error(both, jnp.column_stack([found.weights, found.intercept]))
