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
    """`old` becomes `new` in distill_lib/`file`; tests/test_`tests`.py should fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


# One mutant a line.
# fmt: off
MUTANTS = (
    # pseudoinverse.py
    Mutant("pinv-without-reg", "pseudoinverse.py", "s / (s**2 + reg)", "1 / s", "pseudoinverse"),
    Mutant("pinv-unsquared", "pseudoinverse.py", "s / (s**2 + reg)", "s / (s + reg)", "pseudoinverse"),
    Mutant("regularised-minus", "pseudoinverse.py", "f.s + reg / f.s", "f.s - reg / f.s", "pseudoinverse"),
    Mutant("roots-swapped", "pseudoinverse.py", "signs > 0, plus, reg / plus", "signs > 0, reg / plus, plus", "pseudoinverse"),
    Mutant("one-root", "pseudoinverse.py", "np.where(signs > 0, plus, reg / plus)", "plus", "pseudoinverse"),
    Mutant("roots-without-4", "pseudoinverse.py", "mu**2 - 4 * reg", "mu**2 - reg", "pseudoinverse"),
    Mutant("bound-2", "pseudoinverse.py", "float(mu[-1]) ** 2 / 4", "float(mu[-1]) ** 2 / 2", "pseudoinverse"),
    Mutant("bound-8", "pseudoinverse.py", "float(mu[-1]) ** 2 / 4", "float(mu[-1]) ** 2 / 8", "pseudoinverse"),
    Mutant("bound-of-the-largest", "pseudoinverse.py", "float(mu[-1]) ** 2 / 4", "float(mu[0]) ** 2 / 4", "pseudoinverse"),
    Mutant("bound-without-slack", "pseudoinverse.py", "(1 + 16 * float(np.finfo(mu.dtype).eps))", "(1 - 1e-15)", "pseudoinverse"),
    Mutant("bound-unchecked", "pseudoinverse.py", "if reg > bound *", "if False and reg > bound *", "pseudoinverse"),
    Mutant("zero-root-allowed", "pseudoinverse.py", "if reg == 0 and (signs < 0).any():", "if False:", "pseudoinverse"),
    Mutant("rank-uncut", "pseudoinverse.py", "if r == len(s) else", "if r else", "pseudoinverse"),
    Mutant("rank-cutoff-1", "pseudoinverse.py", "10 * max(shape) * np", "0.1 * np", "pseudoinverse"),
    Mutant("inverse-not-descending", "pseudoinverse.py", "1 / self.s[::-1], ut", "1 / self.s, ut", "closed_form"),
    Mutant("least-norm-transposed", "pseudoinverse.py", "rows.T, trans=1)", "rows.T)", "pseudoinverse"),
    Mutant("least-norm-unchecked", "pseudoinverse.py", "< w.shape[0]:\n            raise", "< 0:\n            raise", "pseudoinverse"),
    Mutant("least-norm-widening", "pseudoinverse.py", "if w.shape[0] > w.shape[1]:", "if False:", "pseudoinverse"),
    Mutant("any-branch", "pseudoinverse.py", " or not np.isin(signs, (-1, 1)).all()", "", "pseudoinverse"),
    Mutant("pinv-cut", "pseudoinverse.py", "Svd(v, s, ut).with_values(s / (s**2 + reg))", "svd(features).with_values(svd(features).s / (svd(features).s**2 + reg))", "pseudoinverse"),
    # closed_form.py
    Mutant("m-below-k", "closed_form.py", "if m < k:", "if m < k - 1:", "closed_form"),
    Mutant("m-equal-to-k", "closed_form.py", "if m < k:", "if m <= k:", "closed_form"),
    Mutant("label-rank-unchecked", "closed_form.py", "if len(y.s) < k:", "if len(y.s) < 1:", "closed_form"),
    Mutant("projector-sign", "closed_form.py", "weights - labels.T @ z", "weights + labels.T @ z", "closed_form"),
    Mutant("no-projector", "closed_form.py", "z + y_pinv @ (weights - labels.T @ z)", "z + y_pinv @ weights", "closed_form"),
    Mutant("no-free-part", "closed_form.py", "z + y_pinv @ (weights - labels.T @ z)", "y_pinv @ weights", "closed_form"),
    Mutant("labels-not-inverted", "closed_form.py", "y.with_values(1 / y.s)", "y.with_values(y.s)", "closed_form"),
    Mutant("realistic-without-reg", "closed_form.py", "regularised_pinv(real, reg_s)", "regularised_pinv(real)", "closed_form"),
    Mutant("realistic-itself", "closed_form.py", "labels, regularised_pinv(real, reg_s))", "labels, real)", "closed_form"),
    Mutant("features-are-d", "closed_form.py", "target = svd(d).inverse()", "target = svd(d)", "closed_form"),
    Mutant("through-a-stored-inverse", "closed_form.py", "target = svd(d).inverse()", "target = svd(regularised_pinv(d))", "closed_form"),
    Mutant("solved-without-reg", "closed_form.py", "regularised(features, reg_s) @", "features @", "closed_form"),
    Mutant("recovered-without-reg", "closed_form.py", "regularised_pinv(features, reg_s)", "regularised_pinv(features)", "closed_form"),
    Mutant("error-unscaled", "closed_form.py", "(recovered - weights) / size,", "(recovered - weights),", "closed_form"),
    # nearest.py
    Mutant("nearest-projector-sign", "nearest.py", "px = x - (x @ q) @ q.T", "px = x + (x @ q) @ q.T", "nearest"),
    Mutant("nearest-no-projector", "nearest.py", "px = x - (x @ q) @ q.T", "px = x", "nearest"),
    Mutant("nearest-tail-short", "nearest.py", "tail = b[:, -k:]", "tail = b[:, -k + 1 :]", "nearest"),
    Mutant("nearest-tail-long", "nearest.py", "tail = b[:, -k:]", "tail = b[:, -k - 1 :]", "nearest"),
    Mutant("nearest-head", "nearest.py", "tail = b[:, -k:]", "tail = b[:, :k]", "nearest"),
    Mutant("nearest-distance", "nearest.py", "linalg.norm(t[-k:])", "linalg.norm(t[-k - 1 :])", "nearest"),
    Mutant("nearest-all-dropped", "nearest.py", "tail @ (tail.T @ px)", "px", "nearest"),
    Mutant("nearest-labels-of-w", "nearest.py", "labels = x @ weights.T", "labels = real @ weights.T", "nearest"),
    Mutant("nearest-without-reg", "nearest.py", "x = regularised(real, reg_s)", "x = real", "nearest"),
    Mutant("nearest-m-below-k", "nearest.py", "if m < k:", "if m <= k:", "nearest"),
    Mutant("nearest-unspanned", "nearest.py", "if m >= p:", "if m > p:", "nearest"),
    Mutant("nearest-spanned-early", "nearest.py", "if m >= p:", "if m >= p - k:", "nearest"),
    Mutant("nearest-singular-unchecked", "nearest.py", "if entering[-1] <=", "if -1 >", "nearest"),
    Mutant("nearest-singular-to-rounding", "nearest.py", "<= max(10 * p, 1000) * jnp", "<= p * jnp", "nearest"),
    Mutant("nearest-model-rank", "nearest.py", "if (r := rank(weights)) < k:", "if (r := rank(weights)) < 0:", "nearest"),
    Mutant("nearest-real-rank", "nearest.py", "if (r := rank(real)) <", "if (r := rank(real)) < 0 *", "nearest"),
    # ridge.py
    Mutant("gram-not-mirrored", "ridge.py", "lower + jnp.tril(lower, -1).T", "lower", "ridge"),
    Mutant("gram-diagonal-twice", "ridge.py", "jnp.tril(lower, -1).T", "lower.T", "ridge"),
    Mutant("gram-upper-strips", "ridge.py", "add(f[:, j:].T @", "add(f[:, :1].T @", "ridge"),
    Mutant("cross-of-labels", "ridge.py", "stats.cross + y.T @ f", "y.T @ f", "ridge"),
    Mutant("padding-counted", "ridge.py", "* real[:, None]", "* 1", "ridge"),
    Mutant("padding-in-count", "ridge.py", "dtype=f.dtype), real.sum())", "dtype=f.dtype), real.size)", "ridge"),
    Mutant("labels-unsigned", "ridge.py", "np.asarray(labels, np.int32)", "np.asarray(labels)", "ridge"),
    Mutant("scores-with-padding", "ridge.py", "np.concatenate(parts)[: len(images)]", "np.concatenate(parts)", "ridge"),
    Mutant("loss-sign", "ridge.py", "- 2 * jnp.vdot(weights, self.cross)", "+ 2 * jnp.vdot(weights, self.cross)", "ridge"),
    Mutant("loss-without-reg", "ridge.py", "return fit + reg * jnp.vdot(weights, weights)", "return fit", "ridge"),
    Mutant("solve-without-reg", "ridge.py", "self.gram + reg *", "self.gram + 0 *", "ridge"),
    Mutant("path-without-reg", "ridge.py", "self.values + reg, 1)", "self.values, 1)", "ridge"),
    Mutant("path-not-rotated", "ridge.py", "stats.cross @ vectors)", "stats.cross)", "ridge"),
    Mutant("path-zeros-inverted", "ridge.py", "kept = self.values >", "kept = self.values > -", "ridge"),
    Mutant("accuracy-of-first", "ridge.py", "self._filter(reg)).T, axis=1)", "self._filter(1.0)).T, axis=1)", "ridge"),
    Mutant("smaller-reg-wins", "ridge.py", "max(zip(validation, regs, strict=True))[1]", "regs[int(np.argmax(validation))]", "ridge"),
    Mutant("worst-reg-wins", "ridge.py", "best = max(zip(", "best = min(zip(", "ridge"),
    Mutant("validated-on-training-rows", "ridge.py", "jnp.asarray(images[val])), labels[val]", "jnp.asarray(images[train])), labels[train]", "ridge"),
    Mutant("trained-on-everything", "ridge.py", "_Rows(images, train), labels[train]", "images, labels", "ridge"),
    Mutant("split-without-key", "ridge.py", "np.random.default_rng(np.asarray(jax.random.key_data(key)))", "np.random.default_rng(0)", "ridge"),
    Mutant("refit-forgotten", "ridge.py", "        if refit:", "        if False:", "ridge"),
    Mutant("refit-on-validation-only", "ridge.py", "stats + RidgeStats.of(features", "RidgeStats.of(features", "ridge"),
    Mutant("grid-shifted", "ridge.py", "range(-12, 12)", "range(-12, 11)", "ridge"),
    Mutant("images-unchecked", "ridge.py", "        normalisation.check(images)\n        return", "        return", "ridge"),
    Mutant("statistics-of-other-models", "ridge.py", "if self.cross.shape != other.cross.shape:", "if False:", "ridge"),
    Mutant("sum-starts-anywhere", "ridge.py", "return self if other == 0 else NotImplemented", "return NotImplemented", "ridge"),
    Mutant("two-precisions", "ridge.py", "if jnp.result_type(leaf) != normalisation.dtype:", "if False:", "ridge"),
    Mutant("accuracy-of-any-labels", "ridge.py", '        _checks.labels("labels", labels, len(self.weights), len(images), every=False)\n', "", "ridge"),
    # features/fully_connected.py
    Mutant("leaky-slope", "features/fully_connected.py", "jax.nn.leaky_relu(seen[-1] @ w.T, self.slope)", "jax.nn.leaky_relu(seen[-1] @ w.T)", "features"),
    Mutant("slope-not-divided", "features/fully_connected.py", "x / self.slope", "x", "features"),
    Mutant("slope-multiplied", "features/fully_connected.py", "x / self.slope", "x * self.slope", "features"),
    Mutant("layers-inverted-forward", "features/fully_connected.py", "in reversed(list(enumerate(zip(self.weights, seen, strict=True), start=1))):", "in list(enumerate(zip(self.weights, seen, strict=True), start=1)):", "features"),
    Mutant("slope-unchecked", "features/fully_connected.py", "if not 0 < self.slope <", "if not -1 < self.slope <", "features"),
    Mutant("widening-unnamed", "features/fully_connected.py", "            if w.shape[0] > w.shape[1]:", "            if False:", "features"),
    Mutant("network-near-lost", "features/fully_connected.py", "else self._activations(near)[:-1]", "else [None] * len(self.weights)", "features"),
    Mutant("network-near-outputs", "features/fully_connected.py", "self._activations(near)[:-1]", "[near] + [jnp.zeros((len(near), len(w))) for w in self.weights[:-1]]", "features"),
    Mutant("fan-out", "features/fully_connected.py", "jnp.sqrt(jnp.asarray(fan_in, dtype))", "jnp.sqrt(jnp.asarray(out, dtype))", "features"),
    # features/fourier.py
    Mutant("fourier-sine", "features/fourier.py", "jnp.cos(x @ self.freq", "jnp.sin(x @ self.freq", "features"),
    Mutant("fourier-scale", "features/fourier.py", "jnp.sqrt(2 / self.dim_out) *", "jnp.sqrt(1 / self.dim_out) *", "features"),
    Mutant("fourier-phases-forgotten", "features/fourier.py", "jnp.cos(x @ self.frequencies.T + self.phases)", "jnp.cos(x @ self.frequencies.T)", "features"),
    Mutant("arccos-without-phases", "features/fourier.py", "angles - self.phases, near", "angles, near", "features"),
    Mutant("branch-without-phases", "features/fourier.py", "near @ self.frequencies.T + self.phases)", "near @ self.frequencies.T)", "features"),
    Mutant("one-branch", "features/fourier.py", "for a in (angles, -angles))", "for a in (angles, angles))", "features"),
    Mutant("half-turns", "features/fourier.py", "a + 2 * jnp.pi * jnp.round((wished - a) / (2 * jnp.pi))", "a + jnp.pi * jnp.round((wished - a) / jnp.pi)", "features"),
    Mutant("turns-the-other-way", "features/fourier.py", "jnp.round((wished - a) /", "jnp.round((a - wished) /", "features"),
    Mutant("farther-branch", "features/fourier.py", "<= abs(down - wished), up, down", "<= abs(down - wished), down, up", "features"),
    Mutant("branch-of-zero", "features/fourier.py", "if near is not None:", "if False:", "features"),
    # features/base.py
    Mutant("near-null-space-lost", "features/base.py", "near + least_norm(w, rows - near @ w.T, name)", "least_norm(w, rows, name)", "features"),
    Mutant("near-counted-twice", "features/base.py", "rows - near @ w.T, name)", "rows, name)", "features"),
    Mutant("near-unchecked", "features/base.py", "        if near is not None:\n            _checks", "        if False:\n            _checks", "features"),
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
    Mutant("coupling-fan-out", "features/coupling.py", "jnp.sqrt(jnp.asarray(fan_in, dtype))", "jnp.sqrt(jnp.asarray(out, dtype))", "coupling"),
    Mutant("coupling-one-coordinate", "features/coupling.py", "if dim < 2 or", "if dim < 1 or", "coupling"),
    # features/convolution.py
    Mutant("kernel-flipped", "features/convolution.py", "k[:, :, a, b], sp.kron", "k[:, :, -1 - a, -1 - b], sp.kron", "convolution"),
    Mutant("kernel-channels-swapped", "features/convolution.py", "sp.kron(k[:, :, a, b],", "sp.kron(k[:, :, a, b].T,", "convolution"),
    Mutant("channel-last-matrix", "features/convolution.py", "sp.kron(k[:, :, a, b], sp.kron(r, c))", "sp.kron(sp.kron(r, c), k[:, :, a, b])", "convolution"),
    Mutant("rows-for-columns", "features/convolution.py", "sp.kron(r, c))", "sp.kron(c, r))", "convolution"),
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
    Mutant("image-height-for-width", "features/convolution.py", "images = seen[-1].reshape(-1, *size)", "images = seen[-1].reshape(-1, size[0], size[2], size[1])", "convolution"),
    Mutant("cube-unchecked", "features/fourier.py", "if top > 1 + 64", "if top > 9e9 + 64", "features"),
    Mutant("range-scale-squared", "features/fourier.py", "1.0 if top <= 1 else 1 / top", "1.0 if top <= 1 else 1 / top**2", "features"),
    Mutant("range-scale-up", "features/fourier.py", "1.0 if top <= 1 else 1 / top", "1 / top", "features"),
    Mutant("kernel-width", "features/fourier.py", "jnp.sqrt(jnp.asarray(variance, dtype))", "jnp.asarray(variance, dtype)", "features"),
    Mutant("fourier-overcomplete", "features/fourier.py", "        if p > d:", "        if False:", "features"),
    # images.py
    Mutant("channel-last", "images.py", "jnp.moveaxis(x, 3, 1).reshape", "x.reshape", "images"),
    Mutant("inverse-channel-last", "images.py", "jnp.reshape(jnp.asarray(points), (-1, c, h, w)), 1, 3)", "jnp.reshape(jnp.asarray(points), (-1, h, w, c)), 3, 3)", "images"),
    Mutant("height-for-width", "images.py", "(-1, c, h, w)), 1, 3)", "(-1, c, w, h)), 1, 3)", "images"),
    Mutant("mean-forgotten", "images.py", " + jnp.asarray(self.mean, x.dtype)", "", "images"),
    Mutant("pixel-max-forgotten", "images.py", ".astype(self.dtype) / self.pixel_max", ".astype(self.dtype)", "images"),
    Mutant("stretch-together", "images.py", "x.min((1, 2, 3), keepdims=True), x.max((1, 2, 3), keepdims=True)", "x.min(), x.max()", "images"),
    Mutant("grid-columns-first", "images.py", "canvas.swapaxes(1, 2).reshape", "canvas.reshape", "images"),
    Mutant("grid-last-gap", "images.py", "rows * (h + gap) - gap,", "rows * (h + gap),", "images"),
    Mutant("grid-not-clipped", "images.py", "np.clip(picture, 0, 1)", "picture", "images"),
    Mutant("sample-by-class", "images.py", "np.stack(chosen, axis=1)", "np.stack(chosen, axis=0)", "images"),
    Mutant("sample-with-repetition", "images.py", "rounds, replace=False)", "rounds)", "images"),
    Mutant("sample-too-many", "images.py", "if not 1 <= rounds <= fewest:", "if not 1 <= rounds:", "images"),
    Mutant("white-unchecked", "images.py", "if not (_checks.number(white) and white > 0):", "if False:", "images"),
    Mutant("white-ignored", "images.py", "x = x / white", "x = x / 255", "images"),
    Mutant("pixel-max-not-given-back", "images.py", ") * self.pixel_max", ")", "images"),
    # _checks.py
    Mutant("nan-unseen", "_checks.py", "    if bad:", "    if False:", "closed_form"),
    Mutant("overflow-is-infinity", "_checks.py", "    if bad:", "    if True:", "pseudoinverse"),
    Mutant("negative-reg", "_checks.py", "number(value) and value >= 0", "number(value)", "pseudoinverse"),
    Mutant("nan-reg", "_checks.py", "number(value) and value >= 0", "not value < 0", "pseudoinverse"),
    Mutant("empty-class", "_checks.py", "if every and not seen.all():", "if False:", "ridge"),
    Mutant("label-too-large", "_checks.py", "values.max() >= classes", "values.max() > classes", "ridge"),
    # algorithm.py
    Mutant("reg-not-scaled", "algorithm.py", "reg_s = scale**2 * reg_s", "reg_s = reg_s", "algorithm"),
    Mutant("reg-scaled-once", "algorithm.py", "reg_s = scale**2 * reg_s", "reg_s = scale * reg_s", "algorithm"),
    Mutant("not-scaled-into-range", "algorithm.py", "scale = phi.range_scale(features)", "scale = 1.0", "algorithm"),
    Mutant("features-for-points", "algorithm.py", "points = phi.inverse(features, near=None if real is None else samples)", "points = features", "algorithm"),
    Mutant("real-samples-forgotten", "algorithm.py", "near=None if real is None else samples", "near=None", "algorithm"),
    Mutant("near-nothing", "algorithm.py", "near=None if real is None else samples", "near=jnp.zeros((m, phi.dim_in)) if real is None else samples", "algorithm"),
    Mutant("refuse-clips", "algorithm.py", 'if too_large == "clip" and reg_s > 0:', "if reg_s > 0:", "algorithm"),
    Mutant("clip-refuses", "algorithm.py", "reg_s = min(reg_s, largest_reg(target.s))", "reg_s = reg_s", "algorithm"),
    Mutant("clip-to-the-bound", "algorithm.py", "min(reg_s, largest_reg(target.s))", "largest_reg(target.s)", "algorithm"),
    Mutant("branch-forgotten", "algorithm.py", "else branch\n", 'else "+"\n', "algorithm"),
    Mutant("noise-without-key", "algorithm.py", "rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))", "rng = np.random.default_rng(0)", "algorithm"),
    Mutant("noise-unscaled", "algorithm.py", "z = noise * float(np.std(np.asarray(smallest))) *", "z = noise *", "algorithm"),
    Mutant("realistic-is-noise", "algorithm.py", "labels, real, reg_s)).inverse()", "labels, 0 * real, reg_s)).inverse()", "algorithm"),
    Mutant("real-with-reg-forgotten", "algorithm.py", "closed_form.realistic_matrix(weights, labels, real, reg_s)", "closed_form.realistic_matrix(weights, labels, real)", "algorithm"),
    Mutant("nearest-with-reg-forgotten", "algorithm.py", "nearest_set(weights, real, reg_s)", "nearest_set(weights, real)", "algorithm"),
    Mutant("labels-with-reg-forgotten", "algorithm.py", "closed_form.solved_labels(weights, real, reg_s)", "closed_form.solved_labels(weights, real)", "algorithm"),
    Mutant("label-rule-ignored", "algorithm.py", 'if rule == "one-hot":', "if False:", "algorithm"),
    Mutant("auto-is-one-hot", "algorithm.py", 'if rule == "model" or rank(outputs) == len(weights):', 'if rule == "model":', "algorithm"),
    Mutant("auto-is-model", "algorithm.py", 'if rule == "model" or rank(outputs) == len(weights):', "if True:", "algorithm"),
    Mutant("model-rank-unchecked", "algorithm.py", "if (r := rank(weights)) < k:", "if (r := rank(weights)) < 0:", "algorithm"),
    Mutant("m-below-k-allowed", "algorithm.py", "    if m < k:", "    if m < k - 1:", "algorithm"),
    Mutant("error-of-the-scaled-model", "algorithm.py", "recovered if scale == 1 else scale * recovered)", "recovered)", "algorithm"),
    Mutant("asked-reg-lost", "algorithm.py", '"reg_s_asked": reg_s,', '"reg_s_asked": 0.0,', "algorithm"),
    Mutant("pool-unchecked", "algorithm.py", "    model.normalisation.check(chosen)\n", "", "algorithm"),
    Mutant("farther-roots", "algorithm.py", "extent >= target.s / 2, 1.0, -1.0", "extent >= target.s / 2, -1.0, 1.0", "algorithm"),
    Mutant("nearer-roots-by-reg", "algorithm.py", "extent >= target.s / 2", "extent >= np.sqrt(reg_s)", "algorithm"),
    Mutant("always-the-large-root", "algorithm.py", "if real is None or reg_s == 0:", "if True:", "algorithm"),
    Mutant("m-not-whole", "algorithm.py", "_checks.number(m) and m == int(m)", "_checks.number(m)", "algorithm"),
    Mutant("distance-to-nothing", "algorithm.py", '"distance": closed_form.recovery_error(samples, points)', '"distance": closed_form.recovery_error(real, features)', "algorithm"),
    # distilled_set.py
    Mutant("trained-without-reg", "distilled_set.py", "self.labels, self.reg_s)\n", "self.labels)\n", "distilled_set"),
    Mutant("pickles-allowed", "distilled_set.py", "allow_pickle=False", "allow_pickle=True", "distilled_set"),
    Mutant("any-magic", "distilled_set.py", 'if file.read(4) != b"PK\\3\\4":', "if False:", "distilled_set"),
    Mutant("newer-version-read", "distilled_set.py", 'if header["version"] > _FORMAT["version"]:', "if False:", "distilled_set"),
    Mutant("any-format", "distilled_set.py", ' or header.get("format") != _FORMAT["format"]', "", "distilled_set"),
    Mutant("saved-in-place", "distilled_set.py", 'with os.fdopen(handle, "wb") as file:', 'with open(path, "wb") as file:', "distilled_set"),
    Mutant("partial-left", "distilled_set.py", "            os.unlink(partial)\n", "", "distilled_set"),
    Mutant("private-file", "distilled_set.py", "            os.chmod(partial, 0o644)", "            pass", "distilled_set"),
    Mutant("slope-lost", "distilled_set.py", "            plain[field.name] = value\n", "            pass\n", "distilled_set"),
    Mutant("layers-reordered", "distilled_set.py", 'for i in range(entry["arrays"]))', 'for i in reversed(range(entry["arrays"])))', "distilled_set"),
    Mutant("dtype-lost", "distilled_set.py", 'tuple(n["std"]), n["dtype"]', 'tuple(n["std"])', "distilled_set"),
    Mutant("inputs-unfitted", "distilled_set.py", "if self.normalisation.dim != self.feature_map.dim_in:", "if False:", "distilled_set"),
    Mutant("unknown-map-saved", "distilled_set.py", "if KINDS.get(kind) is not type(phi):", "if False:", "distilled_set"),
    # __init__.py
    Mutant("32-bit", "__init__.py", '"jax_enable_x64", True', '"jax_enable_x64", False', "ridge"),
)
# fmt: on

UNCHANGED = tuple(
    Mutant(f"unchanged-{tests}", "__init__.py", "__version__", "__version__", tests)
    for tests in sorted({mutant.tests for mutant in MUTANTS})
)


def changed_copy(mutant: Mutant, folder: Path) -> None:
    """The library with its mutation, and the tests of the mathematics."""
    shutil.copytree(
        ROOT / "distill_lib", folder / "distill_lib", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(
        ROOT / "tests", folder / "tests", ignore=lambda _, names: [n for n in names if not n.endswith(".py")]
    )
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

    status = pytest.main(["-x", "--tb=line", "-p", "no:cacheprovider", f"tests/test_{mutant.tests}.py"])
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
            outcome(os.waitstatus_to_exitcode(status), (folder / mutant.name / "output").read_text()),
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
    chosen = tuple(mutant for mutant in MUTANTS if mutant.name in options.names or not options.names)
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
                print(f"test_{mutant.tests}.py fails on the unchanged library: {result}")
                return 1
        for mutant, result in outcomes(chosen, options.jobs, Path(temporary)):
            bad += not result.startswith("killed")
            print(f"{mutant.name:32} {result}", flush=True)
    print(f"{len(chosen) - bad} of {len(chosen)} mutants killed in {time.monotonic() - began:.0f} s")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
