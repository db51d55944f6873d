"""Views that reserve tickets, list an organizer's orders, and return proof-of-work challenges."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope, NotForThisCaller
from events.event_cache import take_event_named
from events.models import EventStatus, Scope
from events.second_factor import SecondFactorRequired
from orders.access import refuse_dead_token, selling_token, token_digest_of
from orders.challenge_serializers import ChallengeShown
from orders.counted_address import count_address
from orders.insertion import Customer, Reservation, Shop
from orders.listing import AllOrdersPage, list_all_orders
from orders.organizer_serializers import AllOrdersQuery
from orders.pricing import EventNotFound, WantedTickets
from orders.promo_guesses import TooManyWrongCodes, limit_guesses
from orders.proof_of_work import make_challenge
from orders.reservation import REFUSALS as RESERVING_REFUSALS
from orders.reservation import reserve_tickets
from orders.serializers import ReservationSent, ReservedOrderShown, show_reservation
from orders.usual import UsualReservation
from ticketing import clock
from ticketing.api.idempotency import (
    KEY,
    KEY_REFUSALS,
    AccessTokenLost,
    ResponseStore,
    answer_once,
    shown_token,
)
from ticketing.api.idempotency_keys import SENT_HEADER
from ticketing.api.quick import answer_json, read_body
from ticketing.api.requests import language_of
from ticketing.api.schema import API_TOKEN, PAGE_SIZE, operation
from ticketing.tokens import TokenKind

_READER = (API_TOKEN, Scope.ORDERS_READ.value)
_ACCESS_TOKEN = shown_token("access_token", TokenKind.ORDER, token_digest_of)
_CUSTOMER = {"name": "Ana Souza", "email": "ana@example.com"}
_TWO_TICKETS = {"event": "noite-de-jazz", "quantity": 2, "customer": _CUSTOMER}
_OF_A_TYPE = {
    "event": "festival-de-inverno",
    "items": [{"ticket_type": "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e", "quantity": 2}],
    "customer": _CUSTOMER,
}


class Orders(APIView):
    @operation(
        "list_all_orders",
        tokens=[_READER],
        answers={200: AllOrdersPage},
        refusals=[NotForThisCaller, SecondFactorRequired, InsufficientScope],
        parameters=[AllOrdersQuery, PAGE_SIZE],
    )
    def get(self, request: Request) -> Response:
        """
        Return the orders of all your events: newest first, or by time of change.

        With `modified_since` they are sorted by the time of their last change. Each page continues
        after the last order of the previous page.
        """
        return list_all_orders(request)

    @operation(
        "reserve_tickets",
        anyone=True,
        tokens=[(API_TOKEN, Scope.ORDERS_WRITE)],
        takes=ReservationSent,
        answers={201: ReservedOrderShown},
        refusals=[
            NotForThisCaller,
            *RESERVING_REFUSALS,
            TooManyWrongCodes,
            *KEY_REFUSALS,
            AccessTokenLost,
        ],
        parameters=[KEY],
        examples={
            "Two tickets of the only type": _TWO_TICKETS,
            "Tickets of a type": _OF_A_TYPE,
            "With a promo code": _TWO_TICKETS | {"promo_code": "AMIGOS-10"},
        },
        links={
            "get_order": {"order_id": "id"},
            "pay_order": {"order_id": "id"},
            "cancel_order": {"order_id": "id"},
            "get_order_tickets": {"order_id": "id"},
            "refund_order": {"order_id": "id"},
        },
    )
    def post(self, request: Request) -> Response:
        """
        Reserve tickets. Store `access_token` from the response: reading the order does not show it.

        Buyers need no credentials. An organizer's shop that reserves for its customers sends its
        API token with `orders:write`. Then the limit per network address does not apply, and the
        same token may read the order, pay for it and cancel it. Only a shop may send `external_id`
        and `metadata`.

        With `promo_code` the tickets cost less, or hidden ticket types can be reserved. The order
        uses the code once, until it ends unpaid or is refunded in full.
        """
        # A stored response, and its token, must not be returned to an API token revoked since.
        # Without a key none is stored, and who sends such a token reserves as a buyer.
        if SENT_HEADER in request.META:
            refuse_dead_token(request)
        return answer_once(request, partial(self._reserve, request), shown_once=_ACCESS_TOKEN)

    def _reserve(self, request: Request, responses: ResponseStore) -> Response:
        serializer = ReservationSent(data=request.data)
        serializer.is_valid(raise_exception=True)
        parsed = serializer.validated_data
        reservation = _reserve(
            request,
            parsed["event"],
            parsed["quantity"]
            if "quantity" in parsed
            else [WantedTickets(item["ticket_type"], item["quantity"]) for item in parsed["items"]],
            Customer(**parsed["customer"], language=language_of(request)),
            proof=parsed.get("proof_of_work", ""),
            responses=responses,
            promo_code=parsed.get("promo_code", ""),
            shop_fields={
                name: parsed[name] for name in ("external_id", "metadata") if parsed.get(name)
            },
        )
        shown = show_reservation(reservation)
        return Response(shown, status=201, headers=_location(reservation))

    @staticmethod
    def quick_post(request: HttpRequest) -> HttpResponse | None:
        """Do what `post` does for the usual request of a buyer, without a token or a key."""
        # Only `post` checks a token, and only `post` replays a stored response.
        if request.META.keys() & {"HTTP_AUTHORIZATION", "HTTP_IDEMPOTENCY_KEY"}:
            return None
        parsed = read_body(request, UsualReservation)
        if parsed is None:
            return None
        reservation = _reserve(
            request,
            parsed.event,
            parsed.quantity
            if isinstance(parsed.quantity, int)
            else [WantedTickets(item.ticket_type, item.quantity) for item in parsed.items or ()],
            Customer(parsed.customer.name, parsed.customer.email, language_of(request)),
            proof=parsed.proof_of_work if isinstance(parsed.proof_of_work, str) else "",
            responses=ResponseStore(),
        )
        shown = show_reservation(reservation)
        return answer_json(shown, status=201, headers=_location(reservation))


def _reserve(  # noqa: PLR0913 - each argument is independent of the others
    request: HttpRequest | Request,
    reference: str,
    wanted: list[WantedTickets] | int,
    customer: Customer,
    *,
    proof: str,
    responses: ResponseStore,
    promo_code: str = "",
    shop_fields: Mapping[str, Any] = MappingProxyType({}),
) -> Reservation:
    cached = take_event_named(reference)
    if cached is None:
        raise EventNotFound("No event on sale has that id or slug.")
    event, types = cached.event, cached.types.values()
    # The address limits and the proof of work do not apply to a shop: all its customers share the
    # shop's address, and the token shows that the caller is no bot.
    token = selling_token(request, event.organizer_id) if isinstance(request, Request) else None
    if token is None and shop_fields:
        raise NotForThisCaller(
            "Only the organizer's API token with `orders:write` may send `external_id` and"
            " `metadata`. Leave them out, or send that token."
        )
    if token is None:
        customer = count_address(customer, request, event=event, types=types)
    reserve = partial(
        reserve_tickets,
        event_id=event.pk,
        wanted=wanted,
        customer=customer,
        now=clock.now(),
        token=responses.make_token(),
        store_response=_store_with(responses),
        proof=None if token else proof,
        shop=Shop(token.pk, **shop_fields) if token else None,
    )
    if not promo_code:
        return reserve()
    # All customers of a shop share its address: one who types wrong codes must not lock it out.
    with nullcontext() if token else limit_guesses(request):
        return reserve(promo_code=promo_code)


def _store_with(responses: ResponseStore) -> Callable[[Reservation], None] | None:
    if not responses.digest:
        # Without an idempotency key nothing is stored, so the order needs no explicit transaction.
        return None
    return lambda reservation: responses.store(
        201, show_reservation(reservation), _location(reservation)
    )


def _location(reservation: Reservation) -> dict[str, str]:
    return {"Location": f"/orders/{reservation.order_id}"}


class EventChallenge(APIView):
    @operation(
        "get_challenge",
        anyone=True,
        answers={200: ChallengeShown},
        refusals=[EventNotFound],
    )
    def get(self, request: Request, reference: str) -> Response:
        """
        Return a challenge to solve before reserving, for an event with `requires_proof_of_work`.

        Each challenge is valid once, for this event, for ten minutes. A shop that reserves with its
        API token needs no challenge.
        """
        cached = take_event_named(reference)
        if cached is None or cached.event.status == EventStatus.DRAFT:
            raise EventNotFound("No event has that id or slug.")
        challenge = make_challenge(event_id=cached.event.pk, now=clock.now())
        return Response(challenge)
