"""Algorithm 1: from a trained ridge model to a distilled set that trains to it."""

import warnings
from typing import Any, Literal, get_args

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import Signs
from distill_lib.ridge import RidgeModel
from distill_lib.sets.distilled_set import DistilledSet
from distill_lib.starts import STARTS, Asked, Construction, Made
from distill_lib.theory import closed_form
from distill_lib.theory.conditions import enough_points, independent_outputs
from distill_lib.theory.exactness import shortfall
from distill_lib.theory.surjective import points_of

Start = Literal["noise", "real", "nearest", "labels"]
LabelRule = Literal["auto", "one-hot", "model"]


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
    """Make a support set of m points whose ridge model is the given one (Algorithm 1).

    Two constructions beside it are offered as a `start`. From real samples phi is inverted near
    them.

    Args:
        model: the original model: W of rank k, phi, normalisation.
        m: number of support points, at least k.
        key: JAX random key, for the noise or the choice of real samples.
        start: "noise" (Theorem 4.1 and 5.1, Z random), "real" (Corollary 4.1.1, Z from real
            samples), "nearest" (the support features nearest to those of the real samples, with
            labels of their own; for the linear map nearest between the data themselves), "labels"
            (Theorem 4.2, the real samples with solved labels: exact only where they span the rows
            of W).
        pool: (images, labels) to draw class-balanced real samples from; needed unless start is
            "noise".
        reg_s: lam_S wished.
        branch: which root of Theorem 4.1, see `pseudoinverse.unregularised`. None takes "+" from
            noise, and from real samples for each singular value the root nearer to theirs, so that
            a large reg_s does not drive the set away from them. Unused by "nearest" and "labels",
            whose points do not depend on reg_s.
        too_large: whether a reg_s above 1 / (4 s_1^2) is lowered to it, as Algorithm 1 does, or
            refused; "nearest" and "labels" have no such bound.
        label_rule: for start "real": "one-hot", "model" (Y_S = W phi_{lam_S}(Xh)), or "auto":
            "model" if that has rank k.
        noise: standard deviation of Z in units of the standard deviation of Y_S^+ W's entries.
    Returns: the set. Features outside phi's range (random Fourier features) are scaled into it by
        c, and reg_s by c^2; then W_S = W / c, with the same predictions. `provenance` records c,
        the reg_s asked for, whether the set is exact up to rounding and how exactly it carries W in
        its own arithmetic; from real samples also the relative distances to them, in feature and
        data space. `construction` names a theorem only if the set is one of it. A warning tells of
        an inexact set: phi.inverse(f) has other features than f, or the points of "labels" do not
        span W.
    Raises: ValueError if m < k, W or Y_S is rank-deficient, reg_s is too large and to be refused,
        the pool is missing or unfit, phi has no right inverse, W leaves the span of phi's features,
        or an argument is unknown.

    Example:
        >>> norm = dl.Normalisation((1, 2, 1), pixel_max=1, mean=(0,), std=(1,))
        >>> model = dl.RidgeModel(np.eye(2), dl.Linear(2), norm, 0.1, (0.1,), ())
        >>> dl.distill(model, m=3, key=jax.random.key(0)).provenance["exact"]
        True
    """
    _check_words(start, label_rule, too_large)
    asked = _asked(model, m, key, start, pool, reg_s, branch, too_large, label_rule, noise)
    chosen = STARTS[start]
    return _set_of(asked, chosen.make(asked), chosen)


def _set_of(asked: Asked, made: Made, start: Construction) -> DistilledSet:
    """The points of the wished features, and what they carry in their own arithmetic."""
    model, phi = asked.model, asked.model.feature_map
    scale, reg_s, points, wished = 1.0, made.reg_s, made.samples, None
    if made.features is not None:
        points, wished, scale = points_of(phi, made.features, near=made.samples)
        reg_s = scale**2 * reg_s
    features = phi(points)
    recovered = closed_form.recovered_weights(features, made.labels, reg_s)
    error = closed_form.recovery_error(
        model.weights, recovered if scale == 1 else scale * recovered
    )
    record: dict[str, Any] = {
        "start": asked.start,
        "key": np.asarray(jax.random.key_data(asked.key)).tolist(),
        "reg_s_asked": asked.reg_s,
        **made.record,
        "range_scale": scale,
        "recovery_error": error,
        "cosine": closed_form.cosine(model.weights, recovered),
        "reg": model.reg,
    }
    if made.real is not None:
        record |= {
            "feature_distance": closed_form.recovery_error(made.real, features),
            "distance": closed_form.recovery_error(made.samples, points),
        }
    why = shortfall(phi, points, features, wished, reg_s, error)
    if why:
        warnings.warn(
            f"{why} The set carries the model only up to a recovery error of {error:.2g}.",
            stacklevel=4,
        )
    record["exact"] = not why
    construction = start.inexact if why else start.exact
    return DistilledSet(
        points,
        made.labels,
        float(reg_s),
        phi,
        model.normalisation,
        made.convention,
        construction,
        record,
    )


def _check_words(start, label_rule, too_large) -> None:
    for name, value, known in (
        ("start", start, tuple(STARTS)),
        ("label_rule", label_rule, get_args(LabelRule)),
        ("too_large", too_large, ("clip", "refuse")),
    ):
        if value not in known:
            raise ValueError(f"{name} is '{value}'; it must be one of {', '.join(known)}.")


def _asked(model, m, key, start, pool, reg_s, branch, too_large, label_rule, noise) -> Asked:
    """The arguments as numbers; raises ValueError for those that do not fit the model."""
    weights, phi = model.weights, model.feature_map
    if model.intercept is not None:
        raise ValueError(
            "this model has an intercept, and Algorithm 1 is for trainers without one; take "
            "affine_set or nearest_affine_set."
        )
    if not (checks.number(noise) and noise >= 0):
        raise ValueError(
            f"noise = {noise!r} is no standard deviation; it must be finite and at least 0."
        )
    if not (checks.number(m) and m == int(m)):
        raise ValueError(
            f"m = {m!r} is no number of support points; give an integer of at least k = "
            f"{len(weights)}."
        )
    enough_points(int(m), len(weights))
    independent_outputs(
        weights,
        "an output is zero or repeats others; drop that class, or use closed_form.recovery_matrix, "
        "which needs only labels of rank k",
    )
    inside = phi.onto_span(weights)  # where the rows of D have to be
    if (outside := closed_form.recovery_error(weights, inside)) > np.sqrt(
        np.finfo(weights.dtype).eps
    ):
        raise ValueError(
            f"the model W leaves the span of phi's features by {outside:.3g} of its norm, so no "
            "support "
            "set carries it (Theorem 5.3); distil phi.onto_span(W), which answers the same on "
            "every input."
        )
    return Asked(
        model,
        inside,
        int(m),
        key,
        start,
        pool,
        float(reg_s),
        branch,
        too_large,
        label_rule,
        float(noise),
    )
