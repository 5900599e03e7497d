"""What the listeners of a run cost: the record, the metrics and the live table at ten rounds a second."""

import tempfile
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console

from cli.bench.tables import Column, Table, milliseconds, share
from cli.bench.workloads import WORKLOADS
from cli.display.live import LiveTable
from fedsim.engine import simulate
from fedsim.events import Event, RoundEnded
from fedsim.runs.history import History
from fedsim.runs.metrics_file import Metrics, Sink, consume

PACE = 0.1
"""Seconds of a round."""
COLUMNS = (
    Column("listeners", "listeners"),
    Column("seconds", "processor time a round, ms", milliseconds),
    Column("share", "of ten rounds a second", share),
)


def listening(seconds: float) -> Table:
    """Rounds of the mlp told to each set of listeners at ten a second, and the processor time that this took."""
    rounds = int(seconds / PACE)
    started, *told = _events(rounds)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        alone = _spent(started, told, None, screen=False) / rounds
        for name, screen, files in (("record and metrics", False, True), ("live table", True, False)):
            spent = max(0.0, _spent(started, told, Path(folder) if files else None, screen) / rounds - alone)
            rows.append({"listeners": name, "seconds": spent, "share": spent / PACE})
    note = (
        "The live table is drawn on a terminal of 120 × 40, five times a second, by a clock of its own. The same "
        "rounds with nobody listening are taken off."
    )
    return Table("around", "Events: what listening costs", COLUMNS, rows, (note,))


def _events(rounds: int) -> list[Event]:
    """The events of a run of so many rounds."""
    told: list[Event] = []
    with simulate(WORKLOADS["mlp"].scenario()) as events:
        for event in events:
            told.append(event)
            if isinstance(event, RoundEnded) and event.round == rounds:
                break
    return told


def _spent(started: Event, told: list[Event], folder: Path | None, screen: bool) -> float:
    """Processor seconds of the listeners while the rounds pass at their pace."""
    history: History = History()
    wall = Console(file=StringIO(), force_terminal=True, width=120, height=40)
    metrics = Metrics(folder) if folder else None
    with LiveTable(wall, history) as table:
        shown: list[Sink] = [history, table] if screen else []
        sinks: list[Sink] = [*([metrics] if metrics else []), *shown]
        consume([started], *sinks)
        begin = time.process_time()
        for round in _paced(told):
            consume(round, *sinks)
        spent = time.process_time() - begin
    if metrics:
        metrics.close()
    return spent


def _paced(events: list[Event]) -> Iterator[list[Event]]:
    """The events of one round after another, each when its time has come."""
    due, round = time.perf_counter(), []
    for event in events:
        round.append(event)
        if isinstance(event, RoundEnded):
            yield round
            due, round = due + PACE, []
            time.sleep(max(0.0, due - time.perf_counter()))
