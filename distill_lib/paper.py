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
    """The three feature maps of Table 3, all with p = d: linear, one hidden LeakyReLU layer, random
    Fourier features.

    Args:
        variance: sigma^2 of the Gaussian kernel; 1000 in the paper.
    Raises: ValueError for an unknown kind.
    """
    if kind == "linear":
        return Linear(dim)
    if kind == "fcnn":
        return FullyConnected.random(key, (dim, dim), slope=0.1, dtype=jnp.dtype(dtype))
    if kind == "rff":
        return RandomFourier.random(key, dim, dim, variance, dtype=jnp.dtype(dtype))
    raise ValueError(f"the feature map '{kind}' is unknown; known are {', '.join(KINDS)}.")


def normalisation(info: DatasetInfo, dtype: str = "float64") -> Normalisation:
    """The channel means and deviations of the released code."""
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
    """The original model of Table 3: lam from the released grid by a 95/5 split, the largest of
    equals, W not refitted unless asked.

    Args:
        seed: of the feature map and of the split.
        dtype: "float64" or "float32", for the whole computation.
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
