"""Where a statement about solvers and their cost stops: the smallest instance beyond its hypotheses,
and the property inside them.

Columns are samples, as in the book: F is (p, n), Y is (k, n).
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import lstsq

DRIVERS = ("gelsd", "gelsy")
few = settings(max_examples=20, deadline=None)


def weights(f, y, lam):
    return y @ f.T @ np.linalg.pinv(f @ f.T + lam * np.eye(len(f)))


@pytest.mark.parametrize("lam", [0.0, 0.5])
def test_leave_one_out_needs_a_ridge_where_a_model_goes_through_a_sample(lam):
    """With F = I and no ridge the leverage is 1, and nothing over nothing is no residual."""
    f, y = np.eye(2), np.array([[1.0, 2.0]])
    h = np.diag(f.T @ np.linalg.inv(f @ f.T + lam * np.eye(2)) @ f)
    inside, others = (y - weights(f, y, lam) @ f)[0], []
    for i in range(2):
        rest = np.arange(2) != i
        others.append((y[:, i] - weights(f[:, rest], y[:, rest], lam) @ f[:, i])[0])
    assert np.allclose(others, [1, 2])  # without its sample a model is zero there
    if lam:
        assert np.allclose(inside / (1 - h), others)
    else:
        assert np.allclose([1 - h, inside], 0)


def test_gelsy_drops_a_block_and_no_singular_value():
    """At one threshold and one rank the two drivers have other solutions."""
    a, b = np.array([[1.0, 1.0], [1.0, 1.3]]), np.array([1.0, 0.0])
    u, s, vt = np.linalg.svd(a)
    assert s[1] < 0.5 * s[0]
    found = {d: lstsq(a, b, cond=0.5, lapack_driver=d) for d in DRIVERS}
    assert [rank for _, _, rank, _ in found.values()] == [1, 1]
    cut = u[:, 0] @ b / s[0] * vt[0]
    assert np.allclose(found["gelsd"][0], cut)
    assert np.linalg.norm(found["gelsy"][0] - cut) > 0.05 * np.linalg.norm(cut)


def test_gelsy_can_keep_what_gelsd_drops():
    """An estimate of the condition number decides, and it can be too low."""
    ranks = set()
    for a in np.random.default_rng(0).normal(size=(40, 3, 3)):
        s = np.linalg.svd(a)[1]
        cond = 1.1 * s[2] / s[0]  # so the least singular value is under it
        ranks.add(tuple(lstsq(a, np.ones(3), cond=cond, lapack_driver=d)[2] for d in DRIVERS))
    assert all(by_values < 3 for by_values, _ in ranks)
    assert {(2, 2), (2, 3)} <= ranks


@given(st.lists(st.floats(1e-9, 1e9), min_size=4, max_size=4))
@few
def test_a_constant_and_three_powers_have_a_fitted_exponent_of_three_at_most(parts):
    m = np.array([100.0, 200.0, 400.0, 800.0])
    total = sum(part * m**power for power, part in enumerate(parts))
    exponent = np.polyfit(np.log(m), np.log(total), 1)[0]
    assert -1e-9 <= exponent <= 3 + 1e-9


def test_quadratic_kernel_values_leave_a_step_with_a_solve_cubic():
    m = np.array([1e6, 2e6])
    values, solve = m**2 + 100 * m, m**3 / 3
    slopes = [np.diff(np.log(cost))[0] / np.log(2) for cost in (values, values + solve)]
    assert np.allclose(slopes, [2, 3], atol=1e-3)
