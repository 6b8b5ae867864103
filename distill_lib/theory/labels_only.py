"""Real points as they are, and labels that carry the model: Theorem 4.2."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg import thin
from distill_lib.linalg.products import product
from distill_lib.linalg.pseudoinverse import negligible, regularised


@door()
def solved_labels(
    weights: Float[Array, "k p"], features: Float[Array, "m p"], reg_s: float = 0.0
) -> Float[Array, "m k"]:
    """The labels of least recovery error for given support features (Theorem 4.2).

    Y_S = W phi_{lam_S}(X_S). They are exact iff the rows of W lie in the row space of
    phi_{lam_S}(X_S)^+, so always when m >= p and the features have rank p.

    Raises: ValueError if shapes do not fit or an entry is not finite.

    Example:
        >>> labels = dl.solved_labels(np.eye(2, 3), np.eye(3), reg_s=0.5)
        >>> np.allclose(dl.recovered_weights(np.eye(3), labels, reg_s=0.5), np.eye(2, 3))
        True
    """
    if thin.is_long(features):
        if reg_s == 0:
            return jnp.asarray(product(np.asarray(features), np.asarray(weights).T))
        f = thin.long_svd(features, negligible(features.shape, features.dtype))
        return jnp.asarray(f.onto(f.s + reg_s / f.s, weights))
    return regularised(features, reg_s) @ weights.T
