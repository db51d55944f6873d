"""Ticket mails that fail: when a mail is given up, and how staff correct or resend it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.contrib.messages import get_messages
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from django.urls import reverse

from orders.correction import AddressNotCorrected, AddressNotMailable, Contact
from orders.models import Order
from tests.crash import BEFORE, watched
from tests.make import (
    SOMEBODY,
    as_organizer,
    make_event,
    make_paid_order,
    make_reserved_order,
    make_user,
)
from tests.queue import RecordingQueue
from ticketing import clock, mailing
from ticketing.models import Act
from ticketing.queue.messages import Message
from tickets.delivery import (
    NothingToDeliver,
    deliver_tickets,
    resend_tickets,
)
from tickets.issue import issue_codes
from tickets.models import Delivery
from tickets.outgoing import give_up_mail
from tickets.redelivery import correct_customer
from tickets.refund import refund_order
from tickets.replacement import replace_ticket
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def ses(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "SendRawEmail")


UNREACHABLE = EndpointConnectionError(endpoint_url="https://email.sa-east-1.amazonaws.com")


@contextmanager
def refusing(error: Exception) -> Iterator[None]:
    class Refusing(BaseEmailBackend):
        def send_messages(self, email_messages: object) -> int:
            raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mailing, "open_mail", Refusing)
        yield


def paid_order(email: str = "") -> Order:
    order = make_paid_order()
    if email:
        Order.objects.filter(pk=order.pk).update(customer_email=email)
    return order


def redirect_tickets(*, order_id: UUID, was: str, becomes: str, now: datetime) -> None:
    name = Order.objects.values_list("customer_name", flat=True).get(pk=order_id)
    correct_customer(
        order_id=order_id,
        was=Contact(name, was),
        becomes=Contact(name, becomes),
        actor=SOMEBODY,
        now=now,
    )


def order_with_mail_given_up() -> Order:
    order = paid_order('"x\x01y"@example.com')
    deliver_tickets(order_id=order.pk, now=clock.now())
    order.refresh_from_db()
    return order


@pytest.mark.parametrize(
    "error",
    [
        ses("MessageRejected", "Address blacklisted."),
        ses("InvalidParameterValue", "Local address contains control or whitespace"),
        ses(
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region"
            " SA-EAST-1: ANA@example.com",
        ),
    ],
)
def test_a_mail_that_ses_refuses_for_good_is_given_up_at_once(
    error: ClientError, queue: RecordingQueue
):
    order, now = paid_order(), clock.now()
    with refusing(error):
        deliver_tickets(order_id=order.pk, now=now)

    delivery = Delivery.objects.get()
    assert (delivery.failed_at, delivery.sent_at, delivery.leased_until) == (now, None, None)
    assert error.response["Error"]["Message"][:40] in delivery.failure
    assert delivery.attempts == 1


@pytest.mark.parametrize("email", ['"x\x01y"@example.com', "josé@example.com", "ana@localhost"])
def test_an_old_order_whose_address_cannot_be_mailed_is_given_up_at_once(email: str):
    order = paid_order(email)

    deliver_tickets(order_id=order.pk, now=clock.now())

    assert "The address cannot be mailed." in Delivery.objects.get().failure
    assert Delivery.objects.get().failed_at is not None
    assert mail.outbox == []


def test_an_old_order_with_a_domain_beyond_ascii_gets_its_mail():
    order = paid_order("ana@münchen.de")

    deliver_tickets(order_id=order.pk, now=clock.now())

    assert [letter.to for letter in mail.outbox] == [["ana@xn--mnchen-3ya.de"]]
    assert mail.outbox[0].message().as_bytes()


def test_buyers_get_their_mail_even_if_the_organizers_address_cannot_be_mailed():
    order = paid_order()
    order.event.organizer.email = "josé@example.com"
    order.event.organizer.save()

    deliver_tickets(order_id=order.pk, now=clock.now())

    assert "Reply-To" not in mail.outbox[0].message()


@pytest.mark.parametrize(
    "error",
    [
        ses("Throttling", "Maximum sending rate exceeded."),
        ses("ServiceUnavailable"),
        ses("AccountSendingPausedException", "Email sending is disabled"),
        ses("MessageRejected", "Sending suspended for this account."),
        ses(
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region"
            " SA-EAST-1: tickets@example.com",
        ),
        UNREACHABLE,
        TimeoutError(),
    ],
)
def test_a_mail_that_fails_for_a_temporary_reason_is_tried_again(error: Exception):
    order = paid_order()

    with refusing(error), pytest.raises(type(error)):
        deliver_tickets(order_id=order.pk, now=clock.now())

    tried = Delivery.objects.get()
    assert (tried.failed_at, tried.attempts, tried.leased_until) == (None, 1, None)
    assert tried.failure


def test_a_mail_is_given_up_after_three_days_of_temporary_failures():
    order, start = paid_order(), clock.now()
    with refusing(UNREACHABLE):
        for hour in range(0, 72, 3):
            with pytest.raises(type(UNREACHABLE)):
                deliver_tickets(order_id=order.pk, now=start + timedelta(hours=hour))
        tried = Delivery.objects.get()
        deliver_tickets(order_id=order.pk, now=tried.asked_at + 3 * DAY)

    assert (tried.failed_at, tried.attempts, tried.leased_until) == (None, 24, None)
    assert tried.failure
    given_up = Delivery.objects.get()
    assert (given_up.failed_at, given_up.goes_at) == (tried.asked_at + 3 * DAY, None)


def test_the_tickets_of_a_refunded_order_are_not_sent_again():
    order = paid_order()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    with pytest.raises(NothingToDeliver):
        resend_tickets(order_id=order.pk, actor=SOMEBODY, now=clock.now())


def test_a_mail_that_is_given_up_is_logged_and_one_that_was_requested_anew_is_not(
    caplog: pytest.LogCaptureFixture,
):
    order = order_with_mail_given_up()
    assert f"given up: Delivery {Delivery.objects.get().pk}" in caplog.text
    caplog.clear()
    redirect_tickets(
        order_id=order.pk, was=order.customer_email, becomes="ana@example.com",
        now=clock.now(),
    )  # fmt: skip
    stale = Delivery.objects.get()
    Delivery.objects.update(asked_at=clock.now() + DAY)

    give_up_mail(stale, "refused", now=clock.now())

    assert "given up" not in caplog.text
    assert Delivery.objects.get().failed_at is None


def test_after_days_of_a_stopped_queue_a_mail_still_gets_twenty_attempts():
    order, late = paid_order(), clock.now() + 10 * DAY
    with refusing(UNREACHABLE):
        for _attempt in range(19):
            with pytest.raises(EndpointConnectionError):
                deliver_tickets(order_id=order.pk, now=late)
        deliver_tickets(order_id=order.pk, now=late)

    assert Delivery.objects.get().failed_at == late


def test_the_sweep_leaves_a_mail_alone_that_was_given_up(queue: RecordingQueue):
    order = order_with_mail_given_up()
    queue.sent.clear()

    assert retry_waiting_work(now=clock.now() + 30 * DAY) == 0
    deliver_tickets(order_id=order.pk, now=clock.now())
    assert mail.outbox == []


def request_resend(order: Order, now: datetime) -> None:
    resend_tickets(order_id=order.pk, actor=SOMEBODY, now=now)


def replace_its_ticket(order: Order, now: datetime) -> None:
    replace_ticket(ticket_id=order.tickets.get().pk, actor=SOMEBODY, now=now)


@pytest.mark.parametrize("request_mail", [request_resend, replace_its_ticket])
def test_a_mail_that_was_given_up_is_sent_when_it_is_requested_again(
    request_mail: Callable[[Order, datetime], None], queue: RecordingQueue
):
    order = paid_order()
    with refusing(ses("MessageRejected")):
        deliver_tickets(order_id=order.pk, now=clock.now())
    queue.sent.clear()

    request_mail(order, clock.now())
    queue.run_all()

    delivery = Delivery.objects.get()
    assert len(mail.outbox) == 1
    assert (delivery.failed_at, delivery.failure, delivery.attempts) == (None, "", 0)
    assert delivery.sent_at is not None


def test_a_corrected_address_gets_the_tickets(queue: RecordingQueue):
    order = order_with_mail_given_up()
    queue.sent.clear()

    redirect_tickets(
        order_id=order.pk,
        was=order.customer_email,
        becomes="ana@München.de",
        now=clock.now(),
    )

    assert queue.run_all() == [Message.ISSUE_CODES, Message.DELIVER_TICKETS]
    assert [letter.to for letter in mail.outbox] == [["ana@xn--mnchen-3ya.de"]]
    assert Delivery.objects.get().sent_at is not None


def test_a_correction_leaves_other_orders_with_the_same_address_alone():
    order = order_with_mail_given_up()
    other = make_paid_order()
    Order.objects.update(customer_email="shared@example.com")
    asked_at = Delivery.objects.get(order=other).asked_at

    redirect_tickets(
        order_id=order.pk,
        was="shared@example.com",
        becomes="ana@example.com",
        now=clock.now(),
    )

    other.refresh_from_db()
    assert other.customer_email == "shared@example.com"
    assert Delivery.objects.get(order=other).asked_at == asked_at


def test_the_mail_to_a_corrected_address_does_not_wait_for_the_limit_of_the_old_one():
    order = order_with_mail_given_up()
    Delivery.objects.update(goes_at=clock.now() + DAY)

    redirect_tickets(
        order_id=order.pk,
        was=order.customer_email,
        becomes="ana@example.com",
        now=clock.now(),
    )

    assert Delivery.objects.get().goes_at is None


def test_a_correction_is_refused_if_the_address_has_changed_or_the_new_one_cannot_be_mailed():
    order = order_with_mail_given_up()
    redirect_tickets(
        order_id=order.pk,
        was=order.customer_email,
        becomes="a@example.com",
        now=clock.now(),
    )

    with pytest.raises(AddressNotCorrected):
        redirect_tickets(
            order_id=order.pk,
            was=order.customer_email,
            becomes="b@example.com",
            now=clock.now(),
        )
    with pytest.raises(AddressNotMailable):
        redirect_tickets(
            order_id=order.pk,
            was="a@example.com",
            becomes='"a"@example.com',
            now=clock.now(),
        )
    assert Order.objects.get().customer_email == "a@example.com"


def test_the_address_of_an_expired_order_is_not_corrected():
    order = make_reserved_order()
    Order.objects.filter(pk=order.pk).update(status="expired")

    with pytest.raises(AddressNotCorrected):
        redirect_tickets(
            order_id=order.pk,
            was=order.customer_email,
            becomes="b@example.com",
            now=clock.now(),
        )


def test_a_mail_sent_to_the_old_address_during_a_correction_is_sent_to_the_new_one_too(
    queue: RecordingQueue,
):
    order, now = paid_order(), clock.now()

    def correct(moment: str) -> None:
        if moment == BEFORE:
            redirect_tickets(
                order_id=order.pk,
                was=order.customer_email,
                becomes="b@example.com",
                now=now,
            )

    with watched("ticketing.letters:HtmlMail.send", at=correct):
        deliver_tickets(order_id=order.pk, now=now - timedelta(seconds=1))
    issue_codes(order_id=order.pk, now=clock.now())
    deliver_tickets(order_id=order.pk, now=clock.now())

    assert [letter.to for letter in mail.outbox] == [["ana@example.com"], ["b@example.com"]]


def test_a_refusal_of_the_old_address_does_not_give_up_the_mail_to_the_corrected_one():
    order, now = paid_order(), clock.now()

    class RefusingTheOld(BaseEmailBackend):
        def send_messages(self, email_messages: object) -> int:
            redirect_tickets(
                order_id=order.pk,
                was=order.customer_email,
                becomes="b@example.com",
                now=now,
            )
            raise ses("MessageRejected")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mailing, "open_mail", RefusingTheOld)
        deliver_tickets(order_id=order.pk, now=now - timedelta(seconds=1))

    delivery = Delivery.objects.get()
    assert (delivery.failed_at, delivery.leased_until) == (None, None)


def staff_of(order: Order) -> Client:
    client = Client()
    client.force_login(make_user(organizer=order.event.organizer, is_staff=True))
    return client


def test_staff_find_a_mail_that_was_given_up_and_correct_its_address(queue: RecordingQueue):
    order = order_with_mail_given_up()
    staff, stranger = staff_of(order), staff_of(make_reserved_order())
    queue.sent.clear()
    listed = reverse("admin:tickets_delivery_changelist") + "?state=failed"
    page = reverse("admin:tickets_delivery_change", args=[order.delivery.pk])
    action = reverse("admin:tickets_delivery_correct_this", args=[order.delivery.pk])
    name = order.customer_name
    form = {
        "was_name": name,
        "name": name,
        "was_email": order.customer_email,
        "email": "ana@example.com",
    }

    assert order.code in staff.get(listed).content.decode()
    assert "The address cannot be mailed." in staff.get(page).content.decode()
    assert stranger.post(action, form).status_code == 403
    shown_form = staff.get(action)
    wrong = staff.post(action, form | {"email": "josé@example.com"})
    assert (shown_form.status_code, wrong.status_code) == (200, 200)
    order.refresh_from_db()
    assert order.customer_email == '"x\x01y"@example.com'
    stale = staff.post(action, form | {"was_email": "other@example.com"})
    assert [str(message) for message in get_messages(stale.wsgi_request)]
    staff.post(action, form)
    queue.run_all()

    assert [letter.to for letter in mail.outbox] == [["ana@example.com"]]
    # The first page after an act shows its message, which names the order.
    staff.get(page)
    assert order.code not in staff.get(listed).content.decode()
    act = Act.objects.get(subject_id=order.pk, type="order.customer_corrected")
    assert act.details == {"fields": ["email"]}


def test_the_page_of_a_mail_that_was_given_up_says_what_to_do_and_links_to_the_order():
    order = order_with_mail_given_up()

    page = (
        staff_of(order)
        .get(
            reverse("admin:tickets_delivery_change", args=[order.delivery.pk]),
            headers={"Accept-Language": "pt-BR"},
        )
        .content.decode()
    )

    assert "não entregue: corrija o endereço ou envie os ingressos de novo" in page
    assert reverse("admin:orders_order_change", args=[order.pk]) in page
    assert "(&#x27;failed" not in page


def test_staff_resend_a_mail_that_was_given_up_from_its_page_and_from_the_list(
    queue: RecordingQueue,
):
    order = paid_order()
    with refusing(ses("MessageRejected")):
        deliver_tickets(order_id=order.pk, now=clock.now())
    staff, pk = staff_of(order), order.delivery.pk
    queue.sent.clear()

    action = reverse("admin:tickets_delivery_resend_this", args=[pk])
    assert staff.get(action).status_code == 200
    assert queue.sent == []
    staff.post(action, {"confirmed": "yes"})
    staff.post(
        reverse("admin:tickets_delivery_changelist"),
        {"action": "resend_chosen", "_selected_action": [pk], "confirmed": "yes"},
    )

    assert queue.run_all() == [Message.DELIVER_TICKETS, Message.DELIVER_TICKETS]
    assert len(mail.outbox) == 1


def test_an_organizers_system_resends_a_mail_that_was_given_up(queue: RecordingQueue):
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get())
    with refusing(ses("MessageRejected")):
        deliver_tickets(order_id=order.pk, now=clock.now())

    response = as_organizer(event).post(f"/orders/{order.pk}/resend")
    queue.run_all()

    assert (response.status_code, len(mail.outbox)) == (202, 1)
