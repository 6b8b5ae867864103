"""What a column of labels holds: classes, or numbers to predict."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

Task = Literal["classes", "values"]
MANY = 1000  # different labels, above which they are hardly classes


def _read(value: Any) -> tuple[str, str | float]:
    """A label as "whole", "number" or "text", and its name or value.

    Raises: ValueError, the end of a sentence, for what is none of these.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError("is empty")
    if isinstance(value, str):
        value = value.strip()
        try:
            return "whole", str(int(value))
        except ValueError:
            pass
        try:
            number = float(value)
        except ValueError:
            return "text", value
    elif isinstance(value, bool | np.bool_):
        return "text", str(bool(value))
    elif isinstance(value, int | np.integer):
        return "whole", str(int(value))
    else:
        number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"is {number}")
    return "number", number


class Labels:
    """Labels seen batch by batch; at the end it is known what they are.

    Attributes:
        task: "classes" or "values"; None until `finish`, unless it was stated.
        classes: their names, whole numbers in their order, else in that of letters.
        counts: (k,) rows of each.
        n: rows seen.

    Example:
        >>> from distill_lib.making.labels import Labels
        >>> labels = Labels("iris.csv", "kind", None)
        >>> labels.see(["b", "a", "b"], place=lambda i: f"line {i + 2}")
        >>> labels.finish()
        >>> labels.task, labels.classes, labels.indices(["a", "b"]).tolist()
        ('classes', ('a', 'b'), [0, 1])
    """

    def __init__(self, source: str, column: str, task: Task | None) -> None:
        self.source, self.column, self.task = source, column, task
        self.kinds: dict[str, str] = {}  # of labels: where the first one stands
        self.found: Counter = Counter()
        self.names: dict[Any, str] = {}
        self.numbers = False
        self.classes: tuple[str, ...] = ()
        self.counts = np.zeros(0, int)
        self.n = 0

    def see(self, values: Sequence[Any], place) -> None:
        """Look at labels; `place(i)` says where the i-th of them stands.

        Raises: ValueError that names the place of one that is missing or not finite, or that does
            not fit the task.
        """
        self.n += len(values)
        many = self.task == "values" or self.numbers
        counted = dict.fromkeys(values, 1) if many else Counter(values)
        for value, count in counted.items():
            try:
                kind, read = _read(value)
            except ValueError as error:
                raise self._refused(values, value, place, str(error)) from None
            if kind == "number" and self.task == "classes" and float(read).is_integer():
                kind, read = "whole", str(int(read))
            if kind == "number":
                self.numbers = True
            if kind == "number" and self.task == "classes":
                why = f"is {value}, and classes are whole numbers or text"
                raise self._refused(values, value, place, why)
            if kind == "text" and (self.task == "values" or self.numbers):
                raise self._refused(values, value, place, f"is '{value}', which is no number")
            if kind not in self.kinds:
                self.kinds[kind] = place(_index(values, value))
            if not many and len(self.found) <= MANY:
                self.names[value] = str(read)
                self.found[str(read)] += count
        if self.numbers and "text" in self.kinds:
            raise ValueError(
                f"{self.source}, {self.kinds['text']}: column '{self.column}' has text there and "
                "fractions elsewhere; labels are classes or numbers."
            )

    def finish(self) -> None:
        """Decide what they are.

        Raises: ValueError for one class, or for more than can be.
        """
        if not self.n:
            raise ValueError(f"{self.source} has no rows.")
        self.task = self.task or ("values" if self.numbers else "classes")
        if self.task == "values":
            self.classes, self.counts = (), np.array([self.n])
            return
        whole = "text" not in self.kinds
        names: list[str] = sorted(self.found, key=(lambda one: (int(one), one)) if whole else None)
        if len(names) > MANY:
            raise ValueError(
                f"column '{self.column}' of {self.source} has more than {MANY} different labels; "
                "if they are numbers to predict, say so: task values."
            )
        self.classes = tuple(names)
        self.counts = np.array([self.found[name] for name in names])
        enough(self.source, f"in column '{self.column}'", names, self.counts)

    def indices(self, values: Iterable[Any]) -> np.ndarray:
        """The class index of each label."""
        if isinstance(values, np.ndarray):
            found, places = np.unique(values, return_inverse=True)
            return self.indices(found.tolist())[places]
        at = {name: i for i, name in enumerate(self.classes)}
        known = {value: at[name] for value, name in self.names.items() if name in at}
        return np.fromiter((known[value] for value in values), np.int64)

    def _refused(self, values, value, place, why: str) -> ValueError:
        where = place(_index(values, value))
        return ValueError(f"{self.source}, {where}: the label in column '{self.column}' {why}.")


def enough(source: str, where: str, names: Sequence[str], counts: np.ndarray) -> None:
    """Raise ValueError unless there are two classes, and more samples than classes."""
    if len(names) < 2:
        raise ValueError(
            f"{source} has one class alone {where}, '{names[0]}'; a classifier needs at least two."
        )
    if counts.sum() <= len(names):
        raise ValueError(
            f"{source} has {counts.sum()} samples of {len(names)} classes {where}; there have to "
            "be more samples than classes."
        )


def _index(values: Sequence[Any], value: Any) -> int:
    """Where a value first stands; NaN is found by being the same object, or unequal to itself."""
    return next(i for i, v in enumerate(values) if v is value or v == value or v != v)
