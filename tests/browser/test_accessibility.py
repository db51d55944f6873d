"""No page has a fault that axe finds by the rules of WCAG 2.2 AA."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from urllib.parse import urljoin, urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, StorageState

from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

# The first three are WCAG 2.2 AA. The last one has the landmarks that screen readers jump to.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What passed is left behind in the browser: it is long.
RUN_AXE = """async (rules) => {
  const found = await axe.run({ runOnly: rules, resultTypes: ["violations"] });
  return found.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
}"""
PUBLIC_PAGES = [
    "/docs",
    "/problems",
    "/problems/sold_out",
    "/mailbox",
    "/admin/login/",
    "/admin/password_reset/",
]
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)[0-9]+(?=/)")
# Swagger UI draws the API's document: a button beside a link in one row is its own design,
# and so are its headings and sections.
NOT_OURS = {"/docs": {"nested-interactive", "heading-order", "region"}}
# Pages that end the session, or that are not ours.
LEFT_OUT = re.compile(r"/admin/(logout|jsi18n|r/)|/history/$|/autocomplete/")
MOST_PAGES = 120
# Some of the pages that the walk must reach, so that it cannot pass with few.
NAMED_PAGES = {
    "/admin/",
    "/admin/dashboard/*/",
    "/admin/events/event/*/change/",
    "/admin/events/event/*/share_this/",
    "/admin/events/event/add/",
    "/admin/events/membership/",
    "/admin/orders/boxofficesale/event/*/",
    "/admin/orders/guestlist/event/*/",
    "/admin/orders/ledgerentry/report/",
    "/admin/orders/order/",
    "/admin/orders/order/*/change/",
    "/admin/orders/order/*/refund_this/",
    "/admin/personal-data/",
    "/admin/reports/export/add/",
    "/admin/security/",
    "/admin/ticketing/act/",
    "/admin/tickets/device/check-in/*/",
    "/admin/tickets/device/live/*/",
    "/admin/tickets/ticket/*/change/",
    "/admin/webhooks/webhookendpoint/",
}


def faults_on(page: Page, rules: Sequence[str] = RULES) -> list[str]:
    """Return a line for each rule of axe that the page breaks, with the first elements."""
    # The page's own policy would refuse the script that a test adds as an element.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    where = urlsplit(page.url).path
    return [
        f"{where}: {fault} ({len(elements)}): {' | '.join(each[:160] for each in elements[:3])}"
        for fault, elements in page.evaluate(RUN_AXE, list(rules))
        if fault not in NOT_OURS.get(where, set())
    ]


def links_of(page: Page) -> Iterator[str]:
    for link in page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)"):
        address = urlsplit(urljoin(page.url, link))
        if address.netloc == urlsplit(page.url).netloc and address.path.startswith("/admin/"):
            yield address.path


def all_faults(page: Page, start: str, most: int) -> tuple[list[str], set[str]]:
    """
    Visit each kind of page that links lead to, from `start`, but at most `most` pages.

    Return the faults and the kinds of pages visited, as paths with * instead of ids.
    """
    waiting, kinds, faults = deque([start]), {ID.sub("*", start)}, list[str]()
    visited = set[str]()
    while waiting and len(visited) < most:
        path = waiting.popleft()
        visited.add(ID.sub("*", path))
        response = page.goto(path)
        assert response is not None
        assert response.status < 500, path
        if not response.headers.get("content-type", "").startswith("text/html"):
            continue
        faults += faults_on(page)
        for link in links_of(page):
            kind = ID.sub("*", link)
            if kind not in kinds and not LEFT_OUT.search(link):
                kinds.add(kind)
                waiting.append(link)
    return faults, visited


# A wide screen shows the same pages with the menu beside them: some of them are enough.
@pytest.mark.parametrize(("width", "most"), [(390, MOST_PAGES), (1440, 5)])
def test_the_admin_has_no_fault_on_any_page(
    stack: RunningStack, browser: Browser, signed_in: StorageState, width: int, most: int
):
    context = browser.new_context(
        base_url=stack.url,
        locale="pt-BR",
        viewport={"width": width, "height": 900},
        storage_state=signed_in,
    )
    with context:
        page = context.new_page()

        faults, visited = all_faults(page, "/admin/", most)

        assert not faults, "\n".join(faults)
        assert len(visited) == most if most < MOST_PAGES else visited >= NAMED_PAGES
        assert len(visited) < MOST_PAGES, "Some pages were not visited."


@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_a_public_page_has_no_fault(stack: RunningStack, browser: Browser, path: str):
    with browser.new_context(base_url=stack.url, locale="pt-BR") as context:
        page = context.new_page()
        # Swagger UI draws its page after the page is loaded.
        response = page.goto(path, wait_until="networkidle")
        assert response is not None
        assert response.status == 200
        # Swagger UI makes this part itself, and late.
        page.get_by_role("main").wait_for()

        assert not (faults := faults_on(page)), "\n".join(faults)
