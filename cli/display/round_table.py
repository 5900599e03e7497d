"""The table of rounds: which columns fit, and one row of fixed width for each round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.display.formatting import magnitude, reading, score, weight
from fedsim.events import RunStarted
from fedsim.metrics.contract import STANDARD_SCORES, VALIDATION, reading_of
from fedsim.runs.rows import Row

GAP = "   "
LOST_MARK = "▲"
ROUND = 5
"""Least width of the column of round numbers."""

Cell = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, a width, and what stands below it."""

    heading: str
    width: int
    cell: Cell

    @classmethod
    def of(cls, heading: str, width: int, cell: Cell) -> "Column":
        """A column at least as wide as its heading."""
        return cls(heading, max(width, len(heading)), cell)


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of one run, chosen once so that nothing moves."""

    columns: tuple[Column, ...]
    width: int  # of the screen; rows are never longer

    def heading(self) -> str:
        """The line above the rows."""
        return self._line([column.heading for column in self.columns])

    def line(self, row: Row) -> str:
        """One round; a skipped one says why in place of its numbers."""
        cells = [column.cell(row) for column in self.columns]
        if not row.skipped:
            return self._line(cells)
        told = self._line(cells[:3])
        return f"{told}{GAP}skipped: {row.skipped}"[: self.width]

    def _line(self, cells: Sequence[str]) -> str:
        padded = (f"{cell:>{column.width}}" for cell, column in zip(cells, self.columns, strict=False))
        return f" {GAP.join(padded)}"[: self.width].rstrip()


def table_for(started: RunStarted, width: int) -> Table:
    """The columns every screen has, and as many more as the width allows: first the scores that were chosen."""
    before, after = _always(started), [_SECONDS]
    for columns, more in ((before, _chosen(started)), (after, _wide(started))):
        for column in more:
            if 1 + sum(each.width + len(GAP) for each in (*before, *after, column)) - len(GAP) <= width:
                columns.append(column)
    return Table((*before, *after), width)


def _always(started: RunStarted) -> list[Column]:
    sampled = min(started.sampled, started.population)
    return [
        Column.of("round", max(ROUND, len(str(started.rounds))), lambda row: str(row.number)),
        Column.of("time", 8, lambda row: f"{row.time:.1f}"),
        Column.of("Byzantine", len(f"{sampled} of {sampled}"), lambda row: f"{row.byzantine} of {row.cohort}"),
        Column.of("weight on Byz.", 14, _weight),
        Column.of("accuracy", 8, lambda row: score(row.accuracy)),
        Column.of("loss", 8, lambda row: magnitude(row.loss)),
    ]


_SECONDS = Column.of("s", 6, lambda row: f"{row.seconds:.1f}" if row.seconds >= 1 else f"{row.seconds:.2f}")


def _chosen(started: RunStarted) -> list[Column]:
    """The scores on test examples that were asked for."""
    return [_scored(name) for name in started.scores if name not in STANDARD_SCORES and not name.startswith(VALIDATION)]


def _scored(name: str, heading: str = "") -> Column:
    found = reading_of(name)
    return Column.of(heading or found.words, 8, lambda row: reading(row.scores.get(name), found.form))


def _wide(started: RunStarted) -> list[Column]:
    validation = [name for name in started.scores if name == "validation_accuracy"]
    return [
        *(_scored(name, "validation") for name in validation),
        Column.of("training loss", 8, lambda row: magnitude(row.train_loss)),
        Column.of("norm", 8, lambda row: magnitude(row.norm)),
        Column.of("off honest mean", 8, lambda row: magnitude(row.distance)),
        Column.of("absent", 20, lambda row: absent(row.missing)),
    ]


def _weight(row: Row) -> str:
    return f"{weight(row.weight)} {LOST_MARK if row.lost else ' '}    "


def absent(missing: tuple[int, int, int]) -> str:
    """Who was sampled and did not count, in words: `2 gone, 1 late`."""
    words = ("gone", "late", "not finite")
    return ", ".join(f"{count} {word}" for count, word in zip(missing, words, strict=True) if count)
