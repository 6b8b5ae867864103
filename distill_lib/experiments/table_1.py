"""How many points each construction of Table 1 needs: the error of the model against the number.

Samples are rows: features (n, p), labels (n, k), W (k, p).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float

from distill_lib import paper
from distill_lib.baselines.moments import Moments, gaussian_kernel, subset_labels
from distill_lib.data import Dataset
from distill_lib.experiments.common import relative_error
from distill_lib.features import FeatureMap, RandomFourier
from distill_lib.images.normalisation import Normalisation
from distill_lib.ridge import GRID
from distill_lib.theory import closed_form
from distill_lib.theory.labels_only import solved_labels

Row = dict[str, Any]
Weights = Float[np.ndarray, "k p"]
Made = Callable[[int], Weights]  # number of points -> the model that they train
Support = tuple[Float[Array, "m p"], Float[Array, "m k"]]
TOLERANCE = 1e-8


def train(features: Any, labels: Any, reg: float = 0.0) -> Weights:
    """Ridge regression by its definition, as least squares; of least norm at reg = 0."""
    features, labels = np.asarray(features), np.asarray(labels)
    if reg:
        features = np.vstack([features, np.sqrt(reg) * np.eye(features.shape[1])])
        labels = np.vstack([labels, np.zeros((len(features) - len(labels), labels.shape[1]))])
    cut = max(features.shape) * np.finfo(features.dtype).eps
    return scipy.linalg.lstsq(features, labels, cond=cut, lapack_driver="gelsy")[0].T


class Counted(NamedTuple):
    """One construction, given from few points to all that it needs.

    Attributes:
        setting, construction: its place in the table.
        claim, value: the number of points that it is said to need, and that number here.
        counts, errors: the numbers of points, and the relative error of the model from each.
    """

    setting: str
    construction: str
    claim: str
    value: int
    counts: list[int]
    errors: list[float]

    @property
    def seen(self) -> int | None:
        """The first tried number of points at which the error is rounding."""
        return next((m for m, e in self.at.items() if e < TOLERANCE), None)

    @property
    def at(self) -> dict[int, float]:
        """Number of points -> error."""
        return dict(zip(self.counts, self.errors, strict=True))


class Task(NamedTuple):
    """The same images for every feature map, and one model for each.

    Attributes:
        x, y: (n, d) network inputs and (n, k) one-hot labels.
        reg: lam of every model.
        variance: of the Gaussian kernel.
        fcnn: a surjective feature map.
        deep: (p, d) G of a deep linear network, p > d.
        features: "linear", "fcnn", "fourier", "deep" -> (n, p) phi(x).
        models: the same -> W, trained through phi.
        untrained: (k, p) a last layer on G that was not trained through it.
        noise: (d, d) points for labels alone.
        inputs: images to network inputs.
    """

    x: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, "n k"]
    reg: float
    variance: float
    fcnn: FeatureMap
    deep: Float[np.ndarray, "p d"]
    features: dict[str, Float[np.ndarray, "n p"]]
    models: dict[str, Weights]
    untrained: Weights
    noise: Float[np.ndarray, "d d"]
    inputs: Normalisation

    def reached(self, w: Weights) -> Weights:
        """What of W has its rows in range(G): W G G^+, all of it where W was trained."""
        return w @ self.deep @ np.linalg.pinv(self.deep)


def task(
    data: Dataset,
    n_train: int,
    p_fourier: int,
    variance: float,
    reg: float,
    rng: np.random.Generator,
) -> Task:
    """`n_train` random training images, feature maps and their models."""
    norm = paper.normalisation(data.info)
    k, d = len(data.info.classes), norm.dim
    chosen = np.random.default_rng(1).permutation(len(data.x_train))[:n_train]
    x, y = norm(data.x_train[chosen]), np.eye(k)[data.y_train[chosen]]
    keys = jax.random.split(jax.random.key(0), 3)
    fcnn = paper.feature_map("fcnn", d, keys[0])
    fourier = RandomFourier.random(keys[1], d, p_fourier, variance)
    deep = rng.normal(size=(p_fourier, d)) / np.sqrt(d)
    made = {"linear": x, "fcnn": fcnn(x), "fourier": fourier(x), "deep": np.asarray(x) @ deep.T}
    features = {name: np.asarray(f) for name, f in made.items()}
    models = {
        name: np.linalg.solve(f.T @ f + reg * np.eye(f.shape[1]), f.T @ y).T
        for name, f in features.items()
    }
    untrained, noise = rng.normal(size=(k, p_fourier)), rng.normal(size=(d, d))
    return Task(
        features["linear"], y, reg, variance, fcnn, deep, features, models, untrained, noise, norm
    )


def closed(w: Weights, m: int) -> Support:
    """Features and labels that carry W; for m < k its best approximation of rank m."""
    if m < len(w):
        u, s, vt = np.linalg.svd(w, full_matrices=False)
        return jnp.asarray(vt[:m]), jnp.asarray((u * s)[:, :m].T)
    labels = jnp.asarray(np.eye(len(w))[np.arange(m) % len(w)])
    d = closed_form.recovery_matrix(jnp.asarray(w), labels)
    return closed_form.support_features(d), labels


def by_closed_form(w: Weights) -> Made:
    """Theorem 4.1."""
    return lambda m: train(*closed(w, m))


def by_inverse(of: Task) -> Made:
    """Theorem 5.1: points of the fully connected network, which its inverse gives."""
    w = of.models["fcnn"]

    def made(m: int) -> Weights:
        support, labels = closed(w, m)
        padded = np.zeros((len(w) + 1, w.shape[1]))  # one shape for every m, compiled once
        padded[:m] = support
        return train(np.asarray(of.fcnn(of.fcnn.inverse(jnp.asarray(padded))))[:m], labels)

    return made


def through_deep(of: Task, w: Weights) -> Made:
    """Points X_S = G^+ phi(X_S), the features being those of what W reaches."""

    def made(m: int) -> Weights:
        support, labels = closed(of.reached(w), m)
        points = np.asarray(support) @ np.linalg.pinv(of.deep).T
        return train(points @ of.deep.T, labels)

    return made


def by_labels(weights: Weights, features: Any) -> Made:
    """Theorem 4.2: the first m features with solved labels."""
    w, support = jnp.asarray(weights), jnp.asarray(features)
    return lambda m: train(support[:m], solved_labels(w, support[:m]))


def by_moments(of: Task, turned: Moments) -> Made:
    """Izzo and Zou: the m longest features."""
    return lambda m: train(turned.features[:m], turned.labels[:m], of.reg)


def around(count: int, *more: int) -> list[int]:
    """Numbers of points: a few on the way, one less than the count, and the count."""
    way = np.geomspace(1, count, 6).round().astype(int)
    return sorted({*way.tolist(), *more, count - 1, count} - {0})


def counted(of: Task, turned: Moments) -> list[Counted]:
    """Every construction of weights; where it needs more points than m, the best of its idea.

    Args:
        turned: `same_moments` of the images.
    """
    w, k, d, r = of.models, of.y.shape[1], of.x.shape[1], len(turned.features)
    p, q = (w[name].shape[1] for name in ("fcnn", "fourier"))
    flat, onto, rest, few = "linear", "surjective", "not surjective", around(k, k + 1)
    fourier = by_labels(w["fourier"], of.features["fourier"])
    alone = by_labels(w["fcnn"], of.fcnn(jnp.asarray(of.noise)))
    trained, any_w = through_deep(of, w["deep"]), through_deep(of, of.untrained)
    any_layer = "deep linear, any last layer"
    # Setting, construction, claim and its value; numbers of points, the original, the model of m.
    tried: list[tuple] = [
        (flat, "Izzo and Zou, every λ", "d", d, around(r), w["linear"], by_moments(of, turned)),
        (flat, "labels alone", "d", d, around(d), w["linear"], by_labels(w["linear"], of.noise)),
        (flat, "Chen et al.", "k", k, few, w["linear"], by_closed_form(w["linear"])),
        (onto, "labels alone", "p", p, around(p), w["fcnn"], alone),
        (onto, "Chen et al.", "k", k, few, w["fcnn"], by_inverse(of)),
        (rest, "labels alone (Maalouf et al.)", "p", q, around(q), w["fourier"], fourier),
        (rest, "deep linear, trained", "k + 1", k + 1, few, w["deep"], trained),
        (rest, any_layer, "k + 1", k + 1, few, of.untrained, any_w),
    ]
    found = [
        Counted(
            setting, name, claim, value, counts, [relative_error(made(m), wanted) for m in counts]
        )
        for setting, name, claim, value, counts, wanted, made in tried
    ]
    assert [row.seen for row in found] == [r, d, k, p, k, q, k, None]
    return found


def kernel_subset(of: Task, n: int) -> Counted:
    """The first points of n, for the Gaussian kernel: distances of models in its space, relative.

    The model is sum_i alpha_i K(., x_i); of m points the best one is taken, with lam_S = lam.
    """
    x = jnp.asarray(of.x[:n])
    k_xx = gaussian_kernel(x, x, of.variance)
    gram = np.asarray(k_xx)
    alpha = np.linalg.solve(gram + of.reg * np.eye(n), of.y[:n])

    def distance(m: int) -> float:
        labels = subset_labels(k_xx, jnp.asarray(alpha), range(m), of.reg)
        gap = -alpha
        gap[:m] += np.linalg.solve(gram[:m, :m] + of.reg * np.eye(m), labels)
        return float(np.sqrt(max(np.vdot(gap, gram @ gap), 0) / np.vdot(alpha, gram @ alpha)))

    counts, name = around(n), "subset (Izzo and Zou), Gaussian kernel"
    return Counted("not surjective", name, "n", n, counts, [distance(m) for m in counts])


class OverTheGrid(NamedTuple):
    """Error against lam = lam_S, of the model of the data at that lam.

    Attributes:
        regs: half of the grid.
        every: of the set of `same_moments`, rank X points.
        one: of k points that are made for `lam_0`.
    """

    regs: list[float]
    every: list[float]
    one: list[float]


def over_the_grid(of: Task, turned: Moments, lam_0: float) -> OverTheGrid:
    """Two sets of the linear model at every lam."""
    u, s, vt = np.linalg.svd(of.x, full_matrices=False)
    r = len(turned.features)  # without rounding, which a small lam would let through
    u, s, vt = u[:, :r], s[:r], vt[:r]
    models = {lam: (of.y.T @ u * (s / (s**2 + lam))) @ vt for lam in (lam_0, *GRID[::2])}
    w = models[lam_0]
    # So large that lam_S = lam_0 is feasible.
    labels = jnp.asarray(3 * np.sqrt(lam_0) * np.linalg.norm(w, 2) * np.eye(len(w)))
    few = closed_form.support_features(closed_form.recovery_matrix(jnp.asarray(w), labels), lam_0)

    def errors(features: Any, labels: Any) -> list[float]:
        trained = {lam: closed_form.recovered_weights(features, labels, lam) for lam in GRID[::2]}
        return [relative_error(trained[lam], models[lam]) for lam in trained]

    every = errors(turned.features, turned.labels)
    return OverTheGrid(list(GRID[::2]), every, errors(few, labels))


def recorded(dataset: str, found: list[Counted]) -> list[Row]:
    """The numbers of points as rows."""
    return [
        {
            "table": "1",
            "dataset": dataset,
            "model": row.setting,
            "method": row.construction,
            "quantity": "points",
            "measured": row.seen,
            "unit": "points",
            "claimed": row.value,
        }
        for row in found
        if row.seen is not None
    ]


def values(of: Task, turned: Moments, n_kernel: int, grid: OverTheGrid) -> dict[str, Any]:
    """What the prose says, with formats."""
    (n, d), k = of.x.shape, of.y.shape[1]
    sizes = {"n_train": n, "n_kernel": n_kernel, "rank_x": len(turned.features), "d": d, "k": k}
    return {name: (size, "{:,d}") for name, size in sizes.items()} | {
        "untrained": (relative_error(of.reached(of.untrained), of.untrained), "{:.2f}"),
        "every_worst": (max(grid.every), "{:.0e}"),
        "one_worst": (max(grid.one), "{:.1g}"),
    }
