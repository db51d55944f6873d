"""What an organizer's own systems do with orders and tickets that were sold."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import (
    EventNotFound,
    InsufficientScope,
    NotForThisCaller,
    actor_of,
    event_acted_for,
)
from events.models import Scope
from orders.access import OrderNotFound, order_acted_for
from orders.models import Order
from orders.organizer_serializers import OrderForOrganizer, RefundSent, show_to_organizer
from orders.search import with_all_shown as with_all_of_orders
from ticketing import clock
from ticketing.actors import Actor
from ticketing.api.freshness import etag_of_shown, set_last_modified, tag_when_rendered
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.pagination import pages_of
from ticketing.api.preconditions import IF_MATCH, PreconditionFailed, read_if_match
from ticketing.api.queries import read_query
from ticketing.api.schema import API_TOKEN, PAGE, Problem, operation, page_of
from tickets.access import TicketNotFound, ticket_acted_for
from tickets.delivery import NothingToDeliver, resend_tickets
from tickets.door.attendance import measure_attendance
from tickets.door.serializers import AttendanceShown
from tickets.models import Ticket
from tickets.refund import OrderNotRefundable, TicketNotOfOrder, refund_order, refund_tickets
from tickets.replacement import TicketNotValid, replace_ticket, revoke_ticket
from tickets.search import TicketFilter, tickets_of_event, with_all_shown
from tickets.serializers import HolderSent, ReplacedProblem, TicketForOrganizer, TicketsQuery

_READER = (API_TOKEN, Scope.ORDERS_READ.value)
_REFUNDER = (API_TOKEN, Scope.ORDERS_REFUND.value)
_REPORTER = (API_TOKEN, Scope.REPORTS_READ.value)
_WRITER = (API_TOKEN, Scope.TICKETS_WRITE.value)
_REPLACED: Final[dict[type[Exception], type[Problem]]] = {TicketNotValid: ReplacedProblem}
_CALLERS = (NotForThisCaller, InsufficientScope)
_ID = "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"


class OrderRefund(APIView):
    @operation(
        "refund_order",
        tokens=[_REFUNDER],
        takes=RefundSent,
        answers={202: OrderForOrganizer},
        refusals=[*_CALLERS, OrderNotFound, OrderNotRefundable, TicketNotOfOrder, *KEY_REFUSALS],
        parameters=[KEY],
        examples={"All of it": {"full": True}, "One ticket": {"tickets": [_ID]}},
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """
        Refund an order: all of it (`full`), or some of its tickets. These open no gate from now on.

        The money follows soon after. What was refunded already is left as it is.
        """
        order = order_acted_for(request, order_id, Scope.ORDERS_REFUND)
        return answer_once(request, partial(self._refund, request, order))

    def _refund(self, request: Request, order: Order, responses: ResponseStore) -> Response:
        wish = RefundSent(data=request.data)
        wish.is_valid(raise_exception=True)
        actor, now = actor_of(request), clock.now()
        shown: dict[str, Any] = {}

        def store_response() -> None:
            shown.update(_show_order(order.pk))
            responses.store(202, shown, {})

        if wish.validated_data.get("full"):
            refund_order(order_id=order.pk, actor=actor, now=now, store_response=store_response)
        else:
            chosen = wish.validated_data["tickets"]
            refund_tickets(
                order_id=order.pk,
                ticket_ids=chosen,
                actor=actor,
                now=now,
                store_response=store_response,
            )
        return Response(shown, status=202)


class OrderResend(APIView):
    @operation(
        "resend_tickets",
        tokens=[_WRITER],
        answers={202: OrderForOrganizer},
        refusals=[*_CALLERS, OrderNotFound, NothingToDeliver, *KEY_REFUSALS],
        parameters=[KEY],
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """Send an order's tickets to its buyer once more."""
        order = order_acted_for(request, order_id, Scope.TICKETS_WRITE)
        return answer_once(request, partial(self._resend, request, order))

    def _resend(self, request: Request, order: Order, responses: ResponseStore) -> Response:
        shown: dict[str, Any] = {}

        def store_response() -> None:
            shown.update(_show_order(order.pk))
            responses.store(202, shown, {})

        resend_tickets(
            order_id=order.pk,
            actor=actor_of(request),
            now=clock.now(),
            store_response=store_response,
        )
        return Response(shown, status=202)


class EventTickets(APIView):
    @operation(
        "list_tickets",
        tokens=[_READER],
        answers={200: page_of(TicketForOrganizer)},
        refusals=[*_CALLERS, EventNotFound],
        parameters=[TicketsQuery, *PAGE],
        links={
            "get_ticket": {"ticket_id": "results/0/id"},
            "rename_ticket": {"ticket_id": "results/0/id"},
            "reissue_ticket": {"ticket_id": "results/0/id"},
            "revoke_ticket": {"ticket_id": "results/0/id"},
            "undo_check_in": {"ticket_id": "results/0/id"},
        },
    )
    def get(self, request: Request, reference: str) -> Response:
        """Return an event's tickets, newest first, or as they have changed."""
        event = event_acted_for(request, reference, Scope.ORDERS_READ)
        asked = read_query(request, TicketsQuery)
        wanted = dict(asked)
        words, statuses = wanted.pop("q", ""), wanted.pop("status", [])
        tickets = tickets_of_event(event.pk, TicketFilter(words, statuses, **wanted))
        pages = pages_of(asked)
        shown: list[Any] = list(pages.paginate_queryset(tickets, request, self) or [])
        answer = pages.get_paginated_response(TicketForOrganizer(shown, many=True).data)
        set_last_modified(answer, [ticket.modified_at for ticket in shown])
        return answer


class EventAttendance(APIView):
    @operation(
        "get_attendance",
        tokens=[_REPORTER],
        answers={200: AttendanceShown},
        refusals=[*_CALLERS, EventNotFound],
    )
    def get(self, request: Request, reference: str) -> Response:
        """Return how an event has sold and who has come, by ticket type and by gate."""
        event = event_acted_for(request, reference, Scope.REPORTS_READ)
        return Response(AttendanceShown(measure_attendance(event.pk)).data)


class OneTicket(APIView):
    @operation(
        "get_ticket",
        tokens=[_READER],
        answers={200: TicketForOrganizer},
        refusals=[*_CALLERS, TicketNotFound],
    )
    def get(self, request: Request, ticket_id: UUID) -> Response:
        """Return a ticket as it stands."""
        ticket = ticket_acted_for(request, ticket_id, Scope.ORDERS_READ)
        return tag_when_rendered(request, Response(_show_ticket(ticket.pk)))

    @operation(
        "rename_ticket",
        tokens=[_WRITER],
        takes=HolderSent,
        answers={200: TicketForOrganizer},
        refusals=[
            *_CALLERS,
            TicketNotFound,
            TicketNotValid,
            PreconditionFailed,
            *KEY_REFUSALS,
        ],
        problems=_REPLACED,
        parameters=[KEY, IF_MATCH],
        examples={"Another holder": {"holder_name": "Bia Lima"}},
    )
    def patch(self, request: Request, ticket_id: UUID) -> Response:
        """
        Give a ticket to another holder. It gets a new id and a new code; the old ones die at once.

        The buyer gets the order's tickets by mail again.
        """
        ticket = ticket_acted_for(request, ticket_id, Scope.TICKETS_WRITE)
        return answer_once(request, partial(self._rename, request, ticket))

    def _rename(self, request: Request, ticket: Ticket, responses: ResponseStore) -> Response:
        seen = read_if_match(request)
        wish = HolderSent(data=request.data)
        wish.is_valid(raise_exception=True)
        return _replace(
            ticket,
            wish.validated_data["holder_name"],
            responses,
            actor=actor_of(request),
            status=200,
            check=lambda: seen.check_tag(etag_of_shown(_show_ticket(ticket.pk))),
        )


class TicketRevocation(APIView):
    @operation(
        "revoke_ticket",
        tokens=[_WRITER],
        answers={200: TicketForOrganizer},
        refusals=[*_CALLERS, TicketNotFound, TicketNotValid, *KEY_REFUSALS],
        parameters=[KEY],
        problems=_REPLACED,
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Let a ticket open no gate from now on. Its place stays sold, its money is kept."""
        ticket = ticket_acted_for(request, ticket_id, Scope.TICKETS_WRITE)
        return answer_once(request, partial(self._revoke, request, ticket))

    def _revoke(self, request: Request, ticket: Ticket, responses: ResponseStore) -> Response:
        shown: dict[str, Any] = {}

        def store_response() -> None:
            shown.update(_show_ticket(ticket.pk))
            responses.store(200, shown, {})

        revoke_ticket(
            ticket_id=ticket.pk,
            actor=actor_of(request),
            now=clock.now(),
            store_response=store_response,
        )
        return Response(shown)


class TicketReissue(APIView):
    @operation(
        "reissue_ticket",
        tokens=[_WRITER],
        answers={201: TicketForOrganizer},
        refusals=[*_CALLERS, TicketNotFound, TicketNotValid, *KEY_REFUSALS],
        problems=_REPLACED,
        parameters=[KEY],
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """
        Put a ticket with a new id and a new code in a ticket's place. The old code dies at once.

        The buyer gets the order's tickets by mail again.
        """
        ticket = ticket_acted_for(request, ticket_id, Scope.TICKETS_WRITE)
        return answer_once(
            request,
            lambda responses: _replace(
                ticket, None, responses, actor=actor_of(request), status=201
            ),
        )


def _replace(  # noqa: PLR0913 - what there is to say of a replacement
    ticket: Ticket,
    holder_name: str | None,
    responses: ResponseStore,
    *,
    actor: Actor,
    status: int,
    check: Callable[[], None] = lambda: None,
) -> Response:
    shown: dict[str, Any] = {}
    headers: dict[str, str] = {}

    def store_response(new: Ticket) -> None:
        shown.update(_show_ticket(new.pk))
        headers.update({"Location": f"/tickets/{new.pk}", "ETag": etag_of_shown(shown)})
        responses.store(status, shown, headers)

    replace_ticket(
        ticket_id=ticket.pk,
        holder_name=holder_name,
        actor=actor,
        now=clock.now(),
        check=check,
        store_response=store_response,
    )
    return Response(shown, status=status, headers=headers)


def _show_order(order_id: UUID) -> dict[str, Any]:
    (shown,) = show_to_organizer([with_all_of_orders(Order.objects.all()).get(pk=order_id)])
    return shown


def _show_ticket(ticket_id: UUID) -> dict[str, Any]:
    return dict(TicketForOrganizer(with_all_shown(Ticket.objects.all()).get(pk=ticket_id)).data)
