"""Views of an event's orders for its organizer: pages and a CSV export."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import EventNotFound, InsufficientScope, NotForThisCaller, event_acted_for
from events.models import Scope
from events.second_factor import SecondFactorRequired
from orders.models import Order
from orders.organizer_serializers import OrderForOrganizer, OrdersQuery, show_to_organizer
from orders.search import EXPORTED, OrderFilter, export_orders, orders_of_event
from ticketing.api.csv import CsvRenderer, stream_csv
from ticketing.api.freshness import set_last_modified
from ticketing.api.pagination import pages_of
from ticketing.api.queries import read_query
from ticketing.api.schema import API_TOKEN, PAGE, operation, page_of

_READER = (API_TOKEN, Scope.ORDERS_READ.value)
_SEARCHES = [NotForThisCaller, SecondFactorRequired, InsufficientScope, EventNotFound]


class EventOrders(APIView):
    @operation(
        "list_orders",
        tokens=[_READER],
        answers={200: page_of(OrderForOrganizer)},
        refusals=_SEARCHES,
        parameters=[OrdersQuery, *PAGE],
        links={
            "get_order": {"order_id": "results/0/id"},
            "get_order_tickets": {"order_id": "results/0/id"},
            "refund_order": {"order_id": "results/0/id"},
            "resend_tickets": {"order_id": "results/0/id"},
        },
    )
    def get(self, request: Request, reference: str) -> Response:
        """Return an event's orders: newest first, or by time of change with `modified_since`."""
        orders, query = _search(request, reference)
        pages = pages_of(query)
        shown = list(pages.paginate_queryset(orders, request, self) or [])
        response = pages.get_paginated_response(show_to_organizer(shown))
        set_last_modified(response, [order.modified_at for order in shown])
        return response


class EventOrdersExport(APIView):
    renderer_classes = [JSONRenderer, CsvRenderer]

    @operation(
        "export_orders",
        tokens=[_READER],
        answers={(200, "text/csv"): OpenApiResponse(str, description="The table, as CSV.")},
        refusals=_SEARCHES,
        parameters=[OrdersQuery],
    )
    def get(self, request: Request, reference: str) -> StreamingHttpResponse:
        """Return all of an event's orders as CSV, without pages, one row for each order."""
        orders, _ = _search(request, reference)
        return stream_csv(f"orders-{reference}", EXPORTED, export_orders(orders))


def _search(request: Request, reference: str) -> tuple[QuerySet[Order], Mapping[str, Any]]:
    event = event_acted_for(request, reference, Scope.ORDERS_READ)
    query = read_query(request, OrdersQuery)
    wanted = dict(query)
    words, statuses = wanted.pop("q", ""), wanted.pop("status", [])
    return orders_of_event(event.pk, OrderFilter(words, statuses, **wanted)), query
