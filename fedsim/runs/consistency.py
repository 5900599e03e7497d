"""Does a results folder agree with itself? What follows from its events is made from them anew and compared.

The table, the summary and the digests of checkpoints follow from the events on record, so they are held against
these to the byte; whether the events are what the scenario gives is for `fedsim.runs.verify` to find out.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fedsim.atomic_files import open_plain, read_plain
from fedsim.errors import ResultsConflict
from fedsim.events import RoundEnded, RunEnded, RunStarted
from fedsim.runs.arrays_file import ArraysFile, holds
from fedsim.runs.checkpoints import checkpoint_round, checkpoints, load_checkpoint, scheduled
from fedsim.runs.code_record import damaged_copies
from fedsim.runs.event_json import recorded
from fedsim.runs.folder import kept_of, table_lines
from fedsim.runs.fork_file import read_fork
from fedsim.runs.inventory import CHECKPOINTS, EVENTS, METRICS, MODEL, PLUGINS, SCENARIO, SUMMARY
from fedsim.runs.ledger import ledger_of
from fedsim.runs.ledger_totals import Totals
from fedsim.runs.partition_file import Holdings, read_partition
from fedsim.runs.reading import MOST_SCENARIO, events_of
from fedsim.runs.summary_file import (
    ADDED_FIELDS,
    MACHINE,
    MOST_BYTES,
    UNFINISHED,
    asked,
    finished,
    read_summary,
    unfinished,
    written,
)
from fedsim.scenario.load import dump_scenario, without_trackers
from fedsim.scenario.sections import Scenario

MOST_SHOWN = 60
ABSENT = "nothing"


class Difference(NamedTuple):
    """One thing that is not as it should be."""

    round: int  # 0 where it belongs to none
    phase: str
    field: str  # of the event or file; empty where all of it is missing, or is of another kind
    recorded: object
    now: object
    file: str = EVENTS


class Outline(NamedTuple):
    """What a pass over the events on record tells."""

    started: RunStarted | None
    digests: tuple[str, ...]  # of the parameters after each whole round
    ended: RunEnded | None

    @property
    def done(self) -> int:
        """Whole rounds."""
        return len(self.digests)


def outline(folder: Path) -> Outline:
    """The outline of the events up to the first that is none."""
    started, digests, ended = None, [], None
    for _, event in recorded(folder / EVENTS):
        if isinstance(event, RunStarted):
            started = event
        elif isinstance(event, RoundEnded):
            digests.append(event.digest)
        elif isinstance(event, RunEnded):
            ended = event
    return Outline(started, tuple(digests), ended)


def inconsistencies(folder: Path, scenario: Scenario, kept: Outline) -> Iterator[Difference]:
    """The first difference in each file that follows from the scenario and the events on record."""
    yield from _in_scenario(folder, scenario)
    yield from _in_table(folder)
    yield from _in_summary(folder, scenario, kept)
    for name in damaged_copies(folder):
        yield Difference(
            0, "own code", "", "other bytes, or nothing", "the code that made the run", f"{PLUGINS}/{name}"
        )
    if is_finished(folder):
        yield from _in_schedule(folder, scenario)
        if not (folder / MODEL).is_file():
            yield Difference(0, "closing", "", ABSENT, "the final parameters", MODEL)


def is_finished(folder: Path) -> bool:
    """Whether the folder says that its run is finished."""
    return read_summary(folder).get("status") == "finished"


def checkpoint_differences(folder: Path, kept: Outline, *, seen: set[int]) -> Iterator[Difference]:
    """Checkpoints that cannot be read or that the events do not lead to, but for those of rounds already seen."""
    from fedsim.training.flat import digest

    for path in checkpoints(folder / CHECKPOINTS):
        round, name = checkpoint_round(path), f"{CHECKPOINTS}/{path.name}"
        if round in seen or (round > kept.done and not is_finished(folder)):
            continue  # compared already, or left by a crash that lost the end of the events: resuming passes it over
        try:
            found = digest(load_checkpoint(path).parameters)
        except ResultsConflict as error:
            yield Difference(round, "checkpoint", "", str(error), "a checkpoint", name)
            continue
        wanted = kept.digests[round - 1] if 0 < round <= kept.done else ABSENT
        if found != wanted:
            yield Difference(round, "checkpoint", "parameters", found, wanted, name)


def same_bytes(path: Path, wanted: bytes | ArraysFile) -> bool:
    """Whether a file is plain and holds just these bytes."""
    try:
        if isinstance(wanted, ArraysFile):
            with open_plain(path) as file:
                return holds(file, wanted)
        return read_plain(path, len(wanted)) == wanted
    except OSError:
        return False


def _in_scenario(folder: Path, scenario: Scenario) -> Iterator[Difference]:
    text = without_trackers(read_plain(folder / SCENARIO, MOST_SCENARIO))
    wanted = without_trackers(dump_scenario(scenario).encode())
    if text != wanted:
        lines, expected = text.splitlines(), wanted.splitlines()
        place = next((i for i, pair in enumerate(zip(lines, expected, strict=False)) if pair[0] != pair[1]), None)
        place = min(len(lines), len(expected)) if place is None else place
        yield Difference(0, "scenario", f"line {place + 1}", _line(lines, place), _line(expected, place), SCENARIO)


def _line(lines: list[bytes], place: int) -> str:
    return lines[place].decode(errors="replace") if place < len(lines) else ABSENT


def _in_table(folder: Path) -> Iterator[Difference]:
    """The table against the one that the events make; where a run was broken off, either may be ahead."""
    try:
        file = open_plain(folder / METRICS)
    except OSError as error:
        yield Difference(0, "table", "", error.strerror, "a table", METRICS)
        return
    with file:
        for round, wanted in enumerate(table_lines(events_of(folder))):
            found = file.read(len(wanted))
            cut = len(found) < len(wanted) and wanted.startswith(found) and not is_finished(folder)
            if found != wanted and not cut:
                yield Difference(round, "table", f"row {round}", _shown(found), _shown(wanted), METRICS)
                return
        more = file.read(MOST_SHOWN)
    if more and is_finished(folder):
        yield Difference(0, "table", "end", _shown(more), ABSENT, METRICS)


def _in_summary(folder: Path, scenario: Scenario, kept: Outline) -> Iterator[Difference]:
    try:
        data = read_plain(folder / SUMMARY, MOST_BYTES)
        summary = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        yield Difference(0, "summary", "", str(error), "a summary", SUMMARY)
        return
    if not isinstance(summary, dict) or written(summary).encode() != data:
        yield Difference(0, "summary", "", "not written as a run writes it", "a summary", SUMMARY)
        return
    wanted = asked(scenario) | _ending(folder, scenario, summary, kept)
    for key in dict.fromkeys([*wanted, *summary]):
        if (key in MACHINE and isinstance(summary.get(key), dict)) or (key in ADDED_FIELDS and key not in summary):
            continue
        found, expected = (json.dumps(table.get(key, ABSENT)) for table in (summary, wanted))
        if found != expected:
            yield Difference(0, "summary", key, summary.get(key, ABSENT), wanted.get(key, ABSENT), SUMMARY)
            return


def _ending(folder: Path, scenario: Scenario, summary: dict[str, Any], kept: Outline) -> dict[str, Any]:
    """What the summary should say of how the run ended."""
    status = summary.get("status")
    if status in UNFINISHED:
        return unfinished(status, None if status == "running" else kept.done)
    if kept.started and kept.ended:
        return whole_ending(folder, scenario, kept.started, kept.ended)
    return unfinished("interrupted", kept.done)


def whole_ending(folder: Path, scenario: Scenario, started: RunStarted, ended: RunEnded) -> dict[str, Any]:
    """What the summary of a whole run should say of its end."""
    return finished(started, ended, Totals(ledger_of(folder, scenario)).summary(_holdings(folder)))


def _holdings(folder: Path) -> Holdings | None:
    try:
        return read_partition(folder)
    except ResultsConflict:
        return None  # that the file is damaged is told of the file


def _in_schedule(folder: Path, scenario: Scenario) -> Iterator[Difference]:
    """A finished run keeps the checkpoints of its schedule, and no other."""
    every = scenario.output.checkpoint_every
    fork = read_fork(folder)  # which keeps the state that it began with
    begun = fork.at if fork else 0
    past = [round for round in range(every, scenario.rounds + 1, every) if round >= begun] if every else []
    wanted = {*scheduled(past, every, kept_of(scenario)), *([begun] if fork else [])}
    found = [checkpoint_round(path) for path in checkpoints(folder / CHECKPOINTS)]
    for round in sorted({*wanted} ^ {*found}):
        there, should = (("a checkpoint" if round in each else ABSENT) for each in (found, wanted))
        yield Difference(round, "checkpoint", "", there, should, f"{CHECKPOINTS}/round-{round:08d}")
        return


def _shown(data: bytes) -> str:
    return data[:MOST_SHOWN].decode(errors="replace")
