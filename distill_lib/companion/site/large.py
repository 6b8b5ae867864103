"""What `tests/benchmarks` recorded of large problems, for the page on them."""

import math
import re
from pathlib import Path
from typing import Any

from distill_lib.companion.judge.measured import markdown_table
from distill_lib.companion.judge.recorded import cell
from distill_lib.companion.numbers.stored import BENCHMARK, load_results, read_results

IMAGENET = 1_281_167  # training images of its 1,000 classes
_OTHERS = "share of the cores that others took"
_LINK = 2**30  # bytes a second between machines, for forecasts: about ten gigabits
_WORKERS = (1, 8, 64)
_PAGE = "past_one_machine"


def tables(root: Path) -> dict[str, str]:
    """{{ large.floor }}, {{ large.workers }} and so on, and where they come from: `book/large`.

    Two tables are of the committed runs of the notebook `past_one_machine`. Empty in a project
    without records.
    """
    folder = root / "book" / "large"
    if not folder.is_dir():
        return {}
    paths = (folder / f"{name}.json" for name in ("floor", "whole", "thin", "machines"))
    floor, whole, thin, machines = (read_results(path, BENCHMARK) for path in paths)
    return {
        "floor": _floor(floor["measured"]),
        "batch": _number(floor["settings"]["batch"]),
        "floor_made": _made(floor),
        "whole": _whole(whole["measured"]),
        "whole_made": _made(whole),
        "thin": _thin(thin["measured"]),
        "thin_made": _made(thin),
        "thin_size": ", ".join(f"${name} = {size:,}$" for name, size in thin["settings"].items()),
        **_machines(machines),
        **_growth(machines["measured"]["rows"]),
        "machines_made": _made(machines),
        **{
            f"{name}_others": _number(100 * machines["measured"][name][_OTHERS])
            for name in ("workers", "rows")
        },
        "imagenet": f"{IMAGENET:,}",
        **_shapes(_run(root, "large", "mnist", "digits")),
        **_silos(_run(root, "mnist", "digits")),
    }


def _floor(measured: dict[str, float]) -> str:
    """Ratios alone: seconds are of one machine on one day."""
    heads = ["images", "operations (TFLOP)", "ratio", "ratio of processor time"]
    return markdown_table(
        heads, [[_number(measured[head]) for head in heads]], numbers=tuple(range(len(heads)))
    )


def _whole(measured: dict[str, dict[str, Any]]) -> str:
    names, heads = ["data set", "feature map"], ["operations (TFLOP)", "ratio"]
    rows = [
        [*(found[name] for name in names), *(_number(found[head]) for head in heads)]
        for found in measured.values()
    ]
    return markdown_table([*names, *heads], rows, numbers=(2, 3))


def _thin(measured: dict[str, dict[str, float]]) -> str:
    heads = ["input and output (GiB)", "peak (GiB)", "recovery error"]
    rows = [[name, *(_number(found[head]) for head in heads)] for name, found in measured.items()]
    return markdown_table(["construction", *heads], rows, numbers=(1, 2, 3))


def _machines(record: dict[str, Any]) -> dict[str, str]:
    """What partitions took, times as ratios."""
    measured = record["measured"]
    workers = measured["workers"]
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
    return {
        "workers": markdown_table(
            ["by", "same bits", "largest process (GiB)", "time to one process"],
            ratios,
            numbers=(2, 3),
        ),
        "deaths": markdown_table(["", "killed", "sums", "same bits"], deaths, numbers=(1, 2)),
        "deaths_of": f"{measured['deaths']['partitions']:,}",
        "forecast": _forecast(measured["rates"]),
        "rates": _rates(measured["rates"]),
        "rates_error": _number(100 * measured["rates"]["largest error of the fit"]),
    }


def _run(root: Path, *profiles: str) -> dict[str, Any]:
    """The committed run of the notebook in the first of some profiles that has one."""
    known = (load_results(root, profile, fresh=False).get(_PAGE) for profile in profiles)
    return next((found for found in known if found), {"rows": [], "values": {}, "profile": ""})


def _shapes(run: dict[str, Any]) -> dict[str, str]:
    """Both ways at the shape of ImageNet, of a run of the notebook."""
    said = {name: entry["text"] for name, entry in run["values"].items()}
    of = {cell(row): row["measured"] for row in run["rows"]}
    rows = []
    for way in ("with G", "without G") if said else ():
        word = way.replace(" ", "_").lower()
        side = said[f"{word}_side"]
        where = f"past one machine/generated {side}/{{}}/linear/{way}/accuracy"
        both = [_number(of[where.format(ipc)]) for ipc in ("-", "1")]
        sizes = [said[f"{word}_{name}"] for name in ("p", "classes", "images", "peak")]
        name = f"{way.replace('G', '$G$')}, {side} × {side}"
        rows.append([name, *sizes, *both, said[f"{word}_error"]])
    titles = ["way", "$p$", "$k$", "$n$", "peak (GiB)", "accuracy (%)", "of the set (%)", "error"]
    told = {
        name: said.get(name, "") for name in ("passes", "passes_forecast", "residual", "sketch")
    }
    return told | {
        "path": markdown_table(titles, rows, numbers=tuple(range(1, 8))),
        "path_profile": run["profile"],
    }


def _growth(record: dict[str, Any]) -> dict[str, str]:
    """Time and memory by the number of rows; times as ratios.

    Times of a row have four digits, so that the exponent follows from what the table shows.
    """
    found = record["by n"]
    last, before = found[-1], found[-2]
    unit = before["two workers"] / before["n"]
    rows = [
        [f"{one['n']:,}", f"{one['two workers'] / one['n'] / unit:.4g}",
         _number(one["two workers"] / one["one worker"]), _number(one["largest process (GiB)"])]
        for one in found
    ]  # fmt: skip
    grown = math.log(last["two workers"] / before["two workers"])
    heads = ["$n$", "time of a row", "two workers to one", "largest process (GiB)"]
    return {
        "growth": markdown_table(heads, rows, numbers=(0, 1, 2, 3)),
        "growth_exponent": f"{grown / math.log(last['n'] / before['n']):.4g}",
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
    """Hours that the statistics of ImageNet take at 64 x 64, and what is sent, by workers."""
    p, rows = 3 * 64 * 64, []
    for count in _WORKERS:
        adding = math.ceil(math.log2(count)) * 8 * p**2 / _LINK
        hours = (IMAGENET * _cost(rates, p) / count + adding) / 3600
        rows.append([str(count), _number(hours), _number((count - 1) * 8 * p**2 / 2**30)])
    heads = ["workers of one core", "hours (forecast)", "GiB sent at least (forecast)"]
    return markdown_table(heads, rows, numbers=(0, 1, 2))


def _silos(run: dict[str, Any]) -> dict[str, str]:
    """Accuracy by silos and epsilon, and what is read off, of a run of the notebook."""
    found: dict[str, dict[str, str]] = {}
    revealed = []
    for row in run["rows"]:
        count, _, head = str(row["method"]).partition(" silos, ")
        if head:
            spread = "" if row["spread"] is None else f" ± {row['spread']:.1f}"
            title = rf"$\varepsilon = {head.split()[1]}$" if spread else head
            found.setdefault(count, {})[title] = f"{row['measured']:.1f}{spread}"
        elif count.startswith("revealed, "):
            revealed.append([count.removeprefix("revealed, "), _number(row["measured"])])
    titles = ["silos", *next(iter(found.values()), {})]
    rows = [[count, *of.values()] for count, of in found.items()]
    said = {name: entry["text"] for name, entry in run["values"].items()}
    names = (row["dataset"] for row in run["rows"] if str(row["method"]).startswith("revealed"))
    return {
        "silos": markdown_table(titles, rows, numbers=tuple(range(len(titles)))),
        "silos_apart": said.get("silos_apart_error", ""),
        "silos_set": next(names, "").upper().replace("DIGITS", "digits"),
        "silos_draws": said.get("draws", ""),
        "revealed": markdown_table(
            ["what the server sees", "relative error of what it reads off"],
            revealed,
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
