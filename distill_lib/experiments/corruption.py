"""Exact sets of the linear model with pixels held at noise: which masks allow one, and its cost."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from distill_lib import paper
from distill_lib.data import Dataset, load
from distill_lib.experiments.common import accuracy
from distill_lib.images.sampling import balanced_points
from distill_lib.ridge import RidgeModel
from distill_lib.theory import held_pixels
from distill_lib.theory.closed_form import recovered_weights, recovery_error

Row = dict[str, Any]
Mask = Bool[np.ndarray, "m d"]
EACH, ALL, BOTH = "each point", "all points", "both"  # what a mask is for
BLACK, OTHERS = "all points, black", "all points, others"
ROUNDING = 1e-9  # of the largest singular value, for the rank of Q_H
SEEN = 0.005  # the bound is shown above it


class Problem(NamedTuple):
    """An original linear model, and what a set of m points would begin with.

    Attributes:
        tests: (n, d) network inputs of the test images.
        real, noise: (m, d) samples, and the values that held pixels have.
        black: the pixels that are black in every training image.
        penalty: of `held_pixels.held_set`.
    """

    data: Dataset
    model: RidgeModel
    tests: Float[np.ndarray, "n d"]
    real: Any
    noise: Any
    black: np.ndarray
    penalty: float

    @property
    def w(self) -> Float[np.ndarray, "k d"]:
        """W."""
        return np.asarray(self.model.weights)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """k, d and m."""
        return *self.w.shape, len(self.real)  # type: ignore[return-value]

    @property
    def basis(self) -> Float[np.ndarray, "d k"]:
        """Q."""
        return np.linalg.qr(self.w.T)[0]

    def start(self, held: Mask) -> Any:
        """The samples, with noise where a pixel is held."""
        m = len(held)
        return jnp.where(jnp.asarray(held), self.noise[:m], self.real[:m])

    def accuracy(self, weights: Any) -> float:
        """Of weights (k, d) on the test images."""
        return accuracy(np.asarray(weights), self.tests, self.data.y_test)


def problem(name: str, ipc: int, penalty: float) -> Problem:
    """The original model of the named data set, and m = ipc k samples and as much noise."""
    data = load(name)
    model = paper.original_model(data, "linear", 0)
    norm, k = model.normalisation, len(data.info.classes)
    pool = (data.x_train, data.y_train)
    real, _ = balanced_points(jax.random.key(1), *pool, ipc * k, k, norm)
    noise = jnp.asarray(np.random.default_rng(0).normal(size=real.shape))
    black = np.flatnonzero(data.x_train.reshape(len(data.x_train), -1).max(axis=0) == 0)
    return Problem(data, model, np.asarray(norm(data.x_test)), real, noise, black, penalty)


def promised(of: Problem, held: Mask) -> str | None:
    """The part of the theorem that promises a set or forbids one, for almost all held values.

    None where it does not decide.
    """
    (m, _), (k, _, _) = held.shape, of.sizes
    poor = np.flatnonzero((~held).sum(0) < k)
    if not len(poor):
        return "part 1"
    s = np.linalg.svd(of.basis[poor], compute_uv=False)
    enough = np.sum(s > ROUNDING) >= k - (m - len(poor))
    if len(poor) <= m and enough:
        return "part 2"
    if len(poor) <= m and held[:, poor].all():
        return "none: part 2"
    lacking = held_pixels.lacking_equations(held, k)
    return "none: part 3" if lacking > m * k else None


def held_exactly(of: Problem, held: Mask) -> Row:
    """What is known of pixels held at noise and, where a set is found, what it is worth.

    Raises: AssertionError for a set that changes a held pixel, or that the theorem forbids.
    """
    begin, known = of.start(held), promised(of, held)
    row: Row = {"share": float(held.mean()), "set": known or "not found"}
    row["bound"] = held_pixels.least_error(of.model.weights, begin, held)
    try:
        found = held_pixels.held_set(of.model.weights, begin, held, of.penalty)
    except ValueError:
        return row
    points: Any = np.asarray(found.features)
    assert np.array_equal(points[held], np.asarray(begin)[held])
    assert known is None or "none" not in known
    again, s = recovered_weights(points, found.labels), np.linalg.svd(points, compute_uv=False)
    free = points[~held]
    return row | {
        "set": known or "found",
        "points": points,
        "error": recovery_error(of.model.weights, again),
        "accuracy": of.accuracy(again),
        "independence": held_pixels.independence(of.model.weights, points, held),
        "rms": float(np.sqrt(np.mean(free**2))) if free.size else 0.0,
        "condition": float(s[0] / s[-1]),
    }


def limit(of: Problem) -> int:
    """In how many points part 3 allows every pixel to be held."""
    k, d, m = of.sizes
    return m - max(0, math.ceil(k - m * k / d))


def masks(of: Problem) -> Iterator[tuple[str, int, Mask]]:
    """What a mask is for, a count that names it, and the mask.

    Each point has its own, with every pixel held in that many points; all points share one, with
    that many pixels, those that matter most to the model; both is the largest share. Black pixels
    are held in all of m points, as few as allow it, and one point fewer; others for comparison.
    """
    k, d, m = of.sizes
    top = limit(of)
    counts = {round(share * m) for share in (0, 0.25, 0.5)}
    counts |= {m - k, min(m - k + 1, top), (m - k + top) // 2, top, min(top + 1, m)}
    for count in sorted(counts):
        yield EACH, count, held_pixels.balanced_mask(jax.random.key(2), m, d, count)
    pixels = np.argsort(-np.abs(of.w).sum(0))
    sizes = {0, m // 2, m, m + 1, min(d, 2 * m), min(d, 4 * m), d // 2 if d // 2 > m else m + 1}
    for size in sorted(sizes):
        yield ALL, size, whole(m, d, pixels[:size])
    largest = np.array(held_pixels.balanced_mask(jax.random.key(2), m, d, m - k))
    largest[:, pixels[:m]] = True
    yield BOTH, m, largest
    b = len(of.black)
    for points in (b + k - 1, b + k - 2):
        if k <= points <= m and b > 1:
            yield BLACK, points, whole(points, d, of.black)
            yield OTHERS, points, whole(points, d, pixels[:b])


def whole(m: int, d: int, pixels: Any) -> Mask:
    """These pixels held in all of m points."""
    held = np.zeros((m, d), bool)
    held[:, pixels] = True
    return held


Found = Mapping[tuple[str, int], Row]


def found(of: Problem) -> dict[tuple[str, int], Row]:
    """`held_exactly` for all `masks`, by what the mask is for and its count."""
    return {
        (word, count): held_exactly(of, held) | {"m": len(held)} for word, count, held in masks(of)
    }


def shown(rows: Found) -> list[Row]:
    """The table of the page."""
    out = []
    for (word, _), run in rows.items():
        exact, bound = "error" in run, run["bound"]
        row: Row = {
            "mask for": word,
            "points": run["m"],
            "held": f"{100 * run['share']:.1f}\u00a0%",
        }
        row |= {"exact set": run["set"], "error": f"{run['error']:.0e}" if exact else ""}
        row |= {"no set below": f"{bound:.2f}" if bound > SEEN else ""}
        row |= {"RMS, free": f"{run['rms']:.3g}" if exact else ""}
        out.append(row | {"condition": f"{run['condition']:.0e}" if exact else ""})
    return out


def last(of: Problem, rows: Found) -> int:
    """The most points in which every pixel is held by a mask for each point and a set was found."""
    return max(count for (word, count), run in rows.items() if word == EACH and "error" in run)


def recorded(of: Problem, ipc: int, rows: Found) -> tuple[list[Row], dict[str, Any]]:
    """Rows and named numbers of `found`."""
    (k, d, m), out = of.sizes, []
    for (word, count), run in rows.items():
        exact = "error" in run
        if not exact and run["bound"] <= SEEN:
            continue
        row: Row = {"table": "corruption", "dataset": of.data.info.name, "ipc": ipc}
        kind, quantity = (
            ("exact", "relative error") if exact else ("beyond", "least relative error")
        )
        row |= {"model": "linear", "method": f"{kind}, mask for {word}, {count}"}
        row |= {"quantity": quantity, "measured": run["error" if exact else "bound"]}
        out.append(row | {"unit": "relative", "share": run["share"]})
    most = last(of, rows)
    values: dict[str, Any] = {"exact_points": m, "black": len(of.black)}
    named = {"edge": (EACH, m - k), "last": (EACH, most), "largest": (BOTH, m)}
    for name, key in named.items():
        run = rows[key]
        values[name] = (100 * run["share"], "{:.1f}")
        values[f"{name}_error"] = (run["error"], "{:.0e}")
        values[f"{name}_rms"] = (run["rms"], "{:,.3g}")
    end = rows[EACH, most]
    mask = held_pixels.balanced_mask(jax.random.key(2), m, d, most)
    values |= {
        "last_condition": (end["condition"], "{:,.2g}"),
        "last_free": m - most,
        "last_independence": (end["independence"], "{:.0e}"),
        "last_conditions": (held_pixels.lacking_equations(mask, k), "{:,d}"),
        "coefficients": (m * k, "{:,d}"),
        "limit": (100 * limit(of) / m, "{:.1f}"),
        "last_accuracy": (100 * end["accuracy"], "{:.2f}"),
        "original_accuracy": (100 * of.accuracy(of.w), "{:.2f}"),
        "whole_limit": (100 * m / d, "{:.1f}"),
    }
    return out, values
