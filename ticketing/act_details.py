"""The details of recorded acts as people read them: names, money and local times."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import BooleanField, DateTimeField, DecimalField, Field, Model
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketing.clock import zone_named
from ticketing.models import Act, User
from ticketing.money import format_money

# Decimal columns that are amounts of the row's currency. Others are percentages.
_AMOUNTS: Final = frozenset({"price", "amount", "unit_price", "total"})
# Words of values that are codes, by the name of the detail. A test compares them with the choices
# of the apps, which this module may not import.
WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "role": {
        "owner": gettext_lazy("owner"),
        "manager": gettext_lazy("manager"),
        "finance": gettext_lazy("finance"),
        "door": gettext_lazy("door supervisor"),
        "viewer": gettext_lazy("viewer"),
    },
    "method": {
        "card": gettext_lazy("card"),
        "pix": "Pix",
        "free": gettext_lazy("free"),
        "cash": gettext_lazy("cash"),
        "gift": gettext_lazy("complimentary"),
    },
    "difference": {
        # The amounts beside it say what became of it.
        "refund": "",
        "cash": "",
        "keep": gettext_lazy("difference kept"),
        "waive": gettext_lazy("difference waived"),
    },
    "kind": {
        "attendees": gettext_lazy("attendees"),
        "tickets": gettext_lazy("tickets"),
        "orders": gettext_lazy("orders"),
        "admissions": gettext_lazy("admissions"),
        "ledger": gettext_lazy("ledger"),
    },
    "format": {"xlsx": "Excel (XLSX)", "csv": "CSV"},
    "gate": {"admin": gettext_lazy("admin")},
}
# Of these, the word alone says enough.
_WITHOUT_NAME: Final = frozenset({"method", "difference", "kind", "format", "reason"})


def attach_people(acts: Iterable[Act]) -> None:
    """Read the people whom some acts are about together, for `show_details`."""
    found = list(acts)
    ids = {act.details["user"] for act in found if isinstance(act.details.get("user"), int)}
    people = User.objects.in_bulk(ids) if ids else {}
    for act in found:
        vars(act)["people"] = people


def show_details(act: Act, row: Any) -> str:
    """Return the details of an act as one line. `row` is its subject, or the model of it."""
    details = dict(act.details)
    parts = []
    # Acts before this form of the record have the names of the fields alone.
    if fields := details.pop("fields", None):
        parts.append(", ".join(_name_field(row, name) for name in fields))
    parts += [_show_change(row, change) for change in details.pop("changes", [])]
    if currency := details.pop("currency", None):
        parts += [
            words % {"amount": format_money(Decimal(details.pop(name)), currency)}
            for name, words in _amount_words().items()
            if name in details
        ]
    if tickets := details.pop("tickets", None):
        count = tickets if isinstance(tickets, int) else len(tickets)
        parts.append(ngettext("%(count)d ticket", "%(count)d tickets", count) % {"count": count})
    if (user_id := details.pop("user", None)) is not None:
        parts.append(_name_person(act, user_id))
    parts += _show_others(details)
    return "; ".join(parts)


def _show_others(details: Mapping[str, Any]) -> Iterator[str]:
    for name, value in details.items():
        # An id tells a reader nothing. Pages show what was replaced, scanned or invited elsewhere.
        if not value or _is_id(value):
            continue
        word = WORDS.get(name, {}).get(value, value) if isinstance(value, str) else value
        if isinstance(value, list):
            word = ", ".join(str(each) for each in value)
        if not word:
            continue
        if name == "reason":
            # Some are sentences of ours, others what staff wrote.
            word = _(word)
        yield str(word) if name in _WITHOUT_NAME else f"{_(name)}: {word}"


def _name_person(act: Act, user_id: Any) -> str:
    if "people" not in vars(act):
        attach_people([act])
    person = vars(act)["people"].get(user_id)
    if person is None:
        return _("a person without an account now")
    name = person.get_full_name()
    return f"{name} ({person.get_username()})" if name else str(person.get_username())


def _is_id(value: Any) -> bool:
    try:
        UUID(value)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def _amount_words() -> dict[str, str]:
    """Return what the amounts in the details of acts are, by their names."""
    return {
        "amount": "%(amount)s",
        "returned": _("%(amount)s returned"),
        "cash": _("%(amount)s in cash"),
    }


def _show_change(row: Any, change: Mapping[str, str]) -> str:
    name, of = change["field"], change["of"]
    label = _name_field(row, name)
    if of:
        label = f"{label} ({of})"
    field = _find_field(row, name, of_other=bool(of))
    before, after = (_show_value(row, field, change[side]) for side in ("from", "to"))
    return f"{label}: {before} → {after}"


def _show_value(row: Any, field: "Field[Any, Any] | None", text: str) -> str:
    """Return a recorded value, which is a text, as its field is read."""
    if not text:
        return "–"
    if isinstance(field, BooleanField) or (field is None and text in {"True", "False"}):
        return _("yes") if text == "True" else _("no")
    if isinstance(field, DecimalField):
        return _show_number(row, field, text)
    if field is not None and field.flatchoices:
        return str(dict(field.flatchoices).get(text, text))
    if field is None or isinstance(field, DateTimeField):
        return _show_moment(row, text)
    return text


def _show_number(row: Any, field: "Field[Any, Any]", text: str) -> str:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    currency = getattr(row, "currency", None) or getattr(
        getattr(row, "event", None), "currency", None
    )
    if field.name in _AMOUNTS and isinstance(currency, str):
        return format_money(number, currency)
    return str(formats.number_format(number, use_l10n=True))


def _show_moment(row: Any, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        return text
    return formats.date_format(timezone.localtime(moment, _zone_of(row)), "SHORT_DATETIME_FORMAT")


def _zone_of(row: Any) -> ZoneInfo | None:
    """Return the time zone of an event, or of what belongs to one. None: that of the page."""
    name = getattr(row, "timezone", None) or getattr(getattr(row, "event", None), "timezone", None)
    return zone_named(name) if isinstance(name, str) else None


def _find_field(row: Any, name: str, *, of_other: bool) -> "Field[Any, Any] | None":
    """Return the column of a row, or of the rows that its form shows below it."""
    opts = row._meta  # noqa: SLF001 - the admin's own way
    related = [relation.related_model._meta for relation in opts.related_objects]  # noqa: SLF001 - as above
    for each in [*related, opts] if of_other else [opts, *related]:
        for field in each.concrete_fields:
            if field.name == name:
                return field  # type: ignore[no-any-return]
    return None


def _name_field(row: Model | type[Model], name: str) -> str:
    """Return the label of a form field, or of the rows of an inline formset."""
    opts = row._meta  # noqa: SLF001 - the admin's own way
    for field in opts.get_fields():
        if field.name == name and hasattr(field, "verbose_name"):
            return str(field.verbose_name)
    for relation in opts.related_objects:
        other = relation.related_model._meta  # noqa: SLF001 - as above
        if name in (relation.name, other.model_name):
            return str(other.verbose_name_plural)
    found = _find_field(row, name, of_other=True)
    return _(name) if found is None else str(found.verbose_name)
