"""The examples of the docstrings run as they are written, with `np`, `jax`, `jnp` and `dl` at hand."""

import doctest
import importlib
import inspect
import pkgutil
import re
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


def told(thing):
    """Its docstring, and for a class those of its methods."""
    parts = [thing, *(vars(thing).values() if inspect.isclass(thing) else ())]
    return "".join(inspect.getdoc(part) or "" for part in parts if not isinstance(part, str))


@pytest.mark.parametrize("name", sorted({*dl.__all__} - {"GRID"}))
def test_what_the_package_offers_has_an_example_or_names_one_that_has(name):
    def shown(other):
        return ">>>" in told(getattr(dl, other))

    said = told(getattr(dl, name))
    assert shown(name) or any(shown(other) for other in dl.__all__ if f"`{other}`" in said)


@pytest.mark.parametrize("name", sorted(modules()))
def test_docstrings_begin_with_one_whole_sentence(name):
    """On a line of its own, for somebody new: not cut, not hanging from a colon."""
    module = importlib.import_module(name)
    mine = [value for value in vars(module).values() if getattr(value, "__module__", "") == name]
    for thing in [module, *(value for value in mine if not value.__name__.startswith("_"))]:
        first, *rest = (inspect.getdoc(thing) or "").split("\n")
        assert re.fullmatch(r".{10,94}[.?]", first), (name, first)
        assert not rest or not rest[0], (name, first)


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_property_begins_without_a_colon(name):
    """The reference would take what stands before it for a type."""
    for kind in vars(importlib.import_module(name)).values():
        if inspect.isclass(kind) and kind.__module__ == name:
            for part in vars(kind).values():
                if isinstance(part, property):
                    assert ": " not in (inspect.getdoc(part) or "").split("\n")[0], kind
