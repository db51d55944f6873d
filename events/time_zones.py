"""Names of time zones: places that people know, with their offset from UTC."""

from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy

from ticketing.clock import zone_named

_BRAZIL: Final = {
    "America/Sao_Paulo": "Brasília, São Paulo, Rio de Janeiro",
    "America/Bahia": "Salvador",
    "America/Fortaleza": "Fortaleza, Natal, São Luís",
    "America/Recife": "Recife",
    "America/Maceio": "Maceió, Aracaju",
    "America/Belem": "Belém, Macapá",
    "America/Santarem": "Santarém",
    "America/Araguaina": "Palmas, Araguaína",
    "America/Manaus": "Manaus",
    "America/Cuiaba": "Cuiabá",
    "America/Campo_Grande": "Campo Grande",
    "America/Porto_Velho": "Porto Velho",
    "America/Boa_Vista": "Boa Vista",
    "America/Rio_Branco": "Rio Branco",
    "America/Eirunepe": "Eirunepé",
    "America/Noronha": "Fernando de Noronha",
}
_REGIONS: Final = {
    "America": gettext_lazy("Americas"),
    "Europe": gettext_lazy("Europe"),
    "Africa": gettext_lazy("Africa"),
    "Asia": gettext_lazy("Asia"),
    "Atlantic": gettext_lazy("Atlantic Ocean"),
    "Australia": gettext_lazy("Australia"),
    "Pacific": gettext_lazy("Pacific Ocean"),
    "Indian": gettext_lazy("Indian Ocean"),
    "Antarctica": gettext_lazy("Antarctica"),
    "Arctic": gettext_lazy("Arctic"),
}


def time_zone_choices(*, chosen: str, now: datetime) -> list[tuple[Any, list[tuple[str, str]]]]:
    """Return grouped choices, Brazil's first. `chosen` is among them, even if it is an old name."""
    day = now.date()
    groups = [(gettext("Brazil"), [(zone, _label(zone, day)) for zone in _BRAZIL])]
    for region, name in _REGIONS.items():
        zones = [zone for zone in _places() if zone.startswith(f"{region}/")]
        labels = sorted(((zone, _label(zone, day)) for zone in zones), key=lambda one: one[1])
        groups.append((str(name), labels))
    if chosen and all(chosen != zone for _, zones in groups for zone, _ in zones):
        groups.insert(0, (gettext("Other"), [(chosen, _label(chosen, day))]))
    return groups


def name_time_zone(zone: str) -> str:
    """Return the places of a time zone, such as "Manaus" or "Lisbon"."""
    return _BRAZIL.get(zone) or zone.rpartition("/")[2].replace("_", " ")


def name_clock(zone: str) -> str:
    """Return by which clock a time is, such as "Brasília time"."""
    place, _, _ = name_time_zone(zone).partition(",")
    return gettext("%(place)s time") % {"place": place}


def name_clock_of_pages() -> str:
    """Return by which clock the admin shows times that belong to no event."""
    return capfirst(name_clock(settings.PAGES_TIME_ZONE))


# To read a time zone takes longer than to compute with it, and a form offers hundreds.
@lru_cache(maxsize=1024)
def _label(zone: str, day: date) -> str:
    return f"{name_time_zone(zone)} ({_offset(zone, day)})"


def _offset(zone: str, day: date) -> str:
    offset = datetime.combine(day, time(12), zone_named(zone)).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() / 60)
    sign = "−" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


@cache
def _places() -> list[str]:
    """Return the zones of countries, without the old names that mean the same."""
    lines = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text().splitlines()
    zones = [line.split("\t")[2] for line in lines if line and not line.startswith("#")]
    return [zone for zone in zones if zone not in _BRAZIL]
