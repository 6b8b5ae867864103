"""The scripts and the data of the pages that compute: made of what they say they are."""

import hashlib
import json
import re
import shutil
import subprocess

import pytest

from distill_lib.companion.root import project_root
from distill_lib.companion.site import play

ROOT = project_root()
SOURCES = ROOT / "book" / "play"
BUNDLES = ("play", "live")
DATA = {"mnist.json", "digits.json"}
SHIPPED = 300_000  # bytes, at most


def test_a_project_without_the_data_has_no_script_and_no_numbers(tmp_path):
    assert play.script(tmp_path) == {}
    assert play.numbers(tmp_path) == {}


def test_the_script_sets_the_data_and_is_small():
    (script,) = play.script(ROOT).values()
    text = script.decode()
    assert len(script) < SHIPPED
    assert text.startswith("globalThis.distilData=")
    data = json.loads(text.removeprefix("globalThis.distilData=").removesuffix(";\n"))
    kept = json.loads((ROOT / play.DATA).read_text(encoding="utf-8"))
    assert data == {name: part for name, part in kept.items() if name != "provenance"}
    assert kept["provenance"].keys() >= {"made_by", "model", "digest", "licence"}


def test_the_numbers_of_the_prose_are_the_datas():
    kept, numbers = json.loads((ROOT / play.DATA).read_text(encoding="utf-8")), play.numbers(ROOT)
    assert numbers["samples"] == f"{kept['samples']:,}"
    assert numbers["accuracy"].startswith(f"{100 * kept['accuracy']:.2f}")
    assert float(numbers["reg"]) == kept["reg"]
    assert (float(numbers["mean"]), float(numbers["std"])) == (kept["mean"][0], kept["std"][0])
    assert int(numbers["classes"]) == len(kept["classes"])


def test_the_bundle_is_that_of_its_sources():
    """Whoever changes a source builds the bundle anew; this needs no Node."""
    listed = dict(
        reversed(line.split("  ", 1))
        for line in (SOURCES / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    sources = {
        path.relative_to(SOURCES).as_posix()
        for path in (*SOURCES.glob("*.*s*"), *SOURCES.glob("live/*.js"))
        if path.suffix in (".js", ".mjs", ".json")
    }
    assert listed.keys() == sources - DATA | {f"../_static/{name}.js" for name in BUNDLES}
    for name, digest in listed.items():
        found = hashlib.sha256((SOURCES / name).read_bytes()).hexdigest()
        assert found == digest, f"{name} has changed: npm run build in book/play"


def bundle(name):
    return (ROOT / "book" / "_static" / f"{name}.js").read_bytes()


@pytest.mark.parametrize("name", BUNDLES)
def test_the_bundle_names_the_licence_of_every_package_in_it(name):
    text = bundle(name).decode()
    head = " ".join(text.split("*/", 1)[0].split())
    wanted = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))["dependencies"]
    named = {package for package in wanted if f"{package} {wanted[package]} (MIT)" in head}
    assert named == {package for package in wanted if name == "play" or package == "ml-matrix"}
    assert head.count("Permission is hereby granted") == len(re.findall(r"\d \(MIT\)", head))


@pytest.mark.parametrize("name", BUNDLES)
def test_the_bundle_is_built_again_byte_for_byte(name):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: install Node 20 or newer")
    if not (SOURCES / "node_modules" / "esbuild").is_dir():
        pytest.skip("no node_modules: npm ci in book/play")
    command = [node, SOURCES / "build.mjs", "--print", name]
    built = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert built.stdout == bundle(name)
