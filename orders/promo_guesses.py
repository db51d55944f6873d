"""Limit how many wrong promo codes one network address may try."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

from orders.promo_uses import UnknownPromoCode
from ticketing.api.callers import client_origin
from ticketing.errors import TooMany
from ticketing.rates import read_policy, seconds_until_turn, take_turn

_POLICY = "promo"


class TooManyWrongCodes(TooMany):
    """The address tried too many wrong promo codes. For a while right ones are refused too."""

    code = "too_many_wrong_codes"
    title = "Too many wrong promo codes"

    def __init__(self, *, seconds: int) -> None:
        super().__init__(
            "Too many wrong promo codes came from your network. Wait, or leave the promo code out."
        )
        self.retry_after = seconds


@contextmanager
def limit_guesses(request: HttpRequest | Request) -> Iterator[None]:
    """
    Count an unknown promo code against the caller's address, and refuse it all codes after many.

    Right codes are not counted, so that many buyers of one mobile network can use theirs.

    :raises TooManyWrongCodes: if too many wrong codes came from the address
    """
    rate = read_policy(_POLICY, settings.RATE_LIMITS.get(_POLICY, "")).per_address
    if rate is None:
        yield
        return
    origin = client_origin(request)
    limits = {f"{_POLICY}:address:{origin.address}": rate}
    if origin.network:
        # One subscriber has up to 256 networks of the size that counts as an IPv6 address.
        limits[f"{_POLICY}:network:{origin.network}"] = rate
    if seconds := seconds_until_turn(limits):
        raise TooManyWrongCodes(seconds=seconds)
    try:
        yield
    except UnknownPromoCode:
        take_turn(limits)
        raise
