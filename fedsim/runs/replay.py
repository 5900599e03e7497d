"""The record of a run and the same rounds played again, side by side."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fedsim.array_types import Progress
from fedsim.atomic_files import kind_of
from fedsim.errors import ResultsConflict
from fedsim.events import Aggregated, Event, RoundEnded, Scores, bits
from fedsim.runs.checkpoints import ARRAYS, REST, checkpoint_files, checkpoints, load_checkpoint
from fedsim.runs.consistency import ABSENT, Difference, same_bytes
from fedsim.runs.event_json import event_line, event_of, lines_of
from fedsim.runs.inventory import CHECKPOINTS, EVENTS, UPDATES
from fedsim.runs.recorded_updates import RoundRecord, name_of, updates_files
from fedsim.simulation.state import State

if TYPE_CHECKING:
    from fedsim.runs.course import Course

MOST_SHOWN = 60
PHASES = {
    "RunStarted": "set-up",
    "RoundStarted": "sampling",
    "BatchTrained": "training",
    "UpdatesForged": "attack",
    "Aggregated": "aggregation",
    "RoundEnded": "scoring",
    "RunEnded": "closing",
}


class Replay:
    """The record and the same rounds played again, side by side."""

    def __init__(self, folder: Path, simulation: "Course", finished: bool, progress: Progress) -> None:
        self.events = self.played = 0
        self.checkpoints: set[int] = set()  # rounds whose checkpoints were compared
        self.cut = False  # whether the record ends within a line
        self._folder, self._simulation, self._progress = folder, simulation, progress
        self._finished, self._next, self._lines = finished, b"", lines_of(folder / EVENTS)

    def all(self) -> Iterator[Difference]:
        """The whole record; an unfinished one may end anywhere."""
        for now in self._simulation:
            line = self._line()
            if not line and not self._finished:
                return
            if not line.endswith(b"\n") and not self._finished:
                self.cut = True
                if not _is_start(line, now):
                    yield Difference(_round(now), PHASES[type(now).__name__], "", _text(line), type(now).__name__)
                return
            different = self._compared(line, now)
            yield from different
            if any(each.file == EVENTS for each in different):
                return
        line = self._line()
        if line:
            yield Difference(0, PHASES["RunEnded"], "", _text(line), ABSENT)

    def spans(self, spans: Sequence[tuple[int, int]]) -> Iterator[Difference]:
        """These rounds, ascending, each span from the nearest state before it."""
        yield from self._compared(self._line(), next(self._simulation))
        for first, last in spans:
            self._go_to(first)
            while self._done < last:
                different = self._compared(self._line(), next(self._simulation))
                yield from different
                if any(each.file == EVENTS for each in different):
                    return

    @property
    def _done(self) -> int:
        return self._simulation.state.round if self._simulation.state else 0

    def _go_to(self, first: int) -> None:
        """Take up the newest good state before a round, unless the present one is newer, and its place on record."""
        state = state_before(self._folder, first)
        if state is not None and state.round > self._done:
            self._simulation.state = state
        while (line := self._line()) and 0 < _round(event_of(line)) <= self._done:
            pass
        self._next = line

    def _line(self) -> bytes:
        line, self._next = self._next or next(self._lines, b""), b""
        return line

    def _compared(self, line: bytes, now: Event) -> list[Difference]:
        """What differs between a line and an event, and between the checkpoint and the state when a round ends."""
        self._progress("verifying", _round(now), self._simulation.scenario.rounds)
        self.events += 1
        different = _difference(line, now)
        if different:
            return [different]
        if isinstance(now, Aggregated):
            return list(self._in_updates(now.round))
        if isinstance(now, RoundEnded):
            self.played += 1
            return list(self._in_checkpoint(now.round))
        return []

    def _in_updates(self, round: int) -> Iterator[Difference]:
        """What was recorded of the rows, against those of the round that is played."""
        name, state, received = f"{UPDATES}/{name_of(round)}", self._simulation.state, self._simulation.received
        if state is None or received is None or kind_of(self._folder / name) != "a folder":
            return
        for file, wanted in updates_files(RoundRecord(received, state.parameters, state.previous)).items():
            if not same_bytes(self._folder / name / file, wanted):
                yield Difference(round, "aggregation", file, "other bytes", "what the rule was given", name)
                return

    def _in_checkpoint(self, round: int) -> Iterator[Difference]:
        name, state = f"{CHECKPOINTS}/round-{round:08d}", self._simulation.state
        if state is None or kind_of(self._folder / name) != "a folder":
            return
        self.checkpoints.add(round)
        arrays, rest = checkpoint_files(state)
        for file, wanted in ((REST, rest), (ARRAYS, arrays)):
            if not same_bytes(self._folder / name / file, wanted):
                yield Difference(round, "checkpoint", file, "other bytes", "the state after this round", name)
                return


def state_before(folder: Path, first: int) -> State | None:
    """The newest good state before a round; None means the beginning."""
    for path in checkpoints(folder / CHECKPOINTS, at_most=first - 1):
        try:
            return load_checkpoint(path)
        except ResultsConflict:
            continue
    return None


def _difference(line: bytes, now: Event) -> Difference | None:
    """Where a line on record is not the event's, but for the wall clock."""
    before, round, phase = event_of(line), _round(now), PHASES[type(now).__name__]
    if before is None or type(before) is not type(now):
        there = _text(line) if before is None else type(before).__name__
        return Difference(round, phase, "", there, type(now).__name__)
    changed = [name for (name, old), (_, new) in zip(bits(before), bits(now), strict=True) if old != new]
    if not changed:
        return None
    return Difference(round, phase, *_apart(changed[0], getattr(before, changed[0]), getattr(now, changed[0])))


def _apart(field: str, recorded: object, now: object) -> tuple[str, object, object]:
    """The field with both of its values; of scores by the same names only the first that differs."""
    if isinstance(recorded, Scores) and isinstance(now, Scores) and tuple(recorded) == tuple(now):
        name = next(name for name in now if repr(recorded[name]) != repr(now[name]))
        return f"{field}.{name}", recorded[name], now[name]
    return field, recorded, now


def _is_start(line: bytes, now: Event) -> bool:
    """Whether a line that was cut short is the beginning of the event's, as far as the wall clock."""
    wanted = event_line(now).encode()
    known = wanted.rpartition(b',"wall":')[0] or wanted
    return line[: len(known)] == known[: len(line)]


def _round(event: Event | None) -> int:
    return getattr(event, "round", 0)


def _text(line: bytes) -> str:
    return line[:MOST_SHOWN].decode(errors="replace").strip() or ABSENT
