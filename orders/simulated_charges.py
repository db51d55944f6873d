"""Models of the simulated payment gateway, for what a real gateway would store on its side."""

from django.db import models


class SimulatedCharge(models.Model):
    """The calls for one payment, and when it was charged and refunded."""

    payment_id = models.UUIDField(primary_key=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    charged_at = models.DateTimeField(null=True)
    # When the whole amount had been refunded.
    refunded_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.payment_id)


class SimulatedRefund(models.Model):
    """One refund of a payment, which may be a part of it."""

    refund_id = models.UUIDField(primary_key=True)
    payment_id = models.UUIDField(db_index=True)
    amount = models.DecimalField(max_digits=12, decimal_places=2)

    def __str__(self) -> str:
        return str(self.refund_id)


class SimulatedPix(models.Model):
    """A Pix that a buyer may pay, and when its money arrived and was returned unused."""

    pix_id = models.UUIDField(primary_key=True)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    expires_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.pix_id)
