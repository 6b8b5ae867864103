"""A private ridge model and distilled sets of it.

Whatever is made from a private release is as private.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.algorithm import distill
from distill_lib.boundary.door import door
from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import Normalisation
from distill_lib.privacy.gaussian_mechanism import StatisticsMechanism
from distill_lib.ridge import RidgeModel, RidgeStats
from distill_lib.sets.distilled_set import DistilledSet


class PrivateRidge(eqx.Module):
    """A differentially private ridge model.

    Attributes:
        model: W from noisy statistics; all that may be published.
        mechanism: the guarantee that it carries.
    """

    model: RidgeModel
    mechanism: StatisticsMechanism = eqx.field(static=True)

    @door()
    def distill(
        self, m: int, *, key: PRNGKeyArray, start: str = "noise", public_pool=None, **options
    ) -> DistilledSet:
        """A set of m points that carries the private model, and its guarantee with it.

        The set is made from the model alone (post-processing).

        Args:
            key: of the noise start, recorded in the set; not that of `private_ridge`.
            start, options: as `distill_lib.distill`.
            public_pool: (images, labels) for the starts that begin at images. They shine through,
                so none may be private.
        Raises: ValueError for a start from images without a public pool, or a pool by its other
            name; else as `distill`.
        """
        if "pool" in options:
            raise ValueError(
                "a private model takes no pool; give images that are no secret as "
                "public_pool=(images, labels)."
            )
        if start != "noise" and public_pool is None:
            raise ValueError(
                f"start '{start}' begins at images, which show in the set; give "
                "public_pool=(images, labels), "
                "none of them private, or start from noise."
            )
        made = distill(self.model, m, key=key, start=start, pool=public_pool, **options)  # type: ignore[arg-type]
        record = made.provenance | {"privacy": dataclasses.asdict(self.mechanism)}
        return dataclasses.replace(made, provenance=record)


@door()
def private_ridge(
    images,
    labels,
    feature_map: FeatureMap,
    normalisation: Normalisation,
    mechanism: StatisticsMechanism,
    *,
    classes: int,
    key: PRNGKeyArray | None = None,
) -> PrivateRidge:
    """Ridge regression with differential privacy, from one noisy release of the statistics.

    W = C~ (G~_+ + lam I)^{-1}, of clipped features. G~_+ is G~ with its negative eigenvalues set to
    zero, the nearest positive semidefinite matrix, and lam is `mechanism.reg(p)`.

    The model uses phi itself, not clipped, which gives the same classes where phi(t x) = t phi(x)
    for t > 0 (linear maps, LeakyReLU networks without biases). For other maps choose B above the
    norms, for random Fourier features sqrt 2.

    Args:
        images, labels: the private training set, read once.
        feature_map, normalisation: chosen without looking at it; so a mean, a deviation or a
            whitening of its own pixels will not do.
        classes: k, public.
        key: None draws the noise from the operating system's entropy. A key repeats an experiment;
            who knows it can take the noise off again, so nothing made with one is private.
    Raises: ValueError for labels out of range, images of the wrong shape or not finite, or a
        normalisation that is not float64; ImportError without dp-accounting.

    Example:
        >>> norm, images = dl.Normalisation((1, 2, 1), 1, 0, 1), np.eye(2).reshape(2, 1, 2, 1)
        >>> private = dl.private_ridge(
        ...     np.tile(images, (500, 1, 1, 1)), np.arange(1000) % 2, dl.Linear(2), norm,
        ...     dl.StatisticsMechanism(epsilon=2.0, delta=1e-5), classes=2,
        ... )
        >>> private.distill(2, key=jax.random.key(0)).predict(images).tolist()
        [0, 1]
    """
    gram, cross = noisy_statistics(
        images, labels, feature_map, normalisation, mechanism, classes=classes, key=key
    )
    reg = mechanism.reg(len(gram))
    weights = jnp.asarray(noisy_ridge(gram, cross, reg))
    return PrivateRidge(RidgeModel(weights, feature_map, normalisation, reg, (), ()), mechanism)


def noisy_statistics(
    images,
    labels,
    feature_map: FeatureMap,
    normalisation: Normalisation,
    mechanism: StatisticsMechanism,
    *,
    classes: int,
    key: PRNGKeyArray | None,
) -> tuple[Float[np.ndarray, "p p"], Float[np.ndarray, "k p"]]:
    """One private release of G and C, of clipped features and one-hot labels.

    Args and raises: as `private_ridge`.
    """
    mechanism.deviation  # noqa: B018  (needs the accountant, which may be missing: before the data are read)
    stats = clipped_statistics(
        images, labels, feature_map, normalisation, mechanism.bound, classes=classes
    )
    rng = np.random.default_rng(None if key is None else np.asarray(jax.random.key_data(key)))
    return mechanism(np.asarray(stats.gram), np.asarray(stats.cross), rng)


@door()
def clipped_statistics(
    images,
    labels,
    feature_map: FeatureMap,
    normalisation: Normalisation,
    bound: float,
    *,
    classes: int,
) -> RidgeStats:
    """The exact statistics G and C of clipped features and one-hot labels; they are not private.

    Features are phi(x) min(1, B / ||phi(x)||).

    Raises: as `private_ridge`.

    Example:
        >>> from distill_lib.privacy import clipped_statistics
        >>> norm, images = dl.Normalisation((1, 2, 1), 1, 0, 1), np.array([[[[3.0], [4.0]]]])
        >>> stats = clipped_statistics(images, [0], dl.Linear(2), norm, bound=1.0, classes=1)
        >>> stats.gram.round(2).tolist()  # of (0.6, 0.8)
        [[0.36, 0.48], [0.48, 0.64]]
    """
    if normalisation.dtype != "float64":
        raise ValueError(
            f"the normalisation is of {normalisation.dtype}, whose rounding exceeds the margin of "
            "the noise; private statistics need float64."
        )
    return RidgeStats.of_images(
        images, labels, classes, _Clipped(feature_map, bound), normalisation
    )


@door()
def noisy_ridge(
    gram: Float[np.ndarray, "*trials p p"], cross: Float[np.ndarray, "*trials k p"], reg: float
) -> Float[np.ndarray, "*trials k p"]:
    """The ridge model of noisy statistics, C (G_+ + reg I)^{-1}, many at once.

    G is symmetric, of any sign; G_+ is G with its negative eigenvalues set to zero. One
    eigendecomposition, O(p^3).

    Example:
        >>> from distill_lib.privacy import noisy_ridge
        >>> noisy_ridge(np.diag([3.0, -5.0]), np.eye(2), reg=1.0).tolist()
        [[0.25, 0.0], [0.0, 1.0]]
    """
    e, v = np.linalg.eigh(gram)
    return (cross @ v / (np.maximum(e, 0) + reg)[..., None, :]) @ v.swapaxes(-1, -2)


class _Clipped(FeatureMap):
    """Features of at most a norm: phi(x) min(1, B / ||phi(x)||)."""

    phi: FeatureMap
    bound: float = eqx.field(static=True)

    @property
    def dim_in(self) -> int:
        return self.phi.dim_in

    @property
    def dim_out(self) -> int:
        return self.phi.dim_out

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n p"]:
        f = self.phi(x)
        size = jnp.linalg.norm(f, axis=1, keepdims=True)
        return f * jnp.minimum(1, self.bound / jnp.where(size > 0, size, self.bound))

    def inverse(
        self, features: Float[Array, "n p"], near: Float[Array, "n d"] | None = None
    ) -> Float[Array, "n d"]:
        raise ValueError(
            "clipped features are for training a private model; distil the model itself."
        )
