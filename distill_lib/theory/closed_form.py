r"""Distilled sets in closed form: Theorem 4.1, and the features of Theorem 5.1.

Everything is about two equations. With W the original model, Y_S the labels and F the support
features,

.. math:: Y_S\,D = W, \qquad \phi_{\lambda_S}(X_S)^+ = D .

The first is linear; its solutions are D = Y_S^+ W + (I - Y_S^+ Y_S) Z. The second is solved by
`pseudoinverse.roots`. Shapes here: W (k, p), labels (m, k) (so Y_S is its transpose), D, Z and
features (m, p).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg import thin
from distill_lib.linalg.normal_equations import applied
from distill_lib.linalg.products import product
from distill_lib.linalg.pseudoinverse import (
    Signs,
    Svd,
    largest_reg,
    negligible,
    pinv,
    regularised_pinv,
    roots,
    svd,
)
from distill_lib.theory.conditions import enough_points

_FEW = 4  # how many points for each output make normal equations the cheapest


@door()
def label_svd(labels: Float[Array, "m k"]) -> Svd:
    """The decomposition of the labels, which have to be of full rank.

    Raises: ValueError unless m >= k and rank(Y_S) = k, as Theorem 4.1 assumes.
    """
    m, k = labels.shape
    enough_points(m, k)
    y = svd(np.asarray(labels))  # few columns: not worth compiling a program
    if len(y.s) < k:
        raise ValueError(
            f"the labels Y_S have rank {len(y.s)}, but Theorem 4.1 needs rank k = {k}; "
            "make sure that every class has a support point and that no label column repeats "
            "another."
        )
    return y


@door()
def recovery_matrix(
    weights: Float[Array, "k p"], labels: Float[Array, "m k"], z: Float[Array, "m p"] | None = None
) -> Float[Array, "m p"]:
    """The matrix D that the support set's pseudoinverse has to be, to train to the model W.

    All solutions of Y_S D = W (Theorem 4.1): D = Y_S^+ W + (I - Y_S^+ Y_S) Z. O(m k p) operations.

    Args:
        weights: (k, p) original model W, of any rank.
        labels: (m, k) support labels Y_S of rank k, m >= k.
        z: (m, p) free matrix Z; None for the smallest D, Z = 0. Unused at m = k, where D is unique.
    Returns: (m, p) matrix D, the regularised pseudoinverse that the support features must have.
    Raises: ValueError if m < k, rank(labels) < k, shapes do not fit, or an entry is not finite.

    Example:
        >>> d = dl.recovery_matrix(np.eye(2, 4), np.eye(3, 2), np.ones((3, 4)))
        >>> np.allclose(np.eye(3, 2).T @ d, np.eye(2, 4))
        True
    """
    y = label_svd(labels)
    y_pinv = y.with_values(1 / y.s)  # (m, k): Y_S^+ for labels with samples as rows
    if thin.is_long(weights):
        return _in_blocks(np.asarray(y_pinv), weights, labels, z)
    free = np.zeros((len(labels), weights.shape[1]), weights.dtype) if z is None else z
    return _with_free_part(y_pinv, weights, labels, free)


@jax.jit
def _with_free_part(y_pinv, weights, labels, z):
    # Y_S^+ W + Z - Y_S^+ Y_S Z with one product by Y_S^+.
    return z + y_pinv @ (weights - labels.T @ z)


def _in_blocks(y_pinv, weights, labels, z):
    """The same of a long W, column block by column block."""
    w, y = thin.columns(weights), np.asarray(labels)

    def made(part):
        if z is None:
            return product(y_pinv, w(part))
        free = thin.columns(z)(part)
        return free + product(y_pinv, w(part) - product(y.T, free))

    return thin.filled(len(y), weights.shape[1], weights.dtype, made)


@door()
def support_features(
    d: Float[Array, "m p"], reg_s: float = 0.0, branch: Signs = "+"
) -> Float[Array, "m p"]:
    """The support features phi(X_S) whose regularised pseudoinverse is a given D.

    Theorem 4.1 (linear) and 5.1 (kernel). With D = V diag(s') U^T the features are V diag(s) U^T, s
    = (1 +- sqrt(1 - 4 reg_s s'^2)) / (2 s') where s' > 0 and 0 elsewhere; at reg_s = 0 they are D^+
    (transposed to samples as rows). The cost is one SVD of D.

    Args:
        d: (m, p) from `recovery_matrix` or `realistic_matrix`.
        reg_s: lam_S >= 0, at most 1 / (4 s'_1^2).
        branch: the root, "+", "-" or +-1 per nonzero singular value of D^+ in descending order.
    Raises: ValueError if reg_s is above its bound; the message gives the bound.

    Example:
        >>> f = dl.support_features(dl.recovery_matrix(np.eye(2, 4), np.eye(3, 2)), reg_s=0.1)
        >>> np.allclose(dl.recovered_weights(f, np.eye(3, 2), reg_s=0.1), np.eye(2, 4))
        True
    """
    # From the singular values of D itself: those of a stored D^+ have lost condition(D) in
    # accuracy.
    if reg_s == 0 and thin.is_long(d) and isinstance(branch, str) and branch == "+":
        return pinv(d)  # without singular vectors, which a long D makes dear
    target = svd(d).inverse()
    return target.with_values(roots(target.s, reg_s, branch))


class Choices(NamedTuple):
    """What Theorem 4.1 leaves open: the free matrix and the roots.

    Attributes:
        z: (m, p) the free matrix Z.
        branch: (r,) +1 or -1 for each nonzero singular value of D^+ in descending order, as
            `support_features` takes it.
    """

    z: Float[Array, "m p"]
    branch: Float[np.ndarray, " r"]


@door()
def choices(features: Float[Array, "m p"], reg_s: float = 0.0) -> Choices:
    """The Z and the roots by which Theorem 4.1 makes given support features: its "only if".

    Z = phi_{reg_s}(X_S)^+ gives D = Z for any labels of rank k, and the root is "+" where s^2 >=
    reg_s up to rounding. With the W_S of any such labels, the features again are
    `support_features(recovery_matrix(W_S, labels, z), reg_s, branch)`.

    Args:
        features: (m, p) any support features.
        reg_s: lam_S they are trained with.
    Raises: ValueError if s and reg_s / s are singular values both, and not one number: they have
        the same image, so D has a repeated singular value, its decomposition is not unique, and D
        does not tell which of its vectors took which root.

    Example:
        >>> from distill_lib.theory.closed_form import choices
        >>> print(choices(np.eye(2, 4), reg_s=4.0).branch)
        [-1. -1.]
    """
    f = svd(features)
    if reg_s == 0:
        return Choices(f.with_values(1 / f.s), np.ones(len(f.s)))
    mu = f.s + reg_s / f.s
    order = np.argsort(-mu, kind="stable")
    rounding = 1e3 * np.finfo(f.s.dtype).eps
    # At sqrt(reg_s) both roots are one.
    branch = np.where(f.s >= np.sqrt(reg_s) - rounding * np.max(f.s, initial=0), 1.0, -1.0)[order]
    # Neighbours are enough: equal values follow each other.
    equal = -np.diff(mu[order]) <= rounding * np.max(mu, initial=0)
    if (equal & (np.diff(branch) != 0)).any():
        at = order[int(np.argmax(equal & (np.diff(branch) != 0)))]
        raise ValueError(
            f"the features have the singular values {f.s[at]:.6g} and reg_s / {f.s[at]:.6g} both, "
            "which have the same image; "
            "the support set is one of Theorem 4.1, but D alone does not say which root belongs to "
            "which direction."
        )
    return Choices(f.with_values(1 / mu), branch)


@door(infinite=True)
def max_reg(d: Float[Array, "m p"]) -> float:
    """The largest lam_S that Theorem 4.1 allows for a D: 1 / (4 s'_1^2); infinity for 0.

    Example:
        >>> from distill_lib.theory.closed_form import max_reg
        >>> round(max_reg(2 * np.eye(2, 4)), 6)
        0.0625
    """
    return largest_reg(svd(d).inverse().s)


@door()
def recovered_weights(
    features: Float[Array, "m p"], labels: Float[Array, "m k"], reg_s: float = 0.0
) -> Float[Array, "k p"]:
    """The weights W_S = Y_S phi_{lam_S}(X_S)^+ that training on the support set gives.

    Example:
        >>> w = dl.recovered_weights(np.array([[2.0, 0.0]]), np.array([[1.0]]), reg_s=1.0)
        >>> np.allclose(w, [[2 / (2**2 + 1), 0]])
        True
    """
    if thin.is_long(features):
        if _FEW * labels.shape[1] <= len(features):
            made = applied(np.asarray(labels).T, np.asarray(features), reg_s)
            if made is not None:
                return jnp.asarray(made)
        share = negligible(features.shape, features.dtype)
        return thin.long_pinv(labels.T, features, reg_s, share)
    return _applied(labels, regularised_pinv(features, reg_s))


@jax.jit
def _applied(labels, d):
    return labels.T @ d


@door()
def recovery_error(weights: Float[Array, "k p"], recovered: Float[Array, "k p"]) -> float:
    """How far trained weights are from the model: ||W_S - W||_F / ||W||_F.

    Example:
        >>> round(dl.recovery_error(np.eye(2), 0.9 * np.eye(2)), 6)
        0.1
    """
    w, w_s = np.asarray(weights), np.asarray(recovered)
    if thin.is_long(w):  # without a difference of that size
        apart = [np.linalg.norm(w_s[:, part] - w[:, part]) for part in thin.blocks(w.shape[1])]
        return float(np.linalg.norm(apart) / np.linalg.norm(w))
    return float(np.linalg.norm(w_s - w) / np.linalg.norm(w))


@door()
def cosine(weights: Float[Array, "k p"], recovered: Float[Array, "k p"]) -> float:
    """The cosine <W_S, W> / (||W_S|| ||W||) of the angle between two models.

    It is 1 when only the scale of the model differs, which leaves its predictions.

    Example:
        >>> round(dl.cosine(np.eye(2), 0.9 * np.eye(2)), 6)
        1.0
    """
    w, w_s = np.asarray(weights), np.asarray(recovered)
    return float(np.vdot(w, w_s) / (np.linalg.norm(w) * np.linalg.norm(w_s)))
