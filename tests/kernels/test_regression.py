"""Kernel regression: its definition in NumPy, blocks that make no difference, and a singular kernel
that says so.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each

from distill_lib.kernels import regression
from distill_lib.kernels.base import Kernel
from distill_lib.kernels.blocks import cross, gram
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.regression import accuracy, coefficients, relative_reg, scores

KERNEL = InfiniteWidth("ntk", "fc", 1, (1, 4, 1))


class Product(Kernel):
    def __call__(self, x, y):
        return x @ y.T


def sets(seed, m=5, n=9):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, 4)), rng.normal(size=(m, 3)), rng.normal(size=(n, 4))


@settings(max_examples=10)
@given(seeds, st.sampled_from((1e-6, 1e-2, 1.0)), st.sampled_from((2, None)))
def test_scores_are_their_definition(seed, reg, block):
    points, labels, x = sets(seed)
    k_ss, k_ts = np.asarray(gram(KERNEL, points)), np.asarray(cross(KERNEL, x, points))
    wanted = k_ts @ np.linalg.inv(k_ss + reg * np.trace(k_ss) / 5 * np.eye(5)) @ labels
    assert np.allclose(
        scores(KERNEL, points, labels, x, reg, block=block),
        wanted,
        rtol=1e-6,
        atol=1e-7 / reg**0.25,
    )
    truth = np.arange(9) % 3
    assert accuracy(KERNEL, points, labels, x, truth, reg) == np.mean(wanted.argmax(1) == truth)


def test_the_linear_kernel_gives_ridge_regression():
    points, labels, x = sets(0)
    reg_s = 0.1 * np.sum(points**2) / 5
    w = np.linalg.solve(points.T @ points + reg_s * np.eye(4), points.T @ labels)
    assert np.allclose(scores(Product(), points, labels, x, 0.1), x @ w, rtol=1e-10)


def test_small_reg_interpolates():
    points, labels, _ = sets(1)
    assert np.allclose(scores(KERNEL, points, labels, points, 1e-9), labels, atol=1e-5)


def test_a_singular_kernel_names_the_remedy():
    points, labels, x = sets(2, m=6)  # six points of a linear kernel in four dimensions
    with pytest.raises(ValueError, match=r"the 6 support points is singular at reg = 0: take a larger reg, remove repeated points\.$"):  # fmt: skip
        scores(Product(), np.repeat(points[:2], 3, axis=0), labels, x, 0.0)
    low = [jnp.asarray(a, jnp.float32) for a in (np.repeat(points[:2], 3, axis=0), labels, x)]
    with pytest.raises(ValueError, match=r"or compute in float64\.$"):
        scores(Product(), *low, 1e-12)


@given(seeds)
def test_a_kernel_that_rounding_lets_pass_is_singular_all_the_same(seed):
    """Cholesky's decomposition of a rank-4 matrix of six points ends or not by the last bit;
    neither result is a model.
    """
    points, labels, _ = sets(seed, m=6)
    again = np.concatenate([points[:5], points[:1]])
    for kernel, singular in ((Product(), points), (KERNEL, again)):
        with pytest.raises(ValueError, match="the 6 support points is singular at reg = 0"):
            regression.coefficients(gram(kernel, singular), labels, 0.0)
    assert np.isfinite(regression.coefficients(gram(KERNEL, points), labels, 0.0)).all()


def test_the_solution_is_differentiable():
    points, labels, x = map(jnp.asarray, sets(3))

    @jax.jit
    def loss(z):
        c = regression.solve(KERNEL(z, z), labels, 1e-3)
        return jnp.sum((KERNEL(x, z) @ c) ** 2)

    way = np.random.default_rng(0).normal(size=points.shape)
    h = 1e-4
    wanted = (loss(points + h * way) - loss(points - h * way)) / (2 * h)
    assert np.isclose(np.vdot(jax.jit(jax.grad(loss))(points), way), wanted, rtol=1e-4)


def test_lam_scales_with_the_kernel():
    k = np.diag([1.0, 3.0])
    assert relative_reg(k, 0.5) == 1.0
    assert relative_reg(7 * k, 0.5) == 7.0


def changed(**change):
    return lambda given_: scores(KERNEL, **(given_ | change))


WRONG = {
    "labels of fewer points": (changed(labels=np.ones((4, 3))), r"labels has shape \(4, 3\), .* \(5, any\)"),
    "rows of other inputs": (changed(x=np.ones((9, 3))), r"x has shape \(9, 3\), .* \(any, 4\)"),
    "a negative reg": (changed(reg=-1.0), "reg = -1.0 is not a ridge parameter"),
    "points of NaN": (changed(points=np.full((5, 4), np.nan)), "points holds 20 entries"),
    "labels of more points": (lambda given_: coefficients(np.eye(4), given_["labels"]), r"labels has shape \(5, 3\), .* \(4, any\)"),
    "a matrix that is not square": (lambda given_: coefficients(np.ones((5, 4)), given_["labels"]), r"k_ss has shape \(5, 4\)"),
    "fewer classes than rows": (lambda given_: accuracy(KERNEL, *given_.values(), np.arange(3)), "truth has 3 entries for 9"),
}  # fmt: skip


@each(WRONG)
def test_bad_input_is_one_sentence(wrong, words):
    given_ = dict(zip(("points", "labels", "x"), sets(4), strict=True))
    with pytest.raises(ValueError, match=words):
        wrong(given_)
