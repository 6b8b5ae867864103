"""The index of results: every page, function and test that it names is there, and no theory page is
left out.
"""

import ast
import importlib
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
INDEX = (ROOT / "book" / "theory.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in INDEX.splitlines()
    if line.startswith("| ") and not line.startswith(("| result", "|---"))
]
NAMES = [row[0] for row in ROWS]


def chapters(caption: str) -> list[str]:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    (part,) = (part for part in toc["parts"] if part["caption"] == caption)
    return [chapter["file"] for chapter in part["chapters"]]


def test_the_index_has_rows_and_no_result_twice():
    assert len(ROWS) > 20
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_row_names_a_page_functions_and_tests_that_exist(row):
    _, page, functions, tests = row
    (target,) = re.findall(r"\]\(([^)#]+)", page)
    assert (ROOT / "book" / target).resolve().is_file(), target
    named = re.findall(r"\{py:(?:func|class|meth)\}`~?([\w.]+)`", functions)
    assert named
    for name in named:
        module, *rest = split(name)
        for part in rest:
            module = getattr(module, part)
        assert callable(module), name
    named = re.findall(r"`(test_\w+)\.(test_\w+)`", tests)
    assert named
    for file, test in named:
        (path,) = (ROOT / "tests").rglob(f"{file}.py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (
            f"{file}.{test}"
        )


def split(name: str):
    """The module of a dotted name, and the attributes after it."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            return [importlib.import_module(".".join(parts[:count])), *parts[count:]]
        except ModuleNotFoundError:
            continue
    raise AssertionError(f"{name} is in no module")


@pytest.mark.parametrize("page", [p for p in chapters("The theory") if p.startswith("notebooks/")])
def test_every_page_of_the_theory_is_in_the_index(page):
    assert f"(../{page}.md" in INDEX
