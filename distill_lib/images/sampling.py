"""Random samples, as many of each class as of any other."""

import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.images.whitening import Preprocessing


@door()
def balanced_sample(
    key: PRNGKeyArray, labels: Int[ArrayLike, " n"], m: int, classes: int
) -> np.ndarray:
    """Indices of m random samples, as many of each class as of any other, in rounds 0, 1, ..., k-1,
    0, 1, ...

    When k does not divide m, the last round stops early.

    Raises: ValueError if m < 1, a class is empty, or a class has too few samples.
    """
    values = np.asarray(labels)
    checks.labels("labels", values, classes)
    rounds, fewest = -(-m // classes), int(np.min(np.bincount(values, minlength=classes)))
    if not 1 <= rounds <= fewest:
        raise ValueError(
            f"{m} class-balanced samples of {classes} classes were asked for, but the smallest "
            f"class has {fewest}; "
            f"choose 1..{fewest * classes}."
        )
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    chosen = [
        rng.choice(np.flatnonzero(values == c), rounds, replace=False) for c in range(classes)
    ]
    return np.stack(chosen, axis=1).reshape(-1)[:m]


def balanced_points(
    key: PRNGKeyArray,
    images,
    labels: Int[ArrayLike, " n"],
    m: int,
    classes: int,
    normalisation: Preprocessing,
) -> tuple[Float[Array, "m d"], np.ndarray]:
    """Network inputs of m random images, as many of each class as of any other, and which images
    they are.

    Of a file only those images are read. Raises: ValueError as `balanced_sample`, or for images
    that do not fit.
    """
    images = normalisation.opened(images)
    checks.labels("the pool's labels", labels, classes, count=len(images))
    index = balanced_sample(key, labels, m, classes)
    order = np.argsort(index)  # files are read in ascending order
    chosen = np.asarray(images[index[order]])[np.argsort(order)]
    normalisation.check(chosen)
    return normalisation(chosen), index
