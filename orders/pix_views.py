"""Views of an order's Pix, and of the notifications of the payment gateway."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope
from events.models import Scope
from events.second_factor import SecondFactorRequired
from orders.access import OrderNotFound, order_to_act_on, order_visible_to
from orders.payment_serializers import ConsentSent, read_consent
from orders.pix import REFUSALS as PIX_REFUSALS
from orders.pix import NoPixRequested, find_pix_of, read_pix_notification, request_pix
from orders.pix_serializers import PixShown, show_pix
from ticketing import clock
from ticketing.api.schema import API_TOKEN, ORDER_TOKEN, operation

_READER = (API_TOKEN, Scope.ORDERS_READ.value)
_SHOP = (API_TOKEN, Scope.ORDERS_WRITE.value)


class OrderPix(APIView):
    @operation(
        "get_pix",
        tokens=[ORDER_TOKEN, _READER],
        answers={200: PixShown},
        refusals=[SecondFactorRequired, InsufficientScope, OrderNotFound, NoPixRequested],
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        """Return the Pix that was requested for an order, and whether its money has arrived."""
        return Response(show_pix(find_pix_of(order_visible_to(request, order_id))))

    @operation(
        "request_pix",
        tokens=[ORDER_TOKEN, _SHOP],
        takes=ConsentSent,
        answers={200: PixShown},
        refusals=[InsufficientScope, OrderNotFound, *PIX_REFUSALS],
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """
        Request a Pix for a reserved order: a BR Code with which the buyer pays in a bank's app.

        The payment gateway tells us when the money has arrived. Then the order becomes
        `processing` and soon `paid`, without another request: read the order to see it. Money that
        arrives after the reservation has ended is returned. A repeated request returns the same
        Pix. If the organizer requires that buyers accept its terms of sale, send `accepted_terms`.
        If the event requires answers or the names of holders, send them before
        (`answer_questions`, `name_holders`).
        """
        order, _ = order_to_act_on(request, order_id)
        parsed = ConsentSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        agreed = read_consent(parsed.validated_data)
        return Response(show_pix(request_pix(order=order, now=clock.now(), agreed=agreed)))


class PaymentNotifications(APIView):
    """Where the payment gateway tells us that money has arrived. Its own class checks it."""

    # The gateway's signature may be in any header, and its parameters in the query.
    authentication_classes = []
    permission_classes = []

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        read_pix_notification(headers=headers, body=request.body, now=clock.now())
        return Response(status=204)
