"""The verbs of promo codes: create one or many, change, delete."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from events.models import TicketType
from events.ticket_types import UnknownTypeOfEvent
from orders.models import Order
from orders.promo_code import LONGEST_PROMO_CODE, PromoCode
from ticketing.actors import Actor, record_act, record_acts
from ticketing.errors import Conflict
from ticketing.field_changes import FieldChange, details_of
from ticketing.ids import new_code
from ticketing.models import ActType

MOST_AT_ONCE: Final = 500
# 31^8 codes, so guessing one of 500 takes a billion attempts on average.
RANDOM_LENGTH: Final = 8
LONGEST_PREFIX: Final = LONGEST_PROMO_CODE - RANDOM_LENGTH - 1
# What `change_promo_code` may change. The event and the code stay: buyers have the code.
CHANGEABLE: Final = frozenset(
    {
        "note",
        "percent",
        "amount",
        "max_uses",
        "valid_from",
        "valid_until",
        "ticket_types",
        "unlocked_types",
        "min_tickets",
        "max_tickets",
        "is_active",
    }
)


class PromoCodeTaken(Conflict):
    """The event has a promo code of that name already, in whatever case it is written."""

    code = "promo_code_taken"
    title = "The event already has that promo code"


class PromoCodeInUse(Conflict):
    """Orders have the promo code, whether they were paid or not, so it cannot be deleted."""

    code = "promo_code_in_use"
    title = "Orders have this promo code"


def create_promo_code(
    *,
    promo: PromoCode,
    actor: Actor,
    now: datetime,
    store_response: Callable[[PromoCode], None] = lambda _promo: None,
) -> PromoCode:
    """
    Write a new promo code. `store_response` is called in the same transaction.

    :raises PromoCodeTaken: if the event has that code already
    :raises UnknownTypeOfEvent: if it names a ticket type that the event does not have
    """
    with transaction.atomic():
        _check_types(promo.event_id, [*promo.ticket_types, *promo.unlocked_types])
        try:
            with transaction.atomic():
                promo.save(force_insert=True)
        except IntegrityError as error:
            if "one_promo_code_of_a_name" not in str(error):
                raise
            raise PromoCodeTaken(
                f"The event already has the promo code {promo.code}. Choose another one."
            ) from error
        record_act(
            act=ActType.PROMO_CODE_CREATED,
            actor=actor,
            subject_id=promo.pk,
            organizer_id=promo.event.organizer_id,
            at=now,
            details={"event": str(promo.event_id)},
        )
        store_response(promo)
    return promo


def create_random_promo_codes(
    *, like: PromoCode, prefix: str, count: int, actor: Actor, now: datetime
) -> list[PromoCode]:
    """
    Write `count` promo codes with the terms of `like`, which is not written itself.

    Each code is random, after `prefix` and a hyphen if there is a prefix.

    :raises ValueError: if `count` is not from 1 to `MOST_AT_ONCE`
    :raises UnknownTypeOfEvent: if it names a ticket type that the event does not have
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise ValueError(f"{count} is not from 1 to {MOST_AT_ONCE}.")
    terms = {name: getattr(like, name) for name in sorted(CHANGEABLE)}
    start = f"{prefix}-" if prefix else ""
    made: list[PromoCode] = []
    with transaction.atomic():
        _check_types(like.event_id, [*like.ticket_types, *like.unlocked_types])
        while len(made) < count:
            new = [
                PromoCode(
                    event=like.event,
                    code=start + new_code(RANDOM_LENGTH),
                    created_at=now,
                    **terms,
                )
                for _ in range(count - len(made))
            ]
            # A code that the event has already is left out, and the next round makes another.
            PromoCode.objects.bulk_create(new, ignore_conflicts=True)
            made += PromoCode.objects.filter(pk__in=[promo.pk for promo in new]).order_by("pk")
        record_acts(
            act=ActType.PROMO_CODE_CREATED,
            actor=actor,
            subject_ids=[promo.pk for promo in made],
            organizer_id=like.event.organizer_id,
            at=now,
            details={"event": str(like.event_id), "together": count},
        )
    return made


def change_promo_code(
    *, promo_code_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime
) -> PromoCode:
    """
    Change the terms of a promo code. Orders that have it keep their prices.

    A limit of uses below the number of orders that have the code only ends its use.

    :raises ValueError: if a field must not change
    :raises UnknownTypeOfEvent: if a new ticket type does not belong to the event
    """
    if unknown := fields.keys() - CHANGEABLE:
        raise ValueError(f"{sorted(unknown)} of a promo code must not change.")
    with transaction.atomic():
        # The lock makes reservations with the code wait, and this change wait for them.
        promo = PromoCode.objects.select_for_update(of=("self",), no_key=True).get(pk=promo_code_id)
        changed = [name for name, value in fields.items() if getattr(promo, name) != value]
        if not changed:
            return promo
        before = {*promo.ticket_types, *promo.unlocked_types}
        changes = _changes(promo, {name: fields[name] for name in changed})
        for name in changed:
            setattr(promo, name, fields[name])
        # A type that was deleted since may stay, so that the other terms can still change.
        _check_types(promo.event_id, {*promo.ticket_types, *promo.unlocked_types} - before)
        promo.revision += 1
        promo.save(update_fields=[*changed, "revision"])
        record_act(
            act=ActType.PROMO_CODE_CHANGED,
            actor=actor,
            subject_id=promo.pk,
            organizer_id=promo.event.organizer_id,
            at=now,
            details=details_of(changes),
        )
    return promo


def delete_promo_code(*, promo_code_id: UUID, actor: Actor, now: datetime) -> None:
    """
    Delete a promo code that no order ever had.

    :raises PromoCodeInUse: if an order of any status has it
    """
    with transaction.atomic():
        # The lock makes reservations with the code wait: they find that it is gone.
        promo = PromoCode.objects.select_for_update(of=("self",)).get(pk=promo_code_id)
        if Order.objects.filter(promo_code=promo).exists():
            raise PromoCodeInUse(f"Orders have {promo.code}. Deactivate it instead.")
        record_act(
            act=ActType.PROMO_CODE_DELETED,
            actor=actor,
            subject_id=promo.pk,
            organizer_id=promo.event.organizer_id,
            at=now,
            details={"event": str(promo.event_id)},
        )
        promo.delete()


def _changes(promo: PromoCode, fields: Mapping[str, Any]) -> list[FieldChange]:
    """Return what changes, with ticket types by their names."""
    kinds = TicketType.objects.filter(event=promo.event_id)
    names = dict(kinds.values_list("pk", "name"))

    def shown(value: Any) -> Any:
        return [names.get(each, str(each)) for each in value] if isinstance(value, list) else value

    return [
        FieldChange(name, shown(getattr(promo, name)), shown(value))
        for name, value in fields.items()
    ]


def _check_types(event_id: UUID, kind_ids: Collection[UUID]) -> None:
    wanted = set(kind_ids)
    known = TicketType.objects.filter(event_id=event_id, pk__in=wanted).values_list("pk", flat=True)
    if unknown := wanted - set(known):
        raise UnknownTypeOfEvent(
            f"The event has no ticket type with the id {min(unknown)}. Read the event again."
        )
