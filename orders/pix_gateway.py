"""The part of a payment gateway that takes Pix: it awaits money, and tells us when it arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable
from uuid import UUID

from ticketing.errors import Unauthenticated


class NotificationNotAuthentic(Unauthenticated):
    """The notification does not come from the payment gateway, or it was changed on its way."""

    code = "notification_not_authentic"
    title = "This is not a notification of the payment gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixWanted:
    """A Pix that a buyer wants to pay. The amount is in BRL, and nobody may change it."""

    pix_id: UUID
    amount: Decimal
    expires_at: datetime
    # Who sells, and where: for the BR Code.
    merchant_name: str
    merchant_city: str
    # For the buyer's statement: the code of the order.
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PixRequested:
    """What the gateway awaits: its own id of it, and the BR Code with which the buyer pays."""

    gateway_id: str
    br_code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PixArrived:
    """
    Money that the gateway has received for a Pix.

    `token` identifies the money at the gateway, such as Pix's end-to-end id. It becomes the token
    of the order's payment: `charge` and `refund` get it there.
    """

    pix_id: UUID
    token: str
    amount: Decimal


@runtime_checkable
class PixGateway(Protocol):
    """
    What a `PaymentGateway` that takes Pix has besides. A gateway without these methods offers none.

    If `charge` gets a payment whose token came from `PixArrived`, the money is there already: it
    confirms that the money belongs to this payment's order, and declines otherwise. `refund` must
    return that money, also if `charge` was never called. `accepts` must refuse such a token,
    because it would come from a buyer.
    """

    def request_pix(self, wanted: PixWanted, *, now: datetime) -> PixRequested:
        """
        Await a Pix. A repeated call with the same `pix_id` returns the first response.

        A bank must refuse to pay it after `expires_at`, twice, or with another amount.

        :raises GatewayAway: if the gateway did not respond
        """

    def find_pix(self, *, pix_id: UUID, gateway_id: str, now: datetime) -> PixArrived | None:
        """
        Return the money that arrived for a Pix, or None.

        From two minutes after `expires_at` on, None must be final.

        :raises GatewayAway: if the gateway did not respond
        """

    def return_pix(self, arrived: PixArrived, *, now: datetime) -> None:
        """
        Return money that no payment has taken. A repeat does nothing.

        :raises GatewayAway: if the gateway did not respond
        """

    def read_notification(
        self, *, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Sequence[PixArrived]:
        """
        Return what a notification reports. Names of headers are in lower case.

        This method alone decides whether the notification is authentic.

        :raises NotificationNotAuthentic: if it is not
        """
