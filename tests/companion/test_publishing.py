"""What leaves the project: notebooks to download, links, and the files that describe it."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import yaml
from docutils.core import publish_doctree
from packaging.specifiers import SpecifierSet
from PIL import Image

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.numbers.results import Results
from distill_lib.companion.root import project_root
from distill_lib.companion.site import card, page_links
from distill_lib.companion.site.citation import read_citation, repository
from distill_lib.companion.site.citation import site as address
from distill_lib.companion.site.downloads import downloads
from distill_lib.companion.site.links import launch_links, source_links
from distill_lib.companion.site.metadata import metadata
from distill_lib.companion.site.stage import staged_files

ROOT = project_root()
GITHUB = "https://github.com/Someone/companion"
PAGES = "https://someone.github.io/companion"
ADDRESSES = [("", ""), (GITHUB, PAGES)]
LINK = re.compile(r"\]\(([^)\s]+)\)")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def staged():
    """The book as it would be built from the committed run of digits."""
    return staged_files(ROOT, "digits")


# Notebooks to download


@pytest.mark.parametrize(("source", "home"), ADDRESSES)
def test_a_downloaded_notebook_is_whole(staged, source, home):
    offered = downloads(staged, source, home)
    assert len(offered) == sum(name.endswith(".ipynb") for name in staged) > 0
    for name, content in offered.items():
        notebook = nbformat.reads(content.decode(), as_version=4)
        nbformat.validate(notebook)
        prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert "{{" not in prose, name
        assert [link for link in LINK.findall(prose) if "://" not in link] == [], name
        shown = nbformat.reads(staged[name.removeprefix("_sources/")].decode(), as_version=4).cells
        assert [cell for cell in notebook.cells if cell.cell_type == "code"] == [
            cell for cell in shown if cell.cell_type == "code"
        ]


def test_links_of_a_downloaded_notebook_lead_to_the_site_or_become_titles():
    text = "[](a.ipynb#x), [the index](../book/index.md) and [elsewhere](https://example.org/a.md)"
    files = {"book/index.md": b"# Index\n"}
    for name, prose in {"a": "# Two", "b": f"# One\n\n{text}"}.items():
        cells = [nbformat.v4.new_markdown_cell(prose, id="cell-0")]
        notebook = nbformat.v4.new_notebook(cells=cells)
        files[f"notebooks/{name}.ipynb"] = nbformat.writes(notebook).encode()
    told = {
        PAGES: f"[Two]({PAGES}/notebooks/a.html#x), [the index]({PAGES}/book/index.html) and ",
        "": "Two, the index and ",
    }
    for home, start in told.items():
        cells = json.loads(downloads(files, "", home)["_sources/notebooks/b.ipynb"])["cells"]
        left = "[elsewhere](https://example.org/a.md)"
        assert "".join(cells[1]["source"]) == f"# One\n\n{start}{left}"


def test_a_notebook_runs_where_there_is_no_project(tmp_path, monkeypatch):
    monkeypatch.setattr("distill_lib.companion.numbers.results._root_or_none", lambda: None)
    monkeypatch.chdir(tmp_path)
    results = Results("demo", "digits")
    results.value("ratio", 0.5)
    assert results.save() == tmp_path / "_build" / "digits" / "results" / "demo.json"


# Links and descriptions


@pytest.mark.parametrize("page", ["notebooks/table_3", "book/report", ""])
def test_without_a_repository_there_are_no_links(page):
    assert source_links("", page) == launch_links("", page) == []


def test_every_link_of_a_page_leads_to_a_file_that_is_there(staged):
    for page in [name.rsplit(".", 1)[0] for name in staged if name.endswith((".md", ".ipynb"))]:
        urls = {link.text: link.url for link in source_links(GITHUB, page)}
        assert urls["Repository"] == GITHUB
        for text, verb in {"Show source": "blob", "Suggest edit": "edit"}.items():
            path = urls[text].removeprefix(f"{GITHUB}/{verb}/main/")
            assert (ROOT / path).is_file(), urls[text]
        launched = {link.text: link.url for link in launch_links(GITHUB, page)}
        assert set(launched) == ({"Binder", "Colab"} if page.startswith("notebooks/") else set())
        for link in launched.values():
            assert page.replace("/", "%2F") in link or f"_sources/{page}.ipynb" in link


def test_another_host_gives_the_repository_alone():
    url = "https://codeberg.org/someone/companion"
    assert [link.url for link in source_links(url, "book/report")] == [url]
    assert launch_links(url, "notebooks/table_3") == []


@pytest.mark.parametrize(("source", "home"), ADDRESSES)
def test_one_setting_gives_the_books_addresses(tmp_path, source, home):
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert repository(read_citation(ROOT)) == "", "then this test adds a second repository-code"
    setting = f'repository-code: "{source}"\n' if source else ""
    (tmp_path / "CITATION.cff").write_text(text + setting)
    citation = read_citation(tmp_path)
    assert (repository(citation), address(citation)) == (source, home)
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert not config["repository"]
    assert not config["launch_buttons"]


def test_a_citation_that_is_not_whole_is_named(tmp_path):
    for text in ("title: x\nversion: 1\n", "title: [", "- a"):
        (tmp_path / "CITATION.cff").write_text(text)
        with pytest.raises(CompanionError, match=r"CITATION\.cff is not 'title, version, authors"):
            read_citation(tmp_path)


def test_a_description_is_the_first_whole_sentences_without_a_formula():
    text = "Short.\n\nThis page shows what a small set can carry. It has :math:`k` points. More.\n"
    settings = {"doctitle_xform": False}
    doctree = publish_doctree(f"Title\n=====\n\n{text}", settings_overrides=settings)
    assert page_links.description(doctree) == "This page shows what a small set can carry."
    cut = page_links.cut("word " * 100)
    assert ("word " * 100).startswith(cut[:-1])
    assert cut.endswith("word\N{HORIZONTAL ELLIPSIS}")
    assert page_links.LONGEST - len("word ") <= len(cut) <= page_links.LONGEST


@pytest.mark.parametrize(("source", "home"), ADDRESSES)
def test_a_page_has_the_menus_of_its_links(source, home):
    settings = {"book_repository": source, "book_url": home}
    settings |= {"book_abstract": "About.", "html_title": "Book"}
    titles = {"notebooks/table_3": publish_doctree("Table 3")}
    app = SimpleNamespace(config=SimpleNamespace(**settings), env=SimpleNamespace(titles=titles))
    context = {"header_buttons": [{"label": "download-buttons"}]}
    page_links._complete(app, "notebooks/table_3", "page.html", context, publish_doctree(""))
    labels = [button["label"] for button in context["header_buttons"]]
    assert labels == (["launch-buttons", "source-buttons"] if source else []) + ["download-buttons"]
    assert '<meta name="description" content="About." />' in context["metatags"]


@pytest.mark.parametrize("home", ["", PAGES])
def test_a_social_card_has_only_addresses_that_are_known(home):
    told = page_links.tags('A "title"', "Book", "Text", home, "book/index")
    assert 'content="A &quot;title&quot;"' in told
    assert ("og:image" in told) == ("og:url" in told) == bool(home)
    assert (ROOT / "book" / page_links.CARD).is_file()


def test_the_social_card_is_drawn_by_its_code():
    with Image.open(ROOT / "book" / page_links.CARD) as kept:
        drawn = card.drawn(ROOT)
        assert drawn.size == kept.size == page_links.CARD_SIZE
        off = np.abs(np.asarray(drawn, int) - np.asarray(kept.convert("RGB"), int))
    assert off.mean() < 1  # letters may be set otherwise


# Files that describe the project


def test_what_is_made_from_the_citation_is_up_to_date():
    for name, content in metadata(ROOT).items():
        made = "make it again: python -m distill_lib.companion.site.metadata"
        assert json.loads((ROOT / name).read_text(encoding="utf-8")) == content, made


def test_versions_and_dates_agree():
    citation = read_citation(ROOT)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version, date = str(citation["version"]), str(citation["date-released"])
    assert version == project["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(\d[^]]*)\] - (\S+)$", changes, re.MULTILINE)[0] == (version, date)
    for content in metadata(ROOT).values():
        assert content["version"] == version
        assert date in (content.get("publication_date"), content.get("datePublished"))
    assert citation["license"] == project["license"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_asks_for_little_and_ends(path):
    flow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert flow["permissions"] == {"contents": "read"}
    assert flow["concurrency"]["group"]
    for job in flow["jobs"].values():
        assert job["timeout-minutes"] > 0
        steps = [step for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in steps)
        checkouts = [step for step in steps if "/checkout@" in step["uses"]]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)
        commands = " ".join(step.get("run", "") for step in job["steps"])
        assert "${{" not in commands, "text of others goes to a shell through the environment"
        if "write" in job.get("permissions", {}).values():
            assert not checkouts, "a job that may write does not run the project"


def test_the_workflows_use_one_version_of_an_action_and_every_python():
    texts = [path.read_text(encoding="utf-8") for path in WORKFLOWS]
    uses = {use for text in texts for use in re.findall(r"uses: (\S+)", text)}
    assert len(uses) == len({use.split("@")[0] for use in uses})
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    for job in ci["jobs"].values():
        assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_the_hooks_are_the_tools_of_the_lock():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert [repo["repo"] for repo in hooks] == ["local"]
    for hook in hooks[0]["hooks"]:
        tool = re.match(r"\.venv/bin/([\w-]+)", hook["entry"])[1]
        assert re.search(rf"^{tool}==", lock, re.MULTILINE), hook["id"]


def test_lint_checks_every_file_that_a_host_reads():
    lint = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nlint:")[1].split("\n\n")[0]
    for path in [*(ROOT / ".github").rglob("*.yml"), ROOT / "CITATION.cff"]:
        name = path.relative_to(ROOT).as_posix()
        assert name in lint or f"{Path(name).parent.as_posix()}/*.yml" in lint, name


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_what_a_document_names_is_there(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    linked = [link for link in LINK.findall(text) if "://" not in link]
    folders = r"distill_lib|tests|notebooks|book|\.github|\.binder"
    told = re.findall(rf"`((?:{folders})/?[\w/.]*|_toc\.yml)`", text)
    assert [path for path in linked + told if not (ROOT / path).exists()] == []


def test_binder_makes_the_environment_of_the_lock():
    script = ROOT / ".binder" / "postBuild"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True, timeout=60)
    python = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text())["dependencies"][0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert SpecifierSet(project["requires-python"]).contains(python.removeprefix("python="))
