"""The columns of a table, the kinds of their cells, and the formats of a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto

from django.db import models


class FileFormat(models.TextChoices):
    XLSX = "xlsx", "Excel (XLSX)"
    CSV = "csv", "CSV"


class Kind(Enum):
    """What the cells of a column contain. It decides how they are written."""

    TEXT = auto()
    COUNT = auto()
    # A `Decimal` of a currency that another column names.
    MONEY = auto()
    # An aware datetime. It is written as the local time of its own time zone, without the zone.
    MOMENT = auto()


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    kind: Kind = Kind.TEXT


Cell = str | int | Decimal | datetime | None
Row = Sequence[Cell]
