"""The models of sales figures: sums of each past quarter of an hour, which pages read quickly."""

from django.db import models
from django.db.models import Q

from events.models import Event, TicketType


class SalesSlot(models.Model):
    """
    What was sold and returned of one ticket type in one quarter of an hour.

    A quarter, because every time zone's days begin at one. `amount` is in units of the event's
    currency. A slot without sales has no row.
    """

    event = models.ForeignKey(Event, on_delete=models.CASCADE, db_index=False)
    ticket_type = models.ForeignKey(TicketType, on_delete=models.CASCADE)
    starts_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    sold = models.PositiveIntegerField(default=0)
    amount = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    returned = models.PositiveIntegerField(default=0)
    returned_amount = models.DecimalField(max_digits=14, decimal_places=2, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event", "starts_at", "ticket_type"], name="one_sales_slot_per_type"
            ),
        ]
        # The figures of an organizer with many events are those of some days.
        indexes = [models.Index(fields=["starts_at"], name="sales_slots_by_moment")]

    def __str__(self) -> str:
        return f"{self.ticket_type_id} {self.starts_at:%Y-%m-%d %H:%M}"


class OrderSlot(models.Model):
    """How many orders of one event were made, and how many ended, in one quarter of an hour."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, db_index=False)
    starts_at = models.DateTimeField()
    reserved = models.PositiveIntegerField(default=0)
    paid = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    declined = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event", "starts_at"], name="one_order_slot_per_quarter"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.starts_at:%Y-%m-%d %H:%M}"


class SalesSummary(models.Model):
    """The only row of its table: until when the slots are written. Later sales are counted live."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    written_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="there_is_one_sales_summary"),
        ]

    def __str__(self) -> str:
        return f"{self.written_until:%Y-%m-%d %H:%M}"
