"""Buyers in a real browser: from the link of an event to its paid tickets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.shop import Shop
from ticketing import clock
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_MILLISECONDS = 60_000
_PHONE = {"width": 390, "height": 844}
expect.set_options(timeout=_MILLISECONDS)


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Shop:
    return Shop(stack)


@contextmanager
def visiting(
    stack: RunningStack, browser: Browser, *, language: str = "pt-BR", **options: Any
) -> Iterator[Page]:
    """
    Open a browser of its own.

    Fail if a page breaks its own policy or throws an error, or if a link's token is passed on.
    """
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
        context.on(
            "request",
            lambda sent: (
                problems.append(sent.url) if "token=" in sent.headers.get("referer", "") else None
            ),
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


def tell_everything(page: Page, *tickets: str) -> Iterator[str]:
    """Answer the organizer's questions and name the holders of the tickets, after mistakes."""
    missing = re.compile("Este campo é obrigatório")
    page.get_by_label("Alguma alergia?").fill("Nozes")
    page.get_by_role("button", name="Salvar e continuar").click()
    ride = page.get_by_role("group", name="Vem de ônibus?")
    expect(ride).to_have_accessible_description(missing)
    yield "answers are missing"
    ride.get_by_label("Não").check()
    for ticket in tickets:
        size = page.get_by_role("region", name=ticket).get_by_label("Tamanho da camiseta")
        expect(size).to_have_accessible_description(missing)
        size.select_option("M")
    expect(page.get_by_label("Alguma alergia?")).to_have_value("Nozes")
    page.get_by_role("button", name="Salvar e continuar").click()

    expect(heading(page, "Nomes nos ingressos")).to_be_visible()
    page.get_by_label(tickets[0]).fill("Bia Lima")
    page.get_by_role("button", name="Salvar e continuar").click()
    expect(page.get_by_label(tickets[1])).to_have_accessible_description(missing)
    yield "names are missing"
    page.get_by_label(tickets[1]).fill("Caio Reis")
    page.get_by_role("button", name="Salvar e continuar").click()


def test_a_declined_card_is_explained_and_the_next_one_is_approved(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    shop.ask_everything(event["id"])
    with visiting(stack, browser) as page:
        page.goto("/")
        page.get_by_label("Evento, artista ou lugar").fill(event["name"])
        page.get_by_role("button", name="Pesquisar").click()
        page.get_by_role("link", name=event["name"]).click()
        fill_in(page)
        page.get_by_role("button", name="Mais um: Meia-entrada").click()
        expect(page.locator("[data-total]")).to_have_text("R$\u00a0120,00")
        page.get_by_role("button", name="Reservar", exact=True).click()
        # What must be told before the payment is asked at once.
        expect(heading(page, "Perguntas do organizador")).to_be_visible()
        assert "token" not in page.url
        for _ in tell_everything(page, "Pista, ingresso 1", "Meia-entrada, ingresso 1"):
            pass

        expect(page.get_by_role("button", name="com cartão de teste")).to_be_hidden()
        page.get_by_label("Cartão").check()
        page.get_by_label("Recusado").check()
        page.get_by_role("button", name="com cartão de teste").click()
        expect(heading(page, "O pagamento não foi aprovado")).to_be_visible()
        page.get_by_role("button", name="Reservar os mesmos ingressos de novo").click()
        # Nothing is asked twice, and what was declined is not chosen again.
        expect(page.get_by_role("group", name="Como você quer pagar?")).to_be_focused()
        page.get_by_label("Cartão").check()
        expect(page.get_by_label("Aprovado", exact=True)).to_be_checked()
        page.get_by_role("button", name="com cartão de teste").click()

        expect(heading(page, "Pago. Até lá!")).to_be_visible()
        expect(page.get_by_text("1 × Meia-entrada")).to_be_visible()
        page.get_by_role("link", name="Ver meus ingressos").click()
        expect(page.get_by_text("Caio Reis")).to_be_visible()


def test_a_hold_ends_in_front_of_its_buyer_by_the_servers_clock(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    change = "UPDATE events_event SET hold_seconds = 12 WHERE id = %(event)s"
    shop.change_record(change, event=event["id"])
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


def test_a_lost_connection_costs_neither_time_nor_money(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    with visiting(stack, browser, language="en") as page:
        page.clock.install()
        page.goto(f"/e/{event['slug']}")
        fill_in(page)
        stays_offline(page, re.compile("^Reserve$"), "nothing was reserved")
        expect(page.locator("[name=name]")).to_have_value("Ana Souza")
        send_twice(page, re.compile("^Reserve$"), f"/e/{event['slug']}")
        expect(heading(page, "Pay for your tickets")).to_be_visible()

        # The page counts on by itself, and says so to those who hear it.
        page.context.set_offline(True)
        said = page.locator("[data-announce]")
        expect(said).to_be_attached()
        expect(said).to_have_text("")
        page.clock.fast_forward("10:05")
        expect(said).to_have_text("5 minutes left.")
        page.clock.fast_forward("04:00")
        expect(said).to_have_text("1 minute left.")
        expect(said).to_have_role("status")
        expect(page.get_by_text("No connection. Until then your tickets stay kept")).to_be_visible()
        page.context.set_offline(False)
        page.clock.fast_forward("00:40")
        expect(page.locator("[data-clock]")).to_have_text(re.compile("^14:"))

        page.get_by_label("Card").check()
        stays_offline(page, re.compile("with a test card"), "nothing was charged")
        expect(page.get_by_label("Card")).to_be_checked()
        send_twice(page, re.compile("with a test card"), "/pay")

        expect(heading(page, "Paid. See you there!")).to_be_visible()
        assert shop.count_orders(event["id"]) == (1, 1)


def stays_offline(page: Page, button: re.Pattern[str], consequence: str) -> None:
    """Press a button without a network. The page stays, and says so until the network is back."""
    address, said = page.url, page.get_by_role("alert").filter(has_text=consequence)
    page.context.set_offline(True)
    page.get_by_role("button", name=button).click()
    expect(said).to_be_visible()
    assert page.url == address
    page.context.set_offline(False)
    expect(said).to_be_hidden()


def send_twice(page: Page, button: re.Pattern[str], path: str) -> None:
    """Press a button, lose the response of its form in a tunnel, and press it again."""
    lost: list[int] = []

    def lose(route: Route) -> None:
        lost.append(route.fetch(max_redirects=0).status)
        route.abort("aborted")

    page.route(re.compile(rf"{re.escape(path)}$"), lose, times=1)
    pressed = page.get_by_role("button", name=button)
    with page.expect_event("requestfailed"):
        pressed.click()
    assert lost == [303]
    # Until then the second click of a double click is dropped.
    page.clock.fast_forward("00:06")
    pressed.click()


def test_a_reader_sees_tickets_go_and_a_lost_connection(
    stack: RunningStack, browser: Browser, shop: Shop
):
    later = (clock.now() + timedelta(days=1)).isoformat()
    event = shop.publish_event(
        ticket_types=[
            {"name": "Pista", "price": "80.00", "capacity": 2},
            {"name": "Camarote", "price": "250.00", "capacity": 20, "sales_start_at": later},
        ]
    )
    with visiting(stack, browser) as page:
        # The page asks every few seconds, and less often while there is no connection.
        page.clock.install()
        page.goto(f"/e/{event['slug']}")
        left = page.locator("[data-left]").first
        expect(left).to_have_text("restam 2")
        shop.sell(event["slug"])
        page.clock.fast_forward("00:05")
        expect(left).to_have_text("resta 1")
        # What is not on sale yet has not come back.
        expect(page.locator("[data-back]")).to_be_hidden()

        page.context.set_offline(True)
        page.clock.fast_forward("00:05")
        expect(page.get_by_text("Sem conexão.")).to_be_visible()
        page.context.set_offline(False)
        page.clock.fast_forward("00:10")
        expect(page.get_by_text("Sem conexão.")).to_be_hidden()
        shop.hold(event["slug"])
        page.clock.fast_forward("00:05")

        expect(left).to_have_text(
            re.compile(r"^Esgotado\. .* podem voltar, no mais tardar às \d{1,2}h\d\d\.$")
        )
        expect(page.locator("[data-announce]")).to_contain_text("Pista: Esgotado")


def test_a_browser_proves_its_work_where_the_event_asks_for_it(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event(requires_proof_of_work=True)
    with visiting(stack, browser, language="en") as page:
        reserve(page, event)

        expect(heading(page, "Pay for your tickets")).to_be_visible()
