"""Where a statement about feature maps, trainers or stored points stops: the smallest instance
beyond its hypotheses, and the property inside them.

Columns are samples, as in the book: F and X are (p, m), W is (k, p), unless the library is called.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import matrix, pinv, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.features.convolution import convolution_matrix
from distill_lib.images.quantisation import quantise, restore
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import Network
from distill_lib.theory.class_labels import codes
from distill_lib.theory.closed_form import max_reg

few = settings(max_examples=10, deadline=None)
# Taps of 1 + z_1 + z_2, zero at the angles +-(2 pi / 3, -2 pi / 3), and of 4 + z_1 + z_2, nowhere.
ZEROS, NO_ZEROS = (np.array([[[[centre, 1.0], [1.0, 0.0]]]]) for centre in (1.0, 4.0))


def inverse(f, lam):
    """F_lam^+, columns being samples."""
    return pinv(f) if lam == 0 else np.linalg.solve(f.T @ f + lam * np.eye(f.shape[1]), f.T)


def rank(a):
    return np.linalg.matrix_rank(a, tol=1e-9 * max(1, np.linalg.norm(a)))


def one_hot(k, n):
    return np.eye(k)[:, np.arange(n) % k]


def recovery(w, y, z):
    """D = Y_S^+ W + (I - Y_S^+ Y_S) Z."""
    return pinv(y) @ w + (np.eye(y.shape[1]) - pinv(y) @ y) @ z


# Theorem 5.1: the scale of features


@given(seeds, st.floats(1e-4, 1))
@few
def test_small_roots_enter_every_ball_with_the_labels_as_they_are(seed, share):
    rng, phi = np.random.default_rng(seed), dl.RandomFourier.random(jax.random.key(0), 8, 8, 8.0)
    w, y = rng.normal(size=(3, 8)), one_hot(3, 6)
    d = recovery(w, y, rng.normal(size=(6, 8)))
    largest = np.linalg.norm(d, 2)
    # sqrt(2 / p) is the half edge of the cube of the cosine features.
    reg_s = share * min(1 / (4 * largest**2), np.sqrt(2 / 8) / (2 * largest))
    features = dl.support_features(d, reg_s, "-")
    assert np.linalg.norm(features, 2) <= 2 * reg_s * largest * (1 + 1e-9)
    assert phi.range_scale(features) == 1
    trained = dl.recovered_weights(phi(phi.inverse(features)), y.T, reg_s)
    assert dl.recovery_error(w, trained) < 1e-6


def test_large_roots_do_not_enter_the_cube_with_the_labels_as_they_are():
    rng, phi = np.random.default_rng(0), dl.RandomFourier.random(jax.random.key(0), 8, 8, 8.0)
    d = recovery(0.1 * rng.normal(size=(3, 8)), one_hot(3, 6), 0.1 * rng.normal(size=(6, 8)))
    limit = 1 / (4 * np.linalg.norm(d, 2) ** 2)
    scales = [phi.range_scale(dl.support_features(d, reg_s, "+")) for reg_s in (0, 1e-3 * limit)]
    assert max(scales) < 0.5


def test_what_brings_the_features_into_the_cube_may_be_above_the_bound_of_the_ridge():
    p, w = 8, 3 * np.eye(3, 8)
    d = recovery(w, np.eye(3), np.zeros((3, 8)))
    largest = np.linalg.norm(d, 2)
    assert largest > np.sqrt(p / 8)
    bound = 1 / (4 * largest**2)
    into_the_cube = np.sqrt(2 / p) / (2 * largest)
    assert into_the_cube > bound
    with pytest.raises(ValueError, match="reg_s"):
        dl.support_features(d, into_the_cube, "-")
    assert np.abs(dl.support_features(d, bound, "-")).max() <= np.sqrt(2 / p)


@given(seeds, st.sampled_from((0.1, 0.5, 3.0)))
@few
def test_scaled_features_train_to_the_scaled_model_only_if_the_ridge_is_scaled_too(seed, c):
    rng = np.random.default_rng(seed)
    f, y, lam = rng.normal(size=(6, 4)), rng.normal(size=(2, 4)), 0.5
    assert np.allclose(inverse(c * f, 0), inverse(f, 0) / c)
    assert np.allclose(inverse(c * f, c**2 * lam), inverse(f, lam) / c)
    w = y @ inverse(f, lam)
    assert np.allclose(c * y @ inverse(c * f, c**2 * lam), w)
    kept = y @ inverse(c * f, lam)
    assert np.sum(w * kept) < (1 - 1e-9) * np.linalg.norm(w) * np.linalg.norm(kept)


def test_points_with_equal_singular_values_keep_the_direction_at_any_ridge():
    rng = np.random.default_rng(0)
    f, y = 2 * np.linalg.qr(rng.normal(size=(6, 4)))[0], rng.normal(size=(2, 4))
    w, kept = y @ inverse(f, 0.5), y @ inverse(0.3 * f, 0.5)
    assert np.allclose(kept / np.linalg.norm(kept), w / np.linalg.norm(w))


def test_a_square_random_matrix_is_ill_conditioned_if_it_is_gaussian():
    a = np.random.default_rng(0).normal(size=(64, 64))
    assert np.linalg.cond(a) > 10 * np.linalg.cond(a[:32])
    assert np.isclose(np.linalg.cond(np.linalg.qr(a)[0]), 1)


# Theorem 5.1: fully connected networks


def formula(layers, f, slope=0.1):
    """x = W1^+ psi^{-1}(W2^+ ... psi^{-1}(f))."""
    for w in reversed(layers):
        f = pinv(w) @ np.where(f < 0, f / slope, f)
    return f


def test_full_ranks_suffice_for_the_formula_and_are_not_needed():
    wide = np.array([[1.0, 0.5], [0.3, -1.0], [-0.6, 0.2]]), np.array([[1.0, -0.4, 0.3]])
    flat = np.diag([1.0, 0.0]), np.array([[1.0, 0.0]])
    f = np.array([[-2.0, -1.0, 0.5, 1.0]])
    for layers, found in ((wide, False), (flat, True)):
        phi = dl.FullyConnected(tuple(map(jnp.array, layers)))
        again = np.asarray(phi(formula(layers, f).T)).T
        assert np.isclose(again, f).all() == found
        with pytest.raises(ValueError, match=r"rank|widen"):
            phi.inverse(f.T)


@pytest.mark.parametrize(("widths", "rank_of"), [((4, 3, 3), 3), ((4, 2, 3), 2), ((2, 4, 3), 2)])
def test_a_layer_narrower_than_the_features_leaves_no_inner_point(widths, rank_of):
    phi = dl.FullyConnected.random(jax.random.key(0), widths)
    at = np.random.default_rng(0).normal(size=(20, widths[0]))
    ranks = {rank(jax.jacobian(lambda x: phi(x[None])[0])(x)) for x in jnp.array(at)}
    assert ranks == {rank_of}


# Sections 5.2 and D: maps that are not surjective


def test_a_positive_ridge_lets_one_point_with_a_given_label_carry_an_open_set_of_models():
    def phi(x):  # psi(W1 x) with psi(t) = t + t^3 and W1 = (1, 2)^T
        inner = np.array([[1.0], [2.0]]) * x
        return inner + inner**3

    for slope in (3.95, 4.0, 4.05):  # W = (1, slope), the label is 20
        w, x = np.array([[1.0, slope]]), np.sqrt((slope - 2) / (8 - slope))
        feature = phi(x)
        reg_s = 20 * feature[0, 0] - np.sum(feature**2)
        assert reg_s > 0
        assert np.allclose(20 * inverse(feature, reg_s), w)
        assert not np.allclose(20 * inverse(feature, 0), w, rtol=1e-2)  # the only x of that ray
    assert np.isclose(
        20 * phi(np.sqrt(0.5))[0, 0] - np.sum(phi(np.sqrt(0.5)) ** 2), 2.09, atol=5e-3
    )


def test_a_layer_computed_from_the_points_can_reach_a_model_that_no_set_reaches():
    features, w = np.array([[3.0, -1.0, 2.0], [0.0, 0.0, 0.0]]), np.ones((1, 2))  # phi(x) = (x, 0)
    layer = np.ones((1, 2)) / np.linalg.norm(features)
    seen = layer @ features
    for reg_s in (0.0, 0.7):
        labels = (np.sum(seen**2) + reg_s) * np.linalg.norm(features) * seen / np.sum(seen**2)
        assert np.allclose(labels @ inverse(seen, reg_s) @ layer, w)
        assert (np.ones((1, 3)) @ inverse(features, reg_s))[0, 1] == 0  # without it: no second part


def test_with_given_labels_the_layer_of_the_theorem_can_reach_what_no_set_reaches():
    """phi(x) = (.5 (1 - x), .25 x), which is not positively homogeneous, Y_S = I, W = diag(1, 2)."""

    def phi(x):
        return np.stack([0.5 * (1 - x), 0.25 * x])

    w, f, c = np.diag([1.0, 2.0]), phi(np.array([0.0, 1.0])), 1.0
    for reg_s in (0.1, 2.0):
        layer = np.linalg.cholesky(reg_s * c * np.linalg.inv(f @ f.T)).T
        assert np.allclose(inverse(layer @ f, reg_s) @ layer, w)
        assert np.allclose(c / (c + 1) * inverse(f, 0), w)  # with labels c / (c + 1) I, no layer
    # Without it: D = W has two singular values, so the features are (s_1, 0) and (0, s_2), those of
    # 0 and 1 alone, s = 1 / 2 and 1 / 4. Each asks for a lam_S of its own.
    asked = [s / value - s**2 for s, value in zip((0.5, 0.25), (1.0, 2.0), strict=True)]
    assert np.allclose(asked, [0.25, 0.0625])


@given(seeds, st.integers(2, 4))
@few
def test_a_deep_linear_network_needs_as_many_points_as_a_trained_model_has_rank(seed, k):
    rng = np.random.default_rng(seed)
    below, x = matrix(rng, 6, 4), matrix(rng, 4, 20)
    y = rng.normal(size=(k, 1)) @ rng.normal(size=(1, 20))  # labels of rank 1
    w = y @ inverse(below @ x, 0.3)
    u, s, vt = np.linalg.svd(w)
    assert rank(w) == 1 < k
    point = pinv(below) @ vt[:1].T
    assert np.allclose(s[0] * u[:, :1] @ inverse(below @ point, 0), w)


def test_a_range_without_an_inner_point_can_carry_every_model_with_few_points():
    """The features on the unit sphere: k of them span the rows of any W of rank k."""
    w = np.random.default_rng(0).normal(size=(2, 5))
    features = np.linalg.svd(w, full_matrices=False)[2].T
    assert np.allclose(np.linalg.norm(features, axis=0), 1)
    for lam in (0.0, 0.5):
        labels = (1 + lam) * w @ features  # F^T F = I
        assert np.allclose(labels @ inverse(features, lam), w)


# Local rank


def test_a_rank_at_one_point_bounds_nothing_nearby_unless_the_map_is_piecewise_linear():
    assert jax.grad(lambda x: x**3)(0.0) == 0  # rank 0, and x^3 reaches everything near 0
    near = np.cbrt(np.linspace(-1e-3, 1e-3, 7))
    assert np.allclose(near**3, np.linspace(-1e-3, 1e-3, 7))
    network = Network((4, 4, 1), width=3, depth=2)
    parameters = network.scaled(network.draw(jax.random.key(0), jnp.float64))

    def phi(x):
        return network.hidden(parameters, x[None])[0]

    rng = np.random.default_rng(0)
    x, e = rng.normal(size=16), 1e-6 * rng.normal(size=(5, 16))
    at = np.asarray(jax.jacobian(phi)(jnp.array(x)))
    for step in e:  # inside the piece: the same Jacobian, and no other direction
        assert np.allclose(jax.jacobian(phi)(jnp.array(x + step)), at, atol=1e-12)
        moved = np.asarray(phi(jnp.array(x + step)) - phi(jnp.array(x)))
        assert np.allclose(moved, at @ step, rtol=0, atol=1e-12)


# Convolution: a symbol with zeros


def extremes(kernel, side):
    a = convolution_matrix(kernel, side, side, 1, "VALID").toarray()
    s = np.linalg.svd(a, compute_uv=False)
    return s[0], s[-1]


def test_where_the_symbol_has_zeros_the_condition_grows_with_the_image_and_elsewhere_it_does_not():
    sides = (8, 16, 24)
    tilted = ZEROS + 0.1 * np.random.default_rng(0).normal(size=ZEROS.shape)  # the zeros stay
    for kernel in (ZEROS, tilted):
        found = [high / low for high, low in (extremes(kernel, side) for side in sides)]
        assert found[1] > 1.8 * found[0]
        assert found[2] > 1.3 * found[1]
    symbol = np.abs(np.fft.fft2(NO_ZEROS[0, 0], (120, 120)))
    lows = [extremes(NO_ZEROS, side)[1] for side in sides]
    assert lows == sorted(lows, reverse=True)
    assert symbol.min() <= lows[-1] < 1.05 * symbol.min()


# Trainers with an intercept


def centred_fit(x, y, weights, lam=0.0):
    """W and b of the trainer with an intercept; columns are samples."""
    share = weights / weights.sum()
    mean, middle = x @ share, y @ share
    root = np.sqrt(weights)
    w = ((y.T - middle).T * root) @ inverse((x.T - mean).T * root, lam)
    return w, middle - w @ mean, mean


def test_two_classes_with_one_number_each_take_one_point_without_an_intercept_and_two_with():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 20)), np.where(np.arange(20) < 9, -1.0, 1.0)[None]
    w = y @ inverse(x, 0.3)
    one = pinv(w)  # of label 1
    assert np.allclose(pinv(one), w)
    w, b, _ = centred_fit(x, y, np.ones(20), 0.3)
    with pytest.raises(ValueError, match="points"):
        dl.affine_set(w, b, [[1.0]], np.zeros(4))
    points = dl.affine_set(w, b, [[-1.0], [1.0]], np.zeros(4))
    assert np.allclose(dl.affine_model(points, [[-1.0], [1.0]]).weights, w)


@pytest.mark.parametrize("outputs", [3, 4])
def test_one_output_for_each_class_takes_as_many_points_with_an_intercept_as_without(outputs):
    rng, q = np.random.default_rng(outputs), outputs
    x, y = rng.normal(size=(6, 30)), 2 * one_hot(q, 30) - 1
    assert rank(y @ inverse(x, 0.3)) == q
    assert rank(centred_fit(x, y, np.ones(30), 0.3)[0]) == q - 1  # so q points, one of each class


def test_unequal_classes_need_the_rank_or_the_shares():
    x, classes = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 9.0]]), np.array([0, 0, 0, 1, 1, 2])
    y, plain = codes(classes, 3).T, codes(np.arange(3), 3)
    w, b, mean = centred_fit(x, y, np.ones(6))
    assert rank(w) == 1  # below q - 1 = 2
    with pytest.raises(ValueError, match="intercept"):
        dl.affine_set(w, b, plain, mean)
    shares = np.array([3.0, 2.0, 1.0])
    points = dl.affine_set(w, b, plain, mean, sample_weight=shares)
    found = dl.affine_model(points, plain, sample_weight=shares)
    assert np.allclose(found.weights, w)
    assert np.allclose(found.intercept, b)


def test_an_intercept_that_was_not_trained_on_class_labels_may_have_no_mean_at_full_rank():
    w, plain = np.random.default_rng(0).normal(size=(3, 5)), codes(np.arange(3), 3)
    w -= w.mean(axis=0)
    assert rank(w) == 2  # q - 1
    with pytest.raises(ValueError, match="intercept"):
        dl.affine_set(w, np.array([1.0, 2.0, 3.0]), plain, np.zeros(5))


# Stored points


def test_kept_labels_lose_a_set_of_lower_rank_to_any_change():
    rng = np.random.default_rng(0)
    w, y = rng.normal(size=(2, 6)), one_hot(2, 4)
    for z, rank_of in ((np.zeros((4, 6)), 2), (rng.normal(size=(4, 6)), 4)):
        x = pinv(recovery(w, y, z))
        assert rank(x) == rank_of
        e = 1e-6 * rng.normal(size=x.shape)
        eta = np.linalg.norm(e, 2) * np.linalg.norm(pinv(x), 2)
        kept = np.linalg.norm(y @ np.linalg.pinv(x + e) - w) / np.linalg.norm(w)
        assert (kept <= 2 * eta * (1 + 1e-3)) == (rank_of == 4)
        assert (kept > 0.1) == (rank_of == 2)
        again = w @ (x + e) @ np.linalg.pinv(x + e) - w
        assert np.linalg.norm(again) <= eta * np.linalg.norm(w) * (1 + 1e-6)


@given(seeds, st.sampled_from([(255.0, True), (16.0, False)]))
@few
def test_within_half_a_step_of_pixels_that_are_codes_the_stored_set_is_those_pixels(seed, kind):
    (white, are_codes), rng = kind, np.random.default_rng(seed)
    step = white / 255
    real = rng.integers(1, white, size=(5, 40)).astype(float)
    near = real + step * rng.uniform(-0.499, 0.499, size=real.shape)
    stored = restore(quantise(near, 8, (0.0, white)))
    assert np.allclose(stored, real, atol=1e-9) == are_codes
    assert np.abs(stored - real).max() < step * (1e-9 if are_codes else 1)
    between = restore(quantise(near, 8, (-0.3 * step, white)))  # not a pixel's limits
    assert not np.allclose(between, real, atol=1e-9)


# Theorem 6.1


def test_with_a_ridge_above_the_bound_the_least_loss_is_no_set_of_the_closed_form():
    x = np.linspace(-20, 20, 40001)  # X = Y = Y_S = 1, lam_S = 1: W = 1, W_S = x / (x^2 + 1)
    losses = (x / (x**2 + 1) - 1) ** 2
    assert np.isclose(x[np.argmin(losses)], 1)
    assert np.isclose(losses.min(), 0.25)
    assert max_reg(jnp.ones((1, 1))) == 0.25  # at most this lam_S has a set with L_min = 0


def test_labels_of_lower_rank_than_the_classes_can_reach_the_least_loss():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1, 20)), rng.normal(size=(2, 20))  # p = 1 and k = 2
    w = y @ pinv(x)
    w_s = w @ inverse(np.ones((1, 1)), 0)  # one point at 1, with the labels W
    assert np.isclose(np.linalg.norm(w_s @ x - y), np.linalg.norm(w @ x - y))


@given(seeds, st.sampled_from([(3, 3), (5, 3)]))
@few
def test_the_normal_equations_of_the_labels_need_the_pseudoinverse_below_full_rank(seed, sizes):
    (m, r), rng = sizes, np.random.default_rng(seed)
    x, y, support = matrix(rng, 6, 20), rng.normal(size=(2, 20)), matrix(rng, 6, m, rank=r)
    g, c, d = x @ x.T, y @ x.T, inverse(support, 0.5)
    assert (rank(d @ g @ d.T) == m) == (m == r)
    labels = c @ d.T @ pinv(d @ g @ d.T)
    least = np.linalg.norm(y @ pinv(d @ x) @ d @ x - y)
    assert np.isclose(np.linalg.norm(labels @ d @ x - y), least)


def test_at_its_bound_the_ridge_leaves_no_other_model_without_loss():
    """X = (1, 0)^T, Y = Y_S = 1: the models without loss are (1, t), of which W = (1, 0)."""
    point = np.asarray(dl.support_features(jnp.array([[1.0, 0.0]]), 0.25)).T
    assert np.allclose(inverse(point, 0.25), [[1.0, 0.0]])
    other = jnp.array([[1.0, 0.1]])
    with pytest.raises(ValueError, match="is above 1"):
        dl.support_features(other, 0.25)
    point = np.asarray(dl.support_features(other, 0.24)).T  # below the bound
    assert np.allclose(inverse(point, 0.24), other)


# Kernels of networks with pooling


def test_local_pooling_before_a_flattening_needs_few_pairs_of_positions():
    """One convolution, ReLU, 2 x 2 pooling: 4 h w numbers, of the pairs within a window."""
    h = w = 4
    images = np.random.default_rng(0).normal(size=(2, h, w))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))

    def patch(image, at):
        return padded[image, at[0] : at[0] + 3, at[1] : at[1] + 3].ravel()

    def after(image, at):  # the covariance of a position with itself, before the ReLU
        return 2 * np.mean(patch(image, at) ** 2) + 0.01

    total, pairs = 0.0, 0
    for row, col in np.ndindex(h // 2, w // 2):
        window = [(2 * row + i, 2 * col + j) for i, j in np.ndindex(2, 2)]
        for one in window:
            for other in window:
                cov = 2 * np.mean(patch(0, one) * patch(1, other)) + 0.01
                length = np.sqrt(after(0, one) * after(1, other))
                angle = np.arccos(cov / length)
                part = np.sin(angle) + (np.pi - angle) * np.cos(angle)
                total, pairs = total + length * part / (2 * np.pi), pairs + 1
    assert pairs == 4 * h * w < (h * w) ** 2
    kernel = InfiniteWidth("nngp", "convnet", depth=1, shape=(h, w, 1))
    found = kernel(*(jnp.asarray(image).reshape(1, -1) for image in images))
    assert np.isclose(2 * total / pairs + 0.01, found[0, 0])


# The linear reading of a kernel


def test_a_reading_with_a_negative_diagonal_may_have_a_minimum_or_none():
    x, y = np.array([[1.0, 2.0]]), np.array([[1.0, -1.0]])
    for second, curved in ((-4.0, True), (-1.0, False)):
        d = np.diag([1.0, second])
        curvature = x @ np.linalg.inv(d) @ x.T + 1  # of the sum with beta_1 = 1, no intercept
        assert (curvature[0, 0] > 0) == curved
        stationary = y @ np.linalg.inv(d) @ x.T / curvature
        assert np.allclose(y @ np.linalg.inv(x.T @ x + d) @ x.T, stationary)


# Corollary 4.1.1 for a large ridge parameter


def test_a_large_ridge_moves_as_many_points_as_classes_away_from_the_samples():
    w, real = np.array([[1.0, 0.0]]), np.array([[1.0], [1.0]])
    distances = []
    for lam in (0.0, 1e6):
        labels = w @ real if lam == 0 else w @ (real + lam * pinv(real).T)
        d = recovery(w, labels, inverse(real, lam))
        point = np.asarray(dl.support_features(d, lam, "-" if lam else "+")).T
        assert np.allclose(labels @ inverse(point, lam), w)
        distances.append(np.linalg.norm(point - real))
    assert np.allclose(distances, [1, np.sqrt(2)], rtol=1e-5)


# Classes without an intercept


def test_centred_columns_leave_a_rank_below_the_number_of_classes():
    rng = np.random.default_rng(0)
    for alike, expected in ((False, 2), (True, 1)):
        third = np.array([[3.0], [1.0], [0.0]]) + 0.1 * rng.normal(size=(3, 4))
        first = rng.normal(size=(3, 4))
        x = np.hstack([first, first if alike else rng.normal(size=(3, 4)), third])
        x = x - x.mean(axis=1, keepdims=True)
        w = np.eye(3).repeat(4, axis=1) @ inverse(x, 0.5)
        assert np.allclose(w.sum(axis=0), 0)
        assert rank(w) == expected
