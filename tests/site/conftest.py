"""The site under test: what `make book` built for $DISTILL_PROFILE (default: digits)."""

import os
import re
import shutil

import pytest

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.root import build_folder, project_root
from distill_lib.companion.site.book import book_is_current
from distill_lib.companion.site.toc import toc_pages

ROOT = project_root()
PROFILE = os.environ.get("DISTILL_PROFILE", "digits")
WINDOW = {"width": 1280, "height": 900}
ELSEWHERE = re.compile(r"^(https?|wss?|ftp):")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


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


@pytest.fixture(scope="session")
def browser(site):
    found = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        pytest.skip("no browser: install Chromium or name one in $CHROMIUM")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: install the extra 'test'"
    )
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=FLAGS.split())
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser):
    """A page that blocks other hosts; `tab.complaints` gathers whatever goes wrong in it."""
    context = browser.new_context(viewport=WINDOW)
    complaints: list[str] = []

    def refuse(route):
        complaints.append(f"request to another host: {route.request.url}")
        route.abort()

    context.route(ELSEWHERE, refuse)
    tab = context.new_page()
    tab.on(
        "console",
        lambda said: (
            said.type in ("error", "warning") and complaints.append(f"console: {said.text}")
        ),
    )
    tab.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
    tab.on("requestfailed", lambda request: complaints.append(f"not loaded: {request.url}"))
    tab.complaints = complaints
    yield tab
    context.close()
