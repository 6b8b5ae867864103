"""What the live figures show: a hundred digits, and recorded accuracies. Made anew as a module."""

import json
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from distill_lib.companion.files import read_json, write_json

DATA = Path("book") / "play" / "digits.json"
SCRIPT = "book/_static/live_data.js"
RECORDED = ("private_release", "accuracy_by_epsilon")  # the notebook and the table of `accuracies`
WITHOUT = "non-private"
NAMES = {
    "statistics": "noise on the statistics",
    "AdaSSP": "AdaSSP",
    "objective": "noise in the objective, λ in hindsight",
    "output": "noise on the model, λ in hindsight",
}
Results = dict[str, dict[str, Any]]
Curve = dict[str, Any]


class Digits(NamedTuple):
    """The images of DATA and the ridge model that is trained on them.

    Attributes:
        images: (n, d) pixels.
        inputs: (n, d) the same, normalised.
        weights: (k, d) W.
        shape: height and width.
        white: the largest pixel.
        mean, std: of the normalisation.
        curves: errors and distances against numbers of points, recorded.
    """

    images: np.ndarray
    inputs: np.ndarray
    weights: np.ndarray
    shape: tuple[int, int]
    white: float
    mean: float
    std: float
    curves: dict[str, list[float]]

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        """Those of a file's content."""
        pixels = np.array([[int(c, 36) for c in image] for image in content["images"]], float)
        x = (pixels / content["pixel_max"] - content["mean"]) / content["std"]
        y = np.eye(content["classes"])[[int(c) for c in content["labels"]]]
        weights = np.linalg.solve(x.T @ x + content["reg"] * np.eye(x.shape[1]), x.T @ y).T
        facts = [content[name] for name in ("pixel_max", "mean", "std", "curves")]
        return cls(pixels, x, weights, tuple(content["shape"]), *facts)

    def pixels(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs of the model as pixels: the normalisation undone."""
        return (inputs * self.std + self.mean) * self.white


def digits(root: Path) -> Digits | None:
    """Those of the project; None in one that has none."""
    return Digits.of(read_json(root / DATA)) if (root / DATA).is_file() else None


def accuracies(results: Results) -> list[Curve]:
    """Accuracy by epsilon, a curve for each kind of release that was measured at all of them.

    Rows of RECORDED have a method "name epsilon" and the model's name. Only the data set of the
    first row is shown. What has no noise may stand in another table of the notebook.

    Returns: name, values of epsilon, means, spreads in per cent, and the accuracy without noise.
    """
    notebook, table = RECORDED
    every = results.get(notebook, {}).get("rows", [])
    every = [row for row in every if row["dataset"] == every[0]["dataset"]]
    plain = {row["model"]: row["measured"] for row in every if row["method"] == WITHOUT}
    rows = [row for row in every if row["table"] == table]
    found: dict[tuple[str, str], dict[float, tuple[float, float]]] = {}
    for row in rows:
        name, _, epsilon = row["method"].rpartition(" ")
        if name in NAMES:
            at = found.setdefault((name, row["model"]), {})
            at[float(epsilon)] = row["measured"], row["spread"]
    most = max((len(points) for points in found.values()), default=0)
    return [
        {
            "name": f"{NAMES[name]}, {model}",
            "epsilon": sorted(points),
            "mean": [round(points[e][0], 4) for e in sorted(points)],
            "spread": [round(points[e][1], 4) for e in sorted(points)],
            "without": round(plain[model], 4),
        }
        for (name, model), points in found.items()
        if len(points) == most > 1 and model in plain
    ]


def script(root: Path, results: Results) -> dict[str, bytes]:
    """The script that sets `distilLive`, by its path in the stage; none in a project without it."""
    if not (root / DATA).is_file():
        return {}
    content = read_json(root / DATA)
    left = ("provenance", "curves")  # the drawings have the curves
    shown = {"digits": {name: part for name, part in content.items() if name not in left}}
    text = json.dumps(shown | {"privacy": accuracies(results)}, separators=(",", ":"))
    return {SCRIPT: f"globalThis.distilLive={text};\n".encode()}


def main() -> None:
    """`python -m distill_lib.companion.site.live.data`: write the digits of the figures anew."""
    from distill_lib.companion.root import project_root
    from distill_lib.data import load
    from distill_lib.experiments.in_the_browser import small

    made = small(load("digits"))
    write_json(project_root() / DATA, made)
    print(f"{DATA}: {len(made['images'])} images")


if __name__ == "__main__":
    main()
