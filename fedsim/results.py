"""A run's folder: claimed by one run at a time, never written over by another scenario, and always continuable.

scenario.toml     the resolved scenario
events.jsonl      every event, one a line
metrics.csv       one line a round
summary.json      the numbers at the end, versions and host
checkpoints/      state.json and state.safetensors after some rounds
model.safetensors the final parameters under the model's own names
accuracy.png      drawn by the terminal
"""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from safetensors.numpy import save

from fedsim.arrays import Array
from fedsim.checkpoints import checkpoints, load_checkpoint, prune_checkpoints, save_checkpoint
from fedsim.errors import ResultsConflict, ScenarioError
from fedsim.events import Event, RoundEnded, RunEnded, RunStarted
from fedsim.files import part_of, storing, sweep, write_whole
from fedsim.loading import dump_scenario, load_scenario, scenario_digest
from fedsim.provenance import host, versions
from fedsim.records import event_record, recorded, round_digests, whole_lines
from fedsim.scenario import Scenario
from fedsim.sinks import COLUMNS, Rows, csv_line
from fedsim.state import State

SCENARIO, EVENTS, METRICS, SUMMARY = "scenario.toml", "events.jsonl", "metrics.csv", "summary.json"
CHECKPOINTS, MODEL, FIGURE = "checkpoints", "model.safetensors", "accuracy.png"
OURS = (SCENARIO, EVENTS, METRICS, SUMMARY, CHECKPOINTS, MODEL, FIGURE)

Status = Literal["new", "partial", "finished"]


def folder_of(scenario: Scenario) -> Path:
    """Where a scenario's results go unless told otherwise."""
    return Path(scenario.output.folder) / f"{scenario.name}-{scenario_digest(scenario)[:8]}"


class RunFolder:
    """A results folder held by this process until closed."""

    def __init__(self, path: Path, scenario: Scenario, lock: int, status: Status, made: tuple[Path, ...] = ()) -> None:
        self.path, self.scenario, self.status = path, scenario, status
        self.made = made  # the folders that were not there before, innermost first
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
        with storing(self.path):
            for name in reversed(OURS):  # the scenario last: without it nobody would know whose the rest is
                path = self.path / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self.status = "new"

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
        for name in OURS:
            sweep(self.path, name)
        sweep(self.path / CHECKPOINTS, "round-*")
        if not (self.path / SCENARIO).exists():
            write_whole(self.path / SCENARIO, dump_scenario(self.scenario).encode())
        state = self._newest_state()
        self._cut(state.round if state else 0)
        self._write_summary({"status": "running"})
        return state

    def checkpoint(self, state: State) -> None:
        """Keep the state of a round of the schedule."""
        save_checkpoint(self.path / CHECKPOINTS, state)
        prune_checkpoints(self.path / CHECKPOINTS, self.scenario.output.checkpoint_every)

    def interrupted(self, state: State | None, status: str = "interrupted") -> None:
        """Keep the last whole round of a run that ends early."""
        if state is not None and state.round > 0:
            save_checkpoint(self.path / CHECKPOINTS, state)
            self._cut(state.round)
        self._write_summary({"status": status, "rounds_done": state.round if state else 0})

    def finish(self, started: RunStarted, ended: RunEnded, model: Mapping[str, Array]) -> None:
        """Write the model and the summary of a whole run, and leave only the checkpoints of its schedule."""
        write_whole(self.path / MODEL, save(dict(model)))
        prune_checkpoints(self.path / CHECKPOINTS, self.scenario.output.checkpoint_every)
        record = event_record(ended)
        wall = record.pop("wall")
        record.pop("event")
        sizes = {name: getattr(started, name) for name in ("train", "root", "validation", "test")}
        self._write_summary({"status": "finished", "examples": sizes} | record, wall)
        self.status = "finished"

    def _newest_state(self) -> State | None:
        from fedsim.vectors import digest

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

    def _cut(self, round: int) -> None:
        """Leave the events of whole rounds up to this one, and make the table anew from them."""
        rows, lines, table = Rows(), [], [csv_line(COLUMNS)]
        for line, event in recorded(self.path / EVENTS) if round else ():
            lines.append(line)
            row = rows(event)
            if row is not None:
                table.append(csv_line(row))
            if isinstance(event, RoundEnded) and event.round == round:
                break
        write_whole(self.path / EVENTS, b"".join(lines))
        write_whole(self.path / METRICS, "".join(table).encode())

    def _write_summary(self, body: dict[str, Any], wall: dict[str, Any] | None = None) -> None:
        scenario = self.scenario
        head = {
            "name": scenario.name, "question": scenario.question, "scenario": scenario_digest(scenario),
            "seed": scenario.seed,
        }  # fmt: skip
        text = json.dumps(head | body | {"versions": versions(), "host": host(), "wall": wall or {}}, indent=2)
        write_whole(self.path / SUMMARY, (text + "\n").encode())


def claim(scenario: Scenario, path: Path | None = None) -> RunFolder:
    """Hold the folder for a scenario's results, made if need be.

    ResultsConflict when another process holds it, or when it holds anything but results of this very scenario.
    """
    path = path or folder_of(scenario)
    made = tuple(folder for folder in (path, *path.parents) if not folder.exists())
    with storing(path):
        path.mkdir(parents=True, exist_ok=True)
    lock = _lock(path)
    try:
        return RunFolder(path, scenario, lock, _status(path, scenario), made)
    except BaseException:
        os.close(lock)
        raise


def reopen(path: Path) -> RunFolder:
    """Hold the folder of a run that was begun before, with its own scenario."""
    return claim(read_scenario(path), path)


def read_scenario(path: Path) -> Scenario:
    """The scenario of a results folder; ResultsConflict where there is none that can be read."""
    if not (path / SCENARIO).is_file():
        raise ResultsConflict(f"{path} is no results folder: it has no {SCENARIO}")
    try:
        return load_scenario(path / SCENARIO)
    except ScenarioError as error:
        raise ResultsConflict(f"the scenario of {path} cannot be read: {error}") from error


def read_events(path: Path) -> list[Event]:
    """The events of a results folder, up to the first line that is not whole."""
    return [event for _, event in recorded(path / EVENTS)]


def read_summary(path: Path) -> dict[str, Any]:
    """The summary of a results folder; empty where there is none that can be read."""
    try:
        summary = json.loads((path / SUMMARY).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return summary if isinstance(summary, dict) else {}


def _lock(path: Path) -> int:
    """An advisory lock on the folder itself: it leaves no file, and the system drops it with the process."""
    with storing(path):
        descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ResultsConflict(f"{path} is in use by another run; wait for it, or choose another --out") from None
    return descriptor


def _status(path: Path, scenario: Scenario) -> Status:
    present = {entry.name for entry in path.iterdir()} - {FIGURE, *map(part_of, OURS)}
    if not present:
        return "new"
    if SCENARIO not in present:
        raise ResultsConflict(f"{path} is not empty and is no results folder; choose another --out")
    digest = scenario_digest(read_scenario(path))
    if digest != scenario_digest(scenario):
        raise ResultsConflict(f"{path} holds the results of another scenario ({digest}); choose another --out")
    return "finished" if read_summary(path).get("status") == "finished" else "partial"


def has_damaged_lines(path: Path) -> bool:
    """Whether a results folder has a whole line that is no event; a last line cut short is no damage."""
    return any(event is None for _, event in whole_lines(path / EVENTS))
