"""Plain files of a set: what the page prints reads them, in a process that cannot import JAX."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from small_table import X, made

import distill_lib as dl
from distill_lib import making
from distill_lib.companion.root import project_root
from distill_lib.making import Recipe

PAGE = project_root() / "book" / "elsewhere.md"
BLOCKED = "import sys\nfor name in ('jax', 'jaxlib', 'distill_lib'): sys.modules[name] = None\n"
BLOCK = re.compile(r"```\{code-block\} python\n:class: elsewhere-(\w+)\n\n(.*?)```", re.S)


def lines(kind):
    """The page's code of a kind, as one script."""
    return "\n".join(
        code for of, code in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if of == kind
    )


def run(script, folder, python=sys.executable):
    return subprocess.run(
        [python, "-c", BLOCKED + script], cwd=folder, capture_output=True, text=True, timeout=120
    )


def small_sets():
    """Sets of one table: with an intercept and without, of each map, of numbers to predict."""
    yield "plain", made(Recipe(lam=(2.0,)))
    yield "intercept", made(Recipe(lam=(2.0,), intercept=True))
    yield "values", made(Recipe(lam=(2.0,), intercept=True), classes=False)
    yield "network", made(Recipe(lam=(2.0,), map="network"))
    yield "fourier", made(Recipe(lam=(0.1,), map="fourier", intercept=True))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The exported sets in a folder, those of pictures too, rounded ones beside."""
    folder, sets = tmp_path_factory.mktemp("exported"), dict(small_sets())
    digits = making.open_source("digits")
    sets["pictures"] = making.make(digits, Recipe(lam=(10.0,), points=20, start="nearest"))
    for name, small in sets.items():
        making.export(small, folder / name)
    stored = making.rounded(sets["pictures"], 8, robust=True)
    making.export(stored.small, folder / "rounded.npz", rows=stored.rows)
    return folder, sets | {"rounded": stored.small}


def rows_for(name):
    return (
        X[:30]
        if name not in ("pictures", "rounded")
        else next(making.open_source("digits").begin())[0][:30]
    )


def test_twenty_lines_of_numpy_give_the_same_scores(exported):
    folder, sets = exported
    for name in sets:
        np.save(folder / f"rows-{name}.npy", rows_for(name))
    loop = (
        f"for name in {list(sets)}:\n    scores = read_set(name)(np.load(f'rows-{{name}}.npy'))\n"
    )
    done = run(lines("numpy") + loop + "    np.save(f'scores-{name}.npy', scores)", folder)
    assert done.returncode == 0, done.stderr
    for name, small in sets.items():
        x = rows_for(name)
        wished = small.scores(x if x.ndim == 4 else x[:, None, None])
        found = np.load(folder / f"scores-{name}.npy")
        np.testing.assert_allclose(found, wished, atol=1e-7 * np.abs(wished).max(), err_msg=name)


def test_what_was_exported_comes_back_with_its_meaning(exported):
    folder, sets = exported
    for name, small in sets.items():
        again = making.import_set(folder / f"{name}.npz")
        np.testing.assert_allclose(again.points, small.points, atol=1e-9)
        np.testing.assert_array_equal(again.labels, small.labels)
        assert (again.reg_s, again.intercept) == (small.reg_s, small.intercept)
        assert again.provenance == small.provenance
        assert f"# {name}" in (folder / f"{name}.md").read_text(encoding="utf-8")


def edited(folder, to, change):
    told = json.loads((folder / "plain.json").read_text(encoding="utf-8"))
    change(told)
    (to / "s.json").write_text(json.dumps(told), encoding="utf-8")
    (to / "s.npz").write_bytes((folder / "plain.npz").read_bytes())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda told: told["trainer"].update(intercept=True), "does not give the scores"),
        (
            lambda told: told["trainer"].update(lam_S=told["trainer"]["lam_S"] * 2),
            "does not give the scores",
        ),
        (lambda told: told["inputs"].update(white=2), "does not give the scores"),
        (lambda told: told["map"].update(kind="cubic"), "its map 'cubic' is unknown"),
        (lambda told: told["map"].update(kind="fourier"), "the array 'frequencies' is missing"),
        (lambda told: told.pop("check"), "'check' is missing"),
        (lambda told: told["inputs"].pop("mean"), "the entry 'mean' is missing"),
        (lambda told: told.update(version=2), "of version 1 or before"),
    ],
)
def test_another_meaning_is_refused(exported, tmp_path, change, why):
    edited(exported[0], tmp_path, change)
    with pytest.raises(ValueError, match=why):
        making.import_set(tmp_path / "s.npz")
    (tmp_path / "s.json").unlink()
    with pytest.raises(ValueError, match=r"s\.json is missing: it says how"):
        making.import_set(tmp_path / "s.npz")


def test_rounding_costs_what_is_said_and_the_robust_set_less(exported):
    small = exported[1]["pictures"]
    rough, robust = (making.rounded(small, 8, robust=one) for one in (False, True))
    for one in (rough, robust):
        restored = dl.restore(one.rows)
        again = dl.DistilledSet(
            small.normalisation(restored), one.small.labels, small.reg_s, small.feature_map,
            small.normalisation, "", "", {},
        )  # fmt: skip
        error = dl.recovery_error(small.model().weights, again.model().weights)
        assert one.rows.codes.dtype == np.uint8
        np.testing.assert_allclose(one.error, error, rtol=1e-6)
    assert robust.error < rough.error / 4
    test = making.open_source("digits", part="test")
    assert making.same_answers(small, small, test.begin()) == 1
    assert making.same_answers(small, robust.small, test.begin()) > 0.99
    assert making.rounded(small, 16).error < rough.error / 50


def test_a_set_for_a_kernel_has_no_plain_form(tmp_path):
    norm = dl.Normalisation((1, 2, 1), 255, 0, 1)
    small = dl.DistilledSet(np.eye(2), np.eye(2), 0.0, None, norm, "", "", {})
    with pytest.raises(ValueError, match="a set for a kernel has no plain form"):
        making.export(small, tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


STATIC = project_root() / "book" / "_static" / "sets"


@pytest.mark.parametrize("kind", ["sklearn", "torch"])
def test_the_lines_of_the_page_run_without_jax_on_the_files_it_offers(kind):
    python = os.environ.get("TORCH_PYTHON", sys.executable) if kind == "torch" else sys.executable
    if kind == "torch" and run("import torch", STATIC, python).returncode:
        pytest.skip("no PyTorch; TORCH_PYTHON names a Python that has it")
    more = "" if kind == "sklearn" else CHECK
    done = run(lines(kind) + more, STATIC, python)
    assert done.returncode == 0, done.stderr
    said = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    if kind == "sklearn":
        assert float(said["accuracy"]) == float(said["same as"]) > 0.9
    else:
        assert float(said["off"]) < 1e-9


CHECK = """
found = np.cos(np.arange(1, len(x) + 1)) @ model(x).detach().numpy()
print("off", np.abs(found - np.array(about["check"]["scores"])).max())
"""
