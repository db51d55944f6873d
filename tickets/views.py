"""The tickets of an order, and the gate."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from msgspec import UNSET
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope, NotForThisCaller
from events.models import Scope
from orders.access import OrderNotFound, order_visible_to
from orders.models import OrderStatus
from ticketing import clock
from ticketing.api.authentication import read_bearer
from ticketing.api.fields import show_moment
from ticketing.api.quick import answer_json, read_body
from ticketing.api.schema import API_TOKEN, DEVICE_TOKEN, ORDER_TOKEN, operation
from ticketing.errors import Conflict, NotFound, Refusal, Unreadable
from ticketing.ids import new_id
from ticketing.tokens import TokenKind
from tickets.access import TicketNotFound, scanner_of, ticket_of_supervisor
from tickets.checkin import (
    CheckedTicket,
    CheckIn,
    EventNotForScanner,
    ScanIdReused,
    ScannedCode,
    Scanner,
    check_in_ticket,
    first_admission,
)
from tickets.models import ScanResult, Ticket
from tickets.serializers import (
    AdmissionShown,
    CheckInUndoneShown,
    OrderTicketsShown,
    ScanSent,
    TicketShown,
    UsualScan,
)
from tickets.undo import NotCheckedIn, UndoTooLate, undo_check_in


class OrderNotPaid(Conflict):
    code = "order_not_paid"
    title = "This order is not paid"


class AlreadyUsed(Conflict):
    code = "already_used"
    title = "This ticket has been used"


class Revoked(Conflict):
    code = "revoked"
    title = "This ticket is not valid any more"


class WrongEvent(Conflict):
    code = "wrong_event"
    title = "This ticket is for another event"


class EventCancelled(Conflict):
    code = "event_cancelled"
    title = "The event was cancelled"


class NotYetOpen(Conflict):
    code = "not_yet_open"
    title = "Check-in has not started"


class Closed(Conflict):
    code = "closed"
    title = "Check-in is over"


class InvalidCode(Unreadable):
    code = "invalid_code"
    title = "This is not one of our codes"


class UnknownTicket(NotFound):
    code = "unknown_ticket"
    title = "There is no such ticket"


_REFUSALS: dict[str, tuple[type[Refusal], str]] = {
    ScanResult.ALREADY_USED: (AlreadyUsed, "It has let somebody in before."),
    ScanResult.REVOKED: (Revoked, "It was refunded or replaced."),
    ScanResult.WRONG_EVENT: (WrongEvent, "It does not open this gate."),
    ScanResult.EVENT_CANCELLED: (EventCancelled, "Nobody is admitted."),
    ScanResult.NOT_YET_OPEN: (NotYetOpen, "Check-in starts at {}."),
    ScanResult.CLOSED: (Closed, "Check-in ended at {}."),
    ScanResult.INVALID_CODE: (InvalidCode, "It is forged, mangled, or somebody else's."),
    ScanResult.UNKNOWN_TICKET: (UnknownTicket, "It is well signed, and we do not have it."),
}


# Of the door's hours, the one that a refusal tells.
_MOMENTS = {ScanResult.NOT_YET_OPEN: "starts_at", ScanResult.CLOSED: "ends_at"}


class OrderTickets(APIView):
    @operation(
        "get_order_tickets",
        tokens=[ORDER_TOKEN, (API_TOKEN, Scope.ORDERS_READ.value)],
        answers={200: OrderTicketsShown},
        refusals=[InsufficientScope, OrderNotFound, OrderNotPaid],
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        """Return an order's tickets, with links to their QR codes once these are made."""
        order = order_visible_to(request, order_id)
        if order.status not in (OrderStatus.PAID, OrderStatus.REFUNDED):
            raise OrderNotPaid(f"The order is {order.status}.")
        ready = order.delivery.codes_stored_at is not None
        tickets = Ticket.objects.of_order(order_id).select_related("ticket_type")
        return Response(
            {
                "order": str(order.pk),
                "code": order.code,
                "tickets_ready": ready,
                "tickets": TicketShown(tickets, many=True, context={"ready": ready}).data,
            }
        )


class TicketValidation(APIView):
    @operation(
        "check_in_ticket",
        tokens=[DEVICE_TOKEN, (API_TOKEN, Scope.TICKETS_VALIDATE.value)],
        takes=ScanSent,
        answers={200: AdmissionShown},
        refusals=[
            NotForThisCaller,
            InsufficientScope,
            EventNotForScanner,
            ScanIdReused,
            *(kind for kind, _ in _REFUSALS.values()),
        ],
        examples={"What a scanner saw": {"code": "T1:…", "gate": "North"}},
    )
    def post(self, request: Request) -> Response:
        """Check a code and register its use. Every attempt is recorded."""
        scanner = scanner_of(request)
        wish = ScanSent(data=request.data)
        wish.is_valid(raise_exception=True)
        seen = wish.validated_data
        now = clock.now()
        scanned = ScannedCode(
            scan_id=seen["scan_id"],
            code=seen["code"],
            gate=seen.get("gate", ""),
            at=min(seen.get("scanned_at", now), now),
            event_id=seen.get("event"),
        )
        return Response(_admit(scanned, scanner, now))


class CheckInUndo(APIView):
    @operation(
        "undo_check_in",
        tokens=[DEVICE_TOKEN, (API_TOKEN, Scope.TICKETS_WRITE.value)],
        answers={200: CheckInUndoneShown},
        refusals=[NotForThisCaller, InsufficientScope, TicketNotFound, NotCheckedIn, UndoTooLate],
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """
        Undo a ticket's check-in within 15 minutes: it is valid again.

        A device needs to be a supervisor's. The scan stays on record, marked as undone.
        """
        ticket, actor = ticket_of_supervisor(request, ticket_id)
        undone = undo_check_in(ticket_id=ticket.pk, actor=actor, now=clock.now())
        return Response(CheckInUndoneShown(undone).data)


def check_in_quickly(request: HttpRequest) -> HttpResponse | None:
    """Do what `TicketValidation.post` does for a door device that is online."""
    token = read_bearer(request.META.get("HTTP_AUTHORIZATION", ""))
    if token is None or token.kind != TokenKind.DEVICE:
        return None
    wish = read_body(request, UsualScan)
    if wish is None:
        return None
    now = clock.now()
    scanned = ScannedCode(
        scan_id=new_id() if wish.scan_id is UNSET else wish.scan_id,
        code=wish.code,
        gate=wish.gate,
        at=now,
        event_id=None if wish.event is UNSET else wish.event,
    )
    return answer_json(_admit(scanned, Scanner(device_digest=token.digest), now))


def _admit(scanned: ScannedCode, scanner: Scanner, now: datetime) -> dict[str, Any]:
    attempt = check_in_ticket(scanned=scanned, scanner=scanner, now=now)
    if attempt.result != ScanResult.ADMITTED or attempt.ticket is None:
        raise _refusal(attempt)
    return {
        "result": attempt.result.value,
        "scan_id": str(attempt.scan_id),
        "ticket": _show_ticket(attempt.ticket),
        "used_at": show_moment(attempt.at),
    }


def _refusal(attempt: CheckIn) -> Refusal:
    kind, sentence = _REFUSALS[attempt.result]
    details: dict[str, Any] = {"scan_id": str(attempt.scan_id)}
    if attempt.hours is not None and attempt.result in _MOMENTS:
        name = _MOMENTS[attempt.result]
        moment = getattr(attempt.hours, name)
        if moment is not None:
            local = moment.astimezone(ZoneInfo(attempt.hours.timezone))
            details[f"checkin_{name}"] = local.isoformat()
            sentence = sentence.format(f"{local:%Y-%m-%d %H:%M} ({attempt.hours.timezone})")
    refusal = kind(sentence)
    if attempt.ticket is not None:
        details["ticket"] = _show_ticket(attempt.ticket)
        if attempt.result == ScanResult.ALREADY_USED:
            details["first_scan"] = _show_first(attempt.ticket.id)
    refusal.details = details
    return refusal


def _show_first(ticket_id: UUID) -> Mapping[str, Any] | None:
    first = first_admission(ticket_id)
    if first is None:
        return None
    return {
        "at": show_moment(first.scanned_at),
        "gate": first.gate,
        "device": first.device.name if first.device else None,
    }


def _show_ticket(ticket: CheckedTicket) -> dict[str, str]:
    return {
        "id": str(ticket.id),
        "ticket_type": ticket.ticket_type,
        "holder_name": ticket.holder_name,
        "order_code": ticket.order_code,
        "event": str(ticket.event_id),
    }
