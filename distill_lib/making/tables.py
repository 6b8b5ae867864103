"""Tables in files, read in batches: CSV and Parquet, a row for each sample."""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from distill_lib.boundary import checks
from distill_lib.images.readers import arrow_parquet

CSV_ROWS, ROWS = 8192, 32768  # in a batch
_NUMBERS = ("int", "uint", "float", "double", "halffloat", "bool")
_SEPARATORS = ",;\t"


class Csv:
    """A CSV file with the names of its columns in the first line.

    The separator is a comma, a semicolon or a tab, whichever the first line has most of.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.row = path, "line"
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            self.separator = max(_SEPARATORS, key=first.count)
            file.seek(0)
            self.columns = next(csv.reader(file, delimiter=self.separator), [])
        if len(self.columns) < 2:
            raise ValueError(
                f"{path} has no columns: its first line has to name at least two, one of labels."
            )

    def check(self, names: Sequence[str]) -> None:
        """Nothing is known of a CSV's numbers before they are read."""

    def labels(self, name: str) -> Iterator[tuple[Sequence[int], list[str]]]:
        """The column's texts in batches, and the line of each."""
        (at,) = self._places([name])
        for lines, rows in self._batches():
            yield lines, [row[at] for row in rows]

    def batches(self, names: Sequence[str], labels: Sequence[str]):
        """Numbers (b, d) of the columns `names`, and the texts of the labels' columns."""
        places, others = self._places(names), self._places(labels)
        pick = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
        for lines, rows in self._batches():
            try:
                values = np.array([list(map(float, pick(row))) for row in rows])
            except ValueError:
                raise self._no_number(lines, rows, places) from None
            if not checks.all_finite(values):
                i, j = map(int, np.argwhere(~np.isfinite(values))[0])
                raise ValueError(_not_finite(self, lines[i], names[j], values[i, j]))
            yield values, [[row[at] for row in rows] for at in others]

    def _places(self, names: Sequence[str]) -> list[int]:
        return [self.columns.index(name) for name in names]

    def _batches(self) -> Iterator[tuple[list[int], list[list[str]]]]:
        with open(self.path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=self.separator)
            next(reader)
            numbered = ((reader.line_num, row) for row in reader if row)
            while part := list(islice(numbered, CSV_ROWS)):
                lines, rows = map(list, zip(*part, strict=True))
                width = len(self.columns)
                for line, row in zip(lines, rows, strict=True):
                    if len(row) != width:
                        raise ValueError(self._width(line, row))
                yield lines, rows

    def _width(self, line: int, row: list[str]) -> str:
        return (
            f"{self.path}, line {line} has {len(row)} entries, but the first line names "
            f"{len(self.columns)} columns."
        )

    def _no_number(self, lines, rows, places) -> ValueError:
        for line, row in zip(lines, rows, strict=True):
            for at in places:
                try:
                    float(row[at])
                except ValueError:
                    found = f"'{row[at][:40]}', which is no number" if row[at].strip() else "empty"
                    return ValueError(
                        f"{self.path}, line {line}: column '{self.columns[at]}' is {found}; mend "
                        "it, or leave the column or the row out."
                    )
        raise AssertionError


class Parquet:
    """A Parquet file; needs `pyarrow`."""

    def __init__(self, path: Path) -> None:
        self.path, self.row = path, "row"
        self.parquet = arrow_parquet()
        try:
            with self.parquet.ParquetFile(path, pre_buffer=False) as file:
                self.schema = file.schema_arrow
        except ValueError as error:  # of Arrow's own
            raise ValueError(f"{path} cannot be read as Parquet: {error}.") from None
        self.columns = list(self.schema.names)
        if len(self.columns) < 2:
            raise ValueError(f"{path} has {len(self.columns)} columns; one of labels and others.")

    def check(self, names: Sequence[str]) -> None:
        """Raise ValueError for a column that holds no numbers."""
        for name in names:
            kind = str(self.schema.field(name).type)
            if not kind.startswith(_NUMBERS):
                raise ValueError(
                    f"{self.path}: column '{name}' is of {kind}, not of numbers; leave it out, or "
                    "write it as numbers."
                )

    def labels(self, name: str) -> Iterator[tuple[Sequence[int], list[Any]]]:
        """The column's values in batches, and the row of each, from 1."""
        at = 1
        with self.parquet.ParquetFile(self.path, pre_buffer=False) as file:
            for batch in file.iter_batches(ROWS, columns=[name]):
                yield range(at, at + batch.num_rows), batch.column(0).to_pylist()
                at += batch.num_rows

    def batches(self, names: Sequence[str], labels: Sequence[str]):
        """Numbers (b, d) of the columns `names`, and the values of the labels' columns."""
        at, wanted = 1, [*names, *labels]
        with self.parquet.ParquetFile(self.path, pre_buffer=False) as file:
            for batch in file.iter_batches(ROWS, columns=wanted, use_threads=True):
                values = np.empty((len(names), batch.num_rows))
                for j, name in enumerate(names):
                    column = batch.column(name)
                    if column.null_count:
                        row = at + column.is_null().to_pylist().index(True)
                        raise ValueError(
                            f"{self.path}, row {row}: column '{name}' is empty; fill it, or leave "
                            "the column or the row out."
                        )
                    values[j] = column.to_numpy(zero_copy_only=False)
                if not checks.all_finite(values):
                    i, j = map(int, np.argwhere(~np.isfinite(values.T))[0])
                    raise ValueError(_not_finite(self, at + i, names[j], values[j, i]))
                yield values.T, [_plain(batch.column(name)) for name in labels]
                at += batch.num_rows


def _plain(column) -> Sequence[Any]:
    """A column's values: whole numbers as an array, others as a list."""
    if str(column.type).startswith(("int", "uint")):
        return column.to_numpy()
    return column.to_pylist()


def _not_finite(table, row: int, column: str, value: float) -> str:
    return (
        f"{table.path}, {table.row} {row}: column '{column}' is {value}; clean or drop such rows."
    )


Table = Csv | Parquet


def table(path: Path) -> Table:
    """The table in a file, by the file's ending.

    Raises: ValueError for another ending, or a file without columns.
    """
    ending = path.suffix.lower()
    if ending in (".parquet", ".pq"):
        return Parquet(path)
    if ending in (".csv", ".tsv", ".txt"):
        try:
            return Csv(path)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no text in UTF-8: {error.reason}.") from None
    raise ValueError(
        f"{path} is neither a folder of pictures nor a table: its name has to end in .csv, .tsv "
        "or .parquet."
    )
