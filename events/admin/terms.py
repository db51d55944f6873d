"""The admin of an organizer's terms of sale and privacy notice: one row for each version."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanSwitchWidget

from events.admin.base import OwnAdmin
from events.models import Organizer, TermsVersion
from events.roles import Right
from events.terms import Texts, save_terms, terms_in_force, terms_link, texts_of
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import ShowsHistory
from ticketing.models import Act, ActType

_TEXTS = ["sale_pt", "sale_en", "privacy_pt", "privacy_en"]


class TermsForm(forms.ModelForm):
    """New texts, and whether buyers must accept them."""

    is_required = forms.BooleanField(
        label=gettext_lazy("Buyers must accept"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy(
            "Nobody can pay without accepting the terms of sale. The shop asks for it with a box"
            " that is not ticked. Your own shop must send the version with the payment. What is"
            " sold at the box office needs no acceptance; staff can record it there."
        ),
    )

    class Meta:
        model = TermsVersion
        fields = ["organizer", *_TEXTS]
        widgets = dict.fromkeys(_TEXTS, UnfoldAdminTextareaWidget(attrs={"rows": 10}))

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or {}
        for name in _TEXTS:
            sent[name] = sent.get(name, "").replace("\r\n", "\n").strip()
        if not any(sent[name] for name in _TEXTS):
            self.add_error("sale_pt", _("Write a text, or the address of a page."))
        elif sent.get("is_required") and not (sent["sale_pt"] or sent["sale_en"]):
            self.add_error(
                "is_required", _("Without terms of sale there is nothing that buyers could accept.")
            )
        return sent


@admin.register(TermsVersion)
class TermsAdmin(ShowsHistory, OwnAdmin):
    right_to_see = Right.CHANGE_ORGANIZER
    form = TermsForm
    list_display = ["shown_number", "organizer", "shown_state", "valid_from", "public_page"]
    list_display_links = ["shown_number"]
    list_select_related = ["organizer"]
    list_filter = ["organizer"]
    fieldsets = [
        (None, {"fields": ["organizer"]}),
        (
            gettext_lazy("Terms of sale"),
            {
                "fields": ["sale_pt", "sale_en"],
                "description": gettext_lazy(
                    "Paste the text, or only the address of a page of yours. A text is better: the"
                    " system can then show what each buyer has accepted. One language is enough;"
                    " readers of the other one get it too."
                ),
            },
        ),
        (
            gettext_lazy("Privacy notice"),
            {
                "fields": ["privacy_pt", "privacy_en"],
                "description": gettext_lazy(
                    "It says what personal data you keep, why, and for how long. Buyers read it;"
                    " they need not accept it."
                ),
            },
        ),
        (gettext_lazy("Acceptance"), {"fields": ["is_required"]}),
    ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Buyers have accepted a version as it is.
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what is in force now, so that an owner changes it instead of writing it anew."""
        choices = self.organizers_to_choose(request).order_by("name", "pk")
        organizer = choices.first() if choices.count() == 1 else None
        return {
            **_present(organizer),
            **super().get_changeform_initial_data(request),
        }

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        about = ["organizer", "shown_number", "shown_state", "valid_from", "public_page"]
        happened = (_("What happened"), {"fields": ["history"]})
        return [(None, {"fields": [*about, *_TEXTS]}), happened]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        more = ["shown_number", "shown_state", "valid_from", "public_page"] if obj else []
        return [*super().get_readonly_fields(request, obj), *more]

    def history_acts(self, row: TermsVersion) -> QuerySet[Act]:
        return Act.objects.filter(
            subject_id=row.organizer_id, type=ActType.TERMS_SAVED, details__version=row.number
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        sent = form.cleaned_data
        saved = save_terms(
            organizer_id=sent["organizer"].pk,
            texts=Texts(**{name: sent[name] for name in _TEXTS}),
            is_required=sent["is_required"],
            actor=user_actor(request.user),
            now=clock.now(),
        )
        # If the texts are in force already, no row was made.
        obj.pk, obj.number = saved.pk, saved.number

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        done = _("Version %(number)d of the terms is in force.")
        messages.success(request, done % {"number": obj.number})
        return redirect("admin:events_termsversion_changelist")

    @display(description=gettext_lazy("version"), ordering="number")
    def shown_number(self, version: TermsVersion) -> str:
        return _("Version %(number)d") % {"number": version.number}

    @display(
        description=gettext_lazy("state"),
        label={"required": "success", "in_force": "info", "older": "default"},
    )
    def shown_state(self, version: TermsVersion) -> tuple[str, str]:
        if version.number != version.organizer.terms_number:
            return "older", _("older")
        if version.organizer.requires_terms:
            return "required", _("in force, must be accepted")
        return "in_force", _("in force")

    @admin.display(description=gettext_lazy("public page"))
    def public_page(self, version: TermsVersion) -> SafeString:
        link = terms_link(version.organizer, version.number)
        return format_html('<a class="underline" href="{}">{}</a>', link, _("See the page"))


def _present(organizer: Organizer | None) -> dict[str, Any]:
    if organizer is None:
        return {}
    version = terms_in_force(organizer)
    texts = texts_of(version) if version else Texts()
    return {
        "organizer": organizer.pk,
        "is_required": organizer.requires_terms,
        **{name: getattr(texts, name) for name in _TEXTS},
    }
