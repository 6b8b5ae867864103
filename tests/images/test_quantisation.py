"""Images as b-bit integers: what comes back, and how much of it."""

import numpy as np
import pytest
from helpers import scales, seeds
from hypothesis import given
from hypothesis import strategies as st

import distill_lib as dl

PIXELS = (4, 3, 3, 2)
bits = st.integers(1, 32)


def pictures(seed, scale):
    rng = np.random.default_rng(seed)
    return scale * (
        rng.normal(size=PIXELS) * 10.0 ** rng.uniform(-2, 2, size=(4, 1, 1, 1)) + rng.normal()
    )


# Storing


@given(seeds, scales, bits, st.sampled_from(("set", "image")))
def test_images_come_back_within_half_a_step(seed, scale, b, limits):
    x = pictures(seed, scale)
    stored = dl.quantise(x, b, limits)
    span = np.ptp(x, axis=(1, 2, 3)).reshape(-1, 1, 1, 1) if limits == "image" else np.ptp(x)
    assert np.allclose(stored.scale, span / (2**b - 1), rtol=1e-12)
    rounding = 1e-14 * np.abs(x).max()
    assert (np.abs(dl.restore(stored) - x) <= stored.scale / 2 + rounding).all()
    assert stored.codes.dtype.kind == "u"
    assert stored.codes.min() == 0
    assert stored.codes.max() == 2**b - 1
    assert 8 * stored.codes.dtype.itemsize < 2 * max(b, 8)


@given(seeds, scales, st.integers(1, 31), st.sampled_from(("set", "image")))
def test_another_bit_halves_the_step(seed, scale, b, limits):
    x = pictures(seed, scale)
    fewer, more = dl.quantise(x, b, limits), dl.quantise(x, b + 1, limits)
    assert (more.scale < fewer.scale / 2).all()
    if limits == "image":
        assert (fewer.scale <= dl.quantise(x, b, "set").scale).all()


@given(seeds, scales, bits, st.sampled_from(("set", "image")))
def test_what_was_stored_is_stored_exactly(seed, scale, b, limits):
    once = dl.quantise(pictures(seed, scale), b, limits)
    again = dl.quantise(dl.restore(once), b, limits)
    assert np.array_equal(once.codes, again.codes)


@given(seeds, bits)
def test_a_fixed_range_clips(seed, b):
    x = pictures(seed, 100.0)
    stored = dl.quantise(x, b, (0, 255))
    assert np.allclose(stored.scale, 255 / (2**b - 1))
    assert (stored.offset == 0).all()
    assert (np.abs(dl.restore(stored) - np.clip(x, 0, 255)) <= stored.scale / 2 + 1e-11).all()


def test_ordinary_pixels_are_their_own_codes():
    x = np.arange(256).reshape(4, 8, 8, 1)
    assert np.array_equal(dl.quantise(x, 8, (0, 255)).codes, x)
    # Less than half a grey level is rounded away: a distilled set that near becomes the real images
    # again.
    near = np.clip(x + np.random.default_rng(0).uniform(-0.499, 0.499, x.shape), -0.499, 255.499)
    assert np.array_equal(dl.quantise(near, 8, (0, 255)).codes, x)
    assert dl.quantise(x, 8, (0, 255)).codes.dtype == np.uint8
    assert dl.quantise(x, 9, (0, 255)).codes.dtype == np.uint16


def test_rounding_is_to_the_nearest_code():
    x = np.array([[0.0, 0.49, 0.51, 1.49, 2.51, 3.0]])
    assert dl.quantise(x, 2).codes.tolist() == [[0, 0, 1, 1, 3, 3]]


@given(st.floats(-1e6, 1e6), bits, st.sampled_from(("set", "image")))
def test_a_constant_image_is_stored_exactly(value, b, limits):
    with np.errstate(all="raise"):
        stored = dl.quantise(np.full((2, 3, 3, 1), value), b, limits)
    assert (stored.scale == 0).all()
    assert (stored.codes == 0).all()
    assert (dl.restore(stored) == value).all()


def test_one_constant_image_leaves_the_others_their_scale():
    x = np.stack([np.full(9, 5.0), np.arange(9.0)])
    assert np.array_equal(dl.restore(dl.quantise(x, 8, "image"))[0], x[0])
    assert np.abs(dl.restore(dl.quantise(x, 8, "image"))[1] - x[1]).max() <= 4 / 255


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: dl.quantise(x, 0), "bits = 0 cannot be stored; give an integer from 1 to 32"),
        (lambda x: dl.quantise(x, 33), "bits = 33 cannot be stored"),
        (lambda x: dl.quantise(x, 7.5), "bits = 7.5 cannot be stored"),
        (lambda x: dl.quantise(x, "8"), "bits = '8' cannot be stored"),
        (lambda x: dl.quantise(x, np.nan), "bits = nan cannot be stored"),
        (lambda x: dl.quantise(x * np.nan, 8), "images holds 12 entries that are NaN"),
        (lambda x: dl.quantise(x / 0.0, 8), "images holds 12 entries that are NaN or infinite"),
        (lambda x: dl.quantise(x[0], 8), r"need shape \(m, ...\) with entries, not \(4,\)"),
        (lambda x: dl.quantise(x[:0], 8), r"with entries, not \(0, 4\)"),
        (
            lambda x: dl.quantise(x, 8, "pixel"),
            "limits is 'pixel'; it must be 'set', 'image' or a pair",
        ),
        (lambda x: dl.quantise(x, 8, (1, 1)), r"limits = \(1, 1\) is no range"),
        (lambda x: dl.quantise(x, 8, (0, np.inf)), "is no range; give"),
        (lambda x: dl.quantise(x, 8, (0, 1, 2)), "is no range; give"),
    ],
)
def test_bad_input_is_one_sentence(call, message):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0).uniform(1, 2, size=(3, 4)))
