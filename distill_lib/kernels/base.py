"""What kernel regression asks of a kernel: to be called with two sets of points."""

import abc

import equinox as eqx
from jaxtyping import Array, Float


class Kernel(eqx.Module):
    """A kernel on flattened images, differentiable and for `jax.jit` to compile.

    Anything with this call and a `pair_size` that is a pytree of arrays will do in its place.

    Example:
        >>> from distill_lib.kernels.base import Kernel
        >>> class Squared(Kernel):
        ...     def __call__(self, x, y):
        ...         return (x @ y.T) ** 2
        >>> Squared()(jnp.eye(2), jnp.ones((1, 2))).tolist()
        [[1.0], [1.0]]
    """

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """The kernel matrix of two sets of points, K(x_i, y_j) at row i and column j."""

    @property
    def pair_size(self) -> int:
        """How many numbers it holds for each pair of points while it computes; 1 unless stated.

        The size of a block is chosen by it.
        """
        return 1
