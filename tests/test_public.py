"""`import distill_lib as dl` costs no JAX, and offers the same whatever is imported first."""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from inspect import getmembers, ismodule

import pytest

import distill_lib as dl

PUBLIC = import_module("distill_lib._public")


def test_every_public_name_is_there_and_no_other():
    assert {
        name for name, value in getmembers(PUBLIC) if not (name.startswith("_") or ismodule(value))
    } == {*dl.__all__}
    assert all(getattr(dl, name) is getattr(PUBLIC, name) for name in dl.__all__)
    assert {*dl.__all__} <= {*dir(dl)}
    with pytest.raises(AttributeError, match="no attribute 'distil'"):
        _ = dl.distil


def test_no_public_name_is_that_of_a_module():
    """`import distill_lib.name` would put the module in the function's place."""
    assert [name for name in dl.__all__ if find_spec(f"distill_lib.{name}")] == []


@pytest.mark.parametrize("first", ["distill_lib", "jax"])
def test_jax_computes_in_64_bits_whichever_is_imported_first(first):
    script = (
        f"import {first}, sys; lazy = 'jax' not in sys.modules; import distill_lib, jax, jax.numpy "
        "as jnp; " + ("print(lazy, jnp.ones(1).dtype, jax.config.jax_default_matmul_precision)")
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == [str(first == "distill_lib"), "float64", "highest"], done.stderr
