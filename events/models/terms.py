"""The model of an organizer's terms of sale and privacy notice, one row for each version."""

from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models.organizers import Organizer
from ticketing.ids import new_id

LONGEST_TERMS: Final = 40_000


class TermsVersion(models.Model):
    """
    What an organizer's buyers were shown from one moment on. A trigger refuses to change a row.

    Each field is a text, or the address of a page alone. The version in force is the one that
    `Organizer.terms_number` names.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.PROTECT,
        related_name="terms",
        verbose_name=_("organizer"),
        # The unique constraint begins with it.
        db_index=False,
    )
    number = models.PositiveIntegerField(_("version"), editable=False)
    sale_pt = models.TextField(
        _("terms of sale in Portuguese"), max_length=LONGEST_TERMS, blank=True, default=""
    )
    sale_en = models.TextField(
        _("terms of sale in English"), max_length=LONGEST_TERMS, blank=True, default=""
    )
    privacy_pt = models.TextField(
        _("privacy notice in Portuguese"), max_length=LONGEST_TERMS, blank=True, default=""
    )
    privacy_en = models.TextField(
        _("privacy notice in English"), max_length=LONGEST_TERMS, blank=True, default=""
    )
    valid_from = models.DateTimeField(_("valid from"), editable=False)

    class Meta:
        verbose_name = _("version of the terms")
        verbose_name_plural = _("versions of the terms")
        ordering = ["-valid_from", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["organizer", "number"], name="one_version_per_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="versions_begin_with_one"),
            models.CheckConstraint(
                condition=~Q(sale_pt="", sale_en="", privacy_pt="", privacy_en=""),
                name="terms_say_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organizer} · {self.number}"
