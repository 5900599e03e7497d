"""Listeners that write files: they are told events and know nothing else."""

import csv
from collections.abc import Callable, Iterable, Iterator
from io import StringIO, TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from fedsim.atomic_files import append_to, flush_file, storing
from fedsim.events import Aggregated, Event, RoundStarted, RunStarted
from fedsim.runs.event_json import event_line
from fedsim.runs.rows import Row, Rows

Sink = Callable[[Event], None]
Cell = Callable[[Row], Any]

FIRST_COLUMNS: dict[str, tuple[str, Cell]] = {
    "round": ("the round, from 1", lambda row: row.number),
    "time": ("seconds on the simulation's own clock when the round ended", lambda row: row.time),
    "sampled": ("clients sampled", lambda row: row.cohort),
    "byzantine": ("those among them that attacked in this round", lambda row: row.byzantine),
    "byzantine_weight": (
        "share of the rule's weight that went to attacking clients, from 0 to 1",
        lambda row: row.weight,
    ),
}
"""Columns of metrics.csv before those of the scores: what each means, and its cell in a row."""
LAST_COLUMNS: dict[str, tuple[str, Cell]] = {
    "train_loss": (
        "mean of the trained clients' losses over their local steps, weighted by their examples",
        lambda row: row.train_loss,
    ),
    "norm": ("Euclidean norm of the aggregate", lambda row: row.norm),
    "distance": (
        "from the aggregate to the mean of the honest rows; nan where there is none of either",
        lambda row: row.distance,
    ),
    "dropped": ("sampled clients that never answered", lambda row: row.missing[0]),
    "late": ("clients whose update missed the round", lambda row: row.missing[1]),
    "nonfinite": ("clients whose row was not finite and was set aside", lambda row: row.missing[2]),
    "skipped": (
        "why the rule could not be applied and the parameters stayed; empty where it was applied",
        lambda row: row.skipped,
    ),
    "digest": (
        "names the parameters after the round: equal digests, equal parameters to the bit",
        lambda row: row.digest,
    ),
    "seconds": (
        "wall clock of the round; the only column that differs between two runs of a scenario",
        lambda row: round(row.seconds, 6),
    ),
}
"""Those after the scores. A score has a column under its own name, empty where the round was not scored."""


def column_names(scores: Iterable[str]) -> tuple[str, ...]:
    """The heading of a table of rounds with these scores."""
    return (*FIRST_COLUMNS, *scores, *LAST_COLUMNS)


def consume(events: Iterable[Event], *sinks: Sink) -> Event | None:
    """Tell every event to every sink, in the order of the sinks, and give back the last event."""
    event = None
    for event in events:
        for sink in sinks:
            sink(event)
    return event


class Table:
    """The heading of a table when the run starts, and a line of numbers when a round ends."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._scores: tuple[str, ...] = ()

    def __call__(self, event: Event) -> tuple[Any, ...] | None:
        """What this event adds to the table; None where it adds nothing."""
        row = self._rows(event)
        if isinstance(event, RunStarted):
            self._scores = event.scores
            return column_names(event.scores)
        return self._cells(row) if row else None

    def _cells(self, row: Row) -> tuple[Any, ...]:
        before, after = ([cell(row) for _, cell in part.values()] for part in (FIRST_COLUMNS, LAST_COLUMNS))
        return (*before, *map(row.scores.get, self._scores), *after)


def table_of(events: Iterable[Event]) -> Iterator[tuple[Any, ...]]:
    """The heading and the rows of metrics.csv, with None where a round was not scored."""
    return (line for line in map(Table(), events) if line is not None)


def csv_line(row: Iterable[Any]) -> str:
    """One line of a CSV file."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()


class Metrics:
    """Writes events.jsonl, a line an event, and metrics.csv, a line a round, as they happen.

    Lines reach the system when a round ends, so that nothing that was shown is lost with the process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines = Table()
        with storing(folder):
            self._events: IO[str] = TextIOWrapper(append_to(folder / "events.jsonl"), "utf-8", newline="")
            self._table: IO[str] = TextIOWrapper(append_to(folder / "metrics.csv"), "utf-8", newline="")

    def __call__(self, event: Event) -> None:
        """Write the event; a run that goes on has said before that it started."""
        line = self._lines(event)
        if isinstance(event, RunStarted) and self._events.tell() > 0:
            return
        with storing(self._folder):
            self._events.write(event_line(event) + "\n")
            if line is not None:
                self._table.write(csv_line(line))
            if line is not None or not isinstance(event, RoundStarted | Aggregated):
                self._flush()

    def sync(self) -> None:
        """Make what was written survive a loss of power."""
        with storing(self._folder):
            self._flush()
            for file in (self._events, self._table):
                flush_file(file)

    def close(self) -> None:
        """Close both files."""
        with storing(self._folder), self._table, self._events:
            pass  # both are closed, also where the disk refuses what one of them still held

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _flush(self) -> None:
        self._events.flush()
        self._table.flush()
