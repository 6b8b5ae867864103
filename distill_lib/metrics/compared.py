"""A set beside random images and beside all of them, in its own trainer and in networks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from distill_lib.boundary import checks
from distill_lib.images.sampling import balanced_sample
from distill_lib.metrics.judges import Judge, OwnTrainer, Taught
from distill_lib.metrics.scores import (
    hard_label_recovery,
    hard_labels,
    improvement_over_random,
    label_robust_score,
)
from distill_lib.ridge import RidgeModel
from distill_lib.sets.distilled_set import DistilledSet

Row = dict[str, Any]


def worth(
    small: DistilledSet,
    train: tuple[Any, Any],
    tests: tuple[Any, Any],
    *,
    key: PRNGKeyArray,
    judges: Sequence[Judge] | None = None,
    original: RidgeModel | None = None,
    draws: int = 5,
    validation: int = 1000,
    known: Mapping[str, float] | None = None,
    weight: float = 0.5,
) -> list[Row]:
    """What a set is worth in each judge: the scores of DD-Ranking, and what they are made of.

    Random images are as many as the set has, the same number of each class, and labelled as the set
    is: with their classes if its labels are hard, otherwise by the model that the set trains, which
    for an exact set is the original.

    Args:
        small: the set.
        train, tests: (images, labels): (n, h, w, c) and (n,) class indices.
        key: JAX random key of the draws and of the networks' weights.
        judges: by default the set's own trainer; see `network_judges` for others.
        original: the model that the set was made for; without it one is fitted for the own trainer,
            which may have another lam.
        draws: of random images.
        validation: training images, outside each draw, by which a lam is chosen for it.
        known: accuracies on all images by the judge's name, where they are at hand.
        weight: w of `label_robust_score`.
    Returns: a row for each judge: "judge", "images"; the accuracies "all", "hard", "set", "random"
        with the spreads "set spread" over seeds and "random spread" over draws; "recovery",
        "improvement", "score".
    Raises: ValueError for what does not fit, no draw, or a set for a kernel, or for a trainer with
        an intercept, without judges.

    Example:
        >>> from distill_lib.metrics import worth
        >>> x = np.tile(np.eye(2).reshape(2, 1, 2, 1), (20, 1, 1, 1))
        >>> y, norm = np.arange(40) % 2, dl.Normalisation((1, 2, 1), 1, 0, 1)
        >>> model = dl.fit(x, y, dl.Linear(2), norm, key=jax.random.key(0), regs=(1.0,))
        >>> small = dl.distill(model, 2, key=jax.random.key(1))
        >>> worth(small, (x, y), (x, y), key=jax.random.key(2), original=model)[0]["recovery"]
        0.0
    """
    taught, asked = (_taught(small, *part) for part in (("train", *train), ("tests", *tests)))
    if draws < 1:
        raise ValueError(f"draws = {draws}: to compare with random images takes at least one draw.")
    chosen = _own_trainer(small, original) if judges is None else judges
    random = _random(small, taught, key, draws, validation)
    rows = []
    for judge in chosen:
        real = (known or {}).get(judge.name)
        real = float(np.mean(judge.of_all(taught, asked, key))) if real is None else real
        rows.append(_row(small, judge, real, asked, random, key, weight))
    return rows


class Draw(NamedTuple):
    """Random images, the labels they are given, and other images to choose a lam by."""

    taught: Taught
    labels: Array
    val: Taught


def _row(small, judge: Judge, real: float, asked: Taught, random: list[Draw], key, weight) -> Row:
    """What one judge says of the set and of the random images."""
    labels = hard_labels(small.labels)
    hard = judge.of_points(small.points, labels, asked, key)
    same = np.array_equal(labels, small.labels)
    own = hard if same else judge.of_points(small.points, small.labels, asked, key)
    beside = [
        float(np.mean(judge.of_random(draw.taught, draw.labels, asked, draw.val, key)))
        for draw in random
    ]
    recovery = hard_label_recovery(real, float(np.mean(hard)))
    improvement = improvement_over_random(float(np.mean(own)), float(np.mean(beside)))
    return {
        "judge": judge.name,
        "images": len(small.points),
        "all": real,
        "hard": float(np.mean(hard)),
        "set": float(np.mean(own)),
        "set spread": float(np.std(own)),
        "random": float(np.mean(beside)),
        "random spread": float(np.std(beside)),
        "recovery": recovery,
        "improvement": improvement,
        "score": label_robust_score(recovery, improvement, weight),
    }


def _own_trainer(small: DistilledSet, original: RidgeModel | None) -> list[Judge]:
    if small.feature_map is None:
        raise ValueError(
            "this set has no feature map, so no trainer of its own that could read all images; "
            "give judges, for instance network_judges(shape, classes)."
        )
    if small.intercept:
        raise ValueError(
            "this set is for a trainer that fits an intercept, which is no judge here; give "
            "judges, for instance network_judges(shape, classes); `small.accuracy` has its own."
        )
    return [OwnTrainer(small.feature_map, small.reg_s, original)]


def _taught(small: DistilledSet, name: str, images, labels) -> Taught:
    classes = small.labels.shape[1]
    images = np.asarray(small.normalisation.opened(images))
    small.normalisation.check(images)
    labels = checks.indices(f"the labels of {name}", labels, len(images))
    checks.labels(f"the labels of {name}", labels, classes, every=False)
    return Taught(images, labels, small.normalisation, classes)


def _random(small: DistilledSet, taught: Taught, key, draws: int, validation: int) -> list[Draw]:
    """Draws of as many images as the set has, labelled as it is."""
    m = len(small.points)
    is_hard = bool(np.ptp(np.asarray(small.labels - hard_labels(small.labels))) <= 1e-6)
    teacher = small if small.feature_map is None else small.model()
    made = []
    for i in range(draws):
        own = jax.random.fold_in(key, i)
        chosen = balanced_sample(own, taught.labels, m, taught.classes)
        others = np.setdiff1d(np.arange(len(taught.labels)), chosen)
        rng = np.random.default_rng(np.asarray(jax.random.key_data(own)))
        val = taught.rows(np.sort(rng.permutation(others)[:validation]))
        drawn = taught.rows(chosen)
        labels = drawn.one_hot() if is_hard else teacher.scores(drawn.images)
        made.append(Draw(drawn, jnp.asarray(labels), val))
    return made
