"""An organizer runs events in the back office, in Portuguese, from draft to cancellation."""

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import openpyxl
import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    StorageState,
    ViewportSize,
    expect,
)

from tests.browser.shop import Shop
from tests.browser.signing_in import sign_in
from ticketing import clock
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_MILLISECONDS = 60_000
_WIDE: ViewportSize = {"width": 1440, "height": 900}
_PHONE: ViewportSize = {"width": 390, "height": 844}
expect.set_options(timeout=_MILLISECONDS)


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Shop:
    return Shop(stack)


@pytest.fixture(scope="module")
def office(
    stack: RunningStack, browser: Browser, signed_in: StorageState
) -> Iterator[BrowserContext]:
    with browser.new_context(
        base_url=stack.url, locale="pt-BR", viewport=_WIDE, storage_state=signed_in
    ) as context:
        context.set_default_timeout(_MILLISECONDS)
        yield context


@pytest.fixture
def page(office: BrowserContext) -> Iterator[Page]:
    page = office.new_page()
    yield page
    page.close()


def check_on_a_phone(page: Page) -> None:
    """Fail if the page must be scrolled sideways on a phone."""
    page.set_viewport_size(_PHONE)
    expect(page.locator("html")).to_have_js_property("scrollWidth", _PHONE["width"])
    page.set_viewport_size(_WIDE)


def press(page: Page, name: str) -> None:
    """Press a button or follow a link by its name, on a page that also fits a phone."""
    named = re.compile(rf"^{re.escape(name)}$")
    found = page.get_by_role("button", name=named).or_(page.get_by_role("link", name=named))
    # The menu beside the page has links of the same names.
    found = found.and_(page.locator(":not(#nav-sidebar *)"))
    expect(found.first).to_be_visible()
    check_on_a_phone(page)
    found.first.click()


def find(page: Page, words: str) -> None:
    """Type into the search box of the home page."""
    page.goto("/admin/")
    check_on_a_phone(page)
    box = page.get_by_role("main").get_by_role("searchbox", name="Buscar um pedido ou ingresso")
    box.fill(words)
    box.press("Enter")
    expect(page).to_have_url(re.compile(r"/find/\?q="))
    check_on_a_phone(page)


def rows_of(page: Page, table: str) -> Locator:
    return page.get_by_role("table", name=table).locator("tbody tr")


def open_order(page: Page, email: str) -> None:
    find(page, email)
    rows_of(page, "Pedidos").get_by_role("link").click()
    expect(page.get_by_text("Linha do tempo")).to_be_visible()
    check_on_a_phone(page)


def open_dashboard(page: Page, event_id: str) -> None:
    page.goto(f"/admin/dashboard/{event_id}/")
    check_on_a_phone(page)


def figure(page: Page, name: str) -> Locator:
    """Return the figure with this name at the top of a dashboard."""
    return page.locator("dl").first.locator("div").filter(has_text=name).locator("dd")


def write_moment(page: Page, field: str, day: str, hour: str) -> None:
    page.locator(f"#id_{field}_0").fill(day)
    page.locator(f"#id_{field}_1").fill(hour)


def add_ticket_type(page: Page, place: int, name: str, price: str, capacity: str) -> None:
    page.get_by_role("link", name="Tipo de ingresso").click()
    for field, value in [("name", name), ("price", price), ("capacity", capacity)]:
        page.locator(f"#id_ticket_types-{place}-{field}").fill(value)


def picture() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (1600, 900), "#c2412d").save(data, "JPEG")
    return data.getvalue()


def test_an_invited_manager_joins_the_team_and_signs_in(
    page: Page, shop: Shop, stack: RunningStack, browser: Browser
):
    address, password = f"bia-{uuid4().hex[:12]}@example.com", "pandeiro e cavaquinho"
    page.goto("/admin/")
    page.locator("#nav-sidebar").get_by_role("link", name="Convites").click()
    press(page, "Adicionar convite")
    page.get_by_role("textbox", name="E-mail").fill(address)
    page.get_by_label("Função").select_option(label="gerente")
    press(page, "Enviar o convite")
    expect(page.get_by_text(f"O convite está a caminho de {address}.")).to_be_visible()
    link = re.search(r"\S+/admin/invitations/\S+", shop.wait_for_mail(address, "convida você"))
    assert link is not None

    with browser.new_context(base_url=stack.url, locale="pt-BR", viewport=_WIDE) as context:
        own = context.new_page()
        own.goto(link[0])
        own.get_by_label("Nome", exact=False).first.fill("Bia")
        own.get_by_label("Senha").first.fill(password)
        press(own, "Aceitar e criar a conta")
        expect(own.get_by_text("Boas-vindas à equipe de Casa Azul Produções.")).to_be_visible()
        context.clear_cookies()
        sign_in(own, stack, address, password)
        menu = own.locator("#nav-sidebar")
        expect(menu.get_by_role("link", name="Pedidos", exact=True)).to_be_visible()
        expect(menu.get_by_role("link", name="Membros")).to_have_count(0)

    page.goto(f"/admin/events/membership/?q={address}")
    expect(page.locator(".data-row")).to_contain_text(["gerente"])


def test_an_event_is_made_with_three_types_and_a_picture_and_goes_on_sale(page: Page, shop: Shop):
    name, day = f"Baile {uuid4().hex[:8]}", clock.now() + timedelta(days=40)
    page.goto("/admin/")
    page.locator("#nav-sidebar").get_by_role("link", name="Eventos").click()
    press(page, "Adicionar evento")
    page.get_by_role("textbox", name="Nome").fill(name)
    page.get_by_role("textbox", name="Descrição").fill("Samba de roda até o sol nascer.")
    write_moment(page, "starts_at", f"{day:%d/%m/%Y}", "21:00")
    write_moment(page, "ends_at", f"{day:%d/%m/%Y}", "23:30")
    page.get_by_role("textbox", name="Local").fill("Circo Voador")
    page.get_by_role("textbox", name="Cidade").fill("Rio de Janeiro")
    add_ticket_type(page, 0, "Pista", "80,00", "100")
    add_ticket_type(page, 1, "Meia-entrada", "40", "60")
    add_ticket_type(page, 2, "Camarote", "1.250,00", "20")
    press(page, "Salvar")
    expect(page.get_by_text(f"“{name}” foi salvo como rascunho.")).to_be_visible()

    press(page, "Imagem…")
    page.locator("input[type=file]").set_input_files(
        {"name": "baile.jpg", "mimeType": "image/jpeg", "buffer": picture()}
    )
    page.get_by_label("O que manter").select_option(label="a esquerda")
    expect(page.get_by_role("img", name="Vai ficar assim")).to_be_visible()
    press(page, "Usar esta imagem")
    expect(page.get_by_text("O evento tem uma nova imagem.")).to_be_visible()
    press(page, "Publicar…")
    press(page, "Publicar o evento")
    expect(page.get_by_text("publicado", exact=True)).to_be_visible()
    press(page, "Divulgar…")
    press(page, "Abrir a página")

    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("R$ 1.250,00")).to_be_visible()
    expect(page.locator("img")).to_have_attribute("src", re.compile("/pictures/"))
    check_on_a_phone(page)


def test_a_sale_is_seen_on_the_dashboard_of_its_event(page: Page, shop: Shop):
    event = shop.publish_event()
    open_dashboard(page, event["id"])
    expect(figure(page, "Vendidos")).to_have_text("0 de 180")

    shop.sell(event["id"], ticket_type="Camarote", quantity=2)
    page.reload()

    expect(figure(page, "Vendidos")).to_have_text("2 de 180")
    expect(figure(page, "Receita")).to_have_text("R$ 500,00")
    box = rows_of(page, "Tipos de ingresso").filter(has_text="Camarote")
    expect(box).to_contain_text("2 / 20")
    expect(page.get_by_text("1 de 1 reserva foi paga.")).to_be_visible()


def test_one_box_finds_a_sale_by_email_and_by_the_code_of_a_ticket(page: Page, shop: Shop):
    sale = shop.sell(shop.publish_event()["id"], quantity=2)

    find(page, sale.email)
    expect(rows_of(page, "Pedidos")).to_contain_text([sale.code])
    find(page, f"{sale.code}-2")
    expect(rows_of(page, "Ingressos")).to_contain_text([f"{sale.code}-2"])
    find(page, sale.ticket_codes[0])
    expect(rows_of(page, "Ingressos")).to_contain_text([sale.code])


def test_one_ticket_of_three_is_refunded(page: Page, shop: Shop):
    event = shop.publish_event()
    sale = shop.sell(event["id"], quantity=3)
    open_order(page, sale.email)

    press(page, "Reembolsar ingressos…")
    page.get_by_role("checkbox", name=f"{sale.code}-2").check()
    page.get_by_label("Motivo").fill("Não pode vir")
    press(page, "Continuar com os ingressos marcados")
    press(page, "Reembolsar 1 ingresso (R$ 80,00)")

    expect(page.get_by_text("o comprador recebe R$ 80,00 de volta")).to_be_visible()
    assert "R$\u00a080,00" in shop.wait_for_mail(sale.email, "reembolso")
    open_dashboard(page, event["id"])
    expect(figure(page, "Vendidos")).to_have_text("2 de 180")
    expect(figure(page, "Receita")).to_have_text("R$ 160,00")


def test_twenty_complimentary_tickets_are_given_from_a_list(page: Page, shop: Shop):
    event, guest = shop.publish_event(), f"guest-{uuid4().hex[:12]}@example.com"
    lines = [f"Convidada {number};;Pista;2" for number in range(1, 10)]
    lines.append(f"Bia Lima;{guest};Pista;2")
    open_dashboard(page, event["id"])

    press(page, "Bilheteria")
    press(page, "Muitos convidados? Dê ou venda a partir de uma lista.")
    page.locator("input[type=file]").set_input_files(
        {
            "name": "imprensa.csv",
            "mimeType": "text/csv",
            "buffer": "\n".join(["nome;email;tipo;quantidade", *lines]).encode(),
        }
    )
    page.get_by_label("Motivo").fill("Imprensa")
    press(page, "Conferir a lista")
    expect(page.get_by_text("10 linhas estão prontas")).to_be_visible()
    press(page, "Dar 20 ingressos")

    expect(page.get_by_text("10 de 10 linhas têm seus ingressos")).to_be_visible()
    check_on_a_phone(page)
    shop.wait_for_mail(guest, event["name"])
    open_dashboard(page, event["id"])
    expect(figure(page, "Vendidos")).to_have_text("20 de 180")
    expect(figure(page, "Receita")).to_have_text("R$ 0,00")


def test_a_buyer_with_a_corrected_email_gets_new_codes_there(page: Page, shop: Shop):
    sale = shop.sell(shop.publish_event()["id"])
    right = f"ana.souza-{uuid4().hex[:12]}@example.com"
    open_order(page, sale.email)

    press(page, "Corrigir o comprador…")
    page.get_by_label("E-mail do comprador").fill(right)
    press(page, "Corrigir o comprador")

    expect(page.get_by_text(f"novos códigos estão a caminho de {right}")).to_be_visible()
    shop.wait_for_mail(right, "")
    find(page, sale.ticket_codes[0])
    expect(rows_of(page, "Ingressos")).not_to_contain_text(["válido"])


def test_the_attendees_of_an_event_are_exported_to_a_spreadsheet(page: Page, shop: Shop):
    event = shop.publish_event()
    first, second = shop.sell(event["id"], quantity=2), shop.sell(event["id"])
    open_dashboard(page, event["id"])

    press(page, "Exportar")
    with page.expect_download() as downloading:
        press(page, "Exportar")

    sheet = openpyxl.load_workbook(io.BytesIO(downloading.value.path().read_bytes())).active
    assert sheet is not None
    rows = [[str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    assert downloading.value.suggested_filename.endswith(".xlsx")
    assert len(rows) == 1 + 3
    for sale in (first, second):
        assert sum(sale.email in row for row in rows) == len(sale.ticket_codes)


def test_the_buyers_of_a_cancelled_event_are_told_and_get_their_money(page: Page, shop: Shop):
    event = shop.publish_event()
    sales = [shop.sell(event["id"]), shop.sell(event["id"], ticket_type="Camarote")]
    open_dashboard(page, event["id"])

    press(page, "Editar evento")
    press(page, "Cancelar o evento…")
    expect(page.get_by_text("2 pedidos pagos são reembolsados: R$ 330,00")).to_be_visible()
    page.get_by_label("Sua mensagem aos compradores").fill("A cantora está doente.")
    press(page, "Cancelar o evento e reembolsar")

    expect(page.get_by_text("cancelado", exact=True)).to_be_visible()
    for sale, amount in zip(sales, ["R$\u00a080,00", "R$\u00a0250,00"], strict=True):
        mail = shop.wait_for_mail(sale.email, event["name"])
        assert "A cantora está doente." in mail
        assert amount in mail
    open_order(page, sales[0].email)
    expect(page.get_by_text("reembolsado", exact=True).first).to_be_visible()
