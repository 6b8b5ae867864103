"""Predictions taken apart: what each support point adds, and what is lost without it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from distill_lib.experiments.interpretability_sets import IMAGES, KIP, NEAREST, Problem, Support
from distill_lib.kernels import regression
from distill_lib.kernels.blocks import cross, gram
from distill_lib.theory import contributions
from distill_lib.theory.closed_form import recovered_weights, recovery_error
from distill_lib.theory.contributions import FeatureKernel

Row = dict[str, Any]


class Apart(NamedTuple):
    """Scores of n inputs as sums over m support points.

    Attributes:
        k_ts: (n, m) K(x, X_S).
        inverse: (m, m) M.
        labels: (m, k) Y_S.
        parts: (n, m, k) the contribution of each point to each score.
    """

    k_ts: Any
    inverse: Any
    labels: Any
    parts: Any

    @property
    def scores(self) -> Float[np.ndarray, "n k"]:
        """The sums."""
        return self.parts.sum(1)

    @property
    def guesses(self) -> Int[np.ndarray, " n"]:
        """The predicted classes."""
        return self.scores.argmax(1)

    def towards(self, classes: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n m"]:
        """Contributions to the score of one class for each input."""
        return np.take_along_axis(self.parts, classes[:, None, None], 2)[:, :, 0]


def taken_apart(of: Problem, one: Support) -> Apart:
    """The scores of the test images by the model that a set trains."""
    k_ss, k_ts = gram(one.kernel, one.points), cross(one.kernel, of.x, one.points)
    inverse = contributions.inverse(k_ss, float(regression.relative_reg(k_ss, one.reg)))
    parts = contributions.contributions(k_ts, inverse @ one.labels)
    return Apart(*map(np.asarray, (k_ts, inverse, one.labels, parts)))


def scores(of: Problem, one: Support) -> Float[np.ndarray, "n k"]:
    """The same scores made in another way: W_S x for the linear kernel, else by Cholesky."""
    if isinstance(one.kernel, FeatureKernel):
        return np.asarray(of.x @ recovered_weights(one.points, one.labels).T)
    return np.asarray(regression.scores(one.kernel, one.points, one.labels, of.x, one.reg))


def reasons(of: Problem, name: str, one: Support, apart: Apart) -> Row:
    """Accuracy, whether contributions add up, how many make up 90 %, and how much they cancel.

    The last two are medians, for the score of the class that was predicted.
    """
    wanted = scores(of, one)
    guesses = wanted.argmax(1)
    deciding: Any = apart.towards(guesses)
    return {
        "set": name,
        "points": len(one.points),
        "accuracy": 100 * np.mean(guesses == of.truth),
        "sum against score": np.abs(apart.scores - wanted).max() / np.abs(wanted).max(),
        "points for 90 %": np.median(contributions.points_for_share(deciding)),
        "cancellation": np.median(contributions.cancellation(deciding)),
    }


def mean_cosine(one: Support) -> float:
    """K(x_i, x_j) / sqrt(K(x_i, x_i) K(x_j, x_j)), the mean over pairs of different points."""
    k_ss = np.asarray(gram(one.kernel, one.points))
    cosines = k_ss / np.sqrt(np.outer(np.diag(k_ss), np.diag(k_ss)))
    return cosines[~np.eye(len(k_ss), dtype=bool)].mean()


def correlations(apart: Apart) -> tuple[float, float]:
    """Of ||a_j|| with ||y_j - f^{-j}(x_j)|| = ||a_j|| / M_jj, and with M_jj."""
    weight = np.linalg.norm(apart.inverse @ apart.labels, axis=1)
    diagonal = np.diag(apart.inverse)
    error, spanned = (np.corrcoef(weight, x)[0, 1] for x in (weight / diagonal, diagonal))
    return error, spanned


def concentration(apart: Apart) -> Float[np.ndarray, " m"]:
    """Share of sum_j |c_j| in the 1, ..., m largest, in per cent: the mean over inputs."""
    sizes = np.sort(np.abs(apart.towards(apart.guesses)), 1)[:, ::-1]
    return 100 * np.mean(np.cumsum(sizes, 1) / sizes.sum(1, keepdims=True), 0)


class Answer(NamedTuple):
    """A prediction and its largest contributions.

    Attributes:
        images: (1 + count, h, w, c) in 0..1, the input and then the points.
        titles: the class and the predicted one, then the class that each point started from.
        score: of the predicted class.
        values: (count,) contributions to it, the largest first.
    """

    images: np.ndarray
    titles: list[str]
    score: float
    values: Float[np.ndarray, " count"]


def answers(of: Problem, one: Support, apart: Apart, count: int = 6) -> list[Answer]:
    """Three right answers of different classes and a wrong one, if there is any."""
    truth, guesses, names = of.truth, apart.guesses, of.data.info.classes
    right, wrong = np.flatnonzero(guesses == truth), np.flatnonzero(guesses != truth)
    _, first = np.unique(truth[right], return_index=True)  # of each class
    found = []
    for t in (*right[np.sort(first)[:3]], wrong[0] if len(wrong) else right[-1]):
        parts = apart.parts[t, :, guesses[t]]
        order = np.argsort(-np.abs(parts))[:count]
        points = np.asarray(of.norm.inverse(one.points[order]))
        images = np.concatenate([of.data.x_test[t : t + 1], points]) / of.data.info.pixel_max
        titles = [f"is {names[truth[t]]}, answer {names[guesses[t]]}"]
        titles += [str(names[j % len(names)]) for j in order]
        score = apart.scores[t, guesses[t]]
        found.append(Answer(np.clip(images, 0, 1), titles, score, parts[order]))
    return found


class Removal(NamedTuple):
    """What goes with the point of the largest contribution to the predicted class.

    Attributes:
        tops: (n,) which point.
        lost: (n, k) f - f^{-j}, of all scores.
        given, taken: (n,) its contribution to the score of the predicted class, and the loss of it.
    """

    tops: Int[np.ndarray, " n"]
    lost: Float[np.ndarray, "n k"]
    given: Float[np.ndarray, " n"]
    taken: Float[np.ndarray, " n"]


def removal(apart: Apart) -> Removal:
    """By the formula, without training again."""
    t, guesses = np.arange(len(apart.parts)), apart.guesses
    tops = np.abs(apart.towards(guesses)).argmax(1)
    lost = np.asarray(contributions.removals(apart.k_ts, apart.inverse, apart.labels))[t, tops]
    return Removal(tops, lost, apart.parts[t, tops, guesses], lost[t, guesses])


def left_out(name: str, one: Support, apart: Apart) -> Row:
    """The formula against training again without the top point, and what the removal changes."""
    k_ss = np.asarray(gram(one.kernel, one.points))  # NumPy: subsets of every size are taken
    lam, found, worst = one.reg * np.trace(k_ss) / len(k_ss), removal(apart), 0.0
    for j in np.unique(found.tops):
        others, here = np.delete(np.arange(len(k_ss)), j), np.flatnonzero(found.tops == j)
        damped = k_ss[np.ix_(others, others)] + lam * np.eye(len(others))
        again = apart.k_ts[here][:, others] @ np.linalg.solve(damped, apart.labels[others])
        change = apart.scores[here] - again
        worst = max(worst, np.abs(change - found.lost[here]).max() / np.abs(change).max())
    ratio = found.taken / found.given
    changed = (apart.scores - found.lost).argmax(1) != apart.guesses
    return {
        "set": name,
        "formula against training again": worst,
        "|removal / contribution|": np.median(np.abs(ratio)),
        "of opposite sign": np.mean(ratio < 0),
        "answers changed": np.mean(changed),
    }


def recorded(
    of: Problem, sets: Mapping[str, Support], apart: Mapping[str, Apart], rows: Iterable[Row]
) -> tuple[list[Row], dict[str, Any]]:
    """Rows and named numbers of the decompositions, from the `reasons` of every set."""
    out: list[Row] = []
    values: dict[str, Any] = {}
    units = {"accuracy": "%", "points for 90 %": "points", "cancellation": "times the score"}
    units["sum against score"] = "relative"
    for row in rows:
        name, one = row["set"], sets[row["set"]]
        small, word = len(one.points) == len(of.start), _word(name)
        where = _where(of, name, one, small)
        for quantity, unit in units.items():
            out.append(where | {"quantity": quantity, "measured": row[quantity], "unit": unit})
        out[-3]["points"] = row["points"]
        values[f"{word}_points"] = (row["points for 90 %"], "{:.0f}")
        large = row["cancellation"] >= 100
        values[f"{word}_cancellation"] = (row["cancellation"], "{:,.0f}" if large else "{:.3g}")
        if small:
            values[f"{word}_cosine"] = (mean_cosine(one), "{:.2f}")
    for name, word in ((NEAREST, ""), (KIP, "KIP_")):
        error, spanned = correlations(apart[name])
        values[f"{word}weight_error"] = (error, "{:.2f}")
        values[f"{word}weight_diagonal"] = (spanned, "{:.2f}")
    moved = recovery_error(of.start, sets[NEAREST].points)
    values["nearest_distance"] = (100 * moved, "{:.1f}")
    values |= {"points": (len(of.start), "{:d}"), "full": (len(sets[IMAGES].points), "{:,d}")}
    values["tests"] = (len(of.truth), "{:,d}")
    return out, values | _signs(of, apart[KIP])


def _signs(of: Problem, apart: Apart) -> dict[str, Any]:
    """Which contributions speak for the predicted class, and which pairs are negative."""
    classes = np.arange(len(of.start)) % len(of.data.info.classes)  # of the points
    same, speak = apart.guesses[:, None] == classes, apart.towards(apart.guesses) > 0
    return {
        "same_class_for": (100 * np.mean(speak[same]), "{:.0f}"),
        "other_class_for": (100 * np.mean(speak[~same]), "{:.0f}"),
        "negative_pairs": (100 * np.mean(apart.k_ts < 0), "{:.2g}"),
        "smallest_pair": (apart.k_ts.min() / apart.k_ts.max(), "{:.2f}"),
    }


def recorded_removals(
    of: Problem, sets: Mapping[str, Support], rows: Iterable[Row]
) -> tuple[list[Row], dict[str, Any]]:
    """Rows and named numbers of what is `left_out`."""
    out: list[Row] = []
    values: dict[str, Any] = {}
    for row in rows:
        where = _where(of, row["set"], sets[row["set"]], True)
        worst, changed = row["formula against training again"], 100 * row["answers changed"]
        out.append(where | {"quantity": "removal formula", "measured": worst, "unit": "relative"})
        out.append(where | {"quantity": "answers changed", "measured": changed, "unit": "%"})
        word = _word(row["set"])
        values[f"{word}_ratio"] = (row["|removal / contribution|"], "{:.2g}")
        values[f"{word}_changed"] = (changed, "{:.0f}")
    return out, values


def _where(of: Problem, name: str, one: Support, small: bool) -> Row:
    """The cell of a set; images per class where it has as many points as the distilled ones."""
    info, linear = of.data.info, isinstance(one.kernel, FeatureKernel)
    ipc = len(of.start) // len(info.classes) if small else None
    cell: Row = {"table": "interpretability", "dataset": info.name, "ipc": ipc}
    return cell | {"model": "linear" if linear else "fc1", "method": name}


def _word(name: str) -> str:
    return name.replace(" ", "_").replace(",", "")
