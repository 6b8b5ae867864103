"""Algorithm 1: from a trained ridge model to a distilled set that trains to it."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from distill_lib import _checks, closed_form
from distill_lib._door import door
from distill_lib.distilled_set import DistilledSet
from distill_lib.images import balanced_sample
from distill_lib.nearest import nearest_set
from distill_lib.pseudoinverse import Signs, largest_reg, pinv, rank, regularised, roots, svd
from distill_lib.ridge import RidgeModel

Start = Literal["noise", "real", "nearest", "labels"]
LabelRule = Literal["auto", "one-hot", "model"]

_NEEDS = {
    "noise": "Theorem 4.1/5.1 from noise",
    "real": "Corollary 4.1.1",
    "nearest": "nearest set in feature space",
    "labels": "Theorem 4.2",
}


@door()
def distill(
    model: RidgeModel,
    m: int,
    *,
    key: PRNGKeyArray,
    start: Start = "noise",
    pool=None,
    reg_s: float = 0.0,
    branch: Signs | None = None,
    too_large: Literal["clip", "refuse"] = "clip",
    label_rule: LabelRule = "auto",
    noise: float = 0.1,
) -> DistilledSet:
    """A support set of m points whose ridge model is the given one (Algorithm 1, and two constructions beside it).

    Args:
        model: the original model: W of rank k, phi, normalisation.
        m: number of support points, at least k.
        key: JAX random key, for the noise or the choice of real samples.
        start: "noise" (Theorem 4.1 and 5.1, Z random), "real" (Corollary 4.1.1, Z from real samples), "nearest" (the
            support features nearest to those of the real samples, with labels of their own; nearest between the data themselves
            for the linear map), "labels" (Theorem 4.2, the real samples themselves with solved labels: exact only where
            they span the rows of W). From real samples phi is inverted near them.
        pool: (images, labels) to draw class-balanced real samples from; needed unless start is "noise".
        reg_s: lam_S wished.
        branch: which root of Theorem 4.1, see `pseudoinverse.unregularised`; None takes "+" from noise, and from real samples
            for each singular value the root nearer to theirs, so that a large reg_s does not drive the set away from them. Unused
            by "nearest" and "labels", whose points do not depend on reg_s.
        too_large: whether a reg_s above 1 / (4 s_1^2) is lowered to it, as Algorithm 1 does, or refused; "nearest" and "labels" have
            no such bound.
        label_rule: for start "real": "one-hot", "model" (Y_S = W phi_{lam_S}(Xh)), or "auto": "model" if that has rank k.
        noise: standard deviation of Z in units of the standard deviation of Y_S^+ W's entries.
    Returns: the set. Features outside phi's range (random Fourier features) are scaled into it by c, and reg_s by c^2;
        then W_S = W / c, with the same predictions. `provenance` records c, the reg_s asked for, and how exactly the set carries
        W in its own arithmetic; from real samples also the relative distances to them, in feature and in data space.
    Raises: ValueError if m < k, W or Y_S is rank-deficient, reg_s is too large and to be refused, the pool is missing or
        unfit, phi has no right inverse, W leaves the span of phi's features, or an argument is unknown.
    """
    weights, phi = model.weights, model.feature_map
    k = weights.shape[0]
    if start not in _NEEDS:
        raise ValueError(f"start is '{start}'; it must be one of {', '.join(_NEEDS)}.")
    if label_rule not in ("auto", "one-hot", "model"):
        raise ValueError(f"label_rule is '{label_rule}'; it must be auto, one-hot or model.")
    if too_large not in ("clip", "refuse"):
        raise ValueError(f"too_large is '{too_large}'; it must be clip or refuse.")
    _checks.reg("reg_s", reg_s)
    if not (_checks.number(noise) and noise >= 0):
        raise ValueError(f"noise = {noise!r} is no standard deviation; it must be finite and at least 0.")
    reg_s, noise = float(reg_s), float(noise)
    _checks.matrix("weights", weights, cols=phi.dim_out)
    if not (_checks.number(m) and m == int(m)):
        raise ValueError(f"m = {m!r} is no number of support points; give an integer of at least k = {k}.")
    m, real = int(m), None
    if m < k:
        raise ValueError(
            f"m = {m} support points cannot carry a model with k = {k} outputs; Theorem 4.1 needs m >= k."
        )
    if (r := rank(weights)) < k:
        raise ValueError(
            f"the model W has rank {r} < k = {k}: an output is zero or repeats others; drop that class, or use "
            "closed_form.recovery_matrix, which needs only labels of rank k."
        )
    weights = _within_span(weights, phi)
    one_hot = jnp.asarray(np.eye(k, dtype=weights.dtype)[np.arange(m) % k])
    record: dict = {
        "start": start,
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "reg_s_asked": reg_s,
    }

    if start == "noise":
        convention, labels = "one-hot", one_hot
        smallest = closed_form.recovery_matrix(weights, labels)
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        z = noise * float(np.std(np.asarray(smallest))) * rng.standard_normal(smallest.shape)
        d = closed_form.recovery_matrix(weights, labels, phi.onto_span(jnp.asarray(z, weights.dtype)))
        record["noise"] = noise
    else:
        samples, record["samples"] = _real_points(model, m, key, pool, start)
        points, real = samples, phi(samples)
        if start == "real":
            convention, labels = _labels(weights, real, reg_s, label_rule, one_hot)
            d = closed_form.realistic_matrix(weights, labels, real, reg_s)
        else:
            convention = "W phi_{lam_S}(X_S)"
        if start == "nearest":
            features, labels, _ = nearest_set(weights, real, reg_s)
        if start == "labels":
            labels = closed_form.solved_labels(weights, real, reg_s)

    scale = 1.0
    if start in ("noise", "real"):  # phi_{lam_S}(X_S)^+ = D
        if reg_s == 0 and branch is None:
            features = pinv(d)
        else:
            target = svd(d).inverse()
            if too_large == "clip" and reg_s > 0:
                reg_s = min(reg_s, largest_reg(target.s))
            signs = _nearer_roots(target, real, reg_s) if branch is None else branch
            features = target.with_values(roots(target.s, reg_s, signs))
    if start != "labels":
        scale = phi.range_scale(features)
        features = features if scale == 1 else scale * features
        points = phi.inverse(features, near=None if real is None else samples)
        reg_s = scale**2 * reg_s

    features = phi(points)
    recovered = closed_form.recovered_weights(features, labels, reg_s)
    record |= {
        "range_scale": scale,
        "recovery_error": closed_form.recovery_error(
            model.weights, recovered if scale == 1 else scale * recovered
        ),
        "cosine": closed_form.cosine(model.weights, recovered),
        "reg": model.reg,
    }
    if real is not None:
        record |= {
            "feature_distance": closed_form.recovery_error(real, features),
            "distance": closed_form.recovery_error(samples, points),
        }
    return DistilledSet(
        points, labels, float(reg_s), phi, model.normalisation, convention, _NEEDS[start], record
    )


def _within_span(weights, phi):
    """W with its rows in the span of phi's features, as those of D have to be; what Z adds is projected likewise."""
    inside = phi.onto_span(weights)
    if (outside := closed_form.recovery_error(weights, inside)) > np.sqrt(np.finfo(weights.dtype).eps):
        raise ValueError(
            f"the model W leaves the span of phi's features by {outside:.3g} of its norm, so no support set carries it "
            "(Theorem 5.3); distil phi.onto_span(W), which answers the same on every input."
        )
    return inside


def _real_points(model, m, key, pool, start):
    if pool is None:
        raise ValueError(
            f"start '{start}' begins at real samples; give pool=(images, labels) to draw them from."
        )
    if not (isinstance(pool, tuple) and len(pool) == 2):
        raise ValueError("pool must be a pair (images, labels) of real samples to draw from.")
    images, labels = pool
    _checks.labels("the pool's labels", labels, len(model.weights), count=len(images))
    index = balanced_sample(key, labels, m, len(model.weights))
    chosen = np.asarray(images[index])
    model.normalisation.check(chosen)
    return model.normalisation(chosen), index.tolist()


def _nearer_roots(target, real, reg_s):
    """The root nearer to the real features' extent along each singular direction; they are symmetric about mu / 2."""
    if real is None:
        return "+"
    extent = np.asarray(jnp.einsum("mr,mp,rp->r", target.v, real, target.ut))
    return np.where(extent >= target.s / 2, 1.0, -1.0)


def _labels(weights, real, reg_s, rule, one_hot):
    if rule == "one-hot":
        return "one-hot", one_hot
    outputs = regularised(real, reg_s) @ weights.T
    if rule == "model" or rank(outputs) == len(weights):
        closed_form.label_svd(outputs)
        return "W phi_{lam_S}(Xh)", outputs
    return "one-hot", one_hot
