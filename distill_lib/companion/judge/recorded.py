"""Every number that a page recorded, by name, with what its tolerance depends on."""

import re
from dataclasses import dataclass
from typing import Any

from distill_lib.companion.numbers.results import CELL
from distill_lib.companion.profiles import strings

TESTS = {"digits": 360}  # test images of a data set; all others have 10,000
_SAYS = re.compile(r"(?:(?<!\w)[+-])?\d[\d,]*(?:\.(\d+))?(?:e([+-]\d+))?")
_ROW = (*CELL, "measured", "unit")


@dataclass(frozen=True)
class Number:
    """A recorded number.

    Attributes:
        page: the notebook.
        name: its cell's name (table/data set/ipc/model/method/quantity), followed by ": " and the
            column if it is not the measurement itself; "= name" for a number of the prose.
        value: as recorded.
        spread: standard deviation over the seeds, in the same unit, where the row has one.
        seeds: how many runs its value is the mean of.
        tests: how many test images it counts, if it counts any.
    """

    page: str
    name: str
    value: float
    spread: float | None = None
    seeds: int = 1
    tests: int = 10_000


def numbers(content: dict[str, Any]) -> dict[str, Number]:
    """The numbers of a results file by name: measurements, spreads, columns, the prose's."""
    page, parameters = content["notebook"], content["provenance"]["parameters"] or {}
    tests = min((TESTS.get(word, 10_000) for word in strings(parameters)), default=10_000)
    tests = parameters.get("tests") or tests
    found = {}
    for row in content["rows"]:
        known = {
            "spread": row["spread"],
            "seeds": row["seeds"],
            "tests": row.get("test_images", tests),
        }
        for column, value in row.items():
            if column == "measured" or (column not in _ROW and _is_number(value)):
                name = cell(row) + ("" if column == "measured" else f": {column}")
                found[name] = Number(page, name, value, **known)
    for name, entry in content["values"].items():
        found[f"= {name}"] = Number(page, f"= {name}", entry["number"], tests=tests)
    return found


def facts(content: dict[str, Any]) -> dict[str, Any]:
    """What stands beside the numbers and is none: units, words, lists."""
    return {
        f"{cell(row)}: {column}": value
        for row in content["rows"]
        for column, value in row.items()
        if column not in (*CELL, "measured") and value is not None and not _is_number(value)
    }


def cell(row: dict[str, Any]) -> str:
    """The name of a row's cell."""
    return "/".join("-" if row[key] is None else str(row[key]) for key in CELL)


def states(text: str, number: float) -> bool:
    """Whether a text quotes the number, rounded to the digits that it shows."""
    for match in _SAYS.finditer(text):
        decimals, exponent = len(match[1] or ""), int(match[2] or 0)
        unit = 10.0 ** (exponent - decimals)
        if abs(float(match[0].replace(",", "")) - number) <= 0.5000001 * unit:
            return True
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
