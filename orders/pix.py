"""Pay by Pix: ask the gateway for a BR Code, and take or return the money that arrives."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import QuerySet

from events.models import EventStatus
from orders.br_code import NotABrCode, read_br_code
from orders.consents import NOTHING_AGREED, Agreed, find_accepted, record_consent
from orders.consents import REFUSALS as CONSENT_REFUSALS
from orders.gateway import GatewayAway, get_pix_gateway
from orders.models import Order, OrderStatus, PixCharge, PixState
from orders.payment import REFUSALS as PAYING_REFUSALS
from orders.payment import accept_arrived_pix, refuse_payment
from orders.pix_gateway import PixArrived, PixGateway, PixRequested, PixWanted
from orders.required_details import DetailsMissing, refuse_without_details
from ticketing.errors import Conflict, NotFound
from ticketing.queue.messages import Message, next_retry_at, send_after_commit

logger = logging.getLogger(__name__)

CURRENCY: Final = "BRL"
# Banks stop taking the money so long before the reservation ends: the news of it takes seconds.
_FOR_THE_NEWS: Final = timedelta(seconds=30)
# Opening the app of a bank and paying takes a buyer about that long.
_SHORTEST: Final = timedelta(minutes=1)
# See `PixGateway.find_pix`.
_FINAL_AFTER: Final = timedelta(minutes=2)
# What no money has been recorded for. Money that arrives after all is still taken or returned.
_WITHOUT_MONEY: Final = (PixState.WAITING, PixState.UNPAID)


class PixNotOffered(Conflict):
    """The gateway takes no Pix, or the order is free or not in BRL."""

    code = "pix_not_offered"
    title = "This order cannot be paid by Pix"


class PixTooLate(Conflict):
    """The reservation ends before a buyer could pay."""

    code = "pix_too_late"
    title = "Too little time is left for a Pix"


class NoPixRequested(NotFound):
    """Nobody has asked for a Pix of this order."""

    code = "no_pix_requested"
    title = "No Pix was requested for this order"


class _NotWaiting(Exception):
    """The Pix has its money already: another process has recorded it."""


# Every refusal that `request_pix` may raise.
REFUSALS = (
    *PAYING_REFUSALS,
    *CONSENT_REFUSALS,
    DetailsMissing,
    GatewayAway,
    PixNotOffered,
    PixTooLate,
)


def offers_pix(order: Order) -> bool:
    """Return whether the order can be paid by Pix as far as its amount and the gateway go."""
    return order.total > 0 and order.currency == CURRENCY and get_pix_gateway() is not None


def request_pix(*, order: Order, now: datetime, agreed: Agreed = NOTHING_AGREED) -> PixCharge:
    """
    Return the order's Pix, with its BR Code. The first call asks the gateway for it.

    A repeat returns the same Pix, in whatever state it is. The gateway knows it by the order's id,
    so a process that dies before it records the response leaves nothing behind.

    :raises TermsNotAccepted, OtherTerms: if the organizer's terms must be accepted, and were not
    :raises DetailsMissing: if a required answer or name is missing
    :raises PixNotOffered: if the order cannot be paid by Pix
    :raises PixTooLate: if the reservation ends too soon
    :raises ReservationExpired, OrderNotPayable: if the order is no reservation any more
    :raises GatewayAway: if the gateway did not respond, or its BR Code cannot be used
    """
    if not offers_pix(order):
        raise PixNotOffered("Pay by card: Pix is only for orders in BRL, where it is offered.")
    known = PixCharge.objects.filter(order=order).first()
    if known is not None:
        return known
    wanted = _describe(order, now)
    version = find_accepted(order, agreed)
    refuse_without_details(order, now)
    requested = _pix_gateway().request_pix(wanted, now=now)
    _check_response(wanted, requested)
    return _record(
        order, requested, now, partial(record_consent, order.pk, agreed, version, now=now)
    )


def find_pix_of(order: Order) -> PixCharge:
    """
    Return the order's Pix.

    :raises NoPixRequested: if there is none
    """
    found = PixCharge.objects.filter(order=order).first()
    if found is None:
        raise NoPixRequested("Request a Pix of this order first.")
    return found


def read_pix_notification(*, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """
    Take what a notification of the gateway reports. A repeat changes nothing.

    :raises NotificationNotAuthentic: if the gateway's class does not recognize it
    :raises PixNotOffered: if the configured gateway takes no Pix
    """
    gateway = get_pix_gateway()
    if gateway is None:
        raise PixNotOffered("The configured payment gateway takes no Pix.")
    for arrived in gateway.read_notification(headers=headers, body=body, now=now):
        take_pix(arrived=arrived, now=now)


def take_pix(*, arrived: PixArrived, now: datetime) -> None:
    """
    Make money that has arrived the payment of its order, or owe it back. A repeat changes nothing.

    It is owed back if the reservation has ended, if the order was paid otherwise, or if the amount
    is wrong. A place that was given up is not taken again: others may hold it by now.
    """
    pix = PixCharge.objects.select_related("order__event").filter(pk=arrived.pix_id).first()
    if pix is None:
        # Only the gateway's own notices of other systems: a Pix is recorded before it is shown.
        logger.warning("A Pix arrived for %s, which requested none.", arrived.pix_id)
        return
    if pix.state not in _WITHOUT_MONEY:
        return
    if arrived.amount == pix.amount:
        try:
            accept_arrived_pix(
                order=pix.order,
                token=arrived.token,
                now=now,
                store_arrival=partial(_store_arrival, arrived, now),
            )
        except _NotWaiting:
            return
        except PAYING_REFUSALS as refused:
            logger.info("The Pix of order %s is returned: %s", pix.pk, refused.code)
        else:
            return
    _owe_back(arrived, now)


def settle_pix(*, order_id: UUID, now: datetime) -> None:
    """
    Ask the gateway for the money of a Pix that waits, or return the money of one that is owed back.

    :raises GatewayAway: if the gateway did not respond; SQS delivers the message again
    """
    pix = PixCharge.objects.get(pk=order_id)
    gateway = _pix_gateway()
    if pix.state == PixState.RETURNING and pix.received is not None:
        arrived = PixArrived(pix_id=pix.pk, token=pix.token, amount=pix.received)
        gateway.return_pix(arrived, now=now)
        _pix(pix.pk, PixState.RETURNING).update(state=PixState.RETURNED, returned_at=now)
    elif pix.state == PixState.WAITING:
        found = gateway.find_pix(pix_id=pix.pk, gateway_id=pix.gateway_id, now=now)
        if found is not None:
            take_pix(arrived=found, now=now)
        elif pix.expires_at + _FINAL_AFTER <= now:
            _pix(pix.pk, PixState.WAITING).update(state=PixState.UNPAID)


def _pix_gateway() -> PixGateway:
    gateway = get_pix_gateway()
    if gateway is None:
        raise ImproperlyConfigured("PAYMENT_GATEWAY takes no Pix, but a Pix is open.")
    return gateway


def _describe(order: Order, now: datetime) -> PixWanted:
    if order.status != OrderStatus.RESERVED or order.event.status != EventStatus.PUBLISHED:
        raise refuse_payment(order, now)
    if order.reserved_until <= now:
        raise refuse_payment(order, now)
    expires_at = order.reserved_until - _FOR_THE_NEWS
    if expires_at - now < _SHORTEST:
        raise PixTooLate("Pay by card, or start again for the full time.")
    return PixWanted(
        pix_id=order.pk,
        amount=order.total,
        expires_at=expires_at,
        merchant_name=order.event.organizer.name,
        merchant_city=order.event.city,
        reference=order.code,
    )


def _check_response(wanted: PixWanted, requested: PixRequested) -> None:
    """Check what the buyer will see: a wrong amount or time would cost the buyer's trust."""
    try:
        content = read_br_code(requested.br_code)
    except NotABrCode as error:
        raise GatewayAway(f"The gateway's BR Code cannot be read: {error}") from error
    # A dynamic BR Code need not contain the amount: the charge at its URL has it.
    if content.amount not in (None, wanted.amount) or requested.expires_at > wanted.expires_at:
        raise GatewayAway("The gateway's BR Code has another amount or time than it was asked for.")


@transaction.atomic(durable=True)
def _record(
    order: Order, requested: PixRequested, now: datetime, record_agreed: Callable[[], None]
) -> PixCharge:
    new = PixCharge(
        order=order,
        gateway_id=requested.gateway_id,
        br_code=requested.br_code,
        amount=order.total,
        created_at=now,
        expires_at=requested.expires_at,
        ask_again_at=next_retry_at(0, now=now),
    )
    # The buyer may have asked twice. Both responses describe the same Pix.
    PixCharge.objects.bulk_create([new], ignore_conflicts=True)
    record_agreed()
    return PixCharge.objects.get(order=order)


def _store_arrival(arrived: PixArrived, now: datetime) -> None:
    if not _note_money(arrived, PixState.TAKEN, now):
        raise _NotWaiting


@transaction.atomic(durable=True)
def _owe_back(arrived: PixArrived, now: datetime) -> None:
    if _note_money(arrived, PixState.RETURNING, now):
        send_after_commit(Message.SETTLE_PIX, order_id=arrived.pix_id)


def _note_money(arrived: PixArrived, becomes: PixState, now: datetime) -> bool:
    """Record the money of a Pix, once. This UPDATE decides between two notifications of it."""
    return bool(
        _pix(arrived.pix_id, *_WITHOUT_MONEY).update(
            state=becomes,
            token=arrived.token,
            received=arrived.amount,
            arrived_at=now,
            asks=0,
            ask_again_at=next_retry_at(0, now=now),
        )
    )


def _pix(pix_id: UUID, *states: PixState) -> QuerySet[PixCharge]:
    return PixCharge.objects.filter(pk=pix_id, state__in=states)
