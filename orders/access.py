"""Who may see an order: whoever has its token, and its organizer."""

import hmac
from collections.abc import Mapping
from typing import Any, TypeGuard
from uuid import UUID

from rest_framework.request import Request

from events.access import (
    InsufficientScope,
    InvalidToken,
    NotAuthenticated,
    NotForThisCaller,
    acting_organizers,
    actor_of,
    find_api_token,
)
from events.models import ApiToken, Scope
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


def selling_token(request: Request, organizer_id: UUID) -> ApiToken | None:
    """Return the API token of the organizer's own shop, if that calls and not a customer."""
    if not _is_api_token(request.auth):
        return None
    try:
        token = find_api_token(request.auth, Scope.ORDERS_WRITE)
    except (InvalidToken, InsufficientScope):
        return None
    return token if token.organizer_id == organizer_id else None


def order_to_act_on(request: Request, order_id: UUID) -> tuple[Order, Actor]:
    """
    Return an order for the caller who may pay for it or cancel it, and that caller.

    It is whoever shows the order's own token, or the API token by which the order was reserved.

    :raises NotAuthenticated, InvalidToken, InsufficientScope: by the caller
    :raises OrderNotFound: if it is not this caller's order
    """
    if not _is_api_token(request.auth):
        order = order_of_its_buyer(request, order_id)
        return order, buyer_of(order)
    found = _reserved_by(request.auth, order_id)
    if found is None:
        raise OrderNotFound("No order that this token reserved has that id.")
    return found, actor_of(request)


def is_shown_shop_record(request: Request) -> bool:
    """Say whether who was granted an order is its organizer, and not its buyer."""
    return not isinstance(request.auth, BearerToken) or request.auth.kind != TokenKind.ORDER


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
    except InsufficientScope:
        # A shop without `orders:read` sees the orders that it reserved.
        if _is_api_token(request.auth) and (order := _reserved_by(request.auth, order_id)):
            return order
        raise


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


def _reserved_by(shown: BearerToken, order_id: UUID) -> Order | None:
    token = find_api_token(shown, Scope.ORDERS_WRITE)
    order = _find(order_id)
    record = getattr(order, "shop_record", None)
    return order if record is not None and record.api_token == token.pk else None


def _is_api_token(shown: object) -> TypeGuard[BearerToken]:
    return isinstance(shown, BearerToken) and shown.kind == TokenKind.API


def _find(order_id: UUID) -> Order | None:
    orders = Order.objects.select_related(
        "event", "payment", "confirmation", "delivery", "shop_record"
    )
    return orders.prefetch_related("items__ticket_type").filter(pk=order_id).first()


def _has_its_token(request: Request, order: Order) -> bool:
    token = request.auth
    return (
        isinstance(token, BearerToken)
        and token.kind == TokenKind.ORDER
        and hmac.compare_digest(token.digest, order.access_token_digest)
    )
