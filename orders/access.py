"""Who may see an order: whoever has its token, and its organizer."""

import hmac
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework.request import Request

from events.access import (
    NotAuthenticated,
    NotForThisCaller,
    acting_organizers,
    may_act_for,
)
from events.models import Scope
from orders.models import Order
from ticketing.actors import Actor
from ticketing.api.authentication import BearerToken
from ticketing.errors import NotFound
from ticketing.models import ActorKind
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
    need_caller(request)
    order = _find(order_id)
    if order is None or not _has_its_token(request, order):
        raise OrderNotFound("No order of yours has that id.")
    return order


def buyer_of(order: Order) -> Actor:
    """Return the buyer as an actor, known by the order alone."""
    return Actor(ActorKind.BUYER, str(order.pk))


def need_caller(request: Request) -> None:
    """
    Go on if somebody says who he is.

    :raises NotAuthenticated: if nobody does
    """
    if request.auth is None and not request.user.is_authenticated:
        raise NotAuthenticated("Send the order's token as `Authorization: Bearer ord_…`.")


def sells_for(request: Request, organizer_id: UUID) -> bool:
    """Say whether it is an organizer's own shop that calls, and not one of its customers."""
    is_shop = isinstance(request.auth, BearerToken) and request.auth.kind == TokenKind.API
    return is_shop and may_act_for(request, organizer_id, Scope.ORDERS_WRITE)


def order_visible_to(request: Request, order_id: UUID) -> Order:
    """
    Return an order that its buyer or its organizer asks for.

    :raises NotAuthenticated, InvalidToken, InsufficientScope: by the caller
    :raises OrderNotFound: if it is not the caller's to see
    """
    if isinstance(request.auth, BearerToken) and request.auth.kind == TokenKind.ORDER:
        return order_of_its_buyer(request, order_id)
    try:
        return order_acted_for(request, order_id, Scope.ORDERS_READ)
    except NotForThisCaller as error:
        raise OrderNotFound("No order of yours has that id.") from error


def order_acted_for(request: Request, order_id: UUID, scope: Scope) -> Order:
    """
    Return an order of an organizer for whom the caller may do that.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: by the caller
    :raises OrderNotFound: if there is none, or it is another's
    """
    organizers = acting_organizers(request, scope)
    order = _find(order_id)
    if order is None or not organizers.filter(pk=order.event.organizer_id).exists():
        raise OrderNotFound("No order of yours has that id.")
    return order


def token_digest_of(order: Mapping[str, Any]) -> str:
    """Return the digest of the token of an order that was shown, or nothing if it is gone."""
    digests = Order.objects.filter(pk=order["id"]).values_list("access_token_digest", flat=True)
    return digests.order_by("pk").first() or ""


def _find(order_id: UUID) -> Order | None:
    orders = Order.objects.select_related("event", "payment", "confirmation", "delivery")
    return orders.prefetch_related("items__ticket_type").filter(pk=order_id).first()


def _has_its_token(request: Request, order: Order) -> bool:
    token = request.auth
    return (
        isinstance(token, BearerToken)
        and token.kind == TokenKind.ORDER
        and hmac.compare_digest(token.digest, order.access_token_digest)
    )
