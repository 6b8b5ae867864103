"""Beside Table 1: a Fourier set read by its kernel, and losses matched at random regressors."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from distill_lib.baselines.fourier_sets import kernel_answers, kernel_gap_bound
from distill_lib.baselines.matched_losses import other_moments, regressors_needed
from distill_lib.baselines.moments import gaussian_kernel, subset_labels
from distill_lib.experiments.common import relative_error
from distill_lib.experiments.table_1 import Task
from distill_lib.features import RandomFourier
from distill_lib.theory.labels_only import solved_labels

Row = dict[str, Any]


def read_by_the_kernel(of: Task, n: int, tests: Float[np.ndarray, "t d"]) -> list[Row]:
    """A model of n points with the Gaussian kernel, approximated through p Fourier features.

    For several p, the set is the first min(p, n) points with labels solved for the features. Errors
    are relative, of answers on the tests: of the model of the features, of the kernel trained on
    the set, and of the kernel trained on the best labels for the same points.

    Raises: AssertionError if two answers are farther apart than their bound.
    """
    x, z = jnp.asarray(of.x[:n]), jnp.asarray(tests)
    gram, cross = gaussian_kernel(x, x, of.variance), gaussian_kernel(x, z, of.variance)
    alpha = np.linalg.solve(np.asarray(gram) + of.reg * np.eye(n), of.y[:n])
    wanted = np.asarray(cross).T @ alpha
    rows = []
    for p in sorted({n // 8, n // 4, n // 2, n, 4 * n}):
        phi = RandomFourier.random(jax.random.key(5), x.shape[1], p, of.variance)
        f, g, m = phi(x), phi(z), min(p, n)
        # Y (K^ + lam I)^{-1} phi(X)^T, since there may be far more features than points.
        w = np.linalg.solve(f @ f.T + of.reg * np.eye(n), of.y[:n]).T @ f
        labels = solved_labels(jnp.asarray(w), f[:m], of.reg)
        near, seen = f[:m] @ f[:m].T, f[:m] @ g.T
        by_features = np.asarray(g) @ np.asarray(w).T
        by_kernel = np.asarray(kernel_answers(labels, gram[:m, :m], cross[:m], of.reg))
        best = subset_labels(gram, jnp.asarray(alpha), range(m), of.reg)
        by_best = np.asarray(kernel_answers(best, gram[:m, :m], cross[:m], of.reg))
        ones = jnp.ones(len(z))
        bound = kernel_gap_bound(labels, near, gram[:m, :m], seen, cross[:m], ones, of.reg)
        on_set = np.asarray(kernel_answers(labels, near, seen, of.reg))
        assert (np.linalg.norm(on_set - by_kernel, axis=1) <= np.asarray(bound) + 1e-9).all()
        row: Row = {"p": p, "points": m, "set, features": relative_error(on_set, by_features)}
        row |= {"features": relative_error(by_features, wanted)}
        row |= {"set, kernel": relative_error(by_kernel, wanted)}
        rows.append(row | {"best labels, kernel": relative_error(by_best, wanted)})
    return rows


def matched(rng: np.random.Generator, inputs: Sequence[int] = (1, 2, 4, 8)) -> list[Row]:
    """For each d: how many losses determine all of them, and what one fewer leaves open."""
    rows = []
    for d in inputs:
        needed = regressors_needed(d)
        x: Any = rng.normal(size=(3 * d + 5, d))
        y: Any = rng.normal(size=3 * d + 5)
        w: Any = rng.normal(size=(needed, d))
        fresh = rng.normal(size=(200, d))
        points, labels = map(np.asarray, other_moments(x, y, w[:-1]))

        def losses(v, data=(x, y)):
            return np.sum((v @ data[0].T - data[1]) ** 2, axis=1)

        here, there = (losses(v, (points, labels)) / losses(v) - 1 for v in (w[:-1], fresh))
        model, other = (np.linalg.lstsq(a, b, rcond=None)[0] for a, b in ((x, y), (points, labels)))
        row: Row = {"d": d, "regressors that decide": needed, "points of the set": len(points)}
        row |= {"at one fewer": float(np.abs(here).max()), "at others": float(np.abs(there).max())}
        rows.append(row | {"its model": relative_error(other, model)})
        try:
            other_moments(x, y, w)
        except ValueError:
            continue
        raise AssertionError(f"{needed} regressors leave a set open at d = {d}")
    return rows


def recorded(dataset: str, kernel: Sequence[Row], losses: Sequence[Row]) -> list[Row]:
    """Both tables as rows."""
    rows: list[Row] = []
    for found in kernel:
        cell = {"table": "1, Maalouf et al.", "dataset": dataset, "unit": "relative"}
        for name in ("features", "set, kernel", "best labels, kernel"):
            row = cell | {"model": name, "method": f"p = {found['p']}", "points": found["points"]}
            rows.append(row | {"quantity": "relative error", "measured": found[name]})
    for found in losses:
        row = {"table": "1, Gupta et al.", "dataset": "Gaussian", "method": f"d = {found['d']}"}
        row |= {"quantity": "points", "measured": found["regressors that decide"]}
        rows.append(row | {"unit": "regressors"})
    return rows
