"""Large changes of prices during a sale, which a user has to confirm: most are typing mistakes."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from events.models import TicketType
from ticketing.money import format_money

# A change of a fifth or more, up or down. Usual steps of a price, such as a new lot, are smaller or
# are made as a new ticket type.
_LARGE: Final = Decimal("0.2")


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A change of the price of a ticket type that has sold. Amounts are in the event's currency."""

    kind: TicketType
    price: Decimal

    @property
    def key(self) -> str:
        """Return what the confirmation names: a later, other change needs another one."""
        return f"{self.kind.pk}:{self.price}"

    def __str__(self) -> str:
        currency = self.kind.event.currency
        words = {
            "name": self.kind.name,
            "old": format_money(self.kind.price, currency),
            "new": format_money(self.price, currency),
        }
        sold = ngettext(
            "%(count)d ticket is sold at the old price.",
            "%(count)d tickets are sold at the old price.",
            self.kind.sold,
        ) % {"count": self.kind.sold}
        return _("%(name)s: from %(old)s to %(new)s.") % words + " " + sold


def find_large_changes(prices: Mapping[UUID, Decimal]) -> list[PriceChange]:
    """Return the large changes among the new prices of ticket types that have sold."""
    kinds = TicketType.objects.filter(pk__in=prices, sold__gt=0).select_related("event")
    return [
        PriceChange(kind, prices[kind.pk])
        for kind in kinds.order_by("number")
        if abs(prices[kind.pk] - kind.price) >= kind.price * _LARGE
        and prices[kind.pk] != kind.price
    ]
