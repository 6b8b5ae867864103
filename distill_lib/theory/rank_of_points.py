"""How many of the distilled points are independent: Proposition 4.1, exactly."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import negligible, svd
from distill_lib.theory.closed_form import label_svd


@door()
def support_rank(
    weights: Float[Array, "k p"], labels: Float[Array, "m k"], z: Float[Array, "m p"] | None = None
) -> int:
    """The rank of the support features, the same for every lam_S and every root.

    rank phi(X_S) = rank W + rank(N^T Z (I - W^+ W)), N a basis of null(Y_S): the exact version of
    Proposition 4.1. Full rank min(m, p) takes k independent rows of W and min(m, p) - k rows of N^T
    Z that are independent of each other and of them.

    Args: as `recovery_matrix`.
    Raises: ValueError as `recovery_matrix`.

    Example:
        >>> from distill_lib.theory.rank_of_points import support_rank
        >>> support_rank(np.eye(2, 4), np.eye(3, 2), z=np.eye(3, 4))
        3
    """
    m, k = labels.shape
    label_svd(labels)
    w = svd(weights)
    if z is None or m == k:
        return len(w.s)
    q = jnp.linalg.svd(labels)[0][:, k:]
    free = q.T @ z
    outside = free - (free @ w.ut.T) @ w.ut
    # Rank relative to Z: what rounding leaves of columns inside range(Y_S), or of rows inside
    # range(W^T), is not rank.
    s = np.linalg.svd(np.asarray(outside), compute_uv=False)
    size = float(jnp.linalg.norm(z, 2))
    return len(w.s) + int(np.sum(s > negligible(outside.shape, s.dtype) * size))
