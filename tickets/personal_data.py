"""One person's data at an organizer: a copy of all of it, and erasing it (LGPD, article 18)."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet

from events.models import EventStatus
from orders.models import Answer, Consent, HolderName, Order
from orders.personal_data import (
    ERASED_NAME,
    erase_buyers,
    no_longer_needed,
    not_erased,
    orders_of_person,
)
from ticketing.actors import Actor, record_act, record_acts
from ticketing.addresses import can_be_mailed, tidy_address
from ticketing.models import ActType
from tickets.models import Delivery, RefundRequest, Ticket, Transfer, TransferMail
from tickets.notices.models import Notice
from tickets.notices.reminder_models import Reminder
from tickets.object_names import object_name

# Orders in one transaction, and with all their tickets in few requests to S3.
BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Erasure:
    """
    How many orders were erased, and how many are still needed for an event to come.

    `received` counts the tickets that others had offered to the person and that were erased.
    """

    erased: int
    needed: int
    received: int = 0


def erase_person(*, organizer_id: UUID, email: str, actor: Actor, now: datetime) -> Erasure:
    """
    Remove a person from all orders and tickets at an organizer that are no longer needed.

    Amounts, codes, dates and check-ins stay, so the accounts add up as before. Open orders and
    tickets of events to come stay as they are: without the address nobody could be told of a
    change, and without the name nobody admitted. A repeated call changes nothing more.
    """
    mine = orders_of_person(organizer_id=organizer_id, email=email)
    chosen = list(no_longer_needed(mine, now=now).values_list("pk", flat=True))

    def record(erased: list[UUID]) -> None:
        record_acts(
            act=ActType.ORDER_ERASED,
            actor=actor,
            subject_ids=erased,
            organizer_id=organizer_id,
            at=now,
        )

    for part in _batches(chosen):
        erase_orders(part, record=record, now=now)
    received = _erase_received(organizer_id, email, actor, now)
    return Erasure(len(chosen), mine.count(), received)


def received_by_person(*, organizer_id: UUID, email: str) -> QuerySet[Transfer]:
    """Return what buyers have offered to an address at the organizer's events, accepted or not."""
    address = tidy_address(email) if can_be_mailed(email) else email
    offered = Transfer.objects.filter(
        ticket__event__organizer_id=organizer_id, email__in={address, address.lower()}
    ).exclude(email="")
    return offered.order_by("-created_at", "-pk")


def received_no_longer_needed(
    transfers: QuerySet[Transfer], *, now: datetime
) -> QuerySet[Transfer]:
    """Return those whose event is over or was cancelled, and offers that ended unaccepted."""
    over = Q(ticket__event__ends_at__lt=now) | Q(ticket__event__status=EventStatus.CANCELLED)
    ended = Q(accepted_at=None) & (Q(withdrawn_at__isnull=False) | Q(expires_at__lte=now))
    return transfers.filter(over | ended)


def erase_orders(
    order_ids: Collection[UUID], *, record: Callable[[list[UUID]], None], now: datetime
) -> None:
    """
    Remove the persons from a batch of orders, with their tickets, QR codes and waiting mails.

    The codes go first: if the process dies after that, a repeat deletes nothing twice. `record` is
    called with the orders that were not erased before, in the transaction that erases them.

    :raises StorageAway: if S3 has not deleted the codes; nothing else was erased then
    """
    tickets = Ticket.objects.filter(order_id__in=order_ids).only("pk", "event_id", "object_name")
    names = [f"{name}.png" for name in map(object_name, tickets) if name]
    storage: Any = storages["tickets"]
    storage.delete_all(names)
    _erase(order_ids, record, now)


def copy_of_person(
    *, organizer_id: UUID, email: str, actor: Actor, now: datetime
) -> dict[str, Any]:
    """
    Return all data that is stored of a person at an organizer, as JSON values.

    The copy is recorded as an act on the organizer, without the address.
    """
    tickets = Ticket.objects.select_related("ticket_type").order_by("created_at", "pk")
    found = orders_of_person(organizer_id=organizer_id, email=email)
    answers = Answer.objects.select_related("question").order_by("question__position", "pk")
    orders = found.select_related("event", "shop_record", "consent__terms").prefetch_related(
        Prefetch("tickets", tickets),
        Prefetch("answers", answers),
        Prefetch("items__holder_names", HolderName.objects.order_by("position")),
        "refund_requests",
        "link_openings",
    )
    copied = [_copy_of_order(order) for order in orders]
    received = received_by_person(organizer_id=organizer_id, email=email)
    with transaction.atomic():
        record_act(
            act=ActType.PERSON_COPIED,
            actor=actor,
            subject_id=organizer_id,
            organizer_id=organizer_id,
            at=now,
            details={"orders": len(copied)},
        )
    return {
        "email": email,
        "copied_at": now.isoformat(),
        "orders": copied,
        "received_tickets": [
            {
                "event": transfer.ticket.event.name,
                "type": transfer.ticket.ticket_type.name,
                "name": transfer.name,
                "offered_at": transfer.created_at.isoformat(),
                "opened_at": transfer.opened_at and transfer.opened_at.isoformat(),
                "accepted_at": transfer.accepted_at and transfer.accepted_at.isoformat(),
            }
            for transfer in received.select_related("ticket__event", "ticket__ticket_type")
        ],
    }


@transaction.atomic(durable=True)
def _erase_received(organizer_id: UUID, email: str, actor: Actor, now: datetime) -> int:
    mine = received_by_person(organizer_id=organizer_id, email=email)
    done = received_no_longer_needed(mine, now=now).values_list("pk", "ticket_id")
    ids = dict(done)
    if not ids:
        return 0
    _erase_transfers(Transfer.objects.filter(pk__in=ids), now)
    Ticket.objects.filter(transfer__in=ids).update(holder_name=ERASED_NAME)
    record_acts(
        act=ActType.TICKET_HOLDER_ERASED,
        actor=actor,
        subject_ids=sorted(set(ids.values())),
        organizer_id=organizer_id,
        at=now,
    )
    return len(ids)


def _erase_transfers(transfers: QuerySet[Transfer], now: datetime) -> None:
    about = TransferMail.objects.filter(transfer__in=transfers)
    about.update(failure="")
    about.filter(sent_at=None).update(sent_at=now, failed_at=None, goes_at=None)
    transfers.update(name=ERASED_NAME, email="")


@transaction.atomic(durable=True)
def _erase(
    order_ids: Collection[UUID], record: Callable[[list[UUID]], None], now: datetime
) -> None:
    # In one fixed order, so that two erasures cannot deadlock.
    locked = not_erased(Order.objects.select_for_update(of=("self",))).order_by("pk")
    ids = [row[0] for row in locked.filter(pk__in=order_ids).values_list("pk")]
    if not ids:
        return
    erase_buyers(ids)
    Ticket.objects.filter(order_id__in=ids).update(holder_name=ERASED_NAME, object_name="")
    RefundRequest.objects.filter(order_id__in=ids).update(reason="", answer="", failure="")
    _erase_transfers(Transfer.objects.filter(ticket__order_id__in=ids), now)
    for mails in (Delivery, Notice, Reminder):
        of_orders = mails.objects.filter(order_id__in=ids)
        of_orders.update(failure="")
        # Nobody is left to get them.
        of_orders.filter(sent_at=None).update(sent_at=now, failed_at=None, goes_at=None)
    record(ids)


def _batches(ids: list[UUID]) -> Iterator[list[UUID]]:
    for first in range(0, len(ids), BATCH):
        yield ids[first : first + BATCH]


def _copy_of_order(order: Order) -> dict[str, Any]:
    record = getattr(order, "shop_record", None)
    return {
        "code": order.code,
        "event": order.event.name,
        "event_starts_at": order.event.starts_at.isoformat(),
        "name": order.customer_name,
        "email": order.customer_email,
        "language": order.language,
        "status": order.status,
        "total": str(order.total),
        "refunded": str(order.refunded),
        "currency": order.currency,
        "promo_code": order.promo_text,
        "created_at": order.created_at.isoformat(),
        "paid_at": order.paid_at and order.paid_at.isoformat(),
        "opened_at": [each.opened_at.isoformat() for each in order.link_openings.all()],
        "external_id": record.external_id if record else "",
        "metadata": record.metadata if record else {},
        "consent": _copy_of_consent(getattr(order, "consent", None)),
        "answers": [
            {"question": answer.question.label, "answer": answer.value}
            for answer in order.answers.all()
        ],
        # Of tickets that do not exist yet.
        "holders": [named.name for item in order.items.all() for named in item.holder_names.all()],
        "refund_requests": [
            {
                "requested_at": asked.requested_at.isoformat(),
                "reason": asked.reason,
                "state": asked.state,
                "answer": asked.answer,
            }
            for asked in order.refund_requests.all()
        ],
        "tickets": [
            {
                "type": ticket.ticket_type.name,
                "holder": ticket.holder_name,
                "status": ticket.status,
                "used_at": ticket.used_at and ticket.used_at.isoformat(),
            }
            for ticket in order.tickets.all()
        ],
    }


def _copy_of_consent(consent: Consent | None) -> dict[str, Any] | None:
    if consent is None:
        return None
    return {
        "terms_version": consent.terms.number if consent.terms else None,
        "terms_accepted_at": consent.accepted_at and consent.accepted_at.isoformat(),
        "news_agreed_at": consent.news_at and consent.news_at.isoformat(),
        "news_withdrawn_at": consent.news_ended_at and consent.news_ended_at.isoformat(),
        "by_way_of": consent.way,
    }
