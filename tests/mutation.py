"""Does some test fail for every way of getting the mathematics wrong?

    python tests/mutation.py [--list] [--jobs N] [NAME ...]

Each mutant below is one change of text in a copy of the library. The tests named with it run against the copy and stop at
the first failure: the mutant is killed, or it SURVIVED. The exit status is 1 if one survived, if a text is no longer in
its file, or if the tests fail on the unchanged library.
"""

import argparse
import importlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 600  # seconds for the tests of one mutant


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in distill_lib/`file`; the tests in the file test_`tests`.py should fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str

    @property
    def path(self) -> Path:
        """The file of its tests, whichever room it lies in."""
        return next((ROOT / "tests").rglob(f"test_{self.tests}.py")).relative_to(ROOT)


# One mutant a line.
# fmt: off
MUTANTS = (
    # bytes.py, normal_equations.py, fourier.py: faster ways to the same
    Mutant("bytes-too-many-rows", "ridge/bytes.py", "MIDDLE, ROWS = 128, 1024", "MIDDLE, ROWS = 128, 4096", "bytes"),
    Mutant("bytes-beyond-the-limit", "ridge/bytes.py", "LIMIT = 2**24", "LIMIT = 2**27", "bytes"),
    Mutant("bytes-limit-forgotten", "ridge/bytes.py", "self._squares += squares", "pass", "bytes"),
    Mutant("bytes-cancelling", "ridge/bytes.py", "whole = np.rint(offset)", "whole = np.zeros_like(offset)", "bytes"),
    Mutant("bytes-channels-mixed", "ridge/bytes.py", "np.repeat(values, area)", "np.tile(values, area)", "bytes"),
    Mutant("bytes-of-any-type", "ridge/bytes.py", "is Linear and images.dtype == np.uint8", "is Linear", "bytes"),
    Mutant("bytes-whitened", "ridge/sums.py", "isinstance(normalisation, Normalisation) and ", "", "bytes"),
    Mutant("bytes-added-twice", "ridge/bytes.py", "self._recent[...] = 0", "pass", "bytes"),
    Mutant("bytes-moved-once", "ridge/bytes.py", "(sums - n * whole, offset - whole)", "(sums, offset - whole)", "bytes"),
    Mutant("bytes-alone", "ridge/sums.py", "self.gram + gram if self.count else gram", "gram", "bytes"),
    Mutant("bytes-of-any-normalisation", "ridge/sums.py", "if whole is not None and whole.normalisation == normalisation:", "if whole is not None:", "bytes"),
    Mutant("bytes-with-padding", "ridge/sums.py", "whole.add(images[real], labels[real])", "whole.add(images, labels)", "bytes"),
    Mutant("gram-turned", "linalg/products.py", "trans=turned, lower=1", "trans=not turned, lower=1", "products"),
    Mutant("labels-of-other-rows", "theory/nearest.py", "solved_labels(jnp.asarray(w.factors.lower), jnp.asarray(outputs), reg_s)", "jnp.asarray(outputs)", "thin"),
    Mutant("normal-unrefined", "linalg/normal_equations.py", "c += solved(", "solved(", "thin"),
    Mutant("normal-refined-without-reg", "linalg/normal_equations.py", " - reg * c)", ")", "thin"),
    Mutant("normal-of-any-condition", "linalg/normal_equations.py", "share**3 / m", "share", "thin"),
    Mutant("normal-unregularised", "linalg/thin.py", "np.diag(np.full(m, reg, dtype))", "np.zeros((m, m), dtype)", "thin"),
    Mutant("cosine-one-pi", "features/fourier.py", " - j * _PI[1]", "", "features"),
    Mutant("cosine-short", "features/fourier.py", "range(10, -1, -1)", "range(8, -1, -1)", "features"),
    Mutant("cosine-unlimited", "features/fourier.py", "jnp.clip((a - j * _PI[0]) - j * _PI[1], -2, 2)", "(a - j * _PI[0]) - j * _PI[1]", "features"),
    Mutant("cosine-unsigned", "features/fourier.py", "jnp.where(j % 2 == 0, total, -total)", "total", "features"),
    # thin.py
    Mutant("thin-not-mended", "linalg/thin.py", "ThinQR(product(lower, second), again, second, p, room)", "ThinQR(lower, again, np.eye(r), p, room)", "thin"),
    Mutant("thin-mended-once", "linalg/thin.py", "ThinQR(product(lower, second), again, second, p, room)", "ThinQR(lower, again, second, p, room)", "thin"),
    Mutant("thin-never-by-householder", "linalg/thin.py", "if not distance < 0.1:", "if False:", "thin"),
    Mutant("thin-last-block", "linalg/thin.py", "np.linalg.qr(np.vstack([upper, a(part).T])", "np.linalg.qr(a(part).T", "thin"),
    Mutant("thin-rank-uncut", "linalg/thin.py", "r = int(np.sum(s > share * s[0])) if s.size else 0", "r = len(s)", "thin"),
    Mutant("thin-pinv-unregularised", "linalg/thin.py", "f.s / (f.s**2 + reg)", "1 / f.s", "thin"),
    Mutant("thin-rows-mixed", "linalg/thin.py", "if m == columns and", "if False and", "thin"),
    Mutant("thin-free-part", "theory/closed_form.py", "product(y_pinv, w(part) - product(y.T, free))", "product(y_pinv, w(part))", "thin"),
    Mutant("thin-nearest-tail", "theory/nearest.py", "thin.first_factor(rest, m, p, real.dtype)", "thin.first_factor(rows, m, p, real.dtype)", "thin"),
    Mutant("thin-labels-regularised", "theory/labels_only.py", "f.s + reg_s / f.s", "f.s - reg_s / f.s", "thin"),
    # products.py
    Mutant("product-by-columns", "linalg/products.py", "else (a, True)", "else (a, False)", "products"),
    Mutant("gram-lower-triangle", "linalg/products.py", "trans=turned, lower=1", "trans=turned, lower=0", "products"),
    # pseudoinverse.py
    Mutant("least-norm-of-the-transpose", "linalg/least_norm.py", "x = back(lu, pivots, b, trans=1)[0]", "x = back(lu, pivots, b)[0]", "pseudoinverse"),
    Mutant("least-norm-unsuspected", "linalg/least_norm.py", "0.0 if singular else condition(", "1.0 if singular else 1.0 + 0 * condition(", "pseudoinverse"),
    Mutant("pinv-without-reg", "linalg/pseudoinverse.py", "s / (s**2 + reg)", "1 / s", "pseudoinverse"),
    Mutant("pinv-unsquared", "linalg/pseudoinverse.py", "s / (s**2 + reg)", "s / (s + reg)", "pseudoinverse"),
    Mutant("regularised-minus", "linalg/pseudoinverse.py", "f.s + reg / f.s", "f.s - reg / f.s", "pseudoinverse"),
    Mutant("roots-swapped", "linalg/pseudoinverse.py", "signs > 0, plus, reg / plus", "signs > 0, reg / plus, plus", "pseudoinverse"),
    Mutant("one-root", "linalg/pseudoinverse.py", "np.where(signs > 0, plus, reg / plus)", "plus", "pseudoinverse"),
    Mutant("roots-without-4", "linalg/pseudoinverse.py", "mu**2 - 4 * reg", "mu**2 - reg", "pseudoinverse"),
    Mutant("bound-2", "linalg/pseudoinverse.py", "np.float64(mu[-1]) ** 2 / 4", "np.float64(mu[-1]) ** 2 / 2", "pseudoinverse"),
    Mutant("bound-8", "linalg/pseudoinverse.py", "np.float64(mu[-1]) ** 2 / 4", "np.float64(mu[-1]) ** 2 / 8", "pseudoinverse"),
    Mutant("bound-of-the-largest", "linalg/pseudoinverse.py", "np.float64(mu[-1]) ** 2 / 4", "np.float64(mu[0]) ** 2 / 4", "pseudoinverse"),
    Mutant("bound-without-slack", "linalg/pseudoinverse.py", "(1 + 16 * float(np.finfo(mu.dtype).eps))", "(1 - 1e-15)", "pseudoinverse"),
    Mutant("bound-unchecked", "linalg/pseudoinverse.py", "if reg > bound *", "if False and reg > bound *", "pseudoinverse"),
    Mutant("zero-root-allowed", "linalg/pseudoinverse.py", "if reg == 0 and (signs < 0).any():", "if False:", "pseudoinverse"),
    Mutant("rank-uncut", "linalg/pseudoinverse.py", "if r == len(s) else", "if r else", "pseudoinverse"),
    Mutant("rank-cutoff-1", "linalg/pseudoinverse.py", "return 10 * max(shape) * float", "return 0.1 * float", "pseudoinverse"),
    Mutant("inverse-not-descending", "linalg/pseudoinverse.py", "1 / self.s[::-1], ut", "1 / self.s, ut", "closed_form"),
    Mutant("least-norm-transposed", "linalg/least_norm.py", "solve_triangular, r, trans=1,", "solve_triangular, r,", "pseudoinverse"),
    Mutant("least-norm-unrefined", "linalg/least_norm.py", "return x + back(lu, pivots, b - product(w, x), trans=1)[0]", "return x", "pseudoinverse"),
    Mutant("least-norm-unchecked", "linalg/least_norm.py", "< n:\n            raise", "< 0:\n            raise", "pseudoinverse"),
    Mutant("least-norm-widening", "linalg/least_norm.py", "if n > d:", "if False:", "pseudoinverse"),
    Mutant("pinv-never-cut", "linalg/pseudoinverse.py", "if condition * negligible(", "if True or condition * negligible(", "pseudoinverse"),
    Mutant("pinv-wide-as-it-is", "linalg/pseudoinverse.py", "product(inverse, q.T) if wide else", "product(inverse.T, q.T) if wide else", "pseudoinverse"),
    Mutant("pinv-rounded-rank", "linalg/pseudoinverse.py", "if condition * negligible(a.shape, a.dtype)", "if condition * negligible((1,), a.dtype) / 10", "pseudoinverse"),
    Mutant("any-branch", "linalg/pseudoinverse.py", " or not np.isin(signs, (-1, 1)).all()", "", "pseudoinverse"),
    Mutant("pinv-cut", "linalg/pseudoinverse.py", "Svd(v, s, ut).with_values(s / (s**2 + reg))", "svd(features).with_values(svd(features).s / (svd(features).s**2 + reg))", "pseudoinverse"),
    # closed_form.py
    Mutant("m-below-k", "theory/conditions.py", "if m < k:", "if m < k - 1:", "closed_form"),
    Mutant("m-equal-to-k", "theory/conditions.py", "if m < k:", "if m <= k:", "closed_form"),
    Mutant("label-rank-unchecked", "theory/closed_form.py", "if len(y.s) < k:", "if len(y.s) < 1:", "closed_form"),
    Mutant("projector-sign", "theory/closed_form.py", "weights - labels.T @ z", "weights + labels.T @ z", "closed_form"),
    Mutant("no-projector", "theory/closed_form.py", "z + y_pinv @ (weights - labels.T @ z)", "z + y_pinv @ weights", "closed_form"),
    Mutant("no-free-part", "theory/closed_form.py", "z + y_pinv @ (weights - labels.T @ z)", "y_pinv @ weights", "closed_form"),
    Mutant("labels-not-inverted", "theory/closed_form.py", "y.with_values(1 / y.s)", "y.with_values(y.s)", "closed_form"),
    Mutant("realistic-without-reg", "theory/realistic.py", "regularised_pinv(real, reg_s)", "regularised_pinv(real)", "closed_form"),
    Mutant("realistic-itself", "theory/realistic.py", "labels, regularised_pinv(real, reg_s))", "labels, real)", "closed_form"),
    Mutant("features-are-d", "theory/closed_form.py", "target = svd(d).inverse()", "target = svd(d)", "closed_form"),
    Mutant("through-a-stored-inverse", "theory/closed_form.py", "target = svd(d).inverse()", "target = svd(regularised_pinv(d))", "closed_form"),
    Mutant("solved-transposed-inverse", "theory/labels_only.py", "regularised(features, reg_s) @ weights.T", "regularised_pinv(features, reg_s) @ weights.T", "closed_form"),
    Mutant("solved-without-reg", "theory/labels_only.py", "regularised(features, reg_s) @", "features @", "closed_form"),
    Mutant("recovered-without-reg", "theory/closed_form.py", "regularised_pinv(features, reg_s)", "regularised_pinv(features)", "closed_form"),
    Mutant("error-unscaled", "theory/closed_form.py", "norm(w_s - w) / np.linalg.norm(w))", "norm(w_s - w))", "closed_form"),
    Mutant("choices-unsorted", "theory/closed_form.py", "1.0, -1.0)[order]", "1.0, -1.0)", "closed_form"),
    Mutant("choices-without-reg", "theory/closed_form.py", "f.with_values(1 / mu), branch", "f.with_values(1 / f.s), branch", "closed_form"),
    Mutant("choices-other-side", "theory/closed_form.py", "np.max(f.s, initial=0), 1.0, -1.0", "np.max(f.s, initial=0), -1.0, 1.0", "closed_form"),
    Mutant("choices-refuse-the-double-root", "theory/closed_form.py", "np.sqrt(reg_s) - rounding * np.max(f.s, initial=0)", "np.sqrt(reg_s)", "closed_form"),
    Mutant("choices-ambiguous", "theory/closed_form.py", "if (equal & (np.diff(branch) != 0)).any():", "if False:", "closed_form"),
    Mutant("rank-no-projector", "theory/rank_of_points.py", "outside = free - (free @ w.ut.T) @ w.ut", "outside = free", "closed_form"),
    Mutant("rank-other-basis", "theory/rank_of_points.py", "jnp.linalg.svd(labels)[0][:, k:]", "jnp.linalg.svd(labels)[0][:, k - 1 :]", "closed_form"),
    # nearest.py
    Mutant("nearest-projector-sign", "theory/nearest.py", "px = real - (real @ q) @ q.T", "px = real + (real @ q) @ q.T", "nearest"),
    Mutant("nearest-no-projector", "theory/nearest.py", "px = real - (real @ q) @ q.T", "px = real", "nearest"),
    Mutant("nearest-tail-short", "theory/nearest.py", "tail = x.v @ b[:, -k:]\n    #", "tail = x.v @ b[:, -k + 1 :]\n    #", "nearest"),
    Mutant("nearest-tail-long", "theory/nearest.py", "tail = x.v @ b[:, -k:]\n    #", "tail = x.v @ b[:, -k - 1 :]\n    #", "nearest"),
    Mutant("nearest-head", "theory/nearest.py", "tail = x.v @ b[:, -k:]\n    #", "tail = x.v @ b[:, :k]\n    #", "nearest"),
    Mutant("nearest-distance", "theory/nearest.py", "jnp.linalg.norm(t[-k:])", "jnp.linalg.norm(t[-k - 1 :])", "nearest"),
    Mutant("nearest-long-tail-short", "theory/nearest.py", "tail = x.v @ b[:, -k:]\n    _regular", "tail = x.v @ b[:, -k + 1 :]\n    _regular", "thin"),
    Mutant("nearest-long-distance", "theory/nearest.py", "float(np.linalg.norm(t[-k:]))", "float(np.linalg.norm(t[-k - 1 :]))", "thin"),
    Mutant("nearest-all-dropped", "theory/nearest.py", "tail @ (tail.T @ px)", "px", "nearest"),
    Mutant("nearest-dependencies-lost", "theory/nearest.py", "jnp.linalg.svd(x.v.T @ px, full_matrices=False)\n    b = jnp.asarray(_turned(b, t, q.T @ (real.T @ x.v), x.s[0]))\n    tail = x.v @ b[:, -k:]", "jnp.linalg.svd(px, full_matrices=False)\n    tail = b[:, -k:]", "nearest"),
    Mutant("nearest-labels-of-the-samples", "theory/nearest.py", "features, solved_labels(weights, features, reg_s), float(jnp.linalg.norm(t", "features, solved_labels(weights, real, reg_s), float(jnp.linalg.norm(t", "nearest"),
    Mutant("nearest-labels-without-reg", "theory/nearest.py", "features, solved_labels(weights, features, reg_s), float(jnp.linalg.norm(t", "features, solved_labels(weights, features), float(jnp.linalg.norm(t", "nearest"),
    Mutant("nearest-spanning-without-reg", "theory/nearest.py", "solved_labels(weights, real, reg_s), 0.0)", "solved_labels(weights, real), 0.0)", "nearest"),
    Mutant("nearest-m-below-k", "theory/nearest.py", "enough_points(len(real), len(weights))", "enough_points(len(real) - 1, len(weights))", "nearest"),
    Mutant("nearest-m-unchecked", "theory/nearest.py", "    enough_points(len(real), len(weights))\n", "", "nearest"),
    Mutant("nearest-spanned-early", "theory/nearest.py", "if len(x.s) == p:", "if len(x.s) >= p - k:", "nearest"),
    Mutant("nearest-singular-unchecked", "theory/nearest.py", "if least <=", "if -1 >", "nearest"),
    Mutant("nearest-singular-to-rounding", "theory/nearest.py", "<= max(10 * real.shape[1], 1000) * jnp", "<= real.shape[1] * jnp", "nearest"),
    Mutant("nearest-tie-as-it-comes", "theory/nearest.py", "if first == kept:", "if True:", "nearest"),
    Mutant("nearest-tie-turned-the-other-way", "theory/nearest.py", "[2][::-1].T", "[2].T", "nearest"),
    Mutant("nearest-tie-blind-to-smaller", "theory/nearest.py", "rest - taken @ (taken.T @ rest)", "rest", "nearest"),
    Mutant("nearest-model-rank", "theory/conditions.py", "(r := rank(weights) if known is None else known) < len(weights):", "(r := rank(weights) if known is None else known) < len(weights) - 1:", "nearest"),
    Mutant("nearest-real-rank", "theory/nearest.py", "if r < k:", "if False:", "nearest"),
    Mutant("robust-without-penalty", "theory/nearest.py", "regularised_pinv(real, penalty)", "regularised_pinv(real)", "nearest"),
    Mutant("robust-penalty-squared", "theory/nearest.py", "regularised_pinv(real, penalty)", "regularised_pinv(real, penalty**2)", "nearest"),
    Mutant("robust-of-w", "theory/nearest.py", "regularised_pinv(real, penalty) @ q", "regularised_pinv(real, penalty) @ weights.T", "nearest"),
    Mutant("robust-step-sign", "theory/nearest.py", "features = real - step", "features = real + step", "nearest"),
    Mutant("robust-transposed", "theory/nearest.py", "c.with_values(1 / c.s) @", "c.with_values(c.s) @", "nearest"),
    Mutant("robust-labels-without-reg", "theory/nearest.py", "solved_labels(weights, features, reg_s), float(jnp.linalg.norm(step", "solved_labels(weights, features), float(jnp.linalg.norm(step", "nearest"),
    Mutant("robust-rank-unchecked", "theory/nearest.py", "if len(c.s) < k:", "if False:", "nearest"),
    Mutant("penalty-unchecked", "boundary/door.py", '"reg_s", "penalty")', '"reg_s")', "nearest"),
    # intercept.py, intercept_nearest.py, class_labels.py
    Mutant("intercept-unweighted-mean", "theory/intercept.py", "mean = root**2 @ rows / (root @ root)", "mean = rows.mean(axis=0)", "intercept"),
    Mutant("intercept-rows-unscaled", "theory/intercept.py", "Centred(root[:, None] * (rows - mean[None, :]), mean, root)", "Centred(rows - mean[None, :], mean, root)", "intercept"),
    Mutant("intercept-rows-uncentred", "theory/intercept.py", "Centred(root[:, None] * (rows - mean[None, :]), mean, root)", "Centred(root[:, None] * rows, mean, root)", "intercept"),
    Mutant("intercept-around-scaled", "theory/intercept.py", "/ self.root[:, None] + mean[None, :]", "+ mean[None, :]", "intercept"),
    Mutant("intercept-around-nothing", "theory/intercept.py", "/ self.root[:, None] + mean[None, :]", "/ self.root[:, None]", "intercept"),
    Mutant("intercept-of-the-labels-alone", "theory/intercept.py", "Affine(weights, y.mean - weights @ x.mean)", "Affine(weights, y.mean)", "intercept"),
    Mutant("intercept-sign", "theory/intercept.py", "Affine(weights, y.mean - weights @ x.mean)", "Affine(weights, y.mean + weights @ x.mean)", "intercept"),
    Mutant("intercept-without-reg", "theory/intercept.py", "    if reg_s == 0:\n        f = x.svd()", "    if True:\n        f = x.svd()", "intercept"),
    Mutant("intercept-weights-not-above-0", "theory/intercept.py", "np.all(omega > 0)", "np.all(omega >= 0)", "intercept"),
    Mutant("intercept-labels-not-inverted", "theory/intercept.py", "d = (y.v / y.s[None, :]) @ mapped", "d = (y.v * y.s[None, :]) @ mapped", "intercept"),
    Mutant("intercept-free-part-lost", "theory/intercept.py", "return d + free - y.v @ (y.v.T @ free)", "return d", "intercept"),
    Mutant("intercept-free-part-uncentred", "theory/intercept.py", "free = _without_mean(z, root)", "free = z", "intercept"),
    Mutant("intercept-no-projector", "theory/intercept.py", "return d + free - y.v @ (y.v.T @ free)", "return d + free", "intercept"),
    Mutant("intercept-mean-without-b", "theory/intercept.py", "lacking = mean - intercept - weights @ near", "lacking = mean - weights @ near", "intercept"),
    Mutant("intercept-mean-not-near", "theory/intercept.py", "x0 = near + a.with_values", "x0 = a.with_values", "intercept"),
    Mutant("intercept-mean-transposed", "theory/intercept.py", "a.with_values(1 / a.s).T @", "a.with_values(a.s).T @", "intercept"),
    Mutant("intercept-mean-unchecked", "theory/intercept.py", "if left > _tolerance(weights) * size:", "if False:", "intercept"),
    Mutant("intercept-set-without-weights", "theory/intercept.py", "return centred(rows, sample_weight)._replace", "return centred(rows)._replace", "intercept"),
    Mutant("intercept-set-without-branch", "theory/intercept.py", "support_features(d, reg_s, branch)", "support_features(d, reg_s)", "intercept"),
    Mutant("intercept-copies-short", "theory/intercept.py", "int(np.ceil(float(reg_s)", "int(np.floor(float(reg_s)", "intercept"),
    Mutant("intercept-copies-of-none", "theory/intercept.py", "max(1, int(np.ceil", "max(0, int(np.ceil", "intercept"),
    Mutant("intercept-copies-rounded", "theory/intercept.py", "/ bound * (1 - 1e-12)", "/ bound * (1 + 1e-12)", "intercept"),
    Mutant("intercept-range-unchecked", "theory/intercept.py", "> _tolerance(w) * size:", "> np.inf:", "intercept"),
    Mutant("intercept-rank-of-the-centred", "theory/intercept.py", "before = np.hypot(np.max(f.s, initial=0), mean)", "before = np.max(f.s, initial=0)", "intercept"),
    Mutant("intercept-w-not-reduced", "theory/intercept.py", "mapped = ut @ w\n", "mapped = np.asarray(y.s)[:, None] * ut @ w\n", "intercept"),
    Mutant("intercept-gamma-without-u", "theory/intercept.py", "return rows - jnp.outer(jnp.asarray(root), root @ rows) / (root @ root)", "return rows", "intercept"),
    Mutant("near-intercept-rank", "theory/intercept_nearest.py", "r = len(w.s) if rank is None else int(rank)", "r = len(w.s)", "intercept"),
    Mutant("near-intercept-labels-uncentred", "theory/intercept_nearest.py", "around(weights @ x.mean + intercept)", "around(intercept)", "intercept"),
    Mutant("near-intercept-labels-without-reg", "theory/intercept_nearest.py", "(x.rows if reg_s == 0 else f.with_values(f.s + reg_s / f.s)) @", "x.rows @", "intercept"),
    Mutant("near-intercept-labels-unweighted", "theory/intercept_nearest.py", "intercept, features, reg_s, sample_weight)\n    return Nearest", "intercept, features, reg_s)\n    return Nearest", "intercept"),
    Mutant("near-intercept-no-mean", "theory/intercept_nearest.py", "near.features).around(x.mean)", "near.features).around(0 * x.mean)", "intercept"),
    Mutant("near-intercept-m-unchecked", "theory/intercept_nearest.py", "if m <= r:", "if m < r:", "intercept"),
    Mutant("near-intercept-coordinates", "theory/intercept_nearest.py", "[:, 1:].astype(real.dtype)", "[:, :-1].astype(real.dtype)", "intercept"),
    Mutant("codes-of-two", "theory/class_labels.py", "signs if classes > 2 else signs[:, 1:]", "signs if classes > 2 else signs[:, :1]", "intercept"),
    Mutant("codes-one-hot", "theory/class_labels.py", "signs = 2 * np.eye(classes)[np.asarray(labels)] - 1", "signs = 2 * np.eye(classes)[np.asarray(labels)] - 2", "intercept"),
    Mutant("class-weights-without-counts", "theory/class_labels.py", "/ wanted.sum() / np.bincount(truth, minlength=len(wanted)))[truth]", "/ wanted.sum())[truth]", "intercept"),
    Mutant("class-weights-unscaled", "theory/class_labels.py", "(len(truth) * wanted / wanted.sum()", "(wanted / wanted.sum()", "intercept"),
    Mutant("near-intercept-rounding", "theory/intercept_nearest.py", "seen = x.svd()", "seen = svd(x.rows)", "intercept"),
    Mutant("near-intercept-labels-of-rounding", "theory/intercept_nearest.py", "    f = x.svd()\n    rows", "    f = svd(x.rows)\n    rows", "intercept"),
    Mutant("intercept-rounding-inverted", "theory/intercept.py", "        f = x.svd()\n        weights", "        f = svd(x.rows)\n        weights", "intercept"),
    Mutant("intercept-rank-unweighted", "theory/intercept.py", "np.asarray(self.mean)) * np.linalg.norm(self.root))", "np.asarray(self.mean)))", "intercept"),
    # estimators
    Mutant("estimator-set-of-an-older-fit", "estimators/base.py", 'self.__dict__.pop("_distilled", None)', "pass", "distilled_ridge"),
    Mutant("estimator-wish-of-a-later-time", "estimators/classifier.py", "labels = labels_for(k, wish, model)", "labels = labels_for(k, self.wish(None, None), model)", "distilled_ridge"),
    Mutant("stats-between-lost", "estimators/statistics.py", "self.gram + other.gram + between * np.outer(dx, dx)", "self.gram + other.gram", "distilled_ridge"),
    Mutant("stats-cross-between-lost", "estimators/statistics.py", "self.cross + other.cross + between * np.outer(dy, dx)", "self.cross + other.cross", "distilled_ridge"),
    Mutant("stats-between-whole", "estimators/statistics.py", "between = self.weight * share", "between = total * share", "distilled_ridge"),
    Mutant("stats-mean-share", "estimators/statistics.py", "self.mean_x + share * dx", "self.mean_x + (1 - share) * dx", "distilled_ridge"),
    Mutant("stats-sparse-uncentred", "estimators/statistics.py", "(f.T @ sp.diags(w) @ f).toarray() - total * np.outer(mean_x, mean_x)", "(f.T @ sp.diags(w) @ f).toarray()", "distilled_ridge"),
    Mutant("stats-sparse-unweighted", "estimators/statistics.py", "f.T @ sp.diags(w) @ f", "f.T @ f", "distilled_ridge"),
    Mutant("stats-unweighted", "estimators/statistics.py", "rows *= np.sqrt(w)[:, None]", "pass", "distilled_ridge"),
    Mutant("stats-centred-always", "estimators/statistics.py", "(means(a, w) if centre else np.zeros(a.shape[1]) for a in (f, y))", "(means(a, w) for a in (f, y))", "distilled_ridge"),
    Mutant("solving-leverage-of-the-mean", "estimators/solving.py", "1 - w[:, None] * (1 / self.total + rotated**2 @ filters.T)", "1 - w[:, None] * (rotated**2 @ filters.T)", "distilled_ridge"),
    Mutant("solving-leverage-unweighted", "estimators/solving.py", "1 - w[:, None] * (1 / self.total + rotated**2 @ filters.T)", "1 - (1 / self.total + rotated**2 @ filters.T)", "distilled_ridge"),
    Mutant("solving-left-out-unweighted", "estimators/solving.py", "losses[a] += w @ (error**2).sum(axis=1)", "losses[a] += (error**2).sum()", "distilled_ridge"),
    Mutant("solving-left-out-in", "estimators/solving.py", "error = (y - self.mean_y - rotated @ (c * scale).T) / rest[:, a : a + 1]", "error = y - self.mean_y - rotated @ (c * scale).T", "distilled_ridge"),
    Mutant("solving-samples-leverage", "estimators/solving.py", "vectors**2 @ shrink.T - (self.root**2 / self.total)[:, None]", "vectors**2 @ shrink.T", "distilled_ridge"),
    Mutant("solving-samples-left-out-in", "estimators/solving.py", " * rotated) / rest[:, a : a + 1]) ** 2", " * rotated)) ** 2", "distilled_ridge"),
    Mutant("solving-samples-mean", "estimators/solving.py", " - np.outer(a.sum(axis=0), self.mean_x)", "", "distilled_ridge"),
    Mutant("solving-samples-sparse-mean", "estimators/solving.py", "(f @ f.T).toarray() - along[:, None] - along + self.mean_x @ self.mean_x", "(f @ f.T).toarray() - along[:, None] - along", "distilled_ridge"),
    Mutant("solving-samples-unweighted", "estimators/solving.py", "rows = self.root[:, None] * (f - self.mean_x)\n            gram", "rows = f - self.mean_x\n            gram", "distilled_ridge"),
    Mutant("solving-unshifted", "estimators/solving.py", "np.fill_diagonal(shifted, gram.diagonal() + alpha)", "np.fill_diagonal(shifted, gram.diagonal())", "distilled_ridge"),
    Mutant("solving-shifted-by-nothing", "estimators/solving.py", "return alpha > negligible(gram.shape, float) * float(np.trace(gram))", "return True", "distilled_ridge"),
    Mutant("solving-zero-in-the-grid", "estimators/solving.py", "if min(alphas) <= 0:", "if min(alphas) < -1:", "distilled_ridge"),
    Mutant("estimator-first-alpha", "estimators/base.py", "grid[int(np.argmin(losses))]", "grid[0]", "distilled_ridge"),
    Mutant("estimator-split-of-the-rest", "estimators/base.py", "at, _ = solver(samples.of(train), self.fit_intercept)", "at, _ = solver(samples.of(held), self.fit_intercept)", "distilled_ridge"),
    Mutant("estimator-statistics-forgotten", "estimators/base.py", "stats = self._stats + stats", "stats = self._stats", "distilled_ridge"),
    Mutant("estimator-zero-weights-kept", "estimators/base.py", "(kept := w > 0)", "(kept := w >= 0)", "distilled_ridge"),
    Mutant("estimator-class-weight-lost", "estimators/classifier.py", "        w = w * compute_sample_weight(self.class_weight, y)\n        features = self.features_of(x)\n        targets", "        features = self.features_of(x)\n        targets", "distilled_ridge"),
    Mutant("estimator-shares-forgotten", "estimators/classifier.py", "self._shares = shares + np.bincount", "self._shares = np.bincount", "distilled_ridge"),
    Mutant("estimator-points-unweighted", "sets/points.py", "omega = jnp.asarray(class_weights(labels, shares))", "omega = jnp.asarray(class_weights(labels))", "distilled_ridge"),
    Mutant("estimator-copies-of-one", "sets/points.py", "count = times * classes", "count = classes", "distilled_ridge"),
    Mutant("estimator-alpha-unbounded", "sets/points.py", "min(1.0, closed_form.max_reg(d)) if", "1.0 if", "distilled_ridge"),
    Mutant("estimator-range-ignored", "sets/points.py", "if phi is None or phi.range_scale(made) == 1 or alpha == 0:", "if True:", "distilled_ridge"),
    Mutant("estimator-targets-range-ignored", "sets/points.py", "if phi is None or phi.range_scale(made) == 1:", "if True:", "distilled_ridge"),
    Mutant("estimator-cosines-uncentred", "sets/points.py", "np.arange(first, first + len(basis))", "np.arange(len(basis))", "distilled_ridge"),
    Mutant("estimator-one-point-fewer", "sets/points.py", "least = len(basis) + first", "least = len(basis)", "distilled_ridge"),
    Mutant("estimator-z-of-rounding", "sets/points.py", "else centred(wish.real).svd()", "else svd(centred(wish.real).rows)", "distilled_ridge"),
    Mutant("estimator-real-forgotten", "sets/points.py", "made = nearest_affine_set(w, b, wish.real, alpha).features", "made = wish.real", "distilled_ridge"),
    # quantisation.py
    Mutant("step-of-2-to-the-b", "images/quantisation.py", "top = 2 ** int(bits) - 1", "top = 2 ** int(bits)", "quantisation"),
    Mutant("truncated", "images/quantisation.py", "codes = np.rint(", "codes = np.floor(", "quantisation"),
    Mutant("not-clipped", "images/quantisation.py", "np.clip(x, low, high) - low", "x - low", "quantisation"),
    Mutant("offset-forgotten", "images/quantisation.py", "return stored.offset + stored.scale * stored.codes", "return stored.scale * stored.codes", "quantisation"),
    Mutant("scale-forgotten", "images/quantisation.py", "return stored.offset + stored.scale * stored.codes", "return stored.offset + stored.codes", "quantisation"),
    Mutant("one-scale-for-all", "images/quantisation.py", '1 if limits == "image" else 0', "0", "quantisation"),
    Mutant("a-scale-for-each", "images/quantisation.py", '1 if limits == "image" else 0', "1", "quantisation"),
    Mutant("constant-image-divided", "images/quantisation.py", "np.where(scale > 0, scale, 1)", "scale", "quantisation"),
    Mutant("codes-of-a-byte", "images/quantisation.py", "np.min_scalar_type(top)", "np.uint8", "quantisation"),
    Mutant("codes-wide", "images/quantisation.py", "np.min_scalar_type(top)", "np.uint64", "quantisation"),
    Mutant("bits-unchecked", "images/quantisation.py", " and 1 <= bits <= 32", "", "quantisation"),
    Mutant("bits-not-whole", "images/quantisation.py", " and bits == int(bits)", "", "quantisation"),
    Mutant("stored-images-unchecked", "images/quantisation.py", '    checks.finite("images", x)\n', "", "quantisation"),
    Mutant("range-unchecked", "images/quantisation.py", " or not pair[0] < pair[1]", "", "quantisation"),
    # perturbation.py
    Mutant("bound-of-w", "theory/perturbation.py", "(weights @ f.ut.T) / f.s[None, :]", "(weights @ f.ut.T)", "perturbation"),
    Mutant("bound-multiplied", "theory/perturbation.py", "(weights @ f.ut.T) / f.s[None, :]", "(weights @ f.ut.T) * f.s[None, :]", "perturbation"),
    Mutant("bound-absolute", "theory/perturbation.py", " / jnp.linalg.norm(weights))", ")", "perturbation"),
    Mutant("bound-without-the-change", "theory/perturbation.py", "np.maximum(smallest - size, ", "np.maximum(smallest + 0 * size, ", "perturbation"),
    Mutant("bound-peak-at-reg", "theory/perturbation.py", "np.sqrt(reg_s))", "reg_s)", "perturbation"),
    Mutant("bound-without-reg", "theory/perturbation.py", "peak**2 + reg_s, 1)", "peak**2, 1)", "perturbation"),
    Mutant("bound-kept-alone", "theory/perturbation.py", "solved + size * amplified", "size * amplified", "perturbation"),
    Mutant("bound-kept-unsized", "theory/perturbation.py", "solved + size * amplified", "solved + amplified", "perturbation"),
    Mutant("bound-above-one", "theory/perturbation.py", "np.minimum(solved, 1)", "solved", "perturbation"),
    Mutant("bound-of-dependent-points", "theory/perturbation.py", " if len(f.s) == min(features.shape) else 0.0", "", "perturbation"),
    Mutant("bound-size-unchecked", "theory/perturbation.py", "if not (size >= 0).all():", "if False:", "perturbation"),
    # making
    Mutant("moments-between-lost", "making/moments.py", "self.gram += between * np.outer(dx, dx)", "pass", "one_reading"),
    Mutant("moments-taken-with-plus", "making/moments.py", "between = sign * self.n", "between = self.n", "one_reading"),
    Mutant("moments-about-the-mean", "making/moments.py", "self.cross + self.n * np.outer(dy, dx)", "self.cross", "one_reading"),
    Mutant("drawn-in-order", "making/moments.py", "key=lambda one: one[:2]", "key=lambda one: one[1]", "one_reading"),
    Mutant("lam-by-its-own-rows", "making/training.py", "rest = every.without(held)", "rest = every", "one_reading"),
    Mutant("loss-half-crossed", "making/training.py", "- 2 * np.vdot(w, cross)", "- np.vdot(w, cross)", "one_reading"),
    Mutant("deviation-without-means", "making/distilling.py", "np.mean(spread + (each - middle[:, None]) ** 2, axis=1)", "np.mean(spread, axis=1)", "one_reading"),
    Mutant("intercept-not-added", "ridge/model.py", "else found + self.intercept[None, :]", "else found", "making"),
    Mutant("intercept-not-trained", "sets/distilled_set.py", "        if self.intercept:\n            weights", "        if False:\n            weights", "making"),
    Mutant("one-hot-intercept", "making/constructing.py", "2 * jnp.asarray(original.intercept) - 1", "2 * jnp.asarray(original.intercept)", "making"),
    Mutant("lower-rank-refused", "making/constructing.py", "and rank(model.weights) == k:", "and True:", "making"),
    Mutant("check-passed", "making/exchange.py", "if found.shape != wished.shape or not agree(found, wished, check[\"tolerance\"]):", "if False:", "exchange"),
    Mutant("labels-not-solved-again", "making/rounding.py", "best = int(np.argmin(errors))", "best = int(np.argmax(errors))", "exchange"),
    Mutant("robust-not-moved", "making/rounding.py", "features = robust_set(rows, real, penalty * size).features", "features = real", "exchange"),
    # descent.py
    Mutant("one-key-for-all-steps", "baselines/descent.py", "jax.random.fold_in(key, i)", "key", "descent"),
    Mutant("steps-counted-anew", "baselines/descent.py", "first + jnp.arange(every)", "jnp.arange(every)", "descent"),
    Mutant("best-is-last", "baselines/checkpoint.py", "if np.argmax(self.watched) == len(self.watched) - 1:", "if True:", "descent"),
    Mutant("patience-one-more", "baselines/checkpoint.py", "* self.every >= patience", "* self.every > patience", "descent"),
    Mutant("points-unchecked", "baselines/checkpoint.py", "all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(points))", "True", "descent"),
    Mutant("memory-error-as-it-is", "boundary/memory.py", '"RESOURCE_EXHAUSTED" not in str(error)', "True", "descent"),
    Mutant("any-checkpoint", "baselines/checkpoint.py", 'if file.text("identity") != identity:', "if False:", "kip_on_features"),
    Mutant("identity-without-settings", "baselines/checkpoint.py", "str(jax.tree.structure((objective, watches))), settings", "str(jax.tree.structure((objective, watches))), None", "kip_on_features"),
    Mutant("identity-without-watched", "baselines/checkpoint.py", "(objective, start, jax.random.key_data(key), watches)", "(objective, start, jax.random.key_data(key))", "descent"),
    Mutant("fewer-steps-accepted", "baselines/checkpoint.py", "if made.done > steps:", "if False:", "descent"),
    # ridge.py
    Mutant("gram-not-mirrored", "ridge/sums.py", "lower + jnp.tril(lower, -1).T", "lower", "ridge"),
    Mutant("gram-diagonal-twice", "ridge/sums.py", "jnp.tril(lower, -1).T", "lower.T", "ridge"),
    Mutant("gram-upper-strips", "ridge/sums.py", "add(f[:, j:].T @", "add(f[:, :1].T @", "ridge"),
    Mutant("cross-of-labels", "ridge/sums.py", "gram, cross + y.T @ f", "gram, y.T @ f", "ridge"),
    Mutant("blas-gram-not-mirrored", "ridge/sums.py", "self.gram[j:, j : j + STRIP] = strip.T", "self.gram[j:, j : j + STRIP] = 0", "ridge"),
    Mutant("blas-gram-diagonal-twice", "ridge/sums.py", "np.triu(square) + np.triu(square, 1).T", "np.triu(square) + np.triu(square).T", "ridge"),
    Mutant("blas-gram-of-the-last-batch", "linalg/products.py", "beta=1.0, c=gram.T", "beta=0.0, c=gram.T", "ridge"),
    Mutant("host-padding-counted", "ridge/batches.py", "if real.all() else", "if True else", "ridge"),
    Mutant("host-leaky-everywhere", "features/fully_connected.py", "np.maximum if self.slope <= 1 else np.minimum", "np.maximum", "features"),
    Mutant("host-of-the-parent", "features/base.py", "cls.on_host = FeatureMap.on_host", "pass", "features"),
    Mutant("blas-cross-of-labels", "ridge/sums.py", "self.cross += product(y.T, f)", "self.cross = product(y.T, f)", "ridge"),
    Mutant("blas-label-norm", "ridge/sums.py", "self.label_sq += np.sum(y * y)", "self.label_sq += np.sum(y)", "ridge"),
    Mutant("padding-counted", "ridge/batches.py", "f * real[:, None].astype(f.dtype)", "f", "ridge"),
    Mutant("padding-in-count", "ridge/batches.py", "dtype=f.dtype), real.sum()", "dtype=f.dtype), real.size", "ridge"),
    Mutant("labels-unsigned", "ridge/batches.py", "np.asarray(labels, np.int32)", "np.asarray(labels)", "ridge"),
    Mutant("stream-unchecked", "images/streams.py", "    checks.finite(name, images)\n", "", "streams"),
    Mutant("stream-of-any-width", "images/streams.py", "if images.ndim != 4 or images.shape[1:] != normalisation.shape:", "if False:", "streams"),
    Mutant("chunks-lose-a-row", "images/streams.py", "start, filled = stop, end", "start, filled = stop + 1, end", "streams"),
    Mutant("slices-unbounded", "images/normalisation.py", "first + len(index)", "first + 10**6", "streams"),
    Mutant("stream-class-held-out", "ridge/sources.py", "out[first] &= met[c]", "pass", "large"),
    Mutant("tree-in-order", "engines/nodes.py", "kept((level - 1, 2 * j + 1), count)", "kept((level - 1, min(2 * j + 2, (count - 1) >> (level - 1))), count)", "partitions"),
    Mutant("tree-root-too-low", "engines/nodes.py", "(count - 1).bit_length(), 0", "count.bit_length() - 1, 0", "partitions"),
    Mutant("tree-peaks-of-the-first", "engines/nodes.py", "np.maximum(a, b)", "a", "partitions"),
    Mutant("spill-forgets-nothing", "engines/tree.py", "spill.forget(*parts)", "pass", "partitions"),
    Mutant("spill-of-any-work", "engines/spill.py", "made.update(values.data)", "pass", "partitions"),
    Mutant("partitions-same-draws", "ridge/works.py", "default_rng([*self.seed, number])", "default_rng([*self.seed, 0])", "partitions"),
    Mutant("partitions-class-held-out", "ridge/works.py", "out[first] &= not out[labels == c].all()", "pass", "partitions"),
    Mutant("partitions-padding-counted", "ridge/works.py", "np.full(short, -1)", "np.full(short, 0)", "partitions"),
    Mutant("partitions-refit-forgotten", "ridge/partitioned.py", "if wished else []", "if False else []", "partitions"),
    Mutant("partitions-of-other-rows", "images/partitions.py", "slice(number * size, min(", "slice(number * size + 1, min(", "partitions"),
    Mutant("whitening-of-partitions-uncentred", "images/whitening.py", "np.float64) - self.shift", "np.float64)", "partitions"),
    Mutant("passes-without-reg", "ridge/matrix_free.py", "made = passes(v)[0] + reg * v", "made = passes(v)[0]", "matrix_free"),
    Mutant("residual-of-the-solver", "ridge/matrix_free.py", "made = passes(found)[0] + reg * found - cross.T", "made = tol * cross.T", "matrix_free"),
    Mutant("sketch-useless", "ridge/matrix_free.py", "(values[-1] + reg) / (values + reg) - 1", "0 * values", "matrix_free"),
    Mutant("sketch-not-lowered", "ridge/matrix_free.py", "np.maximum(sigma**2 - shift, 0)", "sigma", "matrix_free"),
    Mutant("product-of-the-last-batch", "ridge/matrix_free.py", "made += product(f.T, product(f, self.vectors))", "made = product(f.T, product(f, self.vectors))", "matrix_free"),
    Mutant("silos-noise-once", "privacy/federated.py", "math.hypot(*(one.reg(len(gram)) for one in mechanisms))", "mechanisms[0].reg(len(gram))", "federated"),
    Mutant("silos-best-guarantee", "privacy/federated.py", "epsilon=max(", "epsilon=min(", "federated"),
    Mutant("silos-of-any-bound", "privacy/federated.py", "(one.bound, one.adjacency) for one", "one.adjacency for one", "federated"),
    Mutant("pair-of-records-merged", "privacy/federated.py", "both = np.stack([c[pair] + d, c[pair] - d]) / 2", "both = np.stack([c[pair], c[pair]]) / 2", "federated"),
    Mutant("pair-scale", "privacy/federated.py", "np.sqrt(2 * top)", "np.sqrt(top)", "federated"),
    Mutant("generated-between", "images/generated.py", "z *= np.sqrt(1 - self.between)", "pass", "generated"),
    Mutant("generated-alike", "images/generated.py", "[self.seed, number, 1]", "[self.seed, 0, 1]", "generated"),
    Mutant("generated-white", "images/generated.py", "waves *= _spectrum(self.size)", "pass", "generated"),
    Mutant("stream-same-draws", "ridge/sources.py", "[*self.seed, number]", "[*self.seed, 0]", "large"),
    Mutant("stream-trained-on-all", "ridge/sources.py", "yield images[out == held], labels[out == held]", "yield images, labels", "large"),
    Mutant("stream-changes-unseen", "ridge/sources.py", "elif (seen != self.seen).any():", "elif False:", "large"),
    Mutant("judged-by-the-last-batch", "ridge/selection.py", "right[i] += np.sum(np.argmax(scores, axis=1) == truth)", "right[i] = np.sum(np.argmax(scores, axis=1) == truth)", "large"),
    Mutant("loss-of-the-last-batch", "ridge/selection.py", "loss[i] += np.sum((scores - y) ** 2)", "loss[i] = np.sum((scores - y) ** 2)", "large"),
    Mutant("tridiagonal-turned-back", "ridge/tridiagonal.py", 'turned(made, "N")', 'turned(made, "T")', "tridiagonal"),
    Mutant("tridiagonal-of-no-lam", "ridge/tridiagonal.py", "factor(diagonal + reg, beside)", "factor(diagonal + regs[0], beside)", "tridiagonal"),
    Mutant("tridiagonal-unchecked", "ridge/tridiagonal.py", "if factor(diagonal + min(regs) / 2, beside)[-1]:", "if False:", "tridiagonal"),
    Mutant("refit-without-the-held-out", "ridge/model.py", "solutions(sum(more, stats), (best,))", "solutions(stats, (best,))", "ridge"),
    Mutant("moments-one-triangle", "making/moments.py", "gram + np.triu(gram, 1).T", "gram", "one_reading"),
    Mutant("device-left-out", "ridge/devices.py", "in shards[1:]:", "in shards[2:]:", "devices"),
    Mutant("device-padding-counted", "ridge/devices.py", "np.full(missing, -1", "np.full(missing, 0", "devices"),
    Mutant("loss-sign", "ridge/statistics.py", "- 2 * jnp.vdot(weights, self.cross)", "+ 2 * jnp.vdot(weights, self.cross)", "ridge"),
    Mutant("loss-without-reg", "ridge/statistics.py", "return fit + reg * jnp.vdot(weights, weights)", "return fit", "ridge"),
    Mutant("solve-without-reg", "ridge/statistics.py", "self.gram + reg *", "self.gram + 0 *", "ridge"),
    Mutant("path-without-reg", "ridge/path.py", "values + reg, 1)", "values, 1)", "ridge"),
    Mutant("path-not-rotated", "ridge/path.py", "stats.cross @ vectors)", "stats.cross)", "ridge"),
    Mutant("path-zeros-inverted", "ridge/path.py", "kept = (values >", "kept = (values > -", "ridge"),
    Mutant("accuracy-of-first", "ridge/path.py", "self.filter(float(reg))).T", "self.filter(1.0)).T", "ridge"),
    Mutant("smaller-reg-wins", "ridge/selection.py", "best, undecided = max(tied)", "best, undecided = min(tied)", "ridge"),
    Mutant("worst-reg-wins", "ridge/selection.py", "best = -min(zip(losses", "best = -max(zip(losses", "ridge"),
    Mutant("validated-on-training-rows", "ridge/sources.py", "self.labels[self.val], self.normalisation, self.val)", "self.labels[self.train], self.normalisation, self.train)", "ridge"),
    Mutant("trained-on-everything", "ridge/sources.py", "self.labels[self.train], self.normalisation, self.train)", "self.labels, self.normalisation)", "ridge"),
    Mutant("split-without-key", "ridge/selection.py", "np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(n)", "np.random.default_rng(0).permutation(n)", "ridge"),
    Mutant("refit-forgotten", "ridge/model.py", "(best,))[0] if more else every", "(best,))[0] if False else every", "ridge"),
    Mutant("refit-on-validation-only", "ridge/model.py", "sum(more, stats)", "sum(more)", "ridge"),
    Mutant("grid-shifted", "ridge/model.py", "range(-12, 12)", "range(-12, 11)", "ridge"),
    Mutant("images-unchecked", "images/normalisation.py", "        checks.finite(\"images\", batch, index)\n", "", "ridge"),
    Mutant("statistics-of-other-models", "ridge/statistics.py", "if self.cross.shape != other.cross.shape:", "if False:", "ridge"),
    Mutant("sum-starts-anywhere", "ridge/statistics.py", "return self if other == 0 else NotImplemented", "return NotImplemented", "ridge"),
    Mutant("saved-upper-triangle", "ridge/statistics.py", "gram += np.tril(gram, -1).T", "pass", "updating"),
    Mutant("any-map-of-statistics", "ridge/statistics.py", 'if wanted and file.text("made_with") != wanted:', "if False:", "updating"),
    Mutant("digest-without-values", "ridge/identity.py", "found.update(array.tobytes())", "pass", "updating"),
    # updating.py
    Mutant("part-judged-by-itself", "ridge/updating.py", "enumerate(parts) if j != i)", "enumerate(parts))", "updating"),
    Mutant("gcv-without-trace", "ridge/updating.py", "rest = 1 - float(np.sum(np.asarray(path.values) * path.filter(float(reg)))) / n", "rest = 1.0", "updating"),
    Mutant("generalised-through-all", "ridge/updating.py", "if rest > least else math.inf", "if True else math.inf", "updating"),
    Mutant("generalised-unsquared", "ridge/updating.py", "/ n / rest**2", "/ n / rest", "updating"),
    Mutant("smallest-of-equals", "ridge/updating.py", "(-float(reg) for reg in regs)", "(float(reg) for reg in regs)", "updating"),
    Mutant("accuracy-once-the-error", "ridge/updating.py", "max(0.0, 1 - 2 * mean)", "max(0.0, 1 - 0.1 * mean)", "updating"),
    # metrics
    Mutant("score-sign", "metrics/scores.py", "weight * improvement - (1 - weight) * recovery", "weight * improvement + (1 - weight) * recovery", "worth"),
    Mutant("score-weights-swapped", "metrics/scores.py", "weight * improvement - (1 - weight) * recovery", "(1 - weight) * improvement - weight * recovery", "worth"),
    Mutant("recovery-of-soft-labels", "metrics/compared.py", "hard = judge.of_points(small.points, labels, asked, key)", "hard = judge.of_points(small.points, small.labels, asked, key)", "worth"),
    Mutant("random-with-classes", "metrics/compared.py", "drawn.one_hot() if is_hard else", "drawn.one_hot() if True else", "worth"),
    Mutant("random-at-the-sets-lam", "metrics/judges.py", "for reg in {*self.regs, self.reg_s}:", "for reg in {self.reg_s}:", "worth"),
    Mutant("judge-scale", "metrics/judges.py", "points = points * (_size(tests) / size if size else 1.0)", "points = points * 1.0", "worth"),
    Mutant("residual-not-added", "kernels/residual_network.py", "jax.nn.relu(x + affine(branch", "jax.nn.relu(affine(branch", "worth"),
    Mutant("residual-branch-unscaled", "kernels/residual_network.py", "last = self.depth if", "last = 1 if", "worth"),
    # experiments/past_one_machine.py
    Mutant("rows-never-forgotten", "experiments/past_one_machine.py", "self.alive -= count", "self.alive -= 0", "past_one_machine_runs"),
    Mutant("bits-of-one-sum", "experiments/past_one_machine.py", "return all(a.tobytes()", "return any(a.tobytes()", "past_one_machine_runs"),
    Mutant("error-of-the-array", "experiments/past_one_machine.py", "relative_error(weights, wanted)", "relative_error(wanted, 0 * wanted + 1)", "past_one_machine_runs"),
    Mutant("child-fails-unseen", "experiments/imagenet_shape.py", "if child.returncode:", "if False:", "past_one_machine_runs"),
    # experiments/probes.py
    Mutant("probe-lam-ignored", "experiments/probes.py", "reg_s = share * max_reg(", "reg_s = 0 * max_reg(", "probes"),
    Mutant("probe-whole-gram", "experiments/probes.py", "8 * (p * (p + 1) // 2", "8 * (p * p", "probes"),
    Mutant("probe-rows-too-few", "experiments/probes.py", "rows[pivots[:p]]", "rows[pivots[1:p]]", "probes"),
    Mutant("encoder-of-other-weights", "experiments/encoder.py", "found.parameters)", "found.loss.start)", "probes"),
    Mutant("two-precisions", "ridge/model.py", "if jnp.result_type(leaf) != normalisation.dtype:", "if False:", "ridge"),
    Mutant("accuracy-of-any-labels", "ridge/model.py", '        checks.labels("labels", np.asarray(labels), len(self.weights), count, every=False)\n', "", "ridge"),
    # features/fully_connected.py
    Mutant("leaky-slope", "features/fully_connected.py", "jax.nn.leaky_relu(seen[-1] @ w.T, self.slope)", "jax.nn.leaky_relu(seen[-1] @ w.T)", "features"),
    Mutant("slope-not-divided", "features/fully_connected.py", "x / self.slope", "x", "features"),
    Mutant("slope-multiplied", "features/fully_connected.py", "x / self.slope", "x * self.slope", "features"),
    Mutant("layers-inverted-forward", "features/fully_connected.py", "in reversed(\n            list(enumerate(zip(self.weights, seen, strict=True), start=1))\n        ):", "in list(\n            enumerate(zip(self.weights, seen, strict=True), start=1)\n        ):", "features"),
    Mutant("slope-unchecked", "features/fully_connected.py", "if not 0 < self.slope <", "if not -1 < self.slope <", "features"),
    Mutant("widening-unnamed", "features/fully_connected.py", "            if w.shape[0] > w.shape[1]:", "            if False:", "features"),
    Mutant("network-near-lost", "features/fully_connected.py", "else self._activations(near)[:-1]", "else [None] * len(self.weights)", "features"),
    Mutant("network-near-outputs", "features/fully_connected.py", "self._activations(near)[:-1]", "[near] + [jnp.zeros((len(near), len(w))) for w in self.weights[:-1]]", "features"),
    Mutant("fan-out", "features/fully_connected.py", "np.asarray(fan_in, dtype)", "np.asarray(out, dtype)", "features"),
    # features/fourier.py
    Mutant("fourier-sine", "features/fourier.py", "jnp.cos(self._angles(x))", "jnp.sin(self._angles(x))", "features"),
    Mutant("fourier-scale", "features/fourier.py", "jnp.sqrt(2 / self.dim_out) *", "jnp.sqrt(1 / self.dim_out) *", "features"),
    Mutant("fourier-phases-forgotten", "features/fourier.py", "jnp.cos(self._angles(x))", "jnp.cos(x @ self.frequencies.T)", "features"),
    Mutant("arccos-without-phases", "features/fourier.py", "        angles = angles - self.phases[None, :]\n", "", "features"),
    Mutant("branch-without-phases", "features/fourier.py", "self._angles(near))", "near @ self.frequencies.T)", "features"),
    Mutant("one-branch", "features/fourier.py", "for a in (angles, -angles))", "for a in (angles, angles))", "features"),
    Mutant("half-turns", "features/fourier.py", "a + 2 * jnp.pi * jnp.round((wished - a) / (2 * jnp.pi))", "a + jnp.pi * jnp.round((wished - a) / jnp.pi)", "features"),
    Mutant("turns-the-other-way", "features/fourier.py", "jnp.round((wished - a) /", "jnp.round((a - wished) /", "features"),
    Mutant("farther-branch", "features/fourier.py", "<= abs(down - wished), up, down", "<= abs(down - wished), down, up", "features"),
    Mutant("branch-of-zero", "features/fourier.py", "if near is not None:", "if False:", "features"),
    # features/base.py
    Mutant("near-null-space-lost", "features/base.py", "near + least_norm(w, rows - near @ w.T, name)", "least_norm(w, rows, name)", "features"),
    Mutant("near-counted-twice", "features/base.py", "rows - near @ w.T, name)", "rows, name)", "features"),
    Mutant("near-unchecked", "features/base.py", "        if near is not None:\n            checks", "        if False:\n            checks", "features"),
    # features/coupling.py
    Mutant("coupling-all-even", "features/coupling.py", "return slice(layer % 2, None, 2), slice(1 - layer % 2, None, 2)", "return slice(0, None, 2), slice(1, None, 2)", "coupling"),
    Mutant("coupling-halves-swapped", "features/coupling.py", "return slice(layer % 2, None, 2), slice(1 - layer % 2, None, 2)", "return slice(1 - layer % 2, None, 2), slice(layer % 2, None, 2)", "coupling"),
    Mutant("coupling-scale-inverted", "features/coupling.py", "* jnp.exp(-s))", "* jnp.exp(s))", "coupling"),
    Mutant("coupling-shift-after-scale", "features/coupling.py", "(x[:, moved] - t) * jnp.exp(-s)", "x[:, moved] * jnp.exp(-s) - t", "coupling"),
    Mutant("coupling-no-scale", "features/coupling.py", "x[:, moved] * jnp.exp(s) + t", "x[:, moved] + t", "coupling"),
    Mutant("coupling-unbounded", "features/coupling.py", "self.bound * jnp.tanh(h @ self.scales[layer].T)", "self.bound * (h @ self.scales[layer].T)", "coupling"),
    Mutant("coupling-bound-lost", "features/coupling.py", "self.bound * jnp.tanh(h", "jnp.tanh(h", "coupling"),
    Mutant("coupling-forward-order", "features/coupling.py", "for layer in reversed(range(len(self.inner))):", "for layer in range(len(self.inner)):", "coupling"),
    Mutant("coupling-linear-conditioner", "features/coupling.py", "h = jnp.tanh(a @", "h = (a @", "coupling"),
    Mutant("coupling-one-key", "features/coupling.py", "zip(keys[2], kept, strict=True)", "zip(keys[1], kept, strict=True)", "coupling"),
    Mutant("coupling-fan-out", "features/coupling.py", "jnp.asarray(fan_in, dtype)", "jnp.asarray(out, dtype)", "coupling"),
    Mutant("coupling-one-coordinate", "features/coupling.py", "if dim < 2 or", "if dim < 1 or", "coupling"),
    # features/convolution.py
    Mutant("kernel-flipped", "features/convolution.py", "k[:, :, a, b], scipy.sparse.kron", "k[:, :, -1 - a, -1 - b], scipy.sparse.kron", "convolution"),
    Mutant("kernel-channels-swapped", "features/convolution.py", "kron(k[:, :, a, b],", "kron(k[:, :, a, b].T,", "convolution"),
    Mutant("channel-last-matrix", "features/convolution.py", "kron(k[:, :, a, b], scipy.sparse.kron(r, c))", "kron(scipy.sparse.kron(r, c), k[:, :, a, b])", "convolution"),
    Mutant("rows-for-columns", "features/convolution.py", "sparse.kron(r, c))", "sparse.kron(c, r))", "convolution"),
    Mutant("padding-after", "features/convolution.py", "+ size - n, 0) // 2  # 0 for VALID", "+ size - n + 1, 0) // 2", "convolution"),
    Mutant("stride-lost", "features/convolution.py", "seen = stride * i + tap - before", "seen = i + tap - before", "convolution"),
    Mutant("same-rounded-down", "features/convolution.py", "return -(-n // stride) if", "return n // stride if", "convolution"),
    Mutant("valid-off-by-one", "features/convolution.py", "(n - size) // stride + 1", "(n - size + 1) // stride", "convolution"),
    Mutant("convolution-not-leaky", "features/convolution.py", "jax.nn.leaky_relu(y, self.slope)", "jax.nn.leaky_relu(y)", "convolution"),
    Mutant("convolution-slope-multiplied", "features/convolution.py", "np.where(x >= 0, x, x / self.slope)", "np.where(x >= 0, x, x * self.slope)", "convolution"),
    Mutant("convolution-layers-forward", "features/convolution.py", "in reversed(list(enumerate(self._layers()))):", "in list(enumerate(self._layers())):", "convolution"),
    Mutant("convolution-near-lost", "features/convolution.py", "else self._activations(near)[:-1]", "else [None] * len(self.kernels)", "convolution"),
    Mutant("convolution-near-itself", "features/convolution.py", "rows.T - a @ near.T", "rows.T", "convolution"),
    Mutant("convolution-slope-unchecked", "features/convolution.py", "if not 0 < self.slope <", "if not -1 < self.slope <", "convolution"),
    Mutant("convolution-widening", "features/convolution.py", "if math.prod(out) > math.prod(size):", "if False:", "convolution"),
    Mutant("convolution-rank-unchecked", "features/convolution.py", "if not smallest > 1e-11:", "if False:", "convolution"),
    Mutant("convolution-squared", "features/convolution.py", "gamma, delta = np.sqrt(eps) * norm, eps * norm", "gamma, delta = norm, eps * norm", "convolution"),
    Mutant("convolution-unrefined", "features/convolution.py", "for _ in range(3):", "for _ in range(0):", "convolution"),
    Mutant("convolution-norm-squared", "features/convolution.py", "float(np.sqrt(abs(a).sum(0).max() * abs(a).sum(1).max()))", "float(abs(a).sum(0).max() * abs(a).sum(1).max())", "convolution"),
    Mutant("convolution-kernel-unfitted", "features/convolution.py", "if kernel.shape[1] != size[0] or min(out) < 1:", "if False:", "convolution"),
    Mutant("convolution-fan-in", "features/convolution.py", "jnp.asarray(c * size**2, dtype)", "jnp.asarray(c * size, dtype)", "convolution"),
    Mutant("image-height-for-width", "features/convolution.py", "seen[-1].reshape(-1, *size)", "seen[-1].reshape(-1, size[0], size[2], size[1])", "convolution"),
    Mutant("cube-unchecked", "features/fourier.py", "if top > 1 + 64", "if top > 9e9 + 64", "features"),
    Mutant("range-scale-squared", "features/fourier.py", "1.0 if top <= 1 else 1 / top", "1.0 if top <= 1 else 1 / top**2", "features"),
    Mutant("range-scale-up", "features/fourier.py", "1.0 if top <= 1 else 1 / top", "1 / top", "features"),
    Mutant("kernel-width", "features/fourier.py", "jnp.asarray(variance, dtype)", "jnp.asarray(variance, dtype) ** 2", "features"),
    Mutant("fourier-overcomplete", "features/fourier.py", "        if p > d:", "        if False:", "features"),
    # features/deep_linear.py
    Mutant("layers-in-reverse", "features/deep_linear.py", "            g = w @ g", "            g = g @ w", "deep_linear"),
    Mutant("map-transposed", "features/deep_linear.py", "            x = x @ w.T", "            x = 2 * x @ w.T", "deep_linear"),
    Mutant("span-of-the-inputs", "features/deep_linear.py", "return (rows @ basis) @ basis.T", "return rows", "deep_linear"),
    Mutant("deep-linear-range-unchecked", "features/deep_linear.py", "if outside > jnp.sqrt(", "if outside > 1e9 * jnp.sqrt(", "deep_linear"),
    Mutant("residual-not-relative", "features/deep_linear.py", "f\"{outside / size:.3g}, and", "f\"{outside:.3g}, and", "deep_linear"),
    Mutant("values-not-inverted", "features/deep_linear.py", "return (inside / g.s[None, :]) @ g.ut", "return (inside * g.s[None, :]) @ g.ut", "deep_linear"),
    Mutant("near-forgotten", "features/deep_linear.py", "return near + (", "return (", "deep_linear"),
    Mutant("deep-linear-near-counted-twice", "features/deep_linear.py", "(inside - (near @ g.ut.T) * g.s[None, :])", "inside", "deep_linear"),
    Mutant("deep-linear-unlisted", "features/__init__.py", "Convolution, DeepLinear)\n}", "Convolution)\n}", "distilled_set"),
    # algorithm.py, ridge.py, nearest.py: within the span of the features
    Mutant("noise-out-of-the-span", "starts.py", "phi.onto_span(jnp.asarray(z, weights.dtype))", "jnp.asarray(z, weights.dtype)", "deep_linear"),
    Mutant("model-out-of-the-span", "algorithm.py", "inside)) > np.sqrt(", "inside)) > 1e9 * np.sqrt(", "deep_linear"),
    Mutant("fit-out-of-the-span", "ridge/model.py", "feature_map.onto_span(jnp.asarray(found))", "jnp.asarray(found)", "deep_linear"),
    # non_surjective.py
    Mutant("sigma-not-undone", "theory/non_surjective.py", "jnp.where(x >= 0, x, x / phi.slope)", "x", "non_surjective"),
    Mutant("range-of-w-unchecked", "theory/non_surjective.py", "if outside > jnp.sqrt(", "if outside > 1e9 * jnp.sqrt(", "non_surjective"),
    Mutant("layers-forward", "theory/non_surjective.py", "in reversed(list(enumerate(phi.weights, start=1))):", "in list(enumerate(phi.weights, start=1)):", "non_surjective"),
    Mutant("residual-of-the-last-layer", "theory/non_surjective.py", "return max(outside for", "return min(outside for", "non_surjective"),
    Mutant("narrowing-allowed", "theory/non_surjective.py", "if len(factors.s) < w.shape[1]:", "if False:", "non_surjective"),
    Mutant("block-of-the-first-half", "theory/non_surjective.py", ".T[p:, p:]", ".T[:p, p:]", "non_surjective"),
    Mutant("block-of-the-row-space", "theory/non_surjective.py", ".T[p:, p:]", ".T[p:, :p]", "non_surjective"),
    Mutant("h-without-the-identity", "theory/non_surjective.py", "np.linalg.pinv(w) @ w - np.eye(p)", "np.linalg.pinv(w) @ w", "non_surjective"),
    Mutant("h-of-any-rank", "theory/non_surjective.py", "if (r := rank(jnp.asarray(h))) < p:", "if (r := rank(jnp.asarray(h))) < 0:", "non_surjective"),
    Mutant("layer-not-rooted", "theory/non_surjective.py", "f.ut.T * (np.sqrt(reg_s * c) / f.s)", "f.ut.T * (reg_s * c / f.s)", "non_surjective"),
    Mutant("layer-not-inverted", "theory/non_surjective.py", "(np.sqrt(reg_s * c) / f.s)", "(np.sqrt(reg_s * c) * f.s)", "non_surjective"),
    Mutant("free-layer-without-w", "theory/non_surjective.py", "f.with_values(1 / f.s) + y.with_values(1 / y.s) @ outside", "f.with_values(1 / f.s)", "non_surjective"),
    Mutant("free-layer-sign", "theory/non_surjective.py", "+ y.with_values(1 / y.s) @ outside", "- y.with_values(1 / y.s) @ outside", "non_surjective"),
    Mutant("free-labels-unscaled", "theory/non_surjective.py", "(c + 1) / c * outputs", "outputs", "non_surjective"),
    Mutant("free-layer-any-points", "theory/non_surjective.py", "if (r := len(f.s)) < len(features):", "if (r := len(f.s)) < 0:", "non_surjective"),
    # points_without_inverse.py
    Mutant("uphill", "theory/points_without_inverse.py", "trial = x + (", "trial = x - (", "points_without_inverse"),
    Mutant("labels-not-eliminated", "theory/points_without_inverse.py", '"km,mqd->kqmd", c,', '"km,mqd->kqmd", np.ones_like(c),', "points_without_inverse"),
    Mutant("inside-for-outside", "theory/points_without_inverse.py", "outside.T @ derivative)", "outside.T @ derivative[::-1])", "points_without_inverse"),
    Mutant("every-step-taken", "theory/points_without_inverse.py", "if np.linalg.norm(further[0]) < np.linalg.norm(residual):", "if True:", "points_without_inverse"),
    Mutant("never-ends", "theory/points_without_inverse.py", "taken < steps and ", "", "points_without_inverse"),
    Mutant("never-undamped", "theory/points_without_inverse.py", "max(damping / 4, 1e-14)", "max(damping, 1e-2)", "points_without_inverse"),
    Mutant("error-of-the-residual", "theory/points_without_inverse.py", "error = recovery_error(model, recovered_weights(features, labels))", "error = float(np.linalg.norm(residual) / np.linalg.norm(w))", "points_without_inverse"),
    Mutant("fewer-points-than-outputs", "theory/points_without_inverse.py", "    enough_points(len(x), len(w))\n", "", "points_without_inverse"),
    # theorem_c.py
    Mutant("free-part-unprojected", "theory/theorem_c.py", "(labels - z @ weights.T) @ w.with", "labels @ w.with", "theorem_c"),
    Mutant("w-for-its-pseudoinverse", "theory/theorem_c.py", "@ w.with_values(1 / w.s)", "@ w.with_values(w.s)", "theorem_c"),
    Mutant("any-rank-of-w", "theory/theorem_c.py", "if len(w.s) < k:", "if False:", "theorem_c"),
    Mutant("row-space-not-left", "theory/theorem_c.py", "    z = z - y @ (y.T @ z)\n", "", "theorem_c"),
    Mutant("null-space-not-entered", "theory/theorem_c.py", "return first + z - (z @ w.T) @ w", "return first + z", "theorem_c"),
    Mutant("product-rule-below-rank-k", "theory/theorem_c.py", "    d = recovery_matrix(weights, labels)\n    target = svd(d).inverse()", "    target = svd(labels @ svd(weights).with_values(1 / svd(weights).s))", "theorem_c"),
    # images.py
    Mutant("channel-last", "images/normalisation.py", "jnp.moveaxis(x, 3, 1).reshape", "x.reshape", "images"),
    Mutant("inverse-channel-last", "images/normalisation.py", "jnp.reshape(jnp.asarray(points), (-1, c, h, w)), 1, 3)", "jnp.reshape(jnp.asarray(points), (-1, h, w, c)), 3, 3)", "images"),
    Mutant("height-for-width", "images/normalisation.py", "(-1, c, h, w)), 1, 3)", "(-1, c, w, h)), 1, 3)", "images"),
    Mutant("mean-forgotten", "images/normalisation.py", " + _channels(self.mean, x.dtype)", "", "images"),
    Mutant("pixel-max-forgotten", "images/normalisation.py", ".astype(self.dtype) / self.pixel_max", ".astype(self.dtype)", "images"),
    Mutant("stretch-together", "images/pictures.py", "x.min((1, 2, 3), keepdims=True), x.max((1, 2, 3), keepdims=True)", "x.min(), x.max()", "images"),
    Mutant("grid-columns-first", "images/pictures.py", "canvas.swapaxes(1, 2).reshape", "canvas.reshape", "images"),
    Mutant("grid-last-gap", "images/pictures.py", "rows * (h + gap) - gap,", "rows * (h + gap),", "images"),
    Mutant("grid-not-clipped", "images/pictures.py", "np.clip(picture, 0, 1)", "picture", "images"),
    Mutant("sample-by-class", "images/sampling.py", "np.stack(chosen, axis=1)", "np.stack(chosen, axis=0)", "images"),
    Mutant("sample-with-repetition", "images/sampling.py", "rounds, replace=False)", "rounds)", "images"),
    Mutant("sample-too-many", "images/sampling.py", "if not 1 <= rounds <= fewest:", "if not 1 <= rounds:", "images"),
    Mutant("white-unchecked", "images/pictures.py", "if not (checks.number(white) and white > 0):", "if False:", "images"),
    Mutant("white-ignored", "images/pictures.py", "x = x / white", "x = x / 255", "images"),
    Mutant("pixel-max-not-given-back", "images/normalisation.py", "return x * self.pixel_max", "return x", "images"),
    # checks.py
    Mutant("nan-unseen", "boundary/checks.py", "if not all_finite(array)", "if False", "closed_form"),
    Mutant("overflow-is-infinity", "boundary/checks.py", "or np.isfinite(values).all()", "or False", "pseudoinverse"),
    Mutant("negative-reg", "boundary/checks.py", "number(value) and value >= 0", "number(value)", "pseudoinverse"),
    Mutant("nan-reg", "boundary/checks.py", "number(value) and value >= 0", "not value < 0", "pseudoinverse"),
    Mutant("empty-class", "boundary/checks.py", "if every and not seen.all():", "if False:", "ridge"),
    Mutant("label-too-large", "boundary/checks.py", "values.max() >= classes", "values.max() > classes", "ridge"),
    # algorithm.py
    Mutant("reg-not-scaled", "algorithm.py", "reg_s = scale**2 * reg_s", "reg_s = reg_s", "algorithm"),
    Mutant("reg-scaled-once", "algorithm.py", "reg_s = scale**2 * reg_s", "reg_s = scale * reg_s", "algorithm"),
    Mutant("not-scaled-into-range", "theory/surjective.py", "scale = phi.range_scale(features)", "scale = 1.0", "algorithm"),
    Mutant("features-for-points", "theory/surjective.py", "points = phi.inverse(wished, near=near)", "points = wished", "algorithm"),
    Mutant("real-samples-forgotten", "algorithm.py", "near=made.samples", "near=None", "algorithm"),
    Mutant("near-nothing", "algorithm.py", "near=made.samples", "near=jnp.zeros((asked.m, phi.dim_in)) if made.real is None else made.samples", "algorithm"),
    Mutant("refuse-clips", "starts.py", 'if asked.too_large == "clip" and reg_s > 0:', "if reg_s > 0:", "algorithm"),
    Mutant("clip-refuses", "starts.py", "reg_s = min(reg_s, largest_reg(target.s))", "reg_s = reg_s", "algorithm"),
    Mutant("clip-to-the-bound", "starts.py", "min(reg_s, largest_reg(target.s))", "largest_reg(target.s)", "algorithm"),
    Mutant("branch-forgotten", "starts.py", "else branch\n", 'else "+"\n', "algorithm"),
    Mutant("noise-without-key", "starts.py", "rng = np.random.default_rng(np.asarray(jax.random.key_data(asked.key)))", "rng = np.random.default_rng(0)", "algorithm"),
    Mutant("noise-unscaled", "starts.py", "z = asked.noise * float(np.std(np.asarray(d))) *", "z = asked.noise *", "algorithm"),
    Mutant("realistic-is-noise", "starts.py", "labels, real, asked.reg_s)\n    features", "labels, 0 * real, asked.reg_s)\n    features", "algorithm"),
    Mutant("real-with-reg-forgotten", "starts.py", "realistic_matrix(asked.weights, labels, real, asked.reg_s)", "realistic_matrix(asked.weights, labels, real)", "algorithm"),
    Mutant("nearest-with-reg-forgotten", "starts.py", "nearest_set(asked.weights, real, asked.reg_s)", "nearest_set(asked.weights, real)", "algorithm"),
    Mutant("labels-with-reg-forgotten", "starts.py", "solved_labels(asked.weights, real, asked.reg_s)", "solved_labels(asked.weights, real)", "algorithm"),
    Mutant("label-rule-ignored", "starts.py", 'if asked.label_rule == "one-hot":', "if False:", "algorithm"),
    Mutant("auto-is-one-hot", "starts.py", 'if asked.label_rule == "model" or rank(outputs) == len(asked.weights):', 'if asked.label_rule == "model":', "algorithm"),
    Mutant("auto-is-model", "starts.py", 'if asked.label_rule == "model" or rank(outputs) == len(asked.weights):', "if True:", "algorithm"),
    Mutant("model-rank-unchecked", "theory/conditions.py", "(r := rank(weights) if known is None else known) < len(weights):", "(r := rank(weights) if known is None else known) < 0:", "algorithm"),
    Mutant("m-below-k-allowed", "theory/conditions.py", "    if m < k:", "    if m < k - 1:", "algorithm"),
    Mutant("error-of-the-scaled-model", "algorithm.py", "recovered if scale == 1 else scale * recovered", "recovered", "algorithm"),
    Mutant("asked-reg-lost", "algorithm.py", '"reg_s_asked": asked.reg_s,', '"reg_s_asked": 0.0,', "algorithm"),
    Mutant("pool-unchecked", "images/sampling.py", "    normalisation.check(chosen)\n", "", "algorithm"),
    Mutant("farther-roots", "starts.py", "extent >= target.s / 2, 1.0, -1.0", "extent >= target.s / 2, -1.0, 1.0", "algorithm"),
    Mutant("nearer-roots-by-reg", "starts.py", "_nearer_roots(target, real) if", "np.where(target.s / 2 > np.sqrt(reg_s), 1.0, -1.0) if", "algorithm"),
    Mutant("always-the-large-root", "starts.py", "    if real is None:\n        return", "    if True:\n        return", "algorithm"),
    Mutant("m-not-whole", "algorithm.py", "checks.number(m) and m == int(m)", "checks.number(m)", "algorithm"),
    Mutant("distance-to-nothing", "algorithm.py", '"distance": closed_form.recovery_error(made.samples, points)', '"distance": closed_form.recovery_error(made.real, features)', "algorithm"),
    # baselines/, beside Table 1
    Mutant("kernel-gap-without-cross", "baselines/fourier_sets.py", "(apart * reach + beside)", "(apart * reach)", "beside_table_1"),
    Mutant("kernel-gap-without-gram", "baselines/fourier_sets.py", "(apart * reach + beside)", "beside", "beside_table_1"),
    Mutant("kernel-answers-unregularised", "baselines/fourier_sets.py", "np.asarray(gram) + reg_s * np.eye(len(gram))", "np.asarray(gram) + 1e-9 * np.eye(len(gram))", "beside_table_1"),
    Mutant("losses-one-too-few", "baselines/matched_losses.py", "(int(inputs) + 1) * (int(inputs) + 2) // 2", "int(inputs) * (int(inputs) + 2) // 2", "beside_table_1"),
    Mutant("losses-unsymmetric", "baselines/matched_losses.py", "np.where(upper[0] == upper[1], 1, 2)", "1", "beside_table_1"),
    Mutant("losses-beyond-the-cone", "baselines/matched_losses.py", "step = 1 / max(", "step = 3 / max(", "beside_table_1"),
    # privacy/
    Mutant("claimed-with-sqrt-2", "privacy/claimed.py", "2 * math.sqrt(math.log(1.25 / delta))", "2 * math.sqrt(2 * math.log(1.25 / delta))", "privacy"),
    Mutant("claimed-sigma-0-once", "privacy/claimed.py", "(sigma_0**2 * epsilon)", "(sigma_0 * epsilon)", "privacy"),
    Mutant("claimed-least-noise", "privacy/claimed.py", "np.max(signal / mask)", "np.min(signal / mask)", "privacy"),
    Mutant("claimed-unmasked", "privacy/claimed.py", "np.max(signal / mask)", "np.max(signal)", "privacy"),
    Mutant("claimed-finite-at-k", "privacy/claimed.py", "if (mask <= 1e-12).any():", "if False:", "privacy"),
    Mutant("claimed-noise-unprojected", "privacy/claimed.py", "+ rest @ z", "+ z", "privacy"),
    Mutant("claimed-rest-is-range", "privacy/claimed.py", "np.eye(m) - left @", "left @", "privacy"),
    Mutant("claimed-rounding-at-k", "privacy/claimed.py", " if m > k else np.zeros((m, m))", "", "privacy"),
    Mutant("sum-of-points", "privacy/attacks.py", "(features @ np.sum(weights, axis=0)[:, None])", "(features @ weights[0][:, None])", "privacy"),
    Mutant("sum-beyond-the-span", "privacy/attacks.py", "ones = (rows @ rows.swapaxes(-1, -2)).sum(-1)", "ones = np.ones(features.shape[:-1])", "privacy"),
    Mutant("span-without-projector", "privacy/attacks.py", "outside = w - (w @", "outside = 0 * w - (w @", "privacy"),
    Mutant("record-without-reg", "privacy/attacks.py", "np.asarray(gram) + reg * np.eye(p)", "np.asarray(gram)", "privacy"),
    Mutant("record-cubic", "privacy/attacks.py", "[2 * a @ a, -3 * a[label]", "[2 * a @ a, 3 * a[label]", "privacy"),
    Mutant("record-first-fit", "privacy/attacks.py", "_, label, c = min(fits)", "_, label, c = fits[0]", "privacy"),
    Mutant("record-fitted", "privacy/attacks.py", "if np.linalg.norm(m) <=", "if -1 >", "privacy"),
    Mutant("record-one-output", "privacy/attacks.py", "if k == 1:", "if False:", "privacy"),
    Mutant("sensitivity-of-g-alone", "privacy/gaussian_mechanism.py", "bound**2 * math.sqrt(1 + weight**2)", "bound**2", "privacy"),
    Mutant("sensitivity-unsquared", "privacy/gaussian_mechanism.py", "bound**2 * math.sqrt(1 + weight**2)", "bound * math.sqrt(1 + weight**2)", "privacy"),
    Mutant("replace-is-sqrt-2", "privacy/gaussian_mechanism.py", "math.sqrt(2) * (1 + weight**2 / 2) if weight**2 <= 2 else 2 * weight)", "math.sqrt(2 + 2 * weight**2))", "privacy"),
    Mutant("replace-is-twice", "privacy/gaussian_mechanism.py", "math.sqrt(2) * (1 + weight**2 / 2) if weight**2 <= 2 else 2 * weight)", "2 * math.sqrt(1 + weight**2))", "privacy"),
    Mutant("replace-uncapped", "privacy/gaussian_mechanism.py", " if weight**2 <= 2 else 2 * weight", "", "privacy"),
    Mutant("noise-unequal", "privacy/gaussian_mechanism.py", "(a + a.swapaxes(-1, -2)) / 2", "(a + a.swapaxes(-1, -2)) / np.sqrt(2)", "privacy"),
    Mutant("noise-of-upper-triangle", "privacy/gaussian_mechanism.py", "(a + a.swapaxes(-1, -2)) / 2", "(np.triu(a) + np.triu(a, 1).swapaxes(-1, -2))", "privacy"),
    Mutant("noise-not-on-c", "privacy/gaussian_mechanism.py", "(self.weight * self.bound) * b", "(self.weight * self.bound) * 0 * b", "privacy"),
    Mutant("noise-of-c-unweighted", "privacy/gaussian_mechanism.py", "self.deviation / (self.weight * self.bound)", "self.deviation / self.bound", "privacy"),
    Mutant("noise-of-c-without-bound", "privacy/gaussian_mechanism.py", "self.deviation / (self.weight * self.bound)", "self.deviation / self.weight", "privacy"),
    Mutant("noise-halved", "privacy/gaussian_mechanism.py", "return (1 + 1e-9) * get_sigma", "return 0.5 * get_sigma", "privacy"),
    Mutant("noise-classic", "privacy/gaussian_mechanism.py", "get_sigma_gaussian(epsilon, delta)\n", "math.sqrt(2 * math.log(1.25 / delta)) / epsilon\n", "privacy"),
    Mutant("private-reg-zero", "privacy/gaussian_mechanism.py", "math.sqrt((p + 1) / 2)\n", "math.sqrt(p + 1)\n", "privacy"),
    Mutant("output-sensitivity-half", "privacy/gaussian_mechanism.py", "math.sqrt(n / reg) / 2)", "math.sqrt(n / reg) / 4)", "privacy"),
    Mutant("output-sensitivity-large-reg", "privacy/gaussian_mechanism.py", "min(bound / reg, 1 / (2 * math.sqrt(reg)))", "1 / (2 * math.sqrt(reg))", "privacy"),
    Mutant("adjacency-unchecked", "privacy/gaussian_mechanism.py", "if adjacency not in get_args(Adjacency):", "if False:", "privacy"),
    Mutant("records-not-clipped", "privacy/release.py", "f * jnp.minimum(1, self.bound", "f * jnp.minimum(1e9, self.bound", "privacy"),
    Mutant("clipped-twice", "privacy/release.py", "self.bound / jnp.where(size > 0, size, self.bound))", "self.bound / jnp.where(size > 0, size, self.bound) ** 2)", "privacy"),
    Mutant("clipping-forgotten", "privacy/release.py", "_Clipped(feature_map, bound), norm", "feature_map, norm", "privacy"),
    Mutant("private-from-exact-g", "privacy/release.py", "noisy_ridge(gram, cross, reg))", "noisy_ridge(np.asarray(stats.gram), cross, reg))", "privacy"),
    Mutant("private-g-indefinite", "privacy/release.py", "np.maximum(e, 0) + reg", "e + reg", "privacy"),
    Mutant("private-g-folded", "privacy/release.py", "np.maximum(e, 0) + reg", "np.abs(e) + reg", "privacy"),
    Mutant("private-noise-repeats", "privacy/release.py", "None if key is None else", "0 if key is None else", "privacy"),
    Mutant("private-pool", "privacy/release.py", 'if start != "noise" and public_pool is None:', "if False:", "privacy"),
    Mutant("private-pool-renamed", "privacy/release.py", 'if "pool" in options:', "if False:", "privacy"),
    Mutant("private-float32", "privacy/release.py", 'if normalisation.dtype != "float64":', "if False:", "privacy"),
    Mutant("adassp-eigenvalue-free", "privacy/adaptive.py", "math.hypot(statistics, self.eigenvalue_weight * self.bound**2)", "statistics", "private_alternatives"),
    Mutant("adassp-bound-of-noise", "privacy/adaptive.py", "math.sqrt((p + 1) * math.log(2 * p / self.failure))", "math.sqrt((p + 1) / 2)", "private_alternatives"),
    Mutant("adassp-no-lower-bound", "privacy/adaptive.py", "seen - spread * math.sqrt(2 * math.log(1 / self.failure))", "seen", "private_alternatives"),
    Mutant("adassp-eigenvalue-exact", "privacy/adaptive.py", " + spread * rng.standard_normal()", "", "private_alternatives"),
    Mutant("objective-volume-of-one", "privacy/objective.py", "self.outputs * math.log1p(", "math.log1p(", "private_alternatives"),
    Mutant("objective-gradient-of-labels", "privacy/objective.py", "(self.radius * self.bound + 1) * self.bound", "self.bound", "private_alternatives"),
    Mutant("objective-quantile-of-one", "privacy/objective.py", "scipy.stats.chi2.isf(self.delta, self.outputs)", "scipy.stats.chi2.isf(self.delta, 1)", "private_alternatives"),
    Mutant("objective-without-ball", "privacy/objective.py", "mu = np.where(inside, 0.0, high)", "mu = 0.0 * high", "private_alternatives"),
    Mutant("objective-always-on-sphere", "privacy/objective.py", "mu = np.where(inside, 0.0, high)", "mu = high + 0.1 * inside", "private_alternatives"),
    Mutant("audit-on-the-choice", "privacy/auditing.py", "fp, fn = _errors(low[half:], high[half:], threshold)", "fp, fn = _errors(low[:half], high[:half], threshold)", "privacy"),
    Mutant("audit-point-estimate", "privacy/auditing.py", "betaincinv(errors + 1, np.maximum(trials - errors, 1), level)", "np.maximum(errors, 1) / trials", "privacy"),
    Mutant("audit-one-limit", "privacy/auditing.py", "level = 1 - (1 - confidence) / 2", "level = confidence", "privacy"),
    Mutant("audit-without-delta", "privacy/auditing.py", "np.maximum(1 - delta - b, tiny)", "np.maximum(1 - b, tiny)", "privacy"),
    Mutant("audit-one-direction", "privacy/auditing.py", "for a, b in ((fpr, fnr), (fnr, fpr))]", "for a, b in ((fpr, fnr), (fpr, fnr))]", "privacy"),
    Mutant("audit-errors-swapped", "privacy/auditing.py", 'return len(low) - np.searchsorted(low, threshold, "right")', 'return np.searchsorted(low, threshold, "right")', "privacy"),
    Mutant("entries-unchecked", "boundary/door.py", "        checks.finite(name, values)\n", "        pass\n", "privacy"),
    # distilled_set.py
    Mutant("trained-without-reg", "sets/distilled_set.py", "self.labels, self.reg_s)\n", "self.labels)\n", "distilled_set"),
    Mutant("newer-version-read", "sets/packing.py", "if version > VERSION:", "if False:", "distilled_set"),
    Mutant("any-format", "sets/packing.py", ' or header.get("format") != FORMAT', "", "distilled_set"),
    Mutant("arrays-undescribed", "sets/packing.py", "if claim != [seen.dtype.name, list(seen.shape)]:", "if False:", "distilled_set"),
    Mutant("slope-lost", "sets/packing.py", "            values[field.name] = value\n", "            pass\n", "distilled_set"),
    Mutant("layers-reordered", "sets/packing.py", "for i in range(many))", "for i in reversed(range(many)))", "distilled_set"),
    Mutant("not-a-number", "boundary/plain.py", "abs(value) <= sys.float_info.max", "True", "distilled_set"),
    Mutant("bomb-read", "boundary/npz.py", "if claimed > _INFLATION * held:", "if False:", "npz"),
    Mutant("claim-believed", "boundary/npz.py", "if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != held:", "if False:", "npz"),
    Mutant("shared-bytes", "boundary/npz.py", "if held > size:", "if False:", "npz"),
    Mutant("unnamed-arrays", "boundary/npz.py", "if others := sorted(set(self.claims) - set(names)):", "if others := []:", "distilled_set"),
    Mutant("any-magic", "boundary/npz.py", 'if file.read(4) != b"PK\\3\\4":', "if False:", "distilled_set"),
    Mutant("saved-in-place", "boundary/files.py", 'with os.fdopen(handle, "wb") as file:', 'with open(target, "wb") as file:', "files"),
    Mutant("partial-left", "boundary/files.py", "            part.unlink(missing_ok=True)\n", "", "files"),
    Mutant("link-replaced", "boundary/files.py", "Path(os.path.realpath(path))", "Path(path)", "files"),
    Mutant("private-file", "boundary/files.py", "os.O_EXCL, 0o666)", "os.O_EXCL, 0o600)", "files"),
    Mutant("any-content", "data/store.py", "    if digest not in known:", "    if False:", "data"),
    Mutant("inputs-unfitted", "sets/distilled_set.py", "if phi is not None and self.normalisation.dim != phi.dim_in:", "if False:", "distilled_set"),
    Mutant("unknown-map-saved", "sets/packing.py", "if KINDS.get(kind) is not type(phi):", "if False:", "distilled_set"),
    # kip_loss.py
    Mutant("kip-rest-forgotten", "theory/kip_loss.py", "jnp.vdot(residual, residual) + self.rest", "jnp.vdot(residual, residual)", "kip_loss"),
    Mutant("kip-root-forgotten", "theory/kip_loss.py", "(path.rotated * seen[None, :] * root[None, :]).T", "(path.rotated * seen[None, :]).T", "kip_loss"),
    Mutant("kip-vectors-transposed", "theory/kip_loss.py", "root[:, None] * path.vectors.T", "root[:, None] * path.vectors", "kip_loss"),
    Mutant("kip-null-directions", "theory/kip_loss.py", "jnp.where(seen > 0, path.values, 0)", "path.values + 1", "kip_loss"),
    Mutant("kip-rest-is-rounding", "theory/kip_loss.py", "fitted = stats.count <= jnp.count_nonzero(seen)", "fitted = False", "kip_loss"),
    Mutant("kip-rest-always-zero", "theory/kip_loss.py", "fitted = stats.count <= jnp.count_nonzero(seen)", "fitted = True", "kip_loss"),
    Mutant("kip-rest-negative", "theory/kip_loss.py", "jnp.clip(stats.label_sq - jnp.vdot(labels, labels), 0)", "stats.label_sq - jnp.vdot(labels, labels)", "kip_loss"),
    Mutant("kip-relative-to-the-sum", "theory/kip_loss.py", "reg * jnp.vdot(support, support) / len(support)", "reg * jnp.vdot(support, support)", "kip_loss"),
    Mutant("kip-reg-lost", "theory/kip_loss.py", "support @ support.T + reg_s * jnp.eye(m", "support @ support.T + 0 * jnp.eye(m", "kip_loss"),
    Mutant("kip-reg-lost-in-feature-space", "theory/kip_loss.py", "support.T @ support + reg_s * jnp.eye(p", "support.T @ support + 0 * jnp.eye(p", "kip_loss"),
    Mutant("kip-zero-by-cholesky", "theory/kip_loss.py", "if isinstance(reg_s, int | float) and reg_s == 0:", "if False:", "kip_loss"),
    Mutant("kip-labels-without-reg", "theory/kip_loss.py", "support @ (support.T @ c) + reg_s * c", "support @ (support.T @ c)", "kip_loss"),
    Mutant("kip-labels-not-constant", "theory/kip_loss.py", "return stop_gradient(support @ (support.T @ c) + reg_s * c)", "return support @ (support.T @ c) + reg_s * c", "kip_loss"),
    Mutant("kip-second-round-forgotten", "linalg/least_squares.py", "inner = solve_triangular(second, q.T @ t, lower=True, trans=1)", "inner = q.T @ t", "kip_loss"),
    Mutant("kip-second-round-forgotten-wide", "linalg/least_squares.py", "q @ solve_triangular(second, solve_triangular(first, t, lower=True), lower=True)", "q @ solve_triangular(first, t, lower=True)", "kip_loss"),
    Mutant("kip-rank-unseen", "linalg/least_squares.py", "jax.lax.cond(orthonormal, full_rank, any_rank)", "full_rank()", "kip_loss"),
    Mutant("kip-not-orthonormal", "linalg/least_squares.py", "dtype=b.dtype)) < 0.1", "dtype=b.dtype)) < 1e9", "kip_loss"),
    Mutant("regular-slope-turned", "linalg/least_squares.py", "return x + back(", "return x - back(", "least_squares"),
    Mutant("regular-slope-of-t", "linalg/least_squares.py", "slope = b.T @ (t - b @ x)", "slope = stop_gradient(b.T) @ (t - b @ x)", "least_squares"),
    Mutant("regular-second-round-forgotten", "linalg/least_squares.py", "solve_triangular(second, solve_triangular(first, slope, lower=True), lower=True)", "solve_triangular(first, slope, lower=True)", "least_squares"),
    Mutant("batches-labels-of-others", "baselines/kip_on_features.py", "(support.T @ c) - self.labels[rows]", "(support.T @ c) - self.labels[: self.batch]", "kip_on_features"),
    Mutant("kip-uncut", "linalg/least_squares.py", "kept = s > negligible((r, m), s.dtype)", "kept = s > 0", "kip_loss"),
    Mutant("axes-unbound", "boundary/door.py", "sizes |= dict(zip(axes, values.shape, strict=True))", "pass", "kip_loss"),
    Mutant("kip-maps-unchecked", "theory/kip_loss.py", "if support.shape[1] != target.features.shape[1]:", "if False:", "kip_loss"),
    # moments.py
    Mutant("moments-without-values", "baselines/moments.py", "jnp.asarray(f.s)[:, None] * f.ut", "f.ut", "moments"),
    Mutant("moments-labels-scaled", "baselines/moments.py", "turned = f.v.T @ labels", "turned = jnp.asarray(f.s)[:, None] * (f.v.T @ labels)", "moments"),
    Mutant("moments-rest-of-the-labels", "baselines/moments.py", "jnp.vdot(residual, residual))", "jnp.vdot(labels, labels))", "moments"),
    Mutant("kernel-width-doubled", "baselines/moments.py", "/ (2 * variance)", "/ variance", "moments"),
    Mutant("kernel-above-one", "baselines/moments.py", "jnp.clip(squares, 0)", "squares", "moments"),
    Mutant("kernel-width-unchecked", "baselines/moments.py", "if not variance > 0:", "if False:", "moments"),
    Mutant("subset-reg-forgotten", "baselines/moments.py", "wanted + reg_s * scipy", "wanted + 0 * scipy", "moments"),
    Mutant("subset-without-projection", "baselines/moments.py", "np.asarray(gram)[kept] @ np.asarray(coefficients)", "within @ np.asarray(coefficients)[kept]", "moments"),
    Mutant("subset-twice", "baselines/moments.py", "len(np.unique(kept)) < len(kept) or ", "", "moments"),
    # __init__.py
    Mutant("32-bit", "__init__.py", '"jax_enable_x64", True', '"jax_enable_x64", False', "ridge"),
    # companion/site/drawings
    Mutant("drawn-plane-not-nearest", "companion/site/drawings/spaces.py", "given_up = np.linalg.svd(outside)[2][-1]", "given_up = np.linalg.svd(outside)[2][0]", "drawings"),
    Mutant("drawn-plane-without-projector", "companion/site/drawings/spaces.py", "outside = samples - np.outer(row, row @ samples)", "outside = samples", "drawings"),
    Mutant("drawn-roots-without-4", "companion/site/drawings/curves.py", "1 - 4 * level**2", "1 - level**2", "drawings"),
    Mutant("drawn-masks-hold-one-more", "companion/site/drawings/schemes.py", "i < m or (j + i) % m < m - k", "i < m or (j + i) % m <= m - k", "drawings"),
    # companion/site/live
    Mutant("live-nearest-gives-up-the-most", "companion/site/live/stills.py", "b[:, -len(weights) :]", "b[:, : len(weights)]", "live_stills"),
    Mutant("live-axes-without-powers", "companion/site/live/axes.py", "if powers:", "if not powers:", "live_stills"),
    Mutant("live-curves-of-some-epsilons", "companion/site/live/data.py", "if len(points) == most > 1", "if len(points) > 0", "live_stills"),
    # companion/site, the pages after Sphinx
    Mutant("verified-by-any-run", "companion/site/page_ends.py", "if all(run[", "if any(run[", "polish"),
    Mutant("icons-by-their-first-name", "companion/site/polish.py", "used & {match[2], *others}", "match[2] in used", "polish"),
)
# fmt: on

UNCHANGED = tuple(
    Mutant(f"unchanged-{tests}", "__init__.py", "__version__", "__version__", tests)
    for tests in sorted({mutant.tests for mutant in MUTANTS})
)


def _no_source(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not (name.endswith(".py") or (Path(folder) / name).is_dir())]


def changed_copy(mutant: Mutant, folder: Path) -> None:
    """The library with its mutation, and the tests of the mathematics."""
    shutil.copytree(
        ROOT / "distill_lib", folder / "distill_lib", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=_no_source)
    shutil.copy(ROOT / "pyproject.toml", folder)
    path = folder / "distill_lib" / mutant.file
    text = path.read_text()
    if (count := text.count(mutant.old)) != 1:
        raise ValueError(f"its text occurs {count} times in {mutant.file}")
    path.write_text(text.replace(mutant.old, mutant.new))


def run_tests(mutant: Mutant, folder: Path) -> int:
    """pytest in this process, on the copy. Returns its exit status, everything printed goes to folder/output."""
    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(folder)
    sys.path[0] = str(folder)  # before an installed distill_lib
    signal.alarm(TIMEOUT)
    import pytest

    status = pytest.main(
        ["-x", "--tb=line", "-p", "no:cacheprovider", "--timeout=0", str(mutant.path)]
    )
    assert Path(sys.modules["distill_lib"].__file__).is_relative_to(folder)
    return int(status)


def outcomes(mutants: tuple[Mutant, ...], jobs: int, folder: Path) -> Iterator[tuple[Mutant, str]]:
    """What became of each mutant, as they end. Forks of this process have JAX and pytest imported, not yet started."""
    waiting, running = list(mutants), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop(0)
            (copy := folder / mutant.name).mkdir()
            try:
                changed_copy(mutant, copy)
            except ValueError as error:
                yield mutant, f"NOT APPLICABLE: {error}"
                continue
            sys.stdout.flush()
            if (child := os.fork()) == 0:
                try:
                    os._exit(run_tests(mutant, copy))
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(3)
            running[child] = mutant
        if not running:
            continue
        child, status = os.wait()
        mutant = running.pop(child)
        yield (
            mutant,
            outcome(
                os.waitstatus_to_exitcode(status), (folder / mutant.name / "output").read_text()
            ),
        )
        shutil.rmtree(folder / mutant.name)


def outcome(status: int, output: str) -> str:
    if status == 0:
        return "SURVIVED"
    if status == 1 and (failed := re.search(r"^FAILED \S+?::(\w+)", output, re.MULTILINE)):
        return f"killed by {failed[1]}"
    return "TIMED OUT" if status == -signal.SIGALRM else f"NOT RUN:\n{output}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="name the mutants and stop")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time")
    parser.add_argument("names", metavar="NAME", nargs="*", help="mutants to run; all by default")
    options = parser.parse_args()
    if unknown := set(options.names) - {mutant.name for mutant in MUTANTS}:
        parser.error(f"no mutant is called {', '.join(sorted(unknown))}; --list names them")
    chosen = tuple(
        mutant for mutant in MUTANTS if mutant.name in options.names or not options.names
    )
    if options.list:
        for mutant in chosen:
            print(f"{mutant.name:32} {mutant.file}: {mutant.old!r} -> {mutant.new!r}")
        return 0

    began, bad = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as temporary:
        # Most compiled functions are the same for every mutant.
        os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{temporary}/cache"
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        os.environ["HYPOTHESIS_PROFILE"] = "mutants"
        sys.dont_write_bytecode = True
        for module in ("equinox", "hypothesis", "jax", "pytest", "scipy.linalg"):
            importlib.import_module(module)
        needed = {mutant.tests for mutant in chosen}
        unchanged = tuple(mutant for mutant in UNCHANGED if mutant.tests in needed)
        for mutant, result in outcomes(unchanged, options.jobs, Path(temporary)):
            if result != "SURVIVED":
                print(f"{mutant.path} fails on the unchanged library: {result}")
                return 1
        for mutant, result in outcomes(chosen, options.jobs, Path(temporary)):
            bad += not result.startswith("killed")
            print(f"{mutant.name:32} {result}", flush=True)
    print(
        f"{len(chosen) - bad} of {len(chosen)} mutants killed in {time.monotonic() - began:.0f} s"
    )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
