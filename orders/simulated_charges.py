"""What the simulated payment gateway remembers, as a real one would on its side."""

from django.db import models


class SimulatedCharge(models.Model):
    """What the simulated gateway remembers of a payment."""

    payment_id = models.UUIDField(primary_key=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    charged_at = models.DateTimeField(null=True)
    # When the last of it had been given back.
    refunded_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.payment_id)


class SimulatedRefund(models.Model):
    """What the simulated gateway remembers of money that it gave back."""

    refund_id = models.UUIDField(primary_key=True)
    payment_id = models.UUIDField(db_index=True)
    amount = models.DecimalField(max_digits=12, decimal_places=2)

    def __str__(self) -> str:
        return str(self.refund_id)
