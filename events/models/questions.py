"""The model of an organizer's questions to the buyers of an event."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models.events import Event
from events.models.ticket_types import TicketType
from ticketing.ids import new_id
from ticketing.text import check_line

# For each event. Buyers leave a form with more of them, and an export has a column for each.
MOST_QUESTIONS = 20
MOST_CHOICES = 50
LONGEST_CHOICE = 100


class QuestionKind(models.TextChoices):
    TEXT = "text", _("text")
    CHOICE = "choice", _("one of several choices")
    CHOICES = "choices", _("any of several choices")
    YES_NO = "yes_no", _("yes or no")


class QuestionScope(models.TextChoices):
    """How often a buyer answers."""

    ORDER = "order", _("once for the order")
    TICKET = "ticket", _("for each ticket")


class Question(models.Model):
    """
    A question that an organizer asks the buyers of one event.

    One that has answers is never deleted: it is retired, and its answers stay.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="questions", verbose_name=_("event")
    )
    label = models.CharField(_("question"), max_length=200, validators=[check_line])
    help_text = models.CharField(
        _("explanation"), max_length=300, blank=True, validators=[check_line]
    )
    kind = models.CharField(
        _("answer"), max_length=8, choices=QuestionKind.choices, default=QuestionKind.TEXT
    )
    scope = models.CharField(
        _("asked"), max_length=8, choices=QuestionScope.choices, default=QuestionScope.ORDER
    )
    # Of the two kinds with choices, in the order in which buyers see them.
    choices = ArrayField(models.CharField(max_length=LONGEST_CHOICE), blank=True, default=list)
    is_required = models.BooleanField(_("must be answered"), default=False)
    is_shown_at_door = models.BooleanField(_("shown at the door"), default=False)
    # Empty: all of them. `_drop_type` retires the questions of a type before it is deleted.
    ticket_types = models.ManyToManyField(
        TicketType, blank=True, related_name="questions", verbose_name=_("only for")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    retired_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions to buyers")
        ordering = ["event_id", "position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=QuestionKind.values), name="question_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(scope__in=QuestionScope.values), name="question_scope_is_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[QuestionKind.CHOICE, QuestionKind.CHOICES]) | Q(choices=[]),
                name="only_choices_have_choices",
            ),
        ]

    def __str__(self) -> str:
        return self.label
