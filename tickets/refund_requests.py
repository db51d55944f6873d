"""Refunds that buyers ask for: what the policy offers, the request, and the decision of staff."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import IntegrityError, transaction

from events.models import EventStatus, RefundMode
from events.refund_policies import refund_deadline, refund_policy_of
from orders.access import buyer_of
from orders.models import GATEWAY_METHODS, Order, OrderStatus, Payment
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from tickets.mail_request import new_mail_request
from tickets.models import RefundRequest, RequestState, Ticket, TicketStatus
from tickets.outgoing import close_mail, lease_mail, send_leased_mail
from tickets.refund import refund_tickets
from tickets.refund_request_mails import compose_decline_mail, compose_request_mail


@dataclass(frozen=True, slots=True)
class RefundOffer:
    """What a buyer may ask back now: these tickets, until then, and whether staff must approve."""

    tickets: list[Ticket]
    deadline: datetime
    is_automatic: bool


class RefundNotOffered(Conflict):
    """The policy of the event does not allow it, its time is over, or a ticket was used."""

    code = "refund_not_offered"
    title = "These tickets cannot be given back"


class RefundRequested(Conflict):
    """The buyer has asked already, and staff have not decided yet."""

    code = "refund_requested"
    title = "A refund was requested already"


class RequestDecided(Conflict):
    """Another member of staff has decided the request."""

    code = "request_decided"
    title = "This request was decided already"


def offer_refund(order: Order, *, now: datetime) -> RefundOffer | None:
    """
    Return what the buyer of an order may ask back, or None. `order` has its event.

    A ticket that was used or handed on to another person is not the buyer's to give back. Orders
    that staff sold are refunded by staff.
    """
    event, payment = order.event, Payment.objects.filter(order=order).first()
    if order.status != OrderStatus.PAID or event.status != EventStatus.PUBLISHED:
        return None
    if payment is None or payment.method not in GATEWAY_METHODS or order.paid_at is None:
        return None
    policy = refund_policy_of(event)
    if policy is None:
        return None
    deadline = refund_deadline(policy, event, paid_at=order.paid_at)
    tickets = list(_own_tickets(order))
    if now > deadline or not tickets:
        return None
    return RefundOffer(tickets, deadline, policy.mode == RefundMode.AUTOMATIC)


def open_request(order: Order) -> RefundRequest | None:
    """Return the request of an order that staff have not decided yet."""
    return RefundRequest.objects.filter(order=order, state=RequestState.OPEN).first()


def tickets_to_refund(request: RefundRequest) -> list[Ticket]:
    """
    Return those of the requested tickets that are still the buyer's to give back.

    A ticket with a new code counts as the requested one that it replaces. One that was used or
    handed on since the request does not count.
    """
    requested = Ticket.objects.filter(pk__in=request.ticket_ids)
    places = set(requested.values_list("order_item_id", "position"))
    own = _own_tickets(request.order)
    return [ticket for ticket in own if (ticket.order_item_id, ticket.position) in places]


def request_refund(
    *,
    order: Order,
    ticket_ids: Collection[UUID],
    reason: str,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> bool:
    """
    Ask for the money of some tickets, for the buyer. Return whether it was refunded at once.

    `store_response` stores the response in the transaction that refunds or writes the request.

    :raises RefundNotOffered: if the policy does not allow it now, or not for one of the tickets
    :raises RefundRequested: if an earlier request is still open
    :raises OrderNotRefundable, TicketNotOfOrder: as `refund_tickets`
    """
    offer = offer_refund(order, now=now)
    offered = {ticket.pk for ticket in offer.tickets} if offer else set()
    if offer is None or not ticket_ids or not offered.issuperset(ticket_ids):
        raise RefundNotOffered("The organizer does not take these tickets back now.")
    if open_request(order) is not None:
        raise RefundRequested("Wait for the decision of the organizer.")
    if offer.is_automatic:
        refund_tickets(
            order_id=order.pk,
            ticket_ids=ticket_ids,
            actor=buyer_of(order),
            now=now,
            check=partial(_keep_unused, ticket_ids),
            store_response=store_response,
        )
        return True
    _write_request(order, ticket_ids, reason, now, store_response)
    return False


def approve_request(*, request_id: UUID, actor: Actor, now: datetime) -> None:
    """
    Refund the requested tickets, and close the request. The mail about the refund tells the buyer.

    Tickets that were refunded since do not count. If the process dies between the two, the request
    is still open, and a repeat refunds nothing twice.

    :raises RequestDecided: if it was decided before
    :raises RefundNotOffered: if none of the tickets is the buyer's to give back any more, or one of
        them is used or handed on at the same moment
    :raises OrderNotRefundable: if the order is not paid any more
    """
    request = _open(request_id)
    tickets = tickets_to_refund(request)
    if tickets:
        refund_tickets(
            order_id=request.order_id,
            ticket_ids=[ticket.pk for ticket in tickets],
            actor=actor,
            now=now,
            check=partial(_keep_unused, [ticket.pk for ticket in tickets]),
        )
    elif not Ticket.objects.filter(pk__in=request.ticket_ids, refunded_at__isnull=False).exists():
        raise RefundNotOffered("The tickets were used, handed on or exchanged since the request.")
    with transaction.atomic(durable=True):
        if not _decide(request, RequestState.APPROVED, "", now):
            return
        close_mail(request, now=now)


@transaction.atomic(durable=True)
def decline_request(*, request_id: UUID, answer: str, actor: Actor, now: datetime) -> None:
    """
    Decline a request. The buyer gets a mail with the answer of staff.

    :raises RequestDecided: if it was decided before
    """
    request = _open(request_id)
    if not _decide(request, RequestState.DECLINED, answer, now):
        raise RequestDecided("Reload the page: the request was decided meanwhile.")
    RefundRequest.objects.filter(pk=request.pk).update(**new_mail_request(now=now), goes_at=None)
    record_act(
        act=ActType.ORDER_REFUND_DECLINED,
        actor=actor,
        subject_id=request.order_id,
        organizer_id=request.order.event.organizer_id,
        at=now,
    )
    send_after_commit(Message.SEND_REFUND_REQUEST, refund_request_id=request.pk)


def send_refund_request(*, refund_request_id: UUID, now: datetime) -> None:
    """
    Mail a new request to the organizer, or a declined one to the buyer.

    :raises Exception: if the mail was not sent and a retry may succeed
    """
    rows = RefundRequest.objects.filter(pk=refund_request_id)
    request = lease_mail(
        rows.select_related("order__event__organizer"), address=_recipient, now=now
    )
    if request is None:
        return
    compose = (
        compose_decline_mail if request.state == RequestState.DECLINED else compose_request_mail
    )
    send_leased_mail(request, lambda: compose(request), now=now)


def _recipient(request: RefundRequest) -> str:
    if request.state == RequestState.OPEN:
        return request.order.event.organizer.email
    return request.order.customer_email


def _own_tickets(order: Order) -> list[Ticket]:
    tickets = Ticket.objects.of_order(order.pk).select_related("order_item", "ticket_type")
    return list(tickets.filter(status=TicketStatus.VALID, transfer=None))


def _keep_unused(ticket_ids: Collection[UUID]) -> None:
    """
    Lock tickets, in the transaction that refunds them: a gate that scans one now waits for it.

    :raises RefundNotOffered: if one of them was used, handed on or refunded since it was offered
    """
    # A ticket that was handed on was replaced, and so is revoked.
    unused = Ticket.objects.filter(pk__in=ticket_ids, status=TicketStatus.VALID)
    if len(unused.order_by("pk").select_for_update()) < len(set(ticket_ids)):
        raise RefundNotOffered("One of the tickets was used or handed on a moment ago.")


@transaction.atomic(durable=True)
def _write_request(
    order: Order,
    ticket_ids: Collection[UUID],
    reason: str,
    now: datetime,
    store_response: Callable[[], None],
) -> None:
    try:
        with transaction.atomic():
            request = RefundRequest.objects.create(
                order=order,
                ticket_ids=sorted(ticket_ids),
                reason=reason,
                requested_at=now,
                asked_at=now,
                ask_again_at=next_retry_at(0, now=now),
            )
    except IntegrityError as error:
        # Two clicks at once: the constraint lets one request be open.
        raise RefundRequested("Wait for the decision of the organizer.") from error
    record_act(
        act=ActType.ORDER_REFUND_REQUESTED,
        actor=buyer_of(order),
        subject_id=order.pk,
        organizer_id=order.event.organizer_id,
        at=now,
        details={"tickets": [str(pk) for pk in request.ticket_ids]},
    )
    send_after_commit(Message.SEND_REFUND_REQUEST, refund_request_id=request.pk)
    store_response()


def _open(request_id: UUID) -> RefundRequest:
    requests = RefundRequest.objects.select_related("order__event")
    request = requests.filter(pk=request_id, state=RequestState.OPEN).first()
    if request is None:
        raise RequestDecided("Reload the page: the request was decided meanwhile.")
    return request


def _decide(request: RefundRequest, becomes: RequestState, answer: str, now: datetime) -> bool:
    waiting = RefundRequest.objects.filter(pk=request.pk, state=RequestState.OPEN)
    return bool(waiting.update(state=becomes, answer=answer, decided_at=now))
