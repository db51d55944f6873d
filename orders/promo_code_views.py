"""Views of an event's promo codes for its organizer: list, create, change and delete them."""

from functools import partial
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
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
from events.models import Event, Scope
from events.second_factor import SecondFactorRequired
from events.ticket_types import UnknownTypeOfEvent
from orders.promo_code import LONGEST_PROMO_CODE, PromoCode
from orders.promo_code_changes import (
    PromoCodeInUse,
    PromoCodeTaken,
    change_promo_code,
    create_promo_code,
    delete_promo_code,
)
from orders.promo_code_serializers import (
    PromoCodeChanged,
    PromoCodeSent,
    PromoCodeShown,
    show_promo_code,
    show_promo_codes,
)
from orders.promo_uses import normalize_promo_code
from ticketing import clock
from ticketing.api.fields import LineField
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.pagination import NumberedPages
from ticketing.api.queries import read_query
from ticketing.api.schema import API_TOKEN, PAGE, operation, page_of
from ticketing.errors import NotFound

_WRITER = (API_TOKEN, Scope.EVENTS_WRITE.value)
_CALLERS = [NotForThisCaller, SecondFactorRequired, InsufficientScope, EventNotFound]


class PromoCodeNotFound(NotFound):
    """The event has no promo code with this id."""

    code = "not_found"
    title = "There is nothing here"


class PromoCodesQuery(serializers.Serializer[None]):
    """The query of the list of promo codes."""

    code = LineField(
        max_length=LONGEST_PROMO_CODE,
        required=False,
        help_text="Only this promo code. Its case makes no difference.",
    )


class EventPromoCodes(APIView):
    @operation(
        "list_promo_codes",
        tokens=[_WRITER],
        answers={200: page_of(PromoCodeShown)},
        refusals=_CALLERS,
        parameters=[PromoCodesQuery, *PAGE],
    )
    def get(self, request: Request, reference: str) -> Response:
        """Return an event's promo codes with their uses, newest first."""
        event = event_acted_for(request, reference, Scope.EVENTS_WRITE)
        query = read_query(request, PromoCodesQuery)
        promos = PromoCode.objects.filter(event=event).order_by("-created_at", "-pk")
        if "code" in query:
            promos = promos.filter(code=normalize_promo_code(query["code"]))
        pages = NumberedPages()
        shown = list(pages.paginate_queryset(promos, request, self) or [])
        return pages.get_paginated_response(show_promo_codes(shown))

    @operation(
        "create_promo_code",
        tokens=[_WRITER],
        takes=PromoCodeSent,
        answers={201: PromoCodeShown},
        refusals=[*_CALLERS, PromoCodeTaken, UnknownTypeOfEvent, *KEY_REFUSALS],
        parameters=[KEY],
        examples={
            "Ten percent off the first hundred orders": {
                "code": "AMIGOS-10",
                "percent": "10.00",
                "max_uses": 100,
            },
            "Access to a hidden ticket type": {
                "code": "CONVIDADOS",
                "unlocked_types": ["01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"],
            },
        },
    )
    def post(self, request: Request, reference: str) -> Response:
        """Create a promo code of an event."""
        event = event_acted_for(request, reference, Scope.EVENTS_WRITE)
        return answer_once(request, partial(self._create, request, event))

    def _create(self, request: Request, event: Event, responses: ResponseStore) -> Response:
        parsed = PromoCodeSent(data=request.data)
        parsed.is_valid(raise_exception=True)

        def store_response(promo: PromoCode) -> None:
            # A new promo code: no order has it yet.
            responses.store(201, show_promo_code(promo), _location(promo))

        promo = create_promo_code(
            promo=PromoCode(event=event, created_at=clock.now(), **parsed.validated_data),
            actor=actor_of(request),
            now=clock.now(),
            store_response=store_response,
        )
        return Response(show_promo_code(promo), status=201, headers=_location(promo))


class OnePromoCode(APIView):
    @operation(
        "get_promo_code",
        tokens=[_WRITER],
        answers={200: PromoCodeShown},
        refusals=[*_CALLERS, PromoCodeNotFound],
    )
    def get(self, request: Request, reference: str, promo_code_id: UUID) -> Response:
        """Return a promo code with its uses."""
        return Response(show_promo_code(_promo_acted_for(request, reference, promo_code_id)))

    @operation(
        "change_promo_code",
        tokens=[_WRITER],
        takes=PromoCodeChanged(partial=True),
        answers={200: PromoCodeShown},
        refusals=[*_CALLERS, PromoCodeNotFound, UnknownTypeOfEvent],
        examples={"Switch it off": {"is_active": False}, "More uses": {"max_uses": 200}},
    )
    def patch(self, request: Request, reference: str, promo_code_id: UUID) -> Response:
        """Change the members that are sent. Orders that have the code keep their prices."""
        promo = _promo_acted_for(request, reference, promo_code_id)
        parsed = PromoCodeChanged(promo, data=request.data, partial=True)
        parsed.is_valid(raise_exception=True)
        changed = change_promo_code(
            promo_code_id=promo.pk,
            fields=parsed.validated_data,
            actor=actor_of(request),
            now=clock.now(),
        )
        return Response(show_promo_code(changed))

    @operation(
        "delete_promo_code",
        tokens=[_WRITER],
        answers={204: OpenApiResponse(description="It was deleted.")},
        refusals=[*_CALLERS, PromoCodeNotFound, PromoCodeInUse],
    )
    def delete(self, request: Request, reference: str, promo_code_id: UUID) -> Response:
        """Delete a promo code that no order ever had. Switch off one that was used."""
        promo = _promo_acted_for(request, reference, promo_code_id)
        delete_promo_code(promo_code_id=promo.pk, actor=actor_of(request), now=clock.now())
        return Response(status=204)


def _promo_acted_for(request: Request, reference: str, promo_code_id: UUID) -> PromoCode:
    event = event_acted_for(request, reference, Scope.EVENTS_WRITE)
    promo = PromoCode.objects.filter(pk=promo_code_id, event=event).first()
    if promo is None:
        raise PromoCodeNotFound("The event has no promo code with that id.")
    return promo


def _location(promo: PromoCode) -> dict[str, str]:
    return {"Location": f"/events/{promo.event_id}/promo-codes/{promo.pk}"}
