r"""Support features without a detour over their pseudoinverse: Theorems C.1 and C.2.

Theorem 4.1 chooses D = phi_{lam_S}(X_S)^+ and inverts it. Here X' = phi_{lam_S}(X_S) itself is
written down. `pseudoinverse.unregularised` leads from it to the features wherever its nonzero
singular values are at least 2 sqrt(lam_S). With P = I - W^+ W and samples as columns,

.. math:: X' = W^+ Y_S + P Z' \quad\text{(C.1)},
          \qquad X' = (Y_S^+ W)^+ + P Z' (I - Y_S^+ Y_S) \quad\text{(C.2)} .
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import svd
from distill_lib.theory.closed_form import label_svd, recovery_matrix


@door()
def interpolating_target(
    weights: Float[Array, "k p"], labels: Float[Array, "m k"], z: Float[Array, "m p"] | None = None
) -> Float[Array, "m p"]:
    """Regularised support features X' on which the model W answers the labels (Theorem C.1).

    All X' with W X' = Y_S: they are X' = W^+ Y_S + (I - W^+ W) Z'.

    Training on them gives back W iff range(W^T) lies in range(X'). So it does when X' has rank p,
    which needs m >= p. For m < p a generic Z' fails. For m > p other X' carry W, too, on which it
    does not answer Y_S.

    Args:
        weights: (k, p) original model W of rank k.
        labels: (m, k) support labels Y_S.
        z: (m, p) free matrix Z'; None for 0.
    Returns: (m, p) X', samples as rows.
    Raises: ValueError if rank(W) < k, shapes do not fit, or an entry is not finite.

    Example:
        >>> from distill_lib.theory.theorem_c import interpolating_target
        >>> w, labels = np.array([[3.0, 4.0]]), np.array([[1.0], [2.0]])
        >>> np.allclose(interpolating_target(w, labels, z=np.eye(2)) @ w.T, labels)
        True
    """
    k, p = weights.shape
    w = svd(weights)
    if len(w.s) < k:
        raise ValueError(
            f"the model W has rank {len(w.s)}; Theorem C.1 needs rank k = {k}, else W answers some "
            "labels nowhere."
        )
    z = jnp.zeros((len(labels), p), weights.dtype) if z is None else z
    return z + (labels - z @ weights.T) @ w.with_values(1 / w.s)


@door()
def decoupled_target(
    weights: Float[Array, "k p"], labels: Float[Array, "m k"], z: Float[Array, "m p"] | None = None
) -> Float[Array, "m p"]:
    """Regularised support features X' that carry W, in two independent parts (Theorem C.2).

    X' = (Y_S^+ W)^+ + (I - W^+ W) Z' (I - Y_S^+ Y_S), for W of any rank; its first term is W^+ Y_S
    where rank W = k. The parts share neither rows nor columns. The singular values are those of
    both parts, so only the first binds lam_S: the second may be scaled up at will.

    Args: as `interpolating_target`, for any m >= k, with labels of rank k.
    Returns: (m, p) X', samples as rows.
    Raises: ValueError if m < k, rank(labels) < k, shapes do not fit, or an entry is not finite.

    Example:
        >>> from distill_lib.theory.theorem_c import decoupled_target
        >>> w, labels = np.array([[3.0, 4.0]]), np.array([[1.0], [2.0]])
        >>> features = dl.unregularised(decoupled_target(w, labels, z=np.eye(2)), reg=0.001)
        >>> np.allclose(dl.recovered_weights(features, labels, reg_s=0.001), w)
        True
    """
    d = recovery_matrix(weights, labels)
    target = svd(d).inverse()
    first = target.with_values(target.s)
    if z is None:
        return first
    y, w = label_svd(labels).v, svd(weights).ut
    z = z - y @ (y.T @ z)
    return first + z - (z @ w.T) @ w
