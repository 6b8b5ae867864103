"""A small residual network, up to its last hidden layer, to be trained like the others."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Float, PRNGKeyArray

from distill_lib.kernels.layers import Precision, convolution, halved, sized
from distill_lib.kernels.random_networks import BIAS_VARIANCE, WEIGHT_VARIANCE, Parameters


class ResidualNetwork(eqx.Module):
    """A residual network before its parameters are drawn, without its output layer.

    A convolution with ReLU makes the channels. Then each stage adds two convolutions to its input,
    x -> ReLU(x + b(ReLU(a(x)))), and takes means of 2x2 squares. There is no batch normalisation;
    instead the second convolution of a stage starts smaller, by the number of stages, so that the
    sum does not grow with them.

    Attributes:
        shape: (h, w, c) of an image; inputs are flattened channel first, as `Normalisation` does.
        width: channels of every stage.
        depth: number of stages, each of which halves the image.

    Example:
        >>> from distill_lib.kernels.residual_network import ResidualNetwork
        >>> network = ResidualNetwork((8, 8, 1), width=4, depth=2)
        >>> drawn = network.scaled(network.draw(jax.random.key(0)))
        >>> network.hidden(drawn, jnp.ones((3, 64))).shape  # 2 x 2 positions are left
        (3, 16)
    """

    shape: tuple[int, int, int] = eqx.field(static=True)
    width: int = eqx.field(static=True, default=64)
    depth: int = eqx.field(static=True, default=2)

    def __check_init__(self) -> None:
        sized(self.shape, self.width, self.depth, pooled=True)

    @property
    def dim_in(self) -> int:
        """The number d = h w c of an image's entries."""
        return math.prod(self.shape)

    @property
    def dim_out(self) -> int:
        """How many activations the last hidden layer has."""
        h, w, _ = self.shape
        return self.width * (h >> self.depth) * (w >> self.depth)

    @property
    def fan_ins(self) -> list[int]:
        """How many inputs a unit has, convolution by convolution."""
        return [9 * self.shape[2], *[9 * self.width] * (2 * self.depth)]

    def draw(self, key: PRNGKeyArray, dtype=jnp.float32) -> Parameters:
        """Standard normal numbers in the layers' shapes; `scaled` gives them their variance."""
        drawn = []
        keys = jax.random.split(key, 2 * len(self.fan_ins)).reshape(-1, 2)
        for fan_in, (for_weights, for_biases) in zip(self.fan_ins, keys, strict=True):
            weights = jax.random.normal(for_weights, (3, 3, fan_in // 9, self.width), dtype)
            drawn.append((weights, jax.random.normal(for_biases, (self.width,), dtype)))
        return drawn

    def scaled(self, parameters: Parameters) -> Parameters:
        """Drawn parameters with variances 2 / fan_in, a stage's second 2 / (fan_in depth)."""
        made = []
        for i, (fan_in, (weights, biases)) in enumerate(zip(self.fan_ins, parameters, strict=True)):
            last = self.depth if i and i % 2 == 0 else 1
            made.append(
                (
                    weights * math.sqrt(WEIGHT_VARIANCE / (fan_in * last)),
                    biases * math.sqrt(BIAS_VARIANCE),
                )
            )
        return made

    def hidden(
        self, parameters: Parameters, x: Float[jax.Array, "n d"], precision: Precision = "highest"
    ) -> Float[jax.Array, "n q"]:
        """Last hidden activations of inputs, with parameters as they stand, in their dtype."""
        dtype = parameters[0][0].dtype
        if precision == "bf16":
            parameters = jax.tree.map(lambda part: part.astype(jnp.bfloat16), parameters)
        h, w, c = self.shape
        x = jnp.moveaxis(x.astype(parameters[0][0].dtype).reshape(len(x), c, h, w), 1, 3)

        def affine(x, i):
            weights, biases = parameters[i]
            return convolution(x, weights, precision) + biases[None, None, None, :]

        x = jax.nn.relu(affine(x, 0))
        for stage in range(self.depth):
            branch = jax.nn.relu(affine(x, 2 * stage + 1))
            x = halved(jax.nn.relu(x + affine(branch, 2 * stage + 2)))
        return x.reshape(len(x), -1).astype(dtype)
