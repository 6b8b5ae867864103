"""The loss of one step of RFAD: fresh networks' regression, tested on training images."""

from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from distill_lib.baselines.training_set import Targets, centred_labels
from distill_lib.boundary import checks
from distill_lib.images.whitening import Preprocessing
from distill_lib.kernels import regression
from distill_lib.kernels.random_networks import (
    BIAS_VARIANCE,
    WEIGHT_VARIANCE,
    Precision,
    RandomNetworks,
    from_features,
)

Support = dict[str, Float[Array, "..."]]


class Corruption(eqx.Module):
    """Pixels of the support images that are held at noise, to carry nothing of the training set.

    Attributes:
        held: which pixels, True for those held.
        noise: their values; entries that are not held are not read.

    Example:
        >>> from distill_lib.baselines.rfad_objective import Corruption
        >>> norm = dl.Normalisation((4, 4, 1), 1, 0, 1)
        >>> corruption = Corruption.random(jax.random.key(0), share=0.5, m=3, preprocessing=norm)
        >>> changed = corruption(jnp.zeros((3, 16)), norm) != 0
        >>> bool((changed == corruption.held.reshape(3, 16)).all())
        True
    """

    held: Bool[Array, "m h w c"]
    noise: Float[Array, "m h w c"]

    @classmethod
    def random(
        cls, key: PRNGKeyArray, share: float, m: int, preprocessing: Preprocessing
    ) -> "Corruption":
        """Hold each pixel with probability `share`, at a standard normal network input.

        Raises: ValueError unless 0 <= share <= 1.
        """
        if not (checks.number(share) and 0 <= share <= 1):
            raise ValueError(
                f"corruption = {share!r} is no share of the pixels; it must be in [0, 1]."
            )
        for_mask, for_noise = jax.random.split(key)
        held = jax.random.bernoulli(for_mask, share, (m, *preprocessing.shape))
        noise = jax.random.normal(for_noise, (m, preprocessing.dim), preprocessing.dtype)
        return cls(held, preprocessing.inverse(noise))

    def __call__(
        self, points: Float[Array, "m d"], preprocessing: Preprocessing
    ) -> Float[Array, "m d"]:
        """The points with their images' held pixels put in; their gradient there is zero."""
        return preprocessing(jnp.where(self.held, self.noise, preprocessing.inverse(points)))


class Objective(eqx.Module):
    """The loss of one step of RFAD: kernel ridge regression from the support set.

    It is tested on training images. With F the features of freshly drawn networks, K = 2 F F^T +
    0.01 and lam = jitter tr(K_SS) / m, the predictions are K_TS (K_SS + lam I)^{-1} Y_S. They are
    computed as features times weights, in the order F_T (F_S^T alpha): the networks and this cost
    O(m), and what is left is K_SS, m^2 numbers, and its solve in float64.

    Attributes:
        networks: drawn from the step's key.
        targets: the training set.
        labels: (m, k) support labels; those of a support set with "labels" of its own take their
            place.
        corruption: pixels held at noise, or None.
        loss: "mse": half the mean squared error over samples and classes. "platt": cross-entropy of
            exp(tau) times the predictions.
        batches, batch: target batches of a step and their size; all drawn together, without
            repetition.
        jitter: lam relative to the mean diagonal of K_SS.
        precision: of the products inside the networks. Most of a step is the targets' features,
            which carry no gradient; those of the support are computed in tf32 where this is "bf16".
            Kernel, solve and loss are of float32 and float64 in any case.

    Example:
        >>> from distill_lib.baselines.rfad_objective import Objective, RandomNetworks, Targets
        >>> from distill_lib.kernels.random_networks import Network
        >>> norm, images = dl.Normalisation((1, 2, 1), 1, 0, 1), np.eye(2).reshape(2, 1, 2, 1)
        >>> networks = RandomNetworks(Network((1, 2, 1), 8, 1, "fc"), count=2)
        >>> targets = Targets.of(images, [0, 1], norm)
        >>> objective = Objective(networks, targets, jnp.eye(2), batches=1, batch=2)
        >>> objective.effective({"points": jnp.eye(2), "transform": 2 * jnp.eye(2)}).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """

    networks: RandomNetworks
    targets: Targets
    labels: Float[Array, "m k"]
    corruption: Corruption | None = None
    loss: Literal["mse", "platt"] = eqx.field(static=True, default="mse")
    batches: int = eqx.field(static=True, default=4)
    batch: int = eqx.field(static=True, default=1280)
    jitter: float = eqx.field(static=True, default=5e-3)
    precision: Precision = eqx.field(static=True, default="highest")

    def __check_init__(self) -> None:
        checks.positive("jitter", self.jitter)
        checks.matrix("labels", self.labels, cols=self.targets.count)
        if self.precision not in get_args(Precision):
            raise ValueError(
                f"the precision '{self.precision}' is unknown; known are "
                f"{', '.join(get_args(Precision))}."
            )
        if self.loss not in ("mse", "platt"):
            raise ValueError(f"the loss '{self.loss}' is unknown; known are mse and platt.")
        if min(self.batches, self.batch) < 1 or self.batches * self.batch > len(self.targets):
            raise ValueError(
                f"{self.batches} target batches of {self.batch} cannot be drawn from "
                f"{len(self.targets)} training images; "
                "take fewer or smaller ones."
            )
        if self.networks.network.shape != self.targets.preprocessing.shape:
            raise ValueError(
                f"the networks take images of shape {self.networks.network.shape}, the training "
                "images have "
                f"{self.targets.preprocessing.shape}; give both the same."
            )

    def __call__(self, support: Support, key: PRNGKeyArray) -> Float[Array, ""]:
        """The loss of a support set with the networks and the batch that a key draws."""
        for_networks, for_rows = jax.random.split(key)
        rows = jax.random.choice(
            for_rows, len(self.targets), (self.batches, self.batch), replace=False
        )
        of_support: Precision = "highest" if self.precision == "highest" else "tf32"
        drawn = self.networks.draw(for_networks)  # once, for targets and support
        f = jax.lax.map(
            lambda rows: self.networks.hidden(drawn, self.targets(rows)[0], self.precision), rows
        )
        own = self.networks.hidden(drawn, self.effective(support), of_support)
        predictions = self.predictions(own, support, f.reshape(rows.size, -1))
        return self.loss_of(predictions, self.targets.classes[rows.reshape(-1)], support)

    def effective(self, support: Support) -> Float[Array, "m d"]:
        """The points that the networks see: transformed, then with the held pixels."""
        points = support["points"]
        points = points @ support["transform"] if "transform" in support else points
        return (
            points
            if self.corruption is None
            else self.corruption(points, self.targets.preprocessing)
        )

    def predictions(
        self, own: Float[Array, "m p"], support: Support, f: Float[Array, "n p"]
    ) -> Float[Array, "n k"]:
        """Predictions for the targets from features of the support and of the targets.

        K_TS (K_SS + lam I)^{-1} Y_S: products of features in their dtype, the solve in float64.
        """
        labels = support.get("labels", self.labels).astype(jnp.float64)
        gram = from_features(own, own).astype(jnp.float64)
        alpha = regression.solve(gram, labels, self.jitter)
        weights = WEIGHT_VARIANCE * own.T.astype(jnp.float64) @ alpha
        products = (f @ weights.astype(f.dtype)).astype(jnp.float64)
        return products + (BIAS_VARIANCE * alpha.sum(0))[None, :]

    def loss_of(
        self, predictions: Float[Array, "n k"], truth: Int[Array, " n"], support: Support
    ) -> Float[Array, ""]:
        """The loss of predictions: the mean over the samples, and for "mse" over the classes."""
        if self.loss == "platt":
            logits = jnp.exp(support["tau"]).astype(predictions.dtype) * predictions
            return optax.softmax_cross_entropy_with_integer_labels(logits, truth).mean()
        return 0.5 * jnp.mean((predictions - centred_labels(truth, self.targets.count)) ** 2)
