"""Only the owner of the email address can confirm a free order."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from events.models import Event, Organizer
from events.organizing import cancel_event
from events.stock.record import database_now
from orders.cancellation import cancel_order
from orders.confirmation import (
    ConfirmationNotValid,
    accept_payment,
    confirm_email,
    confirm_new_address,
    confirmation_token,
    send_confirmation,
)
from orders.correction import Contact
from orders.email_confirmation import EmailConfirmation
from orders.insertion import Customer, Reservation
from orders.models import Order, Payment
from orders.page_link import order_path
from orders.payment import OrderNotPayable, ReservationExpired
from orders.reservation import reserve_tickets
from tests.crash import BEFORE, crash, watched
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    as_user,
    make_event,
    make_reserved_order,
    make_user,
)
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock, mail_lease
from ticketing.mail_limit import TooManyMails
from ticketing.queue.messages import Message
from tickets.models import Ticket
from tickets.redelivery import correct_customer
from tickets.refund import refund_order
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
ENGLISH = {"Accept-Language": "en"}
LINK = re.compile(r"/orders/[0-9a-f-]{36}/confirmation\?token=(cnf_[0-9a-f]{64})")


def reserve(event: Event, *, email: str = "ana@example.com", language: str = "en") -> Reservation:
    return reserve_tickets(
        event_id=event.pk,
        wanted=2,
        customer=Customer("Buy my watches", email, language),
        now=clock.now(),
    )


def free_order(**fields: Any) -> Order:
    reservation = reserve(make_event(price="0.00", **fields))
    return Order.objects.select_related("event").get(pk=reservation.order_id)


def pay(order: Order, now: datetime | None = None) -> None:
    order.refresh_from_db()
    accept_payment(order=order, method="free", token="", now=now or clock.now())


def waiting_order(**fields: Any) -> Order:
    """Make a free order whose confirmation mail was requested."""
    order = free_order(**fields)
    pay(order)
    order.refresh_from_db()
    return order


def confirm(order: Order, token: str = "") -> None:
    confirm_email(order_id=order.pk, token=token or confirmation_token(order), now=clock.now())


def status_of(order: Order) -> str:
    return Order.objects.values_list("status", flat=True).get(pk=order.pk)


def page_of(order: Order, token: str) -> str:
    return f"/orders/{order.pk}/confirmation?token={token}"


def link_of(letter: Any) -> str:
    found = LINK.search(letter.body)
    assert found
    return found[0]


def test_a_free_order_waits_until_its_buyer_confirms_and_then_is_paid(
    api: APIClient, queue: RecordingQueue
):
    event = make_event(price="0.00", capacity=5)
    reservation = reserve(event)
    buyer, path = as_bearer(reservation.token.text), f"/orders/{reservation.order_id}"
    before = buyer.get(path).json()["email_confirmation"]

    accepted = buyer.post(f"{path}/payment", {"method": "free"})
    ran = queue.run_all()

    assert before is None
    assert (accepted.status_code, accepted.json()["status"]) == (202, "reserved")
    assert accepted.json()["email_confirmation"] == "waiting"
    assert ran == [Message.SEND_CONFIRMATION]
    assert not Payment.objects.exists()
    (letter,) = mail.outbox
    assert letter.to == ["ana@example.com"]
    token = link_of(letter).partition("token=")[2]

    confirmed = api.post(f"{path}/confirmation", {"token": token})
    queue.run_all()

    assert (confirmed.status_code, confirmed.json()["status"]) == (202, "processing")
    assert confirmed.json()["email_confirmation"] == "confirmed"
    shown = buyer.get(path).json()
    assert (shown["status"], shown["email_confirmation"]) == ("paid", "confirmed")
    assert Ticket.objects.count() == 2
    assert api.get(f"/events/{event.slug}").json()["available"] == 3
    assert len(mail.outbox) == 2


def test_the_mail_shows_no_text_that_the_orderer_typed(queue: RecordingQueue):
    waiting_order()
    queue.run_all()

    (letter,) = mail.outbox
    assert "watches" not in letter.message().as_string()
    assert letter.message()["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("language", "subject"),
    [("en", "Confirm your email address: "), ("pt-br", "Confirme seu e-mail: ")],
)
def test_the_mail_is_in_the_buyers_language_as_text_and_html(
    language: str, subject: str, queue: RecordingQueue
):
    order = waiting_order()
    Order.objects.filter(pk=order.pk).update(language=language)
    Organizer.objects.update(name="Casa Azul", email="casa@example.com")
    queue.run_all()

    (letter,) = mail.outbox
    assert letter.reply_to == ["Casa Azul <casa@example.com>"]
    parts = {part.get_content_type(): part.get_content() for part in letter.message().iter_parts()}
    assert letter.subject.startswith(subject)
    assert set(parts) == {"text/plain", "text/html"}
    assert all(link_of(letter) in str(text) for text in parts.values())


def test_an_event_may_turn_off_the_confirmation(queue: RecordingQueue):
    order = free_order(confirms_free_orders=False)

    pay(order)

    assert status_of(order) == "processing"
    assert not EmailConfirmation.objects.exists()


def test_an_order_that_is_not_free_needs_no_confirmation():
    order = make_reserved_order()

    accept_payment(order=order, method="card", token="tok_approved", now=clock.now())

    assert status_of(order) == "processing"


def test_an_organizer_can_turn_off_the_confirmation_in_the_api():
    event = make_event(price="0.00")

    response = as_organizer(event).patch(f"/events/{event.slug}", {"confirms_free_orders": False})

    assert response.json()["confirms_free_orders"] is False
    assert make_event().confirms_free_orders is True


def test_opening_the_link_changes_nothing_and_its_button_confirms_once(
    api: APIClient, queue: RecordingQueue
):
    order = waiting_order()
    queue.run_all()
    path = link_of(mail.outbox[0])
    base, token = path.split("?token=")

    opened: list[Any] = [
        api.get(path),
        api.head(path),
        APIClient(headers={"Cookie": "a=b"}).get(path),
        api.get(base),
    ]
    assert status_of(order) == "reserved"
    clicks = [
        api.post(base, {"token": token}, format="multipart"),
        api.generic(
            "POST", base, f"token={token}", content_type="application/x-www-form-urlencoded"
        ),
    ]

    assert [page.status_code for page in opened] == [303, 303, 303, 200]
    assert b'<form class="card" method="post"' in opened[-1].content
    assert [click.status_code for click in clicks] == [303, 303]
    assert status_of(order) == "processing"
    assert queue.run_all().count(Message.SETTLE_ORDER) == 1
    assert {click["Location"] for click in clicks} == {order_path(order.pk)}
    after = api.get(order_path(order.pk), headers=ENGLISH)
    assert after.status_code == 200
    assert "Your tickets are ready for you" in after.content.decode()
    assert api.get(path, follow=True).redirect_chain[-1] == (order_path(order.pk), 303)


def test_the_token_of_the_link_leaves_the_address_and_opens_no_other_order(api: APIClient):
    order, other = waiting_order(), waiting_order()
    path = page_of(order, confirmation_token(order))
    clean = path.partition("?")[0]

    moved, wrong = api.get(path), Client().get(page_of(other, confirmation_token(order)))

    assert (moved.status_code, moved.headers["Location"]) == (303, clean)
    assert moved.headers["Referrer-Policy"] == "no-referrer"
    cookie = moved.cookies["confirm"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (clean, True, "Lax")
    assert api.get(clean).status_code == 200
    assert not wrong.cookies


def test_the_page_of_the_link_counts_down_by_the_servers_clock(api: APIClient):
    order = waiting_order()
    clean = page_of(order, "").partition("?")[0]
    stranger = Client().get(f"{clean}/state")
    api.get(page_of(order, confirmation_token(order)))

    page = api.get(clean, headers=ENGLISH).content.decode()
    now = api.get(f"{clean}/state").json()

    assert f'data-status="{clean}/state" data-state="confirming"' in page
    assert "Your tickets are kept until" in page
    assert 0 < now["left"] <= int(page.partition('data-milliseconds="')[2].partition('"')[0])
    assert now["state"] == "confirming"
    Order.objects.update(reserved_until=clock.now())
    assert api.get(f"{clean}/state").json() == {"state": "expired", "left": 0}
    assert (stranger.status_code, stranger.json()) == (404, {})


def test_the_link_of_a_refunded_order_leads_to_its_page(api: APIClient, queue: RecordingQueue):
    order = waiting_order()
    confirm(order)
    queue.run_all()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    path = page_of(order, confirmation_token(order))
    page: Any = api.get(path, follow=True, headers=ENGLISH).content.decode()

    assert "This order is refunded" in page


def test_the_page_has_no_link_to_a_response_of_the_api(api: APIClient):
    order = waiting_order()
    expire(order)

    path = page_of(order, confirmation_token(order))
    page: Any = api.get(path, follow=True, headers=ENGLISH).content.decode()

    assert "The time to confirm is over" in page
    assert 'href="/events/' not in page


def test_the_page_escapes_texts_and_sends_security_headers(api: APIClient, queue: RecordingQueue):
    order = waiting_order(name="<script>alert(1)</script> & Jazz")

    page = api.get(page_of(order, confirmation_token(order)), follow=True)

    text = page.content.decode()
    assert "<script>" not in text
    assert "style=" not in text
    assert "confirmation?token=" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Jazz" in text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Frame-Options"] == "DENY"


def test_the_page_is_in_the_language_of_the_mail_until_the_reader_chooses(api: APIClient):
    order = waiting_order()
    Order.objects.filter(pk=order.pk).update(language="pt-br")
    path = page_of(order, confirmation_token(order))

    page = api.get(path, follow=True, headers=ENGLISH).content.decode()
    chosen = api.get(f"{path.partition('?')[0]}?lang=en").content.decode()

    assert "Confirme seu e-mail" in page
    assert 'lang="pt-BR"' in page
    assert "Confirm your email" in chosen


def expire(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(reserved_until=database_now())


def cancel(order: Order) -> None:
    cancel_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())


def cancel_the_event(order: Order) -> None:
    cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())


@pytest.mark.parametrize(
    ("ends", "refusal", "status", "words"),
    [
        (expire, ReservationExpired, "expired", "The time to confirm is over"),
        (cancel, OrderNotPayable, "cancelled", "This order is cancelled"),
        (cancel_the_event, OrderNotPayable, "reserved", "The organizer has cancelled this event."),
    ],
)
def test_a_click_after_the_end_of_the_order_confirms_nothing_and_the_page_says_why(
    ends: Callable[[Order], None],
    refusal: type[Exception],
    status: str,
    words: str,
    api: APIClient,
):
    order = waiting_order()
    token = confirmation_token(order)
    ends(order)

    path = f"/orders/{order.pk}/confirmation"
    page: Any = api.post(path, {"token": token}, format="multipart", follow=True, headers=ENGLISH)
    with pytest.raises(refusal):
        confirm(order)

    assert (page.status_code, words in page.content.decode()) == (200, True)
    assert status_of(order) == status
    assert EmailConfirmation.objects.get().confirmed_at is None
    assert not Payment.objects.exists()


def test_a_click_that_would_exceed_the_customers_limit_is_explained_without_a_button(
    api: APIClient,
):
    first = waiting_order(max_per_customer=2)
    # From an IP address without tickets, so that the customer's other reservation does not count.
    reservation = reserve_tickets(
        event_id=first.event_id,
        wanted=2,
        customer=Customer("Ana", "ana@example.com", "en", address_digest="a" * 16),
        now=clock.now(),
    )
    second = Order.objects.select_related("event").get(pk=reservation.order_id)
    pay(second)
    confirm(first)

    path = page_of(second, "").partition("?")[0]
    page = api.post(path, {"token": confirmation_token(second)}, format="multipart")

    assert "Too many tickets for one person" in page.content.decode()
    assert b"<form" not in page.content
    assert (page.status_code, status_of(second)) == (200, "reserved")


def test_no_mail_is_sent_if_the_order_has_ended_before(queue: RecordingQueue):
    expire(waiting_order())

    queue.run_all()

    assert mail.outbox == []
    assert retry_waiting_work(now=clock.now() + timedelta(days=1)) == 0


@pytest.mark.parametrize("token", ["", "cnf_", "x", "cnf_" + "0" * 64, "é", "cnf_\x00"])
def test_a_token_that_is_not_the_orders_own_confirms_nothing(token: str, api: APIClient):
    order, other = waiting_order(), waiting_order()
    page: Any = api.get(page_of(order, "x"), follow=True)
    for wrong in (token, confirmation_token(other)):
        with pytest.raises(ConfirmationNotValid):
            confirm_email(order_id=order.pk, token=wrong, now=clock.now())

    assert (page.status_code, b"<form" in page.content) == (404, False)
    assert order.event.name not in page.content.decode()
    assert {status_of(order), status_of(other)} == {"reserved"}


def test_a_token_is_not_valid_if_no_confirmation_was_requested():
    order = free_order()

    with pytest.raises(ConfirmationNotValid):
        confirm_email(order_id=order.pk, token=confirmation_token(order), now=clock.now())


def test_a_link_stays_valid_while_secret_key_is_rotated(settings: Any):
    order = waiting_order()
    token = confirmation_token(order)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of the same kind, and long enough for anybody"

    assert confirmation_token(order) != token
    confirm(order, token)

    assert status_of(order) == "processing"


def test_a_corrected_address_gets_a_new_link_and_the_old_link_becomes_invalid(
    queue: RecordingQueue,
):
    order = waiting_order()
    old = confirmation_token(order)
    queue.run_all()

    correct_customer(
        order_id=order.pk,
        was=Contact(order.customer_name, "ana@example.com"),
        becomes=Contact(order.customer_name, "eva@example.com"),
        actor=SOMEBODY,
        now=clock.now(),
    )
    queue.run_all()

    assert [letter.to for letter in mail.outbox] == [["ana@example.com"], ["eva@example.com"]]
    with pytest.raises(ConfirmationNotValid):
        confirm(order, old)
    order.refresh_from_db()
    confirm(order)
    assert status_of(order) == "processing"


def test_a_click_does_not_confirm_an_address_that_is_corrected_during_the_click():
    order = waiting_order()
    # Another order with the same old address, which must not make the check succeed.
    waiting_order()

    def correct(moment: str) -> None:
        if moment == BEFORE:
            Order.objects.filter(pk=order.pk).update(customer_email="eva@example.com")

    with (
        watched("orders.confirmation:confirm_payment", at=correct),
        pytest.raises(ConfirmationNotValid),
    ):
        confirm(order)

    assert status_of(order) == "reserved"
    assert not Payment.objects.exists()


def test_two_clicks_at_once_confirm_once(queue: RecordingQueue):
    order = waiting_order()
    queue.sent.clear()

    outcomes = race(*[lambda: confirm(order)] * 4)

    assert outcomes == [None] * 4
    assert Payment.objects.count() == 1
    assert queue.sent == [(Message.SETTLE_ORDER, {"order_id": str(order.pk)})]


def test_a_repeated_payment_sends_the_mail_again_at_most_three_times(queue: RecordingQueue):
    order, start = free_order(), clock.now()
    for second in range(5):
        pay(order, start + timedelta(seconds=second))
    queue.run_all()
    at_once = len(mail.outbox)

    for minute in (1, 2):
        pay(order, start + minute * MINUTE)
        queue.run_all()
    with pytest.raises(TooManyMails) as refused:
        pay(order, start + 3 * MINUTE)

    assert (at_once, len(mail.outbox)) == (1, 3)
    assert len({link_of(letter) for letter in mail.outbox}) == 1
    assert 0 < (refused.value.retry_after or 0) <= 12 * 60
    confirm(order)
    assert status_of(order) == "processing"


def test_concurrent_payments_of_one_free_order_send_one_mail(queue: RecordingQueue):
    order = free_order()

    outcomes = race(*[lambda: pay(order)] * 6)
    queue.run_all()

    assert outcomes == [None] * 6
    assert len(mail.outbox) == 1


def test_an_address_gets_no_more_mails_in_an_hour_than_allowed_from_all_events_together(
    settings: Any, queue: RecordingQueue
):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 3
    refused = 0
    for number in range(8):
        reservation = reserve(make_event(price="0.00"), email=f"Eva+{number}@Example.com")
        buyer = as_bearer(reservation.token.text)
        response = buyer.post(f"/orders/{reservation.order_id}/payment", {"method": "free"})
        if response.status_code == 429:
            refused += 1
            assert response.json()["code"] == "too_many_mails"
            assert int(response.headers["Retry-After"]) > 0
            shown = buyer.get(f"/orders/{reservation.order_id}").json()
            assert (shown["status"], shown["email_confirmation"]) == ("reserved", None)
    queue.run_all()

    assert (refused, len(mail.outbox)) == (5, 3)


def test_concurrent_orders_cannot_exceed_the_limit_of_mails(settings: Any, queue: RecordingQueue):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 1
    orders = [free_order() for _order in range(4)]

    outcomes = race(*[partial(pay, order) for order in orders])

    assert sum(isinstance(outcome, TooManyMails) for outcome in outcomes) == 3
    assert len(queue.sent) == 1


def test_a_retried_payment_gets_the_stored_response_and_sends_no_second_mail(
    queue: RecordingQueue,
):
    reservation = reserve(make_event(price="0.00"))
    buyer = as_bearer(reservation.token.text)

    def send() -> Any:
        return buyer.post(
            f"/orders/{reservation.order_id}/payment",
            {"method": "free"},
            headers={"Idempotency-Key": "one"},
        )

    first = send()
    EmailConfirmation.objects.update(asked_at=clock.now() - 2 * MINUTE)
    retried = send()
    queue.run_all()

    assert (first.status_code, retried.status_code) == (202, 202)
    assert retried.headers["Idempotent-Replayed"] == "true"
    assert retried.json() == first.json()
    assert len(mail.outbox) == 1


def test_no_more_mails_are_sent_to_an_address_that_ses_refuses(
    monkeypatch: pytest.MonkeyPatch, queue: RecordingQueue
):
    order = waiting_order()
    Order.objects.filter(pk=order.pk).update(customer_email="josé@example.com")

    queue.run_all()

    confirmation = EmailConfirmation.objects.get()
    assert "cannot be mailed" in confirmation.failure
    assert confirmation.leased_until is None
    assert retry_waiting_work(now=clock.now() + timedelta(days=1)) == 0


def test_a_repeated_message_sends_one_mail():
    order, now = waiting_order(), clock.now()

    send_confirmation(order_id=order.pk, now=now)
    send_confirmation(order_id=order.pk, now=now)
    EmailConfirmation.objects.update(sent_at=None, leased_until=now + MINUTE)
    send_confirmation(order_id=order.pk, now=now)

    assert len(mail.outbox) == 1


def test_after_a_failure_to_send_the_next_worker_can_send_at_once(
    monkeypatch: pytest.MonkeyPatch,
):
    order = waiting_order()

    def fail(letter: Any) -> int:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr("ticketing.letters.HtmlMail.send", fail)
        with pytest.raises(ConnectionError):
            send_confirmation(order_id=order.pk, now=clock.now())
    send_confirmation(order_id=order.pk, now=clock.now())

    assert len(mail.outbox) == 1
    assert EmailConfirmation.objects.get().sent_at is not None


def test_staff_can_correct_the_address_of_an_order_that_waits(queue: RecordingQueue):
    order = waiting_order()
    queue.run_all()
    staff = as_user(make_user(organizer=order.event.organizer, is_staff=True))
    name = order.customer_name
    form = {
        "was_name": name,
        "name": name,
        "was_email": "ana@example.com",
        "email": "eva@example.com",
    }

    page = reverse("admin:orders_order_correct_this", args=[order.pk])
    form_page = staff.get(page)
    staff.post(page, form, format="multipart")
    queue.run_all()

    assert "ana@example.com" in form_page.content.decode()
    assert [letter.to for letter in mail.outbox] == [["ana@example.com"], ["eva@example.com"]]


def correct(order: Order, email: str = "eva@example.com") -> None:
    with transaction.atomic():
        Order.objects.filter(pk=order.pk).update(customer_email=email)
        confirm_new_address(order_id=order.pk, now=clock.now())


def test_a_corrected_address_gets_a_mail_for_its_own_order_only(queue: RecordingQueue):
    others = [waiting_order(), free_order()]
    order = waiting_order()
    queue.sent.clear()

    correct(order)

    assert queue.sent == [(Message.SEND_CONFIRMATION, {"order_id": str(order.pk)})]
    assert {status_of(other) for other in others} == {"reserved"}


def test_a_corrected_address_of_an_order_that_does_not_wait_gets_no_mail(queue: RecordingQueue):
    waiting_order()
    not_requested, ended = free_order(), waiting_order()
    cancel(ended)
    queue.sent.clear()

    for order in (not_requested, ended):
        correct(order)

    assert queue.sent == []


def test_the_confirmation_of_another_order_does_not_confirm_this_one():
    first = waiting_order()
    confirm(first)
    second = waiting_order()
    cancel(second)

    with pytest.raises(OrderNotPayable):
        confirm(second)


def test_every_confirmation_by_one_link_stores_its_response():
    order, stored = waiting_order(), []
    for _ in range(2):
        confirm_email(
            order_id=order.pk,
            token=confirmation_token(order),
            now=clock.now(),
            store_response=lambda confirmed: stored.append(confirmed.pk),
        )

    assert stored == [order.pk] * 2


def test_no_mail_is_sent_or_leased_exactly_at_the_end_of_the_order():
    order = waiting_order()

    send_confirmation(order_id=order.pk, now=order.reserved_until)

    confirmation = EmailConfirmation.objects.get()
    assert (mail.outbox, confirmation.leased_until) == ([], None)
    assert confirmation.sent_at == order.reserved_until


def test_a_mail_that_is_requested_while_another_is_sent_stays_open(
    monkeypatch: pytest.MonkeyPatch,
):
    order = waiting_order()
    send = mail_lease.send_mail  # type: ignore[attr-defined]

    def send_while_another_is_requested(letter: Any) -> None:
        EmailConfirmation.objects.update(asked_at=clock.now() + MINUTE)
        send(letter)

    monkeypatch.setattr(mail_lease, "send_mail", send_while_another_is_requested)
    send_confirmation(order_id=order.pk, now=clock.now())

    row = EmailConfirmation.objects.get()
    assert (len(mail.outbox), row.sent_at, row.leased_until) == (1, None, None)


@pytest.mark.parametrize(
    ("end", "refusal"), [(expire, ReservationExpired), (cancel_the_event, OrderNotPayable)]
)
def test_no_mail_is_requested_for_an_order_that_has_ended(
    end: Callable[[Order], None], refusal: type[Exception], queue: RecordingQueue
):
    order = free_order()
    end(order)
    queue.sent.clear()
    order = Order.objects.select_related("event").get(pk=order.pk)

    with pytest.raises(refusal):
        pay(order)

    assert not EmailConfirmation.objects.exists()
    assert Message.SEND_CONFIRMATION not in {message for message, _ in queue.sent}


def test_a_repeated_payment_clears_an_earlier_refusal_of_ses(queue: RecordingQueue):
    order, start = free_order(), clock.now()
    pay(order, start)
    EmailConfirmation.objects.update(
        failed_at=start, failure="SES: refused", asks=7, ask_again_at=start + timedelta(days=1)
    )
    later = start + 2 * MINUTE

    pay(order, later)

    row = EmailConfirmation.objects.get()
    assert (row.asked_at, row.failed_at, row.failure, row.asks) == (later, None, "", 0)
    assert row.ask_again_at == later + 2 * MINUTE
    queue.run_all()
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("ended", ["failed_at", "confirmed_at"])
def test_a_late_message_sends_no_mail_after_a_refusal_or_a_confirmation(ended: str):
    order, now = waiting_order(), clock.now()
    EmailConfirmation.objects.update(**{ended: now})

    send_confirmation(order_id=order.pk, now=now)

    assert mail.outbox == []


def test_the_lease_of_a_worker_that_died_ends_after_90_seconds():
    order, now = waiting_order(), clock.now()
    with crash(BEFORE, "ticketing.mail_lease:send_mail"):
        send_confirmation(order_id=order.pk, now=now)
    lease = timedelta(seconds=90)

    send_confirmation(order_id=order.pk, now=now + lease - timedelta(microseconds=1))
    during = len(mail.outbox)
    send_confirmation(order_id=order.pk, now=now + lease)

    assert (during, len(mail.outbox)) == (0, 1)


def test_a_cancelled_order_requests_no_mail_while_another_order_could(queue: RecordingQueue):
    order, _other = free_order(), free_order()
    cancel_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    queue.sent.clear()

    with pytest.raises(OrderNotPayable):
        pay(order)

    assert queue.sent == []


def test_a_click_that_loses_the_race_stores_its_response_too():
    order = waiting_order()
    stored: list[Order] = []
    others: list[str] = []

    def confirm_first(now: str) -> None:
        if now == BEFORE and not others:
            others.append("another click")
            confirm_email(order_id=order.pk, token=token, now=clock.now())

    token = confirmation_token(order)
    with watched("orders.confirmation:confirm_payment", at=confirm_first):
        confirm_email(order_id=order.pk, token=token, now=clock.now(), store_response=stored.append)

    assert [each.pk for each in stored] == [order.pk]
