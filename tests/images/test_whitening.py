"""Regularised ZCA: its definition in NumPy, its inverse, and that it takes the place of a
normalisation.
"""

import jax
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.images import whitening
from distill_lib.images.whitening import Whitening

SHAPE = (3, 2, 2)
NORM = dl.Normalisation(SHAPE, 255.0, (0.4, 0.6), (0.2, 0.3))


def images(seed, n=60):
    """Bytes whose neighbours are correlated."""
    rng = np.random.default_rng(seed)
    x = 128 + 40 * rng.normal(size=(n, *SHAPE)) @ np.array([[1, 0.8], [0, 0.6]])
    return np.clip(x + 30 * rng.normal(size=(n, 1, 1, 1)), 0, 255).astype(np.uint8)


def definition(x, reg):
    c = np.cov(x.T, bias=True)
    s, u = np.linalg.eigh(c)
    return (x - x.mean(0)) @ (u / np.sqrt(s + reg * np.trace(c) / len(c))) @ u.T


@settings(max_examples=15)
@given(seeds, st.sampled_from((1e-3, 0.1, 10.0)))
def test_whitening_is_its_definition_and_is_undone(seed, reg):
    x = images(seed)
    made = Whitening.of(x, NORM, reg)
    assert np.allclose(made(x), definition(np.asarray(NORM(x)), reg), rtol=1e-9, atol=1e-9)
    assert np.allclose(made.inverse(made(x)), x, rtol=1e-9, atol=1e-8)
    # Variances go from s to s / (s + reg tr(C) / d): the smaller reg, the nearer to 1.
    spread = np.linalg.eigvalsh(np.cov(np.asarray(made(x)).T, bias=True))
    assert spread.max() <= 1 + 1e-9
    if reg == 1e-3:
        assert spread.min() > 0.95


def test_without_a_regulariser_to_speak_of_the_covariance_is_the_identity():
    made = Whitening.of(images(0), NORM, 1e-9)
    assert np.allclose(np.cov(np.asarray(made(images(0))).T, bias=True), np.eye(12), atol=1e-6)


def test_the_batches_make_no_difference(monkeypatch):
    whole = Whitening.of(images(1), NORM)
    monkeypatch.setattr(whitening, "_BATCH", 7)
    for one, other in zip(
        jax.tree.leaves(whole), jax.tree.leaves(Whitening.of(images(1), NORM)), strict=True
    ):
        assert np.allclose(one, other, rtol=1e-10, atol=1e-12)


def test_a_set_with_whitened_points_survives_its_file(tmp_path):
    made = Whitening.of(images(2), NORM)
    x = images(2)[:4]
    labels = np.eye(3)[[0, 1, 2, 0]]
    one = dl.DistilledSet(made(x), labels, 0.1, dl.Linear(12), made, "one-hot", "by hand", {})
    one.save(tmp_path / "set.npz")
    other = dl.DistilledSet.load(tmp_path / "set.npz")
    assert np.array_equal(one.scores(images(3)), other.scores(images(3)))
    assert np.allclose(other.images(), x, atol=1e-8)


def test_ridge_regression_takes_it():
    x, y = images(4, 90), np.arange(90) % 3
    made = Whitening.of(x, NORM)
    model = dl.fit(x, y, dl.Linear(12), made, key=jax.random.key(0), regs=(1.0,), val_fraction=0)
    z = np.asarray(made(x))
    assert np.allclose(
        model.weights, np.linalg.solve(z.T @ z + np.eye(12), z.T @ np.eye(3)[y]).T, rtol=1e-8
    )


def test_float32_inputs_from_sums_in_float64():
    low = dl.Normalisation(SHAPE, 255.0, NORM.mean, NORM.std, "float32")
    made, fine = Whitening.of(images(5), low), Whitening.of(images(5), NORM)
    assert made(images(5)).dtype == np.float32
    assert np.allclose(made.forward, fine.forward, rtol=1e-4, atol=1e-5)


WRONG = {
    "images of other channels": (lambda: Whitening.of(images(0)[..., :1], NORM), r"images have shape \(60, 3, 2, 1\)"),
    "one image": (lambda: Whitening.of(images(0)[:1], NORM), "1 images without any difference .* give the training set"),
    "equal images": (lambda: Whitening.of(images(0)[[0] * 5], NORM), "5 images without any difference"),
    "no regularisation": (lambda: Whitening.of(images(0), NORM, 0.0), "reg = 0.0 must be a finite number above 0"),
    "images of NaN": (lambda: Whitening.of(np.full((2, *SHAPE), np.nan), NORM), "images holds 24 entries"),
    "a matrix of other pixels": (lambda: Whitening(NORM, np.zeros(12), np.eye(3), np.eye(12)), r"forward has shape \(3, 3\), but the images have 12"),
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
