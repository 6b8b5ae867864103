"""The page on the field: its numbers have sources, and what it cites is in the bibliography."""

import json
import re
from collections import defaultdict

import pytest

from distill_lib.companion.root import project_root
from distill_lib.companion.site.field import tables
from distill_lib.companion.site.prose import fill

ROOT = project_root()
CITED = re.compile(r"\{cite:[pt]\}`([^`]+)`")
METHODS = {
    "DD": "wang2018dataset",
    "DC": "zhao2021dataset",
    "DSA": "zhao2021differentiable",
    "DM": "zhao2023distribution",
    "MTT": "cazenavette2022dataset",
    "KIP": "nguyen2021infinitely",
    "label solve": "nguyen2021infinitely",
    "RFAD": "loo2022efficient",
    "FRePo": "zhou2022dataset",
    "RCIG": "loo2023dataset",
}


@pytest.fixture(scope="module")
def known():
    return json.loads((ROOT / "book" / "field.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def bibliography():
    text = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    return set(re.findall(r"^@\w+\{([^,]+),", text, re.M))


@pytest.fixture(scope="module")
def prose():
    return (ROOT / "book" / "field.md").read_text(encoding="utf-8")


def cited(text):
    return {key for keys in CITED.findall(text) for key in keys.split(",")}


def test_every_number_has_sources_in_the_bibliography(known, bibliography):
    seen = set()
    for row in known["rows"]:
        assert row["sources"], row
        assert len(set(row["sources"])) == len(row["sources"]), row
        assert set(row["sources"]) <= known["sources"].keys() & bibliography, row
        assert 0 < row["accuracy"] <= 100, row
        assert row["spread"] is None or 0 < row["spread"] < 10, row
        seen.update(row["sources"])
    assert seen == known["sources"].keys(), "a source that no number came from"


def test_a_cell_is_given_once(known):
    cells = [(row["method"], row["judge"], row["dataset"], row["ipc"]) for row in known["rows"]]
    assert len(set(cells)) == len(cells)


def test_the_page_cites_every_source_and_every_method(known, bibliography, prose):
    page = fill(re.sub(r"\{\{ (?!field)[^}]*\}\}", "", prose), {"field": tables(ROOT)}, "field")
    assert known["sources"].keys() <= cited(page)
    assert cited(page) <= bibliography
    methods = {row["method"] for row in known["rows"]} - {"real images"}
    assert {METHODS[method] for method in methods} <= cited(prose)


def test_the_table_holds_every_number_and_marks_those_with_one_source(known):
    lines = defaultdict(list)
    for line in tables(ROOT)["accuracies"].splitlines()[2:]:
        method, dataset, *numbers, judge, sources = (
            part.strip() for part in line.strip("|").split("|")
        )
        lines[method, dataset, judge].append((numbers, cited(sources)))
    assert all(len(found) == 1 for found in lines.values())
    columns = [1, 10, 50, None]
    for row in known["rows"]:
        (numbers, sources) = lines[row["method"], row["dataset"], row["judge"]][0]
        shown = numbers[columns.index(row["ipc"])].replace("\N{NO-BREAK SPACE}", " ")
        spread = "" if row["spread"] is None else f" ± {row['spread']}"
        assert shown == f"{row['accuracy']}{spread}" + " †" * (len(row["sources"]) == 1)
        assert set(row["sources"]) <= sources


def test_a_project_without_such_numbers_has_no_table(tmp_path):
    assert tables(tmp_path) == {}
