"""A small table in memory, and sets of it."""

import warnings

import numpy as np

from distill_lib.making import make
from distill_lib.making.sources import Source

D, K, N = 6, 3, 120
rng = np.random.default_rng(0)
TRUTH = np.arange(N) % K
X = 3 + rng.normal(size=(N, D)) * np.arange(1, D + 1) + 2 * np.eye(K, D)[TRUTH]
Y = np.column_stack([X @ rng.normal(size=D), X[:, 0] ** 2])


def table(x, truth, classes=(), size=50):
    """Rows in memory as a source."""
    counts = np.bincount(truth) if classes else np.array([len(x)])
    k = len(classes) or truth.shape[1]

    def begin():
        for i in range(0, len(x), size):
            yield x[i : i + size, None, None, :], truth[i : i + size]

    columns = tuple(f"c{j}" for j in range(x.shape[1]))
    return Source("t", (1, 1, x.shape[1]), 1, classes, counts, k, columns, ("y",), begin)


def made(recipe, classes=True):
    source = table(X, TRUTH, ("a", "b", "c")) if classes else table(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(source, recipe)
