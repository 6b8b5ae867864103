r"""Statistics with a ridge parameter that adapts to their smallest eigenvalue (AdaSSP).

Wang (2018), here in the noise of `privacy.gaussian_mechanism`, calibrated as exactly. Released are

.. math:: \tilde G = G + E, \quad \tilde C = C + F, \quad
          \tilde l = \lambda_{min}(G) + \sigma \xi / v,

one Gaussian mechanism on the three. From them come a lower bound of the smallest eigenvalue and the
ridge parameter that makes up for what is lacking to the norm of E.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.privacy.gaussian_mechanism import (
    StatisticsMechanism,
    noise_multiplier,
    sensitivity,
)


@dataclass(frozen=True)
class AdaptiveMechanism(StatisticsMechanism):
    """AdaSSP (Wang 2018): the statistics with noise, and their smallest eigenvalue with noise.

    It is (epsilon, delta)-private for features clipped to norm `bound` and one-hot labels.

    Attributes:
        epsilon, delta, bound, adjacency, weight: as in `StatisticsMechanism`.
        eigenvalue_weight: v, how much of the budget goes to the smallest eigenvalue.
        failure: rho; the eigenvalue and the norm of E each exceed their bounds with at most that
            probability. Privacy does not depend on it.
    Raises: ValueError for values out of range.

    Example:
        >>> from distill_lib.privacy import AdaptiveMechanism
        >>> mechanism = AdaptiveMechanism(epsilon=1.0, delta=1e-5)
        >>> round(mechanism.deviation, 2)
        6.46
        >>> weights, reg = mechanism.ridge(1e4 * np.eye(3), np.eye(2, 3), np.random.default_rng(0))
        >>> weights.shape, reg  # the data alone are regular enough
        ((2, 3), 0.0)
    """

    eigenvalue_weight: float = 1.0
    failure: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.positive("eigenvalue_weight", self.eigenvalue_weight)
        if not (checks.number(self.failure) and 0 < self.failure < 1):
            raise ValueError(
                f"failure = {self.failure!r} is no probability; it must lie between 0 and 1."
            )

    @cached_property
    def deviation(self) -> float:  # type: ignore[override]
        """The noise's deviation sigma, the noise multiplier times the sensitivity of the three.

        One record moves every eigenvalue by at most B^2, so the squared sensitivity is that of the
        statistics and v^2 B^4.
        """
        statistics = sensitivity(self.bound, self.adjacency, self.weight)
        together = math.hypot(statistics, self.eigenvalue_weight * self.bound**2)
        return noise_multiplier(self.epsilon, self.delta) * together

    def reg(self, p: int) -> float:
        """A bound of the norm of E with probability 1 - rho: sigma sqrt((p + 1) ln(2 p / rho)).

        The tail of a series of Gaussian matrices, whose squares have the mean sigma^2 (p + 1) / 2.
        """
        return self.deviation * math.sqrt((p + 1) * math.log(2 * p / self.failure))

    @door()
    def ridge(
        self,
        gram: Float[np.ndarray, "p p"],
        cross: Float[np.ndarray, "k p"],
        rng: np.random.Generator,
    ) -> tuple[Float[np.ndarray, "k p"], float]:
        """A private ridge model C~ (G~ + lam I)^{-1}, and its lam.

        lam = max(0, reg(p) - l), where l = max(0, l~ - sigma sqrt(2 ln(1 / rho)) / v) is a lower
        bound of the smallest eigenvalue of G with probability 1 - rho.

        Raises: numpy.linalg.LinAlgError if G~ + lam I is singular, which has probability 0.
        """
        noisy, crossed = self(gram, cross, rng)
        spread = self.deviation / self.eigenvalue_weight
        seen = np.linalg.eigvalsh(gram)[0] + spread * rng.standard_normal()
        least = max(0.0, seen - spread * math.sqrt(2 * math.log(1 / self.failure)))
        lam = max(0.0, self.reg(len(gram)) - least)
        return np.linalg.solve(noisy + lam * np.eye(len(gram)), crossed.T).T, lam
