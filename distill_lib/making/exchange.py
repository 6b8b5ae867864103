"""A set as plain files that keep its meaning: arrays, a description beside them, a card.

`NAME.npz` holds `rows`, in the user's own range and layout, and `labels`, with the parameters of
the feature map where there is one. `NAME.json` says how they are to be trained on, and what the
training must give: with s_j the scores of row j, the numbers sum_j cos(j) s_j, j = 1, ..., m. A
reader in NumPy alone is twenty lines; the book prints it.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from distill_lib.boundary import npz
from distill_lib.boundary.files import replacing
from distill_lib.boundary.plain import entries, typed
from distill_lib.features import FeatureMap, FullyConnected, Linear, RandomFourier
from distill_lib.images.normalisation import Normalisation
from distill_lib.images.quantisation import Stored, restore
from distill_lib.making.cards import card, markdown
from distill_lib.sets.distilled_set import DistilledSet

FORMAT, VERSION = "distilled set, plain", 1
TOLERANCE = 1e-6  # of the check, relative to its largest number
_FIELDS = {
    "format": str,
    "version": int,
    "trainer": dict,
    "inputs": dict,
    "map": dict,
    "rows": dict,
    "labels": dict,
    "check": dict,
    "about": dict,
}
_MAPS: dict[type, str] = {Linear: "linear", FullyConnected: "network", RandomFourier: "fourier"}


class Exported(NamedTuple):
    """The files of an exported set, and how far what is stored is from what it was.

    Attributes:
        arrays, description, card: the paths.
        recovery_error: of the model that the stored rows train, against the set's own.
    """

    arrays: Path
    description: Path
    card: Path
    recovery_error: float


def export(small: DistilledSet, path: str | Path, *, rows: Stored | None = None) -> Exported:
    """Write a set as plain files: PATH.npz, PATH.json and PATH.md.

    Args:
        small: a set for a linear map, a network or random Fourier features.
        path: without an ending, or with `.npz`.
        rows: its rows as integers with their scale, both from `rounded`; None for the numbers as
            they are.
    Raises: ValueError for a set with a kernel, another map or a whitening; OSError if a file cannot
        be written.

    Example:
        >>> import tempfile
        >>> from distill_lib.making import Recipe, import_set, make, open_source
        >>> from distill_lib.making.exchange import export
        >>> small = make(open_source("digits"), Recipe(lam=(10.0,)))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = export(small, f"{folder}/digits")
        ...     again = import_set(files.arrays)
        >>> np.allclose(again.points, small.points), files.recovery_error < 1e-12
        (True, True)
    """
    phi, norm = _known(small)
    base = Path(path)
    base = base.with_suffix("") if base.suffix == ".npz" else base
    table = bool(small.provenance.get("making", {}).get("columns"))
    images = np.asarray(small.images() if rows is None else restore(rows))
    stored = _again(small, images)
    kept = images if rows is None else rows.codes
    arrays = {"rows": kept.reshape(len(kept), -1) if table else kept} | _arrays(phi)
    arrays["labels"] = np.asarray(small.labels)
    description = _description(small, phi, norm, arrays["rows"], rows)
    scores = np.asarray(stored.scores(images))
    description["check"] = {"scores": weighted(scores).tolist(), "tolerance": TOLERANCE}
    made = Exported(
        base.with_suffix(".npz"),
        base.with_suffix(".json"),
        base.with_suffix(".md"),
        difference(small, stored),
    )
    told = card(small)
    npz.write(made.arrays, arrays)
    text = json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False)
    for file, content in ((made.description, text + "\n"), (made.card, markdown(base.name, told))):
        with replacing(file) as opened:
            opened.write(content.encode())
    return made


def import_set(path: str | Path) -> DistilledSet:
    """The set of plain files that `export` wrote; its training is found to give what it must.

    Raises: ValueError for files that are damaged, lack an entry, or train to other scores than
        they say.
    """
    arrays, beside = Path(path).with_suffix(".npz"), Path(path).with_suffix(".json")
    if not beside.is_file():
        raise ValueError(
            f"{beside} is missing: it says how {arrays.name} is to be trained on. A set without it "
            "is read by DistilledSet.from_npz, which asks for that."
        )
    try:
        with open(beside, encoding="utf-8") as file:
            told = entries("", json.load(file), _FIELDS)
        if told["format"] != FORMAT or told["version"] > VERSION:
            raise ValueError(f"it is no {FORMAT} of version {VERSION} or before")
        with npz.opened(arrays) as file:
            small = _read(told, file)
        check = told["check"]
        found = weighted(np.asarray(small.scores(small.images())))
        wished = np.asarray(check["scores"], float)
        if found.shape != wished.shape or not agree(found, wished, check["tolerance"]):
            raise ValueError("trained, it does not give the scores that it says")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"the entry {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{arrays} cannot be read as an exported set: {why.rstrip('.')}."
        ) from error
    return small


def weighted(scores: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " k"]:
    """The check of an exported set: sum_j cos(j) s_j over its rows, j = 1, ..., m.

    Example:
        >>> from distill_lib.making.exchange import weighted
        >>> weighted(np.array([[1.0], [0.0]])).round(4).tolist()
        [0.5403]
    """
    return np.cos(np.arange(1, len(scores) + 1)) @ scores


def agree(found, wished, tolerance: float) -> bool:
    """Whether two checks are equal up to a share of the largest number."""
    return bool(np.max(np.abs(found - wished)) <= tolerance * np.max(np.abs(wished)))


def difference(small: DistilledSet, other: DistilledSet) -> float:
    """The relative distance of the models that two sets train, W and b together."""
    a, b = (_all(one.model()) for one in (small, other))
    return float(jnp.linalg.norm(a - b) / jnp.linalg.norm(a))


def _all(model) -> Float[Array, "k q"]:
    w, b = model.weights, model.intercept
    return w if b is None else jnp.column_stack([w, b])


def _again(small: DistilledSet, images) -> DistilledSet:
    """The set that has these images, with all else as it is."""
    return DistilledSet(
        small.normalisation(images),
        small.labels,
        small.reg_s,
        small.feature_map,
        small.normalisation,
        small.label_convention,
        small.construction,
        small.provenance,
        intercept=small.intercept,
    )


def _known(small: DistilledSet) -> tuple[FeatureMap, Normalisation]:
    phi, norm = small.feature_map, small.normalisation
    if type(phi) not in _MAPS:
        what = "a kernel" if phi is None else f"the map {type(phi).__name__}"
        raise ValueError(
            f"a set for {what} has no plain form; those for "
            f"{', '.join(kind.__name__ for kind in _MAPS)} have."
        )
    if not isinstance(norm, Normalisation):
        raise ValueError("a set with a whitening has no plain form.")
    return phi, norm  # type: ignore[return-value]


def _arrays(phi: FeatureMap) -> dict[str, np.ndarray]:
    if isinstance(phi, FullyConnected):
        return {f"layer{i}": np.asarray(w) for i, w in enumerate(phi.weights)}
    if isinstance(phi, RandomFourier):
        return {"frequencies": np.asarray(phi.frequencies), "phases": np.asarray(phi.phases)}
    return {}


def _description(small, phi, norm: Normalisation, rows, stored: Stored | None) -> dict[str, Any]:
    making = small.provenance.get("making", {})
    layout = "rows, columns" if rows.ndim == 2 else "rows, height, width, channels"
    code = {} if stored is None else {"scale": float(np.ravel(stored.scale)[0])}
    code |= {} if stored is None else {"offset": float(np.ravel(stored.offset)[0])}
    return {
        "format": FORMAT,
        "version": VERSION,
        "trainer": {
            "method": "ridge regression",
            "lam_S": small.reg_s,
            "intercept": small.intercept,
        },
        "inputs": {
            "formula": "(row / white - mean) / std for each channel or column, channels first",
            "shape": list(norm.shape),
            "white": norm.pixel_max,
            "mean": list(norm.mean),
            "std": list(norm.std),
        },
        "map": {"kind": _MAPS[type(phi)]}
        | ({"layers": len(phi.weights), "slope": phi.slope} if _is_network(phi) else {}),
        "rows": {"layout": layout, "columns": list(making.get("columns", []))} | code,
        "labels": {
            "are": small.label_convention,
            "classes": list(making.get("classes", [])),
        },
        "about": {"construction": small.construction, "provenance": small.provenance},
    }


def _is_network(phi: FeatureMap) -> bool:
    return isinstance(phi, FullyConnected)


def _read(told: dict[str, Any], file: npz.Npz) -> DistilledSet:
    norm = Normalisation(
        typed("shape", told["inputs"]["shape"], tuple[int, int, int]),
        told["inputs"]["white"],
        told["inputs"]["mean"],
        told["inputs"]["std"],
    )
    kind, names = told["map"]["kind"], {"rows", "labels"}
    phi: FeatureMap
    if kind == "network":
        layers = [f"layer{i}" for i in range(typed("layers", told["map"]["layers"], int))]
        phi, names = (
            FullyConnected(
                tuple(jnp.asarray(file.read(name)) for name in layers), told["map"]["slope"]
            ),
            names | set(layers),
        )
    elif kind == "fourier":
        parts = {name: jnp.asarray(file.read(name)) for name in ("frequencies", "phases")}
        phi, names = RandomFourier(**parts), names | set(parts)
    elif kind == "linear":
        phi = Linear(norm.dim)
    else:
        raise ValueError(f"its map '{kind}' is unknown; known are {', '.join(_MAPS.values())}")
    file.only(names, "an exported set")
    rows = np.asarray(file.read("rows"), float)
    rows = rows * told["rows"].get("scale", 1.0) + told["rows"].get("offset", 0.0)
    return DistilledSet(
        norm(rows.reshape(-1, *norm.shape)),
        jnp.asarray(file.read("labels", shape=(len(rows), None))),
        typed("lam_S", told["trainer"]["lam_S"], float),
        phi,
        norm,
        typed("are", told["labels"]["are"], str),
        typed("construction", told["about"]["construction"], str),
        typed("provenance", told["about"]["provenance"], dict),
        intercept=told["trainer"]["intercept"] is True,
    )
