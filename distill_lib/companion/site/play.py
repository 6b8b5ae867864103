"""The page "Distil in your browser": its data as a script, its numbers, and how both are made.

A page on a disk may load scripts and nothing else, so the data are one. `book/play/mnist.json` is
their source; run as a module, this makes it anew from MNIST.
"""

import json
from pathlib import Path
from typing import Any

from distill_lib.companion.files import read_json, write_json

DATA = Path("book") / "play" / "mnist.json"
SCRIPT = "book/_static/play_data.js"


def script(root: Path) -> dict[str, bytes]:
    """The script that sets `distilData`, by its path in the stage; none in a project without data.

    It leaves the provenance to the file that it is made of.
    """
    if not (root / DATA).is_file():
        return {}
    shown = {name: part for name, part in read_json(root / DATA).items() if name != "provenance"}
    text = json.dumps(shown, separators=(",", ":"), ensure_ascii=False)
    return {SCRIPT: f"globalThis.distilData={text};\n".encode()}


def numbers(root: Path) -> dict[str, str]:
    """What {{ play.samples }} and its like paste into the page; empty in a project without data."""
    if not (root / DATA).is_file():
        return {}
    found = read_json(root / DATA)
    k, d = found["weights"]["shape"]
    return {
        "samples": f"{found['samples']:,}",
        "accuracy": f"{100 * found['accuracy']:.2f} %",
        "reg": f"{found['reg']:.4g}",
        "white": f"{found['pixel_max']:g}",
        "mean": f"{found['mean'][0]:g}",
        "std": f"{found['std'][0]:g}",
        "classes": str(k),
        "pixels": str(d),
        "real": str(found["real"]["shape"][0]),
        "tests": str(found["test"]["shape"][0]),
        "kilobytes": str(round(len(script(root)[SCRIPT]) / 1000)),
    }


def main() -> None:
    """`python -m distill_lib.companion.site.play`: write the data of the page anew, from MNIST."""
    from distill_lib.companion.root import project_root
    from distill_lib.data import load
    from distill_lib.experiments.in_the_browser import content

    made: dict[str, Any] = content(load("mnist"))
    write_json(project_root() / DATA, made)
    print(f"{DATA}: {made['title']}, test accuracy {100 * made['accuracy']:.2f} %")


if __name__ == "__main__":
    main()
