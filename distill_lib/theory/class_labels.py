"""What a classifier makes of class labels: targets, and weights of the classes."""

import numpy as np
from jaxtyping import ArrayLike, Float, Int

from distill_lib.boundary import checks
from distill_lib.boundary.door import door


@door()
def codes(labels: Int[ArrayLike, " m"], classes: int) -> Float[np.ndarray, "m k"]:
    """The targets that scikit-learn's classifiers make of class labels: +1 and -1.

    One column a class, +1 for it and -1 for the others; of two classes one column, +1 for the
    second.

    Raises: ValueError for labels out of range, or fewer than two classes.

    Example:
        >>> from distill_lib.theory.class_labels import codes
        >>> codes([0, 2], 3).tolist(), codes([0, 1], 2).tolist()
        ([[1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]], [[-1.0], [1.0]])
    """
    checks.labels("labels", labels, classes, every=False)
    if classes < 2:
        raise ValueError(f"classes = {classes}; a classifier needs at least two.")
    signs = 2 * np.eye(classes)[np.asarray(labels)] - 1
    return signs if classes > 2 else signs[:, 1:]


@door()
def class_weights(
    labels: Int[ArrayLike, " m"], shares: Float[ArrayLike, " c"] | None = None
) -> Float[np.ndarray, " m"]:
    """Sample weights that give every class its share, adding up to m.

    With the shares of the training set the labels have the mean of the training labels, and the
    points that of the training points. Equal shares are scikit-learn's class_weight="balanced".

    Args:
        labels: (m,) class indices, of every class at least one.
        shares: (c,) in the order of the classes, in any unit; None for equal ones.
    Raises: ValueError for an empty class or a share that is not above 0.

    Example:
        >>> from distill_lib.theory.class_labels import class_weights
        >>> class_weights([0, 0, 1], [1, 1]).tolist()
        [0.75, 0.75, 1.5]
    """
    truth = checks.indices("labels", labels)
    wanted = np.ones(truth.max(initial=0) + 1) if shares is None else np.asarray(shares, float)
    checks.labels("labels", truth, len(wanted))
    if not (wanted > 0).all():
        raise ValueError("a class's share is not above 0; leave that class out.")
    return (len(truth) * wanted / wanted.sum() / np.bincount(truth, minlength=len(wanted)))[truth]
