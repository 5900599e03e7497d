"""What a benchmark found: rows of plain values, shown on a screen, in a file and as JSON."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich import box
from rich.table import Table as Screen
from rich.text import Text

from fedsim.scenario.toml_values import NOTHING

Row = dict[str, Any]
Show = Callable[[Any], str]


class Column(NamedTuple):
    """A key of the rows, its heading, and how its values are shown."""

    key: str
    heading: str
    show: Show = str


@dataclass(frozen=True)
class Table:
    """One table of a section."""

    section: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def cells(self) -> Iterator[list[str]]:
        """Each row as it is shown; what was not measured is a dash."""
        for row in self.rows:
            values = [row.get(column.key) for column in self.columns]
            yield [NOTHING if v is None else c.show(v) for c, v in zip(self.columns, values, strict=True)]


def screen(table: Table) -> Screen:
    """The table for a terminal."""
    drawn = Screen(title=Text(table.title, "bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(table.columns):
        drawn.add_column(column.heading, justify="right" if place else "left")
    for cells in table.cells():
        drawn.add_row(*cells)
    return drawn


def plain(table: Table) -> Iterator[str]:
    """The table in aligned columns, for pipes: never folded, whatever the width."""
    lines = [[column.heading for column in table.columns], *table.cells()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    yield table.title
    for first, *others in lines:
        rest = "".join(f"  {cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        yield f"  {first:<{widths[0]}}{rest}".rstrip()


def markdown(table: Table) -> Iterator[str]:
    """The table for a file that people read."""
    yield from (f"### {table.title}", "")
    yield "| " + " | ".join(column.heading for column in table.columns) + " |"
    yield "|---|" + "--:|" * (len(table.columns) - 1)
    yield from ("| " + " | ".join(cells) + " |" for cells in table.cells())
    for note in table.notes:
        yield from ("", note)


def record(table: Table) -> Row:
    """The table as plain JSON."""
    return {
        "section": table.section,
        "title": table.title,
        "columns": {column.key: column.heading for column in table.columns},
        "rows": list(table.rows),
        "notes": list(table.notes),
    }


def times(value: float) -> str:
    """A ratio: `3.41×`."""
    return f"{value:.0f}×" if value >= 100 else f"{value:.3g}×" if value >= 10 else f"{value:.2f}×"  # noqa: PLR2004


def milliseconds(value: float) -> str:
    """Seconds, shown as milliseconds."""
    shown = 1e3 * value
    return f"{shown:,.0f}" if shown >= 100 else f"{shown:.3g}"  # noqa: PLR2004


def share(value: float) -> str:
    """A part of a whole: `4.2 %`."""
    return f"{value:.1%}".replace("%", " %")


def tiny(value: float) -> str:
    """A difference: `3.1e-07`."""
    return f"{value:.1e}"


def megabytes(value: float) -> str:
    """Bytes, shown in megabytes."""
    return f"{value / 1e6:,.0f}"
