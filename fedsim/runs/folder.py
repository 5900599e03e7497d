"""A run's folder: claimed by one run at a time, never written over by another scenario, and always continuable."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from safetensors.numpy import save

from fedsim.array_types import Array
from fedsim.atomic_files import flush_folder, part_of, read_plain, remove, storing, sweep, write_lines, write_whole
from fedsim.errors import ResultsConflict
from fedsim.events import Event, RoundEnded, RunEnded, RunStarted
from fedsim.runs.checkpoints import checkpoints, load_checkpoint, prune_checkpoints, save_checkpoint
from fedsim.runs.code_record import clear_code, other_code, recorded_code, write_code
from fedsim.runs.event_json import recorded, round_digests
from fedsim.runs.event_matching import apart, check_record
from fedsim.runs.fork_file import clear_origin, read_fork
from fedsim.runs.inventory import (
    CHECKPOINTS,
    CODE,
    EVENTS,
    EXPORTS,
    FIGURE,
    FILES,
    FOLDERS,
    METRICS,
    MODEL,
    OURS,
    REPORT,
    SCENARIO,
    SUMMARY,
    TRACKED,
    check_kinds,
)
from fedsim.runs.ledger_totals import Totals
from fedsim.runs.lock import lock_folder
from fedsim.runs.metrics_file import csv_line, table_of
from fedsim.runs.partition_file import read_partition
from fedsim.runs.reading import MOST_SCENARIO, read_scenario, read_tracked
from fedsim.runs.recorded_updates import prune_updates
from fedsim.runs.summary_file import asked, finished, read_summary, recorded_settings, summary_text, unfinished
from fedsim.scenario.load import describes, dump_scenario, scenario_digest
from fedsim.scenario.sections import Scenario
from fedsim.simulation.state import State

Status = Literal["new", "partial", "finished"]


def folder_of(scenario: Scenario) -> Path:
    """Where a scenario's results go unless told otherwise."""
    return Path(scenario.output.folder) / f"{scenario.name}-{scenario_digest(scenario)[:8]}"


class RunFolder:
    """A results folder held by this process until closed."""

    def __init__(self, path: Path, scenario: Scenario, lock: int, status: Status, made: tuple[Path, ...] = ()) -> None:
        self.path, self.scenario, self.status = path, scenario, status
        self.made = made  # the folders that were not there before, innermost first
        self.other_code = other_code(path, scenario) if status != "new" else ""  # what made it, if not the present code
        self.fork = read_fork(path)  # what it goes on from, of a fork
        self.notes: list[str] = []  # what a person should know: damaged checkpoints that were passed over
        self._lock = lock

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others have the folder."""
        os.close(self._lock)

    def clear(self) -> None:
        """Forget the results in the folder, and only what a run puts there."""
        check_kinds(self.path)
        prune_checkpoints(self.path / CHECKPOINTS, 0)
        prune_updates(self.path, 0)
        with storing(self.path):
            clear_code(self.path)
            clear_origin(self.path)
            for name in reversed(OURS):  # the scenario last: without it nobody would know whose the rest is
                if name not in (*FOLDERS, CODE):
                    remove(self.path / name)
        self.status, self.other_code = "new", ""

    def discard(self) -> None:
        """Leave the disk as it was before a run that came to nothing."""
        self.clear()
        with storing(self.path):
            for path in self.made:
                if any(path.iterdir()):
                    return
                path.rmdir()

    def begin(self) -> State | None:
        """Make the folder ready and give the state to go on from, or None to start at the first round.

        Whatever was written after that state is cut off: a run goes on as if it had never been interrupted.
        """
        check_record(self.path, self.scenario)
        for name in OURS:
            sweep(self.path, name)
        for name in FILES:
            sweep(self.path / name, "round-*")
        if not (self.path / SCENARIO).exists():
            write_whole(self.path / SCENARIO, dump_scenario(self.scenario).encode())
        if recorded_code(self.path) is None or self.other_code:
            write_code(self.path, self.scenario)
        if not flush_folder(self.path):
            self.notes.append("this disk does not flush folders: a loss of power may cost the newest rounds")
        state = self._newest_state()
        if state is None and self.fork:
            raise ResultsConflict(f"{self.path}: no checkpoint of this fork is whole; fork {self.fork.run} again")
        self._cut(state.round if state else 0)
        self._write_summary(unfinished("running"))
        return state

    def checkpoint(self, state: State) -> None:
        """Keep the state of a round of the schedule."""
        save_checkpoint(self.path / CHECKPOINTS, state)
        self._prune()

    def interrupted(self, state: State | None, status: str = "interrupted") -> None:
        """Keep the last whole round of a run that ends early."""
        if state is not None and state.round > 0:
            save_checkpoint(self.path / CHECKPOINTS, state)
            self._cut(state.round)
        self._write_summary(unfinished(status, state.round if state else 0))

    def finish(
        self, started: RunStarted, ended: RunEnded, model: Mapping[str, Array], ledger: Totals, who: Mapping[str, Any]
    ) -> None:
        """Write the model and the summary of a whole run, and leave only the checkpoints of its schedule."""
        write_whole(self.path / MODEL, model_bytes(model))
        self._prune()
        told = ledger.summary(read_partition(self.path))
        self._write_summary(finished(started, ended, told), {"seconds": ended.seconds} | dict(who))
        self.status = "finished"

    def _newest_state(self) -> State | None:
        from fedsim.training.flat import digest

        digests = round_digests(self.path / EVENTS)
        for path in checkpoints(self.path / CHECKPOINTS):
            try:
                state = load_checkpoint(path)
            except ResultsConflict as error:
                self.notes.append(f"{error}; using the one before")
                continue
            if digest(state.parameters) in digests[state.round - 1 : state.round]:
                return state
            self.notes.append(f"{EVENTS} does not lead to checkpoint {path.name}; using the one before")
        return None

    def _prune(self) -> None:
        output, start = self.scenario.output, (self.fork.at,) if self.fork else ()
        prune_checkpoints(self.path / CHECKPOINTS, output.checkpoint_every, kept_of(self.scenario), start)

    def _cut(self, round: int) -> None:
        """Leave the events of whole rounds up to this one and what belongs to them; the table is made anew."""
        prune_updates(self.path, round)
        write_lines(self.path / EVENTS, (line for line, _ in _up_to(round, recorded(self.path / EVENTS))))
        write_lines(self.path / METRICS, table_lines(event for _, event in _up_to(round, recorded(self.path / EVENTS))))

    def _write_summary(self, body: dict[str, Any], wall: dict[str, Any] | None = None) -> None:
        write_whole(self.path / SUMMARY, summary_text(asked(self.scenario) | body, wall).encode())


def kept_of(scenario: Scenario) -> int | None:
    """How many checkpoints of the schedule stay; None means all of them."""
    kept = scenario.output.checkpoints_kept
    return None if kept == "all" else kept


def table_lines(events: Iterable[Event]) -> Iterator[bytes]:
    """The lines of metrics.csv that these events make."""
    return (csv_line(line).encode() for line in table_of(events))


def model_bytes(model: Mapping[str, Array]) -> bytes:
    """The file of the final parameters."""
    data: bytes = save(dict(model))
    return data


def claim(scenario: Scenario, path: Path | None = None, *, fork: bool = False) -> RunFolder:
    """Hold the folder for a scenario's results, made if need be.

    ResultsConflict when another process holds it, or when it holds anything but results of this very scenario: those
    of a fork are not, unless one is meant. A folder given as a link is the folder that the link leads to now, whatever
    becomes of the link.
    """
    path = path or folder_of(scenario)
    path = path.resolve() if path.is_symlink() else path
    made = tuple(folder for folder in (path, *path.parents) if not folder.exists())
    with storing(path):
        path.mkdir(parents=True, exist_ok=True)
    lock = lock_folder(path)
    try:
        if not fork and (found := read_fork(path)):
            raise ResultsConflict(f"{path} holds a fork of {found.run} after round {found.at}; choose another --out")
        return RunFolder(path, scenario, lock, _status(path, scenario), made)
    except BaseException:
        os.close(lock)
        raise


def reopen(path: Path, *, kept_code: bool = False) -> RunFolder:
    """Hold the folder of a run that was begun before, with its own scenario."""
    scenario, note = read_tracked(path, kept_code=kept_code)
    check_record(path, scenario)
    folder = claim(scenario, path, fork=True)
    folder.notes += [note] if note else []
    return folder


def _up_to(round: int, record: Iterable[tuple[bytes, Event]]) -> Iterator[tuple[bytes, Event]]:
    """The events of whole rounds up to this one."""
    for line, event in record if round else ():
        yield line, event
        if isinstance(event, RoundEnded) and event.round == round:
            return


def _status(path: Path, scenario: Scenario) -> Status:
    present = {entry.name for entry in path.iterdir()} - {FIGURE, REPORT, EXPORTS, *TRACKED, *map(part_of, OURS)}
    if not present:
        check_kinds(path)
        return "new"
    if SCENARIO not in present:
        raise ResultsConflict(f"{path} is not empty and is no results folder; choose another --out")
    different = _different(path, scenario)
    if different:
        raise ResultsConflict(f"{path} holds the results of another scenario: {different}; choose another --out")
    return "finished" if read_summary(path).get("status") == "finished" else "partial"


def _different(path: Path, scenario: Scenario) -> str:
    """The settings that differ between the folder's scenario and this one, in words."""
    check_kinds(path)
    with suppress(OSError, UnicodeDecodeError):
        if describes(read_plain(path / SCENARIO, MOST_SCENARIO).decode(), scenario):
            return ""
    return apart(recorded_settings(read_scenario(path)), recorded_settings(scenario))
