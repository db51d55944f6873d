"""The link to an order's page, for mails: a token that is derived from the order, never stored."""

import hmac
from typing import Final
from urllib.parse import urlencode

from django.conf import settings

from orders.models import Order
from ticketing.mailed_tokens import MailedToken
from ticketing.tokens import digest_token

_TOKEN: Final = MailedToken("lnk_", "orders.page_link")


def order_path(order_id: object) -> str:
    """Return the path of an order's page. The path alone gives no access."""
    return f"/o/{order_id}/"


def order_link(order: Order, page: str = "") -> str:
    """
    Return the address of an order's page, or of a page below it, with a token that opens it.

    Only a mail to the order's address may carry it. When staff correct the address, the links in
    earlier mails stop working.
    """
    token = urlencode({"token": link_token(order)})
    return f"{settings.PUBLIC_URL}{order_path(order.pk)}{page}?{token}"


def link_token(order: Order) -> str:
    """Return the token of a mailed link. Only who reads the order's mails may get it."""
    return _TOKEN.derive(order.pk, order.customer_email)


def opens_order(order: Order, token: str) -> bool:
    """Return whether a token opens the order's pages: its own token, or one of a mailed link."""
    if hmac.compare_digest(digest_token(token), order.access_token_digest):
        return True
    return is_of_mail(order, token)


def is_of_mail(order: Order, token: str) -> bool:
    """Return whether a token is that of a link mailed to the order's present address."""
    return _TOKEN.is_valid(token, order.pk, order.customer_email)
