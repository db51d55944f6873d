"""The form in which a buyer answers the organizer's questions, once and for each ticket."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _

from events.models import Question, QuestionKind
from orders.answer_rules import LONGEST_ANSWER, GivenAnswer, tidy_answer
from orders.answers import AskedAnswer

_YES, _NO = "yes", "no"
_BOOLEANS: Final = {_YES: True, _NO: False}


@dataclass(frozen=True, slots=True)
class Group:
    """The fields about one ticket, or about the whole order, under a heading."""

    heading: str
    fields: list[forms.BoundField]


class DetailsForm(forms.Form):
    """A field for each question at each place. Errors are at the field of their answer."""

    def __init__(self, asked: Sequence[AskedAnswer], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked = list(asked)
        for number, each in enumerate(self.asked):
            field = _field_of(each.question)
            field.initial = _shown_value(each.value)
            self.fields[f"answer-{number}"] = field

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for number, each in enumerate(self.asked):
            name = f"answer-{number}"
            if name not in cleaned:
                continue
            try:
                tidy_answer(each.question, _given_value(each.question, cleaned[name]))
            except forms.ValidationError as error:
                self.add_error(name, error)
        return cleaned

    def given(self) -> list[GivenAnswer]:
        """Return the answers of a valid form."""
        return [
            GivenAnswer(
                each.question.pk,
                each.place,
                _given_value(each.question, self.cleaned_data[f"answer-{number}"]),
            )
            for number, each in enumerate(self.asked)
        ]

    def groups(self) -> list[Group]:
        """Return the fields by ticket, those of the order first."""
        groups: dict[str, Group] = {}
        in_order = sorted(enumerate(self.asked), key=lambda pair: pair[1].item is not None)
        for number, each in in_order:
            heading = _heading(each)
            group = groups.setdefault(heading, Group(heading, []))
            group.fields.append(self[f"answer-{number}"])
        return list(groups.values())


def _heading(asked: AskedAnswer) -> str:
    if asked.item is None:
        return ""
    return _("%(type)s, ticket %(number)d") % {
        "type": asked.item.ticket_type.name,
        "number": asked.place.position,
    }


def _field_of(question: Question) -> forms.Field:
    common: dict[str, Any] = {
        "label": question.label,
        "help_text": question.help_text,
        "required": question.is_required,
    }
    choices = [(choice, choice) for choice in question.choices]
    match question.kind:
        case QuestionKind.TEXT:
            return forms.CharField(max_length=LONGEST_ANSWER, **common)
        case QuestionKind.YES_NO:
            yes_no = [(_YES, _("Yes")), (_NO, _("No"))]
            return forms.ChoiceField(choices=yes_no, widget=forms.RadioSelect, **common)
        case QuestionKind.CHOICES:
            widget = forms.CheckboxSelectMultiple
            return forms.MultipleChoiceField(choices=choices, widget=widget, **common)
        case _:
            return forms.ChoiceField(choices=[("", _("Choose…")), *choices], **common)


def _shown_value(value: Any) -> Any:
    if isinstance(value, bool):
        return _YES if value else _NO
    return value


def _given_value(question: Question, sent: Any) -> Any:
    return _BOOLEANS.get(sent) if question.kind == QuestionKind.YES_NO else sent
