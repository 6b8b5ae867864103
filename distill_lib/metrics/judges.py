"""Judges: fixed ways to train a model on a set or on all images, and to count its right answers.

A judge says nothing of a set but the accuracy of what it trains. Its recipe is fixed beforehand and
the same for distilled, random and all images.
"""

from typing import NamedTuple, Protocol

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.baselines.descent import Diverged
from distill_lib.baselines.finite_network import FiniteNetwork, Trained, train
from distill_lib.features import FeatureMap
from distill_lib.images.whitening import Preprocessing
from distill_lib.kernels.random_networks import Network
from distill_lib.kernels.residual_network import ResidualNetwork
from distill_lib.ridge import GRID, RidgeModel, fit
from distill_lib.theory.closed_form import recovered_weights

_BATCH = 4096  # images at a time that become network inputs


class Taught(NamedTuple):
    """Images with their classes, and how they become network inputs.

    Attributes:
        images: (n, h, w, c).
        labels: (n,) class indices.
        normalisation: from images to network inputs.
        classes: k.
    """

    images: np.ndarray
    labels: np.ndarray
    normalisation: Preprocessing
    classes: int

    def rows(self, chosen) -> "Taught":
        """Some of the images."""
        return self._replace(images=self.images[chosen], labels=self.labels[chosen])

    def points(self) -> Float[Array, "n d"]:
        """All images as network inputs."""
        return self.normalisation(self.images)

    def one_hot(self) -> Float[np.ndarray, "n k"]:
        """The classes as labels."""
        return np.eye(self.classes)[self.labels]


class Judge(Protocol):
    """A way to train. `name` is that of its rows."""

    @property
    def name(self) -> str: ...

    def of_points(
        self, points: Float[Array, "m d"], labels: Float[Array, "m k"], tests: Taught, key
    ) -> Float[np.ndarray, " s"]:
        """Accuracies on the tests of the models that a set trains, one for each seed."""
        ...

    def of_random(
        self, taught: Taught, labels: Float[Array, "m k"], tests: Taught, val: Taught, key
    ) -> Float[np.ndarray, " s"]:
        """The same of random images with some labels; what is open is chosen by `val`."""
        ...

    def of_all(self, taught: Taught, tests: Taught, key) -> Float[np.ndarray, " s"]:
        """The same of all images with their classes."""
        ...


class OwnTrainer(eqx.Module):
    """The ridge regression that an exact set is made for: its feature map and its lam_S.

    Random images may do better at another lam, so each draw gets the best one of the grid and
    lam_S, on training images outside the draw.

    Attributes:
        feature_map: phi.
        reg_s: lam_S.
        original: the model trained on all images, if it is at hand; else one is fitted.
        regs: the grid.
    """

    feature_map: FeatureMap
    reg_s: float = eqx.field(static=True)
    original: RidgeModel | None = None
    regs: tuple[float, ...] = eqx.field(static=True, default=GRID)

    @property
    def name(self) -> str:
        """Of its rows."""
        return "own trainer"

    def of_points(self, points, labels, tests: Taught, key) -> Float[np.ndarray, " s"]:
        """The one accuracy of W_S = Y_S phi_{lam_S}(X_S)^+."""
        model = self._model(recovered_weights(self.feature_map(points), labels, self.reg_s), tests)
        return np.array([model.accuracy(tests.images, tests.labels)])

    def of_random(
        self, taught: Taught, labels, tests: Taught, val: Taught, key
    ) -> Float[np.ndarray, " s"]:
        """The one accuracy of random images at the lam that is best for them."""
        features, labels = self.feature_map(taught.points()), jnp.asarray(labels)
        seen = self.feature_map(val.points())
        right = {}
        for reg in {*self.regs, self.reg_s}:
            weights = recovered_weights(features, labels, reg)
            guesses = np.argmax(np.asarray(seen @ weights.T), axis=1)
            right[reg] = np.mean(guesses == val.labels), reg
        best = max(right, key=lambda reg: right[reg])
        model = self._model(recovered_weights(features, labels, best), tests)
        return np.array([model.accuracy(tests.images, tests.labels)])

    def of_all(self, taught: Taught, tests: Taught, key) -> Float[np.ndarray, " s"]:
        """The one accuracy of the original model."""
        model = self.original or fit(
            taught.images,
            taught.labels,
            self.feature_map,
            taught.normalisation,
            key=key,
            classes=taught.classes,
            refit=True,
        )
        return np.array([model.accuracy(tests.images, tests.labels)])

    def _model(self, weights, tests: Taught) -> RidgeModel:
        return RidgeModel(weights, self.feature_map, tests.normalisation, self.reg_s, (), ())


class NetworkJudge(eqx.Module):
    """A network trained from random weights by gradient descent, with a recipe that is fixed.

    Squared error of outputs f - f_0 against labels minus 1/k, momentum 0.9, no augmentation, no
    weight decay; of several learning rates the one that fits its own training points best in the
    end. The points are brought to the root mean square of images first, since a set made from noise
    has a scale that means nothing.

    Attributes:
        name: of its rows.
        model: the network.
        steps: of the descent.
        batch: points of a step, or all where there are fewer.
        seeds: how many networks.
        rates: learning rates.

    Example:
        >>> from distill_lib.metrics import network_judges
        >>> network_judges((8, 8, 1), 10, steps=200)[0].steps
        200
    """

    name: str = eqx.field(static=True)
    model: FiniteNetwork
    steps: int = eqx.field(static=True, default=500)
    batch: int = eqx.field(static=True, default=128)
    seeds: int = eqx.field(static=True, default=2)
    rates: tuple[float, ...] = eqx.field(static=True, default=(1e-1, 3e-2, 1e-2))

    def of_points(self, points, labels, tests: Taught, key) -> Float[np.ndarray, " s"]:
        """Accuracies of the networks that the points train.

        Raises: `descent.Diverged` if training does at all learning rates.
        """
        points = jnp.asarray(points, jnp.float32)
        size = float(jnp.sqrt(jnp.mean(points**2)))
        points = points * (_size(tests) / size if size else 1.0)
        labels = jnp.asarray(labels, jnp.float32) - 1 / self.model.classes
        best = min(self._trained(points, labels, key), key=_final_loss)
        return best.accuracies(tests.images, tests.labels, tests.normalisation)

    def _trained(self, points, labels, key) -> list[Trained]:
        """What each learning rate trains, of those at which nothing diverges."""
        found, failed = [], None
        for rate in self.rates:
            try:
                found.append(
                    train(
                        self.model,
                        points,
                        labels,
                        self.seeds,
                        key=key,
                        learning_rate=rate,
                        steps=self.steps,
                        every=self.steps,
                        batch=min(self.batch, len(points)),
                    )
                )
            except Diverged as error:
                failed = error
        if not found and failed:
            raise failed
        return found

    def of_random(
        self, taught: Taught, labels, tests: Taught, val: Taught, key
    ) -> Float[np.ndarray, " s"]:
        """The same of random images; nothing is chosen, so `val` is not read."""
        return self.of_points(taught.points(), labels, tests, key)

    def of_all(self, taught: Taught, tests: Taught, key) -> Float[np.ndarray, " s"]:
        """The same of all images, whose inputs are held in float32."""
        parts = [taught.rows(slice(i, i + _BATCH)) for i in range(0, len(taught.labels), _BATCH)]
        points = np.concatenate([np.asarray(part.points(), np.float32) for part in parts])
        return self.of_points(points, taught.one_hot(), tests, key)


def _size(tests: Taught) -> float:
    """The root mean square of images as network inputs, from the first thousand."""
    return float(np.sqrt(np.mean(np.square(tests.normalisation(tests.images[:1000])))))


def network_judges(
    shape: tuple[int, int, int],
    classes: int,
    *,
    width: int = 64,
    depth: int | None = None,
    **recipe,
) -> list[NetworkJudge]:
    """Three architectures that no set here is made for: a ConvNet, an MLP, a small ResNet.

    Args:
        shape: (h, w, c) of an image.
        classes: k.
        width: channels of the ConvNet and the ResNet; the MLP has 4 times as many units.
        depth: of the ConvNet and the ResNet; by default 2, or 1 where images are smaller than 16.
            The field trains its sets for 3.
        recipe: `steps`, `batch`, `seeds`, `rates` of `NetworkJudge`.

    Example:
        >>> from distill_lib.metrics import network_judges
        >>> [judge.name for judge in network_judges((28, 28, 1), 10)]
        ['ConvNet-2', 'MLP', 'ResNet-2']
    """
    depth = (2 if min(shape[:2]) >= 16 else 1) if depth is None else depth
    networks: dict[str, Network | ResidualNetwork] = {
        f"ConvNet-{depth}": Network(shape, width, depth),
        "MLP": Network(shape, 4 * width, 2, "fc"),
        f"ResNet-{depth}": ResidualNetwork(shape, width, depth),
    }
    return [
        NetworkJudge(name, FiniteNetwork(network, classes), **recipe)
        for name, network in networks.items()
    ]


def _final_loss(found: Trained) -> float:
    """The mean loss of the last tenth of the steps."""
    losses = found.descent.losses
    return float(np.mean(losses[-max(1, len(losses) // 10) :]))
