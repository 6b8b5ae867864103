r"""Distilled sets for trainers that fit an intercept, which they do not penalise.

Such a trainer minimises sum_j omega_j ||W x_j + b - y_j||^2 + lam_S ||W||^2 over W and b. It
centres,

.. math:: \tilde X = X_S\,\mathcal{W}\,\mathcal{C}, \quad
          \tilde Y = Y_S\,\mathcal{W}\,\mathcal{C}, \quad
          \mathcal{W} = \mathrm{diag}(\sqrt\omega), \quad
          \mathcal{C} = I - u u^\top, \quad u = \sqrt\omega / \|\sqrt\omega\|,

and finds W_S = Y~ X~_{lam_S}^+ and b_S = mean(y) - W_S mean(x). So Theorem 4.1 speaks of X~ and Y~,
which have one dimension less, and the mean is one more equation. Shapes as in `closed_form`, with
features in place of points; b (k,), means (p,) or (k,), sample weights omega (m,).
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import Signs, Svd, negligible, regularised_pinv, svd
from distill_lib.theory.closed_form import max_reg, support_features

Weights = Float[Array, " m"] | None


class Affine(NamedTuple):
    """A model with an intercept, f(x) = W phi(x) + b.

    Attributes:
        weights: (k, p) W.
        intercept: (k,) b.

    Example: `affine_model` has one.
    """

    weights: Float[Array, "k p"]
    intercept: Float[Array, " k"]


class Centred(NamedTuple):
    """Rows without their weighted mean, each scaled by the root of its weight.

    Attributes:
        rows: (m, q) sqrt(omega_j) (x_j - mean), the transpose of X W C as above.
        mean: (q,) sum_j omega_j x_j / sum_j omega_j.
        root: (m,) sqrt(omega).
    """

    rows: Float[Array, "m q"]
    mean: Float[Array, " q"]
    root: Float[np.ndarray, " m"]

    def svd(self) -> Svd:
        """The decomposition of the rows, cut at the rounding of what was centred.

        That is the size of the rows before, mean included: a mean of 1e9 leaves differences known
        to 1e-7, and no direction of that size is one of theirs.
        """
        f = svd(self.rows)
        mean = float(np.linalg.norm(np.asarray(self.mean)) * np.linalg.norm(self.root))
        before = np.hypot(np.max(f.s, initial=0), mean)
        r = int(np.sum(f.s > negligible(self.rows.shape, f.s.dtype) * before))
        return Svd(f.v[:, :r], f.s[:r], f.ut[:r])

    @door()
    def around(self, mean: Float[Array, " q"]) -> Float[Array, "m q"]:
        """The rows with another weighted mean, unscaled again."""
        # What is taken out of the rows before is rounding.
        return _without_mean(self.rows, self.root) / self.root[:, None] + mean[None, :]


@door()
def centred(
    rows: Float[Array, "m q"] | Float[np.ndarray, "m q"], sample_weight: Weights = None
) -> Centred:
    """The rows as a trainer with an intercept sees them.

    Args:
        rows: (m, q) features or labels.
        sample_weight: (m,) omega > 0; None for ones.
    Raises: ValueError for a weight that is not above 0: its point does not train.

    Example:
        >>> from distill_lib.theory.intercept import centred
        >>> np.allclose(centred([[1.0], [5.0]], [3.0, 1.0]).mean, 2.0)
        True
    """
    omega = np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight)
    if not (len(omega) and np.all(omega > 0)):
        raise ValueError(
            "a sample weight is not above 0 (or there is no sample); leave out points that do not "
            "train."
        )
    root = np.sqrt(omega).astype(rows.dtype)
    mean = root**2 @ rows / (root @ root)
    return Centred(root[:, None] * (rows - mean[None, :]), mean, root)


@door()
def affine_model(
    features: Float[Array, "m p"],
    labels: Float[Array, "m k"],
    reg_s: float = 0.0,
    sample_weight: Weights = None,
) -> Affine:
    """The model that ridge regression with an unpenalised intercept trains.

    Args:
        features: (m, p) phi(X_S).
        labels: (m, k) Y_S.
        reg_s: lam_S; 0 is the solution of least norm, as everywhere.
        sample_weight: (m,) omega > 0; a weight of 3 is three copies. None for ones.
    Raises: ValueError as `centred`.

    Example:
        >>> w, b = dl.affine_model([[0.0], [1.0]], [[5.0], [7.0]])
        >>> np.allclose(w, 2), np.allclose(b, 5)
        (True, True)
    """
    x, y = centred(features, sample_weight), centred(labels, sample_weight)
    if reg_s == 0:
        f = x.svd()
        weights = y.rows.T @ f.with_values(1 / f.s)
    else:
        weights = y.rows.T @ regularised_pinv(jnp.asarray(x.rows), reg_s)
    return Affine(weights, y.mean - weights @ x.mean)


@door()
def affine_recovery_matrix(
    weights: Float[Array, "k p"],
    labels: Float[Array, "m k"],
    z: Float[Array, "m p"] | None = None,
    sample_weight: Weights = None,
) -> Float[Array, "m p"]:
    """The matrix D that the centred features' pseudoinverse has to be, to train to W.

    All solutions of Y~ D = W with u^T D = 0: D = Y~^+ W + (C - Y~^+ Y~) Z.

    Args:
        weights: (k, p) W, of any rank r.
        labels: (m, k) Y_S, of any rank; m > r.
        z: (m, p) free matrix Z; None for the smallest D.
        sample_weight: as `affine_model`.
    Raises: ValueError unless range(W) lies in the range of the centred labels Y~.

    Example:
        >>> from distill_lib.theory.intercept import affine_recovery_matrix
        >>> w = np.array([[1.0, 0.0], [-1.0, 0.0]])  # of rank 1, as two classes train it
        >>> np.allclose(affine_recovery_matrix(w, np.eye(2)), w)
        True
    """
    y, mapped = _spanned(weights, labels, sample_weight)
    d = (y.v / y.s[None, :]) @ mapped
    if z is None:
        return jnp.asarray(d)
    root = centred(z, sample_weight).root
    free = _without_mean(z, root)  # C Z
    return d + free - y.v @ (y.v.T @ free)


@door()
def affine_mean(
    weights: Float[Array, "k p"],
    intercept: Float[Array, " k"],
    labels: Float[Array, "m k"],
    near: Float[Array, " p"],
    sample_weight: Weights = None,
) -> Float[Array, " p"]:
    """The mean of support features that carries b: of all, that nearest to a wished one.

    W x0 = mean(y) - b has the solutions x0 = near + W^+ (mean(y) - b - W near) + (I - W^+ W) z.

    Args:
        weights, intercept: W (k, p) and b (k,).
        labels, sample_weight: as `affine_recovery_matrix`.
        near: (p,) the wished mean, as that of the training features.
    Raises: ValueError if mean(y) - b is outside range(W), or as `affine_recovery_matrix`.

    Example:
        >>> from distill_lib.theory.intercept import affine_mean
        >>> w, b = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.5, 0.5])
        >>> np.allclose(affine_mean(w, b, np.eye(2), near=[3.0, 4.0]), [0, 4])
        True
    """
    y, mapped = _spanned(weights, labels, sample_weight)
    mean = centred(labels, sample_weight).mean
    lacking = mean - intercept - weights @ near
    a = svd(jnp.asarray(mapped))
    x0 = near + a.with_values(1 / a.s).T @ (y.ut @ lacking)
    left = float(jnp.linalg.norm(mean - intercept - weights @ x0))
    size = sum(float(jnp.linalg.norm(one)) for one in (mean, intercept, weights @ x0))
    if left > _tolerance(weights) * size:
        raise ValueError(
            f"no mean of the points gives the intercept: mean(y) - b is {left:.3g} away from the "
            f"range of W, which is {left / size:.3g} of ||mean(y)|| + ||b|| + ||W x0||. Give the "
            "labels the mean of the training labels (by how many there are of each, or by "
            "sample_weight), up to the range of W."
        )
    return x0


@door()
def affine_set(
    weights: Float[Array, "k p"],
    intercept: Float[Array, " k"],
    labels: Float[Array, "m k"],
    near: Float[Array, " p"],
    z: Float[Array, "m p"] | None = None,
    reg_s: float = 0.0,
    branch: Signs = "+",
    sample_weight: Weights = None,
) -> Float[Array, "m p"]:
    """Support features that train, with an intercept, to a given model and intercept.

    All sets with these labels are X~ diag(omega)^{-1/2} + x0 1^T, X~ a root of D
    (`support_features`), x0 a mean (`affine_mean`).

    Args: as `affine_recovery_matrix`, `affine_mean` and `support_features`.
    Raises: ValueError as these: labels that do not span W, a mean that does not exist, a reg_s
        above 1 / (4 s_1(D)^2).

    Example:
        >>> w, b = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.5, 0.5])
        >>> points = dl.affine_set(w, b, np.eye(2), near=[3.0, 4.0], reg_s=0.1)
        >>> found = dl.affine_model(points, np.eye(2), reg_s=0.1)
        >>> np.allclose(found.weights, w), np.allclose(found.intercept, b)
        (True, True)
    """
    mean = affine_mean(weights, intercept, labels, near, sample_weight)
    d = affine_recovery_matrix(weights, labels, z, sample_weight)
    rows = support_features(d, reg_s, branch)
    return centred(rows, sample_weight)._replace(rows=rows).around(mean)


@door()
def copies(
    weights: Float[Array, "k p"],
    labels: Float[Array, "m k"],
    reg_s: float,
    sample_weight: Weights = None,
) -> int:
    """How often all of these labels have to occur, for a wished lam_S.

    c copies of all labels multiply Y~ Y~^T by c, and so the largest lam_S of Z = 0; a sample weight
    of c does the same.

    Raises: ValueError as `affine_recovery_matrix`.

    Example:
        >>> from distill_lib.theory.intercept import copies
        >>> copies(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.eye(2), reg_s=1.0)
        8
    """
    bound = max_reg(affine_recovery_matrix(weights, labels, None, sample_weight))
    return max(1, int(np.ceil(float(reg_s) / bound * (1 - 1e-12))))


def _spanned(weights, labels, sample_weight) -> tuple[Svd, Float[np.ndarray, "r p"]]:
    """Y~ = U diag(s) V^T cut at its rank, and U^T W; raises unless W = U U^T W.

    Rounding is that of the labels before they were centred, so the rank is cut there; and W's part
    outside is dropped, which in a trained W is rounding too.
    """
    y, w = centred(np.asarray(labels), sample_weight).svd(), np.asarray(weights)
    ut = np.asarray(y.ut)
    mapped = ut @ w
    size = np.linalg.norm(w)
    if (outside := np.linalg.norm(w - ut.T @ mapped)) > _tolerance(w) * size:
        raise ValueError(
            f"the labels of these {len(labels)} points have rank {len(ut)} once their mean is "
            f"taken out, and {outside / size:.3g} of W lies outside their range. An intercept "
            "needs m >= rank(W) + 1 points, of every class at least one."
        )
    return y, mapped


def _without_mean(rows, root):
    # C from the left: the rows without their part along u.
    return rows - jnp.outer(jnp.asarray(root), root @ rows) / (root @ root)


def _tolerance(weights) -> float:
    return float(np.sqrt(np.finfo(np.asarray(weights).dtype).eps))
