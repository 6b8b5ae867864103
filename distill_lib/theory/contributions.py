r"""What each support point adds to a prediction, and what the prediction loses without it.

A kernel regression is a sum over its support points. With M = (K_SS + lam_S I)^{-1} and alpha = M
Y_S, samples as rows,

.. math:: f_c(x) = \sum_j K(x, x_j)\, \alpha_{jc} .
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.features import FeatureMap
from distill_lib.kernels.base import Kernel
from distill_lib.linalg.pseudoinverse import negligible


class FeatureKernel(Kernel):
    """The kernel K(x, y) = <phi(x), phi(y)> of a finite feature map.

    Attributes:
        feature_map: phi.

    Example:
        >>> from distill_lib.theory.contributions import FeatureKernel
        >>> np.allclose(FeatureKernel(dl.Linear(2))(np.eye(2), np.array([[3.0, 4.0]])), [[3], [4]])
        True
    """

    feature_map: FeatureMap

    @door()
    def __call__(self, x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """The matrix of K between the rows of x and those of y."""
        return self.feature_map(x) @ self.feature_map(y).T


@door()
def inverse(k_ss: Float[Array, "m m"], reg_s: float = 0.0) -> Float[Array, "m m"]:
    """The inverse M = (K_SS + lam_S I)^{-1}; `M @ labels` are the coefficients alpha.

    At lam_S = 0 it is the pseudoinverse: directions in which K_SS is zero to working precision are
    cut. They reach no prediction, and without them alpha is the shortest of all that make the same
    model. The cost is one eigendecomposition, O(m^3).

    Args:
        k_ss: (m, m) kernel matrix of the support points.
        reg_s: lam_S itself, as `DistilledSet.reg_s`, not relative to the trace.
    Raises: ValueError for a matrix that is not square and finite, or a negative reg_s.

    Example:
        >>> from distill_lib.theory.contributions import inverse
        >>> np.allclose(inverse(3 * np.eye(2), reg_s=1.0), np.eye(2) / 4)
        True
    """
    values, vectors = jnp.linalg.eigh(jnp.asarray(k_ss))
    cut = negligible(k_ss.shape, values.dtype) * values[-1]
    kept = jnp.maximum(values, 0) + reg_s > (0 if reg_s > 0 else cut)
    damped = jnp.where(kept, jnp.maximum(values, 0) + reg_s, 1)
    return (vectors * jnp.where(kept, 1 / damped, 0)[None, :]) @ vectors.T


@door()
def contributions(
    k_ts: Float[Array, "n m"], coefficients: Float[Array, "m k"]
) -> Float[Array, "n m k"]:
    """What each support point adds to each score: K(x, x_j) alpha_jc, of point j to f_c(x).

    Summed over j they are the scores.

    Args:
        k_ts: (n, m) K(x, X_S) of n inputs.
        coefficients: (m, k) alpha.
    Raises: ValueError for shapes that do not fit.

    Example:
        >>> from distill_lib.theory.contributions import contributions
        >>> k_ts, alpha = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
        >>> contributions(k_ts, alpha)[0, :, 0].tolist()  # the score is 11
        [3.0, 8.0]
    """
    return k_ts[:, :, None] * jnp.asarray(coefficients)[None]


@door()
def removals(
    k_ts: Float[Array, "n m"], m_inverse: Float[Array, "m m"], labels: Float[Array, "m k"]
) -> Float[Array, "n m k"]:
    r"""What each score loses when one point is removed and the rest are trained again.

    Trained again at the same lam_S, without the point j, to f_c^{-j}:

    .. math:: f_c(x) - f_c^{-j}(x) = \frac{\alpha_{jc}}{M_{jj}} \sum_i K(x, x_i) M_{ij},

    which is alpha_jc times the part of K(x, x_j) that the other points do not explain, K(x, x_j) -
    K(x, X_R) (K_RR + lam_S I)^{-1} K(X_R, x_j). So nothing is trained again: the cost is O(n m (m +
    k) + m^3).

    Args:
        k_ts: (n, m) K(x, X_S).
        m_inverse: (m, m) M, from `inverse`, of full rank.
        labels: (m, k) Y_S.
    Raises: ValueError for shapes that do not fit, or where M has not full rank: some points are
        dependent.

    Example:
        >>> from distill_lib.theory.contributions import removals
        >>> lost = removals(np.array([[1.0, 2.0]]), np.eye(2), np.array([[3.0], [4.0]]))
        >>> lost[0, :, 0].tolist()  # of independent points, their contributions
        [3.0, 8.0]
    """
    m = len(labels)
    values = jnp.linalg.eigvalsh(jnp.asarray(m_inverse))
    if not bool(values[0] > negligible((m,), values.dtype) * values[-1]):
        raise ValueError(
            f"the kernel matrix of the {m} support points has not full rank, so what a removed "
            "point takes away is not "
            "determined by it; remove repeated or dependent points first."
        )
    unexplained = (k_ts @ m_inverse) / jnp.diag(m_inverse)[None, :]
    return unexplained[:, :, None] * (jnp.asarray(m_inverse) @ labels)[None]


@door()
def points_for_share(parts: Float[Array, "n m"], share: float = 0.9) -> Int[Array, " n"]:
    """How few points make up a given share of the sum of the absolute contributions.

    Args:
        parts: (n, m) contributions of the points to one score of each input.
        share: in (0, 1].
    Raises: ValueError for another share, or contributions that are all zero for some input.

    Example:
        >>> from distill_lib.theory.contributions import points_for_share
        >>> points_for_share(np.array([[5.0, -4.0, 0.5, 0.5]]), share=0.9).tolist()
        [2]
    """
    sizes, total = _sizes(parts)
    if not (checks.number(share) and 0 < share <= 1):
        raise ValueError(
            f"share = {share!r} is no share of the contributions; it must be in (0, 1]."
        )
    reached = jnp.cumsum(jnp.sort(sizes, axis=1)[:, ::-1], axis=1)
    # Rounding may leave the last sum below the whole.
    short = reached < share * (1 - 1e-12) * total[:, None]
    return jnp.minimum(jnp.sum(short, axis=1) + 1, sizes.shape[1])


@door(infinite=True)
def cancellation(parts: Float[Array, "n m"]) -> Float[Array, " n"]:
    """How much the contributions cancel: the sum of their sizes over the size of their sum.

    It is 1 where all points pull the same way, and large where the score is a small rest of large
    parts.

    Args:
        parts: (n, m) contributions of the points to one score of each input.
    Raises: ValueError for contributions that are all zero for some input.

    Example:
        >>> from distill_lib.theory.contributions import cancellation
        >>> cancellation(np.array([[1.0, 2.0], [2.0, -1.0]])).tolist()
        [1.0, 3.0]
    """
    _, total = _sizes(parts)
    return total / jnp.abs(jnp.sum(jnp.asarray(parts), axis=1))


def _sizes(parts):
    sizes = jnp.abs(jnp.asarray(parts))
    total = jnp.sum(sizes, axis=1)
    if bool((total == 0).any()):
        raise ValueError("all contributions to some score are zero; leave that input out.")
    return sizes, total


@door()
def gathered(
    features: Float[Array, "m p"], labels: Float[Array, "m k"], x: Float[Array, " p"]
) -> tuple[Float[Array, "m p"], Float[Array, "m k"]]:
    """Another set with the same model, in which one point makes all scores of an input.

    The model is the same for every lam_S. An orthogonal R mixes the samples, phi(X_S) R and Y_S R,
    and leaves phi(X_S) phi(X_S)^T and Y_S phi(X_S)^T alone, hence W_S. The reflection here takes u
    = K(X_S, x) to a multiple of the first unit vector: K(x, x_j) = 0 for every other point.

    Args:
        features, labels: (m, p) and (m, k), a support set, for a surjective phi.
        x: (p,) phi of the input.
    Raises: ValueError for shapes that do not fit, or if K(X_S, x) = 0.

    Example:
        >>> from distill_lib.theory.contributions import gathered
        >>> features, _ = gathered(np.eye(2), np.eye(2), np.array([3.0, 4.0]))
        >>> np.allclose(features @ np.array([3.0, 4.0]), [-5, 0])
        True
    """
    u = jnp.asarray(features) @ jnp.asarray(x)
    size = jnp.linalg.norm(u)
    if not bool(size > 0):
        raise ValueError(
            "the input is orthogonal to every support point, so there is no score to gather."
        )
    # Householder: R = I - 2 v v^T / v^T v with v = u + sign(u_1) ||u|| e_1.
    v = u.at[0].add(jnp.where(u[0] < 0, -size, size))

    def mixed(a):
        return a - (2 / (v @ v)) * jnp.outer(v, v @ a)

    return mixed(jnp.asarray(features)), mixed(jnp.asarray(labels))
