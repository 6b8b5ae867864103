"""Data that cannot be used: one sentence with the place, before long work, and no file."""

import csv
import re

import numpy as np
import pytest
from messages import each
from PIL import Image

from distill_lib.companion import cli
from distill_lib.making import open_source

ROWS = [["1.5", "2", "a"], ["2", "0", "b"], ["0", "1", "a"], ["1", "1", "b"], ["4", "2", "a"]] * 5


def write_csv(path, rows, head=("u", "v", "y")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def changed(row, column, text):
    rows = [list(one) for one in ROWS]
    rows[row][column] = text
    return rows


@pytest.fixture
def distill(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["distill", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capsys.readouterr()

    return call


def write_folder(place):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (place / name).mkdir(parents=True)
        for i in range(10):
            picture = Image.fromarray(rng.integers(0, 256, (3, 2), np.uint8))
            picture.save(place / name / f"{i}.png")
    return place


def write_parquet(path, **columns):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)
    return path


# What is read, by how it is made in an empty folder.


def table(rows):
    return lambda place: write_csv(place / "t.csv", rows)


def pets(spoil):
    def make(place):
        folder = write_folder(place / "pets")
        spoil(folder)
        return folder

    return make


def columns(u, y):
    return lambda place: write_parquet(place / "t.parquet", u=9 * u, y=9 * y)


def unreadable(folder):
    (folder / "dog" / "2.png").write_bytes(b"no picture")


def of_another_size(number):
    return lambda folder: Image.new("L", (3, 3)).save(folder / "dog" / f"{number}.png")


def without_a_class(folder):
    for one in (folder / "dog").iterdir():
        one.unlink()
    (folder / "dog").rmdir()


def with_an_empty_class(folder):
    (folder / "eel").mkdir()


Y = ["--labels", "y"]
WRONG = {
    "no such column": ((table(ROWS), ["--labels", "z"]), "has no column 'z'; its columns are u, v, y"),
    "no column named": ((table(ROWS), []), "name the column of labels; its columns are u, v, y"),
    "one class": ((table([[*row[:2], "a"] for row in ROWS]), Y), "has one class alone in column 'y', 'a'"),
    "a row a class": ((table([[*row[:2], f"c{i}"] for i, row in enumerate(ROWS)]), Y), "has 25 samples of 25 classes in column 'y'; there have to be more"),
    "NaN": ((table(changed(2, 1, "nan")), Y), "line 4: column 'v' is nan"),
    "infinite": ((table(changed(0, 0, "inf")), Y), "line 2: column 'u' is inf"),
    "text in a column": ((table(changed(1, 1, "two")), Y), "line 3: column 'v' is 'two', which is no number"),
    "an empty cell": ((table(changed(1, 1, "")), Y), "line 3: column 'v' is empty"),
    "an empty label": ((table(changed(3, 2, " ")), Y), "line 5: the label in column 'y' is empty"),
    "an empty label after empty lines": ((table([ROWS[0], [], [], *changed(3, 2, "")[1:]]), Y), "line 7: the label in column 'y' is empty"),
    "a short row": ((table([*ROWS, ["1", "a"]]), Y), "line 27 has 2 entries, but the first line names 3"),
    "text for a regression": ((table(ROWS), [*Y, "--task", "values"]), "line 2: the label in column 'y' is 'a', which is no number"),
    "fractions for classes": ((table(ROWS), ["--labels", "u", "--task", "classes"]), "line 2: the label in column 'u' is 1.5, and classes are whole numbers or text"),
    "text and fractions": ((table(changed(0, 2, "0.5")), Y), "line 3: the label in column 'y' is 'b', which is no number"),
    "no rows": ((table([]), Y), "has no rows"),
    "fewer points than classes": ((table(ROWS), [*Y, "--points", "1"]), "points = 1 is below the number of classes, 2"),
    "a start that is not there": ((table(ROWS), [*Y, "--start", "mean"]), "start 'mean' is not there for classes and a trainer without an intercept; take noise or"),
    "an unknown map": ((table(ROWS), [*Y, "--map", "cubic"]), "map is 'cubic'; it must be one of linear, network, fourier"),
    "a negative lam": ((table(ROWS), [*Y, "--lam", "1,-1"]), "lam = -1.0 is not a ridge parameter"),
    "a lam that is none": ((table(ROWS), [*Y, "--lam", "small"]), "--lam small is no number"),
    "more points than rows": ((table(ROWS), [*Y, "--points", "30", "--start", "real"]), "start 'real' begins at 15 rows of each class, but class 'b'"),
    "too few to hold out": ((table(ROWS[:5]), Y), "5 rows of .* are too few: none of them can be held out"),
    "a file that is no picture": ((pets(unreadable), []), "dog/2.png cannot be read as a picture"),
    "a picture of another size": ((pets(of_another_size(3)), []), "dog/3.png has shape (3, 3, 1), but (3, 2, 1) is needed"),
    "a first picture of another size": ((pets(of_another_size(0)), []), "dog/0.png has 3 x 3 pixels, but "),
    "one folder": ((pets(without_a_class), []), "has one class alone in its folders, 'cat'"),
    "an empty folder": ((pets(with_an_empty_class), []), "eel holds no pictures"),
    "parquet, an empty cell": ((columns([1.0, None, 2.0], [0, 1, 0]), Y), "row 2: column 'u' is empty"),
    "parquet, NaN": ((columns([1.0, 2.0, float("nan")], [0, 1, 0]), Y), "row 3: column 'u' is nan"),
    "parquet, text": ((columns(["1", "2", "3"], [0, 1, 0]), Y), "column 'u' is of string, not of numbers"),
    "parquet, an empty label": ((columns([1, 2, 3], [0, None, 0]), Y), "row 2: the label in column 'y' is empty"),
    "parquet, an infinite label": ((columns([1, 2, 3], [0.5, float("inf"), 0]), Y), "row 2: the label in column 'y' is inf"),
    "no such set": ((lambda _: "digist", []), "no data set of that name; those are digits, mnist"),
}  # fmt: skip


@each(WRONG)
def test_data_that_cannot_be_used_are_one_sentence_and_no_file(
    tmp_path, distill, monkeypatch, wrong, words
):
    monkeypatch.chdir(tmp_path)
    make, options = wrong
    source = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = distill("make", source, "-o", "set.npz", *options)
    last = err.strip().splitlines()[-1]
    assert code in (1, 2)
    assert out == ""
    assert re.search(re.escape(words).replace(r"\.\*", ".*"), last), last
    assert sorted(tmp_path.rglob("*")) == before


def test_an_output_that_cannot_be_written_is_said_before_anything_is_read(tmp_path, distill):
    for output, why in ((tmp_path / "no" / "s.npz", "no folder"), (tmp_path / "s.csv", "ends in")):
        code, out, err = distill("make", "digits", "-o", output)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert why in err


def test_an_interrupt_in_the_middle_of_a_table_leaves_no_file(tmp_path, distill, monkeypatch):
    table = write_csv(tmp_path / "t.csv", ROWS)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("distill_lib.making.moments.Moments.add", interrupted)
    code, out, err = distill("make", table, "-o", tmp_path / "s.npz", "--labels", "y")
    assert (code, out) == (130, "")
    assert err.strip().endswith("distill: interrupted; nothing was written")
    assert [one.name for one in tmp_path.iterdir()] == ["t.csv"]


def test_parquet_and_csv_of_one_table_are_the_same_source(tmp_path):
    u, y = [1.5, 2.0, 0.25, 8.0], ["b", "a", "b", "a"]
    path = write_parquet(tmp_path / "t.parquet", u=u, n=[1, 2, 3, 4], y=y)
    table = write_csv(tmp_path / "t.csv", zip(u, [1, 2, 3, 4], y, strict=True), ("u", "n", "y"))
    for source in (open_source(path, "y"), open_source(table, "y")):
        ((rows, truth),) = source.begin()
        assert (source.classes, source.columns, source.counts.tolist()) == (
            ("a", "b"),
            ("u", "n"),
            [2, 2],
        )
        assert rows[:, 0, 0].tolist() == [[1.5, 1], [2, 2], [0.25, 3], [8, 4]]
        assert truth.tolist() == [1, 0, 1, 0]


def test_labels_are_classes_or_numbers_by_what_they_are(tmp_path):
    rows = [["0", "10", "0.5"], ["1", "9", "1"], ["2", "10", "2"], ["3", "9", "7"]]
    table = write_csv(tmp_path / "t.csv", rows, ("u", "whole", "part"))
    assert open_source(table, "whole").classes == ("9", "10")
    values = open_source(table, "part")
    ((x, y),) = values.begin()
    assert (values.classes, values.outputs, y.ravel().tolist()) == ((), 1, [0.5, 1, 2, 7])
    both = open_source(table, ("whole", "part"))
    ((x, y),) = both.begin()
    assert (both.outputs, x.shape, y.tolist()[0]) == (2, (4, 1, 1, 1), [10, 0.5])


def test_a_folder_with_a_picture_in_colour_is_read_in_colour(tmp_path):
    folder = write_folder(tmp_path / "pets")
    assert open_source(folder).shape == (3, 2, 1)
    Image.new("RGB", (2, 3)).save(folder / "dog" / "0.png")
    source = open_source(folder)
    ((rows, truth),) = source.begin()
    assert (source.shape, rows.shape, truth.tolist()) == (
        (3, 2, 3),
        (20, 3, 2, 3),
        [0] * 10 + [1] * 10,
    )
