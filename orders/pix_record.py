"""The model of the one Pix with which a buyer may pay an order."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orders.br_code import LONGEST_BR_CODE


class PixState(models.TextChoices):
    """What became of a Pix. Only the first and the third still need work, which the sweep finds."""

    WAITING = "waiting", _("waiting for the payment")
    # Its money is the payment of its order.
    TAKEN = "taken", _("received")
    # Its money came too late, or the order was paid otherwise.
    RETURNING = "returning", _("being returned")
    RETURNED = "returned", _("returned")
    UNPAID = "unpaid", _("not paid")


class PixCharge(models.Model):
    """
    A Pix that the gateway awaits for an order, and its money if that arrived.

    The gateway knows it by the order's id. While it waits for money or has to return it, the sweep
    sends its message again at `ask_again_at`.
    """

    order = models.OneToOneField(
        "orders.Order", on_delete=models.PROTECT, primary_key=True, related_name="pix"
    )
    gateway_id = models.CharField(max_length=200)
    br_code = models.CharField(max_length=LONGEST_BR_CODE)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    created_at = models.DateTimeField()
    # After this moment a bank refuses to pay it. Before the end of the order's reservation.
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=PixState.choices, default=PixState.WAITING)
    # What arrived: the gateway's token of the money, the amount, and when we heard of it.
    token = models.CharField(max_length=200, blank=True)
    received = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    arrived_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)
    asks = models.PositiveSmallIntegerField(default=0)
    ask_again_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(state__in=[PixState.WAITING, PixState.RETURNING]),
                name="pix_still_asking",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=PixState.values), name="pix_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[PixState.WAITING, PixState.UNPAID],
                    arrived_at__isnull=True,
                    received__isnull=True,
                )
                | Q(
                    state__in=[PixState.TAKEN, PixState.RETURNING, PixState.RETURNED],
                    arrived_at__isnull=False,
                    received__isnull=False,
                ),
                name="pix_has_its_money",
            ),
        ]

    def __str__(self) -> str:
        return self.gateway_id
