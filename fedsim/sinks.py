"""Listeners that write files: they are told events and know nothing else."""

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from fedsim.events import Aggregated, Event, RoundEnded, RoundStarted, RunStarted
from fedsim.files import storing
from fedsim.records import event_line

Sink = Callable[[Event], None]

COLUMNS = (
    "round", "time", "sampled", "byzantine", "byzantine_weight", "accuracy", "loss", "validation_accuracy",
    "validation_loss", "train_loss", "norm", "distance", "dropped", "late", "caught", "skipped", "digest", "seconds",
)  # fmt: skip
"""Of metrics.csv; only the last is about the wall clock."""


def consume(events: Iterable[Event], *sinks: Sink) -> Event | None:
    """Tell every event to every sink, in the order of the sinks, and give back the last event."""
    event = None
    for event in events:
        for sink in sinks:
            sink(event)
    return event


class Rows:
    """A round's events made into one row of numbers when the round ends."""

    def __init__(self) -> None:
        self._started: RoundStarted | None = None
        self._verdict: Aggregated | None = None

    def __call__(self, event: Event) -> tuple[Any, ...] | None:
        """The finished row, in the order of COLUMNS, or None while a round is under way."""
        if isinstance(event, RoundStarted):
            self._started = event
        elif isinstance(event, Aggregated):
            self._verdict = event
        elif isinstance(event, RoundEnded) and self._started and self._verdict:
            return _row(self._started, self._verdict, event)
        return None


def _row(started: RoundStarted, verdict: Aggregated, ended: RoundEnded) -> tuple[Any, ...]:
    return (
        ended.round, ended.time, len(started.cohort), len(started.byzantine), verdict.byzantine_weight,
        ended.accuracy, ended.loss, ended.validation_accuracy, ended.validation_loss, ended.train_loss, verdict.norm,
        verdict.distance, len(verdict.dropped), len(verdict.late), len(verdict.caught), verdict.skipped, ended.digest,
        round(ended.seconds, 6),
    )  # fmt: skip


def table_rows(events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    """The rows of metrics.csv as dictionaries, with None where a round was not scored."""
    rows = Rows()
    for event in events:
        row = rows(event)
        if row is not None:
            yield dict(zip(COLUMNS, row, strict=True))


def csv_line(row: Iterable[Any]) -> str:
    """One line of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()


class Metrics:
    """Writes events.jsonl, a line an event, and metrics.csv, a line a round, as they happen.

    Lines reach the system when a round ends, so that nothing that was shown is lost with the process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows = Rows()
        with storing(folder):
            self._events: IO[str] = (folder / "events.jsonl").open("a", encoding="utf-8")
            self._table: IO[str] = (folder / "metrics.csv").open("a", encoding="utf-8")
            if self._table.tell() == 0:
                self._table.write(csv_line(COLUMNS))

    def __call__(self, event: Event) -> None:
        """Write the event; a run that goes on has said before that it started."""
        row = self._rows(event)
        if isinstance(event, RunStarted) and self._events.tell() > 0:
            return
        with storing(self._folder):
            self._events.write(event_line(event) + "\n")
            if row is not None:
                self._table.write(csv_line(row))
            if row is not None or not isinstance(event, RoundStarted | Aggregated):
                self._flush()

    def sync(self) -> None:
        """Make what was written survive a loss of power."""
        with storing(self._folder):
            self._flush()
            for file in (self._events, self._table):
                os.fsync(file.fileno())

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
