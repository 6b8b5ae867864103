"""From a source to a distilled set: one reading or two, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from distill_lib import paper
from distill_lib.features import FeatureMap
from distill_lib.images.normalisation import Normalisation
from distill_lib.making.constructing import Original, construct
from distill_lib.making.moments import Drawn, Moments
from distill_lib.making.recipe import Recipe
from distill_lib.making.sources import Batch, Source
from distill_lib.making.training import chosen, model_at
from distill_lib.sets.distilled_set import DistilledSet

Progress = Callable[[str, int, int], None]  # what is done, rows so far, rows in all
JUDGES = 2048  # rows kept to judge the model by
_NARROW = 512  # features
_MAPS: dict[str, paper.Kind] = {"linear": "linear", "network": "fcnn", "fourier": "rff"}


class Read(NamedTuple):
    """What one reading leaves.

    Attributes:
        every, held: moments of all rows and of those held out.
        judges: rows held out, a few of them, in batches with their classes or numbers.
        pool: (rows, class indices) to start from, or None.
    """

    every: Moments
    held: Moments
    judges: Drawn
    pool: Drawn | None


def make(
    source: Source,
    recipe: Recipe | None = None,
    progress: Progress | None = None,
    *,
    feature_map: FeatureMap | None = None,
) -> DistilledSet:
    """A distilled set of a source, by a recipe.

    The rows are read once, or twice where features need the columns' means first, and never held
    as a whole: what stays are sums, and a few rows to start from and to judge by. lam is chosen by
    the squared error on rows held out; the model is then that of all rows.

    Args:
        source: from `open_source`.
        recipe: how; by default the smallest set for ridge regression without an intercept.
        progress: is told what is done, and how many of how many rows are read.
        feature_map: a map of one's own in the place of the recipe's.
    Returns: a `DistilledSet`, whose `provenance["making"]` says where it comes from: source,
        classes, columns, recipe, lam, and how good the model is on rows that were held out.
    Raises: ValueError for a recipe that the data do not allow, before they are read; while they
        are, for a row that cannot be used, with its place.

    Example:
        >>> from distill_lib.making import Recipe, make, open_source
        >>> small = make(open_source("digits"), Recipe(lam=(10.0,), intercept=True))
        >>> len(small.points), small.construction, small.provenance["recovery_error"] < 1e-9
        (10, 'theorem with an intercept, class labels', True)
    """
    recipe, told = recipe or Recipe(), progress or (lambda *_: None)
    start = _checked(source, recipe)
    norm = _normalisation(source, recipe)
    phi = feature_map
    if phi is not None or recipe.map != "linear":
        norm = norm or standardising(source, _read(source, recipe, None, "means", told).every)
        phi = phi or _map(recipe, norm)
    fewest = len(source.classes) or source.outputs + recipe.intercept
    pooled = -(-(recipe.points or fewest) // max(1, len(source.classes)))
    read = _read(source, recipe, (norm, phi), "rows", told, pooled if start in _REAL else 0)
    norm = norm or standardising(source, read.every)
    told("solving", source.rows, source.rows)
    centre, scale = (0.0, 1.0) if phi else _affine(norm)
    sums = read.every, read.held, centre, scale
    lam = chosen(*sums, recipe)
    rest = phi, norm, lam, source.classes, source.counts
    judge, original = (
        Original(*model_at(of, centre, scale, lam, recipe), *rest)  # type: ignore[call-arg]
        for of in (read.every.without(read.held), read.every)
    )
    made = construct(original, recipe, start, _pool(source, read))
    record = made.provenance | {"making": _record(source, recipe, lam)}
    record["making"] |= {"held_out": _judged(judge, source, read.judges)}
    if source.tests is not None:
        record["making"] |= {"test": answered(made, source.tests())}
    return _with(made, record)


_REAL = ("real", "nearest", "labels")


def _map(recipe: Recipe, norm: Normalisation) -> FeatureMap:
    variance = float(norm.dim) if recipe.variance is None else recipe.variance
    key = jax.random.key(recipe.seed)
    return paper.feature_map(_MAPS[recipe.map], norm.dim, key, variance=variance)


def _checked(source: Source, recipe: Recipe) -> str:
    """The start; raises ValueError for what the source does not allow."""
    start = recipe.start_for(bool(source.classes))
    if recipe.points and source.classes:
        k = len(source.classes)
        if recipe.points < k:
            raise ValueError(
                f"points = {recipe.points} is below the number of classes, {k}: each needs a point."
            )
        each = -(-recipe.points // k)
        if start in _REAL and source.counts.min() < each:
            c = int(np.argmin(source.counts))
            raise ValueError(
                f"start '{start}' begins at {each} rows of each class, but class "
                f"'{source.classes[c]}' of {source.name} has {source.counts[c]}."
            )
    if source.rows * recipe.held_out < 1:
        raise ValueError(
            f"{source.rows} rows of {source.name} are too few: none of them can be held out."
        )
    return start


def _normalisation(source: Source, recipe: Recipe) -> Normalisation | None:
    """What is known of it before the rows are read."""
    if recipe.plain:
        c = source.shape[2]
        return Normalisation(source.shape, source.white, (0.0,) * c, (1.0,) * c)
    return source.known


def standardising(source: Source, seen: Moments) -> Normalisation:
    """The normalisation by the mean and the deviation of each channel or column."""
    c, each = source.shape[2], seen.mean_x.reshape(source.shape[2], -1)
    spread = np.diag(seen.gram).reshape(c, -1) / seen.n
    middle = each.mean(axis=1)
    deviation = np.sqrt(np.mean(spread + (each - middle[:, None]) ** 2, axis=1))
    still = deviation <= 1e-12 * np.abs(middle)  # a constant column stays what it is
    deviation = np.where(still | (deviation == 0), source.white, deviation)
    mean, std = (tuple((a / source.white).tolist()) for a in (middle, deviation))
    return Normalisation(source.shape, source.white, mean, std)


def _affine(norm: Normalisation):
    """The point c and the scales t with x = t (raw - c), for raw rows flattened channel first."""
    each = norm.dim // norm.shape[2]
    centre = np.repeat(np.asarray(norm.mean) * norm.pixel_max, each)
    return centre, np.repeat(1 / (np.asarray(norm.std) * norm.pixel_max), each)


def _read(source: Source, recipe: Recipe, through, what: str, told: Progress, pooled: int = 0):
    """One reading: of rows as they are, or of their features."""
    norm: Any
    norm, phi = through or (None, None)
    p, k, groups = source.dim if phi is None else phi.dim_out, source.outputs, len(source.classes)
    read = Read(
        Moments(p, k),
        Moments(p, k),
        Drawn(1, JUDGES),
        Drawn(max(1, groups), pooled) if pooled else None,
    )
    rng, done, met = np.random.default_rng([recipe.seed, 1]), 0, np.zeros(groups, bool)
    for rows, truth in _in_turn(source.begin(), p):
        y = np.eye(k)[truth] if groups else truth
        number = rng.random(len(rows))
        held = number < recipe.held_out
        if groups and not met.all():  # the first row of a class is never held out
            for c, first in zip(*np.unique(truth, return_index=True), strict=True):
                held[first] &= met[c]
                met[c] = True
        flat = np.moveaxis(rows, 3, 1).reshape(len(rows), -1)
        x = flat if phi is None else phi.on_host(np.asarray(norm(rows)))
        if x.dtype != np.float64:
            x = x.astype(np.float64)
        read.every.add(x, y)
        if held.any():
            read.held.add(x[held], y[held])
            none = np.zeros(int(held.sum()), int)
            read.judges.see(rows[held], none, number[held], truth[held])
        if read.pool:
            at = truth if groups else np.zeros(len(rows), int)
            read.pool.see(rows, at, 1 - number)
        done += len(rows)
        told(what, done, source.rows)
    _whole(source, done, read.held.n)
    return read


def _in_turn(batches: Iterable[Batch], p: int) -> Iterator[Batch]:
    """The batches; of few features, whose products are small, with one thread for each product.

    Two threads wait for each other longer than such a product takes. The next batch is read while
    one is added up.
    """
    coming = iter(batches)
    with (
        nullcontext() if p > _NARROW else threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(1) as reader,
    ):
        batch = reader.submit(next, coming, None)
        while (found := batch.result()) is not None:
            batch = reader.submit(next, coming, None)
            yield found


def _whole(source: Source, done: int, held: int) -> None:
    if done != source.rows:
        raise ValueError(
            f"{source.name} gave {done} rows, but had {source.rows} labels when it was read "
            "first; it has changed meanwhile."
        )
    if not held:
        raise ValueError(f"none of the {done} rows was held out; hold out a larger share.")


def _pool(source: Source, read: Read):
    if read.pool is None:
        return None
    rows = read.pool.rows()
    return rows, np.arange(len(rows)) % max(1, len(source.classes))


def _judged(original: Original, source: Source, judges: Drawn) -> dict[str, Any]:
    """How good the model is on rows that it was not trained on."""
    kept = judges.of_each()[0]
    rows, truth = np.stack([one[2] for one in kept]), np.array([one[3] for one in kept])
    scores = np.asarray(original.model().scores(jnp.asarray(rows)))
    return {"rows": len(rows)} | quality(scores, truth, bool(source.classes))


def answered(small: DistilledSet, source: Source) -> dict[str, float]:
    """How well the model that a set trains answers about the rows of a source.

    Batch by batch: what is kept are the scores alone.
    """
    model, scores, truth = small.model(), [], []
    for rows, labels in source.begin():
        scores.append(np.asarray(model.scores(rows)))
        truth.append(labels)
    return quality(np.concatenate(scores), np.concatenate(truth), bool(source.classes))


def quality(scores: np.ndarray, truth: np.ndarray, classes: bool) -> dict[str, float]:
    """The accuracy of scores, or their R^2: the share of the variance that they explain."""
    if classes:
        return {"accuracy": float(np.mean(np.argmax(scores, axis=1) == truth))}
    rest = np.sum((truth - scores) ** 2)
    whole = np.sum((truth - truth.mean(axis=0)) ** 2)
    return {"R2": float(1 - rest / whole) if whole > 0 else float("nan")}


def _record(source: Source, recipe: Recipe, lam: float) -> dict[str, Any]:
    return {
        "source": source.name,
        "rows": source.rows,
        "task": "classes" if source.classes else "values",
        "classes": source.classes,
        "columns": source.columns,
        "labels": source.labels,
        "lam": lam,
        "recipe": asdict(recipe),
    }


def _with(made: DistilledSet, record: dict[str, Any]) -> DistilledSet:
    return DistilledSet(
        made.points,
        made.labels,
        made.reg_s,
        made.feature_map,
        made.normalisation,
        made.label_convention,
        made.construction,
        record,
        intercept=made.intercept,
    )
