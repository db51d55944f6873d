"""The most common reservation request, parsed by msgspec, which is faster than the serializer."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from orders.serializers import LARGEST_QUANTITY, LONGEST_PROOF, MOST_ITEMS
from ticketing.addresses import LONGEST_ADDRESS, tidy_address
from ticketing.api.fields import LONGEST_NAME, is_line, is_name
from ticketing.text import LONGEST_SLUG


class UsualCustomer(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=LONGEST_NAME)]
    email: Annotated[str, Meta(max_length=LONGEST_ADDRESS)]

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError
        self.email = tidy_address(self.email)


class UsualItem(Struct, forbid_unknown_fields=True):
    ticket_type: UUID
    quantity: Annotated[int, Meta(ge=1, le=LARGEST_QUANTITY)]


class UsualReservation(Struct, forbid_unknown_fields=True):
    """
    A request that the shortcut serves. `ReservationSent` must accept each of them too.

    Any other body goes to the full view, which accepts or refuses it.
    """

    event: Annotated[str, Meta(max_length=LONGEST_SLUG)]
    customer: UsualCustomer
    quantity: Annotated[int, Meta(ge=1, le=LARGEST_QUANTITY)] | UnsetType = UNSET
    proof_of_work: Annotated[str, Meta(max_length=LONGEST_PROOF)] | UnsetType = UNSET
    items: Annotated[list[UsualItem], Meta(min_length=1, max_length=MOST_ITEMS)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if not is_line(self.event) or (self.quantity is UNSET) == (self.items is UNSET):
            raise ValueError
        if self.proof_of_work is not UNSET and not is_line(self.proof_of_work):
            raise ValueError
        if self.items is not UNSET:
            kinds = {item.ticket_type for item in self.items}
            if len(kinds) < len(self.items):
                raise ValueError
