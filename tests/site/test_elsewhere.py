"""The page "Use a set elsewhere" as it is read: its lines run on the files that it offers."""

import shutil
import subprocess
import sys

import pytest
from tools import soup

BLOCKED = "import sys\nfor name in ('jax', 'jaxlib', 'distill_lib'): sys.modules[name] = None\n"


@pytest.fixture
def shown(site):
    return soup(site / "book" / "elsewhere.html")


@pytest.fixture
def folder(site, shown, tmp_path):
    """What a reader has who took the files along."""
    for link in shown.select("a.download[href]"):
        shutil.copy(site / "book" / link["href"], tmp_path / link.get_text().strip())
    return tmp_path


def run(shown, kind, folder, more=""):
    lines = "".join(block.get_text() for block in shown.select(f".elsewhere-{kind} pre"))
    assert lines
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + lines + more],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_somebody_with_scikit_learn_alone_gets_the_model_of_all_digits(shown, folder):
    done = run(shown, "sklearn", folder)
    assert done.returncode == 0, done.stderr
    accuracy, same = (float(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines())
    assert accuracy == same > 0.9


def test_somebody_with_numpy_alone_reads_the_files(shown, folder):
    more = "\nfor name in ('digits', 'mnist'):\n    print(read_set(name)(np.load(name + '.npz')['rows']).shape)"
    done = run(shown, "numpy", folder, more)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["(30, 10)", "(30, 10)"]
