"""What the prose of the book can paste."""

from collections import Counter
from pathlib import Path
from typing import Any

from distill_lib.companion.judge.measured import tables
from distill_lib.companion.judge.report import origin, report
from distill_lib.companion.judge.report_tables import markdown
from distill_lib.companion.judge.verdicts import pasted as verdicts
from distill_lib.companion.numbers.stored import load_profile_results
from distill_lib.companion.profiles import load_profiles
from distill_lib.companion.root import reference_folder
from distill_lib.companion.site import play, ready
from distill_lib.companion.site.citation import bibtex, read_citation
from distill_lib.companion.site.drawings import drawings
from distill_lib.companion.site.field import tables as published_tables
from distill_lib.companion.site.large import tables as large_tables
from distill_lib.companion.site.live.figures import figures
from distill_lib.companion.site.rooms import pictures
from distill_lib.companion.site.shown import shown_results
from distill_lib.companion.site.toc import left_out


def substitutions(root: Path, profile: str) -> dict[str, Any]:
    """What the prose can paste, by name.

    - {{ this.notebook.name }}: a number of this profile;
    - {{ profile.notebook.name }}: one of a committed run;
    - {{ report.table_3_accuracy }}: one quantity of a published table beside ours, from the paper's
      profile;
    - {{ citation.software }}: a BibTeX entry, as {{ citation.paper_1 }} is;
    - {{ measured.steps }}: a table of `judge.measured.tables`;
    - {{ field.accuracies }}: one of `field.tables`;
    - {{ drawn.plane }}: one of `drawings.drawings`;
    - {{ live.roots }}: one of `live.figures.figures`;
    - {{ play.samples }}: one of `play.numbers`;
    - {{ large.floor }}: one of `large.tables`, beside the numbers of the profile of that name;
    - {{ ready.table }}: one of `ready.tables`.
    """
    numbers: dict[str, Any] = {}
    for folder in sorted(reference_folder(root, "").glob("*")):
        numbers[folder.name] = load_profile_results(root, folder.name, fresh=False)
    fresh = load_profile_results(root, profile, fresh=True)
    others = {
        name: numbers[shown][name]
        for name, shown in left_out(root, profile).items()
        if name in numbers[shown]
    }
    published = {"report": _report(root)} if "paper" in load_profiles(root) else {}
    citation = read_citation(root)
    papers = enumerate(citation.get("references", []), start=1)
    cite = {"software": bibtex(citation)} | {f"paper_{n}": bibtex(paper) for n, paper in papers}
    this = {**others, **numbers.get(profile, {}), **fresh}
    pasted = {
        "citation": cite,
        "measured": tables(root),
        "verify": verdicts(root),
        "field": published_tables(root),
        "large": numbers.get("large", {}) | large_tables(root),
        "design": pictures(),
        "drawn": drawings(),
        "live": figures(root, shown_results(root, profile)),
        "play": play.numbers(root),
        "ready": ready.tables(root),
    }
    return {**numbers, "this": this, **published, **pasted}


def _report(root: Path) -> dict[str, str]:
    cells = [cell for cell in report(root, "paper") if cell["status"]]  # those of the paper
    tables: dict[str, list[Any]] = {}
    for cell in cells:
        name = f"table_{cell['table']}_{cell['quantity']}"
        if cell["table"] == "baselines":  # a table for each method: their verdicts stay in sight
            name = "_".join(["baselines", cell["quantity"], *cell["method"].split()])
        tables.setdefault(name, []).append(cell)
    verdicts = Counter(cell["verdict"] for cell in cells)
    return {name: markdown(rows) for name, rows in tables.items()} | {
        "cells": str(len(cells)),
        "verdicts": ", ".join(f"{count} {name}" for name, count in verdicts.most_common()),
        "origin": origin(cells, "paper"),
    }
