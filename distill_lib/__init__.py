"""Provable dataset distillation for kernel ridge regression.

The public surface, in the order of a distillation: load data, fit a ridge model, distil it, use the set.

Importing this package switches JAX to 64-bit: the constructions invert what they build, and float32 loses the digits
that show it. Ask for float32 with the `dtype` of a feature map and of its normalisation.
"""

import jax

jax.config.update("jax_enable_x64", True)
# Some accelerators multiply float32 in fewer bits unless told not to; a recovery error would then measure that.
jax.config.update("jax_default_matmul_precision", "highest")

from distill_lib.algorithm import distill  # noqa: E402
from distill_lib.closed_form import (  # noqa: E402  (64-bit must be on before the first array)
    cosine,
    realistic_matrix,
    recovered_weights,
    recovery_error,
    recovery_matrix,
    solved_labels,
    support_features,
)
from distill_lib.distilled_set import DistilledSet  # noqa: E402
from distill_lib.features import (  # noqa: E402
    AffineCoupling,
    Convolution,
    DeepLinear,
    FeatureMap,
    FullyConnected,
    Linear,
    RandomFourier,
)
from distill_lib.images import Normalisation, balanced_sample, picture_grid, save_picture  # noqa: E402
from distill_lib.nearest import nearest_set, robust_set  # noqa: E402
from distill_lib.perturbation import error_bounds  # noqa: E402
from distill_lib.privacy import PrivateRidge, StatisticsMechanism, private_ridge  # noqa: E402
from distill_lib.pseudoinverse import regularised, regularised_pinv, unregularised  # noqa: E402
from distill_lib.quantise import quantise, restore  # noqa: E402
from distill_lib.ridge import GRID, RidgeModel, RidgePath, RidgeStats, fit  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "GRID",
    "AffineCoupling",
    "Convolution",
    "DeepLinear",
    "DistilledSet",
    "FeatureMap",
    "FullyConnected",
    "Linear",
    "Normalisation",
    "PrivateRidge",
    "RandomFourier",
    "RidgeModel",
    "RidgePath",
    "RidgeStats",
    "StatisticsMechanism",
    "balanced_sample",
    "cosine",
    "distill",
    "error_bounds",
    "fit",
    "nearest_set",
    "picture_grid",
    "private_ridge",
    "quantise",
    "realistic_matrix",
    "recovered_weights",
    "recovery_error",
    "recovery_matrix",
    "regularised",
    "regularised_pinv",
    "restore",
    "robust_set",
    "save_picture",
    "solved_labels",
    "support_features",
    "unregularised",
]
