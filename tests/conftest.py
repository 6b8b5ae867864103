"""Hypothesis profiles: the same few examples on every run, unless HYPOTHESIS_PROFILE asks for a
random search, as every night; compiled programs; no silent promotion.
"""

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# Compiled once for all workers and runs, and without optimising, which takes longer than small
# instances run; pages are executed with programs as users have them. A file that cannot be read is
# compiled again. Set before JAX is imported.
COMPILED = {
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / "_build" / "cache" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
}
for name, value in COMPILED.items():
    os.environ.setdefault(name, value)

import jax  # noqa: E402

# A matrix and a vector, or two precisions, that meet unmeant are an error here. Subprocesses and
# notebooks have what JAX does by default, as users do; so have calls of others' code (`with
# jax.numpy_dtype_promotion("standard")`).
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
# For tests/mutation.py: a first failure is all it asks.
settings.register_profile(
    "mutants", settings.get_profile("fixed"), phases=(Phase.explicit, Phase.generate)
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(scope="module", autouse=True)
def memory_of_a_module():
    """A worker holds the programs of one file at a time."""
    yield
    jax.clear_caches()
