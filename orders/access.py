"""Access to one order: by the order's own token, or by an organizer's credentials."""

import hmac
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeGuard
from uuid import UUID

from rest_framework.request import Request

from events.access import (
    InsufficientScope,
    InvalidToken,
    NotAuthenticated,
    NotForThisCaller,
    actor_of,
    events_acted_for,
    find_api_token,
)
from events.models import ApiToken, Scope
from orders.answers import with_asks_required
from orders.models import Order
from ticketing.actors import Actor
from ticketing.api.authentication import BearerToken
from ticketing.errors import NotFound
from ticketing.models import ActorKind
from ticketing.tokens import TokenKind


class OrderNotFound(NotFound):
    """There is no such order, or it is not the caller's. The response is the same for both."""

    code = "not_found"
    title = "There is nothing here"


def order_of_its_buyer(request: Request, order_id: UUID) -> Order:
    """
    Return the order, if the request carries that order's own token.

    :raises NotAuthenticated: if the request carries no credentials
    :raises OrderNotFound: if the order does not exist, or the token belongs to another order
    """
    require_credentials(request)
    order = _find(order_id)
    if order is None or not _has_its_token(request, order):
        raise OrderNotFound("No order of yours has that id.")
    return order


def buyer_of(order: Order) -> Actor:
    """Return the buyer as an actor. A buyer has no account, so the id is the order's."""
    return Actor(ActorKind.BUYER, str(order.pk))


def require_credentials(request: Request) -> None:
    """
    Check that the request carries credentials of any kind. They are verified later.

    :raises NotAuthenticated: if it carries none
    """
    if request.auth is None and not request.user.is_authenticated:
        raise NotAuthenticated("Send the order's token as `Authorization: Bearer ord_…`.")


def require_scope_to_sell(request: Request) -> None:
    """
    Refuse an API token that may not sell. Whether the order is its own is checked later.

    :raises InvalidToken, InsufficientScope: if the request carries such a token
    """
    if _is_api_token(request.auth):
        find_api_token(request.auth, Scope.ORDERS_WRITE)


def refuse_dead_token(request: Request) -> None:
    """
    Refuse an API token that is unknown, was revoked or has expired, whatever its scopes are.

    :raises InvalidToken: if the request carries such a token
    """
    with suppress(InsufficientScope):
        require_scope_to_sell(request)


def selling_token(request: Request, organizer_id: UUID) -> ApiToken | None:
    """Return the organizer's API token, if the caller is the organizer's shop and not a buyer."""
    if not _is_api_token(request.auth):
        return None
    try:
        token = find_api_token(request.auth, Scope.ORDERS_WRITE)
    except (InvalidToken, InsufficientScope):
        return None
    return token if token.organizer_id == organizer_id else None


def order_to_act_on(request: Request, order_id: UUID) -> tuple[Order, Actor]:
    """
    Return an order that the caller may pay for or cancel, and the caller as an actor.

    The request must carry the order's own token, or the API token that reserved the order.

    :raises NotAuthenticated, InvalidToken, InsufficientScope: if the credentials do not suffice
    :raises OrderNotFound: if the order is not the caller's
    """
    if not _is_api_token(request.auth):
        order = order_of_its_buyer(request, order_id)
        return order, buyer_of(order)
    found = _reserved_by(request.auth, order_id)
    if found is None:
        raise OrderNotFound("No order that this token reserved has that id.")
    return found, actor_of(request)


def is_shown_shop_record(request: Request) -> bool:
    """Return whether an authorized caller is the organizer, who sees the shop record too."""
    return not isinstance(request.auth, BearerToken) or request.auth.kind != TokenKind.ORDER


def order_visible_to(request: Request, order_id: UUID) -> Order:
    """
    Return an order that the caller may see: its buyer, its organizer, or the shop that reserved it.

    :raises NotAuthenticated, InvalidToken, InsufficientScope: if the credentials do not suffice
    :raises OrderNotFound: if the order is not the caller's
    """
    if isinstance(request.auth, BearerToken) and request.auth.kind == TokenKind.ORDER:
        return order_of_its_buyer(request, order_id)
    try:
        return order_acted_for(request, order_id, Scope.ORDERS_READ)
    except NotForThisCaller as error:
        raise OrderNotFound("No order of yours has that id.") from error
    except InsufficientScope:
        # A shop's token without `orders:read` may still see the orders that it reserved.
        if _is_api_token(request.auth) and (order := _reserved_by(request.auth, order_id)):
            return order
        raise


def order_acted_for(request: Request, order_id: UUID, scope: Scope) -> Order:
    """
    Return an order of an event for which the caller has the scope.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: if the credentials
        do not suffice
    :raises OrderNotFound: if the order does not exist, or is not of the caller's events
    """
    events = events_acted_for(request, scope)
    order = _find(order_id)
    if order is None or not events.filter(pk=order.event_id).exists():
        raise OrderNotFound("No order of yours has that id.")
    return order


def token_digest_of(order: Mapping[str, Any]) -> str:
    """Return the digest of an order's own token, or "" if the order is gone. `order` is JSON."""
    digests = Order.objects.filter(pk=order["id"]).values_list("access_token_digest", flat=True)
    return digests.order_by("pk").first() or ""


def _reserved_by(bearer: BearerToken, order_id: UUID) -> Order | None:
    token = find_api_token(bearer, Scope.ORDERS_WRITE)
    order = _find(order_id)
    record = getattr(order, "shop_record", None)
    return order if record is not None and record.api_token == token.pk else None


def _is_api_token(credentials: object) -> TypeGuard[BearerToken]:
    return isinstance(credentials, BearerToken) and credentials.kind == TokenKind.API


def _find(order_id: UUID) -> Order | None:
    orders = Order.objects.select_related(
        "event__organizer", "payment", "confirmation", "delivery", "shop_record", "consent__terms"
    )
    found = orders.prefetch_related("items__ticket_type").filter(pk=order_id)
    return with_asks_required(found).first()


def _has_its_token(request: Request, order: Order) -> bool:
    token = request.auth
    return (
        isinstance(token, BearerToken)
        and token.kind == TokenKind.ORDER
        and hmac.compare_digest(token.digest, order.access_token_digest)
    )
