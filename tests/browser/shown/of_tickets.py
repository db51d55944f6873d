"""The pages about tickets: showing, naming, handing on, giving back, finding."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from events.models import Event, RefundMode, RefundPolicy
from orders.models import Order
from orders.page_link import order_path
from tests.browser.shown.of_orders import asking
from tests.browser.shown.page import Shown, browser, browser_of, get, post
from tests.make import SOMEBODY, make_event, make_paid_order, make_reserved_order, make_transfer
from ticketing import clock
from ticketing.ids import new_id
from tickets.models import OrderListMail, Ticket, Transfer
from tickets.order_list import ask_for_orders, list_token
from tickets.refund import refund_tickets
from tickets.refund_requests import request_refund
from tickets.replacement import revoke_ticket
from tickets.transfers.accepting import accept_transfer
from tickets.transfers.links import transfer_link
from tickets.transfers.offering import NewHolder, offer_ticket

_NOWHERE = "00000000-0000-4000-8000-000000000000"
_BIA = "bia@example.com"


def tickets_page() -> Iterator[Shown]:
    order = make_paid_order(quantity=6)
    used, revoked, refunded, offered, handed_on, _valid = Ticket.objects.of_order(order.pk)
    Ticket.objects.filter(pk=used.pk).update(status="used", used_at=clock.now())
    revoke_ticket(ticket_id=revoked.pk, actor=SOMEBODY, now=clock.now())
    refund_tickets(order_id=order.pk, ticket_ids=[refunded.pk], actor=SOMEBODY, now=clock.now())
    make_transfer(ticket=offered, email=_BIA, accepted=False)
    make_transfer(ticket=handed_on, email=_BIA)
    yield _look("six tickets", order, "tickets")
    Event.objects.filter(pk=order.event_id).update(status="cancelled")
    yield _look("its event is cancelled", order, "tickets")
    yield _look("one ticket", make_paid_order(), "tickets")


def names_page() -> Iterator[Shown]:
    event = asking()
    order = make_reserved_order(ticket_type=event.ticket_types.get(), quantity=2)
    yield _look("before the payment", order, "names/")
    yield _send("a name is missing", order, "names/", **{"name-0": "www.casino.example"})
    Order.objects.filter(pk=order.pk).update(reserved_until=clock.now() - timedelta(seconds=1))
    yield _send("after the hold", order, "names/", **{"name-0": "Bia Lima", "name-1": "Caio Reis"})
    sold = make_paid_order(ticket_type=make_event().ticket_types.get(), quantity=2)
    yield _look("sold, no names were asked", sold, "names/")
    Event.objects.filter(pk=sold.event_id).update(holder_names="optional")
    yield _look("sold", sold, "names/")
    Event.objects.filter(pk=sold.event_id).update(answers_until=clock.now() - timedelta(seconds=1))
    yield _look("too late", sold, "names/")


def transfer_page() -> Iterator[Shown]:
    order = make_paid_order(quantity=2)
    first, second = Ticket.objects.of_order(order.pk)
    yield _look("offer", order, "tickets/1/transfer")
    yield _send("a wrong address", order, "tickets/1/transfer", name="", email="bia@")
    offer = make_transfer(ticket=first, email=_BIA, accepted=False)
    yield _look("offered", order, "tickets/1/transfer")
    offer.mails.update(failed_at=clock.now())
    yield _look("the mail failed", order, "tickets/1/transfer")
    make_transfer(ticket=second, email=_BIA)
    yield _look("handed on", order, "tickets/2/transfer")
    Event.objects.filter(pk=order.event_id).update(allows_transfers=False)
    yield _look("not allowed", order, "tickets/2/transfer")


def accepting_page() -> Iterator[Shown]:
    transfer = make_transfer(ticket=_ticket(), email=_BIA, accepted=False)
    yield get("without its link", f"/transfer/{_NOWHERE}/")
    yield _open("offered", transfer)
    yield _open("no name", transfer, name="")
    Transfer.objects.filter(pk=transfer.pk).update(withdrawn_at=clock.now())
    yield _open("taken back", transfer)
    accepted = make_transfer(ticket=_ticket(), email=_BIA)
    yield _open("accepted", accepted)
    _hand_on(accepted, accept=False)
    yield _open("offered onward", accepted)
    handed_on = make_transfer(ticket=_ticket(), email=_BIA)
    _hand_on(handed_on, accept=True)
    yield _open("handed on", handed_on)


def onward_page() -> Iterator[Shown]:
    accepted = make_transfer(ticket=_ticket(), email=_BIA)
    yield _open("offer", accepted, "offer")
    _hand_on(accepted, accept=False)
    yield _open("offered", accepted, "offer")


def reminders_page() -> Iterator[Shown]:
    order = make_paid_order()
    yield _look("on", order, "reminders")
    browser_of(order).post(f"{order_path(order.pk)}reminders")
    yield _look("stopped", order, "reminders")


def holders_reminders_page() -> Iterator[Shown]:
    yield _open("on", make_transfer(ticket=_ticket(), email=_BIA), "reminders")


def refund_page() -> Iterator[Shown]:
    order = make_paid_order(quantity=2)
    yield _look("not offered", order, "refund")
    RefundPolicy.objects.create(
        organizer=order.event.organizer, mode=RefundMode.APPROVAL, days_before_start=1
    )
    yield _look("choice", order, "refund")
    yield _send("nothing chosen", order, "refund")
    ids = [ticket.pk for ticket in Ticket.objects.of_order(order.pk)]
    yield _send("the sum", order, "refund", tickets=[str(each) for each in ids])
    request_refund(order=order, ticket_ids=ids, reason="", now=clock.now())
    yield _look("asked for", order, "refund")


def find_page() -> Iterator[Shown]:
    yield get("to fill in", "/find")
    yield post("a wrong address", "/find", {"email": "ana@"})


def asked_page() -> Iterator[Shown]:
    yield get("asked", "/find/sent")


def list_page() -> Iterator[Shown]:
    yield get("unknown link", f"/find/{_NOWHERE}/")
    order, _other = make_paid_order(), make_reserved_order()
    yield _list("orders", order.customer_email)
    yield _list("sent again", order.customer_email, f"?sent={order.code}")
    yield _list("sent a moment ago", order.customer_email, "?sent=no")
    yield _list("no orders", "nobody@example.com")


def _ticket() -> Ticket:
    return Ticket.objects.of_order(make_paid_order().pk).get()


def _hand_on(accepted: Transfer, *, accept: bool) -> None:
    """Let the holder offer the ticket to a third person."""
    ticket, now = Ticket.objects.get(transfer=accepted), clock.now()
    offer = offer_ticket(
        order_id=ticket.order_id,
        ticket_id=ticket.pk,
        to=NewHolder("Caio Reis", "caio@example.com", "pt-br"),
        actor=SOMEBODY,
        now=now,
        giver=accepted.pk,
    )
    if accept:
        accept_transfer(transfer_id=offer.pk, holder_name="Caio Reis", now=now)


def _look(state: str, order: Order, page: str) -> Shown:
    order = Order.objects.get(pk=order.pk)
    return get(state, f"{order_path(order.pk)}{page}", browser_of(order))


def _send(state: str, order: Order, page: str, **fields: Any) -> Shown:
    sent = {"form_key": str(new_id()), **fields}
    return post(state, f"{order_path(order.pk)}{page}", sent, browser_of(order))


def _open(state: str, transfer: Transfer, page: str = "", **fields: str) -> Shown:
    one, path = browser(), f"/transfer/{transfer.pk}/{page}"
    one.get(transfer_link(transfer).removeprefix("http://localhost:8000"))
    return post(state, path, fields, one) if fields else get(state, path, one)


def _list(state: str, email: str, query: str = "") -> Shown:
    ask_for_orders(email=email, language="pt-br", now=clock.now())
    asked, one = OrderListMail.objects.get(email=email), browser()
    one.get(f"/find/{asked.pk}/", {"token": list_token(asked)})
    return get(state, f"/find/{asked.pk}/{query}", one)
