"""AdaSSP and objective perturbation: sensitivities on random neighbours, noise, limits. Rows are
samples.
"""

import math

import numpy as np
import pytest
from helpers import seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, norm

from distill_lib import privacy
from distill_lib.privacy import AdaptiveMechanism, ObjectivePerturbation

exponents = st.floats(-1, 1).map(lambda e: 10.0**e)


def record(rng, p, k, bound):
    f = rng.normal(size=p)
    size = bound * rng.choice((1.0, rng.uniform()))
    return size * f / np.linalg.norm(f), np.eye(k)[rng.integers(k)]


def sums(records, p, k):
    """G and C; of no record they are zero."""
    gram, cross = np.zeros((p, p)), np.zeros((k, p))
    for f, y in records:
        gram, cross = gram + np.outer(f, f), cross + np.outer(y, f)
    return gram, cross


# AdaSSP


@given(st.sampled_from((1, 2, 4)), exponents, exponents, exponents, seeds)
def test_no_neighbours_are_farther_apart_than_the_three_releases_allow(p, bound, weight, v, seed):
    rng, k = np.random.default_rng(seed), 2
    shared = [record(rng, p, k, bound) for _ in range(rng.integers(0, 6))]
    one, two = record(rng, p, k, bound), record(rng, p, k, bound)
    for adjacency, pair in (("add-remove", ([one], [])), ("replace-one", ([one], [two]))):
        mechanism = AdaptiveMechanism(1.0, 1e-3, bound, adjacency, weight, v)
        (g, c), (g_2, c_2) = (sums([*shared, *more], p, k) for more in pair)
        parts = [g - g_2, weight * bound * (c - c_2)]
        parts += [v * np.array([np.linalg.eigvalsh(g)[0] - np.linalg.eigvalsh(g_2)[0]])]
        top = mechanism.deviation / privacy.noise_multiplier(1.0, 1e-3)
        assert math.sqrt(sum(np.sum(part**2) for part in parts)) <= top * (1 + 1e-9)


def test_a_record_can_move_the_smallest_eigenvalue_as_far_as_the_sum_of_squares():
    """So the three sensitivities add up: p = 1, the first record."""
    mechanism = AdaptiveMechanism(1.0, 1e-3, 2.0, "add-remove", 0.5, 3.0)
    change = np.array([2.0**2, 0.5 * 2.0 * 2.0, 3.0 * 2.0**2])  # of G, w B C and v lambda_min
    top = mechanism.deviation / privacy.noise_multiplier(1.0, 1e-3)
    assert math.isclose(np.linalg.norm(change), top, rel_tol=1e-12)


def test_the_ridge_parameter_is_what_the_noisy_eigenvalue_lacks():
    mechanism, rng = AdaptiveMechanism(1.0, 1e-3, eigenvalue_weight=0.5), np.random.default_rng(0)
    gram, top = 28.0 * np.eye(3), mechanism.reg(3)
    regs = np.array([mechanism.ridge(gram, np.eye(2, 3), rng)[1] for _ in range(4000)])
    spread = mechanism.deviation / 0.5
    shown = 28.0 - spread * math.sqrt(2 * math.log(20))  # the mean of the lower bound
    assert 0 < shown < top  # neither end of the rule is reached on average
    inside = norm.ppf([0.25, 0.5])  # where neither maximum bites
    wanted = np.maximum(0, top - np.maximum(0, shown + spread * inside))
    assert np.allclose(np.quantile(regs, [0.75, 0.5]), wanted, rtol=0.06)
    assert np.mean(regs >= top - 28.0) >= 1 - mechanism.failure  # it is a lower bound


def test_the_noise_stays_below_its_bound():
    mechanism, rng = AdaptiveMechanism(1.0, 1e-3), np.random.default_rng(0)
    noise, _ = mechanism(np.zeros((12, 12)), np.zeros((1, 12)), rng, (500,))
    sizes = np.abs(np.linalg.eigvalsh(noise)).max(-1) / mechanism.reg(12)
    assert np.mean(sizes > 1) <= mechanism.failure
    assert np.median(sizes) > 0.4


@given(seeds)
def test_adassp_without_privacy_is_least_squares(seed):
    """And, where the statistics are singular, ridge regression with lam near 0."""
    rng = np.random.default_rng(seed)
    f, y = rng.normal(size=(20, 4)), np.eye(2)[rng.integers(2, size=20)]
    gram, cross = f.T @ f, y.T @ f
    weights, reg = AdaptiveMechanism(1e12, 0.5, bound=10.0).ridge(gram, cross, rng)
    assert reg == 0
    assert np.allclose(weights, np.linalg.solve(gram, cross.T).T, atol=1e-2)
    gram[0] = gram[:, 0] = 0
    assert 0 < AdaptiveMechanism(1e12, 0.5, bound=10.0).ridge(gram, cross, rng)[1] < 0.1


# Objective perturbation


def solved_noise(weights, gram, cross, reg, mu):
    """The noise Xi for which W is the minimum with the multiplier mu."""
    return cross - weights @ (gram + (reg + mu) * np.eye(len(gram)))


def volume(weights, gram, reg, mu, on_sphere):
    """|det| of (W, mu) -> Xi, up to a factor that is that of all data."""
    hessian = np.kron(np.eye(len(weights)), gram + (reg + mu) * np.eye(len(gram)))
    if on_sphere:
        tangent = np.linalg.svd(weights.reshape(1, -1))[2][1:]
        hessian = tangent @ hessian @ tangent.T
    return np.linalg.det(hessian)


@given(st.sampled_from((1, 3)), exponents, exponents, st.booleans(), seeds)
def test_a_record_changes_noise_and_volume_by_no_more_than_the_proof_says(
    k, radius, reg, on_sphere, seed
):
    rng, p, bound = np.random.default_rng(seed), 3, 1.5
    shared = [record(rng, p, k, bound) for _ in range(rng.integers(0, 5))]
    more = record(rng, p, k, bound)
    w = rng.normal(size=(k, p))
    w *= radius * (1.0 if on_sphere else rng.uniform()) / np.linalg.norm(w)
    mu = rng.exponential() if on_sphere else 0.0
    old, new = sums(shared, p, k), sums([*shared, more], p, k)
    change = solved_noise(w, *new, reg, mu) - solved_noise(w, *old, reg, mu)
    f, y = more
    assert np.allclose(change, -np.outer(w @ f - y, f))
    assert np.linalg.norm(change) <= (radius * bound + 1) * bound * (1 + 1e-12)
    ratio = volume(w, new[0], reg, mu, on_sphere) / volume(w, old[0], reg, mu, on_sphere)
    assert 1 - 1e-9 <= ratio <= (1 + bound**2 / reg) ** k * (1 + 1e-9)


def test_the_bounds_on_gradient_and_volume_are_attained():
    k, p, reg, radius = 2, 3, 0.7, 2.0
    f, y = np.eye(p)[0], np.eye(k)[0]
    w = -radius * np.outer(y, f)
    zero = np.zeros((p, p))
    assert np.linalg.norm(np.outer(w @ f - y, f)) == radius + 1
    ratio = volume(0 * w, np.outer(f, f), reg, 0, False) / volume(0 * w, zero, reg, 0, False)
    assert math.isclose(ratio, (1 + 1 / reg) ** k)


def hockey_stick(first, second, reg, radius, sigma, epsilon):
    """The delta of one pair in dimension one, by quadrature; the ends of the ball carry mass."""
    w = np.linspace(-radius, radius, 20_001)
    ends, densities = [], []
    for gram, cross in (first, second):
        slope = gram + reg
        densities.append(norm.pdf(cross - w * slope, scale=sigma) * slope)
        lower, upper = cross - radius * slope, cross + radius * slope
        ends.append(np.array([norm.cdf(lower, scale=sigma), norm.sf(upper, scale=sigma)]))
    over = np.maximum(densities[0] - math.exp(epsilon) * densities[1], 0)
    inside = np.sum((over[1:] + over[:-1]) / 2) * (w[1] - w[0])
    return inside + np.maximum(ends[0] - math.exp(epsilon) * ends[1], 0).sum()


@settings(max_examples=30)
@given(st.sampled_from((0.3, 1.0, 3.0)), st.sampled_from((0.1, 1e-3)), exponents, exponents, seeds)
def test_in_one_dimension_the_guarantee_holds_exactly(epsilon, delta, radius, more, seed):
    rng = np.random.default_rng(seed)
    mechanism = ObjectivePerturbation(epsilon, delta, 1, (1 + more) / math.expm1(epsilon), radius)
    f = rng.uniform(-1, 1, rng.integers(0, 6))
    g = rng.choice((-1.0, 1.0, rng.uniform(-1, 1)))
    one, two = (np.sum(f**2), np.sum(f)), (np.sum(f**2) + g**2, np.sum(f) + g)
    for pair in ((one, two), (two, one)):
        found = hockey_stick(*pair, mechanism.reg, radius, mechanism.deviation, epsilon)
        assert found <= delta


def test_a_fifth_of_the_noise_breaks_it():
    mechanism = ObjectivePerturbation(1.0, 1e-3, 1, 10.0, 1.0)
    pair = (0.0, 0.0), (1.0, 1.0)
    weak = hockey_stick(*pair, 10.0, 1.0, mechanism.deviation / 5, 1.0)
    assert weak > 1e-3 > hockey_stick(*pair, 10.0, 1.0, mechanism.deviation, 1.0)


@given(st.integers(1, 12), exponents, exponents, exponents, st.floats(-9, -1))
def test_the_noise_uses_up_epsilon(k, epsilon, radius, bound, exponent):
    delta, reg = 10.0**exponent, 2 * bound**2 / math.expm1(epsilon / k)
    mechanism = ObjectivePerturbation(epsilon, delta, k, reg, radius, bound)
    share = (radius * bound + 1) * bound / mechanism.deviation
    spent = share * math.sqrt(chi2.isf(delta, k)) + share**2 / 2
    assert math.isclose(spent + k * math.log1p(bound**2 / reg), epsilon, rel_tol=1e-6)


@given(seeds, exponents)
def test_the_minimum_in_a_ball_is_no_worse_than_its_neighbours(seed, radius):
    rng = np.random.default_rng(seed)
    f, cross = rng.normal(size=(6, 4)), 3 * rng.normal(size=(2, 2, 4))
    gram, reg = f.T @ f, 0.3
    found = privacy.ridge_in_ball(gram, cross, reg, radius)
    free = np.linalg.solve(gram + reg * np.eye(4), cross.swapaxes(-1, -2)).swapaxes(-1, -2)
    for w, c, unbounded in zip(found, cross, free, strict=True):
        assert np.linalg.norm(w) <= radius * (1 + 1e-9)
        if np.linalg.norm(unbounded) <= radius:
            assert np.allclose(w, unbounded, atol=1e-9)
        others = w + 0.1 * radius * rng.normal(size=(50, 2, 4))
        others *= np.minimum(1, radius / np.linalg.norm(others, axis=(1, 2)))[:, None, None]
        losses = [
            np.sum(v @ (gram + reg * np.eye(4)) * v) / 2 - np.sum(v * c) for v in (w, *others)
        ]
        assert losses[0] <= min(losses[1:]) + 1e-9


def test_objective_perturbation_adds_its_noise_and_without_privacy_is_ridge():
    rng = np.random.default_rng(0)
    f, y = rng.normal(size=(30, 3)) / 3, np.eye(2)[rng.integers(2, size=30)]
    gram, cross, reg = f.T @ f, y.T @ f, 0.5
    wide = ObjectivePerturbation(2.0, 1e-3, 2, 5.0, 1e3)  # a ball that is never left
    models = wide(gram, cross, np.random.default_rng(1), (4000,))
    noise = cross - models @ (gram + 5.0 * np.eye(3))
    assert np.allclose(noise.std(0), wide.deviation, rtol=0.06)
    assert np.abs(noise.mean(0)).max() < 0.06 * wide.deviation
    exact = ObjectivePerturbation(1e14, 0.5, 2, reg, 100.0)(gram, cross, rng)
    assert np.allclose(exact, np.linalg.solve(gram + reg * np.eye(3), cross.T).T, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AdaptiveMechanism(1.0, 1e-3, failure=1.0), "failure = 1.0 is no probability"),
        (lambda: AdaptiveMechanism(1.0, 1e-3, eigenvalue_weight=0), "eigenvalue_weight = 0 must"),
        (lambda: AdaptiveMechanism(-1.0, 1e-3), "epsilon = -1.0 must"),
        (lambda: ObjectivePerturbation(1.0, 1e-3, 10, 9.0, 1.0), r"reg = 9 leaves.*than 9\.508"),
        (lambda: ObjectivePerturbation(1.0, 0.0, 10, 90.0, 1.0), "delta = 0.0 is no probability"),
        (lambda: ObjectivePerturbation(1.0, 1e-3, 10, 90.0, 0.0), "radius = 0.0 must"),
        (
            lambda: ObjectivePerturbation(1.0, 1e-3, 3, 90.0, 1.0)(np.eye(2), np.eye(2), None),
            "for 3 outputs, but C has 2 rows",
        ),
        (lambda: privacy.ridge_in_ball(np.eye(2), np.eye(2), 1.0, -1.0), "radius = -1.0 must"),
    ],
)
def test_what_cannot_be_private_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
