"""Distilled sets stored with a few bits: what their models lose, and what repairs it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from distill_lib import paper
from distill_lib.algorithm import distill
from distill_lib.data import Dataset, load
from distill_lib.experiments.common import accuracy, relative_error
from distill_lib.images.quantisation import Limits, quantise, restore
from distill_lib.images.sampling import balanced_points
from distill_lib.ridge import RidgeModel
from distill_lib.theory.labels_only import solved_labels
from distill_lib.theory.nearest import nearest_set, robust_set
from distill_lib.theory.perturbation import error_bounds

Row = dict[str, Any]
NOISE, SMALL, REAL = "Theorem 4.1", "Theorem 4.1, small roots", "Corollary 4.1.1"
NEAREST, ROBUST, LABELS = "nearest set", "robust set", "labels only"
NAMES = (NOISE, SMALL, REAL, NEAREST, ROBUST, LABELS)
SHORT = dict(
    zip(NAMES, ("4.1", "4.1, small roots", "Cor. 4.1.1", "nearest", "robust", LABELS), strict=True)
)
FLOATS = ("float16", "float32")


class Problem(NamedTuple):
    """An original linear model.

    Attributes:
        tests: (n, d) network inputs of the test images.
        tolerance: the recovery error that 8 bits may cost the robust set.
        key: of the samples and of the noise.
    """

    data: Dataset
    model: RidgeModel
    tests: Float[np.ndarray, "n d"]
    tolerance: float
    key: PRNGKeyArray

    @property
    def w(self) -> Any:
        """(k, d) W."""
        return np.asarray(self.model.weights)

    @property
    def pixels(self) -> tuple[float, float]:
        """The range of a pixel."""
        return 0.0, float(self.model.normalisation.pixel_max)

    def images(self, points: Any) -> np.ndarray:
        """Points (m, d) as images (m, h, w, c)."""
        return np.asarray(self.model.normalisation.inverse(points))

    def accuracy(self, weights: Any) -> float:
        """Of weights (k, d) on the test images."""
        return accuracy(weights, self.tests, self.data.y_test)

    def stored(self, points: Any, how: int | str, limits: Limits = "set") -> Any:
        """Points (m, d) read back after storing: bits of their images, or a float type."""
        if isinstance(how, str):
            return points.astype(how).astype(np.float64)
        images = restore(quantise(self.images(points), how, limits))
        return np.asarray(self.model.normalisation(images))

    def rounding(self, m: int) -> float:
        """||E||_2 to expect of rounding m points to 8-bit pixels, in network inputs."""
        norm: Any = self.model.normalisation
        return (np.sqrt(m) + np.sqrt(norm.dim)) / np.sqrt(12) / 255 / min(norm.std)


def problem(name: str, tolerance: float) -> Problem:
    """The original model of the named data set."""
    data = load(name)
    model = paper.original_model(data, "linear", seed=0)
    tests = np.asarray(model.normalisation(data.x_test))
    return Problem(data, model, tests, tolerance, jax.random.key(1))


class Support(NamedTuple):
    """X_S (m, d), Y_S (m, k) and lam_S."""

    points: Any
    labels: Any
    reg_s: float


class Sets(NamedTuple):
    """Sets from the same real samples (m, d), by construction in the order of `NAMES`."""

    real: Any
    made: dict[str, Support]


def sets(of: Problem, ipc: int) -> Sets:
    """Every construction with so many images per class."""
    data, model, w = of.data, of.model, of.model.weights
    m, key, pool = ipc * len(w), of.key, (data.x_train, data.y_train)
    real, _ = balanced_points(key, *pool, m, len(w), model.normalisation)
    noise = distill(model, m, key=key)
    small = distill(model, m, key=key, reg_s=1e30, branch="-")  # clipped to 1 / (4 s_1'^2)
    corollary = distill(model, m, key=key, start="real", pool=pool)
    nearest = nearest_set(w, real)
    robust = robust_set(w, real, (of.rounding(m) / (2 * of.tolerance)) ** 2)
    made = [Support(one.points, one.labels, one.reg_s) for one in (noise, small, corollary)]
    made += [Support(one.features, one.labels, 0.0) for one in (nearest, robust)]
    made += [Support(real, solved_labels(w, real), 0.0)]
    arrays = (Support(np.asarray(x), np.asarray(y), reg) for x, y, reg in made)
    return Sets(np.asarray(real), dict(zip(NAMES, arrays, strict=True)))


def trained(points: Any, labels: Any, reg_s: float = 0.0) -> Float[np.ndarray, "k d"]:
    """Ridge regression on points (m, d) with labels (m, k).

    Without a ridge through X = Q R, so that X^+ = R^{-1} Q^T.
    """
    if reg_s:
        gram = points @ points.T + reg_s * np.eye(len(points))
        return (points.T @ np.linalg.solve(gram, labels)).T
    q, r = np.linalg.qr(points.T)
    if np.abs(np.diag(r)).min() < 1e-11 * np.abs(np.diag(r)).max():  # dependent points
        return np.linalg.lstsq(points, labels, rcond=1e-11)[0].T
    return (q @ np.linalg.solve(r.T, labels)).T


def outcome(of: Problem, one: Support, seen: Any) -> Row:
    """Errors and accuracies of training on the stored points, and ||E||_2.

    With labels kept and with labels solved again.
    """
    moved = (seen - one.points) @ (seen - one.points).T
    out: Row = {"change": float(np.sqrt(np.linalg.eigvalsh(moved)[-1].clip(0)))}
    kept, solved = trained(seen, one.labels, one.reg_s), trained(seen, seen @ of.w.T)
    for name, weights in (("kept", kept), ("solved", solved)):
        out |= {name: relative_error(weights, of.w), f"accuracy {name}": of.accuracy(weights)}
    return out


def measured(of: Problem, made: Sets, ipc: int, bits: Sequence[int], other: bool) -> list[Row]:
    """All formats for all constructions, and at 8 bits other limits, if wanted.

    Raises: AssertionError if an error exceeds its bound.
    """
    rows: list[Row] = []
    for name, one in made.made.items():
        images = of.images(one.points)
        facts: Row = {"ipc": ipc, "set": name, "distance": relative_error(one.points, made.real)}
        facts |= {"least": float(images.min()), "largest": float(images.max())}
        facts["outside"] = float(np.mean((images < 0) | (images > of.pixels[1])))
        own: Limits = of.pixels if name == LABELS else "set"  # real images are pixels already
        ways: list[Any] = [("own", how, own) for how in (*bits, *FLOATS)]
        if other:
            ways += [("pixels", 8, of.pixels), ("image", 8, "image")]
        part = []
        for word, how, limits in ways:
            seen = of.stored(one.points, how, limits)
            part.append(facts | {"limits": word, "how": how} | outcome(of, one, seen))
        rows += part if name == LABELS else _bounded(of, one, part)  # labels only carries no W
    return rows


def _bounded(of: Problem, one: Support, part: list[Row]) -> list[Row]:
    changes = np.array([row["change"] for row in part])
    bounds = error_bounds(of.w, one.points, changes, float(one.reg_s))
    for row, kept, solved in zip(part, bounds.kept, bounds.solved, strict=True):
        row |= {"bound kept": kept, "bound solved": solved}
        if row["limits"] == "own":
            assert row["kept"] <= kept * (1 + 1e-6)
            assert row["solved"] <= solved * (1 + 1e-6)
    return part


def near_pixels(of: Problem, made: Sets, ipc: int) -> Row:
    """Which pixels of the nearest set are stored as those of the samples, and what is left then."""
    one, real = made.made[NEAREST], made.real
    images = of.images(one.points), of.images(real)
    codes, wished = (quantise(x, 8, of.pixels).codes for x in images)
    half = of.pixels[1] / 255 / 2  # half a step of 8-bit pixels
    seen = of.stored(one.points, 8, of.pixels)
    return {
        "": f"IPC {ipc}",
        "within half a step": np.mean(np.abs(images[0] - images[1]) < half),
        "same code": np.mean(codes == wished),
        "nearest, stored": relative_error(trained(seen, one.labels), of.w),
        "labels only": relative_error(trained(real, one.labels), of.w),
    }


def with_ridge(of: Problem, made: Sets) -> list[Row]:
    """Distance and errors at 8 bits of some constructions, without and with a ridge parameter."""
    model, m, key = of.model, len(made.real), of.key
    reg_s = 100 * float(np.linalg.norm(made.real, 2)) ** 2
    pool = (of.data.x_train, of.data.y_train)
    steep = distill(model, m, key=key, reg_s=1e30, branch="+")
    options: Any = {"start": "real", "pool": pool, "label_rule": "model"}
    far = distill(model, m, key=key, reg_s=reg_s, **options)
    found = {(name, "0"): made.made[name] for name in (NOISE, REAL, NEAREST, ROBUST)}
    found[NOISE, "largest, small roots"] = made.made[SMALL]
    for name, title, new in ((NOISE, "largest, large roots", steep), (REAL, "100 s_1^2", far)):
        points, labels = np.asarray(new.points), np.asarray(new.labels)
        found[name, title] = Support(points, labels, new.reg_s)
    for name in (NEAREST, ROBUST):  # the points stay, the labels follow lam_S
        points = made.made[name].points
        labels = np.asarray(solved_labels(of.w, points, reg_s))
        found[name, "100 s_1^2"] = Support(points, labels, reg_s)
    rows = []
    for name, title in sorted(found):
        one = found[name, title]
        end = outcome(of, one, of.stored(one.points, 8))
        row: Row = {"set": SHORT[name], "lam_S": title}
        row |= {"distance": relative_error(one.points, made.real)}
        rows.append(row | {"labels kept": end["kept"], "solved again": end["solved"]})
    return rows


def trade(of: Problem, made: Sets) -> list[Row]:
    """Distance and error at 8 bits, labels solved again, of robust sets along the penalty."""
    real: Any = made.real
    top, size, rows = float(np.linalg.norm(real, 2)) ** 2, float(np.linalg.norm(real)), []
    for share in (0.0, 1e-6, 1e-5, 1e-4, 1e-3):
        found = robust_set(of.model.weights, real, share * top)
        seen = of.stored(np.asarray(found.features), 8)
        error = relative_error(trained(seen, seen @ of.w.T), of.w)
        rows.append({"share": share, "distance": found.distance / size, "solved": error})
    return rows
