"""The published numbers, kept apart from ours."""

import json
from pathlib import Path
from typing import Any


def published() -> list[dict[str, Any]]:
    """The published numbers, one dict a cell.

    Keys: table, dataset, ipc (None: the original model), model, method, quantity, value (None where the paper has none),
    uncertainty (its standard deviation, or None), unit, status (measured, estimated or not run), tolerance (None where
    nothing is compared, as for seconds, which depend on the device), source.
    """
    return json.loads((Path(__file__).parent / "published.json").read_text(encoding="utf-8"))
