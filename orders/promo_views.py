"""The view that shows a buyer what a promo code gives, without using it."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.catalogue import left_by_type
from events.event_cache import take_event_named
from events.models import Scope
from orders.access import selling_token
from orders.pricing import EventNotFound, EventNotOnSale, check_on_sale, offered_types
from orders.promo_guesses import TooManyWrongCodes, limit_guesses
from orders.promo_serializers import PromoOfferShown, PromoTextSent, show_offer
from orders.promo_terms import PromoCodeExpired, PromoCodeNotStarted, PromoTerms, check_promo_period
from orders.promo_uses import PromoCodeUsedUp, UnknownPromoCode, find_promo
from ticketing import clock
from ticketing.api.schema import API_TOKEN, operation


class EventPromoCode(APIView):
    @operation(
        "check_promo_code",
        anyone=True,
        tokens=[(API_TOKEN, Scope.ORDERS_WRITE)],
        takes=PromoTextSent,
        answers={200: PromoOfferShown},
        refusals=[
            EventNotFound,
            EventNotOnSale,
            UnknownPromoCode,
            PromoCodeNotStarted,
            PromoCodeExpired,
            PromoCodeUsedUp,
            TooManyWrongCodes,
        ],
        examples={"A code as the buyer typed it": {"promo_code": "amigos-10"}},
    )
    def post(self, request: Request, reference: str) -> Response:
        """
        Return what a promo code gives: the prices with it, and the hidden ticket types it unlocks.

        It takes no use of the code: only a reservation does, with the code in `promo_code`. Wrong
        codes count against the caller's address, unless an organizer's shop sends them with its
        token.
        """
        parsed = PromoTextSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        cached = take_event_named(reference)
        if cached is None:
            raise EventNotFound("No event on sale has that id or slug.")
        event, now = cached.event, clock.now()
        check_on_sale(event, now)
        code = parsed.validated_data["promo_code"]

        def find() -> PromoTerms:
            return find_promo(event_id=event.pk, code=code, now=now)

        if selling_token(request, event.organizer_id) is not None:
            promo = find()
        else:
            with limit_guesses(request):
                promo = find()
        check_promo_period(promo, now)
        kinds = list(offered_types(cached.types, promo).values())
        return Response(show_offer(promo, kinds, left_by_type([event.pk]), currency=event.currency))
