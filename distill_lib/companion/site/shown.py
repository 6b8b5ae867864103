"""The results that the book shows of each notebook."""

from pathlib import Path
from typing import Any

from distill_lib.companion.numbers.stored import load_results
from distill_lib.companion.site.toc import left_out


def shown_results(root: Path, profile: str) -> dict[str, dict[str, Any]]:
    """Whole results by notebook.

    Of the profile the latest run, else the committed one; of a notebook that the profile leaves
    out, the committed run that is shown in its place.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, other in left_out(root, profile).items():
        content = load_results(root, other, fresh=False).get(name)
        if content is not None:
            found[name] = content
    committed = load_results(root, profile, fresh=False)
    return {**found, **committed, **load_results(root, profile, fresh=True)}
