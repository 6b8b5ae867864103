"""Convolution layers: the matrix is the convolution, the inverse is exact and nearest, and rank
decides where it ends.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given
from hypothesis import strategies as st
from messages import each

from distill_lib import Convolution, Normalisation
from distill_lib.features.convolution import convolution_matrix

# (c_out, c_in, kh, kw), (h, w), stride, padding
LAYERS = (
    ((2, 3, 3, 2), (5, 4), 1, "VALID"),
    ((2, 2, 2, 3), (4, 5), 1, "SAME"),
    ((3, 2, 3, 3), (5, 7), 2, "SAME"),
    ((4, 1, 2, 4), (6, 8), 2, "VALID"),
    ((2, 2, 1, 2), (4, 3), 3, "SAME"),
)
N = 2


@st.composite
def layers(draw):
    rng = np.random.default_rng(draw(seeds))
    shape, image, stride, padding = draw(st.sampled_from(LAYERS))
    return rng.normal(size=shape), image, stride, padding, rng


def convolved(kernel, images, stride, padding):
    """The definition, one output at a time; images (n, c, h, w)."""
    (c_out, _, kh, kw), (n, _, h, w) = kernel.shape, images.shape
    if padding == "SAME":
        out_h, out_w = math.ceil(h / stride), math.ceil(w / stride)
        total = [
            max((out - 1) * stride + k - size, 0)
            for out, k, size in ((out_h, kh, h), (out_w, kw, w))
        ]
        images = np.pad(images, ((0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)))
    else:
        out_h, out_w = (h - kh) // stride + 1, (w - kw) // stride + 1
    out = np.empty((n, c_out, out_h, out_w))
    for i in range(out_h):
        for j in range(out_w):
            window = images[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
            out[:, :, i, j] = np.einsum("ncab,ocab->no", window, kernel)
    return out


def leaky(x, slope):
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


# The map and its matrix


@given(layers(), st.sampled_from((0.0, 0.1, 1.0)))
def test_convolution_is_its_definition(layer, slope):
    kernel, (h, w), stride, padding, rng = layer
    phi = Convolution((jnp.asarray(kernel),), (h, w, kernel.shape[1]), stride, padding, slope)
    images = rng.normal(size=(N, kernel.shape[1], h, w))
    wanted = leaky(convolved(kernel, images, stride, padding), slope).reshape(N, -1)
    assert (phi.dim_in, phi.dim_out) == (images[0].size, wanted.shape[1])
    assert np.allclose(phi(images.reshape(N, -1)), wanted, rtol=0, atol=1e-12)


@given(layers())
def test_the_matrix_is_the_convolution(layer):
    kernel, (h, w), stride, padding, _ = layer
    a = convolution_matrix(kernel, h, w, stride, padding)
    inputs = np.eye(a.shape[1]).reshape(-1, kernel.shape[1], h, w)
    assert np.array_equal(
        a.toarray().T, convolved(kernel, inputs, stride, padding).reshape(len(inputs), -1)
    )
    assert a.nnz <= a.shape[0] * kernel[0].size


def kronecker(kernel, image, stride, offsets):
    """The sum of the taps times the selections of rows and of columns, each with its offset."""

    def seen(n, tap, offset):
        inputs = stride * np.arange(math.ceil(n / stride)) + tap - offset
        return (inputs[:, None] == np.arange(n)).astype(float)

    taps = np.ndindex(kernel.shape[2:])
    return sum(
        np.kron(kernel[:, :, a, b], np.kron(seen(image[0], a, o), seen(image[1], b, p)))
        for a, b in taps
        for o, p in [offsets]
    )


@pytest.mark.parametrize(
    ("shape", "image", "stride", "offsets"),
    [((2, 3, 3, 2), (5, 7), 2, (1, 0)), ((1, 1, 1, 3), (1, 6), 1, (0, 1))],
)
def test_rows_and_columns_have_offsets_of_their_own(shape, image, stride, offsets):
    kernel = np.random.default_rng(0).normal(size=shape)
    a = convolution_matrix(kernel, *image, stride).toarray()
    assert np.allclose(a, kronecker(kernel, image, stride, offsets), rtol=0, atol=1e-14)
    for one in offsets:
        assert not np.allclose(a, kronecker(kernel, image, stride, (one, one)))


def test_stride_one_gives_toeplitz_blocks_of_toeplitz_blocks():
    a = convolution_matrix(np.random.default_rng(0).normal(size=(2, 3, 3, 3)), 4, 5).toarray()
    blocks = a.reshape(2, 4, 5, 3, 4, 5)  # output channel, row, column; input channel, row, column
    assert np.array_equal(blocks[:, 1:, :, :, 1:, :], blocks[:, :-1, :, :, :-1, :])
    assert np.array_equal(blocks[..., 1:, :, :, 1:], blocks[..., :-1, :, :, :-1])


def test_images_are_flattened_as_the_normalisation_does():
    rng = np.random.default_rng(0)
    images, kernel = rng.normal(size=(N, 5, 4, 3)), rng.normal(size=(2, 3, 3, 2))
    x = Normalisation((5, 4, 3), 1.0, (0.0,) * 3, (1.0,) * 3)(images)
    phi = Convolution((jnp.asarray(kernel),), (5, 4, 3), slope=1.0)
    wanted = convolved(kernel, np.moveaxis(images, 3, 1), 1, "SAME").reshape(N, -1)
    assert np.allclose(phi(x), wanted, rtol=0, atol=1e-12)


def test_layers_follow_each_other():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(3, 2, 3, 3)), rng.normal(size=(4, 3, 2, 2))
    phi = Convolution((jnp.asarray(one), jnp.asarray(two)), (7, 5, 2), 2, "SAME", 0.3)
    images = rng.normal(size=(N, 2, 7, 5))
    wanted = leaky(convolved(one, images, 2, "SAME"), 0.3)
    wanted = leaky(convolved(two, wanted, 2, "SAME"), 0.3)
    assert np.allclose(phi(images.reshape(N, -1)), wanted.reshape(N, -1), rtol=0, atol=1e-12)
    assert phi.dim_out == wanted[0].size


# Right inverses


@given(layers(), st.sampled_from((0.05, 1.0, 3.0)), st.floats(-3, 3))
def test_the_inverse_is_exact_and_nearest(layer, slope, exponent):
    kernel, (h, w), stride, padding, rng = layer
    kernel = 10.0**exponent * kernel
    a = convolution_matrix(kernel, h, w, stride, padding).toarray()
    s = np.linalg.svd(a, compute_uv=False)
    phi = Convolution((jnp.asarray(kernel),), (h, w, kernel.shape[1]), stride, padding, slope)
    features = 10.0**-exponent * rng.normal(size=(N, phi.dim_out))
    if a.shape[0] > a.shape[1] or s[-1] < 1e-9 * s[0]:
        return
    near = rng.normal(size=(N, phi.dim_in))
    y = np.where(features >= 0, features, features / slope)
    for x, start in ((phi.inverse(features), 0 * near), (phi.inverse(features, near), near)):
        size = np.linalg.norm(y) + s[0] * np.linalg.norm(start)
        assert np.linalg.norm(np.asarray(x) @ a.T - y) <= 1e-14 * s[0] / s[-1] * size
        assert np.linalg.norm(phi(x) - features) <= 1e-14 * max(slope, 1) * s[0] / s[-1] * size
        nearest = start + (y - start @ a.T) @ np.linalg.pinv(a).T
        assert np.allclose(
            x, nearest, rtol=0, atol=1e-13 * (s[0] / s[-1]) ** 2 * (np.linalg.norm(nearest) + 1)
        )


def test_the_inverse_goes_through_several_layers_near_the_activations():
    rng = np.random.default_rng(0)
    kernels = rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(1, 2, 2, 2))
    phi = Convolution(tuple(map(jnp.asarray, kernels)), (6, 5, 2), 1, "VALID", 0.2)
    features, near = rng.normal(size=(N, phi.dim_out)), rng.normal(size=(N, phi.dim_in))
    first, second = (
        convolution_matrix(kernels[0], 6, 5, 1, "VALID"),
        convolution_matrix(kernels[1], 4, 3, 1, "VALID"),
    )
    for start in (None, near):
        x = phi.inverse(features, start)
        assert np.allclose(phi(x), features, rtol=0, atol=1e-11)
        at = 0 * near if start is None else near
        y = np.where(features >= 0, features, features / 0.2)
        seen = leaky(at @ first.T, 0.2)
        middle = seen + (y - seen @ second.T) @ np.linalg.pinv(second.toarray()).T
        y = np.where(middle >= 0, middle, middle / 0.2)
        wanted = at + (y - at @ first.T) @ np.linalg.pinv(first.toarray()).T
        assert np.allclose(x, wanted, rtol=0, atol=1e-10)
    assert np.allclose(phi.inverse(phi(near), near), near, rtol=0, atol=1e-12)
    assert not np.allclose(phi.inverse(phi(near)), near, rtol=0, atol=0.1)


def test_a_small_singular_value_is_not_squared():
    """The condition number 1e9 costs nine digits; of A A^T it would cost all."""
    kernel = np.array([[[[0.0, 1.0, 2.0]]]])
    a = convolution_matrix(kernel, 1, 28)
    s = np.linalg.svd(a.toarray(), compute_uv=False)
    assert 1e8 < s[0] / s[-1] < 1e9
    phi = Convolution((jnp.asarray(kernel),), (1, 28, 1), slope=1.0)
    features = np.random.default_rng(0).normal(size=(N, 28))
    x = phi.inverse(features)
    assert np.linalg.norm(phi(x) - features) < 1e-7 * np.linalg.norm(features)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_that_of_the_map(dtype):
    phi = Convolution.random(jax.random.key(0), (5, 4, 2), (2,), padding="VALID", dtype=dtype)
    f = jnp.linspace(-1, 1, 2 * phi.dim_out, dtype=dtype).reshape(2, -1)
    x = phi.inverse(f)
    assert x.dtype == phi(x).dtype == dtype
    assert np.allclose(phi(x), f, atol=1e-4 if dtype == "float32" else 1e-12)


# Rank


@given(
    st.sampled_from([(1, 1, 2, 2), (1, 1, 3, 2), (1, 2, 3, 3), (2, 2, 2, 2), (2, 3, 3, 1)]), seeds
)
def test_without_padding_singular_values_lie_between_those_of_the_symbol(shape, seed):
    kernel = np.random.default_rng(seed).normal(size=shape)
    s = np.linalg.svd(convolution_matrix(kernel, 5, 6, 1, "VALID").toarray(), compute_uv=False)
    # Parseval's identity holds on every grid that is not coarser than the image.
    symbol = np.linalg.svd(np.fft.fft2(kernel, (6, 6)).transpose(2, 3, 0, 1), compute_uv=False)
    assert symbol.min() <= s[-1] * (1 + 1e-9)
    assert s[0] <= symbol.max() * (1 + 1e-9)
    assert s[-1] > 1e-9 * s[0]  # full row rank


def test_the_first_tap_alone_makes_full_rank():
    """One output channel without padding: every kernel but zero, here those with taps at one place."""
    for a in range(3):
        for b in range(3):
            kernel = np.zeros((1, 1, 3, 3))
            kernel[0, 0, a, b] = -2.0
            s = np.linalg.svd(
                convolution_matrix(kernel, 5, 5, 1, "VALID").toarray(), compute_uv=False
            )
            assert np.allclose(s, 2)


@given(seeds)
def test_a_dominant_centre_keeps_a_padded_layer_regular(seed):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(2, 2, 3, 3))
    kernel[:, :, 1, 1] += 20 * np.linalg.qr(rng.normal(size=(2, 2)))[0]
    taps = np.linalg.norm(kernel, 2, axis=(0, 1))
    centre = np.linalg.svd(kernel[:, :, 1, 1], compute_uv=False)[-1]
    bound = centre - (taps.sum() - taps[1, 1])
    s = np.linalg.svd(convolution_matrix(kernel, 4, 5).toarray(), compute_uv=False)
    assert s[-1] >= bound - 1e-9


def full_rank(kernel, side):
    s = np.linalg.svd(convolution_matrix(kernel, side, side).toarray(), compute_uv=False)
    return s[-1] > 1e-9 * s[0]


@given(st.sampled_from([(1, 1, 3, 3), (2, 2, 3, 3), (1, 2, 2, 3), (2, 3, 2, 2)]), seeds)
def test_with_zeros_around_almost_every_kernel_has_full_row_rank(shape, seed):
    """A minor of the matrix is a polynomial in the taps, and 1 where the centre alone is [I, 0]."""
    kernel, (rows, cols, a, b) = np.zeros(shape), shape
    kernel[:, :, (a - 1) // 2, (b - 1) // 2] = np.eye(rows, cols)
    for side in (3, 5):
        matrix = convolution_matrix(kernel, side, side).toarray()
        assert np.array_equal(matrix, np.eye(*matrix.shape))
        assert full_rank(np.random.default_rng(seed).normal(size=shape), side)


def test_with_zeros_around_the_symbol_does_not_decide_the_rank():
    mean = np.ones((1, 1, 3, 3))
    assert [full_rank(mean, side) for side in (7, 8, 9)] == [True, False, True]
    shift = np.array([[[[0.0, 0.0, 1.0]]]])  # its symbol has modulus 1
    matrices = (convolution_matrix(shift, 1, n).toarray() for n in (3, 6))
    assert [np.linalg.matrix_rank(a) for a in matrices] == [2, 5]


def test_a_zero_of_the_symbol_costs_nothing_as_one_side_grows_alone():
    """1 + z_1 + z_2 on three rows: [[1 + z, 1, 0], [0, 1 + z, 1]], of rank 2 everywhere."""
    kernel = np.array([[[[1.0, 1.0], [1.0, 0.0]]]])
    z = np.exp(1j * np.linspace(0, 2 * np.pi, 2000))
    rows = np.array([[1 + z, 0 * z + 1, 0 * z], [0 * z, 1 + z, 0 * z + 1]]).transpose(2, 0, 1)
    s = np.linalg.svd(rows, compute_uv=False)
    bound = s.max() / s.min()
    assert bound < 10

    def condition(height, width):
        return np.linalg.cond(convolution_matrix(kernel, height, width, 1, "VALID").toarray())

    assert [condition(3, width) <= bound * (1 + 1e-5) for width in (10, 40, 100)] == [True] * 3
    assert condition(30, 30) > 2 * bound


def test_convolutions_commute_only_where_both_sides_have_room():
    """Two kernels on one channel of two rows, which are two channels in one direction."""
    kernel = np.random.default_rng(1).normal(size=(2, 1, 2, 2))
    for height, width, full in ((2, 10, True), (2, 60, True), (3, 3, False)):
        a = convolution_matrix(kernel, height, width, 1, "VALID").toarray()
        s = np.linalg.svd(a, compute_uv=False)
        assert (a.shape[0] <= a.shape[1] and s[-1] > 1e-9 * s[0]) == full


RNG = np.random.default_rng(0)
PAIR = RNG.normal(size=(2, 2, 3, 3))
SINGULAR = {
    # kernel, side, padding, rank
    "convolutions commute, 3 x 3": (RNG.normal(size=(2, 1, 2, 2)), 3, "VALID", 7),
    "convolutions commute, 10 x 10": (RNG.normal(size=(2, 1, 4, 4)), 10, "VALID", 82),
    "zero channel": (PAIR * np.array([1.0, 0.0])[:, None, None, None], 8, "VALID", 36),
    "proportional channels": (np.concatenate([PAIR[:1], 2 * PAIR[:1]]), 8, "VALID", 36),
    "proportional channels, padded": (np.concatenate([PAIR[:1], -0.7 * PAIR[:1]]), 8, "SAME", 64),
    "mean of 3 x 3": (np.ones((1, 1, 3, 3)), 8, "SAME", 49),
    "one tap, in the padding": (np.eye(1, 9).reshape(1, 1, 3, 3), 6, "SAME", 25),
    "zero": (np.zeros((1, 1, 2, 2)), 3, "VALID", 0),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_a_layer_without_full_rank_is_refused(name):
    kernel, side, padding, rank = SINGULAR[name]
    a = convolution_matrix(kernel, side, side, 1, padding)
    assert a.shape[0] <= a.shape[1]
    assert np.linalg.matrix_rank(a.toarray()) == rank < a.shape[0]
    phi = Convolution((jnp.asarray(kernel),), (side, side, kernel.shape[1]), 1, padding)
    message = rf"the matrix of layer 1 \({a.shape[0]} x {a.shape[1]}\) lacks full row rank: its smallest singular value is"
    with pytest.raises(ValueError, match=message):
        phi.inverse(np.ones((N, phi.dim_out)))


@pytest.mark.parametrize(("side", "singular"), [(5, True), (6, False), (7, False), (8, True)])
def test_the_mean_filter_is_singular_every_third_size(side, singular):
    phi = Convolution((jnp.ones((1, 1, 3, 3)),), (side, side, 1))
    f = np.ones((N, phi.dim_out))
    if singular:
        with pytest.raises(ValueError, match="lacks full row rank"):
            phi.inverse(f)
    else:
        assert np.allclose(phi(phi.inverse(f)), f)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_units_of_a_kernel_do_not_matter(scale):
    regular, singular = (
        Convolution((jnp.asarray(scale * kernel),), (8, 8, 2), 1, "VALID")
        for kernel in (PAIR, SINGULAR["proportional channels"][0])
    )
    f = scale * np.ones((N, regular.dim_out))
    assert np.allclose(regular(regular.inverse(f)), f, rtol=1e-12)
    with pytest.raises(ValueError, match="lacks full row rank"):
        singular.inverse(f)


def test_a_truncation_may_be_too_ill_conditioned():
    """Determinant 1, smallest singular value at most 2^-(n-1)."""
    a = convolution_matrix(np.array([[[[0.0, 1.0, 2.0]]]]), 1, 45).toarray()
    assert np.isclose(np.prod(np.diag(a)), 1)
    assert np.array_equal(a, np.triu(a))
    assert np.isclose(np.linalg.norm(a @ (-0.5) ** np.arange(45)), 2.0**-44)
    with pytest.raises(ValueError, match="lacks full row rank"):
        Convolution((jnp.asarray([[[[0.0, 1.0, 2.0]]]]),), (1, 45, 1)).inverse(np.ones((1, 45)))


def test_a_symbol_that_winds_around_zero_costs_a_power_only_if_it_has_all_coefficients():
    """Coefficients 1 / |j|^3 beside a 4, moved by one; (0, 1, 2) loses a factor with each entry."""

    def least(coefficient, n):
        i = np.arange(n)
        return np.linalg.svd(coefficient(i[None] - i[:, None] - 1), compute_uv=False)[-1]

    def all_of_them(j):
        return np.where(j == 0, 4, 1 / np.maximum(abs(j), 1.0) ** 3)

    def banded(j):
        return (j == -1) + 2.0 * (j == 0)

    assert np.isclose(least(all_of_them, 80) / least(all_of_them, 40), 2.0**-3, rtol=0.1)
    assert least(banded, 40) < 1e-5 * least(banded, 20)


# Where there is no inverse, or no map


@pytest.mark.parametrize(
    ("phi", "message"),
    [
        (Convolution((jnp.ones((3, 2, 1, 1)),), (4, 4, 2)), "layer 1 widens from 32 to 48"),
        (
            Convolution((jnp.ones((1, 2, 2, 2)), jnp.ones((5, 1, 1, 1))), (4, 4, 2), 1, "VALID"),
            "layer 2 widens from 9 to 45",
        ),
        (
            Convolution((jnp.ones((1, 1, 1, 1)),), (4, 4, 1), slope=0.0),
            "slope 0.0 is not invertible",
        ),
        (
            Convolution((jnp.ones((1, 1, 1, 1)),), (4, 4, 1), slope=-0.1),
            "slope -0.1 is not invertible",
        ),
        (
            Convolution((jnp.ones((1, 1, 1, 1)),), (4, 4, 1), slope=math.nan),
            "slope nan is not invertible",
        ),
    ],
)
def test_maps_without_a_right_inverse_say_so(phi, message):
    assert phi(np.ones((N, phi.dim_in))).shape == (N, phi.dim_out)  # a feature map all the same
    with pytest.raises(ValueError, match=message):
        phi.inverse(np.ones((N, phi.dim_out)))


def made(*arguments):
    return lambda phi: Convolution(*arguments)


def random(channels, size):
    return lambda phi: Convolution.random(jax.random.key(0), (4, 4, 1), channels, size)


TWO = np.ones((1, 1, 2, 2))
WRONG = {
    "images without channels": (made((TWO,), (4, 4)), r"not \(4, 4\) and 1"),
    "images without pixels": (made((TWO,), (4, 0, 1)), r"not \(4, 0, 1\) and 1"),
    "a stride of 0": (made((TWO,), (4, 4, 1), 0), r"not \(4, 4, 1\) and 0"),
    "an unknown padding": (made((TWO,), (4, 4, 1), 1, "FULL"), "padding is 'FULL'"),
    "no kernel": (made((), (4, 4, 1)), "at least one kernel"),
    "a kernel without outputs": (made((np.ones((1, 2, 2)),), (4, 4, 1)), "at least one kernel, each of shape"),
    "a kernel of other channels": (made((np.ones((1, 2, 2, 2)),), (4, 4, 1)), r"layer 1 has a kernel of shape \(1, 2, 2, 2\) .* 1 channels and 4 x 4"),
    "a kernel larger than the image": (made((np.ones((1, 1, 5, 2)),), (4, 4, 1), 1, "VALID"), r"layer 1 has a kernel of shape \(1, 1, 5, 2\)"),
    "a second kernel of other channels": (made((np.ones((2, 1, 3, 3)), np.ones((1, 1, 1, 1))), (4, 4, 1), 1, "VALID"), "layer 2 .* 2 channels and 2 x 2"),
    "random, no layer": (random((), 3), "and size = 3"),
    "random, no channel": (random((2, 0), 3), "and size = 3"),
    "random, a kernel of size 0": (random((2,), 0), "and size = 0"),
    "features of another size": (lambda phi: phi.inverse(np.ones((3, 5))), r"features has shape \(3, 5\), .* \(any, 4\)"),
    "features of NaN": (lambda phi: phi.inverse(np.full((N, 4), np.nan)), "features holds 8 entries that are NaN"),
    "points near of another size": (lambda phi: phi.inverse(np.ones((N, 4)), np.ones((N, 4))), r"near has shape \(2, 4\), .* \(2, 16\)"),
}  # fmt: skip


@each(WRONG)
def test_impossible_maps_and_features_are_refused(wrong, words):
    phi = Convolution.random(jax.random.key(0), (4, 4, 1), (1,), padding="VALID")
    with pytest.raises(ValueError, match=words):
        wrong(phi)


def test_random_kernels_have_variance_one_over_fan_in():
    phi = Convolution.random(jax.random.key(0), (4, 4, 9), (20, 9), 3, 2, "SAME", 0.3)
    assert [k.shape for k in phi.kernels] == [(20, 9, 3, 3), (9, 20, 3, 3)]
    for k in phi.kernels:
        assert np.isclose(np.var(k) * k[0].size, 1, atol=0.1)
    assert (phi.shape, phi.stride, phi.padding, phi.slope) == ((4, 4, 9), 2, "SAME", 0.3)
