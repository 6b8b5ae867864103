"""The published numbers, kept apart from ours."""

from pathlib import Path
from typing import Any, Literal

from distill_lib.companion.files import read_json


def published(of: Literal["paper", "baselines"] = "paper") -> list[dict[str, Any]]:
    """The paper's numbers, or those of KIP and RFAD from their own papers, one dict a cell.

    Keys: table ("baselines" for those), dataset, ipc (None: the original model), model, method,
    quantity, value (None where the paper has none), uncertainty (its standard deviation, or None),
    unit, status (measured, estimated, stated or not run), tolerance (0 for a count; None where
    nothing is compared, as for seconds, which depend on the device), source.
    """
    cells = read_json(Path(__file__).parent / "published.json")
    return [cell for cell in cells if (cell["table"] == "baselines") == (of == "baselines")]
