"""How a payment gateway takes the details of a payment on the page of an order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

# What the Content-Security-Policy of the page may allow for a gateway, and for which origins.
_DIRECTIVES: Final = frozenset(
    {"script-src", "style-src", "connect-src", "frame-src", "img-src", "form-action"}
)
_ORIGIN: Final = re.compile(r"https://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?")
_SCRIPT: Final = re.compile(r"https://[a-z0-9.-]+/\S+|/static/\S+")


class CheckoutNotAllowed(ValueError):
    """The checkout names a source that the pages' Content-Security-Policy must not allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """
    A gateway's part of the page of an order.

    `template` is a Django template inside the page's form, which gives it a heading. A button in it
    sends `method=card` and a field `token`, which the gateway's script may fill. `scripts` are
    addresses of such scripts. `sources` are the origins that they need, by directive of the
    Content-Security-Policy.
    `is_test` means that no payment moves money. Pages then offer it only if `SHOW_TEST_PAYMENTS` is
    set.

    :raises CheckoutNotAllowed: if a source is no https origin, or the directive is not for gateways
    """

    template: str
    scripts: Sequence[str] = ()
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_test: bool = False

    def __post_init__(self) -> None:
        for directive, origins in self.sources.items():
            if directive not in _DIRECTIVES:
                raise CheckoutNotAllowed(f"A gateway cannot change {directive}.")
            for origin in origins:
                if not _ORIGIN.fullmatch(origin):
                    raise CheckoutNotAllowed(f"{origin} is no https origin.")
        for script in self.scripts:
            if not _SCRIPT.fullmatch(script):
                raise CheckoutNotAllowed(f"{script} is neither https nor a static file.")


@runtime_checkable
class ShowsCheckout(Protocol):
    """A payment gateway whose buyers pay on the page of an order."""

    checkout: Checkout
