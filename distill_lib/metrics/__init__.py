"""What a set is worth: what it loses and gains, by the accuracies of a judge."""

from distill_lib.metrics.compared import worth
from distill_lib.metrics.judges import Judge, NetworkJudge, OwnTrainer, Taught, network_judges
from distill_lib.metrics.scores import (
    hard_label_recovery,
    hard_labels,
    improvement_over_random,
    label_robust_score,
)

__all__ = [
    "Judge",
    "NetworkJudge",
    "OwnTrainer",
    "Taught",
    "hard_label_recovery",
    "hard_labels",
    "improvement_over_random",
    "label_robust_score",
    "network_judges",
    "worth",
]
