"""Promo codes with their uses, as rows of a table and as text for people."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.utils import formats
from django.utils.translation import gettext as _

from orders.promo_code import PromoCode
from orders.promo_uses import PromoUses, count_uses
from ticketing.clock import zone_named
from ticketing.money import format_money
from ticketing.tables.columns import Cell, Column, FileFormat, Kind
from ticketing.tables.files import open_table

_CHUNK: Final = 500


def attach_uses(promos: Sequence[PromoCode]) -> None:
    """Count the uses of some promo codes together, for `uses_of`."""
    counted = count_uses([promo.pk for promo in promos])
    for promo in promos:
        vars(promo)["uses"] = counted.get(promo.pk, PromoUses())


def uses_of(promo: PromoCode) -> PromoUses:
    """Return the uses of a promo code, counted by `attach_uses` or now."""
    if "uses" not in vars(promo):
        attach_uses([promo])
    found: PromoUses = vars(promo)["uses"]
    return found


def say_discount(promo: PromoCode) -> str:
    """Return what a promo code gives, in the active language."""
    said = []
    if promo.percent is not None:
        said.append(f"{formats.number_format(promo.percent.normalize() + 0)}%")
    if promo.amount is not None:
        said.append(format_money(promo.amount, promo.event.currency))
    if promo.unlocked_types:
        said.append(_("unlocks hidden types"))
    return " · ".join(said) or "-"


def local_end(promo: PromoCode) -> datetime | None:
    """Return the end of a promo code in the time zone of its event."""
    zone = zone_named(promo.event.timezone)
    return promo.valid_until.astimezone(zone) if promo.valid_until else None


def write_promo_codes(promos: Iterable[PromoCode], *, language: str) -> bytes:
    """Return a CSV file of promo codes, in the notation of a language. It must be active."""
    columns = [
        Column(_("event")),
        Column(_("code")),
        Column(_("note")),
        Column(_("discount")),
        Column(_("uses"), Kind.COUNT),
        Column(_("most uses"), Kind.COUNT),
        Column(_("revenue"), Kind.MONEY),
        Column(_("currency")),
        Column(_("valid from"), Kind.MOMENT),
        Column(_("valid until"), Kind.MOMENT),
        Column(_("active")),
    ]
    table = open_table(FileFormat.CSV, columns, language=language)
    rows = list(promos)
    file = table.begin()
    for start in range(0, len(rows), _CHUNK):
        batch = rows[start : start + _CHUNK]
        attach_uses(batch)
        file += table.write(_row(promo) for promo in batch)
    return file + table.end()


def _row(promo: PromoCode) -> list[Cell]:
    zone, uses = zone_named(promo.event.timezone), uses_of(promo)
    return [
        promo.event.name,
        promo.code,
        promo.note,
        say_discount(promo),
        uses.orders,
        promo.max_uses,
        uses.revenue,
        promo.event.currency,
        promo.valid_from.astimezone(zone) if promo.valid_from else None,
        local_end(promo),
        _("yes") if promo.is_active else _("no"),
    ]
