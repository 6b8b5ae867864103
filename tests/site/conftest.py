"""The site under test: what `make book` built for $DISTILL_PROFILE (default: digits)."""

import os

import pytest

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.root import build_folder, project_root
from distill_lib.companion.site.book import book_is_current
from distill_lib.companion.site.stage import toc_pages

ROOT = project_root()
PROFILE = os.environ.get("DISTILL_PROFILE", "digits")


def pytest_generate_tests(metafunc):
    """`page`: every page of `_toc.yml`; `notebook`: those that are notebooks."""
    pages = toc_pages(ROOT)
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages)
    if "notebook" in metafunc.fixturenames:
        metafunc.parametrize("notebook", [page for page in pages if page.startswith("notebooks/")])


@pytest.fixture(scope="session")
def profile():
    return PROFILE


@pytest.fixture(scope="session")
def built():
    """The folder of the built site, and why it cannot be tested (None if it can): it shows the
    sources as they are.
    """
    folder = build_folder(ROOT, PROFILE) / "html"
    try:
        if book_is_current(ROOT, PROFILE):
            return folder, None
        return (
            folder,
            f"the site of profile {PROFILE} is missing or older than its sources: run make book "
            "first",
        )
    except CompanionError as error:
        return folder, f"{error}; then run make book"


@pytest.fixture(scope="session")
def site(built):
    """The folder of the built site; tests are skipped without one."""
    folder, reason = built
    if reason:
        pytest.skip(reason)
    return folder
