"""What a report says, as plain values: who draws, lays out and exports it knows nothing of runs.

A picture always has the table of its numbers behind it, so that whoever cannot see it can read it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fedsim.scenario.toml_values import NOTHING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Form = Literal["word", "count", "share", "number", "seconds"]
"""How the numbers of a column are written: three decimals of a share, three or four digits of any other number."""
LARGEST_PLAIN = 1000
"""Numbers from here on are written with an exponent."""
MOST_ROWS = 200
"""Rows of a table on the page; a longer one is thinned out evenly, and says so."""
LONG_TABLE_ROWS = 80
"""Those of a table that few will read to its end: every round, or what lies behind a figure."""


class Told(NamedTuple):
    """A cell that shows more than its number: `0.906 ±0.011`."""

    text: str
    value: float | None


Cell = str | int | float | bool | None | Told


class Column(NamedTuple):
    """A column's heading, how its numbers are written and what they are."""

    name: str
    form: Form = "word"
    meaning: str = ""


@dataclass(frozen=True)
class Table:
    """A table with what must be said below it."""

    name: str  # of its files
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    shades: tuple[tuple[str, ...], ...] = ()  # a colour behind each cell, or ""
    all_rows: tuple[tuple[Cell, ...], ...] = ()  # for files, where the page shows fewer
    folded: bool = False
    records: tuple[Mapping[str, Any], ...] = ()  # the same for CSV and Parquet, where that is more than what is shown

    @property
    def whole(self) -> tuple[tuple[Cell, ...], ...]:
        """Every row."""
        return self.all_rows or self.rows


class Key(NamedTuple):
    """An entry of a legend; its place gives colour and dashes."""

    text: str
    place: int


@dataclass(frozen=True)
class Picture:
    """A figure: how it is drawn, what it shows in words, and its numbers."""

    name: str  # of its files
    title: str
    description: str
    draw: Callable[[], "Figure"]
    table: Table
    keys: tuple[Key, ...] = ()
    notes: tuple[str, ...] = ()
    as_table: bool = False  # on the page its table, shaded, says it better


@dataclass(frozen=True)
class Listing:
    """Text that stays as it is: a file, or commands."""

    name: str
    title: str
    text: str
    folded: bool = False


@dataclass(frozen=True)
class Words:
    """A paragraph, or points below one another."""

    text: str = ""
    points: tuple[str, ...] = ()


Part = Table | Picture | Listing | Words


@dataclass(frozen=True)
class Section:
    """A part of a report under one heading."""

    name: str
    title: str
    parts: tuple[Part, ...]


class Fact(NamedTuple):
    """A number that stands at the head, and what it is."""

    name: str
    value: str
    meaning: str


class Notice(NamedTuple):
    """What must be known before anything else is read."""

    kind: Literal["note", "warning"]
    text: str


@dataclass(frozen=True)
class Report:
    """A whole report."""

    kind: Literal["run", "comparison", "study"]
    title: str
    question: str
    notices: tuple[Notice, ...]
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]

    @property
    def pictures(self) -> list[Picture]:
        """Every figure, in order."""
        return [part for section in self.sections for part in section.parts if isinstance(part, Picture)]

    @property
    def tables(self) -> list[Table]:
        """Every table, those behind figures too, in order."""
        found = []
        for section in self.sections:
            for part in section.parts:
                found += [part] if isinstance(part, Table) else [part.table] if isinstance(part, Picture) else []
        return list({table.name: table for table in found}.values())


def shown(cell: Cell, form: Form = "word") -> str:
    """A cell as it is written."""
    if isinstance(cell, Told):
        return cell.text
    if cell is None or cell == "":
        return NOTHING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    return _number(cell, form)


def value_of(cell: Cell) -> str | int | float | bool | None:
    """A cell in full, for files and for sorting."""
    return cell.value if isinstance(cell, Told) else cell


def thinned(table: Table, most: int = MOST_ROWS) -> Table:
    """The table with no more rows than a page bears, evenly chosen, the first and the last among them."""
    places = evenly(len(table.rows), most)
    if len(places) == len(table.rows):
        return table
    note = f"{len(places):,} of {len(table.rows):,} rows are shown, evenly chosen; the exported table holds all"
    rows = tuple(table.rows[place] for place in places)
    shades = tuple(table.shades[place] for place in places) if table.shades else ()
    return replace(table, rows=rows, notes=(*table.notes, note), shades=shades, all_rows=table.rows)


def evenly(count: int, most: int) -> Sequence[int]:
    """Places from the first to the last, no more than so many."""
    if count <= most:
        return range(count)
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]


def _number(value: float, form: Form) -> str:
    if form == "count" and math.isfinite(value):
        return f"{value:,.0f}"
    if form == "share":
        return f"{value:.3f}"
    if form == "seconds":
        return f"{value:,.2f}"
    if not math.isfinite(value) or isinstance(value, int):
        return f"{value}"
    large = abs(value) >= LARGEST_PLAIN or 0 < abs(value) < 1 / LARGEST_PLAIN
    return f"{value:.2e}" if large else f"{value:.3f}"
