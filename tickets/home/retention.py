"""The page on which an owner chooses how long after an event its buyers' data is kept."""

from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, override
from unfold.widgets import UnfoldAdminSelectWidget

from events.access import organizers_of
from events.models import Organizer
from events.retention import set_retention
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from tickets.models import ErasureRun
from tickets.retention import MOST_COUNTED, preview_retention

# Disputes of card payments usually arrive within four months.
_RECOMMENDED: Final = 6
_OFFERED: Final = (1, 2, 3, 4, _RECOMMENDED, 12, 18, 24, 36, 60)
_MOST_RUNS: Final = 12


@dataclass(frozen=True, slots=True)
class Notice:
    """A paragraph for an organizer's privacy notice, and the code of its language."""

    language: str
    text: str


class RetentionForm(forms.Form):
    """An organizer, and after how many months its buyers are erased. Empty: they are kept."""

    organizer = forms.ModelChoiceField(
        Organizer.objects.none(),
        label=capfirst(gettext_lazy("organizer")),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )
    months = forms.TypedChoiceField(
        label=gettext_lazy("Erase buyers"),
        coerce=int,
        empty_value=None,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy(
            "The first month is always kept, for refunds and for closing the accounts."
            " We recommend 6 months: disputes of card payments usually arrive within four."
        ),
    )

    def __init__(self, *args: Any, organizers: Any, present: Organizer, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial = {"organizer": present.pk, "months": present.erases_after_months or ""}
        field = self.fields["organizer"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        field.queryset = organizers
        months = self.fields["months"]
        assert isinstance(months, forms.TypedChoiceField)  # noqa: S101 - for the type checker
        offered = sorted({*_OFFERED, present.erases_after_months or _RECOMMENDED})
        months.choices = [
            ("", _("Never: keep them")),
            *((number, _choice(number)) for number in offered),
        ]


def retention(request: HttpRequest) -> HttpResponse:
    """
    Show what a choice would erase now, and set it when the owner has confirmed that.

    :raises PermissionDenied: if the user owns no organizer
    """
    organizers = organizers_of(request.user, Right.CHANGE_ORGANIZER).order_by("name", "pk")
    present = _present(request, organizers)
    form = RetentionForm(request.POST or None, organizers=organizers, present=present)
    asked = None
    if form.is_valid():
        months = form.cleaned_data["months"]
        present = form.cleaned_data["organizer"]
        if "save" in request.POST:
            actor = user_actor(request.user)
            set_retention(organizer_id=present.pk, months=months, actor=actor, now=clock.now())
            messages.success(request, _("The choice was saved."))
            return redirect(f"{request.path}?organizer={present.pk}")
        asked = _ask(present, months)
    request.current_app = admin.site.name
    context = {
        **admin.site.each_context(request),
        "title": _("How long personal data is kept"),
        "form": form,
        "present": present,
        "chosen": _choice(present.erases_after_months) if present.erases_after_months else "",
        "asked": asked,
        "notices": _notices(present.erases_after_months) if present.erases_after_months else [],
        "runs": ErasureRun.objects.filter(organizer=present, orders__gt=0)[:_MOST_RUNS],
    }
    return TemplateResponse(request, "personal_data/retention.html", context)


def _present(request: HttpRequest, organizers: Any) -> Organizer:
    """Return the organizer that the page is about: the chosen one, else the first."""
    owned = {str(each.pk): each for each in organizers}
    if not owned:
        raise PermissionDenied
    wanted = request.POST.get("organizer") or request.GET.get("organizer", "")
    chosen: Organizer = owned.get(wanted) or next(iter(owned.values()))
    return chosen


def _ask(organizer: Organizer, months: int | None) -> dict[str, Any]:
    if months is None:
        return {"choice": "", "orders": 0}
    found = preview_retention(organizer_id=organizer.pk, months=months, now=clock.now())
    return {
        "choice": _choice(months),
        "orders": found.orders,
        "shown_orders": min(found.orders, MOST_COUNTED),
        "more": found.orders > MOST_COUNTED,
        "events": found.events,
    }


def _choice(months: int) -> str:
    return ngettext(
        "%(count)d month after the event", "%(count)d months after the event", months
    ) % {"count": months}


def _notices(months: int) -> list[Notice]:
    found = []
    for language in ("pt-br", "en"):
        with override(language):
            text = _(
                "We keep your name, your email address and the names on your tickets so that we"
                " can deliver your tickets, admit you and answer you. %(when)s we erase them from"
                " our orders, together with the QR codes. Amounts and dates without your name stay"
                " in our accounts. You may ask us at any time for a copy of your data, for its"
                " correction or for its erasure."
            ) % {"when": capfirst(_choice(months))}
        found.append(Notice(language, text))
    return found
