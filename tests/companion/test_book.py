"""The book on a small project: what is staged, what is rebuilt, and what stops it."""

import copy
import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest
import yaml
from messages import each
from sphinx.ext.napoleon import GoogleDocstring

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.files import locked
from distill_lib.companion.root import reference_folder
from distill_lib.companion.run.fingerprint import code_digest
from distill_lib.companion.run.notebook import with_one_setup, with_prose
from distill_lib.companion.run.reference import committed_records
from distill_lib.companion.site import book, downloads, stage
from distill_lib.companion.site.book import book_is_current, build_book
from distill_lib.companion.site.docstrings import fields

REPOSITORY = Path(__file__).resolve().parents[2]
TOC = "format: jb-book\nroot: book/index\nchapters:\n  - file: notebooks/demo\n  - file: book/bibliography\n"
INDEX = """# Welcome

The ratio is {{ this.demo.ratio }}, committed {{ tiny.demo.ratio }}; see [the demo](../notebooks/demo.md#run)
and {cite:t}`someone`. A formula: $\\norm{x} \\in \\R$.
"""
BIB = "@article{someone, author={Some One}, title={A Title}, journal={J}, year={2020}}\n"


def write_notebook(folder: Path, text: str) -> None:
    """An executed notebook with one output."""
    output = nbformat.v4.new_output("stream", text=f"{text}\n")
    cells = [
        nbformat.v4.new_markdown_cell(f"# Demo {text}\n\n## Run\n\nBack to [](../book/index.md)."),
        nbformat.v4.new_code_cell("print(1)", outputs=[output], execution_count=1),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    folder.joinpath("notebooks").mkdir(parents=True, exist_ok=True)
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "notebooks" / "demo.ipynb"
    )


def write_results(folder: Path, text: str) -> None:
    """A results file with one named number."""
    source = {
        "commit": "abcdef0123",
        "dirty": False,
        "device": {"kind": "cpu"},
        "date": "2026-02-03T04:05:06+00:00",
    }
    content = {"notebook": "demo", "profile": "tiny", "rows": [], "provenance": source}
    content["values"] = {"ratio": {"number": float(text), "text": text}}
    folder.joinpath("results").mkdir(parents=True, exist_ok=True)
    (folder / "results" / "demo.json").write_text(json.dumps(content))


def make_book(root: Path) -> Path:
    """A project with the repository's settings and looks, one prose page, one notebook, run and
    committed.
    """
    for folder in ("book", "notebooks"):
        (root / folder).mkdir(exist_ok=True)
    for name in ("_config.yml", "CITATION.cff"):
        shutil.copy(REPOSITORY / name, root)
    shutil.copytree(REPOSITORY / "book" / "_static", root / "book" / "_static", dirs_exist_ok=True)
    (root / "_toc.yml").write_text(TOC)
    (root / "book" / "index.md").write_text(INDEX)
    (root / "book" / "bibliography.md").write_text("# Bibliography\n\n```{bibliography}\n```\n")
    (root / "book" / "references.bib").write_text(BIB)
    (root / "notebooks" / "demo.md").write_text("# Demo\n")
    (root / "notebooks" / "profiles.yml").write_text(
        "tiny: {description: small, notebooks: {demo: {}}}\n"
    )
    for folder, text in (
        (root / "_build" / "tiny", "0.2"),
        (root / "book" / "reference" / "tiny", "0.3"),
    ):
        write_notebook(folder, text)
        write_results(folder, text)
    return root


@pytest.fixture
def project(tmp_path):
    return make_book(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("book")


@pytest.fixture
def built(kept):
    """A project with a site; what Sphinx has read is kept from one test to the next."""
    build_book(make_book(kept), "tiny")
    return kept


@pytest.fixture
def changing(built, tmp_path):
    """A copy of it, so that the next test need not build it again."""
    return Path(shutil.copytree(built, tmp_path / "book"))


def page(root: Path, name: str) -> str:
    return (root / "_build" / "tiny" / "html" / f"{name}.html").read_text()


# What is staged


def test_stages_pages_bibliography_looks_and_settings(project):
    files = stage.staged_files(project, "tiny")
    static = {name for name in files if name.startswith("book/_static/")}
    assert set(files) - static == {
        "_config.yml",
        "_toc.yml",
        "book/bibliography.md",
        "book/index.md",
        "book/references.bib",
        "notebooks/demo.ipynb",
    }
    assert {
        "book/_static/book.css",
        "book/_static/logo.svg",
        f"book/_static/{stage.MATHJAX}",
    } <= static


def test_an_executed_notebook_goes_before_the_committed_one(project):
    assert (
        stage.page_source(project, "tiny", "notebooks/demo")
        == project / "_build/tiny/notebooks/demo.ipynb"
    )
    shutil.rmtree(project / "_build")
    assert (
        stage.page_source(project, "tiny", "notebooks/demo")
        == project / "book/reference/tiny/notebooks/demo.ipynb"
    )


@pytest.mark.parametrize(
    ("code", "words"), [("print(1)", "# New words"), ("print(2)", "# Demo 0.2")]
)
def test_an_execution_has_the_prose_of_now_unless_its_code_has_changed(project, code, words):
    header = "---\nkernelspec:\n  name: python3\n  display_name: Python 3\n---\n"
    (project / "notebooks" / "demo.md").write_text(
        f"{header}\n# New words\n\n```{{code-cell}} ipython3\n{code}\n```\n"
    )
    staged = nbformat.reads(stage.staged_files(project, "tiny")["notebooks/demo.ipynb"].decode(), 4)
    assert staged.cells[0].source.startswith(words)
    assert staged.cells[1].source == "print(1)"
    assert staged.cells[1].outputs[0].text == "0.2\n"


def _notebook(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


BEFORE = [
    "from a import b",
    "x = b(1)  # one",
    "def f(y):\n    import c\n    return f'{y:>{x}}' 'z'",
]


@pytest.mark.parametrize(
    ("after", "same"),
    [
        (["from d.a import b", "x = b(1)", "def f(y):\n    from e import c\n\n    return (f'{y:>{x}}'\n 'z')"], True),
        (["from a import b", "x = b(2)", BEFORE[2]], False),
        (["from a import b", "x = b(-1)", BEFORE[2]], False),
        (["from a import b", "x = b(1)\nx", BEFORE[2]], False),
        (["from a import b", "x = b(None)", BEFORE[2]], False),
        (["from a import b", "x = b(1)", BEFORE[2].replace("z", "w")], False),
        (["from a import b\nx = b(1)", BEFORE[2]], False),  # outputs belong to cells
        (["%time from a import b", *BEFORE[1:]], False),
    ],
)  # fmt: skip
def test_code_is_compared_without_its_imports_and_layout(after, same):
    """So that a module can move, and a comment be mended, without a run that takes hours."""
    assert (code_digest(_notebook(*BEFORE)) == code_digest(_notebook(*after))) == same


def test_the_committed_runs_name_the_code_that_they_ran():
    """One number, whatever the version of Python that compares it."""
    for profile in ("digits", "mnist", "paper", "large"):
        for name, record in committed_records(REPOSITORY, profile).items():
            path = reference_folder(REPOSITORY, profile) / "notebooks" / f"{name}.ipynb"
            assert code_digest(nbformat.read(path, 4)) == record["inputs"]["notebook"], (
                profile,
                name,
            )


@pytest.mark.parametrize("parameters", [True, False])
def test_the_injected_parameters_stay_with_their_cell(tmp_path, parameters):
    """An execution has them after the parameters, or before everything where the source has no such
    cell.
    """
    cell = nbformat.v4.new_code_cell
    declared = [cell("n = 1", metadata={"tags": ["parameters"]})] if parameters else []
    source = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("New"), *declared, cell("print(n)"), cell("print(2)")]
    )
    executed = copy.deepcopy(source)
    executed.cells[0].source = "Old"
    for count, ran in enumerate(
        [ran for ran in executed.cells if ran.cell_type == "code"], start=1
    ):
        ran.execution_count, ran.outputs = (
            count,
            [nbformat.v4.new_output("stream", text=f"{ran.source}\n")],
        )
    injected = cell("n = 7", metadata={"tags": ["injected-parameters"]})
    executed.cells.insert(2 if parameters else 0, injected)
    for notebook in (source, executed):
        notebook.metadata.language_info = {"name": "python"}
    shown = with_prose(executed, source, tmp_path).cells
    told = (
        ["New", "n = 1", "n = 7", "print(n)", "print(2)"]
        if parameters
        else ["n = 7", "New", "print(n)", "print(2)"]
    )
    assert [cell.source for cell in shown] == told
    outputs = {
        cell.source: [output.text for output in cell.outputs] for cell in shown if "outputs" in cell
    }
    assert outputs.pop("n = 7") == []
    assert outputs == {text: [f"{text}\n"] for text in outputs}
    assert [cell.execution_count for cell in shown if cell.source.startswith("print")] == [
        len(declared) + 1,
        len(declared) + 2,
    ]


def test_a_page_opens_with_one_folded_cell_that_still_runs():
    new = nbformat.v4

    def tagged(source, *tags):
        return new.new_code_cell(source, metadata={"tags": list(tags)})

    def opening(*cells):
        notebook = new.new_notebook(cells=[new.new_markdown_cell("# Page"), *cells])
        return [cell.source for cell in with_one_setup(notebook).cells]

    given = tagged("# Parameters\nn = 7\n", "injected-parameters", "hide-input")
    setup = tagged("import math\n\nm = n + 1", "hide-input")
    _, one = opening(tagged("n = 1", "parameters", "remove-cell"), given, setup)[1:]
    assert one == "# The parameters of this run\nn = 7\n\nimport math\n\nm = n + 1"
    scope = {}
    exec(one, scope)
    assert scope["m"] == 8
    # Not where something is shown, or stands between.
    shown = tagged("n + 1", "hide-input")
    shown.outputs = [new.new_output("stream", text="8")]
    assert len(opening(given, shown)) == 3
    assert len(opening(given, new.new_markdown_cell("Why"), setup)) == 4
    assert len(opening(given, tagged("n + 1"))) == 3


def test_an_execution_without_injected_parameters_keeps_its_outputs(tmp_path):
    cell = nbformat.v4.new_code_cell
    source = nbformat.v4.new_notebook(
        cells=[cell("n = 1", metadata={"tags": ["parameters"]}), cell("print(n)")]
    )
    source.metadata.language_info = {"name": "python"}
    executed = copy.deepcopy(source)
    executed.cells[1].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    shown = with_prose(executed, source, tmp_path).cells
    assert [cell.source for cell in shown] == ["n = 1", "print(n)"]
    assert shown[1].outputs[0].text == "1\n"


def test_numbers_of_this_run_go_before_the_committed_ones(project):
    numbers = stage.substitutions(project, "tiny")
    assert (numbers["this"], numbers["tiny"]) == (
        {"demo": {"ratio": "0.2"}},
        {"demo": {"ratio": "0.3"}},
    )
    assert stage.substitutions(project, "other")["this"] == {}


def test_a_smaller_profile_is_a_book_too(project):
    """Pages that it leaves out show a committed run of another profile, with that one's numbers,
    and the foot says so.
    """
    path = project / "notebooks" / "profiles.yml"
    path.write_text(path.read_text() + "small: {description: smaller, notebooks: {other: {}}}\n")
    shutil.copytree(
        project / "_build" / "tiny", project / "_build" / "small"
    )  # left from when it listed the page
    files = stage.staged_files(project, "small")
    assert "Demo 0.3" in files["notebooks/demo.ipynb"].decode()
    assert stage.substitutions(project, "small")["this"]["demo"] == {"ratio": "0.3"}
    assert "pages that it leaves out from tiny" in stage.footer(project, "small")
    assert "leaves out" not in stage.footer(project, "tiny")


def test_the_papers_cells_are_there_for_the_prose(project):
    folder = project / "book" / "reference" / "paper" / "results"
    folder.mkdir(parents=True)
    row = {
        "table": "3",
        "dataset": "mnist",
        "ipc": 1,
        "model": "linear",
        "method": None,
        "quantity": "accuracy",
    }
    row |= {"measured": 86.4, "spread": None, "seeds": 1, "unit": "%"}
    source = {
        "commit": "abc",
        "dirty": False,
        "device": {"kind": "cpu", "platform": "cpu", "cpus": 2},
        "date": "2026-02-03",
    }
    content = {
        "notebook": "demo",
        "profile": "paper",
        "rows": [row],
        "values": {},
        "provenance": source,
    }
    folder.joinpath("demo.json").write_text(json.dumps(content))
    with open(project / "notebooks" / "profiles.yml", "a") as file:
        file.write("paper: {description: large, notebooks: {demo: {datasets: [mnist]}}}\n")
    told = stage.substitutions(project, "tiny")["report"]
    assert "| mnist | 1 | linear | 86.41 | 86.40 | -0.01 | reproduced |" in told["table_3_accuracy"]
    assert "1 reproduced" in told["verdicts"]
    assert told["table_4_seconds"].count("not\N{NO-BREAK SPACE}run") == 6
    assert told["origin"] == "profile paper: the committed reference run of demo; all on cpu"


def test_links_to_text_notebooks_lead_to_the_executed_ones(project):
    (project / "book" / "index.md").write_text(
        "# T\n[](../notebooks/demo.md#run) [](bibliography.md) [](../README.md)\n"
    )
    text = stage.staged_files(project, "tiny")["book/index.md"].decode()
    assert text == "# T\n[](../notebooks/demo.ipynb#run) [](bibliography.md) [](../README.md)\n"


def test_numbers_stand_in_the_prose_of_pages_and_notebooks_alone(project):
    path = project / "_build/tiny/notebooks/demo.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[0].source += "\n\nIt is {{ this.demo.ratio }}, ${{ this.demo.ratio }}$."
    notebook.cells[1].source = "print('{{ this.demo.ratio }}')"
    nbformat.write(notebook, path)
    files = stage.staged_files(project, "tiny")
    text, code = (
        cell.source for cell in nbformat.reads(files["notebooks/demo.ipynb"].decode(), 4).cells
    )
    assert text.endswith("It is 0.2, $0.2$.")
    assert code == "print('{{ this.demo.ratio }}')"
    assert "The ratio is 0.2, committed 0.3" in files["book/index.md"].decode()


def test_the_notebooks_are_written_where_a_server_opens_them(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setattr("sys.argv", ["downloads", "notebooks", "tiny"])
    downloads.main()
    cells = nbformat.read(project / "notebooks" / "demo.ipynb", 4).cells
    assert [cell.cell_type for cell in cells] == ["markdown", "markdown", "code"]


@pytest.mark.parametrize("url", ["", "https://github.com/someone/companion"])
def test_the_repository_reaches_the_stage(project, url):
    with (project / "CITATION.cff").open("a") as file:
        file.write(f'repository-code: "{url}"\n' if url else "")
    config = yaml.safe_load(stage.staged_files(project, "tiny")["_config.yml"])["sphinx"]["config"]
    assert config["book_repository"] == url
    assert config["book_url"] == ("https://someone.github.io/companion" if url else "")
    assert "distill_lib.companion.site.page_links" in config["extensions"]


def test_the_footer_says_where_the_numbers_come_from(project):
    footer = stage.footer(project, "tiny")
    for part in (
        "<strong>tiny</strong>",
        "run on 2026-02-03",
        "<code>abcdef0</code>",
        "on cpu",
        "distill-lib ",
    ):
        assert part in footer
    assert "run on" not in stage.footer(project, "other")


def test_the_stage_holds_exactly_the_files_and_keeps_the_time_of_unchanged_ones(tmp_path):
    stage.synchronise(tmp_path, {"a/same": b"1", "a/changed": b"1", "b/gone": b"1"})
    for name in ("a/same", "a/changed"):
        os.utime(tmp_path / name, (1000, 1000))
    stage.synchronise(tmp_path, {"a/same": b"1", "a/changed": b"2"})
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "a",
        "a/changed",
        "a/same",
    ]
    assert (tmp_path / "a/same").stat().st_mtime == 1000
    assert (tmp_path / "a/changed").stat().st_mtime > 1000
    assert (tmp_path / "a/changed").read_bytes() == b"2"


# What stops it, before Jupyter Book is started


def written(name, text):
    return lambda root: (root / name).write_text(text)


def missing(name):
    return lambda root: (root / name).unlink()


def with_pages(listed):
    """Two pages more in the contents, and in the profile or not."""

    def spoil(root):
        (root / "_toc.yml").write_text(
            TOC + "  - file: notebooks/missing\n  - file: notebooks/gone\n"
        )
        if listed:
            (root / "notebooks" / "profiles.yml").write_text(
                "tiny: {description: small, notebooks: {demo: {}, missing: {}, gone: {}}}\n"
            )

    return spoil


ABSENT = "# T\n\n{{ this.demo.absent }} {{ that.demo.ratio }}\n"
WRONG = {
    "pages of no profile": (with_pages(listed=False), r"the profile tiny leaves out gone, missing .*: add them to the profile"),
    "pages that were not run": (with_pages(listed=True), r"not executed for the profile tiny: missing, gone .*`distill run --profile tiny missing gone`"),
    "numbers of no run": (written("book/index.md", ABSENT), r"book/index\.md names numbers that no run has recorded: this\.demo\.absent, that\.demo\.ratio;"),
    "a missing page": (missing("book/index.md"), r"_toc\.yml lists book/index\.md, which does not exist"),
    **{f"no {name}": (missing(name), f"{name}, which does not exist") for name in ("_toc.yml", "_config.yml", "CITATION.cff", "book/references.bib")},
    "contents without a root": (written("_toc.yml", "format: jb-book\n"), "_toc.yml is (malformed|not valid)"),
    "settings that are no YAML": (written("_config.yml", "title: [\n"), "_config.yml is (malformed|not valid)"),
    "settings of another kind": (written("_config.yml", "a: 1"), "_config.yml is (malformed|not valid)"),
}  # fmt: skip


@each(WRONG)
def test_what_stops_a_build_is_named_with_the_remedy(project, wrong, words):
    wrong(project)
    with pytest.raises(CompanionError, match=words):
        build_book(project, "tiny")


def test_two_builds_at_once_are_refused(project):
    with (
        locked(project / "_build/tiny/state/book.lock", "held"),
        pytest.raises(CompanionError, match="under way: wait"),
    ):
        build_book(project, "tiny")


def test_what_a_docstring_returns_and_raises_become_fields():
    lines = [
        "What it does.",
        "Returns: (m, p) features.",
        "Raises: ValueError if m < k,",
        "    or m is 0.",
        "",
        "Returns nothing.",
    ]
    assert fields(lines) == [
        "What it does.",
        "",
        ":returns: (m, p) features.",
        "",
        ":raises: ValueError if m < k,",
        "    or m is 0.",
        "",
        "Returns nothing.",
    ]


def test_an_example_of_a_docstring_becomes_a_heading_and_its_lines():
    lines = ["What it does.", "", "Raises: ValueError.", "", "Example:", "    >>> 1 + 1", "    2"]
    assert GoogleDocstring(fields(lines)).lines() == [
        "What it does.",
        "",
        ":raises: ValueError.",
        "",
        ".. rubric:: Example",
        "",
        ">>> 1 + 1",
        "2",
        "",
    ]


# The site


def test_the_site_opens_at_its_first_page_and_shows_numbers_output_and_origin(built):
    assert "url=book/index.html" in page(built, "index")
    welcome = page(built, "book/index")
    assert "source-buttons" not in welcome  # the project names no repository
    assert "launch-buttons" not in page(built, "notebooks/demo")
    offered = (built / "_build/tiny/html/_sources/notebooks/demo.ipynb").read_text()
    assert "> An executed page of" in offered
    assert "The ratio is 0.2, committed 0.3" in welcome
    assert 'href="../notebooks/demo.html#run"' in welcome
    assert "commit <code>abcdef0</code>" in welcome
    assert "0.2\n" in page(built, "notebooks/demo")
    assert (built / "_build/tiny/html/_static" / stage.MATHJAX).is_file()


def test_nothing_is_built_when_nothing_has_changed(built, monkeypatch):
    monkeypatch.setattr(
        book, "_run_jupyter_book", lambda *_: pytest.fail("the site was built again")
    )
    assert book_is_current(built, "tiny")
    before = (built / "_build/tiny/html/index.html").stat().st_mtime_ns
    index = build_book(built, "tiny")
    assert index.stat().st_mtime_ns == before


def test_a_warning_stops_the_build_every_time_and_keeps_the_earlier_site(changing):
    index, earlier = changing / "book" / "index.md", page(changing, "book/index")
    index.write_text("# Welcome\n\n{cite:t}`someone`\n\n{{ this.demo.ratio }} and [](nowhere.md)\n")
    for _ in range(2):  # Sphinx alone would pass the second time
        with pytest.raises(CompanionError) as caught:
            build_book(changing, "tiny")
        assert "book/index.md:5: WARNING" in str(caught.value)
        assert "nowhere.md" in str(caught.value)
        assert str(changing / "_build/tiny/book.log") in str(caught.value)
        assert page(changing, "book/index") == earlier
        assert not book_is_current(changing, "tiny")


def test_an_interrupted_build_keeps_the_earlier_site_and_is_repeated(changing, monkeypatch):
    earlier = page(changing, "book/index")
    (changing / "book" / "index.md").write_text("# Interrupted\n\n{cite:t}`someone`\n")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(book, "_run_jupyter_book", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_book(changing, "tiny")
    assert page(changing, "book/index") == earlier
    build_book(changing, "tiny")
    assert "Interrupted" in page(changing, "book/index")


def test_what_sphinx_remembers_of_the_last_build_does_not_stop_this_one(changing, monkeypatch):
    """A label that one page has handed to another is known twice until Sphinx begins afresh."""
    build_book(changing, "tiny")
    (changing / "book" / "index.md").write_text("# Handed over\n\n{cite:t}`someone`\n")
    real, calls = book._run_jupyter_book, []

    def at_first_known_twice(stage, work, log):
        calls.append(work.exists())
        if len(calls) == 1:
            raise CompanionError("duplicate label")
        real(stage, work, log)

    monkeypatch.setattr(book, "_run_jupyter_book", at_first_known_twice)
    build_book(changing, "tiny")
    assert calls == [True, False]
    assert "Handed over" in page(changing, "book/index")


def test_a_warning_in_a_notebook_names_its_cell():
    assert (
        book._cell("notebooks/a.ipynb:30004: WARNING: x")
        == "notebooks/a.ipynb: cell 3, line 4: WARNING: x"
    )


def test_changed_looks_and_removed_pages_reach_the_site(built):
    (built / "book" / "_static" / "book.css").write_text("/* new */")
    (built / "_toc.yml").write_text(TOC.replace("  - file: notebooks/demo\n", ""))
    (built / "book" / "index.md").write_text("# Welcome\n\n{cite:t}`someone`\n")
    assert not book_is_current(built, "tiny")
    build_book(built, "tiny")
    site = built / "_build" / "tiny" / "html"
    assert (site / "_static" / "book.css").read_text() == "/* new */"
    assert not (site / "notebooks").exists()
