r"""The loss of kernel inducing points (KIP), also without the training set (Theorem 6.1).

The model that a support set trains has the weights W_S, and its loss on the training set is

.. math:: L(X_S) = \|Y_S (K_{SS} + \lambda_S I)^{-1} K(X_S, X) - Y\|_F^2
          = \|W_S\,\phi(X) - Y\|_F^2 .

An orthogonal matrix that mixes the n samples leaves L alone. One exists that leaves features to r =
rank phi(X) samples only: phi(X) Q = [R, 0] and Y Q = [T, E], so that R R^T = G, T R^T = C and

.. math:: L(X_S) = \|W_S R - T\|_F^2 + \|E\|_F^2,

where ||E||^2 is the least loss of any weights.

Everything below takes a `Target`, which is a training set, a batch or the reduced pair (R, T). It
is pure, can be jitted, and is differentiated with respect to support points x through `support =
phi(x)`.
"""

from typing import Self

import equinox as eqx
import jax.numpy as jnp
from jax.lax import stop_gradient
from jax.scipy.linalg import solve
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg.least_squares import least_squares
from distill_lib.ridge import RidgePath, RidgeStats

Scalar = Float[Array, ""] | float


class Target(eqx.Module):
    """What a support set is judged on: the loss of the weights that it trains.

    The loss of weights W is ||W R - T||_F^2 + rest. `Target(features, labels)` is a training set or
    a batch of it; `Target.reduced` is a training set of any size in p rows.

    Attributes:
        features: (r, p) one row a sample: phi(X), or R of the reduced set.
        labels: (r, k) one row a sample: Y, or T.
        rest: the loss that no weights can change, 0 for samples as they are.

    Example:
        >>> from distill_lib.theory.kip_loss import Target
        >>> features, labels = np.ones((4, 1)), np.array([[1.0], [1.0], [3.0], [3.0]])
        >>> reduced = Target.reduced(dl.RidgeStats.of(features, labels))
        >>> reduced.features.shape, round(float(reduced.loss(np.array([[2.0]]))), 6)
        ((1, 1), 4.0)
    """

    features: Float[Array, "r p"]
    labels: Float[Array, "r k"]
    rest: Scalar = 0.0

    @classmethod
    def reduced(cls, stats: RidgeStats) -> Self:
        """A training set of any size as p rows, from its statistics.

        With G = V diag(e) V^T, R = V diag(e)^{1/2} and T = C V diag(e)^{-1/2}. The cost is one
        eigendecomposition, O(p^3).

        Eigenvalues within rounding of zero count as zero, so singular values of phi(X) below about
        sqrt(p eps) of the largest are lost (and it cannot be traced). Give statistics in float64,
        or turn the samples themselves with `baselines.same_moments`.
        """
        path = RidgePath.of(stats)
        seen = path.filter(0.0)
        root = jnp.sqrt(jnp.where(seen > 0, path.values, 0))
        labels = (path.rotated * seen[None, :] * root[None, :]).T
        # ||Y||^2 = ||T||^2 + the least loss: rounding may take the difference below zero, and n
        # independent samples are fitted.
        fitted = stats.count <= jnp.count_nonzero(seen)
        rest = jnp.where(fitted, 0, jnp.clip(stats.label_sq - jnp.vdot(labels, labels), 0))
        return cls(root[:, None] * path.vectors.T, labels, rest)

    @door()
    def loss(self, weights: Float[Array, "k p"]) -> Float[Array, ""]:
        """The loss ||W R - T||_F^2 + rest of weights W."""
        residual = self.features @ weights.T - self.labels
        return jnp.vdot(residual, residual) + self.rest


@door()
def relative_reg(support: Float[Array, "m p"], reg: float = 1e-6) -> Float[Array, ""]:
    """The lam_S of KIP, relative to the size of the kernel: reg tr(K_SS) / m.

    It moves with the support points and so does its gradient.

    Args:
        support: (m, p) features phi(X_S).
        reg: 1e-6 in KIP and in the paper's comparison with it.

    Example:
        >>> from distill_lib.theory.kip_loss import relative_reg
        >>> round(float(relative_reg(np.ones((2, 3)), reg=0.1)), 6)
        0.3
    """
    return reg * jnp.vdot(support, support) / len(support)


@door()
def weights(
    support: Float[Array, "m p"], labels: Float[Array, "m k"], reg_s: Scalar
) -> Float[Array, "k p"]:
    """The weights W_S = Y_S (K_SS + lam_S I)^{-1} phi(X_S)^T that a support set trains.

    As `closed_form.recovered_weights`, but to be traced and differentiated. Cholesky of an m x m
    system or, for m > p, of a p x p one. At lam_S = 0, if given as a plain number, it is Y_S
    phi(X_S)^+.

    Raises: ValueError unless there is one label row for each support point.

    Example:
        >>> from distill_lib.theory.kip_loss import weights
        >>> np.allclose(weights(np.array([[2.0]]), np.array([[1.0]]), reg_s=1.0), 2 / (2**2 + 1))
        True
    """
    m, p = support.shape
    if isinstance(reg_s, int | float) and reg_s == 0:
        return (jnp.linalg.pinv(support) @ labels).T
    if m <= p:
        gram = support @ support.T + reg_s * jnp.eye(m, dtype=support.dtype)
        return solve(gram, labels, assume_a="pos").T @ support
    # (K_SS + lam_S I)^{-1} F = F (F^T F + lam_S I)^{-1} for rows F.
    moment = support.T @ support + reg_s * jnp.eye(p, dtype=support.dtype)
    return solve(moment, support.T @ labels, assume_a="pos").T


@door()
def loss(
    support: Float[Array, "m p"], labels: Float[Array, "m k"], target: Target, reg_s: Scalar
) -> Float[Array, ""]:
    """The loss L(X_S) on the training set, of given labels (Theorem 6.1).

    Args:
        support: (m, p) features phi(X_S).
        labels: (m, k) Y_S.
        target: the training set, a batch of it, or the reduced one.
        reg_s: lam_S, a number or `relative_reg(support)`.
    Raises: ValueError for shapes that do not fit.

    Example:
        >>> from distill_lib.theory.kip_loss import Target, loss
        >>> target, one = Target(np.array([[1.0]]), np.array([[3.0]])), np.ones((1, 1))
        >>> round(float(loss(one, one, target, reg_s=1.0)), 6)  # W_S = 1/2 answers 1/2 for 3
        6.25
    """
    _fit(support, target)
    return target.loss(weights(support, labels, reg_s))


@door()
def solved_loss(support: Float[Array, "m p"], target: Target) -> Float[Array, ""]:
    """The least loss L(X_S) over all labels Y_S, with its gradient in the support points.

    No lam_S occurs: (K_SS + lam_S I)^{-1} is invertible, so the labels undo it. The gradient takes
    the best labels as constants. That is exact for first derivatives (not for second ones) wherever
    the rank of phi(X_S)^T phi(X) does not change.

    Raises: ValueError for shapes that do not fit.

    Example:
        >>> from distill_lib.theory.kip_loss import Target, solved_loss
        >>> target = Target(np.eye(2), np.array([[3.0], [4.0]]))
        >>> round(float(solved_loss(np.array([[1.0, 0.0]]), target)), 6)  # 4 is out of reach
        16.0
    """
    return target.loss(coefficients(support, target).T @ support)


@door()
def solved_labels(
    support: Float[Array, "m p"], target: Target, reg_s: Scalar = 0.0
) -> Float[Array, "m k"]:
    """Labels of least loss: Y_S = c (K_SS + lam_S I), with c of `coefficients`.

    They are constant for differentiation. Equal to C A^T (A G A^T)^{-1}, A = (K_SS + lam_S I)^{-1}
    phi(X_S)^T, where that inverse exists; else one of many optimal ones.

    Raises: ValueError for shapes that do not fit.

    Example:
        >>> from distill_lib.theory.kip_loss import Target, solved_labels
        >>> target = Target(np.eye(2), np.array([[3.0], [4.0]]))
        >>> np.allclose(solved_labels(np.eye(2), target, reg_s=1.0), [[3 * 2], [4 * 2]])
        True
    """
    c = coefficients(support, target)
    return stop_gradient(support @ (support.T @ c) + reg_s * c)


@door()
def coefficients(support: Float[Array, "m p"], target: Target) -> Float[Array, "m k"]:
    """The coefficients c for which W_S = c phi(X_S)^T has least loss.

    Of several the c of least norm, stored transposed, as (m, k); constant for differentiation.

    Raises: ValueError for shapes that do not fit.

    Example:
        >>> from distill_lib.theory.kip_loss import Target, coefficients
        >>> target = Target(np.eye(2), np.array([[3.0], [4.0]]))
        >>> np.allclose(coefficients(2 * np.eye(2), target), [[3 / 2], [4 / 2]])
        True
    """
    _fit(support, target)
    support, target = stop_gradient((support, target))
    return least_squares(target.features @ support.T, target.labels)


def _fit(support, target):
    if support.shape[1] != target.features.shape[1]:
        raise ValueError(
            f"the support has p = {support.shape[1]} features and the target "
            f"{target.features.shape[1]}; they must be of one feature map."
        )
