"""An encoder made here: a small ConvNet, trained and then frozen at its last hidden layer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.baselines.descent import Report
from distill_lib.baselines.finite_network import FiniteNetwork, train
from distill_lib.data import Dataset
from distill_lib.images.whitening import Preprocessing
from distill_lib.kernels.random_networks import Network
from distill_lib.kernels.residual_network import ResidualNetwork
from distill_lib.paper import normalisation


class Encoder(eqx.Module):
    """A trained network up to its last hidden layer, frozen, with its preprocessing.

    Attributes:
        network: the architecture.
        parameters: of its layers.
        normalisation: from images to its inputs.
        accuracy: of the network on test images of what it was trained on, with its output layer.
    """

    network: Network | ResidualNetwork
    parameters: Any
    normalisation: Preprocessing
    accuracy: float = eqx.field(static=True)

    @eqx.filter_jit
    def of_inputs(self, x: Float[Array, "n d"]) -> Float[Array, "n p"]:
        """phi of network inputs, in float32."""
        return self.network.hidden(self.parameters, x)

    def __call__(self, images, batch: int = 500) -> Float[np.ndarray, "n p"]:
        """Embeddings of images (n, h, w, c), in batches of one size."""
        size = min(batch, len(images))
        out = np.empty((len(images), self.network.dim_out))
        for start in range(0, len(images), size):
            start = min(start, len(images) - size)
            part = self.normalisation(images[start : start + size])
            out[start : start + size] = self.of_inputs(part)
        return out


def trained(
    data: Dataset,
    *,
    classes: int | None = None,
    width: int,
    depth: int,
    steps: int,
    batch: int,
    rate: float,
    checkpoint: Path | None = None,
    report: Callable[[Report], None] | None = None,
) -> Encoder:
    """A ConvNet trained on images of the first classes, or of all; its output layer is dropped.

    Seed 0, squared error, momentum 0.9, as `finite_network.train`.
    """
    k = len(data.info.classes) if classes is None else classes
    norm = normalisation(data.info, "float32")
    rows, asked = np.flatnonzero(data.y_train < k), np.flatnonzero(data.y_test < k)
    found = train(
        FiniteNetwork(Network(data.info.shape, width, depth), k),
        norm(data.x_train[rows]),
        jnp.eye(k, dtype=jnp.float32)[data.y_train[rows]] - 1 / k,
        key=jax.random.key(0),
        steps=steps,
        learning_rate=rate,
        batch=batch,
        checkpoint=checkpoint,
        report=report,
    )
    below, _ = jax.tree.map(lambda leaf: leaf[0], found.parameters)
    right = found.accuracies(data.x_test[asked], data.y_test[asked], norm)
    return Encoder(found.loss.model.network, below, norm, float(right[0]))
