"""What a door device asks for: the state of its door, and its offline bundle."""

from django.utils.decorators import method_decorator
from django.views.decorators.gzip import gzip_page
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import NotForThisCaller
from ticketing import clock
from ticketing.api.queries import read_query
from ticketing.api.schema import DEVICE_TOKEN, operation
from tickets.door.bundle import read_ticket_changes
from tickets.door.device_events import events_of_device
from tickets.door.devices import note_seen
from tickets.door.gates import rules_of_gates, types_admitted
from tickets.door.scanner import device_of
from tickets.door.state_serializers import (
    BundleQuery,
    BundleShown,
    DoorStateShown,
    show_bundle,
    show_state,
)
from tickets.door.watch import take_conflicts, take_door_counts


class DoorState(APIView):
    @operation(
        "get_door_state",
        tokens=[DEVICE_TOKEN],
        answers={200: DoorStateShown},
        refusals=[NotForThisCaller],
    )
    def get(self, request: Request) -> Response:
        """
        Return the device, its events and their figures. A device asks every 15 seconds.

        The organizer is alerted when a device that has asked before stops asking. `conflicts` are
        the newest that the organizer has not acknowledged, of all gates.
        """
        device, now = device_of(request), clock.now()
        note_seen(device=device, now=now)
        events = events_of_device(device, now=now)
        counts = take_door_counts([event.pk for event in events], now=now)
        return Response(
            show_state(
                device,
                events,
                counts,
                types=types_admitted(device.gate, [event.pk for event in events]),
                conflicts=take_conflicts([event.pk for event in events], now=now),
                now=now,
            )
        )


# Ids have no pattern, so that compression saves a third and reveals nothing.
@method_decorator(gzip_page, name="dispatch")
class DoorBundle(APIView):
    @operation(
        "get_door_bundle",
        tokens=[DEVICE_TOKEN],
        answers={200: BundleShown},
        refusals=[NotForThisCaller],
        parameters=[BundleQuery],
    )
    def get(self, request: Request) -> Response:
        """
        Return what a device needs to decide without a network, or what has changed since.

        Ask without `since` first, then with the `cursor` of each response: at once while `complete`
        is false, later about once a minute. No change is missed, but one may be sent twice.
        """
        device, now = device_of(request), clock.now()
        query = read_query(request, BundleQuery)
        events = events_of_device(device, now=now)
        changes = read_ticket_changes(events=events, since=query.get("since"), now=now)
        gates = rules_of_gates(device.gate, [event.pk for event in events])
        return Response(show_bundle(events, changes, gates))
