"""Charts as SVG, drawn on the server: stacked columns over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# The units of the drawing. A page stretches it to its own width, so texts stand beside it.
_COLUMN: Final = 10
_GAP: Final = 2
_HEIGHT: Final = 100
# A phone has room for so many labels under the columns.
_MOST_LABELS: Final = 6
# The last color is for the rest.
REST: Final = 5


@dataclass(frozen=True, slots=True)
class Piece:
    """
    A rectangle of a column. `color` is the place of its series.

    `y` and `height` are texts: a template would write numbers with a comma in Portuguese.
    """

    x: int
    y: str
    width: int
    height: str
    color: int


@dataclass(frozen=True, slots=True)
class Column:
    """All of one time: where the pointer finds it, what it says there, and its row of the table."""

    x: int
    label: str
    title: str
    pieces: list[Piece]
    counts: list[int]
    total: int


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    total: int
    color: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart. Most of `labels`, one for each column, are empty: texts need room."""

    width: int
    height: int
    top: int
    columns: list[Column]
    labels: list[str]
    series: list[Series]

    @property
    def middle(self) -> int:
        return self.top // 2

    @property
    def half(self) -> int:
        return self.height // 2

    @property
    def total(self) -> int:
        return sum(series.total for series in self.series)


def draw_columns(times: Sequence[str], series: Mapping[str, Sequence[int]]) -> Chart:
    """
    Draw stacked columns: one for each of `times`, with a piece for each series.

    :param series: counts by the series' name, one for each time. Those after the fifth are drawn
        in one color.
    """
    shown = [
        Series(name, sum(counts), min(place, REST))
        for place, (name, counts) in enumerate(series.items())
    ]
    stacks = list(zip(*series.values(), strict=True)) or [()] * len(times)
    top = _round_up(max((sum(max(0, count) for count in stack) for stack in stacks), default=0))
    columns = [
        _draw_column(place, time, stack, shown, top)
        for place, (time, stack) in enumerate(zip(times, stacks, strict=True))
    ]
    step = -(-len(times) // _MOST_LABELS) or 1
    labels = [time if place % step == 0 else "" for place, time in enumerate(times)]
    return Chart(max(1, len(times)) * _COLUMN, _HEIGHT, top, columns, labels, shown)


def _draw_column(
    place: int, time: str, stack: Sequence[int], series: Sequence[Series], top: int
) -> Column:
    pieces, x, y = [], place * _COLUMN, float(_HEIGHT)
    for count, of in zip(stack, series, strict=True):
        if count > 0:
            height = _HEIGHT * count / top
            y -= height
            pieces.append(
                Piece(x + _GAP // 2, f"{y:.2f}", _COLUMN - _GAP, f"{height:.2f}", of.color)
            )
    parts = [f"{of.name}: {count}" for count, of in zip(stack, series, strict=True) if count]
    return Column(x, time, "\n".join([time, *parts]), pieces, list(stack), sum(stack))


def _round_up(largest: int) -> int:
    """Return the next of 2, 4, 10, 20, 40, 100, …: a top of the scale whose half is whole."""
    power = 1
    while True:
        for step in (2, 4, 10):
            if largest <= step * power:
                return step * power
        power *= 10
