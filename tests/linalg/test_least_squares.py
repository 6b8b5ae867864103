"""The regular solution has the value and the derivative of the pseudoinverse's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import seeds
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_lib.linalg.least_squares import least_squares, regular_solution


@settings(max_examples=20)
@given(
    seeds,
    st.sampled_from(((1, 0), (1, 4), (4, 0), (6, 3))),  # JAX compiles each shape anew
    st.sampled_from((1.0, 1e3, 1e5, 3e6)),
)
def test_value_and_derivative_are_those_of_the_pseudoinverse(seed, shape, condition):
    """Also at condition numbers at which Cholesky of B^T B has lost ten digits."""
    rng = np.random.default_rng(seed)
    m, more = shape
    r = m + more
    u, _, vt = np.linalg.svd(rng.normal(size=(r, m)), full_matrices=False)
    b = (u * np.geomspace(1, 1 / condition, m)) @ vt
    t, db, dt = rng.normal(size=(r, 2)), rng.normal(size=(r, m)), rng.normal(size=(r, 2))
    found, slope = jax.jvp(regular_solution, (b, t), (db, dt))
    # B^+ changes by (B^T B)^{-1} dB^T (I - B B^+) - B^+ dB B^+ (Golub and Pereyra 1973).
    inverse = (vt.T / np.geomspace(1, 1 / condition, m)) @ u.T
    x = inverse @ t
    change = inverse @ dt - inverse @ (db @ x) + inverse @ (inverse.T @ (db.T @ (t - b @ x)))
    assert np.allclose(found, x, rtol=0, atol=1e-10 * condition * np.abs(x).max())
    assert np.allclose(slope, change, rtol=0, atol=1e-12 * condition * np.abs(change).max())
    assert np.allclose(found, least_squares(b, t), atol=1e-10 * condition * np.abs(x).max())


def test_a_matrix_without_full_column_rank_has_none():
    singular = jnp.ones((3, 2)), jnp.ones((3, 1))
    with pytest.raises(ValueError, match="regular_solution is not finite"):
        regular_solution(*singular)
    assert not jnp.isfinite(jax.jit(regular_solution)(*singular)).all()
