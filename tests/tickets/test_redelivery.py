"""A correction of an order's customer: new codes for whoever had the old ones."""

from uuid import UUID

import pytest
from django.core import mail

from orders.correction import AddressNotCorrected, Contact
from orders.models import Order
from tests.make import SOMEBODY, make_paid_order
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from ticketing.queue.messages import Message
from tickets.models import Ticket
from tickets.redelivery import correct_customer
from tickets.refund import refund_order

pytestmark = pytest.mark.django_db(transaction=True)

ANA = Contact("Ana Souza", "ana@example.com")


def correct(order: Order, becomes: Contact) -> None:
    correct_customer(
        order_id=order.pk, was=ANA, becomes=becomes, actor=SOMEBODY, now=clock.now()
    )  # fmt: skip


def codes(order: Order) -> dict[str, str]:
    """Return the codes of the valid tickets, by their holders."""
    valid = Ticket.objects.of_order(order.pk).filter(status="valid")
    return dict(valid.values_list("holder_name", "code"))


def order_of_two(queue: RecordingQueue) -> Order:
    """Return a paid order with a ticket of Ana and one of Bia, both mailed to Ana."""
    order = make_paid_order(quantity=2)
    second = Ticket.objects.of_order(order.pk)[1]
    Ticket.objects.filter(pk=second.pk).update(holder_name="Bia Lima")
    queue.run_all()
    mail.outbox.clear()
    return order


def test_a_new_address_gets_new_codes_of_all_valid_tickets_and_the_old_ones_are_dead(
    queue: RecordingQueue,
):
    order = order_of_two(queue)
    old = codes(order)

    correct(order, Contact("Ana Souza", "eva@example.com"))
    queue.run_all()

    new = codes(order)
    assert set(new) == {"Ana Souza", "Bia Lima"}
    assert not set(new.values()) & set(old.values())
    assert [letter.to for letter in mail.outbox] == [["eva@example.com"]]
    assert all(code in mail.outbox[0].body for code in new.values())
    replaced = Ticket.objects.filter(code__in=old.values())
    assert {ticket.status for ticket in replaced} == {"revoked"}


def test_a_new_name_and_address_leave_the_name_of_another_holder(queue: RecordingQueue):
    order = order_of_two(queue)

    correct(order, Contact("Ana Sousa", "eva@example.com"))

    assert set(codes(order)) == {"Ana Sousa", "Bia Lima"}


def test_a_ticket_that_is_used_meanwhile_does_not_keep_the_others_from_new_codes(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    order = order_of_two(queue)
    first = Ticket.objects.of_order(order.pk)[0]
    old = codes(order)

    def new_id_after_a_scan() -> UUID:
        unused = Ticket.objects.filter(pk=first.pk, status="valid")
        unused.update(status="used", used_at=clock.now())
        return new_id()

    monkeypatch.setattr("tickets.replacement.new_id", new_id_after_a_scan)
    correct(order, Contact("Ana Souza", "eva@example.com"))

    assert set(codes(order)) == {"Bia Lima"}
    assert codes(order)["Bia Lima"] != old["Bia Lima"]


def test_a_new_name_changes_only_the_tickets_in_the_old_name(queue: RecordingQueue):
    order = order_of_two(queue)
    old = codes(order)

    correct(order, Contact("Ana Sousa", "ana@example.com"))
    queue.run_all()

    new = codes(order)
    order.refresh_from_db()
    assert order.customer_name == "Ana Sousa"
    assert new["Bia Lima"] == old["Bia Lima"]
    assert new["Ana Sousa"] != old["Ana Souza"]
    assert [letter.to for letter in mail.outbox] == [["ana@example.com"]]
    acts = Act.objects.exclude(type="order.mailed").order_by("pk").values_list("type", "details")
    assert ("order.customer_corrected", {"fields": ["name"]}) in acts
    assert "ticket.renamed" in {kind for kind, _details in acts}


def test_used_tickets_keep_their_codes(queue: RecordingQueue):
    order = order_of_two(queue)
    used = Ticket.objects.of_order(order.pk)[0]
    Ticket.objects.filter(pk=used.pk).update(status="used", used_at=clock.now())

    correct(order, Contact("Ana Souza", "eva@example.com"))

    assert Ticket.objects.of_order(order.pk).get(pk=used.pk).code == used.code


def test_a_new_address_gets_the_mail_also_if_all_tickets_were_used(queue: RecordingQueue):
    order = order_of_two(queue)
    Ticket.objects.of_order(order.pk).update(status="used", used_at=clock.now())

    correct(order, Contact("Ana Souza", "eva@example.com"))

    assert queue.sent == [(Message.DELIVER_TICKETS, {"order_id": str(order.pk)})]


def test_a_correction_that_changes_nothing_records_nothing(queue: RecordingQueue):
    order = order_of_two(queue)
    old = codes(order)

    correct(order, ANA)

    assert (codes(order), queue.sent) == (old, [])
    assert not Act.objects.filter(type="order.customer_corrected").exists()


def test_a_correction_of_what_somebody_else_has_changed_is_refused(queue: RecordingQueue):
    order = order_of_two(queue)
    Order.objects.filter(pk=order.pk).update(customer_name="Ana Maria")

    with pytest.raises(AddressNotCorrected):
        correct(order, Contact("Ana Sousa", "ana@example.com"))


def test_a_corrected_refunded_order_gets_its_notice_and_no_tickets(queue: RecordingQueue):
    order = order_of_two(queue)
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    old = codes(order)
    queue.sent.clear()

    correct(order, Contact("Ana Souza", "ana.nova@example.com"))

    assert codes(order) == old
    assert [message for message, _ids in queue.sent] == [Message.SEND_NOTICE]
