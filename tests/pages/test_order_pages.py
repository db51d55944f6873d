"""An order's page in the admin: what staff can do there, and its timeline."""

import html
import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation

from events.models import Membership, Role
from orders.box_office import sell_at_box_office
from orders.insertion import Customer
from orders.models import Order, Refund, TicketExchange
from orders.page_link import order_link
from tests.make import (
    SOMEBODY,
    a_sale,
    as_bearer,
    make_device,
    make_paid_order,
    make_processing_order,
    make_promo_code,
    make_reservation,
    make_reserved_order,
    make_ticket_type,
    make_transfer,
    make_user,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.models import Act
from tickets.models import Ticket
from tickets.order_pages.timeline import read_timeline
from tickets.refund import refund_tickets, sum_of_refund
from tickets.replacement import replace_ticket
from tickets.transfers.links import transfer_link
from tickets.transfers.offering import NewHolder, offer_ticket, open_offers

pytestmark = pytest.mark.django_db(transaction=True)


def staff_of(order: Order, role: Role = Role.OWNER) -> Client:
    user = make_user(organizer=order.event.organizer, is_staff=True)
    Membership.objects.filter(user=user).update(role=role)
    client = Client(headers={"Accept-Language": "pt-BR"})
    client.force_login(user)
    return client


def staff_name(order: Order) -> str:
    return Membership.objects.get(organizer=order.event.organizer).user.get_username()


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def action(name: str, row: Any) -> str:
    opts = row._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{name}", args=[row.pk])


def read(response: Any) -> str:
    """Return the text of a page, without tags and with single blanks."""
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(text).split())


def buttons(client: Client, row: Any) -> set[str]:
    page = client.get(page_of(row)).content.decode()
    return set(re.findall(r'href="[^"]*/([a-z]+_this)/"', page))


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def order_of_three() -> Order:
    return make_paid_order(ticket_type=make_ticket_type(price="80.00"), quantity=3)


def tickets_of(order: Order) -> list[Ticket]:
    return list(Ticket.objects.of_order(order.pk))


def test_an_order_with_a_promo_code_shows_it_and_what_it_took_off():
    kind = make_ticket_type(price="80.00")
    promo = make_promo_code(event=kind.event, code="AMIGOS")
    without = make_reserved_order(ticket_type=kind)
    reserved = make_reservation(ticket_type=kind, quantity=2, promo_code="AMIGOS")
    order = Order.objects.get(pk=reserved.order_id)
    staff = staff_of(order)

    page = staff.get(page_of(order))

    assert f'<a href="{page_of(promo)}" class="underline">AMIGOS</a>' in page.content.decode()
    assert "R$ 16,00" in read(page)
    assert "R$ 80,00" in read(page)
    assert "R$ 8,00" in read(page)
    assert "Código promocional" not in read(staff.get(page_of(without)))


def test_one_ticket_of_three_is_refunded_after_its_sum_was_shown(queue: RecordingQueue):
    order = order_of_three()
    staff, url = staff_of(order), action("refund_this", order)
    first, *_others = tickets_of(order)
    choice = {"tickets": [str(first.pk)], "reason": "Pediu por telefone"}

    chooser = read(staff.get(url))
    shown = staff.post(url, choice)
    before = Refund.objects.count()
    staff.post(url, choice | {"agreed": "80.00"})

    assert "Quais ingressos?" in chooser
    assert "Continuar com todos (R$ 240,00)" in chooser
    assert "Reembolsar 1 ingresso (R$ 80,00)" in read(shown)
    assert "Manter o pedido" in read(shown)
    assert "O ingresso é anulado na hora: a portaria o recusa." in read(shown)
    assert "O lugar volta à venda." in read(shown)
    assert before == 0
    first.refresh_from_db()
    order.refresh_from_db()
    assert (first.status, order.status) == ("revoked", "paid")
    after = read(staff.get(page_of(order)))
    assert ("reembolsado" in after, "anulado" in after) == (True, False)
    assert Refund.objects.get().amount == Decimal("80.00")
    details = Act.objects.get(type="order.tickets_refunded").details
    assert (details["reason"], details["amount"]) == ("Pediu por telefone", "80.00")


def test_all_tickets_are_refunded_at_once(queue: RecordingQueue):
    order = order_of_three()
    staff, url = staff_of(order), action("refund_this", order)

    shown = staff.post(url, {"all": "yes"})
    staff.post(url, {"tickets": [str(t.pk) for t in tickets_of(order)], "agreed": "240.00"})

    assert "Reembolsar 3 ingressos (R$ 240,00)" in read(shown)
    order.refresh_from_db()
    assert order.status == "refunded"


def test_a_sum_that_changed_since_it_was_shown_is_shown_again(queue: RecordingQueue):
    order = order_of_three()
    staff, url = staff_of(order), action("refund_this", order)
    one = str(tickets_of(order)[0].pk)

    again = staff.post(url, {"tickets": [one], "agreed": "79.00"})

    assert "Reembolsar 1 ingresso (R$ 80,00)" in read(again)
    assert not Refund.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"tickets": ["nonsense"]}, {"agreed": "80.00"}])
def test_a_refund_without_a_ticket_of_the_order_is_asked_again(
    sent: dict[str, Any], queue: RecordingQueue
):
    order = order_of_three()

    response = staff_of(order).post(action("refund_this", order), sent)

    assert "Quais ingressos?" in read(response)
    assert 'name="agreed"' not in response.content.decode()
    assert not Refund.objects.exists()


def test_the_sum_of_a_refund_is_what_the_refund_owes(queue: RecordingQueue):
    order = order_of_three()
    first, second, third = [ticket.pk for ticket in tickets_of(order)]

    assert sum_of_refund(order_id=order.pk, ticket_ids=[first]) == Decimal("80.00")
    refund_tickets(order_id=order.pk, ticket_ids=[first], actor=SOMEBODY, now=clock.now())
    assert sum_of_refund(order_id=order.pk, ticket_ids=[first]) == 0
    assert sum_of_refund(order_id=order.pk, ticket_ids=[first, second, third]) == Decimal("160.00")


def test_the_page_of_a_ticket_that_was_used_or_refunded_says_so(queue: RecordingQueue):
    order = order_of_three()
    first, second, _third = tickets_of(order)
    Ticket.objects.filter(pk=first.pk).update(status="used", used_at=clock.now())
    refund_tickets(order_id=order.pk, ticket_ids=[second.pk], actor=SOMEBODY, now=clock.now())
    staff, url = staff_of(order), action("refund_this", order)

    chooser = staff.get(url)
    shown = staff.post(url, {"tickets": [str(first.pk)]})

    assert "já reembolsado" in read(chooser)
    assert chooser.content.decode().count('type="checkbox" name="tickets"') == 2
    assert "1 deles já foi usado" in read(shown)


def test_the_buttons_of_an_order_are_those_that_can_work_now(queue: RecordingQueue):
    paid = make_paid_order()
    queue.run_all()
    reserved, processing = make_reserved_order(), make_processing_order()

    assert buttons(staff_of(paid), paid) == {"refund_this", "resend_this", "correct_this"}
    assert buttons(staff_of(reserved), reserved) == {"cancel_this", "correct_this"}
    assert buttons(staff_of(processing), processing) == {"correct_this", "retry_this"}


def test_each_role_sees_the_buttons_of_its_rights_and_no_others_work(queue: RecordingQueue):
    order = make_paid_order()
    queue.run_all()

    assert buttons(staff_of(order, Role.FINANCE), order) == {"refund_this"}
    assert buttons(staff_of(order, Role.VIEWER), order) == set()
    for name in ("refund_this", "resend_this", "correct_this", "retry_this"):
        assert staff_of(order, Role.VIEWER).post(action(name, order)).status_code == 403
    assert staff_of(order, Role.FINANCE).post(action("correct_this", order)).status_code == 403


def test_a_right_for_one_organizer_does_not_act_on_an_order_of_another(queue: RecordingQueue):
    ours, theirs = make_paid_order(), make_paid_order()
    user = make_user(organizer=ours.event.organizer, is_staff=True)
    Membership.objects.create(user=user, organizer=theirs.event.organizer, role=Role.VIEWER)
    client = Client()
    client.force_login(user)
    both = {"_selected_action": [str(ours.pk), str(theirs.pk)], "confirmed": "yes"}

    client.post(reverse("admin:orders_order_changelist"), both | {"action": "refund_chosen"})

    assert dict(Order.objects.values_list("pk", "status")) == {
        ours.pk: "refunded",
        theirs.pk: "paid",
    }


def test_the_page_of_a_correction_says_which_codes_die(queue: RecordingQueue):
    order = order_of_three()
    ticket = tickets_of(order)[0]
    Ticket.objects.filter(pk=ticket.pk).update(holder_name="Bia Lima")

    page = read(staff_of(order).get(action("correct_this", order)))

    assert "3 ingressos válidos recebem códigos novos" in page
    assert "2 ingressos no nome de Ana Souza" in page


def test_a_correction_says_before_and_afterwards_which_offers_end(queue: RecordingQueue):
    order = order_of_three()
    first, second, third = tickets_of(order)
    staff, url = staff_of(order), action("correct_this", order)
    assert "oferecido" not in read(staff.get(url))
    make_transfer(ticket=first, name="Bia Lima", email="bia@example.com", accepted=False)
    one = read(staff.get(url))
    make_transfer(ticket=second, name="Caio Reis", email="caio@example.com", accepted=False)
    make_transfer(ticket=third, name="Davi Luz", email="davi@example.com")
    # A person who has accepted a ticket may offer it too. It keeps its code.
    handed_on = Ticket.objects.get(replaces=third)
    offer_ticket(
        order_id=order.pk,
        ticket_id=handed_on.pk,
        to=NewHolder("Eva Paz", "eva@example.com", "en"),
        actor=SOMEBODY,
        now=clock.now(),
        giver=handed_on.transfer_id,
    )

    two = read(staff.get(url))
    name, email = order.customer_name, order.customer_email
    sent = {"was_name": name, "was_email": email, "name": name, "email": "new@example.com"}
    told = messages_of(staff.post(url, sent))

    assert "Um ingresso está oferecido a Bia Lima. Se ele receber um código novo" in one
    assert "Há ingressos oferecidos a Bia Lima, Caio Reis. As ofertas dos que receberem" in two
    assert "2 ingressos válidos recebem códigos novos" in two
    assert told[1:] == ["As ofertas de 2 ingressos a outras pessoas terminaram."]
    assert set(open_offers(order, now=clock.now())) == {handed_on.pk}


def test_a_name_with_a_web_address_is_refused_in_a_correction(queue: RecordingQueue):
    order = order_of_three()
    name, email = order.customer_name, order.customer_email
    form = {"was_name": name, "was_email": email, "email": email, "name": "Win at spam.example.com"}

    response = staff_of(order).post(action("correct_this", order), form)

    order.refresh_from_db()
    assert (response.status_code, order.customer_name) == (200, name)


def sale_without_an_address(queue: RecordingQueue) -> Order:
    sale = a_sale(make_ticket_type(), quantity=1, customer=Customer("Bia Lima", "", "pt-br"))
    order_id = sell_at_box_office(sale=sale, user_id=None, actor=SOMEBODY, now=clock.now())
    queue.run_all()
    return Order.objects.get(pk=order_id)


def test_a_sale_without_an_address_gets_one_and_its_tickets_are_mailed_there(
    queue: RecordingQueue,
):
    order = sale_without_an_address(queue)
    sent = {"was_name": "Bia Lima", "was_email": "", "name": "Bia Lima", "email": "bia@example.com"}

    staff_of(order).post(action("correct_this", order), sent)
    queue.run_all()

    order.refresh_from_db()
    assert order.customer_email == "bia@example.com"
    assert [letter.to for letter in mail.outbox] == [["bia@example.com"]]
    assert tickets_of(order)[-1].code in mail.outbox[0].body


def test_the_name_of_a_sale_without_an_address_is_corrected_alone(queue: RecordingQueue):
    order = sale_without_an_address(queue)
    staff, url = staff_of(order), action("correct_this", order)
    field = re.search(r'<input[^>]*name="email"[^>]*>', staff.get(url).content.decode())
    sent = {"was_name": "Bia Lima", "was_email": "", "name": "Bia Reis", "email": ""}

    staff.post(url, sent)
    queue.run_all()

    order.refresh_from_db()
    assert field is not None
    assert "required" not in re.sub(r'class="[^"]*"', "", field[0])
    assert (order.customer_name, order.customer_email) == ("Bia Reis", "")
    assert [ticket.holder_name for ticket in tickets_of(order) if ticket.status == "valid"] == [
        "Bia Reis"
    ]
    assert not mail.outbox


@pytest.mark.parametrize("was_email", ["", "ana@example.com"])
def test_an_address_is_not_taken_from_an_order_by_a_correction(
    queue: RecordingQueue, was_email: str
):
    order = order_of_three()
    name = order.customer_name
    sent = {"was_name": name, "was_email": was_email, "name": "Ana Reis", "email": ""}

    staff_of(order).post(action("correct_this", order), sent)

    order.refresh_from_db()
    assert (order.customer_name, order.customer_email) == (name, "ana@example.com")


def test_a_ticket_gets_another_holder_and_a_new_code(queue: RecordingQueue):
    ticket = tickets_of(make_paid_order())[0]
    staff = staff_of(ticket.order)

    make_transfer(ticket=ticket, name="Caio Reis", email="caio@example.com", accepted=False)
    question = read(staff.get(action("reissue_this", ticket)))
    page = read(staff.get(action("rename_this", ticket)))
    response = staff.post(action("rename_this", ticket), {"holder_name": "Bia Lima"})
    assert messages_of(response)[1:] == ["A oferta de 1 ingresso a outra pessoa terminou."]

    new = Ticket.objects.get(holder_name="Bia Lima")
    ticket.refresh_from_db()
    assert "O código antigo deixa de valer na hora" in page
    for asked in (page, question):
        assert "O ingresso está oferecido a Caio Reis. Essa oferta termina" in asked
    assert "oferecido" not in read(staff.get(action("rename_this", new)))
    assert response["Location"] == page_of(new)
    assert (ticket.replaced_by_id, new.code != ticket.code) == (new.pk, True)


def test_a_ticket_is_moved_to_another_type_after_its_difference_was_shown(queue: RecordingQueue):
    ticket = tickets_of(order_of_three())[0]
    vip = make_ticket_type(event=ticket.event, name="Camarote", price="200.00", capacity=1)
    full = make_ticket_type(event=ticket.event, name="Mezanino", capacity=1)
    make_paid_order(ticket_type=full)
    staff, url = staff_of(ticket.order), action("exchange_this", ticket)

    choice = staff.get(url)
    refused = staff.post(url, {})
    question = staff.post(url, {"ticket_type": vip.pk})
    sent = {"ticket_type": vip.pk, "agreed": "120.00"}
    unsaid = staff.post(url, sent)
    no_reason = staff.post(url, sent | {"difference": "waive"})
    stale = staff.post(url, sent | {"agreed": "100.00", "difference": "cash"})
    assert not TicketExchange.objects.exists()
    response = staff.post(url, sent | {"difference": "cash"})

    assert "R$ 120,00 a mais" in read(choice)
    assert str(full.pk) not in choice.content.decode()
    assert "Escolha um tipo de ingresso" in read(refused)
    assert "Nenhum cartão é cobrado" in read(question)
    assert "R$ 120,00 recebidos em dinheiro" in read(question)
    assert "Este campo é obrigatório" in read(unsaid)
    assert "Diga por que a diferença foi dispensada" in read(no_reason)
    assert "O preço mudou nesse meio-tempo" in read(stale)
    new = Ticket.objects.get(ticket_type=vip)
    assert response["Location"] == page_of(new)
    assert "agora é Camarote" in messages_of(response)[0]
    timeline = read(staff.get(page_of(ticket.order)))
    assert "ingresso trocado para outro tipo" in timeline
    assert "Pista → Camarote" in timeline
    assert "R$ 120,00 em dinheiro" in timeline
    assert "Recebido em dinheiro por ingressos trocados R$ 120,00" in timeline
    sums = read(staff.post(action("refund_this", ticket.order), {"tickets": [new.pk]}))
    assert "R$ 120,00 desse valor foram recebidos em dinheiro" in sums
    again = staff.post(url, sent | {"difference": "cash"})
    assert again.status_code == 403
    for role in (Role.FINANCE, Role.VIEWER, Role.DOOR):
        assert staff_of(ticket.order, role).get(action("exchange_this", new)).status_code == 403


def test_a_ticket_gets_a_new_code_or_is_revoked_after_a_question(queue: RecordingQueue):
    ticket = tickets_of(make_paid_order())[0]
    staff = staff_of(ticket.order)

    question = read(staff.get(action("reissue_this", ticket)))
    make_transfer(ticket=ticket, email="caio@example.com", accepted=False)
    done = staff.post(action("reissue_this", ticket), {"confirmed": "yes"})
    assert messages_of(done)[1:] == ["A oferta de 1 ingresso a outra pessoa terminou."]
    new = tickets_of(ticket.order)[0]
    staff.post(action("revoke_this", new), {"confirmed": "yes"})

    assert "Gerar um código novo" in question
    assert new.pk != ticket.pk
    new.refresh_from_db()
    assert new.status == "revoked"


def test_a_stuck_order_is_retried_from_its_page(queue: RecordingQueue):
    order = make_processing_order()
    queue.sent.clear()
    staff = staff_of(order)

    question = read(staff.get(action("retry_this", order)))
    staff.post(action("retry_this", order), {"confirmed": "yes"})
    queue.run_all()

    order.refresh_from_db()
    assert "Ninguém é cobrado duas vezes" in question
    assert order.status == "paid"


def test_the_timeline_tells_all_that_happened_in_order_of_time(queue: RecordingQueue):
    order = order_of_three()
    queue.run_all()
    first, second, _third = tickets_of(order)
    door = as_bearer(make_device(order.event, gate="Portão 3"))
    door.post("/tickets/validate", {"code": second.code})
    replace_ticket(ticket_id=first.pk, holder_name="Bia Lima", actor=SOMEBODY, now=clock.now())
    refund_tickets(order_id=order.pk, ticket_ids=[second.pk], actor=SOMEBODY, now=clock.now())
    queue.run_all()
    order = Order.objects.select_related("event", "payment").get(pk=order.pk)

    with translation.override("pt-br"):
        told = [(moment.what, moment.details) for moment in read_timeline(order)]

    assert [what for what, _details in told] == [
        "reservado",
        "pagamento confirmado",
        "pago",
        "ingressos enviados por e-mail",
        "entrada registrada",
        "ingresso passado a outro titular",
        "ingressos do pedido reembolsados",
        "dinheiro devolvido ao comprador",
        "ingressos enviados por e-mail",
        "comprador avisado por e-mail",
    ]
    assert told[0][1] == "3 ingressos; R$\u00a0240,00"
    assert "R$\u00a080,00; 1 ingresso" in dict(told)["ingressos do pedido reembolsados"]


def test_the_timeline_is_in_the_time_zone_of_the_event_with_the_name_of_the_actor(
    queue: RecordingQueue,
):
    order = order_of_three()
    order.event.timezone = "America/Manaus"
    order.event.save()
    replace_ticket(ticket_id=tickets_of(order)[0].pk, actor=SOMEBODY, now=clock.now())

    page = read(staff_of(order).get(page_of(order)))

    assert "Horário de Manaus" in page
    assert "usuário: somebody" in page


def test_the_same_act_on_several_tickets_at_once_is_one_line(queue: RecordingQueue):
    order = order_of_three()
    staff = staff_of(order)
    name, email = order.customer_name, order.customer_email
    form = {"was_name": name, "name": name, "was_email": email, "email": "eva@example.com"}
    staff.post(action("correct_this", order), form)

    with translation.override("en"):
        moments = read_timeline(Order.objects.get(pk=order.pk))
    lines = [moment.what for moment in moments]

    assert lines.count("ticket re-issued") == 1
    assert {moment.way for moment in moments if moment.who.endswith(staff_name(order))} == {"admin"}
    assert "· administração" in read(staff.get(page_of(order)))


def test_the_timeline_tells_when_the_buyer_and_a_new_holder_opened_their_links(
    queue: RecordingQueue,
):
    order = make_paid_order()
    transfer = make_transfer(
        ticket=tickets_of(order)[0], name="Caio Prado", email="caio@example.com"
    )
    for link in (order_link(order), transfer_link(transfer)):
        Client().get(link.removeprefix("http://localhost:8000"))
        Client().get(link.removeprefix("http://localhost:8000"))

    with translation.override("en"):
        moments = read_timeline(Order.objects.get(pk=order.pk))

    opened = [moment for moment in moments if moment.what == "opened by the link in a mail"]
    assert [moment.who for moment in opened] == ["buyer", "new holder: Caio Prado"]
    transfer.refresh_from_db()
    assert opened[1].at == transfer.opened_at


def listed(client: Client, model: str, words: str) -> str:
    return read(client.get(reverse(f"admin:{model}_changelist"), {"q": words}))


@pytest.mark.parametrize("model", ["orders_order", "tickets_ticket"])
def test_orders_and_tickets_are_found_by_email_name_and_each_code(
    model: str, queue: RecordingQueue
):
    kind = make_ticket_type()
    order, other = make_paid_order(ticket_type=kind), make_paid_order(ticket_type=kind)
    Order.objects.filter(pk=order.pk).update(
        customer_name="João da Silva", customer_email="joao@xn--mnchen-3ya.de"
    )
    Ticket.objects.filter(order=order).update(holder_name="João da Silva")
    ticket, staff = tickets_of(order)[0], staff_of(order)

    found = [
        listed(staff, model, words)
        for words in (
            "joao@xn--mnchen-3ya.de",
            "joao@münchen.de",
            "silva joão",
            order.code.lower(),
            f" {order.code}-1 ",
            ticket.code,
        )
    ]

    assert all(order.code in page and other.code not in page for page in found)


def test_orders_and_tickets_are_found_by_the_email_of_a_ticket_s_new_holder(
    queue: RecordingQueue,
):
    kind = make_ticket_type()
    order, other = make_paid_order(ticket_type=kind, quantity=2), make_paid_order(ticket_type=kind)
    kept, given = tickets_of(order)
    make_transfer(ticket=given, email="bia@example.com")
    make_transfer(ticket=kept, email="caio@example.com", accepted=False)
    staff = staff_of(order)

    assert listed(staff, "orders_order", "bia@example.com").count(order.code) > 0
    tickets = listed(staff, "tickets_ticket", "bia@example.com")
    assert (f"{order.code}-2" in tickets, f"{order.code}-1" in tickets) == (True, False)
    home = read(staff.get(reverse("find"), {"q": "bia@example.com"}))
    assert (order.code in home, other.code in home) == (True, False)
    # An offer that nobody has accepted gives nothing to its address.
    for model in ("orders_order", "tickets_ticket"):
        assert order.code not in listed(staff, model, "caio@example.com")
    door = staff_of(order, Role.DOOR)
    assert order.code not in listed(door, "tickets_ticket", "bia@example.com")


def test_a_supervisor_of_the_door_does_not_find_tickets_by_their_buyers_address(
    queue: RecordingQueue,
):
    order = make_paid_order()
    supervisor = staff_of(order, Role.DOOR)

    assert order.code not in listed(supervisor, "tickets_ticket", order.customer_email)
    assert order.code in listed(supervisor, "tickets_ticket", order.code)
