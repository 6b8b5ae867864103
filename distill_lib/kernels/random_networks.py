"""Random finite networks, whose features estimate an infinitely wide one's kernel (RFAD)."""

import math
from typing import get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.kernels.base import Kernel
from distill_lib.kernels.infinite_width import Architecture
from distill_lib.kernels.layers import Precision as Precision
from distill_lib.kernels.layers import convolution, halved, product, sized

WEIGHT_VARIANCE = 2.0  # over fan_in: W_std = sqrt 2
BIAS_VARIANCE = 0.01  # b_std = 0.1

Parameters = list[tuple[Float[Array, "..."], Float[Array, " out"]]]


class Network(eqx.Module):
    """A network before its parameters are drawn, up to its last hidden layer.

    Each layer is affine and then ReLU. "fc": dense layers. "conv": 3x3 convolutions, zero-padded to
    the same size. "convnet": each of these followed by 2x2 average pooling; at an odd size the last
    row or column is left out. The output layer is not part of it.

    Attributes:
        shape: (h, w, c) of an image; inputs are flattened channel first, as `Normalisation` does.
        width: channels, or units, of every layer.
        depth: number of layers; a ConvNet halves its image with each, so 28x28 and 32x32 take 3,
            and 8x8 is best left at 2.
        architecture: "convnet", "conv" or "fc", as in `InfiniteWidth`.

    Example:
        >>> from distill_lib.kernels.random_networks import Network
        >>> Network((28, 28, 1), width=256, depth=3).dim_out  # 3 x 3 positions are left
        2304
    """

    shape: tuple[int, int, int] = eqx.field(static=True)
    width: int = eqx.field(static=True, default=256)
    depth: int = eqx.field(static=True, default=3)
    architecture: Architecture = eqx.field(static=True, default="convnet")

    def __check_init__(self) -> None:
        if self.architecture not in get_args(Architecture):
            raise ValueError(
                f"the architecture '{self.architecture}' is unknown; known are "
                f"{', '.join(get_args(Architecture))}."
            )
        sized(self.shape, self.width, self.depth, pooled=self.architecture == "convnet")

    @property
    def dim_in(self) -> int:
        """The number d = h w c of an image's entries."""
        return math.prod(self.shape)

    @property
    def dim_out(self) -> int:
        """How many activations the last hidden layer has."""
        h, w, _ = self.shape
        halvings = self.depth if self.architecture == "convnet" else 0
        return self.width * (1 if self.architecture == "fc" else (h >> halvings) * (w >> halvings))

    @property
    def fan_ins(self) -> list[int]:
        """How many inputs a unit has, layer by layer."""
        first, window = (self.dim_in, 1) if self.architecture == "fc" else (self.shape[2], 9)
        return [window * channels for channels in (first, *[self.width] * (self.depth - 1))]

    @property
    def operations(self) -> int:
        """FLOP of the products for one image, 2 fan_in width at each position of each layer."""
        h, w, _ = self.shape
        places = [1 if self.architecture == "fc" else h * w] * self.depth
        if self.architecture == "convnet":
            places = [(h >> layer) * (w >> layer) for layer in range(self.depth)]
        return sum(
            2 * fan_in * self.width * count
            for fan_in, count in zip(self.fan_ins, places, strict=True)
        )

    def draw(self, key: PRNGKeyArray, dtype=jnp.float32) -> Parameters:
        """Standard normal numbers in the layers' shapes; `scaled` gives them their variance."""
        window = () if self.architecture == "fc" else (3, 3)
        parameters = []
        for fan_in, layer in zip(self.fan_ins, jax.random.split(key, self.depth), strict=True):
            for_weights, for_biases = jax.random.split(layer)
            channels = fan_in // math.prod(window)
            weights = jax.random.normal(for_weights, (*window, channels, self.width), dtype)
            parameters.append((weights, jax.random.normal(for_biases, (self.width,), dtype)))
        return parameters

    def scaled(self, parameters: Parameters) -> Parameters:
        """Drawn parameters, scaled to the variances 2 / fan_in of weights and 0.01 of biases."""
        return [
            (weights * math.sqrt(WEIGHT_VARIANCE / fan_in), biases * math.sqrt(BIAS_VARIANCE))
            for fan_in, (weights, biases) in zip(self.fan_ins, parameters, strict=True)
        ]

    def hidden(
        self, parameters: Parameters, x: Float[Array, "n d"], precision: Precision = "highest"
    ) -> Float[Array, "n q"]:
        """Last hidden activations of inputs, with parameters as they stand, in their dtype."""
        dtype = parameters[0][0].dtype
        if precision == "bf16":
            parameters = jax.tree.map(lambda part: part.astype(jnp.bfloat16), parameters)
        x = x.astype(parameters[0][0].dtype)
        if self.architecture == "fc":
            for weights, biases in parameters:
                x = jax.nn.relu(product(x, weights, precision) + biases[None, :])
            return x.astype(dtype)
        h, w, c = self.shape
        x = jnp.moveaxis(x.reshape(len(x), c, h, w), 1, 3)
        for weights, biases in parameters:
            x = jax.nn.relu(convolution(x, weights, precision) + biases[None, None, None, :])
            if self.architecture == "convnet":
                x = halved(x)
        return x.reshape(len(x), -1).astype(dtype)


class RandomNetworks(eqx.Module):
    """N random networks that are drawn whenever they are needed.

    A key stands for all their weights, so redrawing them costs no memory.

    Attributes:
        network: each of them.
        count: N; 8 in a step of RFAD and 16 in its validation.

    Example:
        >>> from distill_lib.kernels.random_networks import Network, RandomNetworks
        >>> networks = RandomNetworks(Network((4, 4, 1), 3, 1, "fc"), count=2)
        >>> networks.features(jax.random.key(0), jnp.ones((5, 16))).shape
        (5, 6)
    """

    network: Network
    count: int = eqx.field(static=True, default=8)

    def __check_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count = {self.count} networks make no features; take at least 1.")

    @property
    def dim_out(self) -> int:
        """How many features all networks have together."""
        return self.count * self.network.dim_out

    def draw(self, key: PRNGKeyArray) -> Parameters:
        """Parameters of all N, scaled to their variances, stacked; float32."""
        return jax.vmap(lambda one: self.network.scaled(self.network.draw(one)))(
            jax.random.split(key, self.count)
        )

    def hidden(
        self, parameters: Parameters, x: Float[Array, "n d"], precision: Precision = "highest"
    ) -> Float[Array, "n p"]:
        """Features under parameters that `draw` gave. Args and result: as `features`."""
        f = jax.lax.map(lambda one: self.network.hidden(one, x, precision), parameters)
        return jnp.moveaxis(f, 0, 1).reshape(len(x), -1) / math.sqrt(self.dim_out)

    @eqx.filter_jit
    def features(
        self, key: PRNGKeyArray, x: Float[Array, "n d"], precision: Precision = "highest"
    ) -> Float[Array, "n p"]:
        """Last hidden activations F of all networks, side by side, over sqrt(p); float32.

        Loo et al. 2022. One network is evaluated at a time: the memory is that of its activations,
        of the weights of all and of F. A gradient for x also keeps a byte for each activation of
        all networks, where a unit was on.
        """
        return self.hidden(self.draw(key), x, precision)


class EmpiricalNNGP(Kernel):
    """The kernel of drawn networks: K(x, y) = 2 F(x) F(y)^T + 0.01 (Loo et al. 2022).

    It is that of their output layer's Gaussian process, and estimates the NNGP kernel of the
    infinitely wide network, `InfiniteWidth("nngp", ...)`, with a variance that falls as 1 / N. With
    one hidden layer its mean is that kernel; with more it differs by a term of order 1 / width,
    which more networks do not remove.

    Attributes:
        networks: how many, and of which architecture.
        key: what they are drawn from.
    """

    networks: RandomNetworks
    key: PRNGKeyArray

    def __call__(self, x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """The kernel matrix K(x_i, y_j) in the dtype of x; the networks are of float32."""
        f, g = (self.networks.features(self.key, z).astype(x.dtype) for z in (x, y))
        return from_features(f, g)

    @property
    def pair_size(self) -> int:
        """Nothing is held for a pair, but 16 keeps blocks to 1024 points and their activations."""
        return 16


def from_features(f: Float[Array, "n p"], g: Float[Array, "m p"]) -> Float[Array, "n m"]:
    """The kernel matrix of features, K = 2 F G^T + 0.01, of an output layer's two variances.

    Weights have variance 2 / p, biases 0.01; F carries the 1 / sqrt(p).
    """
    return WEIGHT_VARIANCE * f @ g.T + BIAS_VARIANCE


def batched_features(
    networks: RandomNetworks, key: PRNGKeyArray, images, normalisation, batch: int = 512
) -> Float[np.ndarray, "n p"]:
    """Features F of many images (n, h, w, c) in batches, in main memory: n p numbers of float32.

    Raises: ValueError for images that do not fit, or an empty batch.
    """
    images = normalisation.opened(images)
    normalisation.check(images)
    checks.batch(batch)

    @jax.jit
    def of(key, part):
        return networks.features(key, normalisation(part))

    n = images.shape[0]
    size = min(batch, n)
    out = np.empty((n, networks.dim_out), np.float32)
    for start in range(0, n, size):
        start = min(start, n - size)  # batches of one size, so that one shape is compiled
        out[start : start + size] = of(key, images[start : start + size])
    return out
