"""Measurements are kept one record a piece, begin only where they fit, and their tables hold every
number that was recorded.
"""

from pathlib import Path

import pytest

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.judge.costs import exact_steps, forecast
from distill_lib.companion.judge.measured import tables
from distill_lib.companion.numbers.published import published
from distill_lib.companion.numbers.stored import PIECE, read_results
from distill_lib.companion.run.ledger import measure, records, wanted
from distill_lib.experiments.pieces import Piece, pieces

ROOT = Path(__file__).parents[2]


def piece(name, minutes, ran):
    def run(folder, say):
        say("working")
        ran.append(name)
        if name == "broken":
            raise ArithmeticError("no number")
        return [{"quantity": name, "measured": 1.0}]

    return Piece(name, f"about {name}", {"m": (1, 2)}, minutes, run)


def test_a_record_holds_rows_settings_and_provenance_and_is_not_made_twice(tmp_path):
    ran, said = [], []
    todo = [piece("first", 1, ran), piece("second", 1, ran)]
    assert measure(ROOT, todo, tmp_path, said.append) == []
    assert ran == ["first", "second"]
    kept = read_results(tmp_path / "first.json", PIECE)
    assert kept["rows"] == [{"quantity": "first", "measured": 1.0}]
    assert kept["settings"] == {"m": [1, 2]}
    assert {"commit", "dirty", "versions", "device", "data", "seconds", "date"} <= kept[
        "provenance"
    ].keys()
    assert wanted(todo, [], [tmp_path]) == []
    assert wanted(todo, ["second"], [tmp_path], force=True) == todo[1:]
    assert any("about first" in line for line in said)


def test_a_piece_begins_only_if_its_forecast_fits(tmp_path):
    ran = []
    todo = [piece("long", 10, ran), piece("short", 0.5, ran), piece("longer", 20, ran)]
    assert measure(ROOT, todo, tmp_path, lambda text: None, budget=60) == ["long", "longer"]
    assert ran == ["short"]


def test_what_fails_leaves_no_record_and_keeps_those_before(tmp_path):
    ran = []
    with pytest.raises(ArithmeticError):
        measure(ROOT, [piece("good", 1, ran), piece("broken", 1, ran)], tmp_path, lambda text: None)
    assert [path.name for path in tmp_path.iterdir()] == ["good.json"]


def test_an_unknown_piece_is_named(tmp_path):
    with pytest.raises(CompanionError, match="rfad-step"):
        wanted(pieces(), ["rfad-stp-32x32x3-1-bf16"], [tmp_path])


def test_committed_records_are_of_known_pieces_and_their_tables_show_all_of_them():
    known, names = records(ROOT), [piece.name for piece in pieces()]
    assert len(set(names)) == len(names)
    assert {record["piece"] for record in known.values()} <= set(names)
    assert all(name.split(".")[0] == record["piece"] for name, record in known.items())
    made = tables(ROOT)
    for record in known.values():
        assert record["provenance"]["commit"]
        assert record["provenance"]["device"]["kind"] in made["made"]
    assert "at most 3,000 steps; and 2 ConvNets of width 1,024" in made["bounds"]
    steps = [name for name in known if name.startswith("rfad-step")]
    assert made["steps"].count("\n") == len(steps) + 1
    accuracies = [
        row
        for record in known.values()
        for row in record["rows"]
        if (row["table"], row["quantity"]) == ("baselines", "accuracy")
    ]
    assert made["sets"].count("\n") == len(accuracies) + 1
    for row in accuracies:
        assert f"{row['measured']:.1f}" in made["sets"]
    printed = {
        (c["dataset"], c["ipc"], c["model"]): c
        for c in published("baselines")
        if c["method"] == "rfad"
    }
    beside = [
        printed[key]
        for row in accuracies
        if (key := (row["dataset"], row["ipc"], row["model"])) in printed
    ]
    assert beside
    for cell in beside:
        assert f"{cell['value']:.1f} ± {cell['uncertainty']:.1f}" in made["sets"]


def test_what_the_page_says_of_the_records_is_so():
    """Which of two is the smaller; the times themselves are shown and not judged."""
    rows = [row for record in records(ROOT).values() for row in record["rows"]]
    printed = {
        (c["dataset"], c["ipc"], c["model"]): c
        for c in published("baselines")
        if c["method"] == "rfad"
    }
    apart = {
        (r["method"], r["model"]): r["measured"] for r in rows if r["table"] == "rfad precision"
    }
    for part in ("kernel", "loss", "gradient"):
        assert apart["tf32", part] < apart["bf16", part] < 0.01
    for dataset in ("fashion_mnist", "cifar10"):
        found = {
            r["model"]: r["measured"]
            for r in rows
            if r["quantity"] == "accuracy" and r["dataset"] == dataset and r["table"] == "baselines"
        }
        kernels = [found[f"convnet-3 {name}"] for name in ("empirical nngp", "nngp", "ntk")]
        assert found["finite ConvNet"] < min(kernels)
        assert kernels[1] == max(kernels)
        cell = printed[dataset, 1, "finite ConvNet"]
        assert found["finite ConvNet"] < cell["value"]
        assert cell["value"] - found["finite ConvNet"] <= cell["tolerance"]
    same = {(r["ipc"], r["method"]): r["measured"] for r in rows if r["quantity"] == "same bits"}
    assert same[1, "bf16, repeatable"] == 1


def test_what_the_page_says_of_kip_is_so():
    """Accuracies within the printed ones' tolerance; the closed form above all descents."""
    rows = [row for record in records(ROOT).values() for row in record["rows"]]
    cells = {
        (r["dataset"], r["ipc"], r["method"]): r["measured"]
        for r in rows
        if (r["table"], r["quantity"]) == ("4", "accuracy")
    }
    printed = {
        (c["dataset"], c["ipc"], c["method"]): c
        for c in published()
        if (c["table"], c["quantity"]) == ("4", "accuracy")
    }
    for (dataset, ipc, method), value in cells.items():
        if cell := printed.get((dataset, ipc, method)):
            assert abs(value - cell["value"]) <= cell["tolerance"]
        assert value <= cells[dataset, ipc, "closed form"]
        assert value <= cells[dataset, ipc, "exact KIP"] or method != "kip"


def test_a_method_without_a_whole_run_shows_no_accuracy():
    heads, _, *lines = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in tables(ROOT)["kip"].splitlines()
    )
    shown = [dict(zip(heads, line, strict=True)) for line in lines]
    assert {row["method"] for row in shown if row["s in all"].startswith("~")} == {"kip"}
    for row in shown:
        assert bool(row["accuracy, %"]) != row["s in all"].startswith("~"), row


def test_the_claim_of_a_hundred_holds_in_bf16_and_from_ten_images_a_class_on_in_all_three():
    heads, _, *lines = tables(ROOT)["claim"].splitlines()
    found = {}
    for line in lines:
        name, *factors = line.strip("| ").split(" | ")
        found[name.strip("`")] = [float(factor.replace(",", "")) for factor in factors]
    assert heads.count("per class") == 3
    assert found.keys() == {"bf16", "tf32", "highest"}
    assert [of[0] >= 100 for of in found.values()] == [True, False, False]
    assert all(min(of[1:]) >= 100 for of in found.values())
    assert float(tables(ROOT)["one_point_highest"]) > 1


def test_a_step_of_the_exact_kernel_is_composed_of_its_pairs():
    known = records(ROOT)
    found = exact_steps(known)
    pair = known["exact-pair-ntk-float32"]
    unit = next(
        r["measured"]
        for r in pair["rows"]
        if (r["model"], r["quantity"]) == ("value and gradient", "seconds a pair")
    )
    mine = {row["ipc"]: row for row in found if row["kernel"] == "NTK, float32"}
    assert mine.keys() == {1, 10, 50}
    for ipc, row in mine.items():
        m = 10 * ipc
        assert row["pairs"] == 5120 * m + m * (m + 1) // 2
        assert row["exact"] == pytest.approx(unit * row["pairs"])
        assert row["exact"] / row["rfad"] > 100
    assert all(row["one_point"] > 1 for row in found)
    made = tables(ROOT)
    assert made["exact"].count("\n") == len(found) + 1
    assert float(made["least_ratio"].replace(",", "")) >= 100


def test_forecasts_follow_from_the_unit_costs():
    def cell(dataset, ipc, model, method):
        return {"dataset": dataset, "ipc": ipc, "model": model, "method": method}

    known = {
        "exact-pair-ntk-float32": made_of(
            [("value", "seconds a pair", 1e-3), ("value and gradient", "seconds a pair", 2e-3)]
        ),
        "rfad-step-32x32x3-10-bf16": made_of([("", "seconds", 0.1)]),
    }
    said = forecast(cell("cifar10", 10, "finite ConvNet", "rfad platt learned"), known)
    assert said == "3,000 steps would take 5 minutes on one H200"
    assert forecast(cell("cifar100", 1, "finite ConvNet", "rfad platt learned"), known) == said
    assert forecast(cell("mnist", 1, "finite ConvNet", "rfad platt learned"), known) is None
    said = forecast(cell("cifar10", 1, "convnet-3 ntk", "label solve"), known)
    assert said == "its 500,055 pairs would take at most 8 minutes on one H200"
    said = forecast(cell("mnist", 1, "convnet-3 ntk", "kip convnet"), known)
    assert said == "one step, of 50,055 pairs, would take at most 100 seconds on one H200"
    assert forecast(cell("mnist", 1, "finite ConvNet", "kip convnet"), known) is None
    assert forecast(cell("mnist", 1, "convnet-3 ntk", "kip convnet"), {}) is None


def made_of(rows):
    return {
        "rows": [{"model": m, "quantity": q, "measured": v} for m, q, v in rows],
        "provenance": {"device": {"kind": "NVIDIA H200"}},
    }


def test_the_small_budget_gains_more_than_twelve_points_over_a_subset_with_every_seed():
    """In the trained network, over three seeds, as the page says."""
    found = {}
    for record in records(ROOT).values():
        for row in record["rows"]:
            if row["table"] == "small budget" and row["model"] == "finite ConvNet":
                found.setdefault(record["settings"]["seed"], {})[row["method"]] = row["measured"]
    gains = {seed: of["rfad platt learned"] - of["random subset"] for seed, of in found.items()}
    assert gains.keys() == {0, 1, 2}
    assert min(gains.values()) >= 12
    made = tables(ROOT)
    assert f"{min(gains.values()):.1f} |" in made["small"]
    assert "400 steps at rate 0.01" in made["small_budget"]
