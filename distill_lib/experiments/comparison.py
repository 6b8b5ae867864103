"""What sets are worth in models that they were not made for, and how linear kernels read them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from distill_lib.baselines import kip
from distill_lib.baselines.descent import Diverged
from distill_lib.baselines.finite_network import FiniteNetwork, train_stably
from distill_lib.experiments.comparison_sets import HOME, LINEAR, NEAREST, SUBSET, Setting
from distill_lib.experiments.rfad_cell import JITTER, JUDGES
from distill_lib.features import Linear
from distill_lib.kernels import regression
from distill_lib.kernels.base import Kernel
from distill_lib.kernels.blocks import cross
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import (
    EmpiricalNNGP,
    Network,
    RandomNetworks,
    batched_features,
    from_features,
)
from distill_lib.theory.contributions import FeatureKernel

Row = dict[str, Any]
Right = dict[str, dict[str, list[float]]]
REGS = (1e-6, 1e-4, 1e-2, 1.0)  # lam_S relative to tr(K_SS) / m, of which one is chosen away
AT_HOME = {"FC NTK": kip.REG, "ConvNet NNGP": JITTER}
READ, READERS = (LINEAR, NEAREST, SUBSET), ("FCNN", "FC NNGP", "FC NTK")
TRAINED = "trained ConvNet"


class Models(NamedTuple):
    """The models that sets are evaluated in.

    Attributes:
        kernels: by name.
        x, truth: (v + n, d) network inputs of validation and test images, and their classes.
        held: v.
        seen: (v + n, p) their features in the networks of the ConvNet NNGP.
    """

    kernels: dict[str, Kernel]
    x: Float[Array, "images d"]
    truth: Int[np.ndarray, " images"]
    held: int
    seen: Float[Array, "images p"]

    def matrices(self, model: str, points: Float[Array, "m d"]) -> tuple[Any, Any]:
        """K of the points, and of the images with the points."""
        kernel = self.kernels[model]
        if isinstance(kernel, EmpiricalNNGP):
            own = kernel.networks.features(kernel.key, points)
            rows = jnp.concatenate([own, self.seen]).astype(points.dtype)
            found = from_features(rows, own.astype(points.dtype))
        else:
            found = cross(kernel, jnp.concatenate([points, self.x]), points)
        k_ss = found[: len(points)]
        return (k_ss + k_ss.T) / 2, found[len(points) :]


def models(of: Setting, validation: int) -> Models:
    """All models; so many training images choose lam_S."""
    shape, held = of.norm.shape, of.sampled(jax.random.key(9), validation)
    network, key = of.networks.network, jax.random.key(7)
    drawn = RandomNetworks(network, JUDGES)
    images = np.concatenate([of.data.x_train[held], of.images])
    truth = np.concatenate([of.data.y_train[held], of.truth])
    kernels = {
        "linear": FeatureKernel(Linear(of.norm.dim)),
        "FCNN": FeatureKernel(of.phi),
        "FC NNGP": InfiniteWidth("nngp", "fc", 1, shape),
        "FC NTK": of.ntk,
        "Conv NTK": InfiniteWidth("ntk", "conv", network.depth, shape),
        "ConvNet NNGP": EmpiricalNNGP(drawn, key),
    }
    seen = jnp.asarray(batched_features(drawn, key, images, of.norm))
    return Models(kernels, of.norm(images), truth, validation, seen)


def evaluated(of: Models, name: str, model: str, one: Row) -> Row:
    """Accuracy of a set in a model, and its lam_S relative to tr(K_SS) / m.

    At home as the set was made: where that is known already, lam_S is None. Away the lam_S of the
    best validation, of several the largest.
    """
    home = HOME[name] == model
    if home and "own" in one:
        return {"accuracy": one["own"], "reg": None}
    k_ss, k_ts = of.matrices(model, one["points"])

    def right(part, reg):
        c = regression.coefficients(k_ss, one["labels"], reg)
        return float(np.mean(np.asarray(k_ts[part] @ c).argmax(1) == of.truth[part]))

    chosen, tests = slice(of.held), slice(of.held, None)
    best = AT_HOME[model] if home else max(REGS, key=lambda reg: (right(chosen, reg), reg))
    return {"accuracy": right(tests, best), "reg": best}


def trained(of: Setting, finite: tuple[int, int, int, int], one: Row) -> Row:
    """Accuracies of ConvNets trained on a set, and the largest learning rate that does not diverge.

    There are none where all do.

    Args:
        finite: width, steps, number of networks, points of a step.
    """
    width, steps, count, batch = finite
    network = Network(of.norm.shape, width, of.networks.network.depth)
    options: Any = {"key": jax.random.key(5), "steps": steps, "every": steps // 10}
    options |= {"batch": min(batch, len(of.start))}
    model = FiniteNetwork(network, of.labels.shape[1])
    try:
        found, rate = train_stably(model, one["points"], one["labels"], count, **options)
    except Diverged:
        return {"accuracy": [], "rate": None}
    return {"accuracy": found.accuracies(of.images, of.truth, of.norm), "rate": rate}


def linear_part(k_ss: Float[np.ndarray, "m m"], inner: Float[np.ndarray, "m m"]) -> Any:
    """beta_0 and beta_1 of the least squares fit to a kernel off its diagonal."""
    off = ~np.eye(len(k_ss), dtype=bool)
    columns = np.stack([np.ones(off.sum()), inner[off]], 1)
    return np.linalg.lstsq(columns, k_ss[off], rcond=None)[0]


def linear_reading(of: Models, model: str, one: Row, reg: float) -> Row:
    """How a set's scores in a kernel compare with those of the kernel's linear part.

    Args:
        reg: lam_S relative to tr(K_SS) / m.
    """
    points, labels = np.asarray(one["points"]), np.asarray(one["labels"])
    k_ss, k_ts = map(np.asarray, of.matrices(model, one["points"]))
    k_ts, x, truth = k_ts[of.held :], np.asarray(of.x)[of.held :], of.truth[of.held :]
    beta = linear_part(k_ss, points @ points.T)
    linear_ss, linear_ts = (beta[0] + beta[1] * z @ points.T for z in (points, x))
    e = k_ss - linear_ss
    own, off = np.diag(e), e[~np.eye(len(e), dtype=bool)]
    damping = reg * np.trace(k_ss) / len(k_ss) * np.eye(len(k_ss))
    whole = k_ts @ np.linalg.solve(k_ss + damping, labels)
    read = linear_ts @ np.linalg.solve(linear_ss + np.diag(own) + damping, labels)
    return {
        "λ_S": reg,
        "rest of K(x, X_S)": np.std(k_ts - linear_ts) / np.std(k_ts),
        "e off the diagonal": np.sqrt(np.mean(off**2) / np.mean(own**2)),
        "e < 0": np.mean(own < 0),
        "holds": bool(beta.min() > 0 and np.diag(e + damping).min() > 0),
        "correlation": _correlation(whole, read),
        "kernel": 100 * np.mean(whole.argmax(1) == truth),
        "reading": 100 * np.mean(read.argmax(1) == truth),
    }


def _correlation(*scores: Float[np.ndarray, "n k"]) -> float:
    """Of two, without what all classes of an image have in common."""
    return np.corrcoef([np.ravel(z - z.mean(1, keepdims=True)) for z in scores])[0, 1]


def collected(single: Mapping[str, Any], again: Sequence[Any], ends: Mapping[str, Row]) -> Right:
    """Test accuracies in per cent by set and model, of the random subset those of all draws.

    Args:
        single: `evaluated`, by set and model.
        again: the same of further draws, by model.
        ends: `trained`, by set.
    """
    right = {
        name: {model: [100 * one["accuracy"]] for model, one in row.items()}
        for name, row in single.items()
    }
    for model, values in right[SUBSET].items():
        values += [100 * row[model]["accuracy"] for row in again]
    return {
        name: row | {TRAINED: [100 * one for one in ends[name]["accuracy"]]}
        for name, row in right.items()
    }


def gains(right: Right) -> dict[str, dict[str, float]]:
    """Differences of means to the random subset, by set and model; NaN where training diverges."""
    means = {
        name: {model: float(np.mean(each)) if each else np.nan for model, each in row.items()}
        for name, row in right.items()
    }
    subset = means.pop(SUBSET)
    return {
        name: {model: value - subset[model] for model, value in row.items()}
        for name, row in means.items()
    }
