"""Privacy: Theorem 6.2 as claimed, attacks, private releases, audits."""

from distill_lib.privacy.adaptive import AdaptiveMechanism
from distill_lib.privacy.attacks import last_record, span_residual, sum_residual
from distill_lib.privacy.auditing import Audit, audit, correlations, epsilon_lower, roc_area
from distill_lib.privacy.claimed import claimed_deviation, claimed_release
from distill_lib.privacy.federated import (
    SiloRelease,
    added_records,
    federated_private,
    federated_ridge,
    silo_release,
)
from distill_lib.privacy.gaussian_mechanism import (
    StatisticsMechanism,
    noise_multiplier,
    output_sensitivity,
    sensitivity,
)
from distill_lib.privacy.objective import ObjectivePerturbation, ridge_in_ball
from distill_lib.privacy.release import PrivateRidge, clipped_statistics, noisy_ridge, private_ridge

__all__ = [
    "AdaptiveMechanism",
    "Audit",
    "ObjectivePerturbation",
    "PrivateRidge",
    "SiloRelease",
    "StatisticsMechanism",
    "added_records",
    "audit",
    "claimed_deviation",
    "claimed_release",
    "clipped_statistics",
    "correlations",
    "epsilon_lower",
    "federated_private",
    "federated_ridge",
    "last_record",
    "noise_multiplier",
    "noisy_ridge",
    "output_sensitivity",
    "private_ridge",
    "ridge_in_ball",
    "roc_area",
    "sensitivity",
    "silo_release",
    "span_residual",
    "sum_residual",
]
