"""Feature maps: their definitions, their right inverses, and where those end."""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import condition, matrix, scales, seeds
from hypothesis import given
from hypothesis import strategies as st
from messages import each

from distill_lib import AffineCoupling, Convolution, FullyConnected, Linear, RandomFourier
from distill_lib.features import KINDS
from distill_lib.features.fourier import cosine

WIDTHS = ((6, 4), (6, 6), (1, 1), (7, 5, 3), (6, 5, 5, 2))
FOURIER = ((6, 6), (6, 4), (5, 1))  # d, p
N = 3


@st.composite
def networks(draw):
    rng = np.random.default_rng(draw(seeds))
    widths = draw(st.sampled_from(WIDTHS))
    slope = draw(st.sampled_from((0.01, 0.1, 0.5, 1.0, 3.0)))
    layers = tuple(matrix(rng, out, fan_in) for fan_in, out in pairwise(widths))
    return FullyConnected(tuple(map(jnp.asarray, layers)), slope), layers, slope, rng


@st.composite
def fouriers(draw):
    rng = np.random.default_rng(draw(seeds))
    d, p = draw(st.sampled_from(FOURIER))
    a = matrix(rng, p, d, scale=draw(scales))
    b = rng.uniform(0, draw(st.sampled_from((math.pi, 2 * math.pi))), p)
    return RandomFourier(jnp.asarray(a), jnp.asarray(b)), a, b, rng


def network(layers, slope, x):
    for w in layers:
        x = x @ w.T
        x = np.maximum(x, 0) + slope * np.minimum(x, 0)
    return x


# Forward passes


@given(networks(), scales)
def test_fully_connected_is_its_definition(net, scale):
    phi, layers, slope, rng = net
    x = scale * rng.normal(size=(N, phi.dim_in))
    assert phi.dim_in == layers[0].shape[1]
    assert phi.dim_out == layers[-1].shape[0]
    assert np.allclose(phi(x), network(layers, slope, x), rtol=1e-11, atol=1e-11 * scale)


@given(fouriers())
def test_random_fourier_is_its_definition(features):
    phi, a, b, rng = features
    p, d = a.shape
    x = rng.normal(size=(N, d)) / np.linalg.norm(a, 2)
    wanted = [[math.sqrt(2 / p) * math.cos(a[j] @ row + b[j]) for j in range(p)] for row in x]
    assert (phi.dim_in, phi.dim_out) == (d, p)
    assert np.allclose(phi(x), wanted, rtol=0, atol=1e-13)


MAPS = {
    "linear": Linear(6),
    "network": FullyConnected.random(jax.random.key(0), (6, 5, 4)),
    "steep": FullyConnected.random(jax.random.key(0), (6, 5), slope=3.0),
    "deep linear": KINDS["DeepLinear"].random(jax.random.key(1), (6, 4, 5)),
    "fourier": RandomFourier.random(jax.random.key(2), 6, 4, variance=1.0),
    "coupling": AffineCoupling.random(jax.random.key(3), 6),
    "float32": FullyConnected.random(jax.random.key(0), (6, 5), dtype=jnp.float32),
}


@pytest.mark.parametrize("name", MAPS)
@given(seeds, scales)
def test_features_in_main_memory_are_those_of_a_call(name, seed, scale):
    phi = MAPS[name]
    x = scale * np.random.default_rng(seed).normal(size=(70, 6))
    x = x.astype("float32" if name == "float32" else "float64")
    before, made, called = x.copy(), phi.on_host(x), np.asarray(phi(x))
    assert isinstance(made, np.ndarray)
    assert made.dtype == called.dtype == x.dtype
    assert np.linalg.norm(made - called) <= 100 * max(1, scale) * np.finfo(
        x.dtype
    ).eps * np.linalg.norm(called)
    assert np.array_equal(x, before)


class Doubled(FullyConnected):
    """A map made from another one."""

    def __call__(self, x):
        return 2 * super().__call__(x)


def test_a_map_made_from_another_is_itself_in_main_memory_too():
    phi, x = Doubled.random(jax.random.key(0), (6, 5)), np.eye(6)
    assert np.allclose(phi.on_host(x), phi(x), rtol=1e-14)
    assert not np.allclose(phi.on_host(x), FullyConnected(phi.weights).on_host(x))


def test_linear_is_the_identity():
    x = np.arange(6.0).reshape(2, 3)
    phi = Linear(3)
    assert (phi.dim_in, phi.dim_out) == (3, 3)
    assert phi(x) is x
    assert phi.inverse(x) is x
    assert phi.range_scale(1e9 * x) == 1


def test_every_kind_is_listed_under_its_name():
    assert {kind: cls.__name__ for kind, cls in KINDS.items()} == {kind: kind for kind in KINDS}
    assert set(KINDS.values()) >= {
        Linear,
        FullyConnected,
        RandomFourier,
        AffineCoupling,
        Convolution,
    }


# Right inverses


@given(networks(), scales)
def test_fully_connected_inverse_is_a_right_inverse(net, scale):
    phi, layers, slope, rng = net
    f = scale * rng.normal(size=(N, phi.dim_out))
    x = np.asarray(phi.inverse(f))
    steep = max(slope, 1 / slope) ** len(layers)
    assert np.linalg.norm(network(layers, slope, x) - f) <= 1e-14 * condition(
        *layers
    ) * steep * np.linalg.norm(f)
    # The points lie in the row space of W_1: no shorter ones have the same first layer.
    rest = np.eye(phi.dim_in) - np.linalg.pinv(layers[0]) @ layers[0]
    assert np.linalg.norm(x @ rest) <= 1e-12 * np.linalg.norm(x)
    assert phi.range_scale(f) == 1


@given(networks())
def test_fully_connected_inverse_undoes_the_map_where_it_is_bijective(net):
    phi, layers, slope, rng = net
    if phi.dim_in == phi.dim_out:
        x = rng.normal(size=(N, phi.dim_in))
        assert np.allclose(
            phi.inverse(phi(x)), x, atol=1e-12 * condition(*layers) * max(slope, 1 / slope)
        )


@given(seeds, st.floats(-3, 15))
def test_the_cosine_of_the_processor_is_known_to_rounding(seed, size):
    a = 10.0**size * np.random.default_rng(seed).normal(size=64)
    eps = np.finfo(float).eps
    found = np.asarray(cosine(a))
    assert (np.abs(found - np.cos(a)) <= 2 * eps * np.maximum(1, np.abs(a))).all()
    assert np.abs(found).max() <= 1 + eps
    assert np.array_equal(cosine(-a), found)


def test_the_cosine_at_its_ends():
    quarter = np.array([0, 0.5, 1, 1.5, 2, 1e8]) * np.pi
    assert np.allclose(cosine(quarter), np.cos(quarter), rtol=0, atol=1e-16)
    assert np.isfinite(np.asarray(cosine(np.array([1e17, 1e300])))).all()
    assert np.isnan(np.asarray(cosine(np.array([np.inf, -np.inf, np.nan])))).all()


@given(fouriers(), st.floats(1e-6, 1))
def test_random_fourier_inverse_is_a_right_inverse_in_the_cube(features, reach):
    phi, a, b, rng = features
    p = len(a)
    f = math.sqrt(2 / p) * rng.uniform(-reach, reach, (N, p))
    f[0, 0] = math.sqrt(2 / p)  # the corner of the cube
    x = np.asarray(phi.inverse(f))
    again = math.sqrt(2 / p) * np.cos(x @ a.T + b)
    assert np.allclose(again, f, rtol=0, atol=1e-13 * condition(a))
    angles = x @ a.T + b
    slack = 1e-12 * condition(a)
    assert ((angles >= -slack) & (angles <= math.pi + slack)).all()
    rest = np.eye(a.shape[1]) - np.linalg.pinv(a) @ a
    assert np.linalg.norm(x @ rest) <= 1e-12 * condition(a) * np.linalg.norm(x)
    assert np.isclose(phi.range_scale(f), 1, rtol=1e-14)
    assert phi.range_scale(0.999 * f) == 1


@given(fouriers(), scales)
def test_range_scale_brings_features_just_inside_the_cube(features, scale):
    phi, a, _, rng = features
    p = len(a)
    f = scale * rng.normal(size=(N, p))
    c = phi.range_scale(f)
    top = math.sqrt(p / 2) * np.abs(f).max()
    assert isinstance(c, float)
    assert np.isclose(c, min(1, 1 / top), rtol=1e-14)
    assert np.allclose(phi(phi.inverse(c * f)), c * f, rtol=0, atol=1e-13 * condition(a))
    if c < 1:
        with pytest.raises(ValueError, match=r"the features reach .* times sqrt\(2 / p\)"):
            phi.inverse(c * f * (1 + 1e-9))


# Near given points


@given(networks(), scales)
def test_fully_connected_inverse_is_the_nearest_in_each_layer(net, scale):
    phi, layers, slope, rng = net
    near, f = scale * rng.normal(size=(N, phi.dim_in)), scale * rng.normal(size=(N, phi.dim_out))
    x = np.asarray(phi.inverse(f, near))
    steep, size = max(slope, 1 / slope) ** len(layers), np.linalg.norm(f) + np.linalg.norm(near)
    tolerance = 1e-13 * condition(*layers) * steep * size
    assert np.linalg.norm(network(layers, slope, x) - f) <= tolerance
    # Backwards, each layer's input moves from what it sees of `near` within the row space of its
    # weights.
    wished = f
    for depth in reversed(range(len(layers))):
        seen, w = network(layers[:depth], slope, near), layers[depth]
        wished = np.where(wished >= 0, wished, wished / slope)
        wished = seen + (wished - seen @ w.T) @ np.linalg.pinv(w).T
    assert np.linalg.norm(x - wished) <= 10 * tolerance * condition(*layers)
    assert np.allclose(
        phi.inverse(f, 0 * near), phi.inverse(f), rtol=0, atol=tolerance * condition(*layers)
    )
    again = phi.inverse(phi(near), near)
    assert np.linalg.norm(again - near) <= tolerance * condition(*layers)


@given(networks())
def test_one_layers_nearest_preimage_is_the_nearest_of_all(net):
    phi, layers, _, rng = net
    if len(layers) == 1:
        near, f = rng.normal(size=(N, phi.dim_in)), rng.normal(size=(N, phi.dim_out))
        x = np.asarray(phi.inverse(f, near))
        null = np.eye(phi.dim_in) - np.linalg.pinv(layers[0]) @ layers[0]
        other = x + rng.normal(size=x.shape) @ null
        assert (
            np.linalg.norm(x - near, axis=1) <= np.linalg.norm(other - near, axis=1) * (1 + 1e-9)
        ).all()


@given(fouriers(), st.floats(0.1, 100))
def test_random_fourier_inverse_takes_the_branch_of_the_given_points(features, reach):
    phi, a, b, rng = features
    p, slack = len(a), 1e-13 * condition(a) * (1 + reach)
    near = reach * rng.normal(size=(N, a.shape[1])) / np.linalg.norm(a, 2)
    f = math.sqrt(2 / p) * rng.uniform(-1, 1, (N, p))
    x = np.asarray(phi.inverse(f, near))
    assert np.allclose(math.sqrt(2 / p) * np.cos(x @ a.T + b), f, rtol=0, atol=10 * slack)
    # No angle with this cosine is nearer.
    wished, angles = near @ a.T + b, np.arccos(math.sqrt(p / 2) * f)
    turns = 2 * math.pi * np.arange(-200, 201)[:, None, None]
    least = np.minimum(*(np.abs(sign * angles + turns - wished).min(axis=0) for sign in (1, -1)))
    assert np.allclose(np.abs(x @ a.T + b - wished), least, rtol=0, atol=100 * slack)
    # What A does not see is left alone.
    rest = np.eye(a.shape[1]) - np.linalg.pinv(a) @ a
    assert np.linalg.norm((x - near) @ rest) <= 1e-12 * condition(a) * (
        np.linalg.norm(x) + np.linalg.norm(near)
    )


@given(fouriers(), st.floats(0.1, 30))
def test_random_fourier_finds_the_points_that_have_the_features(features, reach):
    phi, a, b, rng = features
    near = reach * rng.normal(size=(N, a.shape[1])) / np.linalg.norm(a, 2)
    # Where the sine is small, the arccosine loses up to half the digits.
    flat = np.abs(np.sin(near @ a.T + b)).min()
    error = (1e-15 / flat + 1e-14 * (1 + reach)) * 10 * len(a) * condition(a) / np.linalg.norm(a, 2)
    assert np.allclose(phi.inverse(phi(near), near), near, rtol=0, atol=error)


def test_the_other_branch_is_taken_below_zero():
    phi = RandomFourier(jnp.eye(1), jnp.zeros(1))
    f = phi(np.array([[-0.3]]))
    assert np.allclose(phi.inverse(f), 0.3)
    for start, wanted in (
        (-0.1, -0.3),
        (0.1, 0.3),
        (6.0, 2 * math.pi - 0.3),
        (-6.5, -2 * math.pi - 0.3),
    ):
        assert np.allclose(phi.inverse(f, np.array([[start]])), wanted)


def test_features_scaled_into_the_cube_are_met_near_points_too():
    rng = np.random.default_rng(0)
    phi = RandomFourier.random(jax.random.key(0), 6, 4, 2.0)
    near = rng.normal(size=(N, 6))
    wished = phi(near) + 0.3 * rng.normal(size=(N, 4))
    c = phi.range_scale(wished)
    assert c < 1
    assert np.allclose(phi(phi.inverse(c * wished, near)), c * wished, rtol=0, atol=1e-12)


KEY = jax.random.key(0)
INVERTIBLE = (
    Linear(4),
    FullyConnected((jnp.eye(4, 5),)),
    RandomFourier(jnp.eye(4, 5), jnp.zeros(4)),
)
FOUR = np.full((N, 4), 0.1)
WRONG = {
    "no hidden layer": (lambda: FullyConnected.random(KEY, (5,)), r"widths = \(5,\)"),
    "no layer": (lambda: FullyConnected.random(KEY, ()), r"widths = \(\)"),
    "a layer of width 0": (lambda: FullyConnected.random(KEY, (5, 0)), r"widths = \(5, 0\)"),
    "waves of no input": (lambda: RandomFourier.random(KEY, 0, 4), "not 0, 4"),
    "no wave": (lambda: RandomFourier.random(KEY, 4, 0), "not 4, 0"),
    "waves of width 0": (lambda: RandomFourier.random(KEY, 4, 4, 0.0), "not 4, 4, 0.0"),
    "waves of width NaN": (lambda: RandomFourier.random(KEY, 4, 4, math.nan), "not 4, 4, nan"),
    "negative phases": (lambda: RandomFourier.random(KEY, 4, 4, phase_max=-1.0), "and -1.0"),
    **{
        f"{type(phi).__name__}, {kind}": (lambda phi=phi, given_=given_: phi.inverse(*given_), words)
        for phi in INVERTIBLE
        for kind, given_, words in (
            ("features of another size", (np.ones((N, 5)),), r"features has shape \(3, 5\), .* \(any, 4\)"),
            ("features of NaN", (np.full((N, 4), np.nan),), "features holds 12 entries that are NaN"),
            ("points near of another size", (FOUR, np.ones((N, 3))), rf"near has shape \(3, 3\), .* \(3, {phi.dim_in}\)"),
            ("fewer points near", (FOUR, np.ones((N - 1, phi.dim_in))), rf"near has shape \(2, {phi.dim_in}\)"),
            ("points near of NaN", (FOUR, np.full((N, phi.dim_in), np.nan)), "near holds"),
        )
    },
}  # fmt: skip


@each(WRONG)
def test_impossible_maps_and_features_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


# Random maps


@pytest.mark.parametrize("phase_max", [math.pi, 2 * math.pi])
def test_random_fourier_converges_to_the_gaussian_kernel(phase_max):
    rng = np.random.default_rng(0)
    x, variance = rng.normal(size=(8, 5)), 3.0
    squares = ((x[:, None] - x[None]) ** 2).sum(-1)
    kernel = np.exp(-squares / (2 * variance))
    errors = []
    for p in (100, 10_000):
        maps = [
            RandomFourier.random(jax.random.key(i), 5, p, variance, phase_max) for i in range(10)
        ]
        # Each entry is a mean of p terms of size at most 2.
        errors.append([np.asarray(phi(x)) @ np.asarray(phi(x)).T - kernel for phi in maps])
    rms = [np.sqrt(np.mean(np.square(e))) for e in errors]
    assert rms[0] < 2 / math.sqrt(100)
    assert rms[1] < 2 / math.sqrt(10_000)
    assert 5 < rms[0] / rms[1] < 20  # 1 / sqrt(p)


@pytest.mark.parametrize("phase_max", [math.pi, 2 * math.pi, 0.0])
def test_phases_fill_their_range(phase_max):
    b = np.asarray(RandomFourier.random(jax.random.key(0), 2, 5000, phase_max=phase_max).phases)
    assert (b >= 0).all()
    assert (b <= phase_max).all()
    assert np.allclose(
        np.quantile(b, (0.01, 0.5, 0.99)),
        phase_max * np.array([0.01, 0.5, 0.99]),
        atol=0.05 * phase_max,
    )


def test_random_layers_have_variance_one_over_fan_in():
    phi = FullyConnected.random(jax.random.key(0), (200, 100, 50))
    assert [w.shape for w in phi.weights] == [(100, 200), (50, 100)]
    for w in phi.weights:
        assert np.isclose(np.var(w) * w.shape[1], 1, atol=0.05)
    assert not np.array_equal(phi.weights[0][:50, :100], phi.weights[1])
    assert phi.slope == 0.1


def test_frequencies_have_the_kernels_variance():
    phi = RandomFourier.random(jax.random.key(0), 200, 200)
    assert np.isclose(np.var(phi.frequencies) * 1000, 1, atol=0.05)


@pytest.mark.parametrize(
    "make",
    [lambda key: FullyConnected.random(key, (6, 4)), lambda key: RandomFourier.random(key, 6, 4)],
)
def test_the_same_key_gives_the_same_bytes(make):
    one, again, other = (jax.tree.leaves(make(jax.random.key(seed))) for seed in (1, 1, 2))
    assert [a.tobytes() for a in one] == [a.tobytes() for a in again]
    assert all(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_that_of_the_map(dtype):
    key, tolerance = jax.random.key(0), 1e-4 if dtype == "float32" else 1e-12
    for phi in (
        Linear(4),
        FullyConnected.random(key, (6, 4), dtype=dtype),
        RandomFourier.random(key, 6, 4, dtype=dtype),
    ):
        f = jnp.linspace(-0.5, 0.5, 8, dtype=dtype).reshape(2, 4)
        for near in (None, jnp.ones((2, phi.dim_in), dtype)):
            x = phi.inverse(f, near)
            assert x.dtype == phi(x).dtype == dtype
            assert np.allclose(phi(x), f, atol=tolerance)


# Where there is no inverse


@pytest.mark.parametrize(
    ("phi", "message"),
    [
        (FullyConnected((jnp.ones((4, 6)),)), "the weights of layer 1 have rank 1 < 4"),
        (
            FullyConnected((jnp.eye(5, 6), jnp.ones((4, 5)))),
            "the weights of layer 2 have rank 1 < 4",
        ),
        (FullyConnected((jnp.eye(6, 5), jnp.eye(4, 6))), "layer 1 widens from 5 to 6"),
        (FullyConnected((jnp.eye(3, 5), jnp.eye(4, 3))), "layer 2 widens from 3 to 4"),
        (FullyConnected((jnp.eye(4),), 0.0), "slope 0.0 is not invertible"),
        (FullyConnected((jnp.eye(4),), -0.1), "slope -0.1 is not invertible"),
        (FullyConnected((jnp.eye(4),), math.nan), "slope nan is not invertible"),
        (FullyConnected((jnp.eye(4),), math.inf), "slope inf is not invertible"),
        (RandomFourier(jnp.eye(4, 3), jnp.zeros(4)), "p = 4 > d = 3 are not surjective"),
        (RandomFourier(jnp.ones((4, 6)), jnp.zeros(4)), "the frequencies A have rank 1 < 4"),
        (RandomFourier(jnp.zeros((4, 6)), jnp.zeros(4)), "the frequencies A have rank 0 < 4"),
    ],
)
def test_maps_without_a_right_inverse_say_so(phi, message):
    assert phi(np.ones((N, phi.dim_in))).shape == (N, 4)  # a feature map all the same
    with pytest.raises(ValueError, match=message):
        phi.inverse(np.full((N, 4), 0.1))
