"""The linear map on bytes: sums of whole numbers, every bit right whatever the order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.images.whitening import Whitening
from distill_lib.ridge import bytes as of_bytes
from distill_lib.ridge import sums

SHAPE, K = (2, 3, 2), 3
P = 12
LINEAR = dl.Linear(P)
PLAIN = dl.Normalisation(SHAPE, 255.0, (0, 0), (1 / 255,) * 2)  # inputs are the pixels themselves


def pictures(seed, n, top=256):
    rng = np.random.default_rng(seed)
    return rng.integers(0, top, (n, *SHAPE), np.uint8), rng.integers(0, K, n)


def flat(images):
    return images.transpose(0, 3, 1, 2).reshape(len(images), P)


def of_whole_numbers(images, labels):
    x, y = flat(images).astype(np.int64), np.eye(K, dtype=np.int64)[labels]
    return x.T @ x, y.T @ x


@pytest.fixture
def in_strips(monkeypatch):
    """Several strips, the last one smaller."""
    monkeypatch.setattr(of_bytes, "_STRIP", 5)
    monkeypatch.setattr(sums, "STRIP", 5)


@given(seeds, st.sampled_from((1, 700, 5000)))
def test_of_pixels_every_sum_is_the_whole_number(seed, n):
    images, labels = pictures(seed, n)
    stats = dl.RidgeStats.of_images(images, labels, K, LINEAR, PLAIN)
    gram, cross = of_whole_numbers(images, labels)
    assert np.array_equal(stats.gram, gram)
    assert np.array_equal(stats.cross, cross)
    assert (stats.count, stats.label_sq) == (n, n)


@pytest.mark.usefixtures("in_strips")
def test_strips_make_the_whole_matrix():
    images, labels = pictures(0, 3000)
    stats = dl.RidgeStats.of_images(images, labels, K, LINEAR, PLAIN)
    gram, cross = of_whole_numbers(images, labels)
    assert np.array_equal(stats.gram, gram)
    assert np.array_equal(stats.cross, cross)


@pytest.mark.parametrize("bottom", [0, 252])
def test_the_largest_sums_in_single_precision_are_exact(bottom):
    """1,024 products of 128 and 128 are 2^24, the last whole number before a gap."""
    images, labels = pictures(0, 5000, 4)
    images += np.uint8(bottom)
    images[:, 1] = bottom
    made = of_bytes.ByteSums(P, K, PLAIN)
    made.add(images, labels)
    made._keep()
    u = flat(images).astype(np.int64) - of_bytes.MIDDLE
    assert np.array_equal(np.triu(made.gram), np.triu(u.T @ u))


def test_the_bits_do_not_depend_on_the_order():
    norm = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4))
    images, labels = pictures(1, 3000)
    order = np.random.default_rng(0).permutation(3000)
    one, other = (
        dl.RidgeStats.of_images(images[i], labels[i], K, LINEAR, norm) for i in (slice(None), order)
    )
    assert jax.tree.all(jax.tree.map(np.array_equal, one, other))


@given(seeds, st.sampled_from((4, 256)), st.floats(20, 1000), st.floats(-3, 3), st.floats(1e-3, 10))
def test_the_inputs_lose_no_digit_wherever_they_lie(seed, top, white, mean, std):
    """Against extended precision, relative to the sums of the inputs' own sizes."""
    images, labels = pictures(seed, 50, top)
    norm = dl.Normalisation(SHAPE, white, (mean, mean / 2), (std, 1.0))
    stats = dl.RidgeStats.of_images(images, labels, K, LINEAR, norm)
    shift, scale = (
        np.repeat(np.array(v, np.longdouble), 6) for v in ((mean, mean / 2), (std, 1.0))
    )
    x = (flat(images) / np.longdouble(white) - shift) / scale
    y = np.eye(K)[labels]
    # What rounding of the offset's last part, below 1/2 of a pixel, can be.
    size = np.sqrt((x**2).sum(0)) + np.sqrt(50) / (white * scale)
    # The offset itself, pixel_max times the mean, is known to eps of itself.
    known = np.sqrt(50) * abs(shift) / scale
    eps = np.finfo(float).eps
    allowed = 20 * eps * (np.outer(size, size) + np.outer(size, known) + np.outer(known, size))
    assert (np.abs(np.asarray(stats.gram) - x.T @ x) <= allowed).all()
    assert (np.abs(np.asarray(stats.cross) - y.T @ x) <= 20 * eps * 50 * (size + known)).all()


def test_equal_pixels_have_equal_sums():
    """Pixels that never change give equal rows of G, whose rank is not to depend on rounding."""
    images, labels = pictures(2, 500)
    images[:, 0] = 0
    norm = dl.Normalisation(SHAPE, 255.0, (0.1307, 0.1307), (0.3081, 0.3081))
    gram = np.asarray(dl.RidgeStats.of_images(images, labels, K, LINEAR, norm).gram)
    black = np.flatnonzero((flat(images) == 0).all(axis=0))
    assert len(black) == 6
    assert (gram[black] == gram[black[0]]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_and_floats_add_up_in_the_wished_precision(dtype):
    norm = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4), dtype=dtype)
    images, labels = pictures(3, 20)
    both = sums.HostSums(P, K, jnp.dtype(dtype))
    both.add_images(LINEAR, norm, images[:7], np.where(np.arange(7) < 5, labels[:7], -1))
    both.add_images(LINEAR, norm, images[7:12].astype(float), labels[7:12])
    both.add_images(LINEAR, norm, images[12:], labels[12:])
    made = dl.RidgeStats(*both.whole())
    seen = np.r_[:5, 7:20]
    x = flat((images[seen] / 255 - np.array(norm.mean)) / np.array(norm.std))
    y = np.eye(K)[labels[seen]]
    tolerance = 50 * np.finfo(dtype).eps
    assert np.allclose(made.gram, x.T @ x, rtol=0, atol=tolerance * np.abs(x.T @ x).max())
    assert np.allclose(made.cross, y.T @ x, rtol=0, atol=tolerance * np.abs(x).sum(0).max())
    assert (made.count, made.label_sq) == (18, 18)
    assert {leaf.dtype for leaf in (made.gram, made.cross, made.label_sq)} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    "phi", [dl.FullyConnected.random(jax.random.key(0), (P, P)), dl.Linear(P)], ids=["layer", "x"]
)
def test_only_bytes_under_the_linear_map_are_added_as_whole_numbers(phi):
    images, labels = pictures(4, 30)
    both = sums.HostSums(P, K, np.dtype(float))
    both.add_images(phi, Whitening.of(images, PLAIN), images, labels)
    both.add_images(phi, PLAIN, images.astype(np.uint16), labels)
    assert both.bytes is None
    both.add_images(phi, PLAIN, images, labels)
    assert (both.bytes is not None) == isinstance(phi, dl.Linear)


def test_batches_of_two_normalisations_each_have_their_own():
    form, other = sums.HostSums(P, K, float), dl.Normalisation(SHAPE, 200.0, (0.3, 0.4), (0.5, 2.0))
    parts = [(norm, *pictures(seed, 20)) for seed, norm in enumerate((PLAIN, other, PLAIN))]
    for norm, images, labels in parts:
        form.add_images(LINEAR, norm, images, labels)
    gram, cross, _, count = form.whole()
    x = np.concatenate([np.asarray(norm(images)) for norm, images, _ in parts])
    y = np.eye(K)[np.concatenate([labels for *_, labels in parts])]
    assert np.allclose(gram, x.T @ x, rtol=1e-13)
    assert np.allclose(cross, y.T @ x, rtol=1e-12)
    assert count == len(x)
