"""Section 5.2: which models a map that is not surjective carries, with how many points."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from distill_lib import paper
from distill_lib.algorithm import distill
from distill_lib.data import load
from distill_lib.experiments.common import accuracy, relative_error
from distill_lib.features import DeepLinear, FeatureMap, FullyConnected, RandomFourier
from distill_lib.images.sampling import balanced_points
from distill_lib.ridge import fit
from distill_lib.theory.points_without_inverse import solve_points

Row = dict[str, Any]
Matrix = Float[np.ndarray, "rows columns"]
pinv, norm = np.linalg.pinv, np.linalg.norm
CARRIED = 1e-10  # the relative error below which a model counts as carried


def small_models(
    rng: np.random.Generator, d: int, p: int, k: int, rank: int
) -> tuple[Matrix, dict[str, Matrix]]:
    """A random G (p, d) of a given rank, and W (k, p): of a ridge regression on G x, and random."""
    g = rng.normal(size=(p, p)) @ rng.normal(size=(p, rank)) @ rng.normal(size=(rank, d)) / p**1.5
    features, targets = g @ rng.normal(size=(d, 40)), rng.normal(size=(k, 40))
    trained = targets @ features.T @ np.linalg.inv(features @ features.T + 0.1 * np.eye(p))
    return g, {"trained": trained, "random": rng.normal(size=(k, p))}


def attained(w: Matrix, phi: DeepLinear, back: Matrix, m: int, key: PRNGKeyArray) -> Matrix:
    """W_S (k, p) of a set of m points that attains the bound of Theorem 5.3.

    Args:
        w: (k, p) W.
        back: (d, p) G^+.
        key: of Z, features of random points: they lie in range(G).
    """
    k, g = len(w), np.asarray(phi.matrix)
    inside = w @ g @ back
    if m < k:  # the best model of rank m, with its left singular vectors as labels
        y = np.linalg.svd(inside, full_matrices=False)[0][:, :m]
        d = y.T @ inside
    else:
        y = np.eye(k)[:, np.arange(m) % k]
        z = np.asarray(phi(jax.random.normal(key, (m, phi.dim_in))))
        d = pinv(y) @ inside + 0.01 * (z - pinv(y) @ (y @ z))
    return y @ pinv(g @ (back @ pinv(d)))


def deep_linear(name: str) -> Row:
    """Errors of a trained and of a random W through a deep linear network, for sets of m points.

    Returns: "curve", a row for each W and m; "record", what `distill` makes of the trained W;
        "bound", ||W (I - Pi)|| / ||W|| of the random W.
    """
    data = load(name)
    scale = paper.normalisation(data.info)
    d, k, n = scale.dim, len(data.info.classes), jax.random.normal
    keys = jax.random.split(jax.random.key(0), 5)
    phi = DeepLinear.random(keys[0], (d, 3 * d // 2, 3 * d // 2))
    model = fit(data.x_train, data.y_train, phi, scale, key=keys[1], classes=k)
    trained, random = np.asarray(model.weights), np.asarray(n(keys[2], model.weights.shape))
    g, back = np.asarray(phi.matrix), pinv(phi.matrix)
    curve = []
    for kind, w in (("trained", trained), ("random", random)):
        for m in sorted({1, k // 4, k // 2, k, 2 * k, 5 * k}):
            w_s = attained(w, phi, back, m, keys[3])
            answers = norm((w_s - w) @ g) / norm(w @ g)
            curve.append({"m": m, "W": kind, "weights": relative_error(w_s, w), "answers": answers})
    small, tests = distill(model, k, key=keys[4]), (data.x_test, data.y_test)
    record = {"data set": data.info.title, "d": d, "p": phi.dim_out, "points": k}
    record |= {"error": small.provenance["recovery_error"]}
    record |= {"original": model.accuracy(*tests), "distilled": small.model().accuracy(*tests)}
    return {"curve": curve, "record": record, "bound": relative_error(random @ g @ back, random)}


class Family(NamedTuple):
    """Random feature maps R^6 -> R^p whose points are found by Gauss-Newton, for k = 3.

    Attributes:
        make: the map of a random key.
        least: the number of points by the count of dimensions, before rounding up.
        sizes: numbers of points that are tried.
    """

    make: Callable[[PRNGKeyArray], FeatureMap]
    p: int
    least: float
    sizes: range


FAMILIES = {
    "LeakyReLU network, p = 10": Family(
        lambda key: FullyConnected.random(key, (6, 10)), 10, 3 * 10 / (6 + 3 - 1), range(3, 7)
    ),
    "random Fourier features, p = 12": Family(
        lambda key: RandomFourier.random(key, 6, 12, 1.0), 12, 3 * 12 / (6 + 3), range(3, 6)
    ),
}


def least_error(family: Family, m: int, seed: int, d: int = 6, k: int = 3) -> float:
    """The best relative recovery error of four descents, for one random map and one random W."""
    phi, rng = family.make(jax.random.key(seed)), np.random.default_rng(seed)
    w, best = rng.normal(size=(k, family.p)), np.inf
    for _ in range(4):
        best = min(best, solve_points(phi, w, rng.normal(size=(m, d)), steps=60).error)
        if best < CARRIED:
            break
    return best


def least_errors(name: str, m: int, models: int) -> list[float]:
    """`least_error` of so many random models of the named family."""
    return [least_error(FAMILIES[name], m, seed) for seed in range(models)]


def count_rows(found: Mapping[str, Mapping[int, Sequence[float]]]) -> list[Row]:
    """What the count of dimensions says and what the descents found, one row a family and m."""
    return [
        {
            "map": name,
            "m": m,
            "by the count": "impossible" if m < FAMILIES[name].least else "possible",
            "found": f"{np.mean(np.array(errors) < CARRIED):.0%}",
            "median error": float(np.median(errors)),
        }
        for name, sizes in found.items()
        for m, errors in sizes.items()
    ]


def planted(m: int, seed: int, moved: float = 1e-6) -> bool:
    """Whether a model near one that m given points carry is found from there."""
    phi = FullyConnected.random(jax.random.key(seed), (6, 10))
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(m, 6))
    w, step = rng.normal(size=(3, m)) @ np.asarray(phi(jnp.asarray(x))), rng.normal(size=(3, 10))
    near = w + moved * norm(w) / norm(step) * step
    return solve_points(phi, near, x, steps=60).error < CARRIED


class Descent(NamedTuple):
    """Where a descent from real samples ended.

    Attributes:
        images: its first ten points (10, h, w, c).
        error: relative recovery error.
        distance: of the points to the samples, relative.
        same: share of test images that get the original model's answer.
    """

    images: np.ndarray
    steps: int
    error: float
    distance: float
    same: float


class FromDigits(NamedTuple):
    """Ten of the samples, as images; the error of the samples with solved labels; the descents."""

    images: np.ndarray
    before: float
    ends: dict[int, Descent]


def from_digits(sizes: Sequence[int] = (50, 30), p: int = 96) -> FromDigits:
    """Descents from real digits, for a ridge model on a LeakyReLU network that widens 64 to p."""
    data = load("digits")
    scale = paper.normalisation(data.info)
    phi = FullyConnected.random(jax.random.key(0), (64, p))
    features = np.asarray(phi(scale(np.concatenate([data.x_train, data.x_test]))))
    seen, unseen = np.split(features, [len(data.x_train)])
    gram, cross = seen.T @ seen + 10 * np.eye(p), seen.T @ np.eye(10)[data.y_train]
    w = np.linalg.solve(gram, cross).T
    pool = (data.x_train, data.y_train)
    samples, index = balanced_points(jax.random.key(3), *pool, max(sizes), 10, scale)
    truth, ends = np.argmax(unseen @ w.T, axis=1), {}
    for m in sizes:
        solved = solve_points(phi, w, samples[:m])
        w_s = (pinv(phi(solved.points)) @ solved.labels).T
        ends[m] = Descent(
            np.asarray(scale.inverse(solved.points[:10])),
            solved.steps,
            relative_error(w_s, w),
            relative_error(solved.points, samples[:m]),
            accuracy(w_s, unseen, truth),
        )
    onto = pinv(seen[index]) @ seen[index]
    before = norm(w @ (np.eye(p) - onto)) / norm(w)
    return FromDigits(np.asarray(scale.inverse(samples[:10])), float(before), ends)


def recorded(
    made: Mapping[str, Row],
    found: Mapping[str, Mapping[int, Sequence[float]]],
    near: Mapping[int, float],
    digits: FromDigits,
) -> tuple[list[Row], dict[str, Any]]:
    """Rows and named numbers of the page.

    Args:
        made: `deep_linear` by data set.
        found: `least_errors` by family and m.
        near: share of the planted models that were found, by m.
    """
    rows: list[Row] = []
    values: dict[str, Any] = {
        f"planted_{m}": (100 * share, "{:.0f} %") for m, share in near.items()
    }
    for short, (name, family) in zip(("network", "fourier"), FAMILIES.items(), strict=True):
        some = [m for m, errors in found[name].items() if min(errors) < CARRIED]
        values |= {f"{short}_first": min(some), f"{short}_count": int(np.ceil(family.least))}
    values["digits_count"] = int(np.ceil(10 * 96 / (64 + 10 - 1)))
    cell = {"table": "5.2", "method": "Gauss-Newton", "unit": "relative"}
    for m, end in digits.ends.items():
        values[f"digits_steps_{m}"] = end.steps
        rows.append(
            cell
            | {"dataset": "digits", "model": "LeakyReLU network", "distance": end.distance}
            | {"quantity": f"recovery error, m = {m}", "measured": end.error}
        )
    for name, one in made.items():
        values |= {f"{name}_error": (one["record"]["error"], "{:.0e}")}
        values |= {f"{name}_bound": (one["bound"], "{:.2f}")}
        rows += [
            {"table": "5.3", "dataset": name, "model": row["W"], "method": "deep linear"}
            | {"quantity": f"recovery error, m = {row['m']}", "measured": row["weights"]}
            | {"unit": "relative", "answers": row["answers"]}
            for row in one["curve"]
        ]
    for name, sizes in found.items():
        for m, errors in sizes.items():
            share = 100 * float(np.mean(np.array(errors) < CARRIED))
            rows.append(
                cell
                | {"dataset": "random", "model": name, "quantity": f"models carried, m = {m}"}
                | {"measured": share, "seeds": len(errors), "unit": "%"}
            )
    return rows, values
