"""One reading is enough: moments about any point, models and the choice of lam, from sums alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from distill_lib.making.distilling import standardising
from distill_lib.making.moments import Drawn, Moments
from distill_lib.making.recipe import Recipe
from distill_lib.making.sources import Source
from distill_lib.making.training import chosen, model_at


def instance(seed, n=40, d=3, k=2, mean=5.0):
    rng = np.random.default_rng(seed)
    x = mean * rng.normal(size=d) + rng.normal(size=(n, d)) * rng.uniform(0.1, 10, d)
    return x, x @ rng.normal(size=(d, k)) + rng.normal(size=(n, k)) + rng.normal(size=k)


def moments(x, y, cuts=()):
    seen = Moments(x.shape[1], y.shape[1])
    for part in np.split(np.arange(len(x)), sorted(cuts)):
        if len(part):
            seen.add(x[part], y[part])
    return seen


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.lists(st.integers(0, 40), max_size=4), st.sampled_from([0, 5, 1e4]))
def test_moments_about_a_point_are_the_sums_however_the_rows_were_cut(seed, cuts, mean):
    x, y = instance(seed, mean=mean)
    c, e = x[3] + 1, y[5] - 2
    gram, cross, square = moments(x, y, cuts).about(c, e)
    np.testing.assert_allclose(gram, (x - c).T @ (x - c), rtol=1e-9)
    np.testing.assert_allclose(
        cross, (y - e).T @ (x - c), rtol=1e-9, atol=1e-9 * np.abs(gram).max()
    )
    np.testing.assert_allclose(square, np.sum((y - e) ** 2), rtol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 99), st.integers(1, 30))
def test_taking_rows_away_leaves_the_moments_of_the_others(seed, count):
    x, y = instance(seed)
    rest, alone = (
        moments(x, y).without(moments(x[:count], y[:count])),
        moments(x[count:], y[count:]),
    )
    assert rest.n == alone.n
    pairs = [(getattr(rest, name), getattr(alone, name)) for name in ("mean_x", "mean_y")]
    pairs += zip(rest.about(0.0, 0.0), alone.about(0.0, 0.0), strict=True)
    for found, wished in pairs:
        np.testing.assert_allclose(found, wished, rtol=1e-8, atol=1e-8 * np.abs(wished).max())


@pytest.mark.parametrize("intercept", [True, False])
def test_the_model_of_moments_is_scikit_learns_on_standardised_columns(intercept):
    x, y = instance(0)
    scaler, recipe = StandardScaler().fit(x), Recipe(intercept=intercept)
    w, b, mean, spread = model_at(moments(x, y), scaler.mean_, 1 / scaler.scale_, 3.0, recipe)
    fitted = Ridge(alpha=3.0, fit_intercept=intercept).fit(scaler.transform(x), y)
    np.testing.assert_allclose(w, fitted.coef_, rtol=1e-10)
    assert (b is None) == (not intercept)
    if intercept:
        np.testing.assert_allclose(b, fitted.intercept_, rtol=1e-10)
    np.testing.assert_allclose([*mean, spread], [0, 0, 0, 3], atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.booleans())
def test_lam_is_that_of_least_error_on_the_rows_held_out(seed, intercept):
    # Few rows and much noise: on rows of its own a model would choose the least lam.
    x, _ = instance(seed, n=16, d=8)
    y = x[:, :2] / x.std(0)[:2] + np.random.default_rng(seed).normal(size=(16, 2))
    grid, held = (1e-3, 0.1, 10.0, 1e3), np.arange(16) % 4 == 0
    recipe, c, t = Recipe(lam=grid, intercept=intercept), x.mean(0), 1 / x.std(0)
    z, losses = (x - c) * t, []
    for lam in grid:
        fitted = Ridge(alpha=lam, fit_intercept=intercept).fit(z[~held], y[~held])
        losses.append(np.sum((fitted.predict(z[held]) - y[held]) ** 2))
    best = grid[int(np.argmin(losses))]
    if best in (min(grid), max(grid)):
        with pytest.warns(UserWarning, match="is an end of the grid"):
            assert chosen(moments(x, y), moments(x[held], y[held]), c, t, recipe) == best
    else:
        assert chosen(moments(x, y), moments(x[held], y[held]), c, t, recipe) == best


def test_columns_are_standardised_and_constant_ones_left():
    x = np.column_stack([np.arange(6.0), np.full(6, 7.0), np.zeros(6)])
    source = Source("t", (1, 1, 3), 1, (), np.array([6]), 1, ("a", "b", "c"), ("y",), None)
    norm = standardising(source, moments(x, x[:, :1]))
    np.testing.assert_allclose(norm.mean, x.mean(0))
    np.testing.assert_allclose(norm.std, [x[:, 0].std(), 1, 1])
    pictures = np.random.default_rng(0).integers(0, 256, (9, 2, 3, 3)).astype(float)
    of = Source("p", (2, 3, 3), 255, (), np.array([9]), 1, (), (), None)
    flat = np.moveaxis(pictures, 3, 1).reshape(9, -1)
    norm = standardising(of, moments(flat, flat[:, :1]))
    np.testing.assert_allclose(norm.mean, pictures.mean((0, 1, 2)) / 255)
    np.testing.assert_allclose(norm.std, pictures.std((0, 1, 2)) / 255)


def test_a_sample_is_that_of_the_least_numbers_however_the_rows_were_cut():
    rng = np.random.default_rng(0)
    x, c, u = rng.normal(size=(300, 2)), rng.integers(0, 3, 300), rng.random(300)
    for cuts in ([], [7, 150, 151]):
        drawn = Drawn(3, 4)
        for part in np.split(np.arange(300), cuts):
            drawn.see(x[part], c[part], u[part])
        rows = drawn.rows()
        for i in range(3):
            mine = np.flatnonzero(c == i)
            np.testing.assert_array_equal(rows[i::3], x[mine[np.argsort(u[mine])[:4]]])
