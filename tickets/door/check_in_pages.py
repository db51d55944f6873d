"""The pages of an event's check-in list: who has entered, check-in by hand, and its undoing."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.access import within_rights
from events.admin.refusals import say_refusal
from events.models import Event, Reentry
from events.roles import Right
from orders.answer_rules import Place
from orders.answers_shown import Line, answers_at_door
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.clock import zone_named
from ticketing.errors import Refusal
from tickets.door.by_hand import Hand, ReasonByHand, check_in_by_hand
from tickets.door.earlier import latest_entry
from tickets.door.guests import MOST_GUESTS, Presence, count_guests, find_guests
from tickets.door.scans import CheckIn, DoorHours
from tickets.door.undo import UNDO_WITHIN, undo_check_in
from tickets.models import LET_THROUGH, Direction, Scan, ScanResult, Ticket
from tickets.ticket_codes import readable_codes

_PER_PAGE: Final = 50
# Longer than any code, name or address.
_LONGEST_WORDS: Final = 300
_REFUSED: Final[dict[str, Any]] = {
    ScanResult.REVOKED: gettext_lazy("%(name)s: this ticket was revoked, refunded or replaced."),
    ScanResult.EVENT_CANCELLED: gettext_lazy("The event was cancelled: admit nobody."),
    ScanResult.NOT_YET_OPEN: gettext_lazy("%(name)s: check-in starts at %(at)s."),
    ScanResult.CLOSED: gettext_lazy("%(name)s: check-in ended at %(at)s."),
    ScanResult.WRONG_GATE: gettext_lazy("%(name)s: this gate does not admit the ticket type."),
}


def show_check_in_list(site: AdminSite, request: HttpRequest, event_id: UUID) -> HttpResponse:
    """Show the guests of an event, a page at a time. Check in or undo what the form names."""
    event = _event_with_right(request, event_id, Right.SEE_EVENTS)
    if event is None:
        raise Http404
    may_act = _event_with_right(request, event_id, Right.RUN_DOOR) is not None
    asked = {
        "show": _presence(request.GET.get("show", "")).value,
        "q": request.GET.get("q", "")[:_LONGEST_WORDS],
    }
    if request.method == "POST":
        if not may_act:
            raise Http404
        _act(request, event)
        page_number = request.GET.get("page", "")
        return redirect(f"{request.path}?{urlencode(asked | {'page': page_number})}")
    with timezone.override(zone_named(event.timezone)):
        context = _context(site, request, event, asked, may_act=may_act)
        return TemplateResponse(request, "admin/check_in_list.html", context).render()


def _context(
    site: AdminSite, request: HttpRequest, event: Event, asked: dict[str, str], *, may_act: bool
) -> dict[str, Any]:
    counts = count_guests(event)
    presence = Presence(asked["show"])
    sees_email = _event_with_right(request, event.pk, Right.SEE_ORDERS) is not None
    found = find_guests(event.pk, presence=presence, words=asked["q"], with_email=sees_email)
    pages = Paginator(found[:MOST_GUESTS], _PER_PAGE)
    if not asked["q"].strip():
        # Counted already, with the others.
        counted = {
            Presence.ALL: counts.total,
            Presence.ENTERED: counts.entered,
            Presence.MISSING: counts.missing,
        }
        pages.count = min(counted[presence], MOST_GUESTS)
    page = pages.get_page(request.GET.get("page"))
    tabs = [
        (Presence.ALL, _("All"), counts.total),
        (Presence.ENTERED, _("Entered so far"), counts.entered),
        (Presence.MISSING, _("Missing"), counts.missing),
    ]
    return {
        **site.each_context(request),
        "title": _("Check-in list"),
        "event": event,
        "counts": counts,
        "share": round(100 * counts.entered / counts.total) if counts.total else 0,
        "tabs": [
            {
                "label": label,
                "count": count,
                "chosen": each is presence,
                "query": urlencode({"show": each.value, "q": asked["q"]}),
            }
            for each, label, count in tabs
        ],
        "asked": asked,
        "page": page,
        "guests": _guests(event, list(page.object_list), sees_email=sees_email),
        "reasons": ReasonByHand.choices,
        "may_act": may_act,
        "here": urlencode(asked | {"page": page.number}),
        "previous": urlencode(asked | {"page": page.number - 1}),
        "next": urlencode(asked | {"page": page.number + 1}),
    }


def _guests(event: Event, tickets: list[Ticket], *, sees_email: bool) -> list[dict[str, Any]]:
    codes = readable_codes(tickets)
    passages = Scan.objects.filter(ticket__in=tickets, result__in=LET_THROUGH, undone_at=None)
    # The latest of each ticket stays in the mapping.
    scans = {scan.ticket_id: scan for scan in passages.order_by("recorded_at", "pk")}
    now = clock.now()
    answers = _answers_to_show(tickets)
    shown = []
    for ticket in tickets:
        scan = scans.get(ticket.pk)
        shown.append(
            {
                "ticket": ticket,
                "code": codes[ticket.pk],
                "email": ticket.order.customer_email if sees_email else "",
                "answers": answers.get(ticket.pk, []),
                "scan": scan,
                "has_left": scan is not None and scan.direction == Direction.EXIT,
                "may_undo": scan is not None and now - scan.recorded_at <= UNDO_WITHIN,
                "may_enter": scan is None or _may_enter_again(event, scan, now),
            }
        )
    return shown


def _may_enter_again(event: Event, latest: Scan, now: datetime) -> bool:
    """Return whether the page offers another entry. The check-in itself decides."""
    if event.reentry == Reentry.ONCE_A_DAY:
        zone = zone_named(event.timezone)
        return latest.scanned_at.astimezone(zone).date() < now.astimezone(zone).date()
    return event.reentry == Reentry.ALWAYS and latest.direction == Direction.EXIT


def _answers_to_show(tickets: list[Ticket]) -> dict[UUID, list[Line]]:
    """Return the answers that the door shows, by ticket."""
    if not tickets:
        return {}
    found = answers_at_door(tickets[0].event_id, {ticket.order_id for ticket in tickets})
    return {
        ticket.pk: [
            *found.get((ticket.order_id, Place()), []),
            *found.get((ticket.order_id, Place(ticket.order_item_id, ticket.position)), []),
        ]
        for ticket in tickets
    }


def _act(request: HttpRequest, event: Event) -> None:
    """Check in or undo the ticket that the form names, and say what happened."""
    ticket = _ticket_of(event, request.POST.get("ticket", ""))
    if ticket is None:
        messages.error(request, _("This ticket does not admit any more. Search the guest again."))
        return
    actor, now = user_actor(request.user), clock.now()
    try:
        if request.POST.get("act") == "undo":
            undone = undo_check_in(
                ticket_id=ticket.pk, actor=actor, now=now, scan_id=_scan_id(request)
            )
            messages.success(request, _undone(undone) % {"name": ticket.holder_name})
            return
        attempt = check_in_by_hand(
            ticket=ticket,
            reason=ReasonByHand(request.POST.get("reason", "")),
            by=Hand(actor),
            now=now,
        )
    except Refusal as refusal:
        messages.error(request, say_refusal(refusal))
    except ValueError:
        messages.error(request, _("Choose a reason for the check-in by hand."))
    else:
        _say(request, event, ticket, attempt)


def _scan_id(request: HttpRequest) -> UUID | None:
    """Return which scan the page showed: a repeat of the form must not undo an earlier one."""
    try:
        return UUID(request.POST.get("scan", ""))
    except ValueError:
        return None


def _undone(scan: Scan) -> str:
    if scan.result == ScanResult.ADMITTED:
        return _("The check-in of %(name)s is undone: the ticket is valid again.")
    if scan.result == ScanResult.EXITED:
        return _("The exit of %(name)s is undone.")
    return _("The latest entry of %(name)s is undone.")


def _say(request: HttpRequest, event: Event, ticket: Ticket, attempt: CheckIn) -> None:
    name = ticket.holder_name
    if attempt.is_let_through:
        messages.success(request, _("%(name)s is checked in.") % {"name": name})
    elif attempt.result == ScanResult.ALREADY_USED:
        messages.warning(request, _already_used(event, ticket))
    else:
        sentence = _REFUSED.get(attempt.result, gettext_lazy("%(name)s cannot be checked in."))
        at = _moment_of(attempt.hours, attempt.result, event)
        messages.error(request, str(sentence) % {"name": name, "at": at})


def _already_used(event: Event, ticket: Ticket) -> str:
    latest = latest_entry(ticket.pk)
    if latest is None:
        return _("%(name)s has entered already.") % {"name": ticket.holder_name}
    local = latest.scanned_at.astimezone(zone_named(event.timezone))
    return _("%(name)s has entered already, at %(at)s.") % {
        "name": ticket.holder_name,
        "at": date_format(local, "SHORT_DATETIME_FORMAT"),
    }


def _moment_of(hours: DoorHours | None, result: ScanResult, event: Event) -> str:
    if hours is None:
        return ""
    moment = hours.starts_at if result == ScanResult.NOT_YET_OPEN else hours.ends_at
    if moment is None:
        return ""
    return date_format(moment.astimezone(zone_named(event.timezone)), "SHORT_DATETIME_FORMAT")


def _ticket_of(event: Event, key: str) -> Ticket | None:
    try:
        ticket_id = UUID(key)
    except ValueError:
        return None
    tickets = Ticket.objects.filter(event=event, pk=ticket_id, replaced_by=None)
    return tickets.select_related("event").first()


def _presence(text: str) -> Presence:
    return Presence(text) if text in set(Presence) else Presence.ALL


def _event_with_right(request: HttpRequest, event_id: UUID, right: Right) -> Event | None:
    events: QuerySet[Event] = within_rights(
        Event.objects.all(), request.user, right, organizer_path="organizer", event_path="pk"
    )
    return events.filter(pk=event_id).first()
