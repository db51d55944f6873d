"""The tickets of an order, and the gate."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders.access import order_visible_to
from orders.models import OrderStatus
from ticketing import clock
from ticketing.errors import Conflict, NotFound, Refusal, Unreadable
from tickets.access import scanner_of
from tickets.checkin import ScannedCode, check_in_ticket, first_admission
from tickets.models import Scan, ScanResult, Ticket
from tickets.serializers import (
    AdmissionShown,
    OrderTicketsShown,
    ScanSent,
    TicketShown,
)


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
    ScanResult.INVALID_CODE: (InvalidCode, "It is forged, mangled, or somebody else's."),
    ScanResult.UNKNOWN_TICKET: (UnknownTicket, "It is well signed, and we do not have it."),
}


class OrderTickets(APIView):
    @extend_schema(responses=OrderTicketsShown)
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
    @extend_schema(request=ScanSent, responses=AdmissionShown)
    def post(self, request: Request) -> Response:
        """Check a code and register its use. Every attempt is recorded."""
        scanner, device = scanner_of(request, event_id=None)
        wish = ScanSent(data=request.data)
        wish.is_valid(raise_exception=True)
        seen = wish.validated_data
        if "event" in seen:
            scanner, device = scanner_of(request, event_id=seen["event"])
        now = clock.now()
        scan = check_in_ticket(
            scanned=ScannedCode(
                scan_id=seen["scan_id"],
                code=seen["code"],
                gate=seen.get("gate") or (device.gate if device else ""),
                at=min(seen.get("scanned_at", now), now),
            ),
            scanner=scanner,
            now=now,
        )
        if scan.result != ScanResult.ADMITTED or scan.ticket is None:
            raise _refusal(scan)
        return Response(
            {
                "result": scan.result,
                "scan_id": str(scan.scan_id),
                "ticket": _show_ticket(scan.ticket),
                "used_at": scan.scanned_at,
            }
        )


def _refusal(scan: Scan) -> Refusal:
    kind, sentence = _REFUSALS[scan.result]
    refusal = kind(sentence)
    details: dict[str, Any] = {"scan_id": str(scan.scan_id)}
    if scan.ticket is not None:
        details["ticket"] = _show_ticket(scan.ticket)
    if scan.result == ScanResult.ALREADY_USED and scan.ticket is not None:
        details["first_scan"] = _show_first(scan.ticket)
    refusal.details = details
    return refusal


def _show_first(ticket: Ticket) -> Mapping[str, Any] | None:
    first = first_admission(ticket.pk)
    if first is None:
        return None
    return {
        "at": first.scanned_at.isoformat(),
        "gate": first.gate,
        "device": first.device.name if first.device else None,
    }


def _show_ticket(ticket: Ticket) -> dict[str, str]:
    return {
        "id": str(ticket.pk),
        "ticket_type": ticket.ticket_type.name,
        "holder_name": ticket.holder_name,
        "order_code": ticket.order.code,
        "event": str(ticket.event_id),
    }
