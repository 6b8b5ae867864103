"""Provable dataset distillation for kernel ridge regression.

The public surface, in the order of a distillation: load data, fit a ridge model, distil it, use the
set.

Importing this package switches JAX to 64-bit: the constructions invert what they build, and float32
loses the digits that show it. Ask for float32 with the `dtype` of a feature map and of its
normalisation.

JAX itself is imported with the first name that is used, so that the command line answers at once.
Where it has not been imported yet, its settings are environment variables: processes that are
started from here compute alike.

Example:
    >>> import distill_lib as dl
    >>> from distill_lib import data, paper
    >>> digits = data.load("digits")
    >>> model = paper.original_model(digits, "linear", seed=0)
    >>> small = dl.distill(model, 10, key=jax.random.key(0))
    >>> np.allclose(small.predict(digits.x_test), model.predict(digits.x_test))
    True
"""

# ruff: noqa: F405  (the names are those of _public)

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill_lib._public import *  # noqa: F403

# Some accelerators multiply float32 in fewer bits unless told not to; a recovery error would then
# measure that.
if "jax" in sys.modules:
    sys.modules["jax"].config.update("jax_enable_x64", True)
    sys.modules["jax"].config.update("jax_default_matmul_precision", "highest")
else:
    os.environ |= {"JAX_ENABLE_X64": "1", "JAX_DEFAULT_MATMUL_PRECISION": "highest"}

__version__ = "0.1.0"

__all__ = [
    "GRID",
    "Affine",
    "AffineCoupling",
    "Cluster",
    "Convolution",
    "DeepLinear",
    "DistilledSet",
    "FeatureMap",
    "FullyConnected",
    "InOrder",
    "Linear",
    "Normalisation",
    "Partitions",
    "PrivateRidge",
    "RandomFourier",
    "RidgeModel",
    "RidgePath",
    "RidgeStats",
    "StatisticsMechanism",
    "Stream",
    "affine_model",
    "affine_set",
    "balanced_sample",
    "cosine",
    "distill",
    "error_bounds",
    "fit",
    "fit_matrix_free",
    "fit_statistics",
    "nearest_affine_set",
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
    "released",
    "restore",
    "robust_set",
    "save_picture",
    "solved_labels",
    "support_features",
    "unregularised",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("distill_lib._public"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
