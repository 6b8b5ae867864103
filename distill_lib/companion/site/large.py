"""What `tests/benchmarks` recorded of large problems, for the page on them."""

from pathlib import Path
from typing import Any

from distill_lib.companion.files import read_json
from distill_lib.companion.judge.measured import markdown_table


def tables(root: Path) -> dict[str, str]:
    """{{ large.floor }}, {{ large.thin }} and where they come from, from `book/large/*.json`.

    Empty in a project without them.
    """
    folder = root / "book" / "large"
    if not folder.is_dir():
        return {}
    floor, thin = read_json(folder / "floor.json"), read_json(folder / "thin.json")
    return {
        "floor": _floor(floor["measured"]),
        "batch": _number(floor["settings"]["batch"]),
        "floor_made": _made(floor),
        "thin": _thin(thin["measured"]),
        "thin_made": _made(thin),
        "thin_size": ", ".join(f"${name} = {size:,}$" for name, size in thin["settings"].items()),
    }


def _floor(measured: dict[str, float]) -> str:
    """Ratios alone: seconds are of one machine on one day."""
    heads = ["images", "operations (TFLOP)", "ratio", "ratio of processor time"]
    return markdown_table(
        heads, [[_number(measured[head]) for head in heads]], numbers=tuple(range(len(heads)))
    )


def _thin(measured: dict[str, dict[str, float]]) -> str:
    heads = ["input and output (GiB)", "peak (GiB)", "recovery error"]
    rows = [[name, *(_number(found[head]) for head in heads)] for name, found in measured.items()]
    return markdown_table(["construction", *heads], rows, numbers=(1, 2, 3))


def _made(record: dict[str, Any]) -> str:
    origin = record["provenance"]
    device = origin["device"]
    return (
        f"{device['cpus']} cores ({device['processor']}), JAX {origin['versions']['jax']}, "
        f"{origin['date'][:10]}"
    )


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.1e}" if abs(value) < 1e-3 else f"{value:,.3g}"
