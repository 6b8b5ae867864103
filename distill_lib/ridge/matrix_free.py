r"""Ridge regression where G does not fit: W from products of G with a few vectors.

G V = sum_b F_b^T (F_b V) is one pass over the training set, in memory of the size of V. Conjugate
gradients solve (G + lam I) W^T = C^T for all classes together, one product a step. They are
preconditioned by a sketch of G of rank s, the Nystrom approximation of Frangella, Tropp and Udell
(2023): with an orthonormal Omega (p, s) and the eigendecomposition U diag(e) U^T of the
approximation from Y = G Omega,

.. math:: P^{-1} = (e_s + \lambda)\, U\, \mathrm{diag}(e + \lambda)^{-1} U^\top + (I - U U^\top).
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import ArrayLike, Int, PRNGKeyArray
from scipy.sparse.linalg import LinearOperator, cg

from distill_lib.boundary import checks
from distill_lib.boundary.door import door
from distill_lib.features import FeatureMap
from distill_lib.images.partitions import Partitions
from distill_lib.images.streams import Stream, given
from distill_lib.images.whitening import Preprocessing
from distill_lib.linalg.products import product
from distill_lib.ridge.model import RidgeModel
from distill_lib.ridge.works import OfRows, given_in_parts, summed

_ROOM = 2**25  # numbers in a batch of features


class MatrixFree(NamedTuple):
    """A ridge model that was found without G, and how well.

    Attributes:
        model: with W.
        residual: ||W (G + lam I) - C|| / ||C||, computed anew from the last W. The distance to the
            exact W is at most residual ||C|| / lam.
        passes: over the training set, all together.
        forecast: how many were expected after the first one.
        converged: whether the residual is within twice the tolerance.
    """

    model: RidgeModel
    residual: float
    passes: int
    forecast: int
    converged: bool


@dataclass(frozen=True)
class Product(OfRows):
    """G V for some vectors V (p, q) as columns; and C if it is wished."""

    about = "product"
    vectors: Any = None
    crossed: bool = False

    @property
    def size(self) -> int:
        return _rows(max(self.feature_map.dim_out, self.feature_map.dim_in), super().size)

    def numbers(self, p, k):
        return p * (self.vectors.shape[1] + k * self.crossed)

    def sums(self, number, images, labels):
        p = len(self.vectors)
        made = np.zeros_like(self.vectors)
        cross = np.zeros((self.classes if self.crossed else 0, p), made.dtype)
        for f, truth in self.judged_rows(number, images, labels):
            f = np.asarray(f)
            made += product(f.T, product(f, self.vectors))
            if self.crossed:
                cross += product(np.eye(self.classes, dtype=made.dtype)[truth].T, f)
        return made, cross


@door()
def fit_matrix_free(
    images,
    labels: Int[ArrayLike, " n"] | None,
    feature_map: FeatureMap,
    normalisation: Preprocessing,
    *,
    reg: float,
    key: PRNGKeyArray,
    classes: int | None = None,
    sketch: int = 256,
    tol: float = 1e-8,
    max_passes: int = 200,
    engine: Any = None,
    report: Callable[[str], None] | None = None,
) -> MatrixFree:
    """Train a ridge model for one lam without the matrix G, from passes over the training set.

    One pass makes the sketch and C, each step of conjugate gradients takes one, and the last one
    computes the residual anew. Memory O(p (s + k)) and a batch, O(n p (s + k)) a pass.

    Args:
        images, labels, engine: as `dl.fit`; a stream or partitions for what does not fit.
        reg: lam > 0; the number of steps grows with e_s / lam, e_s the s-th eigenvalue of G.
        key: of the sketch.
        classes: k; by default what stream or labels say.
        sketch: s, at most p; 0 takes no preconditioner.
        tol: where to stop, the residual relative to ||C||.
        max_passes: at most so many.
        report: is given a line after each pass; for instance print.
    Raises: ValueError for a reg that is not above 0, a tolerance below rounding, fewer than three
        passes, or bad images and labels. It warns where the passes do not suffice.

    Example:
        >>> images, labels = np.arange(20.0).reshape(20, 1, 1, 1) % 2, np.arange(20) % 2
        >>> norm = dl.Normalisation((1, 1, 1), pixel_max=1, mean=(0.5,), std=(0.5,))
        >>> found = dl.fit_matrix_free(
        ...     images, labels, dl.Linear(1), norm, reg=1.0, key=jax.random.key(0), classes=2
        ... )
        >>> found.model.accuracy(images, labels), found.converged
        (1.0, True)
    """
    _checked(reg, tol, max_passes, normalisation)
    passes = _Passes(images, labels, feature_map, normalisation, classes, engine)
    cross, sketched, last = _sketch(passes, feature_map.dim_out, sketch, key, normalisation.dtype)
    forecast, say = 2 + steps(last, reg, tol), report or (lambda line: None)
    say(f"sketch of rank {sketch}: e_s / lam = {last / reg:.3g}, about {forecast} passes expected")
    found = _solved(passes, cross.T, reg, sketched, tol, max_passes - 2, say)
    made = passes(found)[0] + reg * found - cross.T
    residual = float(np.linalg.norm(made) / np.linalg.norm(cross))
    if residual > 2 * tol:
        warnings.warn(
            f"after {passes.count} passes the residual is {residual:.1e} of ||C||, not {tol:.0e}: "
            "give a larger sketch, a larger reg, or more passes.",
            stacklevel=3,
        )
    weights = feature_map.onto_span(jnp.asarray(found.T))
    model = RidgeModel(weights, feature_map, normalisation, float(reg), (float(reg),), ())
    return MatrixFree(model, residual, passes.count, forecast, residual <= 2 * tol)


def _checked(reg, tol, max_passes, normalisation) -> None:
    eps = float(jnp.finfo(normalisation.dtype).eps)
    checks.positive("reg", reg)
    if not 10 * eps <= tol < 1:
        raise ValueError(
            f"tol = {tol!r} is no share of ||C|| that {normalisation.dtype} can reach; give one "
            f"from {10 * eps:.0e} to 1."
        )
    if max_passes < 3:
        raise ValueError(f"max_passes = {max_passes}: sketch, step and residual take three.")


def _sketch(passes, p: int, sketch: int, key, dtype):
    """C, the eigenvalues and vectors of the sketch, and the largest that it leaves; one pass."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    omega = np.linalg.qr(rng.standard_normal((p, min(max(sketch, 1), p))))[0].astype(dtype)
    y, cross = passes(omega, crossed=True)
    if not np.linalg.norm(cross):
        raise ValueError("C = 0: no sample, or none with a feature, so there is nothing to fit.")
    if sketch > 0:
        values, u = nystrom(omega, y)
        return cross, (values, u), values[-1]
    # Without one e_1 is not known; G omega shows the root of its mean square.
    return cross, (np.zeros(1), np.zeros((p, 1), dtype)), np.linalg.norm(y) * np.sqrt(p)


def steps(last: float, reg: float, tol: float) -> int:
    """About how many steps of conjugate gradients a residual takes: a forecast, no bound.

    sqrt(kappa) / 2 log(2 / tol) with the condition kappa = 1 + e_s / lam that the sketch leaves.
    """
    return math.ceil(math.sqrt(1 + last / reg) / 2 * math.log(2 / tol))


def nystrom(omega: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (s,), descending, and eigenvectors (p, s) of G_nys = Y (Omega^T Y)^+ Y^T.

    Y = G Omega with orthonormal Omega (p, s). G is raised by some rounding on the way, so that the
    Cholesky factor exists, and lowered again.

    Raises: ValueError where Y is not that of a positive semidefinite G.

    Example:
        >>> from distill_lib.ridge.matrix_free import nystrom
        >>> values, _ = nystrom(np.eye(3), np.diag([3.0, 2.0, 1.0]))
        >>> values.round(6).tolist()
        [3.0, 2.0, 1.0]
    """
    shift = math.sqrt(len(y)) * np.finfo(y.dtype).eps * max(np.linalg.norm(y, 2), 1e-300)
    for _ in range(8):
        raised = y + shift * omega
        inner = omega.T @ raised
        try:
            lower = np.linalg.cholesky((inner + inner.T) / 2)
            break
        except np.linalg.LinAlgError:
            shift *= 10
    else:
        raise ValueError("the sketch of G is not that of a positive semidefinite matrix.")
    b = scipy.linalg.solve_triangular(lower, raised.T, lower=True).T
    u, sigma, _ = np.linalg.svd(b, full_matrices=False)
    return np.maximum(sigma**2 - shift, 0), u


def _solved(passes, right, reg, sketched, tol, allowed, say) -> np.ndarray:
    """W^T (p, k) by conjugate gradients on all classes at once."""
    p, k = right.shape
    values, u = sketched

    def product(v):
        v = v.reshape(p, k)
        made = passes(v)[0] + reg * v
        say(f"pass {passes.count}")
        return made.ravel()

    def preconditioned(r):
        r = r.reshape(p, k)
        along = u.T @ r
        return (r + u @ (((values[-1] + reg) / (values + reg) - 1)[:, None] * along)).ravel()

    operators = (
        LinearOperator((p * k, p * k), matvec=one, dtype=right.dtype)
        for one in (product, preconditioned)
    )
    a, m = operators
    found, _ = cg(a, right.ravel(), rtol=tol, maxiter=allowed, M=m)
    return found.reshape(p, k)


class _Passes:
    """Products with G, one pass each, over whatever was given."""

    def __init__(self, images, labels, feature_map, normalisation, classes, engine) -> None:
        parts = given_in_parts(images, labels, engine)
        stream = given(images, labels) if parts is None else parts
        if stream is None:
            labels = checks.indices("labels", labels)
            classes = int(labels.max(initial=-1)) + 1 if classes is None else classes
            stream = Stream.of_arrays(normalisation.opened(images), labels, classes)
        if parts is not None and classes is None and parts.classes is None and labels is not None:
            classes = int(np.max(np.asarray(labels), initial=-1)) + 1
        known = stream.classes if classes is None else classes
        if known is None:
            raise ValueError(
                "how many classes there are is not known before the end; give classes=k."
            )
        self.stream, self.engine, self.count = stream, engine, 0
        self.form = {"feature_map": feature_map, "normalisation": normalisation, "classes": known}

    def __call__(self, vectors: np.ndarray, crossed: bool = False) -> tuple[np.ndarray, ...]:
        self.count += 1
        work = Product(**self.form, vectors=vectors, crossed=crossed)
        if isinstance(self.stream, Partitions):
            return summed(work, self.stream, self.engine)[:2]
        total: Any = None
        for images, labels in self.stream.checked(work.normalisation, work.classes):
            made = work.sums(0, images, labels)
            total = (
                made if total is None else tuple(a + b for a, b in zip(total, made, strict=True))
            )
        return total


def _rows(width: int, most: int) -> int:
    """So many rows that a batch of them has room."""
    return max(min(most, _ROOM // width), 1)
