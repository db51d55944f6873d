"""The model of the marks by which a door device learns which tickets have changed."""

from typing import ClassVar

from django.db import models

from events.models import Event


class DoorMark(models.Model):
    """
    A ticket that was ever used, revoked, or scanned out: an offline device must know of it.

    A trigger of the ticket writes it. A ticket without a mark is valid and was never used. Whether
    it is used or revoked now is in the ticket's own row.
    """

    # Without constraints in the database: each check-in writes a mark, and the ticket's own row has
    # the same event. A ticket is never deleted.
    ticket = models.OneToOneField(
        "tickets.Ticket",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="door_mark",
        db_constraint=False,
    )
    event = models.ForeignKey(
        Event, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    # The number of the PostgreSQL transaction that changed the ticket last. Numbers are given out
    # in sequence, and a reader can ask which is the lowest that has not ended. So a list by this
    # number misses no change that commits late, as one by a time or by a counter would.
    changed_in = models.BigIntegerField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["event", "changed_in", "ticket"], name="door_marks_by_change"),
        ]

    def __str__(self) -> str:
        return str(self.ticket_id)
