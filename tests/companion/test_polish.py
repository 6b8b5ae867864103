"""The pages after Sphinx: sizes, names, icons, what the search shows, and how a page ends."""

from types import SimpleNamespace

import pytest
from docutils.core import publish_doctree
from PIL import Image

from distill_lib.companion.site import page_ends, places, polish

ICONS = 'x={"first":[1,1,[],"f0","M"],"sun":[1,1,[],"f1","M1"],moon:[1,1,["night"],"f2",["M2","M3"]],"bars":[1,1,["menu","9776"],"f3","M4"]};done()'


def test_pictures_get_the_size_that_they_have(tmp_path):
    Image.new("L", (30, 20)).save(tmp_path / "a.png")
    (tmp_path / "b.svg").write_text('<svg viewBox="0 0 64 32"></svg>')
    page = '<img alt="a" src="a.png"><img src="b.svg?v=1"/><img width="5" src="a.png"><img src="absent.png">'
    found = polish.sized(page, tmp_path)
    assert '<img width="30" height="20" alt="a" src="a.png">' in found
    assert found.endswith('<img width="5" src="a.png"><img src="absent.png">')
    assert '<img width="64" height="32" src="b.svg"/>' in polish.sized(
        '<img src="b.svg"/>', tmp_path
    )


def test_only_icons_that_are_named_stay_by_any_name():
    slim = polish.slim(ICONS, {"night", "9776"})
    assert "M2" in slim
    assert "M4" in slim
    assert "M1" not in slim
    assert slim.startswith('x={"first"')
    assert slim.endswith("};done()")


def test_a_table_of_verdicts_is_marked_and_no_other():
    table = '<table class="table">\n<thead><tr><th class="head"><p>{}</p></th></tr></thead></table>'
    assert 'class="table verdicts"' in polish.named(table.format("verdict"))
    assert 'class="table"' in polish.named(table.format("ours") + "<p>verdict</p></th>")


def test_a_site_is_finished_in_place(tmp_path):
    script = tmp_path / polish.ICONS
    script.parent.mkdir(parents=True)
    script.write_text(ICONS)
    (script.parent / "theme.js").write_text('"fa-moon"')
    page = tmp_path / "page.html"
    page.write_text('<i class="fa-solid fa-sun"></i><summary aria-label="Toggle hidden content">')
    polish.polish(tmp_path)
    assert page.read_text().endswith("<summary>")
    kept = script.read_text()
    assert ("M1" in kept, "M2" in kept, "M4" in kept) == (True, True, False)


def test_a_place_has_its_words_and_not_those_of_the_sections_in_it():
    html = (
        '<article><section id="a"><h1>A<a class="headerlink">#</a></h1><p>One \\(x\\) two .</p><pre>code</pre>'
        '<section id="b"><h2>B</h2><p>Three.</p></section><div class="page-end">cite</div></section></article>'
    )
    assert places.places(html) == [["a", "A", "One x two."], ["b", "B", "Three."]]
    assert places.places("<p>no article</p>") == []


RUN = {"profile": "digits", "notebook": "a", "provenance": {"date": "2026-02-03T04:05:06+00:00"}}


def verdict(date, python, **changed):
    return {
        "profile": "digits",
        "costs": {"a": {}},
        "date": date,
        "versions": {"python": python},
    } | changed


@pytest.mark.parametrize(
    ("runs", "verdicts", "told"),
    [
        ([RUN], [], "Numbers of the profile digits, computed on 2026-02-03."),
        (
            [RUN],
            [verdict("2026-02-05T", "3.12.1"), verdict("2026-02-04T", "3.11.9")],
            "Last verified on 2026-02-05, with Python 3.11 and 3.12.",
        ),
        ([RUN], [verdict("2026-02-05T", "3.12.1", costs={"b": {}})], "computed on 2026-02-03."),
        ([RUN], [verdict("2026-02-05T", "3.12.1", profile="paper")], "computed on 2026-02-03."),
        (
            [RUN, RUN | {"notebook": "b", "provenance": {"date": "2026-03-01T"}}],
            [verdict("2026-02-05T", "3.12.1")],
            "computed on 2026-02-03 to 2026-03-01.",
        ),
    ],
)
def test_a_page_is_verified_only_where_all_its_runs_were(runs, verdicts, told):
    assert page_ends._sentence(runs, verdicts).endswith(told)


def test_a_page_ends_with_its_origin_and_its_citation():
    entry = page_ends.entry(
        {"title": "T", "authors": [{"name": "A"}], "type": "software", "version": "1"}
    )
    settings = {
        "book_entry": entry,
        "book_url": "https://b.org",
        "book_origins": {"book/p": "Once <1>."},
    }
    scripts = []
    app = SimpleNamespace(
        config=SimpleNamespace(**settings),
        env=SimpleNamespace(titles={"book/p": publish_doctree("A page")}),
        add_js_file=lambda name, loading_method: scripts.append(name),
    )
    context = {"body": '<figure class="sketch live">'}
    page_ends._complete(app, "book/p", "", context, publish_doctree(""))
    assert "Once &lt;1&gt;." in context["body"]
    assert "note = {Page: A page, https://b.org/book/p.html}" in context["body"]
    assert scripts == ["live_data.js", "live.js"]
    page_ends._complete(app, "search", "", {"body": ""}, None)
    assert scripts[2:] == ["places.js", "search_places.js"]
