"""Views of one order for its buyer: read it, pay for it, cancel it."""

from functools import partial
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope
from events.models import Scope
from events.second_factor import SecondFactorRequired
from orders.access import (
    OrderNotFound,
    is_shown_shop_record,
    order_to_act_on,
    order_visible_to,
    require_credentials,
    require_scope_to_sell,
)
from orders.cancellation import OrderNotCancellable, cancel_order
from orders.confirmation import accept_payment
from orders.consents import REFUSALS as CONSENT_REFUSALS
from orders.models import Order
from orders.payment import REFUSALS as PAYING_REFUSALS
from orders.payment_serializers import PaymentSent, read_consent
from orders.required_details import DetailsMissing
from orders.serializers import OrderShown, show_found_order, show_order
from ticketing import clock
from ticketing.actors import Actor
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.schema import API_TOKEN, ORDER_TOKEN, operation
from ticketing.mail_limit import TooManyMails

_READER = (API_TOKEN, Scope.ORDERS_READ.value)
_SHOP = (API_TOKEN, Scope.ORDERS_WRITE.value)


class OneOrder(APIView):
    @operation(
        "get_order",
        tokens=[ORDER_TOKEN, _READER],
        answers={200: OrderShown},
        refusals=[SecondFactorRequired, InsufficientScope, OrderNotFound],
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        """Return the current state of an order."""
        order = order_visible_to(request, order_id)
        return Response(show_found_order(order, for_organizer=is_shown_shop_record(request)))


class OrderPayment(APIView):
    @operation(
        "pay_order",
        tokens=[ORDER_TOKEN, _SHOP],
        takes=PaymentSent,
        answers={202: OrderShown},
        refusals=[
            InsufficientScope,
            OrderNotFound,
            *PAYING_REFUSALS,
            *CONSENT_REFUSALS,
            DetailsMissing,
            TooManyMails,
            *KEY_REFUSALS,
        ],
        parameters=[KEY],
        examples={
            "By card": {"method": "card", "token": "tok_approved"},
            "A free order": {"method": "free"},
            "With the terms accepted": {
                "method": "pix",
                "token": "tok_approved",
                "accepted_terms": 3,
                "marketing_consent": False,
            },
        },
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """
        Confirm the payment. The charge is made soon after: read the order to see its result.

        The buyer of a free order confirms the email address first, unless the event turns that off
        (`confirms_free_orders`). Until then the order stays `reserved` with `email_confirmation`
        `waiting`. The link in the mail, or its token, makes the order `processing`. Repeating this
        request sends the mail again: at most once a minute, and three mails in all. After
        `reserved_until` the link is void and the tickets are back on sale.

        If the organizer requires that buyers accept its terms of sale, send `accepted_terms`. If
        the event requires answers or the names of holders, send them before (`answer_questions`,
        `name_holders`).
        """
        require_credentials(request)
        # Before `answer_once`: a stored response must not be returned to a token revoked since.
        require_scope_to_sell(request)
        return answer_once(request, partial(self._pay, request, order_id))

    def _pay(self, request: Request, order_id: UUID, responses: ResponseStore) -> Response:
        order, _ = order_to_act_on(request, order_id)
        shown = partial(show_order, order, for_organizer=is_shown_shop_record(request))
        parsed = PaymentSent(data=request.data)
        parsed.is_valid(raise_exception=True)

        answer: dict[str, Any] = {}

        def store_response() -> None:
            # Without an idempotency key nothing is stored, so the order need not be read here.
            if responses.digest:
                answer.update(shown())
                responses.store(202, answer, {})

        accept_payment(
            order=order,
            method=parsed.validated_data["method"],
            token=parsed.validated_data.get("token", ""),
            now=clock.now(),
            agreed=read_consent(parsed.validated_data),
            store_response=store_response,
        )
        # The stored answer: a worker may have made the charge since.
        return Response(answer or shown(), status=202)


class OrderCancellation(APIView):
    @operation(
        "cancel_order",
        tokens=[ORDER_TOKEN, _SHOP],
        answers={200: OrderShown},
        refusals=[InsufficientScope, OrderNotFound, OrderNotCancellable, *KEY_REFUSALS],
        parameters=[KEY],
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """Cancel a reservation that is not paid. Its tickets go back on sale."""
        order, actor = order_to_act_on(request, order_id)
        return answer_once(request, partial(self._cancel, request, order, actor))

    def _cancel(
        self, request: Request, order: Order, actor: Actor, responses: ResponseStore
    ) -> Response:
        shown: dict[str, Any] = {}

        def store_response() -> None:
            shown.update(show_order(order, for_organizer=is_shown_shop_record(request)))
            responses.store(200, shown, {})

        cancel_order(order_id=order.pk, actor=actor, now=clock.now(), store_response=store_response)
        return Response(shown)
