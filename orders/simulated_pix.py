"""The Pix of the simulated gateway. A buyer pays it with a button of our own page."""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.crypto import salted_hmac

from orders.br_code import BrCode, write_br_code
from orders.models import Payment
from orders.pix_gateway import (
    NotificationNotAuthentic,
    PixArrived,
    PixRequested,
    PixWanted,
)
from orders.simulated_charges import SimulatedCharge, SimulatedPix

SIGNATURE: Final = "x-simulated-signature"
_PREFIX: Final = "pix_"


class SimulatedPixGateway:
    """Awaits Pix that only `pay_simulated_pix` pays. Its BR Codes lead to no bank."""

    def request_pix(self, wanted: PixWanted, *, now: datetime) -> PixRequested:
        new = SimulatedPix(pix_id=wanted.pix_id, amount=wanted.amount, expires_at=wanted.expires_at)
        SimulatedPix.objects.bulk_create([new], ignore_conflicts=True)
        awaited = SimulatedPix.objects.get(pk=wanted.pix_id)
        content = BrCode(
            # A domain that cannot exist: a bank's app says that there is no such charge.
            url=f"pix.example.com/{wanted.pix_id.hex}",
            amount=awaited.amount,
            merchant_name=wanted.merchant_name,
            merchant_city=wanted.merchant_city,
        )
        return PixRequested(
            gateway_id=wanted.pix_id.hex,
            br_code=write_br_code(content),
            expires_at=awaited.expires_at,
        )

    def find_pix(self, *, pix_id: UUID, gateway_id: str, now: datetime) -> PixArrived | None:
        paid = SimulatedPix.objects.filter(pk=pix_id, paid_at__isnull=False).first()
        if paid is None:
            return None
        return PixArrived(pix_id=pix_id, token=_PREFIX + pix_id.hex, amount=paid.amount)

    def return_pix(self, arrived: PixArrived, *, now: datetime) -> None:
        paid = SimulatedPix.objects.filter(pk=arrived.pix_id, paid_at__isnull=False)
        paid.filter(returned_at=None).update(returned_at=now)

    def read_notification(
        self, *, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Sequence[PixArrived]:
        if not hmac.compare_digest(
            headers.get(SIGNATURE, "").encode(), sign_simulated_notification(body).encode()
        ):
            raise NotificationNotAuthentic("The signature does not fit the body.")
        ids = [UUID(pix_id) for pix_id in json.loads(body)["pix"]]
        found = (self.find_pix(pix_id=pix_id, gateway_id="", now=now) for pix_id in ids)
        return [arrived for arrived in found if arrived is not None]

    def take_pix_over(self, payment: Payment) -> bool:
        """Make the money of a payment's Pix its charge. Return whether there is money."""
        paid = SimulatedPix.objects.filter(
            pk=payment.order_id, amount=payment.amount, paid_at__isnull=False, returned_at=None
        ).first()
        if paid is None or payment.token != _PREFIX + paid.pix_id.hex:
            return False
        new = SimulatedCharge(payment_id=payment.pk, attempts=1, charged_at=paid.paid_at)
        SimulatedCharge.objects.bulk_create([new], ignore_conflicts=True)
        return True


def is_paid_by_pix(payment: Payment) -> bool:
    """Return whether the payment's money came by a Pix of the simulated gateway."""
    return payment.token.startswith(_PREFIX)


def pay_simulated_pix(*, pix_id: UUID, now: datetime) -> None:
    """Pay a Pix, as the buyer does in the app of a bank. A repeat does nothing."""
    awaited = SimulatedPix.objects.filter(Q(expires_at__gt=now), pk=pix_id, paid_at=None)
    awaited.update(paid_at=now)


def sign_simulated_notification(body: bytes) -> str:
    """Return the header `X-Simulated-Signature` of a notification."""
    return salted_hmac("orders.simulated_pix", body, algorithm="sha256").hexdigest()
