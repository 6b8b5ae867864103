"""How a set begins: a function for each construction behind Algorithm 1."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.boundary.checks import gathered
from distill_lib.boundary.door import plain
from distill_lib.images.sampling import balanced_points
from distill_lib.linalg import thin
from distill_lib.linalg.pseudoinverse import Signs, largest_reg, pinv, rank, regularised, roots, svd
from distill_lib.ridge import RidgeModel
from distill_lib.theory import closed_form
from distill_lib.theory.labels_only import solved_labels
from distill_lib.theory.nearest import nearest_set
from distill_lib.theory.realistic import realistic_matrix

Features = Float[Array, "m p"]


class Asked(NamedTuple):
    """What a set is to be made of, checked.

    Attributes:
        model: the original model.
        weights: (k, p) its W, with rows in the span of phi's features.
        m: number of support points.
        key: JAX random key.
        start: by which construction.
        pool: images and labels to draw real samples from, or None.
        reg_s: lam_S wished.
        branch, too_large, label_rule, noise: as `algorithm.distill`.
    """

    model: RidgeModel
    weights: Float[Array, "k p"]
    m: int
    key: PRNGKeyArray
    start: str
    pool: Any
    reg_s: float
    branch: Signs | None
    too_large: str
    label_rule: str
    noise: float

    @property
    def one_hot(self) -> Float[Array, "m k"]:
        """The labels (m, k) of class 0, 1, ..., k-1, 0, 1, ..."""
        k = len(self.weights)
        return jnp.asarray(np.eye(k, dtype=self.weights.dtype)[np.arange(self.m) % k])


class Made(NamedTuple):
    """What a start found.

    Attributes:
        features: (m, p) that the set has to have; None where its points are the samples.
        labels, convention: (m, k) Y_S, and what they are, in words.
        reg_s: lam_S, which may have been lowered to its bound.
        record: how it was made.
        samples, real: network inputs of m real samples and phi of them; None from noise.
    """

    features: Features | None
    labels: Float[Array, "m k"]
    convention: str
    reg_s: float
    record: dict[str, Any]
    samples: Any = None
    real: Any = None


def _from_noise(asked: Asked) -> Made:
    """Theorem 4.1 with a random Z, of `noise` times the deviation of the entries of Y_S^+ W."""
    weights, labels, phi = asked.weights, asked.one_hot, asked.model.feature_map
    d = closed_form.recovery_matrix(weights, labels)
    if not (thin.is_long(d) and len(d) == len(weights)):  # there Z has no part, and is large
        rng = np.random.default_rng(np.asarray(jax.random.key_data(asked.key)))
        z = asked.noise * float(np.std(np.asarray(d))) * rng.standard_normal(d.shape)
        inside = phi.onto_span(jnp.asarray(z, weights.dtype))
        d = closed_form.recovery_matrix(weights, labels, inside)
    features, reg_s = _support_features(d, asked, None)
    return Made(features, labels, "one-hot", reg_s, {"noise": asked.noise})


def _from_real(asked: Asked) -> Made:
    """Corollary 4.1.1, with labels by the rule."""
    samples, real, record = _drawn(asked)
    convention, labels = _labels(asked, real)
    d = realistic_matrix(asked.weights, labels, real, asked.reg_s)
    features, reg_s = _support_features(d, asked, real)
    return Made(features, labels, convention, reg_s, record, samples, real)


def _nearest(asked: Asked) -> Made:
    """The nearest features that carry W, with labels of their own."""
    samples, real, record = _drawn(asked)
    features, labels, _ = nearest_set(asked.weights, real, asked.reg_s)
    return Made(features, labels, "W phi_{lam_S}(X_S)", asked.reg_s, record, samples, real)


def _labels_only(asked: Asked) -> Made:
    """Theorem 4.2: the samples themselves, with solved labels."""
    samples, real, record = _drawn(asked)
    labels = solved_labels(asked.weights, real, asked.reg_s)
    return Made(None, labels, "W phi_{lam_S}(X_S)", asked.reg_s, record, samples, real)


class Construction(NamedTuple):
    """A start by its function, and the names of a set that is exact and of one that is not."""

    make: Callable[[Asked], Made]
    exact: str
    inexact: str


def _through_inverse(make: Callable[[Asked], Made], name: str) -> Construction:
    return Construction(make, name, f"{name}, through an inexact inverse")


STARTS = {
    "noise": _through_inverse(_from_noise, "Theorem 4.1/5.1 from noise"),
    "real": _through_inverse(_from_real, "Corollary 4.1.1"),
    "nearest": _through_inverse(_nearest, "nearest set in feature space"),
    "labels": Construction(_labels_only, "Theorem 4.2", "least squares of Theorem 4.2"),
}


def _drawn(asked: Asked) -> tuple[Float[Array, "m d"], Features, dict[str, Any]]:
    """Network inputs of real samples, phi of them, and which they are."""
    if asked.pool is None:
        raise ValueError(
            f"start '{asked.start}' begins at real samples; give pool=(images, labels) to draw "
            "them from."
        )
    if not (isinstance(asked.pool, tuple | list) and len(asked.pool) == 2):
        raise ValueError("pool must be a pair (images, labels) of real samples to draw from.")
    images, labels = asked.pool[0], plain("the pool's labels", gathered(asked.pool[1]))
    samples, index = balanced_points(
        asked.key, images, labels, asked.m, len(asked.weights), asked.model.normalisation
    )
    return samples, asked.model.feature_map(samples), {"samples": index.tolist()}


def _labels(asked: Asked, real: Features) -> tuple[str, Float[Array, "m k"]]:
    """Labels of Corollary 4.1.1 by the rule, and what they are."""
    if asked.label_rule == "one-hot":
        return "one-hot", asked.one_hot
    outputs = regularised(real, asked.reg_s) @ asked.weights.T
    if asked.label_rule == "model" or rank(outputs) == len(asked.weights):
        closed_form.label_svd(outputs)
        return "W phi_{lam_S}(Xh)", outputs
    return "one-hot", asked.one_hot


def _support_features(d, asked: Asked, real) -> tuple[Features, float]:
    """phi(X_S) with phi_{lam_S}(X_S)^+ = D, and lam_S, perhaps lowered to its bound."""
    reg_s, branch = asked.reg_s, asked.branch
    if reg_s == 0 and branch is None:
        return pinv(d), reg_s
    target = svd(d).inverse()
    if asked.too_large == "clip" and reg_s > 0:
        reg_s = min(reg_s, largest_reg(target.s))
    signs = _nearer_roots(target, real) if branch is None else branch
    return target.with_values(roots(target.s, reg_s, signs)), reg_s


def _nearer_roots(target, real):
    """The root nearer to the real features' extent along each singular direction.

    The two roots are symmetric about mu / 2.
    """
    if real is None:
        return "+"
    if thin.is_long(real):
        extent = np.sum(target.v * target.along(real).T, axis=0)  # type: ignore[attr-defined]
    else:
        extent = np.asarray(jnp.einsum("mr,mp,rp->r", target.v, real, target.ut))
    return np.where(extent >= target.s / 2, 1.0, -1.0)
