"""Algorithm 1: from a trained ridge model to a distilled set that trains to it."""

import warnings
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.boundary.door import door, finished, plain
from distill_lib.images.normalisation import balanced_sample
from distill_lib.linalg.pseudoinverse import Signs, largest_reg, pinv, rank, regularised, roots, svd
from distill_lib.ridge.model import RidgeModel
from distill_lib.sets.distilled_set import DistilledSet
from distill_lib.theory import closed_form
from distill_lib.theory.exactness import inverse_error, least_squares_error
from distill_lib.theory.nearest import nearest_set

Start = Literal["noise", "real", "nearest", "labels"]
LabelRule = Literal["auto", "one-hot", "model"]

_CONSTRUCTIONS = {
    "noise": "Theorem 4.1/5.1 from noise",
    "real": "Corollary 4.1.1",
    "nearest": "nearest set in feature space",
    "labels": "Theorem 4.2",
}
_INEXACT = {start: f"{name}, through an inexact inverse" for start, name in _CONSTRUCTIONS.items()}
_INEXACT["labels"] = "least squares of Theorem 4.2"


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
        then W_S = W / c, with the same predictions. `provenance` records c, the reg_s asked for, whether the set is exact up to
        rounding and how exactly it carries W in its own arithmetic; from real samples also the relative distances to them, in
        feature and in data space. `construction` names a theorem only if the set is one of it; a warning tells of a set that is not exact, because phi.inverse(f)
        has other features than f, or the points of "labels" do not span W.
    Raises: ValueError if m < k, W or Y_S is rank-deficient, reg_s is too large and to be refused, the pool is missing or
        unfit, phi has no right inverse, W leaves the span of phi's features, or an argument is unknown.
    """
    weights, phi = model.weights, model.feature_map
    k = len(weights)
    m, reg_s, noise = _checked(model, m, start, reg_s, too_large, label_rule, noise)
    weights = _within_span(weights, phi)
    one_hot = jnp.asarray(np.eye(k, dtype=weights.dtype)[np.arange(m) % k])
    samples: Any = None
    real: Any = None
    record: dict[str, Any] = {
        "start": start,
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "reg_s_asked": reg_s,
    }

    if start == "noise":
        convention, labels, record["noise"] = "one-hot", one_hot, noise
        d = _noise_matrix(weights, labels, key, noise, phi)
    else:
        samples, record["samples"] = _real_points(model, m, key, pool, start)
        points, real = samples, phi(samples)
        convention = "W phi_{lam_S}(X_S)"
    if start == "real":
        convention, labels = _labels(weights, real, reg_s, label_rule, one_hot)
        d = closed_form.realistic_matrix(weights, labels, real, reg_s)
    if start == "nearest":
        features, labels, _ = nearest_set(weights, real, reg_s)
    if start == "labels":
        labels = closed_form.solved_labels(weights, real, reg_s)
    if start in ("noise", "real"):
        features, reg_s = _support_features(d, real, reg_s, branch, too_large)

    scale = 1.0
    if start != "labels":
        scale = phi.range_scale(features)
        wished = features if scale == 1 else scale * features
        points = phi.inverse(wished, near=samples)
        finished("what the feature map's inverse gives", points)
        reg_s = scale**2 * reg_s

    features = phi(points)
    recovered = closed_form.recovered_weights(features, labels, reg_s)
    error = closed_form.recovery_error(model.weights, recovered if scale == 1 else scale * recovered)
    record |= {
        "range_scale": scale,
        "recovery_error": error,
        "cosine": closed_form.cosine(model.weights, recovered),
        "reg": model.reg,
    }
    if real is not None:
        record |= {
            "feature_distance": closed_form.recovery_error(real, features),
            "distance": closed_form.recovery_error(samples, points),
        }
    if start == "labels":
        record["exact"] = _spanned(*least_squares_error(features, reg_s, error), m)
    else:
        record["exact"] = _inverted(*inverse_error(phi, points, wished, features), phi, error)
    construction = _CONSTRUCTIONS[start] if record["exact"] else _INEXACT[start]
    return DistilledSet(
        points, labels, float(reg_s), phi, model.normalisation, convention, construction, record
    )


def _checked(model, m, start, reg_s, too_large, label_rule, noise) -> tuple[int, float, float]:
    """m, reg_s and noise as numbers. Raises: ValueError for arguments that are unknown or do not fit the model."""
    weights = model.weights
    k = len(weights)
    for name, value, known in (
        ("start", start, tuple(_CONSTRUCTIONS)),
        ("label_rule", label_rule, get_args(LabelRule)),
        ("too_large", too_large, ("clip", "refuse")),
    ):
        if value not in known:
            raise ValueError(f"{name} is '{value}'; it must be one of {', '.join(known)}.")
    checks.reg("reg_s", reg_s)
    if not (checks.number(noise) and noise >= 0):
        raise ValueError(f"noise = {noise!r} is no standard deviation; it must be finite and at least 0.")
    checks.matrix("weights", weights, cols=model.feature_map.dim_out)
    if not (checks.number(m) and m == int(m)):
        raise ValueError(f"m = {m!r} is no number of support points; give an integer of at least k = {k}.")
    if m < k:
        raise ValueError(
            f"m = {m} support points cannot carry a model with k = {k} outputs; Theorem 4.1 needs m >= k."
        )
    if (r := rank(weights)) < k:
        raise ValueError(
            f"the model W has rank {r} < k = {k}: an output is zero or repeats others; drop that class, or use "
            "closed_form.recovery_matrix, which needs only labels of rank k."
        )
    return int(m), float(reg_s), float(noise)


def _noise_matrix(weights, labels, key, noise, phi):
    """D of Theorem 4.1 with a random Z, its deviation `noise` times that of the entries of Y_S^+ W."""
    smallest = closed_form.recovery_matrix(weights, labels)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    z = noise * float(np.std(np.asarray(smallest))) * rng.standard_normal(smallest.shape)
    return closed_form.recovery_matrix(weights, labels, phi.onto_span(jnp.asarray(z, weights.dtype)))


def _support_features(d, real, reg_s, branch, too_large):
    """phi(X_S) with phi_{lam_S}(X_S)^+ = D, and lam_S, which may have been lowered to its bound."""
    if reg_s == 0 and branch is None:
        return pinv(d), reg_s
    target = svd(d).inverse()
    if too_large == "clip" and reg_s > 0:
        reg_s = min(reg_s, largest_reg(target.s))
    signs = _nearer_roots(target, real, reg_s) if branch is None else branch
    return target.with_values(roots(target.s, reg_s, signs)), reg_s


def _inverted(gap, rounding, phi, error) -> bool:
    """Whether phi's inverse has found the features, to rounding and at all; else a warning."""
    if exact := gap <= rounding and gap < 1:
        return exact
    cause = (
        f"phi(inverse(f)) differs from f by {gap:.2g} of its norm, and rounding explains {rounding:.1g}: correct the inverse"
        if gap > rounding
        else f"rounding makes of it what differs from f by {gap:.2g} of its norm: compute in float64, or take another map"
    )
    warnings.warn(
        f"{type(phi).__name__}.inverse is no right inverse of the map here; {cause}. The set carries the model only up to a recovery "
        f"error of {error:.2g}.",
        stacklevel=4,
    )
    return exact


def _spanned(error, rounding, m) -> bool:
    """Whether the points of "labels" span the rows of W; else a warning."""
    if error > rounding:
        warnings.warn(
            f"the features of these {m} samples do not span the model's rows: their best labels leave a recovery error of {error:.2g} "
            '(Theorem 4.2 is exact only where they span). Take more samples, or start "nearest", which moves them until they do.',
            stacklevel=4,
        )
    return error <= rounding


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
    if not (isinstance(pool, tuple | list) and len(pool) == 2):
        raise ValueError("pool must be a pair (images, labels) of real samples to draw from.")
    images, labels = model.normalisation.opened(pool[0]), plain("the pool's labels", pool[1])
    checks.labels("the pool's labels", labels, len(model.weights), count=len(images))
    index = balanced_sample(key, labels, m, len(model.weights))
    order = np.argsort(index)  # files are read in ascending order
    chosen = np.asarray(images[index[order]])[np.argsort(order)]
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
