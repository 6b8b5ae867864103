"""The protocol that kernel regression relies on."""

import abc

import equinox as eqx
from jaxtyping import Array, Float


class Kernel(eqx.Module):
    """A kernel on flattened images; differentiable, and for `jax.jit` to compile.

    Anything with this call will do in its place.
    """

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """K(x_i, y_j)."""

    @property
    def pair_size(self) -> int:
        """How many numbers it holds for each pair while it computes, 1 unless stated; blocks are
        chosen by it.
        """
        return 1
