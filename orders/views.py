"""Where buyers reserve, pay, look and change their minds."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.shelf import take_event_named
from orders.access import order_of_its_buyer, order_visible_to
from orders.cancellation import cancel_order
from orders.models import Order
from orders.payment import confirm_payment
from orders.reservation import (
    Customer,
    EventNotFound,
    Reservation,
    WantedTickets,
    reserve_tickets,
)
from orders.serializers import (
    OrderShown,
    PaymentSent,
    ReservationSent,
    ReservedOrderShown,
    UsualReservation,
    show_reservation,
)
from ticketing import clock
from ticketing.api.quick import answer_json, read_body
from ticketing.api.requests import language_of


class Orders(APIView):
    @extend_schema(request=ReservationSent, responses={201: ReservedOrderShown})
    def post(self, request: Request) -> Response:
        """Reserve tickets. `access_token` is told here and never again."""
        wish = ReservationSent(data=request.data)
        wish.is_valid(raise_exception=True)
        asked = wish.validated_data
        reservation = _reserve(
            request,
            asked["event"],
            asked["quantity"]
            if "quantity" in asked
            else [WantedTickets(item["ticket_type"], item["quantity"]) for item in asked["items"]],
            **asked["customer"],
        )
        shown = show_reservation(reservation)
        return Response(shown, status=201, headers=_location(reservation))


def reserve_quickly(request: HttpRequest) -> HttpResponse | None:
    """Do what `Orders.post` does for what most buyers send."""
    wish = None
    # Who says who he is might be nobody.
    if "HTTP_AUTHORIZATION" not in request.META:
        wish = read_body(request, UsualReservation)
    if wish is None:
        return None
    reservation = _reserve(
        request,
        wish.event,
        wish.quantity
        if isinstance(wish.quantity, int)
        else [WantedTickets(item.ticket_type, item.quantity) for item in wish.items or ()],
        name=wish.customer.name,
        email=wish.customer.email,
    )
    shown = show_reservation(reservation)
    return answer_json(shown, status=201, headers=_location(reservation))


def _reserve(
    request: HttpRequest | Request,
    reference: str,
    wanted: list[WantedTickets] | int,
    *,
    name: str,
    email: str,
) -> Reservation:
    shelved = take_event_named(reference)
    if shelved is None:
        raise EventNotFound("No event on sale has that id or slug.")
    return reserve_tickets(
        event_id=shelved.event.pk,
        wanted=wanted,
        customer=Customer(name, email, language_of(request)),
        now=clock.now(),
    )


def _location(reservation: Reservation) -> dict[str, str]:
    return {"Location": f"/orders/{reservation.order_id}"}


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
