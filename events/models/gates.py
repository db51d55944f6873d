"""The model of gates that admit only some ticket types."""

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from events.models.events import Event
from events.models.ticket_types import TicketType
from ticketing.ids import new_id
from ticketing.text import check_line

# For each event.
MOST_GATES = 50
# As long as the gate of a scan.
LONGEST_GATE = 50


class Gate(models.Model):
    """
    A gate of an event that admits some ticket types only.

    A scan names its gate by its name, whatever the case. A gate without a row admits all types.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(
        Event,
        on_delete=models.CASCADE,
        related_name="gates",
        verbose_name=_("event"),
        db_index=False,
    )
    name = models.CharField(_("name"), max_length=LONGEST_GATE, validators=[check_line])
    # Never empty: a gate's only type cannot be deleted (`refuse_to_drop`).
    ticket_types = models.ManyToManyField(
        TicketType, related_name="gates", verbose_name=_("admits")
    )

    class Meta:
        verbose_name = _("gate for some ticket types")
        verbose_name_plural = _("gates for some ticket types")
        ordering = ["event_id", "name"]
        constraints = [
            models.UniqueConstraint("event", Lower("name"), name="one_gate_per_name_of_an_event"),
        ]

    def __str__(self) -> str:
        return self.name
