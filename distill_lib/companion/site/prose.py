"""Numbers in the prose: {{ this.notebook.name }} becomes the text recorded under that name."""

import re
from typing import Any

from distill_lib.companion.errors import CompanionError

PLACEHOLDER = re.compile(r"\{\{ *([a-z]\w*(?:\.\w+)+) *\}\}")


def fill(text: str, numbers: dict[str, Any], page: str) -> str:
    """The text with the numbers in their places.

    Raises: CompanionError naming the page and those numbers that no run has recorded.
    """
    found = {name: _look_up(numbers, name) for name in PLACEHOLDER.findall(text)}
    absent = [name for name, number in found.items() if not isinstance(number, str)]
    if absent:
        raise CompanionError(
            f"{page} names numbers that no run has recorded: {', '.join(absent)}; "
            "correct the name, or run the notebook that records it"
        )
    return PLACEHOLDER.sub(lambda match: found[match[1]], text)


def _look_up(numbers: dict[str, Any], name: str) -> Any:
    found: Any = numbers
    for key in name.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found
