"""A profile's runs as one file: what goes on elsewhere, and what is refused."""

import json
import shutil
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each
from projects import make_project

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.files import locked, write_json
from distill_lib.companion.run.state import MANIFEST, pack, unpack

INPUTS = {"notebook": "n", "library": "l"}


def fill(root, *, finished=("a",), pieces=(("b", 2),)):
    """Runs as the runner leaves them: some finished, some with pieces and a checkpoint."""
    build = root / "_build" / "tiny"
    for name in finished:
        write_json(build / "notebooks" / f"{name}.ipynb", {"cells": []})
        write_json(build / "results" / f"{name}.json", {"rows": []})
        write_json(
            build / "state/run" / name / "record.json",
            {"inputs": INPUTS, "seconds": 1, "results": True},
        )
    for name, count in pieces:
        work = build / "state/run" / name
        write_json(work / "begun.json", INPUTS)
        for i in range(count):
            write_json(
                work / "pieces" / ("0" * 16) / f".5_x-{i}.json", {"seconds": 1, "value": i / 3}
            )
        (work / "pieces" / ("0" * 16) / "descent.npz").write_bytes(bytes(range(256)))
    write_json(build / "state" / "digests.json", {"of": "this machine"})
    write_json(build / "state/run" / "b" / "scratch" / "x.json", {})
    return build


def files(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "p", {"a": {}, "b": {}, "c": {}})


@pytest.fixture
def elsewhere(tmp_path):
    return make_project(tmp_path / "q", {"a": {}, "b": {}, "c": {}})


def test_everything_done_comes_back_bit_for_bit_and_nothing_of_the_machine(
    project, elsewhere, tmp_path
):
    build = fill(project)
    assert pack(project, "tiny", tmp_path / "s.zip") == ["a", "b"]
    pack(project, "tiny", tmp_path / "again.zip")
    assert (tmp_path / "s.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()
    assert unpack(elsewhere, tmp_path / "s.zip") == ("tiny", ["a", "b"], "")
    there = files(elsewhere / "_build" / "tiny")
    kept = {
        path: content
        for path, content in files(build).items()
        if "digests" not in path and "scratch" not in path
    }
    locks = {"state/run.lock", "state/run.pid"}
    assert {p: c for p, c in there.items() if p not in locks} == {
        p: c for p, c in kept.items() if p not in locks
    }
    assert not list((elsewhere / "_build").glob(".state-*"))
    archive = zipfile.ZipFile(tmp_path / "s.zip")
    assert str(project).encode() not in b"".join(archive.read(name) for name in archive.namelist())


def test_versions_that_differ_are_named(project, elsewhere, tmp_path, monkeypatch):
    fill(project)
    pack(project, "tiny", tmp_path / "s.zip")
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setattr("distill_lib.companion.run.state.versions", lambda: {"jax": "0.0.1"})
    differs = unpack(elsewhere, tmp_path / "s.zip")[2]
    assert "0.0.1 here" in differs
    assert "JAX's platform cpu there, gpu here" in differs


@settings(max_examples=20)
@given(data=st.data())
def test_a_damaged_archive_changes_nothing(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    project = make_project(folder / "p", {"a": {}, "b": {}})
    build = fill(project)
    pack(project, "tiny", folder / "s.zip")
    shutil.rmtree(build / "state/run/b/scratch")  # no part of the state
    before, content = files(build), bytearray((folder / "s.zip").read_bytes())
    if data.draw(st.booleans(), label="cut"):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "s.zip").write_bytes(content)
    try:
        unpack(project, folder / "s.zip")
    except CompanionError as error:
        assert str(folder / "s.zip") in str(error)  # noqa: PT017
    assert files(build) == before  # a bit that means nothing, such as a date, may be another


@pytest.mark.parametrize(
    "path",
    ["../x.json", "/etc/x.json", "notebooks/../../x.ipynb", "state/run/a/pieces/x/y.json", "state/run.lock",
     "notebooks/a.py", "C:\\x.json", "results/a.json/../../x.json", "state/run/a/pieces/0000000000000000/../x.json"],
)  # fmt: skip
def test_a_path_out_of_place_is_refused(project, tmp_path, path):
    manifest = {"format": 1, "profile": "tiny", "versions": {}, "platform": "cpu"}
    facts = {
        "size": 2,
        "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    }
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr(MANIFEST, json.dumps(manifest | {"files": {path: facts}}))
        archive.writestr(path, "{}")
    with pytest.raises(CompanionError, match="which is no part of a state"):
        unpack(project, tmp_path / "s.zip")
    assert not list(tmp_path.rglob("x.json"))


def with_more_files(archive, project):
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr("results/more.json", "{}")
    unpack(project, archive)


def of_other_bytes(archive, project):
    archive.write_bytes(b"no zip")
    unpack(project, archive)


def of_nothing(archive, project):
    shutil.rmtree(project / "_build")
    pack(project, "tiny", archive)


WRONG = {
    "a file that the manifest lacks": (with_more_files, "not those of its manifest"),
    "no archive": (of_other_bytes, "is no archive of 'distill state pack'"),
    "nothing that was run": (of_nothing, "nothing has been run"),
}  # fmt: skip


@each(WRONG)
def test_what_is_no_state_is_refused(project, tmp_path, wrong, words):
    fill(project)
    pack(project, "tiny", tmp_path / "s.zip")
    with pytest.raises(CompanionError, match=words):
        wrong(tmp_path / "s.zip", project)


def test_work_that_is_here_alone_is_not_lost_unasked(project, elsewhere, tmp_path):
    fill(project, finished=("a",), pieces=(("b", 1),))
    pack(project, "tiny", tmp_path / "s.zip")
    build = fill(elsewhere, finished=("a", "c"), pieces=(("b", 3),))
    before = files(build)
    with pytest.raises(CompanionError, match=r"here is work on b that .* does not hold"):
        unpack(elsewhere, tmp_path / "s.zip")
    assert {path: files(build)[path] for path in before} == before
    unpack(elsewhere, tmp_path / "s.zip", replace=True)
    assert len(list(build.glob("state/run/b/pieces/*/*.json"))) == 1
    assert (build / "notebooks/c.ipynb").is_file()  # of which the archive knows nothing
    fill(project, finished=("b",), pieces=())  # now the other machine has finished it
    shutil.rmtree(project / "_build/tiny/state/run/b/pieces")
    pack(project, "tiny", tmp_path / "s.zip")
    unpack(elsewhere, tmp_path / "s.zip")
    assert (build / "notebooks/b.ipynb").is_file()
    assert not (build / "state/run/b/pieces").exists()


def test_a_state_is_not_packed_while_a_run_is_at_work(project, tmp_path):
    lock = fill(project) / "state" / "run.lock"
    with locked(lock, "busy"), pytest.raises(CompanionError, match="profile tiny is being run"):
        pack(project, "tiny", tmp_path / "s.zip")
