"""Instances of which the rank is known."""

import numpy as np
import pytest

from distill_lib.experiments.proposition_4_1 import Ranks, ranks

K, D = 3, 8


@pytest.mark.parametrize("m", [3, 5, 6, 10])
def test_a_random_z_gives_full_rank_with_the_papers_condition_and_without(m):
    rng = np.random.default_rng(m)
    w, labels, z = (rng.normal(size=size) for size in ((K, D), (m, K), (m, D)))
    assert ranks(w, labels, z) == Ranks(m <= D - K, min(m, D), min(m, D))
    assert ranks(w, labels, np.zeros((m, D))) == Ranks(False, min(m, D), K)
