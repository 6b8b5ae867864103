r"""Support features without a detour over their pseudoinverse: Theorems C.1 and C.2.

Theorem 4.1 chooses D = phi_{lam_S}(X_S)^+ and inverts it. Here X' = phi_{lam_S}(X_S) itself is
written down; `pseudoinverse.unregularised` leads from it to the features wherever its nonzero
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
    """All X' on which W answers Y_S:

    W X' = Y_S, that is X' = W^+ Y_S + (I - W^+ W) Z' (Theorem C.1).

    Training on them gives back W iff range(W^T) lies in range(X'). So it does when X' has rank p,
    which needs m >= p; for m < p a generic Z' fails, and for m > p other X' carry W, too, on which
    it does not answer Y_S.

    Args:
        weights: (k, p) original model W of rank k.
        labels: (m, k) support labels Y_S.
        z: (m, p) free matrix Z'; None for 0.
    Raises: ValueError if rank(W) < k, shapes do not fit, or an entry is not finite.
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
    """X' that carries W, in two parts that share neither rows nor columns:

    Theorem C.2, for W of any rank.

    X' = (Y_S^+ W)^+ + (I - W^+ W) Z' (I - Y_S^+ Y_S), its first term W^+ Y_S where rank W = k. The
    singular values are those of both
    parts, so only the first binds lam_S: the second may be scaled up at will.

    Args: as `interpolating_target`, for any m >= k, with labels of rank k.
    Raises: ValueError if m < k, rank(labels) < k, shapes do not fit, or an entry is not finite.
    """
    d = recovery_matrix(weights, labels)
    target = svd(d).inverse()
    first = target.with_values(target.s)
    if z is None:
        return first
    y, w = label_svd(labels).v, svd(weights).ut
    z = z - y @ (y.T @ z)
    return first + z - (z @ w.T) @ w
