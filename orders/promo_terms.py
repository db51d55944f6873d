"""What a promo code gives and to whom, without database and without Redis."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

from events.models import TicketType
from ticketing.errors import Conflict

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoTerms:
    """
    What a promo code gives, to whom and when. How often it was used is not a part of it.

    It takes `percent` or `amount` off the price of each ticket, or nothing if both are None.
    """

    promo_code_id: UUID
    code: str
    # Raised at each change of the promo code.
    revision: int
    percent: Decimal | None = None
    amount: Decimal | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    # The ticket types with the discount. Empty: all types of the event.
    ticket_types: frozenset[UUID] = frozenset()
    # The hidden ticket types that the code lets its buyer reserve.
    unlocked_types: frozenset[UUID] = frozenset()
    # For one order, of the tickets to which the code applies.
    min_tickets: int = 1
    max_tickets: int | None = None

    def discounts(self, kind_id: UUID) -> bool:
        """Return whether tickets of this type are cheaper with the code."""
        return not self.ticket_types or kind_id in self.ticket_types

    def applies_to(self, kind_id: UUID) -> bool:
        """Return whether the code makes tickets of this type cheaper, or unlocks them."""
        return kind_id in self.unlocked_types or self.discounts(kind_id)

    def discount_on(self, kind: TicketType) -> Decimal:
        """
        Return what the code takes off the price of one ticket.

        The price after the discount is never negative, and is rounded half up to the cent.
        """
        if not self.discounts(kind.pk):
            return Decimal(0)
        if self.percent is not None:
            price = (kind.price * (100 - self.percent) / 100).quantize(_CENT, ROUND_HALF_UP)
            return kind.price - price
        return min(kind.price, self.amount or Decimal(0))


class PromoCodeNotStarted(Conflict):
    """The period in which the promo code is valid has not started."""

    code = "promo_code_not_started"
    title = "The promo code is not valid yet"


class PromoCodeExpired(Conflict):
    """The period in which the promo code is valid is over."""

    code = "promo_code_expired"
    title = "The promo code has expired"


class PromoCodeNotApplicable(Conflict):
    """The promo code is for other ticket types than those of the order."""

    code = "promo_code_not_applicable"
    title = "The promo code is not for these tickets"


class PromoCodeNeedsOtherQuantity(Conflict):
    """The order has fewer or more tickets than one order with the promo code may have."""

    code = "promo_code_needs_other_quantity"
    title = "The promo code is for another number of tickets"


# Every refusal of this module.
REFUSALS = (
    PromoCodeExpired,
    PromoCodeNeedsOtherQuantity,
    PromoCodeNotApplicable,
    PromoCodeNotStarted,
)


def check_promo_period(promo: PromoTerms, now: datetime) -> None:
    """
    Check that a promo code is valid now.

    :raises PromoCodeNotStarted, PromoCodeExpired: if it is not
    """
    if promo.valid_from is not None and now < promo.valid_from:
        raise PromoCodeNotStarted(
            f"The promo code is valid from {promo.valid_from.isoformat()}. Retry then."
        )
    if promo.valid_until is not None and now >= promo.valid_until:
        raise PromoCodeExpired(
            f"The promo code was valid until {promo.valid_until.isoformat()}. Leave it out."
        )


def check_promo_tickets(promo: PromoTerms, quantities: Mapping[UUID, int]) -> None:
    """
    Check that the tickets of one order, counted by ticket type, are those of a promo code.

    :raises PromoCodeNotApplicable: if the promo code is for none of the types
    :raises PromoCodeNeedsOtherQuantity: if it is for fewer or more tickets
    """
    count = sum(number for kind_id, number in quantities.items() if promo.applies_to(kind_id))
    if not count:
        raise PromoCodeNotApplicable(
            "The promo code is for other ticket types. Leave it out, or reserve those."
        )
    if count < promo.min_tickets:
        raise PromoCodeNeedsOtherQuantity(
            f"The promo code needs an order of {promo.min_tickets} tickets or more;"
            f" {count} were asked for."
        )
    if promo.max_tickets is not None and count > promo.max_tickets:
        raise PromoCodeNeedsOtherQuantity(
            f"The promo code is for {promo.max_tickets} tickets at most in one order;"
            f" {count} were asked for."
        )
