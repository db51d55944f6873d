"""The network address of a buyer, which counts towards the limits of an event."""

from collections.abc import Iterable
from dataclasses import replace

from django.http import HttpRequest
from rest_framework.request import Request

from events.models import Event, TicketType
from orders.insertion import Customer
from orders.limits import limits_of
from ticketing.api.callers import client_origin


def count_address(
    customer: Customer, request: HttpRequest | Request, *, event: Event, types: Iterable[TicketType]
) -> Customer:
    """Return the customer with digests of the caller's address, if the event has any limit."""
    if not limits_of(event, types).are_set:
        return customer
    origin = client_origin(request)
    return replace(customer, address_digest=origin.address, network_digest=origin.network)
