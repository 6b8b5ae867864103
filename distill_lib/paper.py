"""The paper's experimental settings: every page trains the same original models."""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from distill_lib.data import Dataset, DatasetInfo
from distill_lib.features import FeatureMap, FullyConnected, Linear, RandomFourier
from distill_lib.images.normalisation import Normalisation
from distill_lib.ridge import GRID, RidgeModel, fit

Kind = Literal["linear", "fcnn", "rff"]
KINDS: dict[Kind, str] = {
    "linear": "Linear",
    "fcnn": "Fully connected network",
    "rff": "Random Fourier features",
}


def feature_map(
    kind: Kind, dim: int, key: PRNGKeyArray, *, variance: float = 1000.0, dtype="float64"
) -> FeatureMap:
    """One of the three feature maps of Table 3, all with p = d.

    Args:
        kind: "linear"; "fcnn", one hidden LeakyReLU layer; "rff", random Fourier features.
        dim: d = p.
        key: JAX random key, unused by "linear".
        variance: sigma^2 of the Gaussian kernel; 1000 in the paper.
        dtype: of the parameters.
    Raises: ValueError for an unknown kind.

    Example:
        >>> from distill_lib.paper import feature_map
        >>> feature_map("linear", 64, jax.random.key(0)).dim_out
        64
    """
    if kind == "linear":
        return Linear(dim)
    if kind == "fcnn":
        return FullyConnected.random(key, (dim, dim), slope=0.1, dtype=jnp.dtype(dtype))
    if kind == "rff":
        return RandomFourier.random(key, dim, dim, variance, dtype=jnp.dtype(dtype))
    raise ValueError(f"the feature map '{kind}' is unknown; known are {', '.join(KINDS)}.")


def normalisation(info: DatasetInfo, dtype: str = "float64") -> Normalisation:
    """The normalisation of a data set, with the channel statistics of the released code.

    Example:
        >>> from distill_lib import data, paper
        >>> digits = data.load("digits")
        >>> paper.normalisation(digits.info)(digits.x_train[:5]).shape
        (5, 64)
    """
    return Normalisation(info.shape, info.pixel_max, info.mean, info.std, dtype)


def original_model(
    data: Dataset,
    kind: Kind,
    seed: int,
    *,
    variance: float = 1000.0,
    dtype: str = "float64",
    refit: bool = False,
) -> RidgeModel:
    """The original model of Table 3 on a data set.

    Its lam is chosen from the released grid by a 95/5 split, the largest of equals, and W is not
    refitted unless asked.

    Args:
        data: a data set from `data.load`.
        kind: of the feature map, see `feature_map`.
        seed: of the feature map and of the split.
        variance: sigma^2 of the Gaussian kernel; 1000 in the paper.
        dtype: "float64" or "float32", for the whole computation.
        refit: train again on all samples with the chosen lam.

    Example:
        >>> from distill_lib import data, paper
        >>> digits = data.load("digits")
        >>> model = paper.original_model(digits, "linear", seed=0)
        >>> model.accuracy(digits.x_test, digits.y_test) > 0.9
        True
    """
    key_phi, key_split = jax.random.split(jax.random.key(seed))
    norm = normalisation(data.info, dtype)
    return fit(
        data.x_train,
        data.y_train,
        feature_map(kind, norm.dim, key_phi, variance=variance, dtype=dtype),
        norm,
        key=key_split,
        classes=len(data.info.classes),
        regs=tuple(reg for reg in GRID if kind != "linear" or reg >= 0.999e-3),
        refit=refit,
        ties="largest",
    )
