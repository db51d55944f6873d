"""The names that a buyer gives to the tickets of an order: until when, and those kept so far."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Q

from events.handing_on import may_be_transferred
from events.models import Event, EventStatus, HolderNames
from events.questions import answers_close_at
from orders.answer_rules import Place
from orders.models import OPEN_STATUSES, HolderName, Order, OrderItem, OrderStatus
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict, Invalid
from ticketing.models import ActType


class NamesClosed(Conflict):
    """It is too late or too early for names, or the event does not let buyers change them."""

    code = "names_closed"
    title = "Names cannot be given or changed"


class UnknownPlace(Invalid):
    """The order has no ticket of that type and position."""

    code = "unknown_place"
    title = "The order has no such ticket"

    def __init__(self, detail: str, *, pointer: str = "#/holders") -> None:
        super().__init__(detail)
        self.pointer = pointer


def names_close_at(event: Event) -> datetime:
    """Return the moment from which on buyers cannot change the names on their tickets."""
    return event.names_until or answers_close_at(event)


def can_name(order: Order, event: Event, now: datetime) -> bool:
    """
    Return whether the buyer may name the holders of the order's tickets now.

    Where the event asks no names, buyers correct those on their tickets, if they may hand them on:
    a name can be changed to another person's.
    """
    if event.status == EventStatus.CANCELLED or now >= names_close_at(event):
        return False
    if event.holder_names == HolderNames.NOT_ASKED:
        return order.status == OrderStatus.PAID and may_be_transferred(event, now=now)
    return order.status in OPEN_STATUSES


def refuse_names_when_closed(order: Order, now: datetime) -> None:
    """
    Check that the buyer may name holders now.

    :raises NamesClosed: if the buyer may not
    """
    if not can_name(order, order.event, now):
        raise NamesClosed(
            "The time for names is over, or the order has ended. If the event asks no names, they"
            " can be corrected after the payment, where tickets may be transferred. Write to the"
            " organizer."
        )


def places_in(order: Order) -> dict[Place, OrderItem]:
    """Return the place of each ticket of an order, in the order of the ticket types."""
    items = OrderItem.objects.filter(order=order).select_related("ticket_type")
    return {
        Place(item.pk, position): item
        for item in items.order_by("ticket_type__number", "pk")
        for position in range(1, item.quantity + 1)
    }


def names_kept(order: Order) -> dict[Place, str]:
    """Return the names that the buyer gave before the payment, by place."""
    kept = HolderName.objects.filter(item__order=order)
    return {Place(each.item_id, each.position): each.name for each in kept}


def needs_names(order: Order, now: datetime) -> bool:
    """Return whether a name that the event requires is missing, and may still be given."""
    if order.event.holder_names != HolderNames.REQUIRED or not can_name(order, order.event, now):
        return False
    return bool(places_in(order).keys() - names_kept(order).keys())


def keep_names(names: Mapping[Place, str]) -> None:
    """
    Keep names for tickets that do not exist yet. An empty one removes the name of its place.

    It runs in the caller's transaction, which has locked the order's row.
    """
    named = Q(pk__in=[])
    for place in names:
        named |= Q(item=place.item_id, position=place.position)
    HolderName.objects.filter(named).delete()
    HolderName.objects.bulk_create(
        HolderName(item_id=place.item_id, position=place.position, name=name)
        for place, name in names.items()
        if name and place.item_id is not None
    )


def keep_changed_names(
    order: Order, names: Mapping[Place, str], *, actor: Actor, now: datetime
) -> None:
    """
    Keep those names that differ from the known ones, and record the act.

    It runs in the caller's transaction, which has locked the order's row.
    """
    known = names_kept(order)
    changed = {place: name for place, name in names.items() if known.get(place, "") != name}
    if changed:
        keep_names(changed)
        record_act(
            act=ActType.ORDER_HOLDERS_NAMED,
            actor=actor,
            subject_id=order.pk,
            organizer_id=order.event.organizer_id,
            at=now,
            details={"tickets": len(changed)},
        )


def take_names(order: Order) -> dict[Place, str]:
    """
    Return the names for the tickets of an order that is being sold, and delete them here.

    It runs in the caller's transaction, which has locked the order's row.
    """
    if order.event.holder_names == HolderNames.NOT_ASKED:
        return {}
    names = names_kept(order)
    HolderName.objects.filter(item__order=order).delete()
    return names
