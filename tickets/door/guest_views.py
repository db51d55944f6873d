"""The views by which a supervisor's device finds guests and admits them by hand."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import EventNotFound, NotForThisCaller
from ticketing import clock
from ticketing.api.fields import SearchField, StrictSerializer, show_moment
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.schema import DEVICE_TOKEN, operation
from ticketing.ids import new_id
from tickets.access import TicketNotFound
from tickets.door.answers import GATE_REFUSALS, refuse_passage, show_passage, store_passage
from tickets.door.by_hand import Hand, ReasonByHand, check_in_by_hand
from tickets.door.earlier import ScanIdReused, is_inside
from tickets.door.guests import Presence, find_guests
from tickets.door.scanner import actor_of_device, events_of, supervisor_of, ticket_of_supervisor
from tickets.door.serializers import AdmissionShown, ScanProblem
from tickets.models import Device, Ticket, TicketStatus
from tickets.ticket_codes import readable_codes

# As many as fit on a phone. Staff write more letters of the name instead of scrolling.
_MOST_SHOWN: Final = 20


class SearchSent(StrictSerializer):
    """Which guests to find. It is a body, because addresses get into the logs of proxies."""

    event = serializers.UUIDField(help_text="The event's id.")
    q = SearchField(
        max_length=300,
        help_text="A part of the holder's or buyer's name, a whole email address, an order's code,"
        " a ticket's code such as `YD8X2B-1`, or the text of a QR code.",
    )


class GuestShown(serializers.Serializer[Any]):
    """A ticket that admits somebody. Never an email address."""

    id = serializers.UUIDField()
    holder_name = serializers.CharField()
    order_code = serializers.CharField()
    code_short = serializers.CharField(help_text="As people read it aloud: `YD8X2B-1`.")
    ticket_type = serializers.CharField()
    status = serializers.ChoiceField(choices=[TicketStatus.VALID.value, TicketStatus.USED.value])
    used_at = serializers.DateTimeField(allow_null=True)
    inside = serializers.BooleanField()


class GuestsShown(serializers.Serializer[Any]):
    """The tickets that match, by the holder's name."""

    guests = GuestShown(many=True)
    more = serializers.BooleanField(help_text="Whether others match too.")


class AdmissionByHandSent(StrictSerializer):
    """Why the guest is admitted without a scan. A retry sends the same `scan_id`."""

    reason = serializers.ChoiceField(choices=ReasonByHand.values)
    scan_id = serializers.UUIDField(default=new_id)


class DoorGuests(APIView):
    @operation(
        "find_guests",
        tokens=[DEVICE_TOKEN],
        takes=SearchSent,
        answers={200: GuestsShown},
        refusals=[NotForThisCaller, EventNotFound],
        examples={"By name": {"event": "01998c70-9c3d-7e02-b7a4-1c5e8f2a6d90", "q": "ana souza"}},
    )
    def post(self, request: Request) -> Response:
        """
        Return the guests of an event that match, 20 at most. The device must be a supervisor's.

        Revoked and replaced tickets are left out.
        """
        device = supervisor_of(request)
        parsed = SearchSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        wanted = parsed.validated_data
        event = events_of(device).filter(pk=wanted["event"]).first()
        if event is None:
            raise EventNotFound("No event of this device has that id.")
        found = find_guests(event.pk, presence=Presence.ALL, words=wanted["q"], with_email=True)
        tickets = list(found[: _MOST_SHOWN + 1])
        shown = tickets[:_MOST_SHOWN]
        codes = readable_codes(shown)
        return Response(
            {
                "guests": [_show(ticket, codes[ticket.pk]) for ticket in shown],
                "more": len(tickets) > _MOST_SHOWN,
            }
        )


class GuestAdmission(APIView):
    @operation(
        "admit_by_hand",
        tokens=[DEVICE_TOKEN],
        takes=AdmissionByHandSent,
        answers={200: AdmissionShown},
        refusals=[
            NotForThisCaller,
            TicketNotFound,
            ScanIdReused,
            *GATE_REFUSALS,
            *KEY_REFUSALS,
        ],
        parameters=[KEY],
        problems=dict.fromkeys(GATE_REFUSALS, ScanProblem),
        examples={"A guest whose phone is out": {"reason": ReasonByHand.PHONE_IS_OUT.value}},
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """
        Admit a guest without the QR code. The device must be a supervisor's.

        It is a scan at the device's gate, decided by the same rules, and on record with its reason.
        """
        device = supervisor_of(request)
        ticket, _actor = ticket_of_supervisor(request, ticket_id)
        return answer_once(request, partial(self._admit, request, device, ticket))

    def _admit(
        self, request: Request, device: Device, ticket: Ticket, responses: ResponseStore
    ) -> Response:
        parsed = AdmissionByHandSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        attempt = check_in_by_hand(
            ticket=ticket,
            reason=ReasonByHand(parsed.validated_data["reason"]),
            by=Hand(actor_of_device(device), device.gate, device.digest),
            now=clock.now(),
            scan_id=parsed.validated_data["scan_id"],
            store_response=store_passage(responses),
        )
        if not attempt.is_let_through or attempt.ticket is None:
            raise refuse_passage(attempt)
        return Response(show_passage(attempt, attempt.ticket))


def _show(ticket: Ticket, code: str) -> dict[str, Any]:
    return {
        "id": str(ticket.pk),
        "holder_name": ticket.holder_name,
        "order_code": ticket.order.code,
        "code_short": code,
        "ticket_type": ticket.ticket_type.name,
        "status": ticket.status,
        "used_at": show_moment(ticket.used_at) if ticket.used_at else None,
        "inside": is_inside(ticket),
    }
