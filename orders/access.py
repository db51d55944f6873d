"""Who may see an order: whoever has its token, and its organizer."""

import hmac
from uuid import UUID

from rest_framework.request import Request

from events.access import NotAuthenticated, may_act_for
from orders.models import Order
from ticketing.api.authentication import BearerToken
from ticketing.errors import NotFound
from ticketing.tokens import TokenKind


class OrderNotFound(NotFound):
    """No such order, or not this caller's: he cannot tell which."""

    code = "not_found"
    title = "There is nothing here"


def order_of_its_buyer(request: Request, order_id: UUID) -> Order:
    """
    Return the order whose own token was shown.

    :raises NotAuthenticated: if nobody knows who is calling
    :raises OrderNotFound: if it is not that token's order
    """
    order = _find(request, order_id)
    if order is None or not _has_its_token(request, order):
        raise OrderNotFound("No order of yours has that id.")
    return order


def order_visible_to(request: Request, order_id: UUID) -> Order:
    """
    Return an order that its buyer or its organizer asks for.

    :raises NotAuthenticated: if nobody knows who is calling
    :raises OrderNotFound: if it is not the caller's to see
    """
    order = _find(request, order_id)
    if order is None or not (
        _has_its_token(request, order) or may_act_for(request, order.event.organizer_id)
    ):
        raise OrderNotFound("No order of yours has that id.")
    return order


def _find(request: Request, order_id: UUID) -> Order | None:
    if request.auth is None and not request.user.is_authenticated:
        raise NotAuthenticated("Send the order's token as `Authorization: Bearer ord_…`.")
    orders = Order.objects.select_related("event", "payment", "delivery")
    return orders.prefetch_related("items__ticket_type").filter(pk=order_id).first()


def _has_its_token(request: Request, order: Order) -> bool:
    token = request.auth
    return (
        isinstance(token, BearerToken)
        and token.kind == TokenKind.ORDER
        and hmac.compare_digest(token.digest, order.access_token_digest)
    )
