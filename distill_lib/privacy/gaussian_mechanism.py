r"""The Gaussian mechanism on the sufficient statistics of ridge regression.

A record (x, y) with f = phi(x), ||f|| <= B and one-hot y enters G = sum f f^T and C = sum y f^T
once. Released are

.. math:: \tilde G = G + E, \quad \tilde C = C + F, \qquad
          (\mathrm{svec}\,E,\; w B\,F) \sim N(0, \sigma^2 I),

where svec lists the diagonal and sqrt 2 times the upper triangle, so that its norm is Frobenius'
and each entry counts once.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door

Adjacency = Literal["add-remove", "replace-one"]


@door()
def sensitivity(bound: float, adjacency: Adjacency = "add-remove", weight: float = 1.0) -> float:
    """How much one record can change the statistics: the largest change between neighbours.

    It is that of (svec G, weight * bound * C) in Euclidean norm. add-remove: B^2 sqrt(1 + w^2).
    replace-one: sqrt 2 B^2 (1 + w^2 / 2) for w^2 <= 2, else 2 w B^2. Both are attained when p >= 2;
    no factor of sqrt 2 or 2 leads from one to the other.

    Raises: ValueError for a bound or weight that is not above 0, or an unknown adjacency.

    Example:
        >>> from distill_lib.privacy import sensitivity
        >>> round(sensitivity(1.0), 3), round(sensitivity(1.0, "replace-one"), 3)
        (1.414, 2.121)
    """
    checks.positive("bound", bound)
    checks.positive("weight", weight)
    if adjacency not in get_args(Adjacency):
        raise ValueError(
            f"adjacency is '{adjacency}'; it must be one of {', '.join(get_args(Adjacency))}."
        )
    if adjacency == "add-remove":
        return bound**2 * math.sqrt(1 + weight**2)
    # Worst are two records of one class at cosine -w^2 / 2, or -1 where that is below -1.
    return bound**2 * (math.sqrt(2) * (1 + weight**2 / 2) if weight**2 <= 2 else 2 * weight)


def noise_multiplier(epsilon: float, delta: float) -> float:
    """The noise that (epsilon, delta)-privacy needs, sigma / sensitivity, for any epsilon > 0.

    The Gaussian mechanism with it is exactly so private, by dp-accounting (the analytic Gaussian
    mechanism of Balle and Wang 2018), not by sqrt(2 ln(1.25 / delta)) / epsilon.

    Raises: ValueError for a bad epsilon or delta, ImportError naming the extra if dp-accounting is
        not installed.

    Example:
        >>> from distill_lib.privacy import noise_multiplier
        >>> round(noise_multiplier(epsilon=1.0, delta=1e-5), 2)
        3.73
    """
    check_guarantee(epsilon, delta)
    try:
        from dp_accounting import get_sigma_gaussian
    except ImportError as error:
        raise ImportError(
            "calibrating private noise needs dp-accounting; install it with: pip install "
            "'distill-lib[privacy]'"
        ) from error
    # Raised by far more than the tolerance of the solver and the rounding of float64 statistics.
    return (1 + 1e-9) * get_sigma_gaussian(epsilon, delta)


@door()
def output_sensitivity(n: int, bound: float, reg: float) -> float:
    """An upper bound on how far one added or removed record moves a ridge model, ||W' - W||_F.

    For models of up to n records: (1 + B sqrt(n) / (2 sqrt(reg))) min(B / reg, 1 / (2 sqrt(reg)));
    twice that if one record is replaced. The bound is not attained.

    Raises: ValueError unless n, bound and reg are above 0.

    Example:
        >>> from distill_lib.privacy import output_sensitivity
        >>> round(output_sensitivity(n=100, bound=1.0, reg=1.0), 3)
        3.0
    """
    checks.positive("n", n)
    checks.positive("bound", bound)
    checks.positive("reg", reg)
    return (1 + bound * math.sqrt(n / reg) / 2) * min(bound / reg, 1 / (2 * math.sqrt(reg)))


@dataclass(frozen=True)
class StatisticsMechanism:
    """A differentially private release of the statistics (G, C) of ridge regression.

    It is (epsilon, delta)-private for features clipped to norm `bound` and one-hot labels.

    Attributes:
        epsilon, delta: the guarantee.
        bound: B, chosen without looking at the data.
        adjacency: "add-remove" (neighbours differ by one record more or less) or "replace-one" (by
            one record exchanged, label included; the number of records is then public).
        weight: w, how much of the budget goes to C; at 1 one record can change both parts equally
            much.
    Raises: ValueError for values out of range.

    Example:
        >>> mechanism = dl.StatisticsMechanism(epsilon=1.0, delta=1e-5)
        >>> round(mechanism.deviation, 2)
        5.28
        >>> gram, cross = mechanism(np.eye(3), np.eye(2, 3), np.random.default_rng(0))
        >>> gram.shape, np.allclose(gram, gram.T), cross.shape
        ((3, 3), True, (2, 3))
    """

    epsilon: float
    delta: float
    bound: float = 1.0
    adjacency: Adjacency = "add-remove"
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_guarantee(self.epsilon, self.delta)
        sensitivity(self.bound, self.adjacency, self.weight)

    @cached_property
    def deviation(self) -> float:
        """The noise's deviation sigma, the noise multiplier times the sensitivity."""
        return noise_multiplier(self.epsilon, self.delta) * sensitivity(
            self.bound, self.adjacency, self.weight
        )

    @door()
    def __call__(
        self,
        gram: Float[np.ndarray, "p p"],
        cross: Float[np.ndarray, "k p"],
        rng: np.random.Generator,
        trials: tuple[int, ...] = (),
    ) -> tuple[Float[np.ndarray, "*trials p p"], Float[np.ndarray, "*trials k p"]]:
        """The statistics G and C with their noise, `trials` independent releases at once.

        Each of them spends the whole budget.
        """
        a = rng.standard_normal((*trials, *gram.shape))
        # Symmetric, of deviation sigma on the diagonal and sigma / sqrt 2 off it.
        noisy = np.asarray(gram) + self.deviation * (a + a.swapaxes(-1, -2)) / 2
        b = rng.standard_normal((*trials, *cross.shape))
        return noisy, np.asarray(cross) + self.deviation / (self.weight * self.bound) * b

    def reg(self, p: int) -> float:
        """A ridge parameter from public quantities alone, the size of G's noise.

        lam = sigma sqrt((p + 1) / 2), the root mean square eigenvalue of the noise.
        """
        return self.deviation * math.sqrt((p + 1) / 2)


def check_guarantee(epsilon: float, delta: float) -> None:
    """Raise ValueError unless epsilon > 0 and 0 < delta < 1."""
    checks.positive("epsilon", epsilon)
    if not (checks.number(delta) and 0 < delta < 1):
        raise ValueError(
            f"delta = {delta!r} is no probability to fail; it must lie between 0 and 1."
        )
