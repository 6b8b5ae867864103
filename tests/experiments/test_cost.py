"""Counted work is that of hand formulas: products, convolutions, a step of an exact kernel and of
RFAD.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import pictures

import distill_lib as dl
from distill_lib.baselines.kip import KernelObjective
from distill_lib.baselines.rfad_objective import Objective
from distill_lib.baselines.training_set import Targets
from distill_lib.experiments.cost import counted
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import Network, RandomNetworks


def of(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float64)


@pytest.mark.parametrize(("n", "p", "k"), [(7, 5, 3), (40, 30, 20)])
def test_a_product_of_matrices(n, p, k):
    work = counted(jnp.matmul, of(n, p), of(p, k))
    assert work.flops == 2 * n * p * k
    assert work.transferred == 8 * (n * p + p * k + n * k)


def test_a_convolution():
    n, size, channels, out, taps = 5, 8, 3, 4, 3
    convolution = partial(jax.lax.conv_general_dilated, window_strides=(1, 1), padding="VALID")
    work = counted(convolution, of(n, channels, size, size), of(out, channels, taps, taps))
    assert work.flops == 2 * n * (size - taps + 1) ** 2 * taps**2 * channels * out


def test_what_a_program_holds_beside_its_arguments_and_results():
    n = 64
    held = counted(lambda x: jnp.linalg.norm(jnp.exp(x @ x.T) @ x), of(n, 4)).memory
    assert 8 * n**2 <= held < 3 * 8 * n**2
    assert counted(lambda x: 2 * x, of(n, 4)).memory < 8 * n


def test_a_loop_is_refused_and_may_be_unrolled():
    def power(x, unroll):
        return jax.lax.scan(lambda y, _: (x @ y, None), x, length=7, unroll=unroll)[0]

    with pytest.raises(ValueError, match=r"1 loop\(s\), of 7 rounds, and XLA counts one"):
        counted(lambda x: power(x, 1), of(5, 5))
    assert counted(lambda x: power(x, 7), of(5, 5)).flops == 7 * 2 * 5**3

    def until(x):
        return jax.lax.while_loop(lambda y: y.sum() < 9, lambda y: 2 * y, x)

    with pytest.raises(ValueError, match="of an unknown number of rounds"):
        counted(until, of(3))


SHAPE, BATCH, WIDTH = (6, 6, 1), 16, 64
SIZES = np.array((64, 128, 256))  # support points


def steps(objective):
    """The work of loss and gradient of `objective(labels, targets)` for each number of support
    points.
    """
    targets = Targets.of(*pictures(2, SHAPE, BATCH), dl.Normalisation(SHAPE, 255.0, (0.4,), (0.2,)))
    key = jax.random.key(0, impl="unsafe_rbg")

    def step(objective, support, key):
        return jax.value_and_grad(objective)(support, key)

    made = ((objective(jnp.zeros((m, 2)), targets), {"points": of(m, 36)}) for m in SIZES)
    return np.array([counted(step, *pair, key) for pair in made]).T


def parts(work):
    """(constant, linear, quadratic) coefficients of the polynomial in m through three counts."""
    return np.linalg.solve(np.vander(SIZES.astype(float), 3, increasing=True), work)


def exponents(work):
    return np.diff(np.log(work)) / np.diff(np.log(SIZES))


def test_a_step_of_an_exact_kernel_costs_its_kernel_values():
    """m^2 + b m of them, with their gradients."""
    kernel = InfiniteWidth("ntk", "conv", 1, SHAPE)
    flops, transferred, memory = steps(
        lambda y, targets: KernelObjective(kernel, targets, y, BATCH)
    )
    _, linear, quadratic = parts(flops)
    assert linear / quadratic == pytest.approx(BATCH, rel=0.3)
    for work in (flops, transferred, memory):
        assert (exponents(work) > 1.7).all()


def test_a_step_of_rfad_is_linear_in_the_support_points_well_below_nine_times_the_width():
    """9 w^2 products a position for a point's features, w for its inner product with each other
    one.

    The features are computed and differentiated once, and an inner product by both of its sides.
    """
    networks = RandomNetworks(Network(SHAPE, WIDTH, 2, "conv"), 1)
    flops, transferred, memory = steps(
        lambda y, t: Objective(networks, t, y, batches=1, batch=BATCH)
    )
    _, linear, quadratic = parts(flops)
    h, w, _ = SHAPE
    taps = (3 * h - 2) * (3 * w - 2)  # 9 at each position, but those beyond the edge
    assert linear == pytest.approx(2 * 2 * taps * WIDTH * (WIDTH + 1), rel=0.05)
    assert quadratic == pytest.approx(2 * 3 * h * w * WIDTH, rel=0.05)
    assert exponents(flops)[0] < 1.2
    for work in (transferred, memory):
        assert (exponents(work) < 1.2).all()
