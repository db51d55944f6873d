"""The pages of an order until it is paid, and after it has ended."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from events.models import Event, HolderNames, QuestionKind, QuestionScope, RefundMode, RefundPolicy
from events.organizing import cancel_event
from events.terms import Texts, save_terms
from orders.cancellation import cancel_order
from orders.confirmation import accept_payment, confirm_email, confirmation_token
from orders.insertion import Customer
from orders.models import Order, PixCharge, SimulatedPix
from orders.page_link import order_path
from orders.pix import request_pix, settle_pix
from orders.reservation import reserve_tickets
from tests.browser.shown.page import Shown, browser, browser_of, get, post
from tests.make import (
    SOMEBODY,
    make_event,
    make_paid_order,
    make_processing_order,
    make_promo_code,
    make_question,
    make_reservation,
    make_reserved_order,
)
from ticketing import clock
from ticketing.ids import new_id
from tickets.refund import refund_order
from tickets.settlement import settle_order

_NOWHERE = "00000000-0000-4000-8000-000000000000"


def order_page() -> Iterator[Shown]:
    yield from _unpaid_orders()
    yield from _paid_orders()
    yield from _ended_orders()


def _unpaid_orders() -> Iterator[Shown]:
    event = make_event(price="80.00")
    make_promo_code(event=event, code="AMIGOS")
    reservation = make_reservation(
        ticket_type=event.ticket_types.get(), quantity=2, promo_code="AMIGOS"
    )
    order = Order.objects.get(pk=reservation.order_id)
    yield _look("to pay", order)
    yield _look("to pay by card", order, "?way=card")
    request_pix(order=order, now=clock.now())
    yield _look("to pay by card beside a Pix", order, "?way=card")
    texts = Texts(sale_pt="Sem troca.", sale_en="No exchange.")
    save_terms(
        organizer_id=event.organizer_id,
        texts=texts,
        is_required=True,
        actor=SOMEBODY,
        now=clock.now(),
    )
    yield _send("terms not accepted", order, "pay", method="card", token="tok_approved")
    yield _look("answers are missing", make_reserved_order(ticket_type=asking().ticket_types.get()))
    free = make_reserved_order(ticket_type=make_event(price="0.00").ticket_types.get())
    yield _look("free", free)
    accept_payment(order=free, method="free", token="", now=clock.now())
    yield _look("to confirm", free)
    yield _look("processing", make_processing_order())


def _paid_orders() -> Iterator[Shown]:
    event = asking(is_required=False)
    RefundPolicy.objects.create(
        organizer=event.organizer, mode=RefundMode.APPROVAL, days_before_start=1
    )
    kind = event.ticket_types.get()
    early = make_processing_order(ticket_type=kind)
    settle_order(order_id=early.pk, now=clock.now())
    yield _look("paid, before its codes", early)
    paid = make_paid_order(ticket_type=kind, quantity=2)
    yield _look("paid", paid)
    cancel_event(event_id=event.pk, note="Chuva.", actor=SOMEBODY, now=clock.now())
    yield _look("its event is cancelled", paid)
    refund_order(order_id=paid.pk, reason="", actor=SOMEBODY, now=clock.now())
    yield _look("refunded", paid)


def _ended_orders() -> Iterator[Shown]:
    declined = make_processing_order(token="tok_declined")
    settle_order(order_id=declined.pk, now=clock.now())
    yield _look("declined", declined)
    expired = make_reserved_order()
    _end(expired)
    yield _look("expired", expired)
    yield _send("paid too late", expired, "pay", method="card", token="tok_approved")
    Event.objects.filter(pk=expired.event_id).update(sales_end_at=clock.now())
    yield _look("expired after the sales", expired)
    cancelled = make_reserved_order()
    cancel_order(order_id=cancelled.pk, actor=SOMEBODY, now=clock.now())
    yield _look("cancelled", cancelled)
    yield get("without its link", f"/o/{_NOWHERE}/")


def details_page() -> Iterator[Shown]:
    event = asking()
    order = make_reserved_order(ticket_type=event.ticket_types.get(), quantity=2)
    yield _look("questions", order, "details/")
    yield _send("wrong answers", order, "details/", **{"answer-0": "x" * 2000})
    late = make_reserved_order(ticket_type=event.ticket_types.get())
    _end(late)
    yield _send("after the hold", late, "details/", **{"answer-0": "Nozes", "answer-1": "M"})
    Event.objects.filter(pk=event.pk).update(answers_until=clock.now() - timedelta(seconds=1))
    yield _look("too late to answer", order, "details/")


def contact_page() -> Iterator[Shown]:
    # Only the browser that has reserved corrects, so a link of a mail does not do.
    kind = make_event(price="0.00").ticket_types.get()
    one, reservation = browser(), make_reservation(ticket_type=kind)
    one.cookies["order"] = reservation.token.text
    path = f"{order_path(reservation.order_id)}contact/"
    yield get("name and address", path, one)
    wrong = {"name": "", "email": "ana@", "email_again": "bia@example.com"}
    yield post("mistakes", path, wrong, one)
    free = Order.objects.select_related("event").get(pk=reservation.order_id)
    accept_payment(order=free, method="free", token="", now=clock.now())
    yield get("while the confirmation waits", path, one)
    Order.objects.filter(pk=free.pk).update(reserved_until=clock.now())
    right = {"name": "Bia Lima", "email": "bia@example.com", "email_again": "bia@example.com"}
    yield post("after the hold", path, right, one)


def pix_page() -> Iterator[Shown]:
    order = make_reserved_order(quantity=2)
    yield _look("before the code", order, "pix/")
    Order.objects.filter(pk=order.pk).update(reserved_until=clock.now() + timedelta(minutes=1))
    yield _send("too little time", order, "pix/", act="request")
    Order.objects.filter(pk=order.pk).update(reserved_until=clock.now() + timedelta(minutes=15))
    browser_of(order).post(f"{order_path(order.pk)}pix/", {"act": "request"})
    yield _look("waiting", order, "pix/")
    yield _look("not there yet", order, "pix/?asked=yes")
    seen = make_reserved_order()
    browser_of(seen).post(f"{order_path(seen.pk)}pix/", {"act": "simulate"})
    yield _look("arrived", seen, "pix/")
    _end(order)
    PixCharge.objects.filter(order=order).update(expires_at=clock.now() - timedelta(seconds=1))
    yield _look("over", order, "pix/")
    SimulatedPix.objects.filter(pk=order.pk).update(paid_at=clock.now())
    browser_of(order).post(f"{order_path(order.pk)}pix/", {"act": "check"})
    yield _look("being returned", order, "pix/")
    settle_pix(order_id=order.pk, now=clock.now())
    yield _look("returned", order, "pix/")


def confirmation_page() -> Iterator[Shown]:
    event = make_event(price="0.00", max_per_customer=2)
    first, second = _confirming(event, "a"), _confirming(event, "b")
    path = f"/orders/{second.pk}/confirmation"
    yield get("unknown link", path)
    one = browser()
    one.get(path, {"token": confirmation_token(second)})
    yield get("to confirm", path, one)
    confirm_email(order_id=first.pk, token=confirmation_token(first), now=clock.now())
    yield post("too many for one person", path, {"token": confirmation_token(second)}, one)


def _confirming(event: Event, address: str) -> Order:
    """Reserve from an IP address of its own: only tickets of the same one count before the mail."""
    reservation = reserve_tickets(
        event_id=event.pk,
        wanted=2,
        customer=Customer("Ana Souza", "ana@example.com", "pt-br", address_digest=address * 16),
        now=clock.now(),
    )
    order = Order.objects.select_related("event").get(pk=reservation.order_id)
    accept_payment(order=order, method="free", token="", now=clock.now())
    return order


def asking(*, is_required: bool = True) -> Event:
    """Make an event that asks its buyers everything that can be asked."""
    event = make_event(
        price="80.00", holder_names=HolderNames.REQUIRED if is_required else HolderNames.OPTIONAL
    )
    make_question(event=event, label="Alguma alergia?", help_text="Para a cozinha.")
    make_question(
        event=event,
        label="Tamanho da camiseta",
        kind=QuestionKind.CHOICE,
        choices=["P", "M"],
        scope=QuestionScope.TICKET,
        is_required=is_required,
    )
    make_question(event=event, label="Vem de ônibus?", kind=QuestionKind.YES_NO)
    make_question(event=event, label="Dias", kind=QuestionKind.CHOICES, choices=["Sexta", "Sábado"])
    return event


def _look(state: str, order: Order, page: str = "") -> Shown:
    return get(state, f"{order_path(order.pk)}{page}", browser_of(order))


def _send(state: str, order: Order, page: str, **fields: Any) -> Shown:
    fields["form_key"] = str(new_id())
    return post(state, f"{order_path(order.pk)}{page}", fields, browser_of(order))


def _end(order: Order) -> None:
    past = clock.now() - timedelta(seconds=1)
    Order.objects.filter(pk=order.pk).update(reserved_until=past)
