"""The tables of guest lists: many guests to whom staff sell or give tickets at once."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models import Event, TicketType
from orders.box_office_record import BoxOfficeMethod
from ticketing.ids import new_id


class GuestListState(models.TextChoices):
    CHECKED = "checked", _("to be confirmed")
    SELLING = "selling", _("in progress")
    DONE = "done", _("done")


class LineState(models.TextChoices):
    READY = "ready", _("ready")
    WRONG = "wrong", _("wrong")
    SOLD = "sold", _("sold")
    REFUSED = "refused", _("refused")
    REPEATED = "repeated", _("repeated")


class LineProblem(models.TextChoices):
    """Why a line is wrong, or was refused."""

    NAME = "name", _("The name is missing or too long.")
    EMAIL = "email", _("The email address is not valid.")
    TICKET_TYPE = "ticket_type", _("The event has no such ticket type.")
    UNCLEAR_TYPE = (
        "unclear_type",
        _(
            "Several ticket types have almost this name. Write it exactly, with accents and"
            " capitals."
        ),
    )
    QUANTITY = "quantity", _("The quantity must be a number from 1 to 100.")
    SOLD_OUT = "sold_out", _("Not enough tickets are left.")
    CLOSED = "closed", _("The event was cancelled, or is over.")
    REPEATED = "repeated", _("Another list has sold the same line.")


class GuestList(models.Model):
    """
    A list that staff uploaded for one event. It is checked first, and sold after they confirm it.

    While it is `selling`, the sweep sends its message again at `ask_again_at`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="guest_lists", verbose_name=_("event")
    )
    method = models.CharField(_("method"), max_length=16, choices=BoxOfficeMethod.choices)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    language = models.CharField(_("language"), max_length=8, choices=settings.LANGUAGES)
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    state = models.CharField(
        _("state"), max_length=8, choices=GuestListState.choices, default=GuestListState.CHECKED
    )
    # Who uploaded it, then who confirmed it.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("user"),
    )
    created_at = models.DateTimeField(_("created at"))
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    # A worker sells its lines until then: a repeated message must not sell them too.
    leased_until = models.DateTimeField(null=True, editable=False)
    asks = models.PositiveSmallIntegerField(default=0, editable=False)
    ask_again_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("guest list")
        verbose_name_plural = _("guest lists")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(state=GuestListState.SELLING),
                name="guest_lists_still_selling",
            ),
            models.Index(fields=["-created_at", "-id"], name="guest_lists_by_age"),
        ]

    def __str__(self) -> str:
        return self.file_name or str(self.event)


class GuestLine(models.Model):
    """One line of a guest list: one order, or the reason why there is none."""

    # Also the key of its sale at the box office.
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    guest_list = models.ForeignKey(GuestList, on_delete=models.CASCADE, related_name="lines")
    # The row of the file, from 1.
    row = models.PositiveSmallIntegerField(_("line"))
    # Empty once the line is sold: the order has them.
    name = models.CharField(_("name"), max_length=200, blank=True)
    email = models.CharField(_("email"), max_length=254, blank=True)
    ticket_type_text = models.CharField(_("ticket type"), max_length=100, blank=True)
    ticket_type = models.ForeignKey(
        TicketType, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    quantity = models.PositiveSmallIntegerField(_("quantity"), default=0)
    # A keyed digest of what the line sells to whom, so that no list sells it again.
    digest = models.CharField(max_length=64, editable=False)
    state = models.CharField(_("state"), max_length=8, choices=LineState.choices)
    problem = models.CharField(_("problem"), max_length=12, choices=LineProblem.choices, blank=True)
    order = models.OneToOneField(
        "orders.Order", on_delete=models.SET_NULL, null=True, related_name="guest_line"
    )

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["row"]
        constraints = [
            models.UniqueConstraint(fields=["guest_list", "row"], name="one_line_per_row"),
            models.UniqueConstraint(
                fields=["digest"],
                condition=Q(state=LineState.SOLD),
                name="a_guest_line_is_sold_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.row}"
