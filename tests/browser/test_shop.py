"""Buyers in a real browser: from the link of an event to its paid tickets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.shop import Shop
from tests.browser.test_accessibility import faults_on
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_MILLISECONDS = 60_000
_PHONE = {"width": 390, "height": 844}
_MOST_TABS = 60
expect.set_options(timeout=_MILLISECONDS)


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Shop:
    return Shop(stack)


@contextmanager
def visiting(
    stack: RunningStack, browser: Browser, *, language: str = "pt-BR", **options: Any
) -> Iterator[Page]:
    """Open a browser of its own, and fail if a page breaks its own policy or throws an error."""
    options = {"viewport": _PHONE} | options
    with browser.new_context(base_url=stack.url, locale=language, **options) as context:
        context.set_default_timeout(_MILLISECONDS)
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda said: problems.append(said.text) if "Content Security" in said.text else None,
        )
        yield page
        assert problems == []


def fill_in(
    page: Page, quantity: int = 1, kind: str = "Pista", email: str = "ana@example.com"
) -> None:
    page.get_by_label(kind, exact=True).fill(str(quantity))
    page.locator("[name=name]").fill("Ana Souza")
    page.locator("[name=email]").fill(email)
    page.locator("[name=email_again]").fill(email)


def reserve(
    page: Page, event: dict[str, Any], quantity: int = 1, email: str = "ana@example.com"
) -> None:
    page.goto(f"/e/{event['slug']}")
    fill_in(page, quantity, email=email)
    page.get_by_role("button", name=re.compile("^(Reservar|Reserve)$")).click()


def heading(page: Page, text: str) -> Locator:
    return page.get_by_role("heading", name=text, level=1)


def test_a_declined_card_is_explained_and_the_next_one_is_approved(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    with visiting(stack, browser) as page:
        page.goto("/")
        page.get_by_label("Evento, artista ou lugar").fill(event["name"])
        page.get_by_role("button", name="Pesquisar").click()
        page.get_by_role("link", name=event["name"]).click()
        fill_in(page)
        page.get_by_role("button", name="Mais um: Pista").click()
        expect(page.locator("[data-total]")).to_have_text("R$\u00a0160,00")
        page.get_by_role("button", name="Reservar", exact=True).click()
        expect(heading(page, "Pague seus ingressos")).to_be_visible()
        assert "token" not in page.url

        page.get_by_label("Recusado").check()
        page.get_by_role("button", name="com cartão de teste").click()
        expect(heading(page, "O pagamento não foi aprovado")).to_be_visible()
        page.get_by_role("button", name="Reservar os mesmos ingressos de novo").click()
        page.get_by_role("button", name="com cartão de teste").click()

        expect(heading(page, "Pago. Até lá!")).to_be_visible()
        expect(page.get_by_text("2 × Pista")).to_be_visible()
        expect(page.get_by_role("link", name="Ver meus ingressos")).to_be_visible()


def test_a_hold_ends_in_front_of_its_buyer_by_the_servers_clock(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    # The API does not set it.
    with psycopg.connect(str(stack.addresses["database_url"]), autocommit=True) as record:
        record.execute("UPDATE events_event SET hold_seconds = 12 WHERE id = %s", [event["id"]])
    with visiting(stack, browser, language="en") as page:
        # The clock of this device is a day late.
        page.add_init_script("const now = Date.now; Date.now = () => now() - 86400000")
        reserve(page, event)
        expect(page.locator("[data-clock]")).to_have_text(re.compile(r"^0:(0\d|1[012])$"))
        expect(page.locator("[data-announce]")).to_have_text("1 minute left.")
        page.reload()
        other = page.context.new_page()
        other.goto(page.url)
        expect(other.locator("[data-clock]")).to_be_visible()

        expect(heading(page, "The time to pay is over")).to_be_visible()
        expect(heading(other, "The time to pay is over")).to_be_visible()

        page.get_by_role("button", name="Reserve the same tickets again").click()
        expect(heading(page, "Pay for your tickets")).to_be_visible()


def test_all_of_it_works_without_javascript(stack: RunningStack, browser: Browser, shop: Shop):
    event = shop.publish_event()
    with visiting(stack, browser, language="en", java_script_enabled=False) as page:
        reserve(page, event, 0)
        expect(page.get_by_text("Choose at least one ticket.")).to_be_visible()
        fill_in(page, 3)
        page.get_by_role("button", name="Reserve", exact=True).click()
        expect(heading(page, "Pay for your tickets")).to_be_visible()
        expect(page.get_by_text("Your tickets are kept until")).to_be_visible()

        page.get_by_role("button", name="with a test card").click()

        # The page reloads by itself.
        expect(heading(page, "Paid. See you there!")).to_be_visible()
        expect(page.get_by_text("BRL 240.00").first).to_be_visible()


def tab_to(page: Page, wanted: Locator) -> None:
    for _ in range(_MOST_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"The keyboard does not reach {wanted}")


def test_a_keyboard_is_enough(stack: RunningStack, browser: Browser, shop: Shop):
    event = shop.publish_event()
    with visiting(stack, browser, viewport={"width": 1440, "height": 900}) as page:
        page.goto(f"/e/{event['slug']}")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Ir para o conteúdo")).to_be_focused()
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_role("button", name="Mais um: Pista"))
        page.keyboard.press("Space")
        for name, text in (
            ("name", "Ana Souza"),
            ("email", "ana@example.com"),
            ("email_again", "ana@example.com"),
        ):
            tab_to(page, page.locator(f"[name={name}]"))
            page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(heading(page, "Pague seus ingressos")).to_be_visible()
        tab_to(page, page.get_by_role("button", name="com cartão de teste"))
        page.keyboard.press("Enter")

        expect(heading(page, "Pago. Até lá!")).to_be_visible()


def test_a_reader_sees_tickets_go_and_a_lost_connection(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event(ticket_types=[{"name": "Pista", "price": "80.00", "capacity": 2}])
    with visiting(stack, browser, language="en") as page:
        page.goto(f"/e/{event['slug']}")
        left = page.locator("[data-left]")
        expect(left).to_have_text("2 left")
        shop.sell(event["slug"])
        expect(left).to_have_text("1 left")

        page.context.set_offline(True)
        expect(page.get_by_text("No connection.")).to_be_visible()
        page.context.set_offline(False)
        expect(page.get_by_text("No connection.")).to_be_hidden()
        shop.sell(event["slug"])

        expect(left).to_contain_text("Sold out")
        expect(page.locator("[data-announce]")).to_contain_text("Pista: Sold out")


def test_a_browser_proves_its_work_where_the_event_asks_for_it(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event(requires_proof_of_work=True)
    with visiting(stack, browser, language="en") as page:
        reserve(page, event)

        expect(heading(page, "Pay for your tickets")).to_be_visible()


def stop_at_each_page(page: Page, event: dict[str, Any]) -> Iterator[str]:
    """Yield at each page of a purchase, with the state of the page."""
    page.goto("/")
    yield "catalogue"
    page.goto("/?q=nichts")
    yield "nothing found"
    reserve(page, event, 0)
    yield "mistake"
    page.goto(f"/e/{event['slug']}?code=NONE")
    yield "event"
    reserve(page, event)
    expect(page.locator("[data-clock]")).to_be_visible()
    yield "payment"
    page.locator("[value=tok_declined]").check()
    page.locator("button[value=card]").click()
    expect(page.locator("[data-state=payment_failed]")).to_be_visible()
    yield "declined"
    page.goto("/o/01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e/")
    yield "no access"


@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("pt-BR", 390, "light"), ("en", 1440, "dark")]
)
def test_no_page_of_the_shop_has_a_fault_or_is_too_wide(  # noqa: PLR0913, PLR0917
    stack: RunningStack, browser: Browser, shop: Shop, language: str, width: int, scheme: str
):
    event = shop.publish_event()
    with visiting(
        stack,
        browser,
        language=language,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    ) as page:
        faults = [fault for _ in stop_at_each_page(page, event) for fault in look_for_faults(page)]

        assert faults == []


def look_for_faults(page: Page) -> list[str]:
    too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*faults_on(page), *([f"{page.url} is too wide"] if too_wide else [])]
