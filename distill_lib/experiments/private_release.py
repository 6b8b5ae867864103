"""What privacy costs: accuracy by epsilon, of the private release and of three alternatives."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from distill_lib import privacy
from distill_lib.experiments.common import accuracy
from distill_lib.experiments.privacy import Problem, norms
from distill_lib.features import FeatureMap, FullyConnected, Linear
from distill_lib.privacy import AdaptiveMechanism, ObjectivePerturbation, StatisticsMechanism
from distill_lib.ridge import RidgePath, RidgeStats

Row = dict[str, Any]
Runs = Mapping[str, Sequence[float]]
Matrix = Float[np.ndarray, "rows columns"]
KINDS = ("pixels", "network", "projection")
METHODS = ("statistics", "AdaSSP", "objective", "output")
REGS = tuple(np.geomspace(3e-4, 1, 8))  # lam / n, of which alternatives take the best in hindsight
RADII = (0.3, 1.0, 3.0)  # of the ball of objective perturbation, likewise


class Release(NamedTuple):
    """What a mechanism sees, clipped to norm 1, and what its models are tested on."""

    stats: RidgeStats
    features: Matrix
    labels: Int[np.ndarray, " t"]
    delta: float
    draws: int
    rng: np.random.Generator

    @property
    def gram(self) -> Matrix:
        return np.asarray(self.stats.gram)

    @property
    def cross(self) -> Matrix:
        return np.asarray(self.stats.cross)

    @property
    def regs(self) -> list[float]:
        """The ridge parameters from which the best is taken in hindsight."""
        return [float(self.stats.count) * share for share in REGS]

    def drawn(self, model: Callable[[], Any]) -> Iterator[Any]:
        """A model for each draw of the noise."""
        return (model() for _ in range(self.draws))

    def tested(self, models: Iterable[Any]) -> list[float]:
        """Test accuracies of models."""
        return [accuracy(w, self.features, self.labels) for w in models]

    def best(self, settings: Iterable[Iterable[Any]]) -> list[float]:
        """Of the settings with the largest mean: chosen in hindsight."""
        return max((self.tested(models) for models in settings), key=np.mean)


def feature_map(of: Problem, kind: str) -> FeatureMap:
    """Of `KINDS`: the pixels, a network with as many features, a random projection to a quarter."""
    d = of.plain.dim
    if kind == "pixels":
        return Linear(d)
    projection = kind == "projection"
    widths = (d, d // 4 if projection else d)
    return FullyConnected.random(jax.random.key(0), widths, slope=1.0 if projection else 0.1)


def utility(
    of: Problem, kind: str, epsilons: Sequence[float], draws: int
) -> dict[str, list[float]]:
    """Test accuracies of every draw of the noise, by mechanism and epsilon, for one feature map.

    Without noise lam = 1e-5 n. Of output and objective perturbation those of the best settings, in
    hindsight.
    """
    data, phi, stats = of.data, feature_map(of, kind), of.clipped
    if kind != "pixels":
        pool = (data.x_train, data.y_train)
        stats = privacy.clipped_statistics(*pool, phi, of.plain, 1.0, classes=of.sizes[0])
    features = np.asarray(phi(of.plain(data.x_test)))
    see = Release(stats, features, data.y_test, of.delta, draws, np.random.default_rng(10))
    plain = privacy.noisy_ridge(see.gram, see.cross, 1e-5 * of.sizes[2])
    out = {"non-private": [accuracy(plain, features, data.y_test)]}
    mechanisms = {
        f"statistics {eps:g}": StatisticsMechanism(float(eps), of.delta)
        for eps in (epsilons if kind != "projection" else [1])
    }
    if kind == "pixels":
        replaced = StatisticsMechanism(1.0, of.delta, adjacency="replace-one")
        mechanisms["replace-one 1"] = replaced
        for weight in (0.5, 2.0):
            mechanisms[f"weight {weight:g} 1"] = StatisticsMechanism(1.0, of.delta, weight=weight)
    for name, mechanism in mechanisms.items():
        out[name] = see.tested(see.drawn(partial(_statistics, see, mechanism)))
    if kind == "pixels":
        path = RidgePath.of(stats)
        for eps in map(float, epsilons):
            out[f"output {eps:g}"] = see.best(_output(see, path, eps))
            out[f"objective {eps:g}"] = see.best(_objective(see, eps))
            adaptive = AdaptiveMechanism(eps, of.delta)
            out[f"AdaSSP {eps:g}"] = see.tested(see.drawn(partial(_adaptive, see, adaptive)))
    return out


def _statistics(see: Release, mechanism: StatisticsMechanism) -> Any:
    noisy = mechanism(see.gram, see.cross, see.rng)
    return privacy.noisy_ridge(*noisy, mechanism.reg(len(see.gram)))


def _adaptive(see: Release, mechanism: AdaptiveMechanism) -> Any:
    return mechanism.ridge(see.gram, see.cross, see.rng)[0]


def _output(see: Release, path: RidgePath, eps: float) -> Iterator[Iterable[Any]]:
    """Noise on W itself, calibrated to its sensitivity, for each lam."""
    z = privacy.noise_multiplier(eps, see.delta)
    for reg in see.regs:
        w = np.asarray(path.weights(reg))
        sigma = z * privacy.output_sensitivity(int(see.stats.count), 1.0, reg)
        yield w + sigma * see.rng.standard_normal((see.draws, *w.shape))


def _objective(see: Release, eps: float) -> Iterator[Iterable[Any]]:
    """Noise in the objective, for each ball and each lam that is large enough."""
    e, v = np.linalg.eigh(see.gram)
    gram, cross = np.diag(np.maximum(e, 0)), see.cross @ v  # the noise has no direction
    k = len(cross)
    least = 1 / np.expm1(eps / k)
    for radius in RADII:
        for reg in [2 * least, *(one for one in see.regs if one > 2 * least)]:
            mechanism = ObjectivePerturbation(eps, see.delta, k, reg, radius)
            yield mechanism(gram, cross, see.rng, (see.draws,)) @ v.T


def variants(measured: Mapping[str, Runs], d: int) -> list[Row]:
    """Releases at epsilon = 1 beside each other: means and deviations, in per cent."""
    chosen = {
        "pixels": ("pixels", "statistics 1"),
        "pixels, replace-one": ("pixels", "replace-one 1"),
        "pixels, w = 0.5": ("pixels", "weight 0.5 1"),
        "pixels, w = 2": ("pixels", "weight 2 1"),
        f"random projection to p = {d // 4}": ("projection", "statistics 1"),
        "network": ("network", "statistics 1"),
    }
    rows = []
    for name, (kind, key) in chosen.items():
        runs, (without,) = measured[kind][key], measured[kind]["non-private"]
        row = {"release": name, "accuracy at epsilon = 1 (%)": spread(runs)}
        rows.append(row | {"without noise (%)": f"{100 * without:.1f}"})
    return rows


def spread(runs: Sequence[float]) -> str:
    """Mean and standard deviation in per cent."""
    return f"{100 * np.mean(runs):.1f} ± {100 * np.std(runs):.1f}"


def beside(runs: Runs, epsilons: Sequence[float]) -> list[Row]:
    """The mechanisms beside each other on pixels, one row an epsilon."""
    names = dict(zip(METHODS, ("statistics", "AdaSSP", "objective *", "output *"), strict=True))
    return [
        {"epsilon": f"{eps:g}"}
        | {name: spread(runs[f"{method} {eps:g}"]) for method, name in names.items()}
        for eps in epsilons
    ]


def recorded(
    of: Problem, measured: Mapping[str, Runs], epsilons: Sequence[float], draws: int
) -> tuple[list[Row], dict[str, Any]]:
    """Rows and named numbers of `utility` by feature map.

    Rows of the table `accuracy_by_epsilon` have a method and an epsilon; the others are variants.
    """
    rows: list[Row] = []
    for kind, runs in measured.items():
        for name, found in runs.items():
            method, _, eps = name.rpartition(" ")
            curve = method in METHODS and float(eps) in map(float, epsilons)
            row: Row = {"table": "accuracy_by_epsilon" if curve else "private variants"}
            row |= {"dataset": of.data.info.name, "model": kind, "method": name}
            row |= {"quantity": "accuracy", "unit": "%", "delta": of.delta, "seeds": len(found)}
            row |= {"measured": 100 * np.mean(found), "spread": 100 * np.std(found)}
            rows.append(row | ({"mechanism": method, "epsilon": float(eps)} if curve else {}))
    means = {key: 100 * float(np.mean(found)) for key, found in measured["pixels"].items()}
    black = int(np.sum(np.diag(np.asarray(of.clipped.gram)) == 0))
    adaptive, ends = (
        AdaptiveMechanism(1.0, of.delta),
        {"least": min(epsilons), "most": max(epsilons)},
    )
    ours, p = StatisticsMechanism(1.0, of.delta), of.plain.dim
    values: dict[str, Any] = {
        "delta": (of.delta, "{:.1e}"),
        "smallest_norm": (norms(of).min(), "{:.2f}"),
        "draws": draws,
        "inputs": p,
        "output_gap": (means["statistics 1"] - means["output 1"], "{:.0f}"),
        "black": black,
        "adassp_reg_ratio": (adaptive.reg(p) / ours.reg(p), "{:.1f}"),
        "noise_of_objective": (_least_noise(of.sizes[0], of.delta), "{:.0f}"),
        "noise_of_statistics": (ours.deviation, "{:.1f}"),
    }
    for name, method in (("adassp", "AdaSSP"), ("objective", "objective"), ("output", "output")):
        for word, at in {"1": 1.0, **ends}.items():
            values[f"{name}_{word}_accuracy"] = (means[f"{method} {at:g}"], "{:.1f} %")
    for word, at in ends.items():
        values[f"pixels_{word}"] = (means[f"statistics {at:g}"], "{:.1f} %")
    for kind in ("pixels", "network"):
        values[f"{kind}_1"] = (100 * np.mean(measured[kind]["statistics 1"]), "{:.1f} %")
        values[f"{kind}_without"] = (100 * measured[kind]["non-private"][0], "{:.1f} %")
    return rows, values


def _least_noise(k: int, delta: float) -> float:
    """Of objective perturbation at epsilon = 1 in the unit ball, whatever lam is."""
    return ObjectivePerturbation(1.0, delta, k, 1e12, 1.0).deviation
