"""Theorem 6.2 and the private release on small instances: attacks, sensitivities, audits."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from distill_lib import privacy
from distill_lib.privacy import Audit, StatisticsMechanism
from distill_lib.privacy.gaussian_mechanism import Adjacency

Row = dict[str, Any]
Matrix = Float[np.ndarray, "rows columns"]
Residual = Callable[..., Any]  # of releases (trials, m, p) and a model (k, p)
EPSILON, DELTA = 1.0, 0.01  # what every audited release claims


class Neighbours(NamedTuple):
    """Models of two training sets with one record exchanged for another of the same class.

    Attributes:
        y: (n, k) their one-hot labels.
        w, other: (k, p) the two models at lam = 0.
        bound, sigma_0: what Theorem 6.2 asks of norms and of singular values.
    """

    y: Matrix
    w: Matrix
    other: Matrix
    bound: float
    sigma_0: float

    def deviation(self, labels: Matrix, epsilon: float, delta: float) -> float:
        """The noise that Theorem 6.2 asks for; 0 where it would have to be infinite."""
        sigma = privacy.claimed_deviation(labels, self.y, self.bound, self.sigma_0, epsilon, delta)
        return sigma if np.isfinite(sigma) else 0.0


def neighbours(rng: np.random.Generator, p: int = 12, n: int = 40, k: int = 3) -> Neighbours:
    """Random ones that meet every assumption of the theorem."""
    x, y = rng.normal(size=(n, p)), np.eye(k)[rng.integers(k, size=n)]
    other = np.r_[[rng.normal(size=p)], x[1:]]
    smallest = min(np.linalg.svd(a, compute_uv=False)[-1] for a in (x, other))
    largest = float(np.max(np.linalg.norm([x, other], axis=2)))
    w, w_other = ((np.linalg.pinv(a) @ y).T for a in (x, other))
    return Neighbours(y, w, w_other, largest, 0.99 * smallest)


def decided(test: Residual, released: Any, w: Matrix, other: Matrix) -> float:
    """Share of releases for which the residual of W is a thousand times below the neighbour's."""
    return float(np.mean(1e3 * test(released, w) < test(released, other)))


def decisions(rng: np.random.Generator, sizes: Iterable[int] = (3, 6, 11, 12)) -> list[Row]:
    """How often the sum test (one-hot labels) and the span test (secret labels) decide, by m.

    Raises: AssertionError unless the sum always decides, and the span as long as m < p.
    """
    found, rows = neighbours(rng), []
    k, p = found.w.shape
    for m in sizes:
        one_hot, secret = np.eye(k)[np.arange(m) % k], rng.normal(size=(m, k))
        sigma, sigma_secret = (found.deviation(y, 1.0, 1e-5) for y in (one_hot, secret))
        pair = found.w, found.other
        released = privacy.claimed_release(found.w, one_hot, sigma, rng, (200,))
        by_sum = decided(privacy.sum_residual, released, *pair)
        released = privacy.claimed_release(found.w, secret, sigma_secret, rng, (200,))
        by_span = decided(privacy.span_residual, released, *pair)
        assert by_sum == 1
        assert by_span == (m < p)
        row: Row = {"m": m, "noise / std of W": sigma / found.w.std()}
        rows.append(row | {"decided by the sum": by_sum, "decided by the span": by_span})
    return rows


def changes(
    rng: np.random.Generator,
    weight: float,
    adjacency: Adjacency,
    count: int = 20_000,
    p: int = 2,
    k: int = 2,
) -> Float[np.ndarray, " count"]:
    """How far the statistics of random neighbours are apart.

    ||(svec G, w C) - (svec G', w C')||, with features on the unit circle, B = 1.
    """
    f, g = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in rng.normal(size=(2, count, p)))
    y, z = (np.eye(k)[c] for c in rng.integers(k, size=(2, count)))
    if adjacency == "add-remove":
        g, z = 0 * g, 0 * z
    squares = np.einsum("ni,nj->nij", f, f) - np.einsum("ni,nj->nij", g, g)
    moved = np.einsum("nk,ni->nki", y, f) - np.einsum("nk,ni->nki", z, g)
    return np.sqrt(np.sum(squares**2, axis=(1, 2)) + weight**2 * np.sum(moved**2, axis=(1, 2)))


def audit_claimed(
    rng: np.random.Generator, test: Residual, labels: Matrix, trials: int = 10_000
) -> Audit:
    """The construction of Theorem 6.2, one record exchanged, by one of its tests."""
    found = neighbours(rng, p=8, n=30)
    sigma = found.deviation(labels, EPSILON, DELTA)
    scores = []
    for w in (found.w, found.other):
        released = privacy.claimed_release(w, labels, sigma, rng, (trials,))
        scores.append(test(released, found.w) - test(released, found.other))
    return privacy.audit(scores[0], scores[1], DELTA)


@dataclass(frozen=True)
class Weaker(StatisticsMechanism):
    """A broken mechanism with a share of the noise it should have."""

    share: float = 1.0

    @property
    def deviation(self) -> float:  # type: ignore[override]
        return self.share * super().deviation


def audit_ours(
    rng: np.random.Generator,
    share: float = 1.0,
    see_weights: bool = False,
    trials: int = 100_000,
    p: int = 3,
    k: int = 2,
) -> Audit:
    """An audit of the private release with a share of its noise.

    An added record against its absence, five others in the set.

    By the likelihood ratio of the statistics, or of what a distilled set shows, the weights.
    """
    mechanism = Weaker(EPSILON, DELTA, share=share)
    f = rng.normal(size=(6, p))
    f, y = f / np.linalg.norm(f, axis=1, keepdims=True), np.eye(k)[rng.integers(k, size=6)]
    sets = [(f[:m].T @ f[:m], y[:m].T @ f[:m]) for m in (5, 6)]
    reg = mechanism.reg(p)
    difference = [b - a for a, b in zip(*sets, strict=True)]
    if see_weights:
        difference = [privacy.noisy_ridge(*sets[1], reg) - privacy.noisy_ridge(*sets[0], reg)]
    scores: list[Any] = []
    for content in sets:
        seen = mechanism(*content, rng, (trials,))
        parts = [privacy.noisy_ridge(*seen, reg)] if see_weights else seen
        scores.append(sum((a * b).sum((-2, -1)) for a, b in zip(parts, difference, strict=True)))
    return privacy.audit(scores[0], scores[1], DELTA)


def audits(rng: np.random.Generator) -> dict[str, Audit]:
    """Of Theorem 6.2, of two broken variants of the private release, and of that itself.

    Raises: AssertionError unless the first four are refuted and the last two are not.
    """
    balanced = np.tile(np.eye(3), (2, 1))
    secret = "Theorem 6.2, span test, secret labels"
    found = {
        "Theorem 6.2, sum test": audit_claimed(rng, privacy.sum_residual, balanced),
        secret: audit_claimed(rng, privacy.span_residual, rng.normal(size=(6, 3))),
        "ours, broken: half the noise": audit_ours(rng, share=0.5),
        "ours, broken: sensitivity forgets C": audit_ours(rng, share=1 / math.sqrt(2)),
        "ours, statistics": audit_ours(rng),
        "ours, model or distilled set": audit_ours(rng, see_weights=True),
    }
    bounds = [one.epsilon for one in found.values()]
    assert min(bounds[:4]) > EPSILON >= max(bounds[4:])
    return found


def estimate(one: Audit) -> float:
    """Estimate epsilon by the rates themselves, without confidence limits.

    Infinite where no error was seen.
    """
    rates = one.false_positives / one.trials, one.false_negatives / one.trials
    pairs = [(max(1 - DELTA - q, 1e-300), p) for p, q in (rates, rates[::-1])]
    return max(math.log(true / p) if p else math.inf for true, p in pairs)


def rates(found: Mapping[str, Audit]) -> list[Row]:
    """Error rates, estimate and lower bound of each audit."""
    return [
        {"release and test": name, "trials": one.trials}
        | {"FPR": one.false_positives / one.trials, "FNR": one.false_negatives / one.trials}
        | {"estimate": estimate(one), "lower bound": one.epsilon}
        for name, one in found.items()
    ]


def recorded(found: Mapping[str, Audit]) -> tuple[list[Row], dict[str, Any]]:
    """Rows and named numbers of the audits."""
    words = ("claimed_sum", "claimed_span", "half", "forgets", "statistics", "weights")
    bounds = zip(words, found.values(), strict=True)
    cell = {"table": "privacy audit", "dataset": "Gaussian", "quantity": "epsilon, lower bound"}
    rows = [
        cell
        | {"method": name, "measured": one.epsilon, "unit": ""}
        | {"false_positives": one.false_positives, "false_negatives": one.false_negatives}
        | {"trials": one.trials}
        for name, one in found.items()
    ]
    return rows, {f"audit_{word}": (one.epsilon, "{:.2f}") for word, one in bounds}
