"""Tiny projects on which the companion's tests run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

PARAMETERS = 'profile = "tiny"\nn = 1'
MARK = 'with open("ran.txt", "a") as file:\n    file.write("{name}\\n")'


def write_notebook(root: Path, name: str, *cells: str, parameters: str = PARAMETERS) -> None:
    """A text notebook with a parameters cell and the given code cells."""
    blocks = [
        f"```{{code-cell}} ipython3\n{cell}\n```"
        for cell in (f":tags: [parameters]\n\n{parameters}", *cells)
    ]
    header = (
        "---\nkernelspec:\n  name: python3\n  display_name: Python 3\n  language: python\n---\n"
    )
    text = "\n\n".join([header, f"# {name}", *blocks]) + "\n"
    (root / "notebooks" / f"{name}.md").write_text(text, encoding="utf-8")


def make_project(root: Path, notebooks: dict[str, dict], name: str = "tiny") -> Path:
    """A project folder whose profile `name` lists these notebooks with these parameters."""
    (root / "notebooks").mkdir(parents=True)
    (root / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    profiles = {name: {"description": "for the tests", "notebooks": notebooks}}
    (root / "notebooks" / "profiles.yml").write_text(yaml.safe_dump(profiles, sort_keys=False))
    return root


@contextmanager
def children_answer_ctrl_c_by(handler: Any) -> Iterator[None]:
    """SIG_DFL or SIG_IGN for the processes started here, whatever the suite was started with."""
    previous = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def start(
    root: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    ctrl_c: Any = signal.SIG_DFL,
) -> "subprocess.Popen[str]":
    """The command line in a process of its own, with some environment variables changed."""
    command = [sys.executable, "-m", "distill_lib.companion.cli", *arguments]
    pipes = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "encoding": "utf-8",
    }
    with children_answer_ctrl_c_by(ctrl_c):
        return subprocess.Popen(command, cwd=root, env=os.environ | (environment or {}), **pipes)


def ran(root: Path) -> list[str]:
    """Which notebooks' marking cells were executed, in sorted order."""
    path = root / "ran.txt"
    return sorted(path.read_text().split()) if path.exists() else []


def outputs(root: Path, name: str) -> str:
    """All outputs of an executed notebook, as text."""
    notebook = json.loads((root / "_build" / "tiny" / "notebooks" / f"{name}.ipynb").read_text())
    return json.dumps([cell.get("outputs") for cell in notebook["cells"]])
