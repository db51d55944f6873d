"""The shop in a browser that runs no JavaScript: each way to a ticket, and what comes after it."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.shop import Shop
from tests.browser.test_shop import fill_in, heading, reserve, tell_everything, visiting
from tests.browser.test_ways import new_address, open_link
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_OFF: dict[str, Any] = {"java_script_enabled": False}


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Shop:
    return Shop(stack)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_mistake_is_corrected_and_a_card_pays(stack: RunningStack, browser: Browser, shop: Shop):
    event = shop.publish_event()
    with visiting(stack, browser, language="en", **_OFF) as page:
        reserve(page, event, 0)
        expect(page.get_by_role("alert")).to_be_focused()
        expect(page.get_by_text("Choose at least one ticket.")).to_be_visible()
        fill_in(page, 3)
        press(page, "Reserve")
        expect(heading(page, "Pay for your tickets")).to_be_visible()
        expect(page.get_by_text("Your tickets are kept until")).to_be_visible()
        # A buyer who has closed the tab comes back by the link of the event.
        page.goto(f"/e/{event['slug']}")
        expect(page.get_by_text("You have 3 tickets on hold until")).to_be_visible()
        page.get_by_role("link", name="Continue to payment").click()
        expect(heading(page, "Pay for your tickets")).to_be_visible()

        page.get_by_role("link", name="Wrong address? Change it").click()
        page.get_by_label("Your email", exact=True).fill("ana@example.org")
        page.get_by_label("Your email once more").fill("ana@example.org")
        press(page, "Save and go on")
        expect(page.get_by_text("The tickets go to ana@example.org.")).to_be_visible()
        page.get_by_label("Card").check()
        page.get_by_role("button", name="with a test card").click()

        # The page reloads by itself.
        expect(heading(page, "Paid. See you there!")).to_be_visible()
        expect(page.get_by_text("BRL 240.00").first).to_be_visible()


def test_a_pix_pays_after_the_questions_and_its_tickets_are_handed_on_given_back_and_found(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event, email = shop.publish_event(), new_address()
    shop.ask_everything(event["id"])
    with visiting(stack, browser, **_OFF) as page:
        reserve(page, event, 2, email=email)
        for _ in tell_everything(page, "Pista, ingresso 1", "Pista, ingresso 2"):
            pass
        page.get_by_role("button", name="com Pix").click()
        assert page.get_by_label("Pix copia e cola").input_value().startswith("000201")
        # Only a script can copy it.
        expect(page.get_by_role("button", name="Copiar o código")).to_be_hidden()
        press(page, "Já paguei: verificar agora")
        expect(page.get_by_text("o pagamento ainda não tinha chegado")).to_be_visible()
        press(page, "Simular pagamento")
        # The page reloads by itself.
        expect(heading(page, "Pago. Até lá!")).to_be_visible()
        order = page.url

        hand_on(page, shop)

        page.goto(f"{order}refund")
        press(page, "Ver quanto recebo de volta")
        press(page, "Pedir o reembolso")
        expect(page.get_by_text("O seu pedido está com")).to_be_visible()

        find_again(page, shop, email)
        expect(page.get_by_text("Transferido: agora este ingresso é de Bia Lima.")).to_be_visible()
        expect(page.locator(".qr svg")).to_have_count(1)


def hand_on(page: Page, shop: Shop) -> None:
    """Send the first ticket of a paid order to a friend, who accepts it."""
    email = new_address()
    page.get_by_role("link", name="Ver meus ingressos").click()
    page.get_by_role("link", name="Transferir para outra pessoa").first.click()
    page.get_by_label("Nome").fill("Bia Lima")
    page.get_by_label("E-mail").fill("bia@")
    press(page, "Enviar a oferta")
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.get_by_label("E-mail").fill(email)
    press(page, "Enviar a oferta")
    expect(page.get_by_role("heading", name="Aguardando o novo titular")).to_be_visible()
    friend = page.context.new_page()
    open_link(friend, shop.wait_for_mail(email, "enviou um ingresso"), "/transfer/")
    press(friend, "Aceitar o ingresso")
    expect(friend.locator(".qr svg")).to_be_visible()
    friend.close()


def find_again(page: Page, shop: Shop, email: str) -> None:
    """Forget the order's link, and come to its tickets by the address alone."""
    page.context.clear_cookies()
    page.goto("/find")
    page.get_by_label("E-mail do pedido").fill(email)
    press(page, "Enviar o link para mim")
    expect(heading(page, "Olhe o seu e-mail")).to_be_visible()
    open_link(page, shop.wait_for_mail(email, "o link para todos"), "/find/")
    page.get_by_role("link", name="Abrir o pedido").click()
    page.get_by_role("link", name="Ver meus ingressos").click()


def test_a_frame_leads_to_the_shop_where_a_free_ticket_is_confirmed(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event(ticket_types=[{"name": "Pista", "price": "0.00", "capacity": 5}])
    shop.change_record(
        "UPDATE events_organizer SET embedding_origins = %(origins)s", origins=[stack.url]
    )
    email = new_address()
    with visiting(stack, browser, language="en", **_OFF) as page:
        page.goto(f"/e/{event['slug']}/embedded")
        page.get_by_label("Pista", exact=True).fill("2")
        press(page, "Continue")
        expect(page).to_have_url(re.compile(rf"/e/{event['slug']}\?.*#tickets$"))
        expect(page.get_by_label("Pista", exact=True)).to_have_value("2")
        fill_in(page, 2, email=email)
        press(page, "Reserve")
        press(page, "Send me the link")
        expect(heading(page, "Confirm your email address")).to_be_visible()

        open_link(page, shop.wait_for_mail(email, "Confirm"), "/orders/")
        press(page, "Yes, confirm my address")

        expect(heading(page, "Your tickets are ready for you")).to_be_visible()
