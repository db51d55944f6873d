"""The models of entry figures: sums of each past quarter of an hour, which pages read quickly."""

from django.db import models
from django.db.models import Q

from events.models import Event, TicketType


class ScanSlot(models.Model):
    """How many of one type one gate of an event admitted and refused in a quarter of an hour."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, db_index=False)
    starts_at = models.DateTimeField()
    gate = models.CharField(max_length=50, blank=True)
    # NULL: the scanned codes belong to no ticket of the event.
    ticket_type = models.ForeignKey(
        TicketType, on_delete=models.CASCADE, null=True, db_index=False, related_name="+"
    )
    # An undone admission is taken off the quarter in which it happened.
    admitted = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event", "starts_at", "gate", "ticket_type"],
                name="one_scan_slot_per_gate_and_type",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.gate} {self.starts_at:%Y-%m-%d %H:%M}"


class ScanSummary(models.Model):
    """The only row of its table: until when scans are in slots. Later scans are counted live."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    written_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="there_is_one_scan_summary"),
        ]

    def __str__(self) -> str:
        return f"{self.written_until:%Y-%m-%d %H:%M}"
