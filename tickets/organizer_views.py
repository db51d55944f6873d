"""The views with which an organizer's system manages sold orders and tickets."""

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
from events.second_factor import SecondFactorRequired
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
from tickets.access import TicketNotFound, may_see_codes, ticket_acted_for
from tickets.delivery import NothingToDeliver, resend_tickets
from tickets.models import Ticket
from tickets.refund import OrderNotRefundable, TicketNotOfOrder, refund_order, refund_tickets
from tickets.replacement import TicketNotValid, replace_ticket, revoke_ticket
from tickets.search import TicketFilter, tickets_of_event
from tickets.serializers import (
    HolderSent,
    ReplacedProblem,
    TicketForOrganizer,
    TicketsQuery,
    show_ticket_to_organizer,
)

_READER = (API_TOKEN, Scope.ORDERS_READ.value)
_REFUNDER = (API_TOKEN, Scope.ORDERS_REFUND.value)
_WRITER = (API_TOKEN, Scope.TICKETS_WRITE.value)
_PROBLEMS: Final[dict[type[Exception], type[Problem]]] = {TicketNotValid: ReplacedProblem}
_CALLER_REFUSALS = (NotForThisCaller, SecondFactorRequired, InsufficientScope)
_ID = "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"


class OrderRefund(APIView):
    @operation(
        "refund_order",
        tokens=[_REFUNDER],
        takes=RefundSent,
        answers={202: OrderForOrganizer},
        refusals=[
            *_CALLER_REFUSALS,
            OrderNotFound,
            OrderNotRefundable,
            TicketNotOfOrder,
            *KEY_REFUSALS,
        ],
        parameters=[KEY],
        examples={"All of it": {"full": True}, "One ticket": {"tickets": [_ID]}},
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """
        Refund an order: all of it (`full`), or some of its tickets. Gates refuse these at once.

        The money is returned soon after. Tickets that were refunded before are left as they are.
        """
        order = order_acted_for(request, order_id, Scope.ORDERS_REFUND)
        return answer_once(request, partial(self._refund, request, order))

    def _refund(self, request: Request, order: Order, responses: ResponseStore) -> Response:
        parsed = RefundSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        actor, now = actor_of(request), clock.now()
        shown: dict[str, Any] = {}

        def store_response() -> None:
            shown.update(_show_order(order.pk))
            responses.store(202, shown, {})

        if parsed.validated_data.get("full"):
            refund_order(order_id=order.pk, actor=actor, now=now, store_response=store_response)
        else:
            refund_tickets(
                order_id=order.pk,
                ticket_ids=parsed.validated_data["tickets"],
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
        refusals=[*_CALLER_REFUSALS, OrderNotFound, NothingToDeliver, *KEY_REFUSALS],
        parameters=[KEY],
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """Send an order's tickets to its buyer again."""
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
        refusals=[*_CALLER_REFUSALS, EventNotFound],
        parameters=[TicketsQuery, *PAGE],
        links={
            "get_ticket": {"ticket_id": "results/0/id"},
            "rename_ticket": {"ticket_id": "results/0/id"},
            "exchange_ticket": {"ticket_id": "results/0/id"},
            "reissue_ticket": {"ticket_id": "results/0/id"},
            "revoke_ticket": {"ticket_id": "results/0/id"},
            "undo_check_in": {"ticket_id": "results/0/id"},
        },
    )
    def get(self, request: Request, reference: str) -> Response:
        """Return an event's tickets, newest first; with `modified_since`, by their last change."""
        event = event_acted_for(request, reference, Scope.ORDERS_READ)
        query = read_query(request, TicketsQuery)
        filters = dict(query)
        words, statuses = filters.pop("q", ""), filters.pop("status", [])
        tickets = tickets_of_event(event.pk, TicketFilter(words, statuses, **filters))
        pages = pages_of(query)
        shown: list[Any] = list(pages.paginate_queryset(tickets, request, self) or [])
        hides = not may_see_codes(request, event.pk)
        serializer = TicketForOrganizer(shown, many=True, context={"hides_codes": hides})
        response = pages.get_paginated_response(serializer.data)
        set_last_modified(response, [ticket.modified_at for ticket in shown])
        return response


class OneTicket(APIView):
    @operation(
        "get_ticket",
        tokens=[_READER],
        answers={200: TicketForOrganizer},
        refusals=[*_CALLER_REFUSALS, TicketNotFound],
    )
    def get(self, request: Request, ticket_id: UUID) -> Response:
        """Return a ticket."""
        ticket = ticket_acted_for(request, ticket_id, Scope.ORDERS_READ)
        shown = show_ticket_to_organizer(ticket.pk)
        if not may_see_codes(request, ticket.event_id):
            shown["code"] = ""
        return tag_when_rendered(request, Response(shown))

    @operation(
        "rename_ticket",
        tokens=[_WRITER],
        takes=HolderSent,
        answers={200: TicketForOrganizer},
        refusals=[
            *_CALLER_REFUSALS,
            TicketNotFound,
            TicketNotValid,
            PreconditionFailed,
            *KEY_REFUSALS,
        ],
        problems=_PROBLEMS,
        parameters=[KEY, IF_MATCH],
        examples={"Another holder": {"holder_name": "Bia Lima"}},
    )
    def patch(self, request: Request, ticket_id: UUID) -> Response:
        """
        Give a ticket to another holder. It gets a new id and a new code; gates refuse the old code.

        The buyer gets the order's tickets by mail again.
        """
        ticket = ticket_acted_for(request, ticket_id, Scope.TICKETS_WRITE)
        return answer_once(request, partial(self._rename, request, ticket))

    def _rename(self, request: Request, ticket: Ticket, responses: ResponseStore) -> Response:
        if_match = read_if_match(request)
        parsed = HolderSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        return _replace(
            ticket,
            parsed.validated_data["holder_name"],
            responses,
            actor=actor_of(request),
            status=200,
            check=lambda: if_match.check_tag(etag_of_shown(show_ticket_to_organizer(ticket.pk))),
        )


class TicketRevocation(APIView):
    @operation(
        "revoke_ticket",
        tokens=[_WRITER],
        answers={200: TicketForOrganizer},
        refusals=[*_CALLER_REFUSALS, TicketNotFound, TicketNotValid, *KEY_REFUSALS],
        parameters=[KEY],
        problems=_PROBLEMS,
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """Revoke a ticket: gates refuse it at once. Its place stays sold, nothing is refunded."""
        ticket = ticket_acted_for(request, ticket_id, Scope.TICKETS_WRITE)
        return answer_once(request, partial(self._revoke, request, ticket))

    def _revoke(self, request: Request, ticket: Ticket, responses: ResponseStore) -> Response:
        shown: dict[str, Any] = {}

        def store_response() -> None:
            shown.update(show_ticket_to_organizer(ticket.pk))
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
        refusals=[*_CALLER_REFUSALS, TicketNotFound, TicketNotValid, *KEY_REFUSALS],
        problems=_PROBLEMS,
        parameters=[KEY],
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """
        Replace a ticket by one with a new id and a new code. Gates refuse the old code at once.

        The buyer gets the order's tickets by mail again. An open offer of the old ticket to another
        person ends.
        """
        ticket = ticket_acted_for(request, ticket_id, Scope.TICKETS_WRITE)
        return answer_once(
            request,
            lambda responses: _replace(
                ticket, None, responses, actor=actor_of(request), status=201
            ),
        )


def _replace(  # noqa: PLR0913 - a replacement takes all these
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
        shown.update(show_ticket_to_organizer(new.pk))
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
