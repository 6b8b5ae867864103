r"""The distilled set nearest to real data, measured between the data themselves.

Corollary 4.1.1 minimises a distance between pseudoinverses. Minimised between the sets, with the labels free, the
problem is a truncated SVD: let P = I - W^+ W project onto the null space of W. A support set carries W exactly iff
range(W^T) lies in the span of its points, which forces P X_S to lose k ranks; by Eckart and Young the nearest way to lose
them is to drop the k smallest singular directions of P Xh.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from distill_lib import _checks
from distill_lib.pseudoinverse import rank, regularised, svd


class Nearest(NamedTuple):
    """A nearest distilled set.

    Attributes:
        target: (m, p) phi_{lam_S}(X_S); at lam_S = 0 the support features themselves.
        labels: (m, k) Y_S = W phi_{lam_S}(Xh).
        distance: Frobenius distance from the target to phi_{lam_S}(Xh), the least possible.
    """

    target: Float[Array, "m p"]
    labels: Float[Array, "m k"]
    distance: float


def nearest_set(weights: Float[Array, "k p"], real: Float[Array, "m p"], reg_s: float = 0.0) -> Nearest:
    """The features nearest to real ones among all that carry W exactly, with labels of their own.

    With P Xh = A diag(t_1 >= ... >= t_m) B^T and B_k the last k columns of B, X_S = Xh - P Xh B_k B_k^T and Y_S = W Xh lie at
    distance sqrt(t_{m-k+1}^2 + ... + t_m^2). At m = k this is X_S = W^+ W Xh; at m = p nothing moves and it is Theorem 4.2. For
    reg_s > 0 the same is done to phi_{reg_s}(Xh), and `pseudoinverse.unregularised` leads back to features where its bound allows.

    Args:
        weights: (k, p) original model W of rank k.
        real: (m, p) real features, k <= m, of rank min(m, p), or of a span that holds range(W^T).
    Raises: ValueError if m < k, rank(W) < k, or the real data are degenerate: rank below min(m, p)
        without range(W^T) in the span, or W Xh B_k singular, so that range(W^T) does not enter the span.
    """
    _checks.matrix("weights", weights)
    k, p = weights.shape
    _checks.matrix("real", real, cols=p)
    _checks.reg("reg_s", reg_s)
    m = real.shape[0]
    if m < k:
        raise ValueError(
            f"m = {m} support points cannot carry a model with k = {k} outputs; Theorem 4.1 needs m >= k."
        )
    if (r := rank(weights)) < k:
        raise ValueError(f"the model W has rank {r}; the nearest set needs rank k = {k}.")
    x = regularised(real, reg_s)
    labels = x @ weights.T
    if (r := rank(real)) == p or (r < m and _within(weights, real)):  # the span holds W already: Theorem 4.2
        return Nearest(x, labels, 0.0)
    if r < m:
        raise ValueError(
            f"the real features have rank {r}, below min(m, p) = {min(m, p)}; choose samples without repetition."
        )
    q = jnp.linalg.qr(weights.T)[0]  # orthonormal basis of range(W^T), so P = I - q q^T
    px = x - (x @ q) @ q.T
    # The paper's A diag(t) B^T is the SVD of (P X)^T here: its right singular vectors are the left ones of px.
    b, t, _ = jnp.linalg.svd(px, full_matrices=False)
    tail = b[:, -k:]
    # q for W: the same rank, without W's own scale. Rounding turns a zero here into a few units of it, more where the gap
    # to B_k is small; below, X_S would not be of full rank to working precision either.
    entering = jnp.linalg.svd(q.T @ (x.T @ tail), compute_uv=False)
    if entering[-1] <= max(10 * p, 1000) * jnp.finfo(x.dtype).eps * jnp.linalg.norm(x, 2):
        raise ValueError(
            "W Xh B_k is singular: the directions of the real data that would be given up carry none of the model; "
            "choose other real samples or a larger m."
        )
    return Nearest(x - tail @ (tail.T @ px), labels, float(jnp.linalg.norm(t[-k:])))


def _within(weights, real):
    """Whether range(W^T) lies in the span of the real features."""
    ut = svd(real).ut
    outside = jnp.linalg.norm(weights - (weights @ ut.T) @ ut)
    return outside <= jnp.sqrt(jnp.finfo(weights.dtype).eps) * jnp.linalg.norm(weights)
