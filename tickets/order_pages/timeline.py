"""The timeline of an order: everything that happened to it and its tickets, in order of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from django.template.loader import render_to_string
from django.utils import formats
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from events.time_zones import name_clock
from orders.models import Order, OrderStatus, PaymentMethod, PixState, Refund
from ticketing.act_details import show_details
from ticketing.clock import zone_named
from ticketing.history import name_act, name_actor, name_way
from ticketing.models import Act, ActorKind
from ticketing.money import format_money
from tickets.models import Scan, ScanResult, Ticket, Transfer

# Of each kind of row. An order has 50 tickets at most, but anybody may scan a ticket all night.
_MOST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    what: str
    who: str = ""
    details: str = ""
    # Such as the admin or the API. Empty if it is not known, or nobody's request.
    way: str = ""


@dataclass(frozen=True, slots=True)
class ShownMoment:
    """A moment as the page shows it, in the event's time zone."""

    at: datetime
    day: str
    time: str
    what: str
    who: str
    details: str
    way: str


def show_timeline(order: Order) -> SafeString:
    """Return the timeline as a list, oldest first, in the active language."""
    zone = zone_named(order.event.timezone)
    shown = []
    for moment in read_timeline(order):
        local = moment.at.astimezone(zone)
        day = formats.date_format(local, "SHORT_DATE_FORMAT")
        time = formats.time_format(local, "H:i:s")
        shown.append(
            ShownMoment(local, day, time, moment.what, moment.who, moment.details, moment.way)
        )
    days = [(day, list(of_day)) for day, of_day in groupby(shown, key=lambda moment: moment.day)]
    context = {"days": days, "zone": name_clock(order.event.timezone)}
    return render_to_string("admin/timeline.html", context)


def read_timeline(order: Order) -> list[Moment]:
    """Return all that is known to have happened to an order, oldest first."""
    tickets = list(Ticket.objects.filter(order=order).order_by("order_item_id", "position"))
    acts = list(
        Act.objects.filter(subject_id__in=[order.pk, *(ticket.pk for ticket in tickets)])
        .order_by("at", "id")[:_MOST_SHOWN]
    )  # fmt: skip
    moments = [
        *_reservation_and_payment(order, acts),
        *_pix(order),
        *_confirmation(order),
        *_refunds_paid_out(order),
        *_admissions(order),
        *_acts(order, acts, {ticket.pk: ticket for ticket in tickets}),
        *_mail_before_acts(order, acts),
        *_notices(order),
        *_openings(order),
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _reservation_and_payment(order: Order, acts: list[Act]) -> Iterator[Moment]:
    buyer = str(ActorKind.BUYER.label)
    count = sum(item.quantity for item in order.items.all())
    tickets = ngettext("%(count)d ticket", "%(count)d tickets", count) % {"count": count}
    total = format_money(order.total, order.currency)
    yield Moment(order.created_at, _("reserved"), buyer, f"{tickets}; {total}")
    payment = getattr(order, "payment", None)
    if payment is not None and order.processing_at is not None:
        method = "" if payment.method == PaymentMethod.FREE else payment.get_method_display()
        yield Moment(order.processing_at, _("payment confirmed"), buyer, method)
    if payment is not None and order.paid_at is not None:
        yield Moment(order.paid_at, _("paid"), "", format_money(payment.amount, order.currency))
    if order.closed_at is None:
        return
    # Cancellations and refunds are acts. Orders of the first release have none.
    told = {f"order.{order.status}"} & {act.type for act in acts}
    if not told:
        failed = order.status == OrderStatus.PAYMENT_FAILED and payment is not None
        code = payment.decline_code if payment is not None and failed else ""
        yield Moment(order.closed_at, order.get_status_display(), "", code)


def _pix(order: Order) -> Iterator[Moment]:
    pix = getattr(order, "pix", None)
    if pix is None:
        return
    buyer = str(ActorKind.BUYER.label)
    yield Moment(
        pix.created_at, _("Pix requested"), buyer, format_money(pix.amount, order.currency)
    )
    if pix.arrived_at is not None:
        taken = pix.state == PixState.TAKEN
        received = format_money(pix.received, order.currency)
        what = _("Pix received") if taken else _("Pix received too late; it is returned")
        yield Moment(pix.arrived_at, what, "", received)
    if pix.returned_at is not None:
        yield Moment(pix.returned_at, _("Pix returned"))


def _confirmation(order: Order) -> Iterator[Moment]:
    confirmation = getattr(order, "confirmation", None)
    if confirmation is None:
        return
    if confirmation.sent_at is not None:
        yield Moment(confirmation.sent_at, _("email to confirm the order sent"))
    if confirmation.failed_at is not None:
        yield Moment(confirmation.failed_at, _("email to confirm the order given up"))
    if confirmation.confirmed_at is not None:
        buyer = str(ActorKind.BUYER.label)
        yield Moment(confirmation.confirmed_at, _("order confirmed by email"), buyer)


def _refunds_paid_out(order: Order) -> Iterator[Moment]:
    returned = Refund.objects.filter(payment__order=order, refunded_at__isnull=False)
    for refund in returned.order_by("refunded_at", "pk")[:_MOST_SHOWN]:
        if refund.refunded_at is not None:
            amount = format_money(refund.amount, order.currency)
            yield Moment(refund.refunded_at, _("money returned to the buyer"), "", amount)


def _admissions(order: Order) -> Iterator[Moment]:
    scans = Scan.objects.filter(ticket__order=order, result=ScanResult.ADMITTED)
    known = scans.select_related("ticket__ticket_type", "device", "api_token", "user")
    for scan in known.order_by("scanned_at", "pk")[:_MOST_SHOWN]:
        if scan.ticket is None:
            continue
        scanner = scan.device or scan.api_token or scan.user
        who = ": ".join(str(word) for word in (scan.gate, scanner) if word)
        about = f"{scan.ticket.holder_name} ({scan.ticket.ticket_type.name})"
        if scan.undone_at is not None:
            about = f"{about}; {_('undone later')}"
        yield Moment(scan.scanned_at, _("checked in"), who, about)


def _acts(order: Order, acts: list[Act], tickets: dict[object, Ticket]) -> Iterator[Moment]:
    """Yield the acts. The same act on several tickets at once is one moment."""

    def at_once(act: Act) -> tuple[object, ...]:
        of_ticket = act.subject_id in tickets
        return (act.at, act.type, act.actor_id, None if of_ticket else act.pk)

    for _key, group in groupby(acts, key=at_once):
        same = list(group)
        about = [tickets[act.subject_id].holder_name for act in same if act.subject_id in tickets]
        details = show_details(same[0], order) if len(same) == 1 else ""
        shown = "; ".join(part for part in (", ".join(dict.fromkeys(about)), details) if part)
        # The actor of such work is the system already.
        way = "" if same[0].channel == "worker" else name_way(same[0])
        yield Moment(same[0].at, name_act(same[0]), name_actor(same[0]), shown, way)


def _mail_before_acts(order: Order, acts: list[Act]) -> Iterator[Moment]:
    """Yield the last mail of an order whose mails were sent before they became acts."""
    delivery = getattr(order, "delivery", None)
    if delivery is None or any(act.type.startswith("order.mail") for act in acts):
        return
    if delivery.sent_at is not None and order.status == OrderStatus.PAID:
        yield Moment(delivery.sent_at, _("tickets mailed"))
    if delivery.failed_at is not None:
        yield Moment(delivery.failed_at, _("mail of the tickets given up"), "", delivery.failure)


def _notices(order: Order) -> Iterator[Moment]:
    """Yield the mails that told the buyer of a refund, or of a change of the event."""
    for notice in order.notices.order_by("asked_at", "pk")[:_MOST_SHOWN]:
        about = str(notice.get_kind_display())
        if notice.sent_at is not None:
            yield Moment(notice.sent_at, _("buyer told by email"), "", about)
        elif notice.failed_at is not None:
            yield Moment(notice.failed_at, _("email to the buyer given up"), "", about)


def _openings(order: Order) -> Iterator[Moment]:
    """Yield when the links in mails were opened first: the buyer's, and new holders'."""
    buyer, what = str(ActorKind.BUYER.label), _("opened by the link in a mail")
    for opening in order.link_openings.order_by("opened_at", "pk")[:_MOST_SHOWN]:
        yield Moment(opening.opened_at, what, buyer)
    opened = Transfer.objects.filter(ticket__order=order, opened_at__isnull=False)
    known = opened.select_related("ticket__ticket_type")
    for transfer in known.order_by("opened_at", "pk")[:_MOST_SHOWN]:
        if transfer.opened_at is not None:
            who = f"{_('new holder')}: {transfer.name}"
            yield Moment(transfer.opened_at, what, who, transfer.ticket.ticket_type.name)
