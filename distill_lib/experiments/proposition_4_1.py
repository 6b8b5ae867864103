"""The rank of a support set, predicted and seen."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from distill_lib.linalg.pseudoinverse import rank
from distill_lib.theory import closed_form
from distill_lib.theory.rank_of_points import support_rank


class Ranks(NamedTuple):
    """One instance.

    Attributes:
        holds: whether the paper's condition does: Z of full rank, its rows independent of those of
            W.
        full: min(m, d).
        rank: of the support set, for every lam_S.
    """

    holds: bool
    full: int
    rank: int


def ranks(w: Float[Array, "k d"], labels: Float[Array, "m k"], z: Float[Array, "m d"]) -> Ranks:
    """The rank that is predicted for W, Y_S and Z; it is seen without a ridge and with one.

    Raises: AssertionError if another is seen, or if the paper's condition holds and the rank is not
        full.
    """
    full, rank_z = min(z.shape), np.linalg.matrix_rank(z)
    together = np.linalg.matrix_rank(np.vstack([w, z]))
    holds = bool(together == len(w) + rank_z and rank_z == full)
    d = closed_form.recovery_matrix(w, labels, z)
    regs = (0.0, 0.5 * closed_form.max_reg(d))
    seen = {rank(closed_form.support_features(d, reg_s)) for reg_s in regs}
    predicted = support_rank(w, labels, z)
    assert seen == {predicted}
    assert not holds or predicted == full
    return Ranks(holds, full, predicted)
