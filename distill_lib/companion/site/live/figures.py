"""The live figures, as prose pastes them."""

from pathlib import Path

from distill_lib.companion.site.live import stills
from distill_lib.companion.site.live.data import Results, accuracies, digits


def figures(root: Path, results: Results) -> dict[str, str]:
    """What {{ live.roots }} and its like paste; those that show results only where there are some.

    Args:
        root: the project's folder; one without the digits has no figures.
        results: the results that the book shows, by notebook.
    """
    if (images := digits(root)) is None:
        return {}
    found = {
        "roots": stills.roots(),
        "labels": stills.labels(images),
        "nearest": stills.nearest(images),
        "kernel": stills.kernel(),
    }
    return found | ({"privacy": stills.privacy(curves)} if (curves := accuracies(results)) else {})
