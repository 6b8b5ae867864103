"""What `tests/benchmarks` recorded of large problems, for the page on them."""

import math
import re
from pathlib import Path
from typing import Any

from distill_lib.companion.files import read_json
from distill_lib.companion.judge.measured import markdown_table

IMAGENET = 1_281_167  # training images of its 1,000 classes
_OTHERS = "share of the cores that others took"
_LINK = 2**30  # bytes a second between machines, for forecasts: about ten gigabits


def tables(root: Path) -> dict[str, str]:
    """{{ large.floor }}, {{ large.workers }} and so on, and where they come from: `book/large`.

    Empty in a project without them.
    """
    folder = root / "book" / "large"
    if not folder.is_dir():
        return {}
    floor, thin = read_json(folder / "floor.json"), read_json(folder / "thin.json")
    machines, silos = read_json(folder / "machines.json"), read_json(folder / "federated.json")
    return {
        "floor": _floor(floor["measured"]),
        "batch": _number(floor["settings"]["batch"]),
        "floor_made": _made(floor),
        "thin": _thin(thin["measured"]),
        "thin_made": _made(thin),
        "thin_size": ", ".join(f"${name} = {size:,}$" for name, size in thin["settings"].items()),
        **_machines(machines),
        **_growth(machines["measured"]["rows"]),
        "machines_made": _made(machines),
        "others": _number(100 * max(one[_OTHERS] for one in machines["measured"].values())),
        "imagenet": f"{IMAGENET:,}",
        **_silos(silos),
        "silos_made": _made(silos),
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


def _machines(record: dict[str, Any]) -> dict[str, str]:
    """What partitions took, times as ratios."""
    measured = record["measured"]
    workers, whole, free = (measured[name] for name in ("workers", "whole", "without-g"))
    heads = [name for name in workers if re.fullmatch(r"\d+ workers", name)]
    alone = workers["one process"]
    ratios = [
        [name.replace("1 workers", "1 worker"), _yes(workers[f"{name}, same bits"]),
         _number(workers[f"{name}, largest process (GiB)"]),
         _number(workers[name] / alone)]
        for name in heads
    ]  # fmt: skip
    deaths = [
        [name, *(_number(one[key]) for key in ("killed", "runs")),
         _yes(one["same bits"])]
        for name, one in measured["deaths"].items() if isinstance(one, dict)
    ]  # fmt: skip
    ways = {f"{how} $G$, {_side(one)} × {_side(one)}": one
            for how, one in (("with", whole), ("without", free))}  # fmt: skip
    path = [
        [name, *(_number(one[key]) for key in ("p", "classes", "images", "peak (GiB)")),
         _number(100 * one["accuracy"]), _number(100 * one["accuracy of the set"]),
         _number(one["recovery error"])]
        for name, one in ways.items()
    ]  # fmt: skip
    titles = ["way", "$p$", "$k$", "$n$", "peak (GiB)", "accuracy (%)", "of the set (%)", "error"]
    return {
        "workers": markdown_table(
            ["by", "same bits", "largest process (GiB)", "time to one process"],
            ratios,
            numbers=(2, 3),
        ),
        "deaths": markdown_table(["", "killed", "sums", "same bits"], deaths, numbers=(1, 2)),
        "deaths_of": f"{measured['deaths']['partitions']:,}",
        "path": markdown_table(titles, path, numbers=tuple(range(1, 8))),
        "forecast": _forecast(measured["rates"]),
        "rates": _rates(measured["rates"]),
        "rates_error": _number(100 * measured["rates"]["largest error of the fit"]),
        "passes": f"{free['passes']:,}",
        "passes_forecast": f"{free['passes forecast']:,}",
        "residual": _number(free["residual"]),
        "sketch": f"{free['sketch']:,}",
    }


def _side(one: dict[str, float]) -> int:
    """Pixels a side of colour images with p numbers."""
    return math.isqrt(int(one["p"]) // 3)


def _growth(record: dict[str, Any]) -> dict[str, str]:
    """Time and memory by the number of rows; times as ratios."""
    found = record["by n"]
    last, before = found[-1], found[-2]
    unit = before["two workers"] / before["n"]
    rows = [
        [f"{one['n']:,}", _number(one["two workers"] / one["n"] / unit),
         _number(one["two workers"] / one["one worker"]), _number(one["largest process (GiB)"])]
        for one in found
    ]  # fmt: skip
    grown = math.log(last["two workers"] / before["two workers"])
    heads = ["$n$", "time of a row", "two workers to one", "largest process (GiB)"]
    return {
        "growth": markdown_table(heads, rows, numbers=(0, 1, 2, 3)),
        "growth_exponent": _number(grown / math.log(last["n"] / before["n"])),
        "growth_p": str(record["p"]),
    }


def _cost(rates: dict[str, Any], p: int) -> float:
    """Processor seconds that the statistics of an image take, by the fit."""
    return rates["a"] * p + rates["b"] * p**2


def _rates(rates: dict[str, Any]) -> str:
    """Measured and fitted processor time of an image, in units of the smallest."""
    unit = rates["measured"][0][1]
    rows = [
        [f"{p:,}", _number(seconds / unit), _number(_cost(rates, p) / unit)]
        for p, seconds in rates["measured"]
    ]
    return markdown_table(["$p$", "measured", "fitted"], rows, numbers=(0, 1, 2))


def _forecast(rates: dict[str, Any]) -> str:
    """Hours that the statistics of ImageNet take at 64 x 64, and what is sent, by cores."""
    p, rows = 3 * 64 * 64, []
    for count in (1, 16, 64, 256):
        adding = math.ceil(math.log2(count)) * 8 * p**2 / _LINK
        hours = (IMAGENET * _cost(rates, p) / count + adding) / 3600
        rows.append([str(count), _number(hours), _number((count - 1) * 8 * p**2 / 2**30)])
    heads = ["cores like these", "hours (forecast)", "GiB sent at least (forecast)"]
    return markdown_table(heads, rows, numbers=(0, 1, 2))


def _silos(record: dict[str, Any]) -> dict[str, str]:
    found, settings = record["measured"], record["settings"]
    heads = [name for name in found["rows"][0] if name.startswith("epsilon")]
    rows = [
        [
            str(row["silos"]),
            _number(row["exact"]),
            *(f"{row[h][0]:.1f} ± {row[h][1]:.1f}" for h in heads),
        ]
        for row in found["rows"]
    ]
    titles = ["silos", "exact", *(rf"$\varepsilon = {head.split()[1]}$" for head in heads)]
    return {
        "silos": markdown_table(titles, rows, numbers=tuple(range(len(titles)))),
        "silos_apart": _number(found["apart"]),
        "silos_set": settings["dataset"].upper().replace("DIGITS", "digits"),
        "silos_draws": str(settings["draws"]),
        "revealed": markdown_table(
            ["what the server sees", "relative error of what it reads off"],
            [[name, _number(error)] for name, error in found["revealed"].items()],
            numbers=(1,),
        ),
    }


def _yes(value: bool) -> str:
    return "yes" if value else "no"


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
    return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:,.3g}"
