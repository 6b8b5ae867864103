"""What an experiment measured, as data: rows, named numbers and their provenance, in one JSON file
per notebook.
"""

import hashlib
import json
import keyword
import math
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.files import read_json, write_json, write_text
from distill_lib.companion.numbers import provenance
from distill_lib.companion.root import build_folder, project_root

PROGRESS, STOP = "progress.txt", "stop"  # files between a notebook and the runner
# Together they name one cell of a table.
CELL = (
    "table",
    "dataset",
    "ipc",
    "model",
    "method",
    "quantity",
)


class Stopped(BaseException):
    """The runner has asked the notebook to stop; no cell's `except Exception` holds it up."""


class Results:
    """Collects the results of one notebook; `save` writes `<folder>/results/<notebook>.json`.

    Args:
        notebook: name of the notebook, without its ending.
        profile: the profile it runs with; the folder is `_build/<profile>` of the project, or of
            the current folder where there is no project: a downloaded notebook runs anywhere.
    The runner sets DISTILL_RESULTS (another folder), DISTILL_FINGERPRINT (lets `cached` reuse
    finished pieces) and DISTILL_PARAMETERS (for the provenance).
    """

    def __init__(self, notebook: str, profile: str):
        named = os.environ.get("DISTILL_RESULTS")
        root = _root_or_none()
        self.notebook, self.profile = notebook, profile
        self._folder = Path(named) if named else build_folder(root or Path.cwd(), profile)
        self._fingerprint = os.environ.get("DISTILL_FINGERPRINT")
        self._commit = provenance.commit(root)
        self._rows: list[dict[str, Any]] = []
        self._values: dict[str, dict[str, Any]] = {}
        self._data: dict[str, str] = {}
        self._content: dict[str, str] = {}
        self._opened = time.perf_counter()
        self._reused = 0.0
        self._devices: set[str | None] = set()  # of reused pieces

    def add(
        self,
        *,
        table: str,
        dataset: str,
        quantity: str,
        measured: float,
        unit: str,
        ipc: int | None = None,
        model: str | None = None,
        method: str | None = None,
        spread: float | None = None,
        seeds: int = 1,
        **extra: Any,
    ) -> None:
        """Record one measured cell.

        Args:
            ipc: images per class; None is the original model, trained on the whole set.
            spread: standard deviation over the seeds.
            extra: further columns, numbers or text.
        Raises: ValueError if measured, spread or a number in a further column is not finite, or the
            cell has been recorded already.
        """
        row: dict[str, Any] = {
            "table": table,
            "dataset": dataset,
            "ipc": ipc,
            "model": model,
            "method": method,
            "quantity": quantity,
        }
        name = "/".join(str(row[key]) for key in CELL)
        if any(all(old[key] == row[key] for key in CELL) for old in self._rows):
            raise ValueError(f"results.add: the cell {name} has been recorded already")
        row |= {
            "measured": _finite(measured, name),
            "spread": None if spread is None else _finite(spread, name),
        }
        cells = plain(row | {"seeds": seeds, "unit": unit} | extra)
        for column, value in cells.items():
            if not _all_finite(value):
                raise ValueError(
                    f"results: {column} of {name} is not finite; record None where there is none"
                )
        self._rows.append(cells)

    def value(self, name: str, number: float, fmt: str = "{}") -> None:
        """Record a number for the prose, e.g.

        `value("ratio", 0.19, "{:.2f}")` for `{{ this.notebook.ratio }}`.

        Raises: ValueError if the name cannot stand in such a formula, is taken, or the number is
            not finite.
        """
        if not name.isidentifier() or keyword.iskeyword(name) or hasattr(dict, name):
            raise ValueError(
                f"results.value: '{name}' cannot be used in the prose: take letters, digits and _, "
                f"not '{name}'"
            )
        if name in self._values:
            raise ValueError(f"results.value: '{name}' has been recorded already")
        self._values[name] = {"number": _finite(number, name), "text": fmt.format(number)}

    def take(
        self, rows: Iterable[dict[str, Any]] = (), values: Mapping[str, Any] | None = None
    ) -> None:
        """Add the rows and the named numbers that an experiment has found.

        Args:
            rows: arguments of `add`, one dict a row.
            values: name -> number, or (number, format), as `value` takes them.
        Raises: ValueError as `add` and `value`.
        """
        for row in rows:
            self.add(**row)
        for name, found in (values or {}).items():
            self.value(name, *(found if isinstance(found, tuple | list) else (found,)))

    def data(self, info: Any) -> None:
        """Register the data set (a `DatasetInfo`) whose digest, and what it says, belong in the
        provenance.
        """
        self._data[info.name], self._content[info.name] = info.digest, info.content

    def cached(self, key: str, compute: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """`compute(*args, **kwargs)`, which must be JSON-able; arrays come back as lists.

        Under the runner a finished piece is stored at once and, after an interruption, read instead
        of recomputed.
        Raises: Stopped before a piece is begun, if the runner's time is over.
        """
        started = time.perf_counter()
        path = self._piece(key, "json")
        if path is None:
            return plain(compute(*args, **kwargs))
        if path.is_file():
            piece = read_json(path)
            self._reused += piece["seconds"]
            self._devices.add(piece.get("device"))
            return json.loads(piece["value"])
        self._heed()
        value = plain(compute(*args, **kwargs))
        seconds, kind = time.perf_counter() - started, provenance.device()["kind"]
        text = json.dumps(value)  # as text, since it may hold NaN, which JSON does not have
        write_json(path, {"key": key, "seconds": seconds, "device": kind, "value": text})
        return value

    def checkpoint(self, key: str) -> Path | None:
        """A file for the unfinished state of a long computation, kept until the notebook is done;
        None without the runner.
        """
        return self._piece(key, "npz")

    def progress(self, text: str) -> None:
        """Let the runner show how far a long cell is, e.g.

        "mnist, IPC 10: step 3,400 of 30,000, 5 min left".

        An empty text ends it. Raises: Stopped if the runner's time is over, unless the text is
        empty: what is then done is about to be kept.
        """
        if self._fingerprint is not None:
            write_text(self._folder / PROGRESS, text)
            if text:
                self._heed()

    def _heed(self) -> None:
        if self._fingerprint is not None and (self._folder / STOP).exists():
            raise Stopped("the runner's time is over; what is finished is kept")

    def _piece(self, key: str, ending: str) -> Path | None:
        if self._fingerprint is None:
            return None
        slug = (
            re.sub(r"[^A-Za-z0-9.-]+", "_", key)[:60]
            + "-"
            + hashlib.sha256(key.encode()).hexdigest()[:10]
        )
        return self._folder / "pieces" / self._fingerprint[:16] / f"{slug}.{ending}"

    def save(self) -> Path:
        """Write the file, whole or not at all, with its provenance; returns its path."""
        path = self._folder / "results" / f"{self.notebook}.json"
        device = provenance.device()
        others = sorted(self._devices - {None, device["kind"]}, key=str)
        write_json(
            path,
            {
                "notebook": self.notebook,
                "profile": self.profile,
                "rows": self._rows,
                "values": self._values,
                "provenance": {
                    "parameters": json.loads(os.environ.get("DISTILL_PARAMETERS", "null")),
                    **self._commit,
                    "versions": provenance.versions(),
                    "device": device | ({"pieces_from": others} if others else {}),
                    "data": self._data,
                    "content": self._content,
                    "seconds": round(time.perf_counter() - self._opened + self._reused, 3),
                    "date": datetime.now(UTC).isoformat(timespec="seconds"),
                },
            },
        )
        return path


def plain(value: Any) -> Any:
    """Through JSON and back, so that a computed value and a stored one are of the same types."""
    return json.loads(json.dumps(value, default=_listed))


def _listed(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy and JAX arrays and scalars
        return value.tolist()
    raise TypeError(f"results hold numbers, text, lists and dicts, not {type(value).__name__}")


def _all_finite(value: Any) -> bool:
    """Whether no number inside nested lists and dicts is NaN or infinite."""
    if isinstance(value, dict | list):
        return all(map(_all_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def _finite(number: float, name: str) -> float:
    if not math.isfinite(number):
        raise ValueError(f"results: {name} is {number}, not a finite number")
    return float(number)


def _root_or_none() -> Path | None:
    try:
        return project_root()
    except CompanionError:
        return None
