"""Kernel inducing points (KIP) of a finite feature map, labels solved at every step.

Gradient descent on the support points, with two objectives behind one interface. `Stochastic` is
the step of the paper's comparison: a batch of the training set, labels from all of it. `FullBatch`
is the same loss on the whole training set from sufficient statistics (`kip_loss.Target`): exact,
and of a cost that does not depend on n.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.baselines import descent
from distill_lib.baselines.descent import Descent
from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import Normalisation
from distill_lib.linalg.least_squares import regular_solution
from distill_lib.sets.distilled_set import DistilledSet
from distill_lib.theory import closed_form, kip_loss


class Objective(eqx.Module):
    """What a KIP step descends: the mean squared error of the model that the points train."""

    feature_map: eqx.AbstractVar[FeatureMap]

    @abc.abstractmethod
    def __call__(self, points: Float[Array, "m d"], key: PRNGKeyArray) -> Float[Array, ""]:
        """The loss at the support points; the key draws the batch, where there is one."""


class FullBatch(Objective):
    """The KIP loss on the whole training set, at the best labels; its cost does not depend on n.

    (1 / (n k)) ||W_S phi(X) - Y||_F^2, from the reduced training set (`kip_loss.solved_loss`).

    Attributes:
        feature_map: phi.
        target: `kip_loss.Target.reduced(stats)`.
        count: n k, a number.

    Example:
        >>> from distill_lib.baselines.kip_on_features import FullBatch, kip_loss
        >>> x, y = np.array([[1.0, 0], [0, 1], [1, 1]]), np.eye(3, 2)
        >>> target = kip_loss.Target.reduced(dl.RidgeStats.of(x, y))
        >>> loss = FullBatch(dl.Linear(2), target, count=y.size)(jnp.eye(2), jax.random.key(0))
        >>> w = np.linalg.lstsq(x, y, rcond=None)[0]  # two points span R^2: the best of all models
        >>> np.allclose(loss, np.mean((x @ w - y) ** 2))
        True
    """

    feature_map: FeatureMap
    target: kip_loss.Target
    count: Float[Array, ""] | float

    def __call__(self, points: Float[Array, "m d"], key: PRNGKeyArray) -> Float[Array, ""]:
        return kip_loss.solved_loss(self.feature_map(points), self.target) / self.count


class Stochastic(Objective):
    """The published step of KIP: labels from all samples, the loss on a random batch.

    Y_S = Y (A phi(X))^+ with A = (K_SS + lam_S I)^{-1} phi(X_S)^T and lam_S = 1e-6 tr(K_SS) / m.
    The labels are part of the graph, as in the released code: on a batch they are not optimal, so
    their gradient does not vanish.

    Attributes:
        feature_map: phi.
        features: (n, p) phi(X), computed once.
        labels: (n, k) one-hot Y.
        batch: samples per step, drawn without repetition; 5000 in the paper.

    Example:
        >>> from distill_lib.baselines.kip_on_features import Stochastic
        >>> loss = Stochastic(dl.Linear(2), jnp.eye(2), jnp.eye(2), batch=1)
        >>> round(float(loss(jnp.eye(2), jax.random.key(0))), 6)  # the points are the samples
        0.0
    """

    feature_map: FeatureMap
    features: Float[Array, "n p"]
    labels: Float[Array, "n k"]
    batch: int = eqx.field(static=True, default=5000)

    def __check_init__(self):
        checks.drawn(self.batch, len(self.features))

    def __call__(self, points: Float[Array, "m d"], key: PRNGKeyArray) -> Float[Array, ""]:
        support = self.feature_map(points)
        m = len(support)
        gram = support @ support.T + kip_loss.relative_reg(support) * jnp.eye(
            m, dtype=support.dtype
        )
        a = solve(gram, support, assume_a="pos")
        solved = jnp.linalg.pinv(a @ self.features.T).T @ self.labels
        rows = jax.random.choice(key, len(self.features), (self.batch,), replace=False)
        residual = self.features[rows] @ (a.T @ solved) - self.labels[rows]
        return jnp.mean(residual**2)


class OnBatches(Objective):
    """The loss of `Stochastic` on the same batches, from the reduced training set.

    The labels' lam_S cancels, as in `kip_loss.solved_loss`, and all samples enter through (R, T).
    So a step has the same loss and gradient without a pseudoinverse of n columns: only that B = R
    phi(X_S)^T has full column rank is needed, m <= p for one thing.

    Attributes:
        feature_map: phi.
        target: `kip_loss.Target.reduced(stats)`.
        features: (n, p) phi(X), computed once.
        labels: (n, k) one-hot Y.
        batch: samples per step, drawn without repetition.

    Example:
        >>> from distill_lib.baselines.kip_on_features import OnBatches, Stochastic, kip_loss
        >>> x, y = np.array([[1.0, 0], [0, 1], [1, 1]]), np.eye(3, 2)
        >>> target = kip_loss.Target.reduced(dl.RidgeStats.of(x, y))
        >>> point, key = np.array([[1.0, 2.0]]), jax.random.key(0)
        >>> loss = OnBatches(dl.Linear(2), target, x, y, batch=2)(point, key)
        >>> np.allclose(loss, Stochastic(dl.Linear(2), x, y, batch=2)(point, key))
        True
    """

    feature_map: FeatureMap
    target: kip_loss.Target
    features: Float[Array, "n p"]
    labels: Float[Array, "n k"]
    batch: int = eqx.field(static=True, default=5000)

    def __check_init__(self):
        checks.drawn(self.batch, len(self.features))

    def __call__(self, points: Float[Array, "m d"], key: PRNGKeyArray) -> Float[Array, ""]:
        support = self.feature_map(points)
        c = regular_solution(self.target.features @ support.T, self.target.labels)
        rows = jax.random.choice(key, len(self.features), (self.batch,), replace=False)
        return jnp.mean((self.features[rows] @ (support.T @ c) - self.labels[rows]) ** 2)


@door()
def support_set(
    points: Float[Array, "m d"],
    target: kip_loss.Target,
    feature_map: FeatureMap,
    normalisation: Normalisation,
) -> DistilledSet:
    """The distilled set of given support points, with their best labels.

    lam_S = 1e-6 tr(K_SS) / m, as in KIP. `provenance` records L(X_S), the loss on the training set
    of the model that the set trains.

    Raises: ValueError for shapes that do not fit.

    Example:
        >>> from distill_lib.baselines.kip_on_features import kip_loss, support_set
        >>> target = kip_loss.Target.reduced(dl.RidgeStats.of(np.eye(2), np.eye(2)))
        >>> norm = dl.Normalisation((1, 2, 1), 1, 0, 1)
        >>> made = support_set(np.eye(2), target, dl.Linear(2), norm)
        >>> np.allclose(made.model().weights, np.eye(2))
        True
    """
    support = feature_map(points)
    reg_s = float(kip_loss.relative_reg(support))
    labels = kip_loss.solved_labels(support, target, reg_s)
    record = {"loss": float(target.loss(closed_form.recovered_weights(support, labels, reg_s)))}
    return DistilledSet(
        points,
        labels,
        reg_s,
        feature_map,
        normalisation,
        "solved on the training set",
        "KIP",
        record,
    )


@door()
def descend(
    objective: Objective,
    start: Float[Array, "m d"],
    steps: int,
    *,
    key: PRNGKeyArray,
    learning_rate: float = 0.01,
    **options: Any,
) -> Descent:
    """Descend the support points by Adam (Nguyen et al. 2021).

    The paper's settings are a learning rate of 0.01 and 30,000 steps.

    Args:
        objective: `FullBatch` or `Stochastic`.
        start: (m, d) first support points: real samples in the paper.
        options: `every`, `checkpoint`, `report`, `watch`, ... of `descent.descend`.
    Raises: ValueError for a start that does not fit, and as `descent.descend`.

    Example:
        >>> from distill_lib.baselines.kip_on_features import FullBatch, descend, kip_loss
        >>> x, y = np.array([[1.0, 0], [0, 1], [1, 1]]), np.eye(3, 2)
        >>> target = kip_loss.Target.reduced(dl.RidgeStats.of(x, y))
        >>> objective = FullBatch(dl.Linear(2), target, count=y.size)
        >>> losses = descend(objective, x[:1], 100, key=jax.random.key(0)).losses
        >>> bool(losses[-1] < losses[0])
        True
    """
    checks.matrix("start", start, cols=objective.feature_map.dim_in)
    return descent.descend(objective, start, steps, key=key, learning_rate=learning_rate, **options)
