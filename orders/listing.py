"""All orders of an organizer, page by page, each page after the last order of the one before."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from events.access import acting_organizers
from events.catalogue import find_event
from events.models import Scope
from orders.models import Order
from orders.organizer_serializers import AllOrdersQuery, OrderForOrganizer, show_to_organizer
from orders.search import OrderFilter, UnknownOrder, orders_of_organizers
from ticketing.api.fields import show_moment
from ticketing.api.freshness import set_last_modified
from ticketing.api.pagination import read_page_size
from ticketing.api.queries import InvalidQuery, read_query


class AllOrdersPage(serializers.Serializer[Any]):
    """One page of a list that is not counted."""

    next = serializers.URLField(allow_null=True, help_text="The next page, if any.")
    results = OrderForOrganizer(many=True)


def list_all_orders(request: Request) -> Response:
    """
    Answer with a page of the orders of all events of the caller's organizers.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: by the caller
    :raises InvalidQuery: by what is asked for
    """
    organizers = acting_organizers(request, Scope.ORDERS_READ)
    asked = read_query(request, AllOrdersQuery)
    size = read_page_size(request)
    try:
        # One more than is shown says whether there is a next page.
        found = orders_of_organizers(organizers, _filter_of(asked), count=size + 1)
    except UnknownOrder as error:
        unknown = {"after": ["No order of yours has that id."]}
        raise InvalidQuery(unknown, code="unknown_order") from error
    shown = found[:size]
    more = _next_link(request, shown[-1], asked) if len(found) > size else None
    answer = Response({"next": more, "results": show_to_organizer(shown)})
    set_last_modified(answer, [order.modified_at for order in shown])
    return answer


def _filter_of(asked: dict[str, Any]) -> OrderFilter:
    wanted = dict(asked)
    words, statuses = wanted.pop("q", ""), wanted.pop("status", [])
    if "event" in wanted:
        event = find_event(wanted["event"])
        # Whose it is, the orders say.
        if event is None:
            raise InvalidQuery({"event": ["No event has that id or slug."]}, code="unknown_event")
        wanted["event"] = event.pk
    return OrderFilter(words, statuses, **wanted)


def _next_link(request: Request, last: Order, asked: dict[str, Any]) -> str:
    link = replace_query_param(request.build_absolute_uri(), "after", str(last.pk))
    if "modified_since" in asked:
        link = replace_query_param(link, "modified_since", show_moment(last.modified_at))
    return link
