"""Random samples, as many of each class as of any other."""

import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.images.normalisation import picked
from distill_lib.images.whitening import Preprocessing


@door()
def balanced_sample(
    key: PRNGKeyArray, labels: Int[ArrayLike, " n"], m: int, classes: int
) -> np.ndarray:
    """Indices of m random samples, as many of each class as of any other.

    They come in rounds of the classes 0, 1, ..., k-1, 0, 1, ... When k does not divide m, the last
    round stops early.

    Args:
        key: JAX random key.
        labels: (n,) class indices.
        m: number of samples.
        classes: k.
    Raises: ValueError if m < 1, a class is empty, or a class has too few samples.

    Example:
        >>> labels = np.array([0, 0, 0, 1, 1])
        >>> labels[dl.balanced_sample(jax.random.key(0), labels, m=4, classes=2)].tolist()
        [0, 1, 0, 1]
    """
    values = checks.indices("labels", labels)
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
    """Network inputs of m random images, balanced over the classes, and which they are.

    As many of each class as of any other, as `balanced_sample` draws them. Of a file only those
    images are read.

    Raises: ValueError as `balanced_sample`, or for images that do not fit.

    Example:
        >>> from distill_lib.images import balanced_points
        >>> images, labels = np.arange(4.0).reshape(4, 1, 1, 1), np.array([0, 1, 0, 1])
        >>> norm = dl.Normalisation((1, 1, 1), pixel_max=3, mean=(0.0,), std=(1.0,))
        >>> points, index = balanced_points(jax.random.key(0), images, labels, 2, 2, norm)
        >>> np.allclose(points[:, 0], index / 3)
        True
    """
    images = normalisation.opened(images)
    checks.labels("the pool's labels", labels, classes, count=images.shape[0])
    index = balanced_sample(key, labels, m, classes)
    chosen = picked(images, index)
    normalisation.check(chosen)
    return normalisation(chosen), index
