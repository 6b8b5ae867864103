"""Federated ridge regression in one round: silos send statistics, a server adds and distils."""

import dataclasses
import math
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.whitening import Preprocessing
from distill_lib.linalg.pseudoinverse import negligible
from distill_lib.privacy.gaussian_mechanism import StatisticsMechanism
from distill_lib.privacy.release import PrivateRidge, noisy_ridge, noisy_statistics
from distill_lib.ridge import GRID, RidgeModel, RidgePath, RidgeStats, generalised


class SiloRelease(eqx.Module):
    """What a silo sends: its statistics with noise, and the guarantee that they carry.

    Attributes:
        gram, cross: noisy G (p, p) and C (k, p).
        mechanism: which noise.
    """

    gram: Float[Array, "p p"]
    cross: Float[Array, "k p"]
    mechanism: StatisticsMechanism = eqx.field(static=True)


@door()
def silo_release(
    images,
    labels,
    feature_map: FeatureMap,
    normalisation: Normalisation,
    mechanism: StatisticsMechanism,
    *,
    classes: int,
    key: PRNGKeyArray | None = None,
) -> SiloRelease:
    """Private statistics of a silo: the noise is in them before they leave it.

    Args: as `private_ridge`.
    Raises: as `private_ridge`.

    Example:
        >>> from distill_lib.privacy import federated_private, silo_release
        >>> norm, images = dl.Normalisation((1, 2, 1), 1, 0, 1), np.eye(2).reshape(2, 1, 2, 1)
        >>> many = np.tile(images, (500, 1, 1, 1)), np.arange(1000) % 2
        >>> phi, mechanism = dl.Linear(2), dl.StatisticsMechanism(epsilon=2.0, delta=1e-5)
        >>> silos = [silo_release(*many, phi, norm, mechanism, classes=2) for _ in range(3)]
        >>> federated_private(silos, phi, norm).model.predict(images).tolist()
        [0, 1]
    """
    gram, cross = noisy_statistics(
        images, labels, feature_map, normalisation, mechanism, classes=classes, key=key
    )
    return SiloRelease(jnp.asarray(gram), jnp.asarray(cross), mechanism)


def federated_private(
    releases: Sequence[SiloRelease], feature_map: FeatureMap, normalisation: Normalisation
) -> PrivateRidge:
    """The private model of all silos, from one message of each.

    The noise adds up: sigma^2 is the sum of theirs, and lam the size of G's noise. A record lies in
    one silo, so the sum is as private for it as its silo's message; stated are the largest epsilon
    and delta of any.

    Raises: ValueError without a release, for other shapes, or for silos that clip at other norms or
        mean other neighbours.
    """
    _alike([(*one.cross.shape, one.gram.shape[0]) for one in releases])
    mechanisms = [one.mechanism for one in releases]
    if len({(one.bound, one.adjacency) for one in mechanisms}) > 1:
        raise ValueError(
            "the silos clip at different norms or mean different neighbours; one bound and one "
            "adjacency for all are needed."
        )
    gram, cross = (np.sum([np.asarray(getattr(one, name)) for one in releases], axis=0)
                   for name in ("gram", "cross"))  # fmt: skip
    reg = math.hypot(*(one.reg(len(gram)) for one in mechanisms))
    worst = dataclasses.replace(
        mechanisms[0],
        epsilon=max(one.epsilon for one in mechanisms),
        delta=max(one.delta for one in mechanisms),
    )
    model = RidgeModel(
        jnp.asarray(noisy_ridge(gram, cross, reg)), feature_map, normalisation, reg, (), ()
    )
    return PrivateRidge(model, worst)


def federated_ridge(
    parts: Sequence[RidgeStats],
    feature_map: FeatureMap,
    normalisation: Preprocessing,
    *,
    reg: float | None = None,
    regs: Sequence[float] = GRID,
) -> RidgeModel:
    """The model of all silos from their exact statistics: that of the pooled data up to rounding.

    Exact statistics are not private, see `added_records`.

    Args:
        parts: of disjoint silos, from `RidgeStats.of_images`.
        reg: lam; None takes that of `regs` with the least `ridge.generalised` cross-validation,
            since the server has no sample to validate on.
    Raises: ValueError without statistics, for other shapes, or a reg that is none.

    Example:
        >>> from distill_lib.privacy import federated_ridge
        >>> silos = [dl.RidgeStats.of(np.eye(2), np.eye(2)) for _ in range(3)]
        >>> norm = dl.Normalisation((1, 2, 1), 1, 0, 1)
        >>> federated_ridge(silos, dl.Linear(2), norm, reg=3.0).weights.tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    _alike([part.cross.shape for part in parts])
    stats = sum(parts[1:], parts[0])
    path = RidgePath.of(stats)
    if reg is None:
        for one in regs:
            checks.positive("reg", one)
        reg = float(regs[int(np.argmin(generalised(stats, regs, path)))])
    weights = feature_map.onto_span(path.weights(reg))
    return RidgeModel(weights, feature_map, normalisation, reg, (), ())


@door()
def added_records(
    gram: Float[np.ndarray, "p p"], cross: Float[np.ndarray, "k p"]
) -> tuple[Float[np.ndarray, "a p"], np.ndarray]:
    """The records behind exact statistics of a few: what a curious server learns.

    Of one round they are those of a silo; of two rounds, the difference of a silo's statistics, the
    records that were added between. G, C and the number of records determine records with
    independent features, up to their order, if there are at most k' + 1 of them, k' the number of
    classes among them; with more, other features have the same statistics. The number is not asked
    for: records with dependent features, a record and one of zeros for instance, can have the G and
    C of fewer, which are then returned.

    - One of each class: its features are its class's row of C.
    - Two of one class: s is that row, and G less what is known is s s^T / 2 + d d^T / 2, so the two
      are (s + d) / 2 and (s - d) / 2.

    Args:
        gram, cross: G and C of these records.
    Returns: features (a, p), and their classes (a,).
    Raises: ValueError where there are more records.

    Example:
        >>> from distill_lib.privacy import added_records
        >>> secret, labels = np.array([[1.0, 2, 1], [1, 3, 1], [2, 1, 5]]), np.array([0, 1, 1])
        >>> stats = dl.RidgeStats.of(secret, np.eye(2)[labels])
        >>> found, classes = added_records(stats.gram, stats.cross)
        >>> found.round(6).tolist(), classes.tolist()
        ([[1.0, 2.0, 1.0], [2.0, 1.0, 5.0], [1.0, 3.0, 1.0]], [0, 1, 1])
    """
    g, c = np.asarray(gram), np.asarray(cross)
    size, tolerance = np.linalg.norm(g), 1e4 * negligible(g.shape, g.dtype)
    present = np.flatnonzero(np.linalg.norm(c, axis=1) > tolerance * np.sqrt(size))
    rest = g - c.T @ c
    if np.linalg.norm(rest) <= tolerance * size:
        return c[present], present
    fits = []  # how much is left over, whose pair it is, and d
    for pair in present.tolist():
        values, vectors = np.linalg.eigh(rest + np.outer(c[pair], c[pair]) / 2)
        v, top = vectors[:, -1], max(float(values[-1]), 0.0)
        fits.append((np.linalg.norm(values[:-1]), pair, np.sqrt(2 * top) * v))
    error, pair, d = min(fits, key=lambda fit: fit[0], default=(np.inf, 0, np.zeros(0)))
    if error > tolerance * size:
        raise ValueError(
            f"the statistics are of more records than classes and one more ({len(present)} + 1): "
            "other features have the same."
        )
    d = d if d.sum() > 0 else -d
    single = present[present != pair]
    both = np.stack([c[pair] + d, c[pair] - d]) / 2
    return np.concatenate([c[single], both]), np.append(single, [pair, pair])


def _alike(shapes) -> None:
    if not shapes:
        raise ValueError("no silo sent anything; at least one is needed.")
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(
                f"silo {number} sent statistics of shape {tuple(map(int, shape))} and silo 0 of "
                f"{tuple(map(int, shapes[0]))}; all need the same feature map and classes."
            )
