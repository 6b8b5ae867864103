"""Tables and recorded numbers of the page that puts all methods side by side."""

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from distill_lib.baselines import kip, rfad
from distill_lib.baselines.kip_on_features import FullBatch
from distill_lib.experiments import comparison_sets as sets
from distill_lib.experiments.comparison import TRAINED, Right, gains
from distill_lib.experiments.comparison_sets import Setting
from distill_lib.ridge import fit
from distill_lib.ridge.batches import BATCH
from distill_lib.theory.kip_loss import Target

Row = dict[str, Any]
Numbers = tuple[list[Row], dict[str, Any]]


def short(name: str) -> str:
    """A name as a part of one in the prose."""
    return name.replace(",", "").replace(" ", "_")


def _cell(of: Setting, model: str, name: str, quantity: str, measured: Any, unit: str) -> Row:
    m, k = of.labels.shape
    row = {"table": "comparison", "dataset": of.data.info.name, "ipc": m // k, "model": model}
    return row | {"method": name, "quantity": quantity, "measured": measured, "unit": unit}


def shown(right: Right) -> list[Row]:
    """The table of accuracies: means, with standard deviations where there are several."""
    rows = []
    for name, row in right.items():
        words = {"set": name}
        for model, each in row.items():
            words[model] = f"{np.mean(each):.1f}" if each else "diverges"
            words[model] += f" ± {np.std(each):.1f}" if len(each) > 1 else ""
            words[model] += " *" if sets.HOME[name] == model else ""
        rows.append(words)
    return rows


def recorded(of: Setting, right: Right, ends: Mapping[str, Row], distance: float) -> Numbers:
    """Rows and named numbers of all accuracies.

    Args:
        ends: `comparison.trained`, by set, for the learning rates.
        distance: of the nearest set from its images.
    """
    rows, values = [], dict[str, Any]()
    for name, found in right.items():
        for model, each in found.items():
            if not each:
                continue
            word = "finite ConvNet" if model == TRAINED else model
            row = _cell(of, word, name, "accuracy", np.mean(each), "%")
            row |= {"home": sets.HOME[name] == model}
            row |= {"spread": np.std(each), "seeds": len(each)} if len(each) > 1 else {}
            rows.append(row | ({"rate": ends[name]["rate"]} if model == TRAINED else {}))
    named = {"linear": sets.LINEAR, "fcnn": sets.FCNN, "subset": sets.SUBSET}
    for model in ("linear", "FCNN", "FC NTK", "Conv NTK", "ConvNet NNGP"):
        for word, name in named.items():
            values[f"{word}_in_{short(model)}"] = (np.mean(right[name][model]), "{:.1f}")
    away = [x for model, x in right[sets.FCNN].items() if model not in ("FCNN", TRAINED)]
    values["fcnn_best_away"] = (np.max(away), "{:.1f}")
    values["nearest_distance"] = (100 * distance, "{:.1f}")
    return rows, values | {"chance": (100 / of.labels.shape[1], "{:.0f}")}


def travelled(right: Right) -> tuple[list[Row], dict[str, Any]]:
    """What sets are worth away from home, the best first, and the range of sets by their origin."""
    rows: list[Row] = []
    for name, row in gains(right).items():
        values = [x for model, x in row.items() if model != sets.HOME[name] and not np.isnan(x)]
        above = f"{sum(value > 0 for value in values)} of {len(values)} columns"
        origin = "noise" if name in sets.FROM_NOISE else "images"
        rows.append({"set": name, "begins at": origin, "mean difference away": np.mean(values)})
        rows[-1]["above the random subset in"] = above
    rows.sort(key=lambda row: -row["mean difference away"])
    named: dict[str, Any] = {}
    for origin in ("images", "noise"):
        means = [row["mean difference away"] for row in rows if row["begins at"] == origin]
        named[f"{origin}_least"] = (min(means), "{:+.1f}")
        named[f"{origin}_most"] = (max(means), "{:+.1f}")
    return rows, named


def readings_recorded(of: Setting, rows: Iterable[Row]) -> Numbers:
    """Rows and named numbers of linear readings, those of accuracy where the reading holds.

    Args:
        rows: of `comparison.linear_reading`, with "set" and "model".
    """
    out, values = [], {}
    for row in rows:
        name, model = row["set"], row["model"]
        word = f"{short(name)}_{short(model)}"
        values[f"{word}_kernel"] = (row["kernel"], "{:.1f}")
        values[f"{word}_off"] = (row["e off the diagonal"], "{:.2f}")
        values[f"{word}_negative"] = (100 * row["e < 0"], "{:.0f}")
        if row["holds"]:
            same, right = row["correlation"], row["reading"]
            values[f"{word}_correlation"] = (same, "{:.2f}")
            values[f"{word}_reading"] = (right, "{:.1f}")
            out.append(_cell(of, model, name, "correlation with linear reading", same, ""))
            out.append(_cell(of, model, name, "accuracy of linear reading", right, "%"))
    return out, values


def planned(of: Setting, batch: int, rfad_batch: int) -> dict[str, int]:
    """Bytes of working memory by set: what XLA plans for a step, of the closed forms by formula."""
    targets, (m, k), p = of.targets, of.labels.shape, of.phi.dim_out
    n, d, resident = len(targets), of.norm.dim, targets.kept.nbytes + targets.classes.nbytes
    share = signature(fit).parameters["val_fraction"].default
    kept = n - round(share * n)  # the rest validates
    rows = -(-kept // -(-kept // BATCH))  # of a batch, as the ridge model cuts them

    def statistics(p):
        return 8 * (p**2 + rows * (d + p))

    def closed(p):
        return max(statistics(p), 24 * p**2, 8 * (2 * p**2 + (n - kept) * (d + 2 * p)))

    def kernel_step(labels, support):
        objective = kip.KernelObjective(of.ntk, targets, labels, min(batch, n))
        return _plan(_step, objective, support) - resident

    exact = FullBatch(of.phi, Target(jnp.zeros((p, p)), jnp.zeros((p, k))), 1.0)
    points = {"points": of.start}
    objective = rfad.Objective(of.networks, targets, of.labels, batches=1, batch=rfad_batch)
    strip, r = jnp.zeros((kip.STRIP, m + k)), jnp.zeros((m + k, m + k))
    kernel = _plan(of.ntk.__call__, jnp.zeros((kip.STRIP, d)), of.start)
    return {
        sets.LINEAR: closed(d),
        sets.NEAREST: closed(d),
        sets.FCNN: closed(p),
        "exact KIP, FCNN": max(_plan(_step, exact, of.start), statistics(p)),
        "KIP fixed": kernel_step(of.labels, points),
        "KIP learned": kernel_step(None, points | {"labels": of.labels}),
        "label solve": max(kernel, _plan(kip.with_strip, r, strip)),
        "RFAD": _plan(_step, objective, points) - resident,
    }


def _plan(compute: Callable[..., Any], *arguments: Any) -> int:
    """Bytes of arguments, results and temporary buffers of one compiled step."""
    plan: Any = jax.jit(compute).lower(*arguments).compile().memory_analysis()
    return plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes


def _step(objective, support):
    return jax.value_and_grad(objective)(support, jax.random.key(0))


def costs(
    of: Setting, made: Mapping[str, Row], right: Right, memory: Mapping[str, int]
) -> tuple[list[Row], list[Row]]:
    """The table of accuracy at home, time and memory, and its rows.

    Args:
        memory: `planned`.
    """
    shown, rows, above = [], [], gains(right)
    for name, used in memory.items():
        model, ratio = str(sets.HOME[name]), made[name]["seconds"] / made[sets.FCNN]["seconds"]
        row = {"set": name, "own model": model, "accuracy, %": f"{np.mean(right[name][model]):.1f}"}
        row["above random subset"] = f"{above[name][model]:+.1f}"
        shown.append(row | {"time": f"{ratio:,.2g}", "memory, MB": f"{used / 1e6:,.3g}"})
        if name != sets.FCNN:
            rows.append(_cell(of, model, name, "time ratio", ratio, "times the closed form"))
        how = "formula" if name in (*sets.FROM_NOISE, sets.NEAREST) else "planned by XLA"
        rows.append(_cell(of, model, name, "memory", used / 1e6, "MB") | {"how": how})
    return shown, rows
