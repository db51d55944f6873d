"""Where buyers reserve, pay, look and change their minds."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.catalogue import find_event_id
from orders.access import order_of_its_buyer, order_visible_to
from orders.cancellation import cancel_order
from orders.models import Order
from orders.payment import confirm_payment
from orders.reservation import (
    Customer,
    EventNotFound,
    WantedTickets,
    reserve_tickets,
)
from orders.serializers import (
    OrderShown,
    PaymentSent,
    ReservationSent,
    ReservedOrderShown,
)
from ticketing import clock
from ticketing.api.requests import language_of


class Orders(APIView):
    @extend_schema(request=ReservationSent, responses={201: ReservedOrderShown})
    def post(self, request: Request) -> Response:
        """Reserve tickets. `access_token` is told here and never again."""
        wish = ReservationSent(data=request.data)
        wish.is_valid(raise_exception=True)
        asked = wish.validated_data
        event_id = find_event_id(asked["event"])
        if event_id is None:
            raise EventNotFound("No event on sale has that id or slug.")
        reservation = reserve_tickets(
            event_id=event_id,
            wanted=asked["quantity"]
            if "quantity" in asked
            else [WantedTickets(item["ticket_type"], item["quantity"]) for item in asked["items"]],
            customer=Customer(**asked["customer"], language=language_of(request)),
            now=clock.now(),
        )
        order = reservation.order
        # All of it is new and ours: the database need not be asked for it again.
        order._prefetched_objects_cache = {"items": reservation.items}  # type: ignore[attr-defined]  # noqa: SLF001
        order._state.fields_cache |= {"payment": None, "delivery": None}  # noqa: SLF001
        shown = ReservedOrderShown(order, context={"token": reservation.token.text})
        return Response(shown.data, status=201, headers={"Location": f"/orders/{order.pk}"})


class OneOrder(APIView):
    @extend_schema(responses=OrderShown)
    def get(self, request: Request, order_id: UUID) -> Response:
        """Return an order as it stands."""
        return Response(OrderShown(order_visible_to(request, order_id)).data)


class OrderPayment(APIView):
    @extend_schema(request=PaymentSent, responses={202: OrderShown})
    def post(self, request: Request, order_id: UUID) -> Response:
        """Confirm the payment. The charge is made soon after; ask for the order to see it."""
        order = order_of_its_buyer(request, order_id)
        wish = PaymentSent(data=request.data)
        wish.is_valid(raise_exception=True)
        confirm_payment(
            order=order,
            method=wish.validated_data["method"],
            token=wish.validated_data.get("token", ""),
            now=clock.now(),
        )
        return Response(OrderShown(_again(order)).data, status=202)


class OrderCancellation(APIView):
    @extend_schema(request=None, responses=OrderShown)
    def post(self, request: Request, order_id: UUID) -> Response:
        """Give the tickets back before paying."""
        order = order_of_its_buyer(request, order_id)
        cancel_order(order_id=order.pk, now=clock.now())
        return Response(OrderShown(_again(order)).data)


def _again(order: Order) -> Order:
    orders = Order.objects.select_related("event", "payment", "delivery")
    return orders.prefetch_related("items__ticket_type").get(pk=order.pk)
