"""HTTP views of events: the public catalogue, and changes by organizers."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import (
    EventNotFound,
    InsufficientScope,
    NotAuthenticated,
    NotForThisCaller,
    OrganizerNotFound,
    acting_organizers,
    actor_of,
    choose_organizer,
    event_acted_for,
    events_acted_for,
    may_act_for,
)
from events.catalogue import (
    CatalogueFilter,
    Period,
    find_event,
    look_up_event,
    own_events,
    show_availability,
)
from events.changes import EventNotEditable
from events.examples import EVENT_WITH_TWO_TYPES, SIMPLE_EVENT
from events.list_answers import answer_page, recall_query, remember_query
from events.listing import PageRequest
from events.models import Event, EventStatus, Organizer, Scope, TicketType
from events.organizing import CurrencyInUse, SlugTaken, change_event, create_event
from events.publishing import EventIsOver, EventNotPublishable, IllegalStatus
from events.request_serializers import CatalogueQuery, EventChanged, EventSent, NewEventSent
from events.second_factor import SecondFactorRequired
from events.sent import SeveralTicketTypes, event_defaults, take_ticket_types
from events.serializers import EventShown
from events.showing import (
    show_event,
    show_event_with,
    show_fresh_event,
    show_recorded_event,
)
from events.ticket_types import (
    CapacityBelowCommitted,
    OnlyTypeOfGate,
    TicketTypeInUse,
    TooManyTicketTypes,
    TypeNameTaken,
    UnknownTypeOfEvent,
)
from ticketing import clock
from ticketing.api.freshness import etag_of_shown, tag, tag_when_rendered
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.pagination import NumberedPages
from ticketing.api.preconditions import IF_MATCH, PreconditionFailed, read_if_match
from ticketing.api.queries import InvalidQuery, read_query
from ticketing.api.quick import answer_json
from ticketing.api.schema import API_TOKEN, PAGE, operation, page_of

_WRITER = (API_TOKEN, Scope.EVENTS_WRITE.value)
_CHANGES = [
    NotForThisCaller,
    SecondFactorRequired,
    InsufficientScope,
    EventNotFound,
    PreconditionFailed,
    CapacityBelowCommitted,
    CurrencyInUse,
    EventIsOver,
    EventNotEditable,
    EventNotPublishable,
    IllegalStatus,
    OnlyTypeOfGate,
    SlugTaken,
    TicketTypeInUse,
    TooManyTicketTypes,
    TypeNameTaken,
    UnknownTypeOfEvent,
    SeveralTicketTypes,
]


class Events(APIView):
    @operation(
        "list_events",
        anyone=True,
        tokens=[_WRITER],
        answers={200: page_of(EventShown)},
        refusals=[NotAuthenticated, NotForThisCaller, SecondFactorRequired, InsufficientScope],
        parameters=[CatalogueQuery, *PAGE],
        links={
            "get_event": {"reference": "results/0/id"},
            "get_challenge": {"reference": "results/0/id"},
        },
    )
    def get(self, request: Request) -> HttpResponse:
        """
        Return the published events that have not ended, soonest first.

        With `period`, return events that have ended. With `external_id`, return your own events.
        """
        query = read_query(request, CatalogueQuery)
        if "external_id" in query:
            return self._find_own(request, query["external_id"])
        pages = NumberedPages()
        wanted = CatalogueFilter(
            words=query.get("q", ""),
            city=query.get("city", ""),
            starts_after=query.get("starts_after"),
            starts_before=query.get("starts_before"),
            period=Period(query["period"]) if "period" in query else None,
            ordering=query["ordering"],
        )
        number, size = pages.get_page_number(request, None), pages.get_page_size(request)
        page, plain = PageRequest(wanted, number, size), request._request  # noqa: SLF001
        response = answer_page(plain, page)
        # After the response: a request that the rate limits refuse must not fill the cache.
        remember_query(plain, page)
        return response

    @staticmethod
    def quick_get(request: HttpRequest) -> HttpResponse | None:
        """Do what `get` does for a caller without a token, if it has parsed the query before."""
        page = recall_query(request)
        if page is None or "HTTP_AUTHORIZATION" in request.META:
            return None
        return answer_page(request, page)

    def _find_own(self, request: Request, external_id: str) -> Response:
        if request.query_params.keys() - {"external_id", "page", "page_size"}:
            raise InvalidQuery(
                {
                    "external_id": [
                        "Send it without other filters. `page` and `page_size` are allowed."
                    ]
                },
                code="sent_beside_others",
            )
        events = events_acted_for(request, Scope.EVENTS_WRITE)
        pages = NumberedPages()
        found = pages.paginate_queryset(own_events(events, external_id), request, self)
        shown = list(found or [])
        show_availability(shown, now=clock.now())
        return pages.get_paginated_response(
            [show_event(event, for_organizer=True) for event in shown]
        )

    @operation(
        "create_event",
        tokens=[_WRITER],
        takes=NewEventSent,
        answers={201: EventShown},
        refusals=[
            NotForThisCaller,
            SecondFactorRequired,
            InsufficientScope,
            OrganizerNotFound,
            SlugTaken,
            EventIsOver,
            EventNotPublishable,
            *KEY_REFUSALS,
        ],
        parameters=[KEY],
        examples={"A simple event": SIMPLE_EVENT, "An event with two types": EVENT_WITH_TWO_TYPES},
        links={
            "get_event": {"reference": "id"},
            "replace_event": {"reference": "id"},
            "change_event": {"reference": "id"},
            "list_orders": {"reference": "id"},
            "export_orders": {"reference": "id"},
            "list_tickets": {"reference": "id"},
            "get_attendance": {"reference": "id"},
        },
    )
    def post(self, request: Request) -> Response:
        """Create an event, as a draft unless its `status` is `published`."""
        # Check access first: a stored response must not be returned to a token revoked since.
        organizers = acting_organizers(request, Scope.EVENTS_WRITE)
        return answer_once(request, partial(self._create, request, organizers))

    def _create(
        self, request: Request, organizers: QuerySet[Organizer], responses: ResponseStore
    ) -> Response:
        parsed = NewEventSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        fields = dict(parsed.validated_data)
        organizer = choose_organizer(organizers, fields.pop("organizer", None))
        kinds = take_ticket_types(fields) or []
        for kind in kinds:
            kind.pop("id", None)
        shown: dict[str, Any] = {}
        headers: dict[str, str] = {}

        def store_response(event: Event) -> None:
            recorded, revision = show_recorded_event(event.pk)
            shown.update(recorded)
            etag = etag_of_shown(recorded, revision)
            headers.update({"Location": f"/events/{event.pk}", "ETag": etag})
            responses.store(201, shown, headers)

        create_event(
            event=Event(organizer=organizer, **fields),
            ticket_types=[TicketType(**kind) for kind in kinds],
            actor=actor_of(request),
            now=clock.now(),
            store_response=store_response,
        )
        return Response(shown, status=201, headers=headers)


class OneEvent(APIView):
    @operation(
        "get_event",
        anyone=True,
        tokens=[_WRITER],
        answers={200: EventShown},
        refusals=[EventNotFound],
    )
    def get(self, request: Request, reference: str) -> Response:
        """Return one event, by id or slug, with the number of tickets left."""
        event = find_event(reference)
        own = event is not None and may_act_for(request, event.pk, Scope.EVENTS_WRITE)
        if event is None or (event.status == EventStatus.DRAFT and not own):
            raise EventNotFound("No event has that id or slug.")
        show_availability([event], now=clock.now())
        shown = show_event(event, for_organizer=own)
        return tag_when_rendered(request, Response(shown), event.revision)

    @staticmethod
    def quick_get(request: HttpRequest, reference: str) -> HttpResponse | None:
        """Do what `get` does for a caller without a token, if the event is public."""
        if "HTTP_AUTHORIZATION" in request.META:
            return None
        found = look_up_event(reference, now=clock.now())
        if found is None:
            return None
        return tag(request, answer_json(show_event_with(*found)), found[0].event.revision)

    @operation(
        "replace_event",
        tokens=[_WRITER],
        takes=EventSent,
        answers={200: EventShown},
        refusals=_CHANGES,
        parameters=[IF_MATCH],
        examples={"A simple event": SIMPLE_EVENT},
    )
    def put(self, request: Request, reference: str) -> Response:
        """Replace an event: members that are not sent get their default values."""
        return self._change(request, reference, partial=False)

    @operation(
        "change_event",
        tokens=[_WRITER],
        takes=EventChanged(partial=True),
        answers={200: EventShown},
        refusals=_CHANGES,
        parameters=[IF_MATCH],
        examples={"Put it on sale": {"status": "published"}, "More places": {"capacity": 250}},
    )
    def patch(self, request: Request, reference: str) -> Response:
        """Change the members of an event that are sent; `status` publishes or cancels it."""
        return self._change(request, reference, partial=True)

    def _change(self, request: Request, reference: str, *, partial: bool) -> Response:
        event = event_acted_for(request, reference, Scope.EVENTS_WRITE)
        precondition = read_if_match(request)
        serializer_class = EventChanged if partial else EventSent
        parsed = serializer_class(event, data=request.data, partial=partial)
        parsed.is_valid(raise_exception=True)
        fields = dict(parsed.validated_data)
        fields.pop("organizer", None)
        kinds = take_ticket_types(fields, event)
        if not partial:
            fields = event_defaults() | fields
        change_event(
            event_id=event.pk,
            fields=fields,
            ticket_types=kinds,
            drop_others=not partial,
            notify_buyers=fields.pop("notify_buyers", True),
            actor=actor_of(request),
            now=clock.now(),
            check=lambda locked: precondition.check_revision(locked.revision),
        )
        shown, revision = show_fresh_event(event.pk, now=clock.now())
        return Response(shown, headers={"ETag": etag_of_shown(shown, revision)})
