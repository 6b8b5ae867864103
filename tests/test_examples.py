"""The examples of the docstrings run as they are written, with `np`, `jax`, `jnp` and `dl` at hand."""

import doctest
import importlib
import pkgutil
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import distill_lib as dl

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
AT_HAND = {"np": np, "jax": jax, "jnp": jnp, "dl": dl}


def modules():
    """All but the companion's, whose functions are of files and processes."""
    yield "distill_lib"
    for found in pkgutil.walk_packages(dl.__path__, "distill_lib."):
        if not found.name.startswith("distill_lib.companion") and "_public" not in found.name:
            yield found.name


def examples(name):
    """The tests in a module's own docstrings; those of a marked function are found behind its mark."""
    return [
        test
        for test in doctest.DocTestFinder().find(importlib.import_module(name), extraglobs=AT_HAND)
        if test.examples
    ]


@pytest.mark.parametrize("name", sorted(modules()))
def test_the_examples_of_a_module_are_true(name):
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    said = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for test in examples(name):
            runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)
