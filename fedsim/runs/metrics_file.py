"""Listeners that write files: they are told events and know nothing else."""

import csv
from collections.abc import Callable, Iterable, Iterator
from io import StringIO, TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from fedsim.atomic_files import append_to, flush_file, storing
from fedsim.events import Aggregated, Event, RoundEnded, RoundStarted, RunStarted
from fedsim.runs.event_json import event_line

Sink = Callable[[Event], None]

MEANINGS = {
    "round": "the round, from 1",
    "time": "seconds on the simulation's own clock when the round ended",
    "sampled": "clients sampled",
    "byzantine": "those among them that attacked in this round",
    "byzantine_weight": "share of the rule's weight that went to attacking clients, from 0 to 1",
    "accuracy": "share of the test examples classified rightly; empty where the round was not scored",
    "loss": "mean cross-entropy on the test examples, in nats; empty where the round was not scored",
    "validation_accuracy": "the same on the validation examples; empty where there are none",
    "validation_loss": "mean cross-entropy on the validation examples; empty where there are none",
    "train_loss": "mean of the trained clients' losses over their local steps, weighted by their examples",
    "norm": "Euclidean norm of the aggregate",
    "distance": "from the aggregate to the mean of the honest rows; nan where there is none of either",
    "dropped": "sampled clients that never answered",
    "late": "clients whose update missed the round",
    "nonfinite": "clients whose row was not finite and was set aside",
    "skipped": "why the rule could not be applied and the parameters stayed; empty where it was applied",
    "digest": "names the parameters after the round: equal digests, equal parameters to the bit",
    "seconds": "wall clock of the round; the only column that differs between two runs of a scenario",
}
"""Of the columns of metrics.csv, in their order."""
COLUMNS = tuple(MEANINGS)


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
        verdict.distance, len(verdict.dropped), len(verdict.late), len(verdict.nonfinite), verdict.skipped,
        ended.digest, round(ended.seconds, 6),
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
    text = StringIO()
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
            self._events: IO[str] = TextIOWrapper(append_to(folder / "events.jsonl"), "utf-8", newline="")
            self._table: IO[str] = TextIOWrapper(append_to(folder / "metrics.csv"), "utf-8", newline="")
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
