"""The shop by the keys alone: whatever a pointer does, with a focus that everybody sees."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.keyboard import Keyboard
from tests.browser.shop import Shop
from tests.browser.test_shop import heading, visiting
from tests.browser.test_ways import new_address, open_link
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

# The link that skips the header moves into sight, unless the reader wants no motion.
_LAPTOP: dict[str, Any] = {
    "viewport": {"width": 1280, "height": 720},
    "reduced_motion": "reduce",
}


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Shop:
    return Shop(stack)


def test_tickets_are_chosen_described_and_paid_by_card_instead_of_pix(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    shop.ask_everything(event["id"])
    with visiting(stack, browser, **_LAPTOP) as page:
        keys = Keyboard(page)
        field = page.get_by_label
        page.goto(f"/e/{event['slug']}")
        keys.press(page.get_by_role("link", name="Ir para o conteúdo"))
        keys.press(page.get_by_role("button", name="Mais um: Pista"), "Space")
        keys.type(field("Meia-entrada", exact=True), "1")
        keys.type(page.locator("[name=name]"), "Ana Souza")
        keys.type(page.locator("[name=email]"), "ana@example.com")
        keys.type(page.locator("[name=email_again]"), "ana@example.org")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_focused()
        keys.type(page.locator("[name=email_again]"), "ana@example.com")
        page.keyboard.press("Enter")

        expect(heading(page, "Perguntas do organizador")).to_be_visible()
        keys.type(field("Alguma alergia?"), "Nozes")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_focused()
        keys.press(page.get_by_label("Sim"), "ArrowDown")
        expect(page.get_by_label("Não")).to_be_checked()
        for size in page.get_by_label("Tamanho da camiseta").all():
            keys.press(size, "M")
        keys.press(page.get_by_role("button", name="Salvar e continuar"))
        expect(heading(page, "Nomes nos ingressos")).to_be_visible()
        keys.type(field("Pista, ingresso 1"), "Bia Lima")
        keys.type(field("Meia-entrada, ingresso 1"), "Caio Reis")
        page.keyboard.press("Enter")

        keys.press(page.get_by_role("button", name="com Pix"))
        expect(heading(page, "Pagar com Pix")).to_be_visible()
        keys.press(page.get_by_role("button", name="Copiar o código"))
        copied = page.get_by_role("button", name="Copiado")
        expect(copied).to_be_focused()
        keys.press(page.get_by_role("link", name="Pagar de outra forma"))
        card, pix = page.get_by_role("radio", name="Cartão"), page.get_by_role("radio", name="Pix")
        keys.press(card, "ArrowUp")
        expect(pix).to_be_checked()
        expect(page.get_by_role("button", name="com cartão de teste")).to_be_hidden()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("button", name="com Pix")).to_be_hidden()
        # By Enter the browser itself would press the first button, which is that of the Pix.
        keys.press(page.get_by_label("Aprovado", exact=True))
        expect(heading(page, "Pago. Até lá!")).to_be_visible()


def test_a_ticket_is_found_handed_on_and_given_back(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    sale = shop.sell(event["id"], quantity=2)
    shop.ask_everything(event["id"])
    email = new_address()
    with visiting(stack, browser, **_LAPTOP) as page:
        keys = Keyboard(page)
        page.goto("/find")
        address = page.get_by_label("E-mail do pedido")
        keys.type(address, "ana@")
        page.keyboard.press("Enter")
        expect(address).to_be_focused()
        expect(address).to_have_accessible_description(re.compile("informe um domínio"))
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(sale.email)
        page.keyboard.press("Enter")
        expect(heading(page, "Olhe o seu e-mail")).to_be_visible()
        open_link(page, shop.wait_for_mail(sale.email, "o link para todos"), "/find/")
        keys.press(page.get_by_role("link", name=f"Abrir o pedido {sale.code}"))
        expect(heading(page, "Pago. Até lá!")).to_be_visible()
        order = page.url

        keys.press(page.get_by_role("link", name="Ver meus ingressos"))
        keys.press(page.get_by_role("link", name="Transferir para outra pessoa").first)
        keys.type(page.get_by_label("Nome"), "Bia Lima")
        page.keyboard.press("Enter")
        expect(page.get_by_label("E-mail")).to_be_focused()
        page.keyboard.type(email)
        page.keyboard.press("Enter")
        waiting = page.get_by_role("heading", name="Aguardando o novo titular")
        expect(waiting).to_be_visible()
        open_link(page, shop.wait_for_mail(email, "enviou um ingresso"), "/transfer/")
        keys.press(page.get_by_role("button", name="Aceitar o ingresso"))
        expect(page.locator(".qr svg")).to_be_visible()

        page.goto(order)
        keys.press(page.get_by_role("link", name="Devolver ingressos"))
        keys.press(page.get_by_role("checkbox"), "Space")
        keys.press(page.get_by_role("button", name="Ver quanto recebo de volta"))
        expect(page.get_by_role("alert")).to_be_focused()
        keys.press(page.get_by_role("checkbox"), "Space")
        keys.press(page.get_by_role("button", name="Ver quanto recebo de volta"))
        keys.press(page.get_by_role("button", name="Pedir o reembolso"))
        expect(page.get_by_text("O seu pedido está com")).to_be_visible()
