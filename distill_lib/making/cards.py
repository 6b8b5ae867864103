"""A set's card: what it is, where it comes from and how good it is, in a few lines."""

from pathlib import Path
from typing import Any

from distill_lib.images.pictures import save_picture
from distill_lib.sets.distilled_set import DistilledSet

Card = dict[str, str]


def card(small: DistilledSet) -> Card:
    """What a set says of itself: names and texts, in the order in which they are to be read.

    Example:
        >>> from distill_lib.making import Recipe, make, open_source
        >>> from distill_lib.making.cards import card
        >>> told = card(make(open_source("digits"), Recipe(lam=(10.0,))))
        >>> told["points"], told["trainer"]
        ('10, each of 8 x 8 x 1 numbers', 'ridge regression without an intercept')
    """
    record = small.provenance
    making: dict[str, Any] = record.get("making", {})
    h, w, c = small.normalisation.shape
    size = f"{c} columns" if making.get("columns") else f"{h} x {w} x {c} numbers"
    told = {
        "points": f"{len(small.points)}, each of {size}",
        "bytes": f"{small.points.nbytes + small.labels.nbytes:,} of points and labels",
        "labels": small.label_convention,
        "trainer": f"ridge regression {'with' if small.intercept else 'without'} an intercept",
        "lam_S": f"{small.reg_s:.6g}",
        "feature map": _map(small),
        "made by": small.construction,
    }
    if "recovery_error" in record:
        told["recovery error"] = f"{record['recovery_error']:.2g}"
    if rounding := record.get("rounding"):
        robust = ", robust set" if rounding["robust"] else ""
        told["rounded to"] = f"{rounding['bits']} bits{robust}"
        told["recovery error after rounding"] = f"{rounding['error']:.2g}"
    if making:
        told |= _made(making)
    return told


def _map(small: DistilledSet) -> str:
    phi = small.feature_map
    if phi is None:
        return "none; it is for a kernel"
    return f"{type(phi).__name__}, {phi.dim_in} inputs, {phi.dim_out} features"


def _made(making: dict[str, Any]) -> Card:
    asked = {name: value for name, value in making["recipe"].items() if value is not None}
    if len(asked["lam"]) > 1:
        asked["lam"] = f"{len(asked['lam'])} values, {min(asked['lam']):g} to {max(asked['lam']):g}"
    else:
        asked["lam"] = f"{asked['lam'][0]:g}"
    told = {"made of": f"{making['source']}, {making['rows']:,} rows"}
    if making["classes"]:
        names = ", ".join(making["classes"][:12]) + (", ..." if making["classes"][12:] else "")
        told["classes"] = f"{len(making['classes'])}: {names}"
    if making["labels"]:
        told["labels' columns"] = ", ".join(making["labels"])
    told["lam"] = f"{making['lam']:g}"
    for part, words in (
        ("held_out", "of the original on {rows:,} rows held out"),
        ("test", "of the set on the test part"),
    ):
        for name, text in (("accuracy", "{:.2%}"), ("R2", "{:.4f}")):
            if name in making.get(part, {}):
                of = words.format(rows=making[part].get("rows", 0))
                told[f"{name} {of}"] = text.format(making[part][name])
    told["recipe"] = ", ".join(f"{name} {value}" for name, value in asked.items())
    return told


def draw(small: DistilledSet, path: str | Path, columns: int = 10) -> None:
    """Write the points as a picture, each with its own range of greys or colours.

    Raises: ValueError for a table's points, which are no pictures, or an ending that names no
        format.
    """
    if small.provenance.get("making", {}).get("columns") or small.normalisation.shape[2] not in (
        1,
        3,
    ):
        raise ValueError("the points of this set are rows of a table, and no pictures.")
    zoom = max(1, 56 // small.normalisation.shape[1])
    save_picture(small.picture(columns, zoom=zoom), path)


def markdown(title: str, told: Card) -> str:
    """A card as a Markdown table under a title."""
    rows = [f"| {name} | {text} |" for name, text in told.items()]
    return "\n".join([f"# {title}", "", "| | |", "|---|---|", *rows]) + "\n"
