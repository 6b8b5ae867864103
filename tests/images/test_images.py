"""Normalisation, picture grids and class-balanced samples."""

import dataclasses
import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.ridge import batches

SHAPES = ((2, 3, 1), (3, 2, 2), (2, 2, 3), (1, 1, 1))


@st.composite
def normalisations(draw, dtype="float64"):
    rng = np.random.default_rng(draw(seeds))
    shape = draw(st.sampled_from(SHAPES))
    mean, std = rng.uniform(size=shape[2]), rng.uniform(0.1, 1, size=shape[2])
    pixel_max = draw(st.sampled_from((1.0, 16.0, 255.0)))
    return dl.Normalisation(shape, pixel_max, tuple(mean.tolist()), tuple(std.tolist()), dtype), rng


@given(normalisations())
def test_inputs_are_normalised_by_channel_and_laid_out_channel_first(drawn):
    normalisation, rng = drawn
    h, w, c = normalisation.shape
    images = rng.uniform(0, normalisation.pixel_max, (2, h, w, c))
    assert normalisation.dim == h * w * c
    wanted = np.empty((2, normalisation.dim))
    for image in range(2):
        for channel in range(c):
            for row in range(h):
                for column in range(w):
                    pixel = images[image, row, column, channel] / normalisation.pixel_max
                    value = (pixel - normalisation.mean[channel]) / normalisation.std[channel]
                    wanted[image, channel * h * w + row * w + column] = value
    assert np.allclose(normalisation(images), wanted, rtol=1e-13, atol=1e-13)


@given(normalisations())
def test_the_inverse_gives_the_images_back(drawn):
    normalisation, rng = drawn
    images = rng.uniform(
        -1, 2 * normalisation.pixel_max, (2, *normalisation.shape)
    )  # beyond black and white too
    assert np.allclose(
        normalisation.inverse(normalisation(images)), images, atol=1e-13 * normalisation.pixel_max
    )
    points = rng.normal(size=(3, normalisation.dim))
    assert np.allclose(normalisation(normalisation.inverse(points)), points, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pixels", ["uint8", "int64", "float32", "float64"])
def test_inputs_have_the_wished_precision(dtype, pixels):
    normalisation = dl.Normalisation((2, 3, 1), 255.0, (0.1,), (0.3,), dtype)
    x = normalisation(np.full((2, 2, 3, 1), 200).astype(pixels))
    assert x.dtype == normalisation.inverse(x).dtype == dtype
    assert np.allclose(x, (200 / 255 - 0.1) / 0.3, rtol=1e-6)


def normalised(shape=(2, 3, 1), white=255.0, mean=(0.1,), std=(0.3,), dtype="float64"):
    return lambda: dl.Normalisation(shape, white, mean, std, dtype)


def checked(images):
    return lambda: normalised()().check(images)


def grid(images, **options):
    return lambda: dl.picture_grid(images, **options)


def sampled(labels, classes):
    return lambda: dl.balanced_sample(jax.random.key(0), labels, 1, classes)


ONE = np.zeros((1, 2, 2, 1))
NO_PRECISION = r"network inputs cannot be of .*; give float64 or float32"
WRONG = {
    "images without channels": (normalised((2, 3)), r"\(height, width, channels\), not \(2, 3\)"),
    "images without pixels": (normalised((2, 0, 1)), r"not \(2, 0, 1\)"),
    "one mean for three channels": (normalised((2, 3, 3)), "each of 3 channels"),
    "two means for one channel": (normalised(mean=(0.1, 0.2)), "each of 1 channels"),
    "a std of 0": (normalised(std=(0.0,)), "a positive std"),
    "a std of NaN": (normalised(std=(np.nan,)), "a positive std"),
    "an infinite mean": (normalised(mean=(np.inf,), std=(0.1,)), "a mean and a positive std"),
    "white at 0": (normalised(white=0.0), "pixel_max"),
    "white at NaN": (normalised(white=np.nan), "pixel_max"),
    **{f"inputs of {dtype}": (normalised(dtype=dtype), NO_PRECISION) for dtype in ("int32", "float16", "bfloat16", complex)},
    "images on their side": (checked(np.zeros((5, 3, 2, 1))), r"shape \(5, 3, 2, 1\); \(n, 2, 3, 1\)"),
    "one image": (checked(np.zeros((2, 3, 1))), r"shape \(2, 3, 1\)"),
    "no image": (checked(np.zeros((0, 2, 3, 1))), r"shape \(0, 2, 3, 1\)"),
    "images of NaN": (checked(np.full((5, 2, 3, 1), np.nan)), "images holds 30 entries"),
    "complex images": (checked(np.zeros((5, 2, 3, 1), complex)), "images .* complex numbers"),
    "images of objects": (checked(np.zeros((5, 2, 3, 1), object)), "images .* objects"),
    "a grid of no image": (grid(ONE[:0]), r"not shape \(0, 2, 2, 1\)"),
    "a grid of one image alone": (grid(ONE[0]), r"not shape \(2, 2, 1\)"),
    "a grid of two channels": (grid(np.zeros((1, 2, 2, 2))), r"not shape \(1, 2, 2, 2\)"),
    "a grid of four channels": (grid(np.zeros((1, 2, 2, 4))), r"not shape \(1, 2, 2, 4\)"),
    "a grid without a column": (grid(ONE, columns=0), "at least one column"),
    "a grid, white at 0": (grid(ONE, white=0.0), "white = 0.0 cannot be shown as white"),
    "a grid, white below 0": (grid(ONE, white=-1), "white = -1 cannot"),
    "a grid, white at NaN": (grid(ONE, white=np.nan), "white = nan cannot"),
    "a grid of NaN": (grid(ONE * np.nan), "images holds 4 entries"),
    "a sample of more classes": (sampled([0, 1, 2], 2), "labels holds 0..2, but 2 classes"),
    "a sample without a class": (sampled([0, 2, 2], 3), "no sample of class 1"),
    "a sample of floats": (sampled([0.0, 1.0], 2), "of float64"),
    "a sample of an empty list": (sampled([], 2), r"must be .* not shape \(0,\) of float64"),
    "a sample of nothing": (sampled(np.zeros(0, int), 2), "no sample of class 0, 1"),
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


# Ranges

WHITES = (1.0, 16.0, 255.0, 65535.0)


def ramp(white, dtype):
    """Images whose pixels fill 0..white."""
    values = np.linspace(0, white, 60).reshape(5, 2, 3, 2)
    return (np.rint(values) if np.dtype(dtype).kind == "u" else values).astype(dtype)


def told(normalisation, images):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        normalisation.check(images)
    return [str(one.message) for one in seen]


def of_white(white, shape=(2, 3, 2)):
    return dl.Normalisation(shape, white, (0.1,) * shape[2], (0.3,) * shape[2])


@pytest.mark.parametrize("white", WHITES)
@pytest.mark.parametrize("own", WHITES)
def test_images_in_another_range_are_told_of_with_both_ranges(own, white):
    told_of = [told(of_white(white), ramp(own, np.float64))]
    if own > 1:
        told_of.append(told(of_white(white), np.rint(ramp(own, np.float64))))  # whole numbers
    for number, one in enumerate(told_of):
        above = (
            own > white and number == 0 and own > 1
        )  # fractions beyond white are distilled images
        assert bool(one) == (own != white and not above)
        assert not one or (
            f"largest of the images' pixels is {own:g}, but white is {white:g}" in one[0]
        )
    if own == white:
        assert of_white(1.0).for_white(white) == of_white(white)


@pytest.mark.parametrize("white", WHITES)
def test_no_range_is_seen_where_there_is_none(white):
    """Dark bytes, black images and distilled images, which leave their range freely."""
    dark = np.zeros((5, 2, 3, 2))
    dark[2, 1, 1, 0] = 1
    rng = np.random.default_rng(0)
    assert not told(of_white(white), dark.astype(np.uint8))
    assert not told(of_white(white), 0 * dark)
    assert not told(of_white(white), white * 100 * rng.normal(size=(5, 2, 3, 2)))
    bright = np.concatenate([dark, ramp(white, np.float64)])  # a dark batch beside others
    assert not told(of_white(white), bright)


def test_a_range_is_stated_where_a_model_predicts():
    images = ramp(255.0, np.uint8)
    model = dl.RidgeModel(np.eye(3, 12), dl.Linear(12), of_white(255.0), 0.0, (), ())
    wanted = model.scores(images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.allclose(model.scores(images / 255, white=1.0), wanted)
    with pytest.warns(UserWarning, match="is 1, but white is 255"):
        model.predict(images / 255)


def test_images_are_read_in_batches_and_only_once(tmp_path):
    """A memory map stays one: what has been read is counted."""

    class Counted(np.memmap):
        read = 0

        def __getitem__(self, rows):
            part = super().__getitem__(rows)
            Counted.read += len(part)
            assert len(part) <= 4
            return np.asarray(part)

    np.save(tmp_path / "x.npy", ramp(255.0, np.float64).repeat(2, axis=0))
    array = np.load(tmp_path / "x.npy", mmap_mode="r").view(Counted)
    wanted = dl.RidgeStats.of_images(
        np.asarray(array), [0, 1] * 5, 2, dl.Linear(12), of_white(255.0)
    )
    Counted.read = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH", 4)
        made = dl.RidgeStats.of_images(array, [0, 1] * 5, 2, dl.Linear(12), of_white(255.0))
    assert Counted.read == 10
    assert np.allclose(made.gram, wanted.gram)


@pytest.mark.parametrize("dtype", [np.float64, jnp.float64, np.dtype("float64"), "float64", float])
@pytest.mark.parametrize(
    "numbers", [tuple, list, np.array, jnp.array, lambda x: np.array(x, np.float32)]
)
def test_a_normalisation_is_plain_however_it_is_written(dtype, numbers):
    made = dl.Normalisation(
        numbers((2, 3, 2)).astype(int) if dtype is float and numbers is np.array else [2, 3, 2],
        np.float32(255),
        numbers((0.25, 0.5)),
        numbers((0.5, 0.125)),
        dtype,
    )
    assert made == dl.Normalisation((2, 3, 2), 255.0, (0.25, 0.5), (0.5, 0.125))
    assert json.loads(json.dumps(dataclasses.asdict(made)))["dtype"] == "float64"
    assert hash(made.shape + made.mean + made.std)
    made.check(ramp(255.0, np.uint8).tolist())  # a list in place of an array, too


# picture_grid


@given(
    seeds,
    st.sampled_from(((2, 3, 1), (2, 2, 3))),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(0, 2),
    st.integers(1, 3),
)
def test_grid_geometry(seed, shape, n, columns, gap, zoom):
    h, w, _ = shape
    images = np.random.default_rng(seed).uniform(-0.2, 1.2, (n, *shape))
    picture = dl.picture_grid(16 * images, columns, white=16, gap=gap, zoom=zoom)
    rows = -(-n // columns)
    assert picture.dtype == np.uint8
    assert picture.shape == (zoom * (rows * (h + gap) - gap), zoom * (columns * (w + gap) - gap), 3)
    wanted = np.full(picture.shape, 255)  # gaps and empty places are white
    for i, image in enumerate(images):
        for y in range(h):
            for x in range(w):
                top, left = (i // columns) * (h + gap) + y, (i % columns) * (w + gap) + x
                colour = np.round(255 * np.clip(image[y, x], 0, 1))
                wanted[zoom * top : zoom * (top + 1), zoom * left : zoom * (left + 1)] = colour
    assert np.array_equal(picture, wanted)


@given(seeds, st.floats(-100, 100), st.floats(1e-3, 1e3))
def test_stretch_shows_each_image_from_black_to_white(seed, shift, scale):
    images = np.random.default_rng(seed).uniform(size=(3, 2, 2, 3))
    pictures = [dl.picture_grid(images[i : i + 1] * scale + shift, 1) for i in range(3)]
    for image, picture in zip(images, pictures, strict=True):
        wanted = 255 * (image - image.min()) / (image.max() - image.min())
        assert np.abs(picture - wanted).max() < 0.51
    together = dl.picture_grid(images * scale + shift, 3, gap=0)
    assert np.array_equal(together, np.concatenate(pictures, axis=1))


def test_with_a_white_pictures_share_one_scale():
    images = np.stack([np.full((2, 2, 1), v) for v in (-1.0, 0.0, 0.5, 1.0, 2.0)])
    picture = dl.picture_grid(images, 5, white=1, gap=0)
    assert np.array_equal(picture[0, ::2, 0], [0, 0, 128, 255, 255])


def test_an_image_of_one_value_stretches_to_black():
    assert (dl.picture_grid(np.full((1, 2, 2, 1), 7.0), 1) == 0).all()


def test_saved_pictures_are_the_picture(tmp_path):
    from PIL import Image

    picture = dl.picture_grid(np.random.default_rng(0).uniform(size=(4, 3, 2, 3)), 2)
    dl.save_picture(picture, tmp_path / "grid.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "grid.png")), picture)


# balanced_sample


@given(seeds, st.integers(1, 5), st.data())
def test_samples_are_balanced_distinct_and_in_rounds(seed, classes, data):
    rng = np.random.default_rng(seed)
    fewest = data.draw(st.integers(1, 4))
    labels = rng.permutation(np.repeat(np.arange(classes), rng.integers(fewest, 6, classes)))
    fewest = np.bincount(labels).min()
    m = data.draw(st.integers(1, int(fewest) * classes))
    index = dl.balanced_sample(jax.random.key(seed), labels, m, classes)
    assert len(set(index.tolist())) == m
    assert np.array_equal(labels[index], np.arange(m) % classes)
    for bad in (0, -1, int(fewest) * classes + 1):
        with pytest.raises(
            ValueError,
            match=(
                f"{bad} class-balanced samples .* smallest class has {fewest}; choose "
                f"1..{fewest * classes}"
            ),
        ):
            dl.balanced_sample(jax.random.key(seed), labels, bad, classes)


def test_samples_follow_the_key_and_reach_every_one():
    labels = np.repeat([0, 1], 10)
    drawn = [dl.balanced_sample(jax.random.key(i), labels, 2, 2) for i in range(200)]
    assert np.array_equal(drawn[7], dl.balanced_sample(jax.random.key(7), labels, 2, 2))
    assert set(np.concatenate(drawn).tolist()) == set(range(20))
