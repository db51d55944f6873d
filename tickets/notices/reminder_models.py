"""The tables of reminders: which event's buyers were asked for, each mail, and who wants none."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models import Event
from orders.models import Order
from tickets.outgoing import OutgoingMail


class EventReminder(models.Model):
    """How far the reminders of an event are written: one row for each order, in its age's order."""

    event = models.OneToOneField(Event, on_delete=models.CASCADE, primary_key=True)
    # The creation of the last order that has its row.
    written_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.event_id)


class Reminder(OutgoingMail):
    """The one mail that reminds an order's buyer of the event, and its state."""

    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, primary_key=True, related_name="reminder"
    )

    class Meta:
        verbose_name = _("reminder of an event")
        verbose_name_plural = _("reminders of events")
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(sent_at__isnull=True),
                name="reminders_still_asking",
            ),
        ]

    def __str__(self) -> str:
        return str(self.order_id)


class NoReminders(models.Model):
    """An address that wants no reminders any more: a keyed digest, so that nobody can read it."""

    recipient = models.CharField(max_length=32, primary_key=True)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return self.recipient
