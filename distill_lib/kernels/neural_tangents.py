"""neural-tangents on current JAX, which no longer has all the names that it looks for.

Those that its last release (0.6.5) needs are lent to it while it is imported.
"""

import importlib
import sys
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import jax
import jax.core
import jax.extend.core
import jax.interpreters.ad


def stax() -> Any:
    """The module `neural_tangents.stax`, imported at the first call.

    Raises: ImportError if neural-tangents or frozendict is not installed; the message names the
        command.
    """
    try:
        if "neural_tangents" in sys.modules:
            return importlib.import_module("neural_tangents.stax")
        with _lent():
            return importlib.import_module("neural_tangents.stax")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("neural_tangents", "frozendict"):
            raise
        raise ImportError(
            f"infinite-width kernels need {package}, which is not installed: "
            "pip install --no-deps neural-tangents frozendict."
        ) from error


@contextmanager
def _lent():
    """What the import needs and JAX has moved, taken back so that nobody else sees it."""
    with ExitStack() as stack:

        def lend(module, name, value):
            if not hasattr(module, name):
                stack.enter_context(patch.object(module, name, value, create=True))

        for name in ("Jaxpr", "JaxprEqn", "Literal", "Var", "Primitive"):
            lend(jax.core, name, getattr(jax.extend.core, name))
        # A key of its table of structure rules, which only empirical kernels read.
        lend(jax.interpreters.ad, "zeros_like_p", jax.extend.core.Primitive("zeros_like"))
        modules = {"neural_tangents.experimental": ModuleType("experimental")}  # imports TensorFlow
        try:
            importlib.import_module("jax.util")
        except ModuleNotFoundError:
            modules["jax.util"] = ModuleType("jax.util")
            modules["jax.util"].__dict__.update(safe_map=_safe_map, safe_zip=_safe_zip)
        before = {name: sys.modules.get(name) for name in modules}
        sys.modules.update(modules)
        try:
            yield
        finally:
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module


def _safe_zip(*columns):
    return list(zip(*columns, strict=True))


def _safe_map(f, *columns):
    return [f(*row) for row in _safe_zip(*map(list, columns))]
