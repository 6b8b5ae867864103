"""A private ridge model, and distilled sets of it: whatever is made from a private release is as private."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.algorithm import distill
from distill_lib.distilled_set import DistilledSet
from distill_lib.features import FeatureMap
from distill_lib.images import Normalisation
from distill_lib.privacy.gaussian import StatisticsMechanism
from distill_lib.ridge import RidgeModel, RidgePath, RidgeStats


class PrivateRidge(eqx.Module):
    """A differentially private ridge model.

    Attributes:
        model: W from noisy statistics; all that may be published.
        mechanism: the guarantee that it carries.
    """

    model: RidgeModel
    mechanism: StatisticsMechanism = eqx.field(static=True)

    def distill(
        self, m: int, *, key: PRNGKeyArray, start: str = "noise", public_pool=None, **options
    ) -> DistilledSet:
        """A set of m points that carries the private model, and with it the guarantee (post-processing).

        Args:
            key: of the noise start, recorded in the set; not that of `private_ridge`.
            start, options: as `distill_lib.distill`.
            public_pool: (images, labels) for the starts that begin at images. They shine through, so none may be private.
        Raises: ValueError for a start from images without a public pool, or a pool by its other name; else as `distill`.
        """
        if "pool" in options:
            raise ValueError(
                "a private model takes no pool; give images that are no secret as public_pool=(images, labels)."
            )
        if start != "noise" and public_pool is None:
            raise ValueError(
                f"start '{start}' begins at images, which show in the set; give public_pool=(images, labels), "
                "none of them private, or start from noise."
            )
        made = distill(self.model, m, key=key, start=start, pool=public_pool, **options)  # type: ignore[arg-type]
        record = made.provenance | {"privacy": dataclasses.asdict(self.mechanism)}
        return dataclasses.replace(made, provenance=record)


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
    """W = C~ (G~_+ + lam I)^{-1} from one release of the noisy statistics of clipped features.

    G~_+ is G~ with its negative eigenvalues set to zero, the nearest positive semidefinite matrix, and lam is
    `mechanism.reg(p)`. The features phi(x) min(1, B / ||phi(x)||) enter the statistics; the model uses phi itself, which gives
    the same classes where phi(t x) = t phi(x) for t > 0 (linear maps, LeakyReLU networks without biases). For other maps choose B
    above the norms, for random Fourier features sqrt 2.

    Args:
        images, labels: the private training set, read once.
        feature_map, normalisation: chosen without looking at it; so a mean and deviation of its own pixels will not do.
        classes: k, public.
        key: None draws the noise from the operating system's entropy. A key repeats an experiment; who knows it can take the noise
            off again, so nothing made with one is private.
    Raises: ValueError for labels out of range, images of the wrong shape or not finite, or a normalisation that is not float64;
        ImportError without dp-accounting.
    """
    if normalisation.dtype != "float64":
        raise ValueError(
            f"the normalisation is of {normalisation.dtype}, whose rounding exceeds the margin of the noise; private statistics need float64."
        )
    reg = mechanism.reg(feature_map.dim_out)  # first of all, since it needs the accountant
    stats = RidgeStats.of_images(
        images, labels, classes, _Clipped(feature_map, mechanism.bound), normalisation
    )
    rng = np.random.default_rng(None if key is None else np.asarray(jax.random.key_data(key)))
    gram, cross = mechanism(np.asarray(stats.gram), np.asarray(stats.cross), rng)
    # ||Y||^2 and n are no part of the release. RidgePath sets negative eigenvalues to zero.
    path = RidgePath.of(
        RidgeStats(jnp.asarray(gram), jnp.asarray(cross), jnp.asarray(math.nan), jnp.asarray(0))
    )
    model = RidgeModel(path.weights(reg), feature_map, normalisation, reg, (), ())
    return PrivateRidge(model, mechanism)


class _Clipped(FeatureMap):
    """phi(x) min(1, B / ||phi(x)||)."""

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

    def inverse(self, features: Float[Array, "n p"]) -> Float[Array, "n d"]:
        raise ValueError("clipped features are for training a private model; distil the model itself.")
