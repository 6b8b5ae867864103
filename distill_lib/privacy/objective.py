r"""Objective perturbation for ridge regression in a ball: noise in what is minimised.

Chaudhuri, Monteleoni and Sarwate (2011) and Kifer, Smith and Thakurta (2012), here for squared
error and k outputs. Released is the minimiser W of

.. math:: \tfrac12 \|W \phi(X) - Y\|_F^2 + \tfrac\lambda2 \|W\|_F^2 + \langle \Xi, W \rangle
          \quad\text{over}\quad \|W\|_F \le R .

The ball is needed: without it the gradient of squared error, and with it the sensitivity, has no
bound.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # loads its parts when they are first used
from jaxtyping import Float

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.privacy.gaussian_mechanism import check_guarantee

_HALVINGS = 100  # of the interval of the multiplier


@dataclass(frozen=True)
class ObjectivePerturbation:
    """A differentially private ridge model by noise in the objective.

    It is (epsilon, delta)-private, one record more or less, for features clipped to norm `bound`
    and one-hot labels, if the minimum is exact.

    Attributes:
        epsilon, delta: the guarantee.
        outputs: k, the number of classes.
        reg: lam, above B^2 / (e^{epsilon / k} - 1), chosen without looking at the data.
        radius: R, the largest norm of W, likewise.
        bound: B.
    Raises: ValueError for values out of range, and for a reg that leaves nothing of epsilon.

    Example:
        >>> from distill_lib.privacy import ObjectivePerturbation
        >>> mechanism = ObjectivePerturbation(1.0, 1e-5, outputs=2, reg=10.0, radius=1.0)
        >>> round(mechanism.deviation, 1)
        12.1
        >>> mechanism(np.eye(3), np.eye(2, 3), np.random.default_rng(0)).shape
        (2, 3)
    """

    epsilon: float
    delta: float
    outputs: int
    reg: float
    radius: float
    bound: float = 1.0

    def __post_init__(self) -> None:
        check_guarantee(self.epsilon, self.delta)
        for name in ("outputs", "reg", "radius", "bound"):
            checks.positive(name, getattr(self, name))
        if self.left <= 0:
            least = self.bound**2 / math.expm1(self.epsilon / self.outputs)
            raise ValueError(
                f"reg = {self.reg:g} leaves nothing of epsilon = {self.epsilon:g}; objective "
                f"perturbation of {self.outputs} outputs needs more than {least:.4g}."
            )

    @property
    def left(self) -> float:
        """What the change of volume, k ln(1 + B^2 / lam), leaves of epsilon for the noise."""
        return self.epsilon - self.outputs * math.log1p(self.bound**2 / self.reg)

    @cached_property
    def deviation(self) -> float:
        """The noise's deviation sigma.

        It solves zeta q / sigma + zeta^2 / (2 sigma^2) = `left`, where zeta = (R B + 1) B bounds a
        record's gradient, and q is the quantile 1 - delta of the norm of k standard normal numbers.
        """
        gradient = (self.radius * self.bound + 1) * self.bound
        q = math.sqrt(scipy.stats.chi2.isf(self.delta, self.outputs))
        return gradient * (q + math.sqrt(q**2 + 2 * self.left)) / (2 * self.left)

    @door()
    def __call__(
        self,
        gram: Float[np.ndarray, "p p"],
        cross: Float[np.ndarray, "k p"],
        rng: np.random.Generator,
        trials: tuple[int, ...] = (),
    ) -> Float[np.ndarray, "*trials k p"]:
        """Private models, `trials` independent ones at once; each spends the whole budget.

        Raises: ValueError unless C has `outputs` rows.
        """
        if len(cross) != self.outputs:
            raise ValueError(
                f"the mechanism is for {self.outputs} outputs, but C has {len(cross)} rows."
            )
        noise = self.deviation * rng.standard_normal((*trials, *cross.shape))
        return ridge_in_ball(gram, cross - noise, self.reg, self.radius)


@door()
def ridge_in_ball(
    gram: Float[np.ndarray, "p p"],
    cross: Float[np.ndarray, "*trials k p"],
    reg: float,
    radius: float,
) -> Float[np.ndarray, "*trials k p"]:
    """The minimiser of tr(W (G + reg I) W^T) / 2 - <W, C> over ||W||_F <= radius, many at once.

    It is C (G + (reg + mu) I)^{-1} with the least mu >= 0 for which it lies in the ball. One
    eigendecomposition, O(p^3), and bisection for mu.

    Args:
        gram: positive semidefinite.
    Raises: ValueError for a radius that is not above 0.

    Example:
        >>> from distill_lib.privacy import ridge_in_ball
        >>> ridge_in_ball(np.eye(2), np.array([[3.0, 4.0]]), reg=1.0, radius=10.0).tolist()
        [[1.5, 2.0]]
        >>> np.linalg.norm(ridge_in_ball(np.eye(2), np.array([[3.0, 4.0]]), 1.0, 1.0)).round(9)
        np.float64(1.0)
    """
    checks.positive("radius", radius)
    e, v = np.linalg.eigh(gram)
    e = np.maximum(e, 0) + reg
    rotated = cross @ v
    squares = np.sum(rotated**2, axis=-2)

    def norm(mu):
        return np.sqrt(np.sum(squares / (e + mu[..., None]) ** 2, axis=-1))

    low = np.zeros(squares.shape[:-1])
    high = np.sqrt(np.sum(squares, axis=-1)) / radius  # there ||W|| is at most the radius
    inside = norm(low) <= radius
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        outside = norm(middle) > radius
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    mu = np.where(inside, 0.0, high)
    return (rotated / (e + mu[..., None])[..., None, :]) @ v.T
