r"""Kernel inducing points (KIP) and label solve, any kernel (Nguyen et al. 2021a, 2021b).

A support set (X_S, Y_S) is judged by the kernel regression it trains, f(x) = K(x, X_S) (K_SS + lam
I)^{-1} Y_S with lam = reg tr(K_SS) / m:

.. math:: L(X_S, Y_S) = \tfrac12\, \mathrm{mean}_t\,
          \|y_t - K_{tS} (K_{SS} + \lambda I)^{-1} Y_S\|^2,

the mean over the samples of a target batch, drawn anew for every step.
`distill_lib.baselines.kip_on_features` is the same for finite feature maps, where the training set
has sufficient statistics. An infinitely wide network has none, so batches it is.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient
from jaxtyping import Array, Float, PRNGKeyArray

from distill_lib.baselines import descent
from distill_lib.baselines.descent import Descent
from distill_lib.baselines.training_set import Targets, augmented
from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.kernels import regression
from distill_lib.kernels.base import Kernel
from distill_lib.kernels.blocks import cross, gram
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.linalg.least_squares import least_squares
from distill_lib.sets.distilled_set import DistilledSet

REG = regression.REG
STRIP = 2048  # samples of K_tS that label solve holds at a time


class KernelObjective(eqx.Module):
    """The loss of KIP on a random target batch.

    Called with {"points": X_S} or, to learn the labels as well, {"points": X_S, "labels": Y_S}.
    Without labels there and in `labels` they are solved: the best ones for the batch, so that the
    loss is that of the space which the support points span.

    Attributes:
        kernel: K.
        targets: the training set.
        labels: (m, k) fixed labels Y_S, or None.
        batch: samples per step, drawn without repetition; 5000 in KIP.
        reg: lam = reg tr(K_SS) / m.
        flip, shift: augmentation of the target batch, see `training_set.augmented`.

    Example:
        >>> from distill_lib.baselines.kip import KernelObjective, Targets
        >>> from distill_lib.theory.contributions import FeatureKernel
        >>> norm = dl.Normalisation((1, 2, 1), 1, 0, 1)
        >>> targets = Targets.of(np.eye(2).reshape(2, 1, 2, 1), [0, 1], norm)
        >>> loss = KernelObjective(FeatureKernel(dl.Linear(2)), targets, batch=2)
        >>> round(float(loss({"points": jnp.eye(2)}, jax.random.key(0))), 6)
        0.0
    """

    kernel: Kernel
    targets: Targets
    labels: Float[Array, "m k"] | None = None
    batch: int = eqx.field(static=True, default=5000)
    reg: float = eqx.field(static=True, default=REG)
    flip: bool = eqx.field(static=True, default=False)
    shift: int = eqx.field(static=True, default=0)

    def __check_init__(self):
        checks.drawn(self.batch, len(self.targets))
        checks.reg("reg", self.reg)
        if self.labels is not None:
            checks.matrix("labels", self.labels, cols=self.targets.count)
        if not 0 <= self.shift < min(self.targets.preprocessing.shape[:2]):
            raise ValueError(
                f"shift = {self.shift} must be between 0 and less than the "
                f"{self.targets.preprocessing.shape[:2]} pixels of an image."
            )

    def __call__(
        self, support: dict[str, Float[Array, "m _"]], key: PRNGKeyArray
    ) -> Float[Array, ""]:
        """Half the mean squared error of a batch that the key draws."""
        draw, change = jax.random.split(key)
        rows = jax.random.choice(draw, len(self.targets), (self.batch,), replace=False)
        x, y = self.targets(rows)
        if self.flip or self.shift:
            x = augmented(change, x, self.targets.preprocessing.shape, self.flip, self.shift)
        points = support["points"]
        k_ts, k_ss = self.kernel(x, points), self.kernel(points, points)
        labels = support.get("labels", self.labels)
        if labels is None:  # at the best coefficients their gradient is 0, and K_SS cancels
            c = least_squares(stop_gradient(k_ts), y)
        else:
            c = regression.solve(k_ss, labels, self.reg)
        return jnp.sum((y - k_ts @ c) ** 2) / (2 * self.batch)


@door()
def descend(
    objective: KernelObjective,
    start: Float[Array, "m d"],
    steps: int,
    *,
    key: PRNGKeyArray,
    labels: Float[Array, "m k"] | None = None,
    learning_rate: float = 0.04,
    label_rate: float = 0.005,
    **options: Any,
) -> Descent:
    """Adam on the support points, and on the labels where a start is given for them.

    Args:
        start: (m, d) first support points: real samples.
        labels: (m, k) first labels, if they are to be learned.
        learning_rate: of the points; 0.04 in KIP for fully connected kernels.
        label_rate: of the labels.
        options: `every`, `checkpoint`, `report`, `watch`, ... of `descent.descend`; what it finds
            is a dict as the objective takes.
    Raises: ValueError for starts that do not fit or whose kernel matrix is singular, and as
        `descent.descend`.

    Example:
        >>> from distill_lib.baselines.kip import KernelObjective, Targets, descend
        >>> from distill_lib.theory.contributions import FeatureKernel
        >>> norm, images = dl.Normalisation((1, 2, 1), 1, 0, 1), np.eye(2).reshape(2, 1, 2, 1)
        >>> objective = KernelObjective(
        ...     FeatureKernel(dl.Linear(2)), Targets.of(images, [0, 1], norm), batch=2
        ... )
        >>> found = descend(objective, np.array([[1.0, 0.0]]), 100, key=jax.random.key(0))
        >>> bool(found.losses[-1] < found.losses[0] / 10)
        True
    """
    checks.matrix("start", start, cols=objective.targets.preprocessing.dim)
    found, rates = {"points": start}, {"points": learning_rate}
    if labels is not None:
        checks.matrix("labels", labels, rows=len(start), cols=objective.targets.count)
        if objective.labels is not None:
            raise ValueError(
                "the objective has fixed labels already; give it none for labels to be learned."
            )
        found, rates = found | {"labels": labels}, rates | {"labels": label_rate}
    elif objective.labels is None:
        if len(start) > objective.batch:
            raise ValueError(
                f"the labels of {len(start)} points cannot be solved on a batch of "
                f"{objective.batch}; take a larger batch, "
                "or fixed or learned labels."
            )
    else:
        checks.matrix("labels", objective.labels, rows=len(start))
    fixed = objective.labels if labels is None else labels
    if fixed is not None:  # labels that are solved need no inverse
        regression.coefficients(gram(objective.kernel, start), fixed, objective.reg)
    return descent.descend(objective, found, steps, key=key, learning_rate=rates, **options)


@door()
def label_solve(
    kernel: Kernel,
    points: Float[Array, "m d"],
    targets: Targets,
    *,
    reg: float = REG,
    block: int | None = None,
    batch: int = STRIP,
    report: Any = None,
) -> Float[Array, "m k"]:
    """The best labels of given points on the whole training set (label solve, LS).

    Y_S = (K_tS (K_SS + lam I)^{-1})^+ Y_t, computed in O(n m^2):

    1. K_tS comes in strips of `batch` samples and is never held whole.
    2. A QR decomposition is carried along: the strips of [K_tS, Y_t] = Q R enter R one after the
       other.
    3. With R = [[R_K, Z], [0, .]] the labels are Y_S = (K_SS + lam I) R_K^+ Z, without an
       inverse of K_SS.

    Normal equations would cost half of that and square the condition number of K_tS. Where K_tS has
    not full rank, these are some of the many best labels.

    Args:
        block: of the kernel matrices, as in `blocks.cross`.
        batch: samples in a strip.
        report: called with (samples seen, samples in all) after each strip.
    Raises: ValueError for points that do not fit, an empty batch, or a negative reg.

    Example:
        >>> from distill_lib.baselines.kip import Targets, label_solve
        >>> from distill_lib.theory.contributions import FeatureKernel
        >>> norm, images = dl.Normalisation((1, 2, 1), 1, 0, 1), np.eye(2).reshape(2, 1, 2, 1)
        >>> kernel, targets = FeatureKernel(dl.Linear(2)), Targets.of(images, [0, 1], norm)
        >>> label_solve(kernel, np.eye(2), targets, reg=0).round(3).tolist()  # those of the samples
        [[0.5, -0.5], [-0.5, 0.5]]
    """
    checks.batch(batch)
    checks.matrix("points", points, cols=targets.preprocessing.dim)
    k_ss = gram(kernel, points, block=block)
    m, n = len(k_ss), len(targets)
    r = jnp.zeros((m + targets.count, m + targets.count), k_ss.dtype)
    for first in range(0, n, batch):
        rows = np.arange(first, first + batch)
        x, y = targets(jnp.asarray(np.minimum(rows, n - 1)))
        strip = jnp.concatenate([cross(kernel, x, points, block=block), y], axis=1)
        # Of one size: what is repeated counts as zero.
        r = with_strip(r, strip * (rows < n).astype(strip.dtype)[:, None])
        if report is not None:
            report(min(first + batch, n), n)
    c = least_squares(r[:m, :m], r[:m, m:])
    return k_ss @ c + regression.relative_reg(k_ss, reg) * c


@door()
@jax.jit
def with_strip(r: Float[Array, "p p"], strip: Float[Array, "b p"]) -> Float[Array, "p p"]:
    """The R of a QR decomposition after further rows, given R before them.

    One step of `label_solve`; O(b p^2) for a strip of b rows.

    Example:
        >>> from distill_lib.baselines.kip import with_strip
        >>> a = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        >>> r = with_strip(np.zeros((2, 2)), a)
        >>> np.allclose(r.T @ r, a.T @ a)
        True
    """
    return jnp.linalg.qr(jnp.concatenate([r, strip]), mode="r")


@door()
def support_set(
    kernel: InfiniteWidth,
    points: Float[Array, "m d"],
    labels: Float[Array, "m k"],
    targets: Targets,
    label_convention: str,
    *,
    reg: float = REG,
    provenance: dict[str, Any] | None = None,
) -> DistilledSet:
    """The distilled set of support points and labels for a kernel.

    lam_S = reg tr(K_SS) / m.

    Args:
        label_convention: "one-hot - 1/k", "learned from one-hot - 1/k", "solved on the training
            set".
        provenance: how it was made, as plain JSON values.
    Raises: ValueError for shapes that do not fit.

    Example:
        >>> from distill_lib.baselines.kip import InfiniteWidth, Targets, support_set
        >>> norm, images = dl.Normalisation((1, 2, 1), 1, 0, 1), np.eye(2).reshape(2, 1, 2, 1)
        >>> targets = Targets.of(images, [0, 1], norm)
        >>> kernel = InfiniteWidth("nngp", "fc", 1, (1, 2, 1))
        >>> support_set(kernel, np.eye(2), np.eye(2), targets, "one-hot").predict(images).tolist()
        [0, 1]
    """
    k_ss = gram(kernel, points)
    reg_s = float(regression.relative_reg(k_ss, reg))
    return DistilledSet(
        points,
        labels,
        reg_s,
        None,
        targets.preprocessing,
        label_convention,
        "KIP",
        provenance or {},
        kernel,
    )
