"""The inline form of an event's questions to its buyers, on the admin's page of the event."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import StackedInline

from events.admin.lines_field import LinesField
from events.admin.refusals import say_refusal
from events.models import (
    LONGEST_CHOICE,
    MOST_CHOICES,
    MOST_QUESTIONS,
    Event,
    EventStatus,
    Question,
    QuestionKind,
    TicketType,
)
from events.questions import (
    AskedQuestion,
    QuestionInUse,
    change_questions,
    refuse_to_break_answers,
)
from ticketing.actors import Actor
from ticketing.text import check_line

_WITH_CHOICES = (QuestionKind.CHOICE, QuestionKind.CHOICES)
_FEWEST_CHOICES = 2


class ChoicesField(LinesField):
    """The choices of a question, one on each line."""

    def clean(self, value: Any) -> list[str]:
        choices = super().clean(value)
        for choice in choices:
            check_line(choice)
            if len(choice) > LONGEST_CHOICE:
                raise forms.ValidationError(
                    _("A choice has at most %(count)d characters.") % {"count": LONGEST_CHOICE}
                )
        if len(choices) > MOST_CHOICES:
            raise forms.ValidationError(
                _("A question has at most %(count)d choices.") % {"count": MOST_CHOICES}
            )
        return choices


class QuestionForm(forms.ModelForm):
    choices = ChoicesField(
        label=gettext_lazy("Choices"),
        required=False,
        help_text=gettext_lazy("One on each line, only for the two kinds with choices."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, sentence in (
            ("label", _("As buyers read it, such as “T-shirt size”.")),
            ("help_text", _("A sentence below the question, if it needs one.")),
            ("is_required", _("The shop asks it before the payment.")),
            ("is_shown_at_door", _("The check-in list shows the answer beside the name.")),
            ("ticket_types", _("Nothing chosen: all ticket types.")),
        ):
            if name in self.fields:
                self.fields[name].help_text = sentence

    def clean(self) -> Any:
        cleaned = super().clean()
        kind, choices = self.cleaned_data.get("kind"), self.cleaned_data.get("choices")
        if kind in _WITH_CHOICES and choices is not None and len(choices) < _FEWEST_CHOICES:
            self.add_error("choices", _("Write two choices or more, one on each line."))
        elif kind is not None and kind not in _WITH_CHOICES:
            self.cleaned_data["choices"] = []
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django documents no other place for it
        if self.errors or self.instance._state.adding:  # noqa: SLF001 - as Django's admin does
            return
        try:
            refuse_to_break_answers(self.instance)
        except QuestionInUse as refusal:
            self.add_error(None, say_refusal(refusal))


class QuestionFormSet(BaseInlineFormSet):
    """The questions that the event asks now. A deleted one with answers is retired."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "ticket_types" in form.fields:
            form.fields["ticket_types"].queryset = self._kinds
            # Otherwise each form would read them from the database.
            form.fields["ticket_types"].choices = self._choices

    @cached_property
    def _kinds(self) -> QuerySet[TicketType]:
        return TicketType.objects.filter(event_id=self.instance.pk).order_by("number")

    @cached_property
    def _choices(self) -> list[tuple[UUID, str]]:
        return [(kind.pk, str(kind)) for kind in self._kinds]

    def asked(self) -> list[AskedQuestion]:
        """Return the changed and the new questions."""
        changed = [
            form
            for form in self.forms
            if form not in self.deleted_forms and form.has_changed() and form.instance.label
        ]
        return [
            AskedQuestion(form.instance, [kind.pk for kind in form.cleaned_data["ticket_types"]])
            for form in changed
        ]

    def retired(self) -> list[UUID]:
        """Return the ids of the questions that the user has marked for deletion."""
        return [form.instance.pk for form in self.initial_forms if form in self.deleted_forms]


class QuestionInline(StackedInline):
    model = Question
    form = QuestionForm
    formset = QuestionFormSet
    extra = 0
    max_num = MOST_QUESTIONS
    fields = [
        "label",
        "help_text",
        ("kind", "scope"),
        "choices",
        ("is_required", "is_shown_at_door"),
        "ticket_types",
        "position",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Question]:
        asked: QuerySet[Question] = super().get_queryset(request)
        return asked.filter(retired_at=None).prefetch_related("ticket_types")

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        formset = super().get_formset(request, obj, **options)

        class RetiredForm(formset.form):  # type: ignore[name-defined]  # made by Django
            def hand_clean_DELETE(self) -> None:  # noqa: N802 - Django's name
                """Allow it: answers protect a question, but the verb retires it with them."""

        formset.form = RetiredForm
        return formset

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        options["widget"] = forms.CheckboxSelectMultiple()
        return super().formfield_for_manytomany(db_field, request, **options)

    def has_add_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is None or obj.status != EventStatus.CANCELLED

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is None or obj.status != EventStatus.CANCELLED

    def has_view_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is not None and obj.status != EventStatus.CANCELLED


class AsksQuestions:
    """Adds what buyers are asked: the names on the tickets, and questions once the event exists."""

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        inlines: list[Any] = super().get_inlines(request, obj)  # type: ignore[misc]
        # Questions may be for some ticket types, which a new event does not have yet.
        return inlines if obj is None else [*inlines, QuestionInline]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sets: Any = super().get_fieldsets(request, obj)  # type: ignore[misc]
        names = {"fields": ["holder_names", "names_until"]}
        sets = [*sets, (gettext_lazy("Names on the tickets"), names)]
        if obj is None:
            return sets
        return [*sets, (gettext_lazy("Questions to buyers"), {"fields": ["answers_until"]})]


def save_questions(formsets: Any, *, event_id: UUID, actor: Actor, now: datetime) -> None:
    """Write what the forms changed, by the verb. It runs in the admin's transaction."""
    for formset in formsets:
        # Writes nothing, but sets what Django's own log entry needs.
        formset.save(commit=False)
        change_questions(
            event_id=event_id,
            asked=formset.asked(),
            retired=formset.retired(),
            actor=actor,
            now=now,
        )
