"""Feature maps that are not surjective (Section 5.2): which features have points.

A construction names the features phi(X_S) that it needs. A widening network reaches only some of
R^p, so those features may have no points: `preimage` decides it (Theorem 5.2). Two functions tell
what an extra layer changes (Theorem D.1). For deep linear networks see `features.DeepLinear`.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.features import DeepLinear, FullyConnected
from distill_lib.linalg.pseudoinverse import rank, svd


@door()
def preimage(phi: FullyConnected, features: Float[Array, "n p"]) -> Float[Array, "n d"]:
    """The only x with phi(x) == features, for a network that never narrows (Theorem 5.2).

    The widths are d <= d_1 <= ... <= d_L = p. Layer by layer from the last, t = sigma^{-1}(f) has
    to lie in range(W_l), and is W_l x for x = W_l^+ t. Square layers always pass, so for d < d_1 =
    ... = d_L it is the first layer that decides.

    Raises: ValueError if slope <= 0, a weight matrix lacks full column rank, or the features are
        not in the range of phi: then more than a share sqrt(eps) of the norm of some t lies outside
        range(W_l), and the message gives layer and share.

    Example:
        >>> from distill_lib.theory.non_surjective import preimage
        >>> phi = dl.FullyConnected.random(jax.random.key(0), (2, 3))
        >>> np.allclose(preimage(phi, phi(np.eye(2))), np.eye(2))
        True
    """
    for layer, x, outside in _layers(phi, features):
        if outside > jnp.sqrt(jnp.finfo(x.dtype).eps):
            raise ValueError(
                f"the features have no preimage: at layer {layer} they lie outside the range of "
                "its weights by a relative "
                f"residual of {outside:.3g} (Theorem 5.2)."
            )
    return x


@door()
def range_residual(phi: FullyConnected, features: Float[Array, "n p"]) -> float:
    """How far features lie outside the range of a network: what `preimage` compares with 0.

    It is the largest share, over the layers, of ||t|| outside range(W_l).

    Raises: ValueError as `preimage`, except for features outside the range.

    Example:
        >>> from distill_lib.theory.non_surjective import range_residual
        >>> phi = dl.FullyConnected((np.eye(3, 2),), slope=0.5)  # onto the first two of three axes
        >>> round(range_residual(phi, np.array([[0.0, 3.0, 4.0]])), 6)
        0.8
    """
    return max(outside for _, _, outside in _layers(phi, features))


def _layers(phi, features):
    """From the last layer: its number, its input W_l^+ t, the share of t out of its range."""
    checks.matrix("features", features, cols=phi.dim_out)
    if not 0 < phi.slope < float("inf"):
        raise ValueError(
            f"LeakyReLU with slope {phi.slope} is not invertible; Theorem 5.2 needs slope > 0."
        )
    x = jnp.asarray(features)
    for layer, w in reversed(list(enumerate(phi.weights, start=1))):
        factors = svd(w)
        if len(factors.s) < w.shape[1]:
            raise ValueError(
                f"the weights of layer {layer} have rank {len(factors.s)} < {w.shape[1]}, so the "
                "network is not injective; "
                "Theorem 5.2 needs layers that never narrow, of full column rank."
            )
        t = jnp.where(x >= 0, x, x / phi.slope)
        inside = t @ factors.v
        size = jnp.linalg.norm(t)
        outside = float(jnp.linalg.norm(t - inside @ factors.v.T) / jnp.where(size > 0, size, 1))
        x = (inside / factors.s[None, :]) @ factors.ut
        yield layer, x, outside


@door()
def theorem_5_3_block(phi: DeepLinear, weights: Float[Array, "k p"]) -> Float[np.ndarray, "p p"]:
    """The last p x p block of the right singular vectors of H = [G W_1^+, W^+ W - I_p].

    Theorem 5.3, part 2, asks it to be of full rank. Its rank is that of G W_1^+, hence at most d <
    p.

    Raises: ValueError if H is not of full rank p, as the theorem assumes, or W has not p columns.

    Example:
        >>> from distill_lib.theory.non_surjective import theorem_5_3_block
        >>> phi = dl.DeepLinear((np.eye(3, 2),))
        >>> int(np.linalg.matrix_rank(theorem_5_3_block(phi, np.eye(1, 3))))  # at most d
        2
    """
    checks.matrix("weights", weights, cols=phi.dim_out)
    p = phi.dim_out
    w, first = np.asarray(weights), np.asarray(phi.weights[0])
    if first.shape[0] != p:
        raise ValueError(
            f"the first layer has width {first.shape[0]}; Theorem 5.3 needs d_1 = p = {p}."
        )
    h = np.hstack(
        [np.asarray(phi.matrix) @ np.linalg.pinv(first), np.linalg.pinv(w) @ w - np.eye(p)]
    )
    if (r := rank(jnp.asarray(h))) < p:
        raise ValueError(f"H has rank {r}; Theorem 5.3, part 2, needs full rank p = {p}.")
    return np.linalg.svd(h)[2].T[p:, p:]


@door()
def whitening_layer(features: Float[Array, "m p"], reg_s: float, c: float) -> Float[Array, "p p"]:
    """The extra layer A of Theorem D.1, which whitens the support features.

    A^T A = reg_s c (phi phi^T)^+, and A is symmetric. Then W_S A = c / (c + 1) Y_S phi(X_S)^+.

    Args:
        features: (m, p) support features phi(X_S).
        reg_s: lam_S > 0.
        c: any positive number.
    Raises: ValueError unless reg_s > 0 and c > 0.

    Example:
        >>> from distill_lib.theory.non_surjective import whitening_layer
        >>> np.allclose(whitening_layer(2 * np.eye(2), reg_s=1.0, c=4.0), np.eye(2))
        True
    """
    checks.positive("reg_s", reg_s)
    checks.positive("c", c)
    f = svd(features)
    return (f.ut.T * (np.sqrt(reg_s * c) / f.s)[None, :]) @ f.ut


@door()
def free_layer(
    weights: Float[Array, "k p"], features: Float[Array, "m p"], reg_s: float, c: float = 1.0
) -> tuple[Float[Array, "m p"], Float[Array, "m k"]]:
    """A layer A and labels with W_S A = W for any points, when A may be any matrix.

    A = sqrt(reg_s c) (phi^+ + (W phi)^+ W (I - phi phi^+)) and Y_S = (c + 1) / c W phi. The first
    term is Theorem D.1's, the second puts W itself into the layer. At m = rank W it is all there
    is, A = sqrt(reg_s c) (W phi)^+ W.

    Args: as `whitening_layer`, with weights: (k, p) original model W.
    Returns: A (m, p) and the labels (m, k).
    Raises: ValueError unless reg_s, c > 0, the features have rank m, and W phi(X_S) has that of W.

    Example:
        >>> from distill_lib.theory.non_surjective import free_layer
        >>> w, f = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]])
        >>> layer, labels = free_layer(w, f, reg_s=0.1)
        >>> np.allclose(dl.recovered_weights(f @ layer.T, labels, reg_s=0.1) @ layer, w)
        True
    """
    checks.positive("reg_s", reg_s)
    checks.positive("c", c)
    f, outputs = svd(features), features @ weights.T
    if (r := len(f.s)) < len(features):
        raise ValueError(
            f"the features have rank {r} < m = {len(features)}; choose points with independent "
            "features."
        )
    y = svd(outputs)
    if len(y.s) < (r := rank(weights)):
        raise ValueError(f"W phi(X_S) has rank {len(y.s)} < rank(W) = {r}; choose other points.")
    outside = weights - (weights @ f.ut.T) @ f.ut
    layer = f.with_values(1 / f.s) + y.with_values(1 / y.s) @ outside
    return np.sqrt(reg_s * c) * layer, (c + 1) / c * outputs
