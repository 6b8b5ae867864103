"""A file is whole or absent, whatever is in its place and whatever goes wrong."""

import os
import resource
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from messages import each

import distill_lib as dl
from distill_lib.baselines.descent import descend
from distill_lib.boundary.files import replacing


def save_set(path):
    dl.DistilledSet(
        jnp.ones((2, 12)), jnp.eye(2), 0.0, dl.Linear(12), dl.Normalisation((2, 2, 3), 255, (0.5,) * 3, (1.0,) * 3),
        "one-hot", "by hand", {},
    ).save(path)  # fmt: skip


def save_picture(path):
    dl.save_picture(np.arange(3 * 40 * 50, dtype=np.uint8).reshape(40, 50, 3), path)


def checkpoint(path):
    objective = jax.tree_util.Partial(lambda x, key: jnp.sum(x**2))
    descend(objective, jnp.ones(200), 1, key=jax.random.key(0), every=1, checkpoint=path)


def plain(path):
    with replacing(path) as file:
        file.write(bytes(3000))


WRITERS = {"set": save_set, "picture": save_picture, "checkpoint": checkpoint, "bytes": plain}
every_writer = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


@every_writer
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, write):
    path = tmp_path / "file.png"
    if write is not checkpoint:  # which would be read
        path.write_bytes(b"old")
    write(tmp_path / "warm.png")  # compiled before, so that no cut program is kept
    (tmp_path / "warm.png").unlink()
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, limits[1]))
    try:
        with pytest.raises(OSError, match=r"^.*file\.png cannot be written: file too large$"):
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [entry.name for entry in tmp_path.iterdir()] == (
        [] if write is checkpoint else ["file.png"]
    )
    assert write is checkpoint or path.read_bytes() == b"old"


@every_writer
def test_a_link_stays_and_its_target_is_written(tmp_path, write):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.png"
    link.symlink_to("there/real.png")  # which does not exist yet
    write(link)
    assert link.is_symlink()
    assert (tmp_path / "there" / "real.png").stat().st_size > 256
    assert {entry.name for entry in tmp_path.rglob("*")} == {"link.png", "there", "real.png"}


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_heeds_the_umask_and_an_old_one_keeps_its_rights(tmp_path, umask):
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o604)
    before = os.umask(umask)
    try:
        plain(tmp_path / "new")
        plain(tmp_path / "old")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~umask
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o604


def picture(shape, dtype=np.uint8):
    return lambda path: dl.save_picture(np.zeros(shape, dtype), path)


AWAY = "out/of/reach.png cannot be written: there is no folder out/of; make it, or name another"
IN_PLACE = "something that is no file is in its place"
WRONG = {
    "a set in a missing folder": ((save_set, "out/of/reach.png"), f"^{AWAY}$"),
    "a picture in a missing folder": ((save_picture, "out/of/reach.png"), f"^{AWAY}$"),
    "bytes in a missing folder": ((plain, "out/of/reach.png"), f"^{AWAY}$"),
    "a folder": ((plain, "folder"), IN_PLACE),
    "a device": ((plain, "/dev/null"), IN_PLACE),
    "a picture of floats": ((picture((2, 2, 3), float), "a.png"), r"unsigned bytes, not \(2, 2, 3\) of float64"),
    "a picture without channels": ((picture((2, 2)), "a.png"), r"unsigned bytes, not \(2, 2\) of uint8"),
    "a format of no picture": ((picture((2, 2, 3)), "a.xyz"), r"the ending '\.xyz' of .* names no format of pictures; take \.png"),
    "a picture without an ending": ((picture((2, 2, 3)), "picture"), "the ending '' of"),
}  # fmt: skip


@each(WRONG)
def test_what_cannot_be_written_is_one_sentence_and_no_file(tmp_path, monkeypatch, wrong, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    write, place = wrong
    with pytest.raises((OSError, ValueError), match=words) as error:
        write(place)
    assert isinstance(error.value, FileNotFoundError) == ("reach" in place)
    assert isinstance(error.value, OSError) == (words.strip("^$") in (AWAY, IN_PLACE))
    assert not os.path.isfile("/dev/null")
    assert [entry.name for entry in tmp_path.rglob("*")] == ["folder"]
