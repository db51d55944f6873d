"""A stack and a browser for all tests of this folder."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, StorageState, sync_playwright

from tests.browser.signing_in import sign_in
from ticketing.stack.run import reset
from ticketing.stack.running import RunningStack, running_stack

# A browser is no Python package. CI installs Debian's.
_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[RunningStack]:
    """Start a stack after the browser: without one, all tests are skipped at once."""
    # A test kills the web server.
    with running_stack(tmp_path_factory.mktemp("stack"), restart=True) as running:
        yield running
    reset(running.folder)


@pytest.fixture(scope="session")
def signed_in(stack: RunningStack, browser: Browser) -> StorageState:
    """Return the cookies of the demo's owner, who signs in once for all tests of the admin."""
    with browser.new_context(base_url=stack.url, locale="pt-BR") as context:
        sign_in(context.new_page(), stack)
        return context.storage_state()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        # A run of CI without a browser must not look like one with all tests.
        stop = pytest.fail if "GITHUB_ACTIONS" in os.environ else pytest.skip
        stop("There is no Chromium on this machine. On Debian: apt-get install chromium")
    # Its event loop stays in this thread, where Django would refuse each query of later tests.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        # Root may not use Chromium's sandbox, and containers have a small /dev/shm.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()
