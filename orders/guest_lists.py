"""Guest lists: check the lines of a list, then sell or give each of them once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac

from events.models import Event, TicketType
from events.stock.record import SoldOut
from orders.box_office import MOST_TICKETS, ReasonNeeded, Sale, sell_at_box_office
from orders.box_office_record import BoxOfficeMethod
from orders.guest_list_files import RawLine, exact, plain
from orders.guest_list_record import (
    GuestLine,
    GuestList,
    GuestListState,
    LineProblem,
    LineState,
)
from orders.holding import OrderNotWanted
from orders.insertion import Customer
from orders.pricing import EventNotFound, EventNotOnSale, UnknownTicketType, WantedTickets
from ticketing.actors import Actor, record_act, system_actor, user_actor
from ticketing.addresses import tidy_address
from ticketing.models import ActType
from ticketing.queue.messages import Message, next_retry_at, send_after_commit

# Few, so that a worker soon takes the next payment between two parts of a list.
LINES_AT_ONCE: Final = 20
# Longer than the time limit of a task, so that no other worker sells while the task runs.
_LEASE: Final = timedelta(seconds=90)
_KEEP_UNCONFIRMED: Final = timedelta(days=1)
_KEEP_NAMES: Final = timedelta(days=30)
_LONGEST_NAME: Final = 200
_PROBLEMS: Final[Mapping[type[Exception], LineProblem]] = {
    SoldOut: LineProblem.SOLD_OUT,
    EventNotFound: LineProblem.CLOSED,
    EventNotOnSale: LineProblem.CLOSED,
    UnknownTicketType: LineProblem.TICKET_TYPE,
}


@transaction.atomic(durable=True)
def check_guest_list(  # noqa: PLR0913 - a list is made of all these
    *,
    event: Event,
    lines: Sequence[RawLine],
    method: BoxOfficeMethod,
    reason: str,
    language: str,
    file_name: str,
    user_id: int | None,
    actor: Actor,
    now: datetime,
) -> UUID:
    """
    Store a list with what is wrong in its lines, and return its id. Nothing is sold yet.

    :raises ReasonNeeded: if complimentary tickets have no reason
    """
    if method == BoxOfficeMethod.COMPLIMENTARY and not reason.strip():
        raise ReasonNeeded("Complimentary tickets need a reason.")
    guests = GuestList.objects.create(
        event=event,
        method=method,
        reason=reason.strip(),
        language=language,
        file_name=file_name,
        user_id=user_id,
        created_at=now,
        ask_again_at=now,
    )
    kinds = list(event.ticket_types.all())
    seen: Counter[str] = Counter()
    checked = [_check(guests, line, kinds, seen) for line in lines]
    sold = GuestLine.objects.filter(
        digest__in=[line.digest for line in checked], state=LineState.SOLD
    )
    repeated = set(sold.values_list("digest", flat=True))
    for line in checked:
        if line.state == LineState.READY and line.digest in repeated:
            line.state, line.problem = LineState.REPEATED, LineProblem.REPEATED
    GuestLine.objects.bulk_create(checked)
    _record(ActType.GUEST_LIST_UPLOADED, guests, len(checked), actor, now)
    return guests.pk


@transaction.atomic(durable=True)
def confirm_guest_list(
    *, guest_list_id: UUID, user_id: int | None, actor: Actor, now: datetime
) -> bool:
    """
    Let the worker sell the ready lines of a list. Return False, with no effect, at a repeat.

    The user who confirms is the actor of each sale.
    """
    lists = GuestList.objects.filter(pk=guest_list_id, state=GuestListState.CHECKED)
    confirmed = lists.update(
        state=GuestListState.SELLING,
        user_id=user_id,
        confirmed_at=now,
        ask_again_at=next_retry_at(0, now=now),
    )
    if not confirmed:
        return False
    guests = GuestList.objects.select_related("event").get(pk=guest_list_id)
    ready = guests.lines.filter(state=LineState.READY).count()
    _record(ActType.GUEST_LIST_CONFIRMED, guests, ready, actor, now)
    send_after_commit(Message.SELL_GUEST_LIST, guest_list_id=guest_list_id)
    return True


@transaction.atomic(durable=True)
def discard_guest_list(*, guest_list_id: UUID, actor: Actor, now: datetime) -> bool:
    """Delete a list that nobody has confirmed. Return whether it was deleted."""
    # The lock makes a confirmation at the same moment wait, which then finds no list.
    lists = GuestList.objects.select_for_update(of=("self",)).select_related("event")
    guests = lists.filter(pk=guest_list_id, state=GuestListState.CHECKED).first()
    if guests is None:
        return False
    _record(ActType.GUEST_LIST_DISCARDED, guests, guests.lines.count(), actor, now)
    guests.delete()
    return True


def _record(act: ActType, guests: GuestList, lines: int, actor: Actor, now: datetime) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=guests.pk,
        organizer_id=guests.event.organizer_id,
        at=now,
        details={"method": guests.method, "lines": lines},
    )


def sell_guest_list(*, guest_list_id: UUID, now: datetime) -> None:
    """
    Sell some lines of a confirmed list, and send its message again if lines are left.

    Each line is one order, sold once: the order, its payment and the line's state are written in
    one transaction. A repeated message sells nothing twice.

    :raises InventoryUnavailable: if Redis is not available; SQS delivers the message again
    """
    guests = _lease(guest_list_id, now)
    if guests is None:
        return
    try:
        ready = guests.lines.filter(state=LineState.READY)
        for line in ready.select_related("ticket_type").order_by("row")[:LINES_AT_ONCE]:
            _sell_line(guests, line, now)
    except BaseException:
        # The message is delivered again before the lease would end.
        GuestList.objects.filter(pk=guest_list_id).update(leased_until=None)
        raise
    _finish_or_go_on(guest_list_id, now)


def forget_guest_lists(*, now: datetime) -> None:
    """Delete lists that were never confirmed, and the names in lines that were not sold."""
    old = GuestList.objects.filter(
        state=GuestListState.CHECKED, created_at__lt=now - _KEEP_UNCONFIRMED
    )
    old.delete()
    named = GuestLine.objects.filter(
        ~Q(name="") | ~Q(email=""),
        guest_list__state=GuestListState.DONE,
        guest_list__finished_at__lt=now - _KEEP_NAMES,
    )
    named.update(name="", email="")


def _check(
    guests: GuestList, raw: RawLine, kinds: Sequence[TicketType], seen: Counter[str]
) -> GuestLine:
    kind, unclear = _kind_of(raw.ticket_type, kinds)
    quantity = _quantity_of(raw.quantity)
    email, problem = _address_of(raw.email)
    if not raw.name or len(raw.name) > _LONGEST_NAME:
        problem = LineProblem.NAME
    elif unclear:
        problem = unclear
    elif not quantity:
        problem = LineProblem.QUANTITY
    digest = _digest(guests, raw.name, email, kind, quantity)
    # Two equal lines of one list are two guests.
    seen[digest] += 1
    return GuestLine(
        guest_list=guests,
        row=raw.row,
        name=raw.name[:_LONGEST_NAME],
        email=email[:254],
        ticket_type_text=raw.ticket_type[:100],
        ticket_type=kind,
        quantity=quantity,
        digest=_hash(f"{digest}:{seen[digest]}"),
        state=LineState.WRONG if problem else LineState.READY,
        problem=problem or "",
    )


def _kind_of(
    text: str, kinds: Sequence[TicketType]
) -> tuple[TicketType | None, LineProblem | None]:
    if not text and len(kinds) == 1:
        return kinds[0], None
    alike = [kind for kind in kinds if plain(kind.name) == plain(text)]
    # Two names may differ in accents or capitals only.
    found = [kind for kind in alike if exact(kind.name) == exact(text)] or alike
    if len(found) == 1:
        return found[0], None
    return None, LineProblem.UNCLEAR_TYPE if found else LineProblem.TICKET_TYPE


def _quantity_of(text: str) -> int:
    """Return the quantity: 1 if there is none, 0 if it is wrong."""
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_TICKETS))):
        return 0
    return int(text) if int(text) <= MOST_TICKETS else 0


def _address_of(text: str) -> tuple[str, LineProblem | None]:
    if not text:
        return "", None
    try:
        return tidy_address(text), None
    except ValidationError:
        return text, LineProblem.EMAIL


def _digest(
    guests: GuestList, name: str, email: str, kind: TicketType | None, quantity: int
) -> str:
    parts = [guests.event_id, guests.method, plain(name), email.lower(), kind and kind.pk, quantity]
    return _hash("\n".join(str(part) for part in parts))


def _hash(text: str) -> str:
    return salted_hmac("orders.guest_lists", text, algorithm="sha256").hexdigest()


def _lease(guest_list_id: UUID, now: datetime) -> GuestList | None:
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    lists = GuestList.objects.filter(free, pk=guest_list_id, state=GuestListState.SELLING)
    if not lists.update(leased_until=now + _LEASE):
        return None
    return GuestList.objects.select_related("user").get(pk=guest_list_id)


def _sell_line(guests: GuestList, line: GuestLine, now: datetime) -> None:
    if line.ticket_type is None:
        _end_line(line, LineState.REFUSED, LineProblem.TICKET_TYPE)
        return
    if GuestLine.objects.filter(digest=line.digest, state=LineState.SOLD).exists():
        _end_line(line, LineState.REPEATED, LineProblem.REPEATED)
        return
    sale = Sale(
        key=line.pk,
        event_id=guests.event_id,
        wanted=[WantedTickets(line.ticket_type.pk, line.quantity)],
        customer=Customer(line.name, line.email, guests.language),
        method=BoxOfficeMethod(guests.method),
        reason=guests.reason,
    )
    actor = user_actor(guests.user) if guests.user else system_actor("guest_list", about=guests.pk)

    def mark(order_id: UUID) -> None:
        _mark_sold(line, order_id)

    try:
        sell_at_box_office(sale=sale, user_id=guests.user_id, actor=actor, now=now, check=mark)
    except OrderNotWanted:
        # Another worker has just sold the same line of another list.
        _end_line(line, LineState.REPEATED, LineProblem.REPEATED)
    except tuple(_PROBLEMS) as refusal:
        problem = _PROBLEMS[type(refusal)]
        _end_line(line, LineState.REFUSED, problem)


def _mark_sold(line: GuestLine, order_id: UUID) -> None:
    """Note the order of a line. It runs in the transaction that writes the order."""
    try:
        sold = GuestLine.objects.filter(pk=line.pk, state=LineState.READY).update(
            state=LineState.SOLD, order_id=order_id, name="", email=""
        )
    except IntegrityError as error:
        raise OrderNotWanted("Another list has sold the same line.") from error
    if not sold:
        raise OrderNotWanted("The line was sold or refused before.")


def _end_line(line: GuestLine, state: LineState, problem: LineProblem) -> None:
    rows = GuestLine.objects.filter(pk=line.pk, state=LineState.READY)
    rows.update(state=state, problem=problem)


@transaction.atomic(durable=True)
def _finish_or_go_on(guest_list_id: UUID, now: datetime) -> None:
    lists = GuestList.objects.filter(pk=guest_list_id, state=GuestListState.SELLING)
    if GuestLine.objects.filter(guest_list_id=guest_list_id, state=LineState.READY).exists():
        lists.update(leased_until=None, asks=0, ask_again_at=next_retry_at(0, now=now))
        send_after_commit(Message.SELL_GUEST_LIST, guest_list_id=guest_list_id)
    else:
        lists.update(state=GuestListState.DONE, finished_at=now, leased_until=None)
