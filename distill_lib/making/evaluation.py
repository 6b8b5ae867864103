"""What a set is worth on data: rows of numbers, one a measure.

A measure is a function from a set and a source to rows. `MEASURES` lists those that `evaluate`
takes; a new column of numbers is one more function there.
"""

from collections.abc import Callable, Sequence
from typing import Any

from distill_lib.making.distilling import answered
from distill_lib.making.sources import Source, open_source
from distill_lib.sets.distilled_set import DistilledSet

Row = dict[str, Any]
Measure = Callable[[DistilledSet, Source], list[Row]]


def answers(small: DistilledSet, source: Source) -> list[Row]:
    """How well the model that the set trains answers: its accuracy, or R^2 of numbers."""
    found = answered(small, source)
    return [{"quantity": name, "value": value, "of": source.name} for name, value in found.items()]


def recovery(small: DistilledSet, source: Source) -> list[Row]:
    """How exactly the set carries its model, as it was measured when the set was made."""
    error = small.provenance.get("recovery_error")
    return [] if error is None else [{"quantity": "recovery error", "value": error, "of": "W"}]


MEASURES: list[Measure] = [answers, recovery]


def evaluate(
    small: DistilledSet, source: Source, measures: Sequence[Measure] | None = None
) -> list[Row]:
    """Numbers about a set on data: a row for each quantity, with its value and what it is of.

    Args:
        small: a set that `make` made, or another of the same shape.
        source: from `open_source`, or `fitting`, which takes the columns that the set knows.
        measures: which; None for all of `MEASURES`.
    Raises: ValueError for data that do not fit the set.

    Example:
        >>> from distill_lib.making import Recipe, evaluate, make, open_source
        >>> small = make(open_source("digits"), Recipe(lam=(10.0,)))
        >>> rows = evaluate(small, open_source("digits", part="test"))
        >>> [row["quantity"] for row in rows], rows[0]["value"] > 0.9
        (['accuracy', 'recovery error'], True)
    """
    check_fit(small, source)
    chosen = MEASURES if measures is None else measures
    return [row for measure in chosen for row in measure(small, source)]


def fitting(small: DistilledSet, path, labels: str | Sequence[str] = ()) -> Source:
    """The data at a path or of a name, with the columns and labels that a set was made of.

    Of a named data set it is the test part.

    Raises: ValueError as `open_source`, and for data that do not fit the set.
    """
    made = small.provenance.get("making", {})
    columns = made.get("columns") or None
    wanted = labels or made.get("labels") or ()
    task = made.get("task") if columns else None
    source = open_source(path, wanted, task, columns=columns, part="test")
    check_fit(small, source)
    return source


def check_fit(small: DistilledSet, source: Source) -> None:
    """Raise ValueError unless rows and classes are those that the set is for."""
    if source.shape != small.normalisation.shape:
        raise ValueError(
            f"the rows of {source.name} have shape {source.shape}, but the set is for "
            f"{small.normalisation.shape}."
        )
    known = tuple(small.provenance.get("making", {}).get("classes", ())) or source.classes
    if source.classes != known:
        other = sorted(set(source.classes) ^ set(known)) or list(source.classes)
        raise ValueError(
            f"the classes of {source.name} are not those that the set was made of: '{other[0]}' "
            "is in one of them alone."
        )
