"""A Sphinx extension: `Returns: ...` and `Raises: ...` become fields of the reference.

Napoleon runs after it: of `Args:` it makes fields, and of `Example:` a heading with its lines.
"""

import re
from typing import Any

FIELD = re.compile(r"(Returns|Raises): (?=\S)")


def fields(lines: list[str]) -> list[str]:
    """The docstring with `Returns: text` as `:returns: text`, a field on lines of its own."""
    done: list[str] = []
    for line in lines:
        start = FIELD.match(line)
        if start and done and done[-1].strip():
            done.append("")
        done.append(f":{start[1].lower()}: {line[start.end() :]}" if start else line)
    return done


def _process(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = fields(lines)


def setup(app: Any) -> dict[str, bool]:
    app.setup_extension("sphinx.ext.napoleon")
    app.connect("autodoc-process-docstring", _process, priority=400)  # before napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
