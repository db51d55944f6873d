"""The view that shows an order's tickets to its buyer or organizer."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope
from events.models import Scope
from events.second_factor import SecondFactorRequired
from orders.access import OrderNotFound, order_visible_to
from orders.models import OrderStatus
from ticketing.api.schema import API_TOKEN, ORDER_TOKEN, operation
from ticketing.errors import Conflict
from tickets.access import may_see_codes
from tickets.models import Ticket
from tickets.serializers import OrderTicketsShown, TicketShown


class OrderNotPaid(Conflict):
    code = "order_not_paid"
    title = "This order is not paid"


class OrderTickets(APIView):
    @operation(
        "get_order_tickets",
        tokens=[ORDER_TOKEN, (API_TOKEN, Scope.ORDERS_READ.value)],
        answers={200: OrderTicketsShown},
        refusals=[SecondFactorRequired, InsufficientScope, OrderNotFound, OrderNotPaid],
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        """Return an order's tickets, with links to their QR codes once these are stored."""
        order = order_visible_to(request, order_id)
        if order.status not in (OrderStatus.PAID, OrderStatus.REFUNDED):
            raise OrderNotPaid(f"The order is {order.status}. It has tickets once it is paid.")
        ready = order.delivery.codes_stored_at is not None
        tickets = Ticket.objects.of_order(order_id).select_related("ticket_type")
        context = {"ready": ready, "hides_codes": not may_see_codes(request, order.event_id)}
        return Response(
            {
                "order": str(order.pk),
                "code": order.code,
                "tickets_ready": ready,
                "tickets": TicketShown(tickets, many=True, context=context).data,
            }
        )
