"""Products by one BLAS are those of NumPy, however the matrices lie in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_lib.linalg.products import add_gram, product

sizes = st.integers(0, 6)


def laid_out(a, order):
    """The same matrix by rows, by columns, or as a part of a larger one."""
    if order == "part":
        larger = np.full((2 * a.shape[0], 3 * a.shape[1]), np.nan, a.dtype)
        larger[::2, ::3] = a
        return larger[::2, ::3]
    return np.array(a, order=order)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(n=sizes, q=sizes, p=sizes, seed=st.integers(0, 2**32 - 1), data=st.data())
def test_a_product_in_any_layout(dtype, n, q, p, seed, data):
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=size).astype(dtype) for size in ((n, q), (q, p)))
    one, two = (laid_out(m, data.draw(st.sampled_from(["C", "F", "part"]))) for m in (a, b))
    before = one.copy(), two.copy()
    found = product(one, two)
    assert found.dtype == dtype
    assert found.shape == (n, p)
    assert np.allclose(found, a @ b, rtol=0, atol=100 * np.finfo(dtype).eps)
    assert np.array_equal(one, before[0], equal_nan=True)
    assert np.array_equal(two, before[1], equal_nan=True)


@given(n=sizes, p=st.integers(1, 6), seed=st.integers(0, 2**32 - 1), order=st.sampled_from("CF"))
def test_of_a_gram_matrix_the_upper_triangle_is_added(n, p, seed, order):
    rng = np.random.default_rng(seed)
    f, gram = rng.normal(size=(n, p)), rng.normal(size=(p, p))
    wanted = gram + np.triu(f.T @ f)
    add_gram(gram, np.array(f, order=order))
    assert np.allclose(gram, wanted, rtol=0, atol=1e-13)
