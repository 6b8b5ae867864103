"""The scores of DD-Ranking (Li et al. 2025), of accuracies: fractions between 0 and 1.

Four trainings of one judge enter: on all images with their classes, on the set with hard labels, on
the set as its method wants it, and on as many random images as the set wants it.
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from distill_lib.boundary.door import door


@door()
def hard_labels(labels: Float[Array, "m k"]) -> Float[Array, "m k"]:
    """The one-hot rows of the largest label of each point, the first of equals.

    Example:
        >>> from distill_lib.metrics import hard_labels
        >>> hard_labels([[0.2, 0.9], [1.4, -0.3]]).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    labels = jnp.asarray(labels)
    return jnp.eye(labels.shape[1], dtype=labels.dtype)[jnp.argmax(labels, axis=1)]


def hard_label_recovery(real: float, hard: float) -> float:
    """What a set loses: accuracy trained on all images minus that on the set with hard labels.

    In [-1, 1], less is better; an exact set with one-hot labels has 0 in its own trainer.

    Raises: ValueError for what is no accuracy.

    Example:
        >>> from distill_lib.metrics import hard_label_recovery
        >>> hard_label_recovery(real=0.75, hard=0.5)
        0.25
    """
    return _accuracy("real", real) - _accuracy("hard", hard)


def improvement_over_random(own: float, random: float) -> float:
    """What a set gains: accuracy trained on it minus that on random images, labelled alike.

    In [-1, 1], more is better.

    Raises: ValueError for what is no accuracy.

    Example:
        >>> from distill_lib.metrics import improvement_over_random
        >>> improvement_over_random(own=0.75, random=0.5)
        0.25
    """
    return _accuracy("own", own) - _accuracy("random", random)


def label_robust_score(recovery: float, improvement: float, weight: float = 0.5) -> float:
    """Both in one number: (e^a - e^-1) / (e - e^-1), a = w improvement - (1 - w) recovery.

    In [0, 1], more is better. What neither loses nor gains has 1 / (1 + e).

    Args:
        recovery, improvement: from the two functions above.
        weight: w in [0, 1]; 1/2 in the ranking.
    Raises: ValueError for a number out of range.

    Example:
        >>> from distill_lib.metrics import label_robust_score
        >>> [round(label_robust_score(r, i), 3) for r, i in ((1, -1), (0, 0), (-1, 1))]
        [0.0, 0.269, 1.0]
    """
    for name, value in (("recovery", recovery), ("improvement", improvement)):
        if not -1 <= value <= 1:
            raise ValueError(f"{name} = {value} is no difference of accuracies; it is in [-1, 1].")
    if not 0 <= weight <= 1:
        raise ValueError(f"weight = {weight} must be between 0 and 1.")
    combined = weight * improvement - (1 - weight) * recovery
    return (math.exp(combined) - math.exp(-1)) / (math.e - math.exp(-1))


def _accuracy(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} = {value} is no accuracy; it must be a fraction in [0, 1].")
    return float(value)
