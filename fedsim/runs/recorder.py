"""What is kept of a run while it goes on: its files first, then its state, in a folder that this process holds."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fedsim.atomic_files import kind_of
from fedsim.events import Aggregated, Event, RoundEnded, RunEnded, RunStarted
from fedsim.runs.event_matching import check_data
from fedsim.runs.folder import RunFolder
from fedsim.runs.inventory import PARTITION
from fedsim.runs.ledger import Ledger
from fedsim.runs.ledger_totals import Totals
from fedsim.runs.metrics_file import Metrics
from fedsim.runs.partition_file import write_partition
from fedsim.runs.reading import events_of
from fedsim.runs.recorded_updates import RoundRecord, check_room, is_recorded, write_updates

if TYPE_CHECKING:
    from fedsim.engine import Simulation


class Recorder:
    """A sink that writes a run's files and checkpoints, and adds up its ledger; without a folder it keeps no file."""

    def __init__(self, folder: RunFolder | None, simulation: "Simulation") -> None:
        self.folder, self.simulation = folder, simulation
        self._metrics = Metrics(folder.path) if folder else None
        self._started: RunStarted | None = None
        self._ledger = Ledger(simulation.scenario, folder.fork.at if folder and folder.fork else 0)
        self.totals = Totals()  # of all rounds so far, those before an interruption among them

    def __call__(self, event: Event) -> None:
        """Write the event, and after a round of the schedule the state."""
        if isinstance(event, RunStarted) and self.folder:
            self._follow(events_of(self.folder.path))
        self._follow([event])
        if self.folder is None or self._metrics is None:
            return
        if isinstance(event, RunStarted):
            check_data(self.folder.path, event)
            state = self.simulation.state
            check_room(self.folder.path, self.folder.scenario, event, state.round if state else 0)
            self._partition(self.folder.path)
            self._started = event
        elif isinstance(event, Aggregated):
            self._updates(event.round, self.folder)
        self._metrics(event)
        if isinstance(event, RoundEnded):
            self._checkpoint(event, self.folder, self._metrics)
        elif isinstance(event, RunEnded) and self._started:
            self._metrics.sync()
            machines = self.simulation.machines()
            self.folder.finish(self._started, event, self.simulation.model(), self.totals, machines)

    def broken_off(self, status: str) -> None:
        """Keep the last whole round of a run that ends early; one that failed before there was any leaves nothing."""
        self.close()
        if self.folder is None:
            return
        state = self.simulation.state
        if status == "failed" and self.folder.status == "new" and (state is None or state.round == 0):
            self.folder.discard()
        else:
            self.folder.interrupted(state, status)

    def close(self) -> None:
        """Close the files."""
        if self._metrics:
            self._metrics.close()

    def _follow(self, events: Iterable[Event]) -> None:
        for page in map(self._ledger, events):
            if page is not None:
                self.totals.add(page)

    def _partition(self, path: Path) -> None:
        """Say who holds what, once."""
        federation = self.simulation.federation
        if federation is not None and not kind_of(path / PARTITION):
            write_partition(path, federation)

    def _updates(self, round: int, folder: RunFolder) -> None:
        """Keep what the rule was given, where the scenario asks for it; the state is still that before the round."""
        received, state = self.simulation.received, self.simulation.state
        if is_recorded(folder.scenario.output, round) and received is not None and state is not None:
            write_updates(folder.path, round, RoundRecord(received, state.parameters, state.previous))

    def _checkpoint(self, event: RoundEnded, folder: RunFolder, metrics: Metrics) -> None:
        every = folder.scenario.output.checkpoint_every
        if every and event.round % every == 0 and self.simulation.state:
            metrics.sync()  # a checkpoint is never ahead of the events that led to it
            folder.checkpoint(self.simulation.state)
