"""What the page on runs past one machine records, and what its prose says in numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from distill_lib.experiments.past_one_machine import Row, exponent

Values = dict[str, tuple[Any, str]]
TABLE = "past one machine"


def of_forms(name: str, rows: Sequence[Row]) -> tuple[list[Row], Values]:
    """Rows and named numbers of `forms`."""
    cell = {"table": TABLE, "dataset": name, "model": "linear"}
    made = []
    for row in rows:
        where = cell | {"method": row["form"]}
        other, same = row.get("same bits as"), row.get("same bits")
        more = {"bits": f"{'those' if same else 'not those'} of: {other}"} if other else {}
        made += [
            where | {"quantity": "rows alive", "measured": row["alive"], "unit": "rows"} | more,
            where | {"quantity": "relative error", "measured": row["error"], "unit": "relative"},
        ]
    return made, {
        "forms_n": (rows[0]["alive"], "{:,}"),
        "forms_error": (max(row["error"] for row in rows), "{:.0e}"),
        "forms_other_bits": (sum(not row.get("same bits", True) for row in rows), "{:d}"),
    }


def of_growing(rows: Sequence[Row]) -> tuple[list[Row], Values]:
    """Rows and named numbers of `growing`."""
    cell = {"table": TABLE, "dataset": "generated", "model": "linear"}
    made = []
    for row in rows:
        where = cell | {"method": f"{row['n']} images"}
        held = row["bytes alive"] / 2**20
        made += [
            where | {"quantity": "rows alive", "measured": row["alive"], "unit": "rows"},
            where | {"quantity": "peak memory", "measured": held, "unit": "MiB"},
        ]
    return made, {
        "growing_n": (rows[-1]["n"], "{:,}"),
        "growing_times": (rows[-1]["n"] / rows[0]["n"], "{:,.0f}"),
        "growing_alive": (max(row["alive"] for row in rows), "{:,}"),
        "growing_exponent": (exponent(rows, "alive"), "{:.2f}"),
        "growing_bytes_exponent": (exponent(rows, "bytes alive"), "{:.2f}"),
    }


def of_solutions(name: str, rows: Sequence[Row]) -> tuple[list[Row], Values]:
    """Rows and named numbers of `solutions`."""
    cell = {"table": TABLE, "dataset": name, "model": "linear"}
    made = []
    for row in rows:
        where = cell | {"method": f"share {row['share']:g}, sketch {row['sketch']}"}
        for name in ("passes", "forecast", "residual", "error", "bound"):
            quantity = "relative error" if name == "error" else name
            unit = "passes" if name in ("passes", "forecast") else "relative"
            made.append(where | {"quantity": quantity, "measured": row[name], "unit": unit})
    sketched = [row for row in rows if row["sketch"]]
    return made, {
        "solved_most": (max(row["passes"] for row in rows), "{:,}"),
        "solved_least": (min(row["passes"] for row in rows), "{:,}"),
        "solved_worst": (max(row["error"] for row in rows), "{:.0e}"),
        "solved_share": (max(row["error"] / row["bound"] for row in rows), "{:.2g}"),
        "solved_forecast": (max(row["passes"] / row["forecast"] for row in sketched), "{:.1f}"),
    }


def of_shapes(found: Mapping[str, Row]) -> tuple[list[Row], Values]:
    """Rows and named numbers of `shape`, by way: "with G" and "without G"."""
    made: list[Row] = []
    values: Values = {}
    for way, row in found.items():
        cell = {"table": TABLE, "dataset": f"generated {row['size']}", "model": "linear"}
        cell |= {"method": way, "test_images": row["tests"]}
        sizes = {"p": row["p"], "n": row["n"], "points": row["classes"]}
        first = {"quantity": "recovery error", "measured": row["error"], "unit": "relative"}
        made += [
            cell | first | sizes,
            cell | {"quantity": "peak memory", "measured": row["peak"], "unit": "GiB"},
            cell | {"quantity": "accuracy", "measured": 100 * row["accuracy"], "unit": "%"},
            cell
            | {"ipc": 1, "quantity": "accuracy", "measured": 100 * row["of the set"], "unit": "%"},
        ]
        if row["sketch"]:
            of = {"passes": "passes", "forecast": "passes", "residual": "relative"}
            made += [
                cell | {"quantity": quantity, "measured": row[quantity], "unit": unit}
                for quantity, unit in of.items()
            ]
        word = way.replace(" ", "_").lower()
        values |= {
            f"{word}_side": (row["size"], "{:d}"),
            f"{word}_p": (row["p"], "{:,}"),
            f"{word}_classes": (row["classes"], "{:,}"),
            f"{word}_images": (row["n"], "{:,}"),
            f"{word}_tests": (row["tests"], "{:,}"),
            f"{word}_error": (row["error"], "{:.0e}"),
            f"{word}_peak": (row["peak"], "{:.2g}"),
            f"{word}_gram": (8 * row["p"] ** 2 / 2**30, "{:,.3g}"),
        }
        if row["sketch"]:
            values |= {
                "sketch": (row["sketch"], "{:,}"),
                "passes": (row["passes"], "{:,}"),
                "passes_forecast": (row["forecast"], "{:,}"),
                "residual": (row["residual"], "{:.0e}"),
            }
    return made, values


def of_silos(
    name: str, draws: int, rows: Sequence[Row], apart: float, revealed: Mapping[str, float]
) -> tuple[list[Row], Values]:
    """Rows and named numbers of `federated.utility` and `federated.revealed`."""
    cell = {"table": TABLE, "dataset": name, "model": "linear"}
    errors = {"sums of silos": apart} | {f"revealed, {what}": of for what, of in revealed.items()}
    made: list[Row] = [
        cell
        | {"method": method, "quantity": "relative error", "measured": error, "unit": "relative"}
        for method, error in errors.items()
    ]
    for row in rows:
        for head, value in row.items():
            if head == "silos":
                continue
            where = cell | {"method": f"{row['silos']} silos, {head}", "quantity": "accuracy"}
            mean, *spread = value if isinstance(value, tuple | list) else (value,)
            several = {"seeds": draws, "spread": spread[0]} if spread else {}
            made.append(where | {"measured": mean, "unit": "%"} | several)
    return made, {
        "draws": (draws, "{:d}"),
        "silos_apart_error": (apart, "{:.0e}"),
        "revealed_error": (max(revealed.values()), "{:.0g}"),
    }
