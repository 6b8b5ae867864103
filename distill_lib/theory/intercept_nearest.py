"""Distilled sets near real data, for trainers that fit an intercept.

Points carry W and b, for labels of their own, every lam_S and every sample weight, iff the
*differences* of the points span the rows of W; the mean is free. So a set moves about its own mean.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import svd
from distill_lib.theory.intercept import Weights, centred
from distill_lib.theory.nearest import Nearest, nearest_set


class Rows(NamedTuple):
    """What of a model has to be spanned.

    Attributes:
        basis: (r, p) orthonormal rows with the span of W's.
        mapped: (k, r) W in that basis, W = mapped @ basis.
    """

    basis: Float[Array, "r p"]
    mapped: Float[Array, "k r"]


@door()
def row_basis(weights: Float[Array, "k p"], rank: int | None = None) -> Rows:
    """An orthonormal basis of the rows of W.

    Args:
        weights: (k, p) W.
        rank: how many directions to take, the largest; None for the numerical rank. Class labels
            give a W of rank k - 1 with an intercept, whose last direction is rounding.
    Raises: ValueError if W = 0 or the rank is not 1..k.

    Example:
        >>> from distill_lib.theory.intercept_nearest import row_basis
        >>> row_basis([[2.0, 0.0], [-2.0, 0.0]]).mapped.shape
        (2, 1)
    """
    w = svd(jnp.asarray(weights))
    r = len(w.s) if rank is None else int(rank)
    if not 1 <= r <= len(w.s):
        raise ValueError(
            f"rank = {r} directions of a W of numerical rank {len(w.s)}; take 1 to that many."
        )
    return Rows(w.ut[:r], w.v[:, :r] * w.s[None, :r])


@door()
def affine_solved_labels(
    weights: Float[Array, "k p"],
    intercept: Float[Array, " k"],
    features: Float[Array, "m p"],
    reg_s: float = 0.0,
    sample_weight: Weights = None,
) -> Float[Array, "m k"]:
    """The labels of least recovery error for given features and a trainer with an intercept.

    Y_S = W X~_{lam_S} diag(omega)^{-1/2} + (W mean(x) + b) 1^T, at lam_S = 0 the model's own
    answers. They carry b always, and W iff its rows lie in the span of the features' differences.

    Raises: ValueError as `affine_model`.

    Example:
        >>> from distill_lib.theory.intercept_nearest import affine_solved_labels
        >>> points = np.array([[0.0], [1.0], [4.0]])
        >>> labels = affine_solved_labels([[2.0]], [7.0], points, reg_s=0.5)
        >>> w, b = dl.affine_model(points, labels, reg_s=0.5)
        >>> np.allclose(w, 2), np.allclose(b, 7)
        (True, True)
    """
    x = centred(features, sample_weight)
    f = x.svd()
    rows = (x.rows if reg_s == 0 else f.with_values(f.s + reg_s / f.s)) @ weights.T
    return x._replace(rows=rows).around(weights @ x.mean + intercept)


@door()
def nearest_affine_set(
    weights: Float[Array, "k p"],
    intercept: Float[Array, " k"],
    real: Float[Array, "m p"],
    reg_s: float = 0.0,
    sample_weight: Weights = None,
    rank: int | None = None,
) -> Nearest:
    """The features nearest to real ones that carry W and b, for a trainer with an intercept.

    They keep the mean of the real features. Around it they are `nearest_set` of the centred
    features, for the r rows that W has: with t_1 >= ... >= t_{m-1} the singular values of P Xh on
    the differences, the distance is sqrt(t_{m-r}^2 + ... + t_{m-1}^2).

    Args:
        weights, intercept: W (k, p) of rank r and b (k,).
        real: (m, p) real features, m > r.
        reg_s, sample_weight: of the training, on which only the labels depend.
        rank: r, as `row_basis`.
    Raises: ValueError if m <= r or the real features are degenerate, as `nearest_set`.

    Example:
        >>> real = np.array([[0.6, 0.8], [0.0, 0.0]])
        >>> near = dl.nearest_affine_set([[1.0, 0.0]], [2.0], real)
        >>> np.allclose(near.features, [[0.6, 0.4], [0.0, 0.4]])
        True
    """
    rows = row_basis(weights, rank)
    r, m = len(rows.basis), len(real)
    if m <= r:
        raise ValueError(
            f"m = {m} points have {m - 1} differences, which cannot span the {r} rows of W; an "
            "intercept needs m >= rank(W) + 1."
        )
    x = centred(real)  # the points do not depend on the sample weights
    # Coordinates of the differences: without the direction of the mean nothing is dependent.
    n = np.linalg.qr(np.column_stack([np.ones(m), np.eye(m)[:, 1:]]))[0][:, 1:].astype(real.dtype)
    seen = x.svd()
    near = nearest_set(rows.basis, jnp.asarray(n.T) @ seen.with_values(seen.s))
    features = x._replace(rows=jnp.asarray(n) @ near.features).around(x.mean)
    labels = affine_solved_labels(weights, intercept, features, reg_s, sample_weight)
    return Nearest(features, labels, near.distance)
