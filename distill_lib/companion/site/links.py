"""Where a page leads: its source, a change to it, a report about it, and machines that run it."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from distill_lib.companion.site.citation import GITHUB

BRANCH = "main"
SITE_BRANCH = "gh-pages"  # holds the built site, and with it every notebook that can be downloaded


@dataclass(frozen=True)
class Link:
    """One entry of a page's menus; `icon` is one that the theme ships."""

    text: str
    tooltip: str
    icon: str
    url: str


def source_links(repository: str, page: str) -> list[Link]:
    """The repository and, on GitHub, a page's source, an edit of it and a new issue.

    Args:
        repository: the address of the repository; empty gives no links.
        page: a page's path without its ending, or empty for one that has no source.
    """
    if not repository:
        return []
    links = [Link("Repository", "Source repository", "fas fa-code-branch", repository)]
    if not GITHUB.fullmatch(repository):
        return links
    if page:
        path = quote(f"{BRANCH}/{page}.md")
        source, edit = f"{repository}/blob/{path}", f"{repository}/edit/{path}"
        links += [
            Link("Show source", "Source of this page", "fas fa-code", source),
            Link("Suggest edit", "Edit this page", "fas fa-pencil-alt", edit),
        ]
    about = urlencode({"title": f"On the page {page}: " if page else ""})
    url = f"{repository}/issues/new/choose?{about}"
    return [*links, Link("Open issue", "A number or a proof", "fas fa-lightbulb", url)]


def launch_links(repository: str, page: str) -> list[Link]:
    """Binder and Colab for a notebook's page; none without a repository on GitHub.

    Binder makes the locked environment (`.binder/`) and opens the notebook that it wrote beside the
    text; Colab opens the one that the site offers.
    """
    found = GITHUB.fullmatch(repository)
    if found is None or not page.startswith("notebooks/"):
        return []
    name = quote(page)
    opened = quote(f"lab/tree/{page}.ipynb", safe="")
    binder = f"https://mybinder.org/v2/gh/{found[1]}/{found[2]}/{BRANCH}?urlpath={opened}"
    colab = (
        f"https://colab.research.google.com/github/{found[1]}/{found[2]}"
        f"/blob/{SITE_BRANCH}/_sources/{name}.ipynb"
    )
    return [
        Link("Binder", "Launch on Binder", "_static/images/logo_binder.svg", binder),
        Link("Colab", "Launch on Colab", "_static/images/logo_colab.png", colab),
    ]
