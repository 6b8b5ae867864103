"""All that `import distill_lib as dl` offers as `dl.name`; imported with the first of the names,
and JAX with it.
"""

# ruff: noqa: F401
from distill_lib.algorithm import distill
from distill_lib.engines import Cluster, InOrder
from distill_lib.features import (
    AffineCoupling,
    Convolution,
    DeepLinear,
    FeatureMap,
    FullyConnected,
    Linear,
    RandomFourier,
)
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.partitions import Partitions
from distill_lib.images.pictures import picture_grid, save_picture
from distill_lib.images.quantisation import quantise, restore
from distill_lib.images.sampling import balanced_sample
from distill_lib.images.streams import Stream
from distill_lib.linalg.pseudoinverse import regularised, regularised_pinv, unregularised
from distill_lib.privacy import PrivateRidge, StatisticsMechanism, private_ridge
from distill_lib.ridge import GRID, RidgeModel, RidgePath, RidgeStats, fit, fit_statistics
from distill_lib.ridge.matrix_free import fit_matrix_free
from distill_lib.sets.distilled_set import DistilledSet
from distill_lib.sets.ready import released
from distill_lib.theory.closed_form import (
    cosine,
    recovered_weights,
    recovery_error,
    recovery_matrix,
    support_features,
)
from distill_lib.theory.intercept import Affine, affine_model, affine_set
from distill_lib.theory.intercept_nearest import nearest_affine_set
from distill_lib.theory.labels_only import solved_labels
from distill_lib.theory.nearest import nearest_set, robust_set
from distill_lib.theory.perturbation import error_bounds
from distill_lib.theory.realistic import realistic_matrix
