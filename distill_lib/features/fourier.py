"""Random Fourier features of the Gaussian kernel (Example 5.4; Rahimi and Recht 2007)."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.boundary.door import door
from distill_lib.features.base import FeatureMap, nearest_solution
from distill_lib.linalg.products import product

_PI = (3.1415926218032837, 3.178650954705639e-08)  # 26 bits of pi, and the rest


class RandomFourier(FeatureMap):
    """Random Fourier features phi(x) = sqrt(2 / p) cos(A x + b), of the Gaussian kernel.

    For rank A = p <= d its range is the cube of features between -sqrt(2 / p) and sqrt(2 / p), and
    x = A^+ (angles - b) is a right inverse for any angles +-arccos(sqrt(p / 2) f) + 2 pi j.

    Attributes:
        frequencies: A (p, d), rows from N(0, I / variance).
        phases: b (p,), radians.

    Example:
        >>> phi = dl.RandomFourier.random(jax.random.key(0), dim_in=4, dim_out=2, variance=1.0)
        >>> f = np.array([[3.0, 0.0]])
        >>> f = phi.range_scale(f) * f  # into the cube, which is of half width 1 here
        >>> np.allclose(f, [[1, 0]]), np.allclose(phi(phi.inverse(f)), f)
        (True, True)
    """

    frequencies: Float[Array, "p d"]
    phases: Float[Array, " p"]

    @classmethod
    @door()
    def random(
        cls,
        key: PRNGKeyArray,
        dim_in: int,
        dim_out: int,
        variance: float = 1000.0,
        phase_max: float = 2 * math.pi,
        dtype: DTypeLike = jnp.float64,
    ) -> "RandomFourier":
        """Random features of the kernel exp(-||x - x'||^2 / (2 variance)), in expectation.

        Args:
            key: JAX random key.
            dim_in, dim_out: d and p.
            variance: sigma^2 of the Gaussian kernel, in squared input units.
            phase_max: phases are uniform on [0, phase_max]: 2 pi in the paper, pi in its released
                code. Only 2 b enters phi(x) phi(x')^T, so both give the same kernels.
        Raises: ValueError unless dim_in, dim_out >= 1, variance > 0 and phase_max >= 0.
        """
        if dim_in < 1 or dim_out < 1 or not variance > 0 or not phase_max >= 0:
            raise ValueError(
                "random Fourier features need dim_in, dim_out >= 1, variance > 0 and phase_max >= "
                "0, "
                f"not {dim_in}, {dim_out}, {variance} and {phase_max}."
            )
        key_a, key_b = jax.random.split(key)
        a = jax.random.normal(key_a, (dim_out, dim_in), dtype) / jnp.sqrt(
            jnp.asarray(variance, dtype)
        )
        return cls(a, jax.random.uniform(key_b, (dim_out,), dtype, 0.0, phase_max))

    @property
    def dim_in(self) -> int:
        return self.frequencies.shape[1]

    @property
    def dim_out(self) -> int:
        return self.frequencies.shape[0]

    @door()
    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n p"]:
        return jnp.sqrt(2 / self.dim_out) * jnp.cos(self._angles(x))

    def on_host(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(_waves(product(x, np.asarray(self.frequencies).T), self.phases))

    @door()
    def range_scale(self, features: Float[Array, "n p"]) -> float:
        """What brings the largest feature to the side of the cube; 1 where all lie inside."""
        top = math.sqrt(self.dim_out / 2) * float(jnp.abs(features).max())
        return 1.0 if top <= 1 else 1 / top

    @door()
    def inverse(
        self, features: Float[Array, "n p"], near: Float[Array, "n d"] | None = None
    ) -> Float[Array, "n d"]:
        """Points whose features are the wished ones, through the angles that have these cosines.

        For None the preimage of least norm with every angle in [0, pi]. Else of the angles that
        have these cosines those nearest to A near + b, and of the points with these angles the one
        nearest to `near`.

        Raises: ValueError if p > d, rank A < p, or a feature lies outside [-sqrt(2/p), sqrt(2/p)].
        """
        p, d = self.frequencies.shape
        self._check(features, near)
        if p > d:
            raise ValueError(
                f"random Fourier features with p = {p} > d = {d} are not surjective onto their "
                "cube and have no right inverse; "
                "Example 5.4 needs p <= d."
            )
        cosines = jnp.sqrt(p / 2) * features
        top = float(jnp.abs(cosines).max())
        if top > 1 + 64 * float(jnp.finfo(features.dtype).eps):
            raise ValueError(
                f"the features reach {top:.6g} times sqrt(2 / p), outside the range of the cosine; "
                "scale them by range_scale first."
            )
        angles = jnp.arccos(jnp.clip(cosines, -1, 1))
        if near is not None:
            angles = _on_branch(angles, self._angles(near))
        angles = angles - self.phases[None, :]
        return nearest_solution(self.frequencies, angles, near, "the frequencies A")

    def _angles(self, x):
        return x @ self.frequencies.T + self.phases[None, :]


@jax.jit
def _waves(product, phases):
    waves = cosine if product.dtype == jnp.float64 else jnp.cos
    return jnp.sqrt(2 / len(phases)) * waves(product + phases[None, :])


def cosine(a: Float[Array, "..."]) -> Float[Array, "..."]:
    """The cosine in float64, by what a processor does on many numbers at once.

    With j pi the multiple of pi next to a and r = a - j pi, cos a = (-1)^j cos r. The Taylor
    polynomial of degree 20 has cos r, |r| <= pi/2, to 2e-17. pi is taken in two parts, the first of
    so few digits that j times it is exact up to j = 2^27. The error is that of rounding: eps of the
    result, and eps |a| of a itself.
    """
    j = jnp.round(a / math.pi)
    # The limit is for numbers so large that their last digit is more than a wave.
    r = jnp.clip((a - j * _PI[0]) - j * _PI[1], -2, 2)
    square, total = r * r, jnp.zeros_like(a)
    for k in range(10, -1, -1):
        total = total * square + (-1) ** k / math.factorial(2 * k)
    return jnp.where(j % 2 == 0, total, -total)


@jax.jit
def _on_branch(angles, wished):
    """Of +-angle + 2 pi j the one nearest to the wished angle."""
    up, down = (a + 2 * jnp.pi * jnp.round((wished - a) / (2 * jnp.pi)) for a in (angles, -angles))
    return jnp.where(abs(up - wished) <= abs(down - wished), up, down)
