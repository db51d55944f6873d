"""List the orders of all events of the caller's organizers, page by page."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from events.access import rows_acted_for
from events.catalogue import find_event
from events.models import Scope
from orders.models import Order
from orders.organizer_serializers import AllOrdersQuery, OrderForOrganizer, show_to_organizer
from orders.search import OrderFilter, UnknownOrder, first_orders
from ticketing.api.fields import show_moment
from ticketing.api.freshness import set_last_modified
from ticketing.api.pagination import read_page_size
from ticketing.api.queries import InvalidQuery, read_query


class AllOrdersPage(serializers.Serializer[Any]):
    """One page of a list. The total number of orders is not counted."""

    next = serializers.URLField(
        allow_null=True, help_text="The address of the next page, or null on the last page."
    )
    results = OrderForOrganizer(many=True)


def list_all_orders(request: Request) -> Response:
    """
    Return a response with one page of the orders of all events of the caller's organizers.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: if the credentials
        do not suffice
    :raises InvalidQuery: if a query parameter is invalid
    """
    orders = rows_acted_for(
        Order.objects.all(),
        request,
        Scope.ORDERS_READ,
        organizer_path="event__organizer",
        event_path="event",
    )
    query = read_query(request, AllOrdersQuery)
    size = read_page_size(request)
    try:
        # Read one order more than the page shows, to learn whether there is a next page.
        found = first_orders(orders, _filter_of(query), count=size + 1)
    except UnknownOrder as error:
        unknown = {"after": ["No order of yours has that id."]}
        raise InvalidQuery(unknown, code="unknown_order") from error
    shown = found[:size]
    next_link = _next_link(request, shown[-1], query) if len(found) > size else None
    response = Response({"next": next_link, "results": show_to_organizer(shown)})
    set_last_modified(response, [order.modified_at for order in shown])
    return response


def _filter_of(query: dict[str, Any]) -> OrderFilter:
    wanted = dict(query)
    words, statuses = wanted.pop("q", ""), wanted.pop("status", [])
    if "event" in wanted:
        # The event may belong to another organizer: then no order is found.
        event = find_event(wanted["event"])
        if event is None:
            raise InvalidQuery({"event": ["No event has that id or slug."]}, code="unknown_event")
        wanted["event"] = event.pk
    return OrderFilter(words, statuses, **wanted)


def _next_link(request: Request, last: Order, query: dict[str, Any]) -> str:
    link = replace_query_param(request.build_absolute_uri(), "after", str(last.pk))
    if "modified_since" in query:
        link = replace_query_param(link, "modified_since", show_moment(last.modified_at))
    return link
