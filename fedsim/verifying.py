"""Is a results folder what its scenario gives? Every event is made again and compared with the one on record."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fedsim.arrays import Progress, silent
from fedsim.checkpoints import checkpoint_round, checkpoints, load_checkpoint
from fedsim.engine import simulate
from fedsim.errors import ResultsConflict
from fedsim.events import Event, RoundEnded, RunStarted
from fedsim.pool import Pool
from fedsim.provenance import versions
from fedsim.results import CHECKPOINTS, read_events, read_scenario, read_summary
from fedsim.state import State

PHASES = {
    "RunStarted": "set-up",
    "RoundStarted": "sampling",
    "BatchTrained": "training",
    "UpdatesForged": "attack",
    "Aggregated": "aggregation",
    "RoundEnded": "scoring",
    "RunEnded": "closing",
}


class Difference(NamedTuple):
    """The first event that came out otherwise."""

    round: int
    phase: str
    field: str  # of the event; empty where an event is missing or of another kind
    recorded: object
    now: object


class Verdict(NamedTuple):
    """What a verification found."""

    first: int  # rounds compared, from the first
    last: int  # to the last
    events: int  # compared
    difference: Difference | None
    versions: dict[str, tuple[str, str]]  # packages whose version is not the recorded one: (recorded, now)


def verify(
    folder: Path, rounds: tuple[int, int] | None = None, pool: Pool | None = None, progress: Progress = silent
) -> Verdict:
    """Run a folder's scenario again, from the nearest checkpoint before the first round asked for, and compare.

    ResultsConflict where the folder holds no whole round of those asked for.
    """
    scenario, recorded = read_scenario(folder), read_events(folder)
    done = max((event.round for event in recorded if isinstance(event, RoundEnded)), default=0)
    first, last = rounds or (1, done)
    if not 1 <= first <= last <= done:
        raise ResultsConflict(f"{folder} holds rounds 1 to {done}: cannot verify {first} to {last}")
    state = _state_before(folder, first)
    with simulate(scenario, pool, resume=state, progress=progress) as simulation:
        compared, difference = 0, None
        for before, now in _paired(recorded, simulation, state.round if state else 0, last):
            progress("verifying", _round(now or before), last)
            compared, difference = compared + 1, _difference(before, now)
            if difference:
                break
    return Verdict(first, last, compared, difference, _other_versions(folder))


def _state_before(folder: Path, first: int) -> State | None:
    """The newest good state before a round; None means the beginning."""
    for path in checkpoints(folder / CHECKPOINTS, at_most=first - 1):
        try:
            state = load_checkpoint(path)
        except ResultsConflict:
            continue
        if state.round == checkpoint_round(path):
            return state
    return None


def _paired(
    recorded: list[Event], simulated: Iterator[Event], after: int, last: int
) -> Iterator[tuple[Event | None, Event | None]]:
    """Recorded and new events side by side, from the event after round `after` to the end of round `last`."""
    old = iter([event for event in recorded if isinstance(event, RunStarted) or _round(event) > after])
    for now in simulated:
        before = next(old, None)
        yield before, now
        if isinstance(now, RoundEnded) and now.round == last:
            return


def _round(event: Event | None) -> int:
    return getattr(event, "round", 0)


def _difference(before: Event | None, now: Event | None) -> Difference | None:
    event = now or before
    round, phase = _round(event), PHASES[type(event).__name__]
    if before is None or now is None or type(before) is not type(now):
        return Difference(round, phase, "", type(before).__name__, type(now).__name__)
    for field in dataclasses.fields(now):
        old, new = getattr(before, field.name), getattr(now, field.name)
        if field.compare and repr(old) != repr(new):  # repr: NaN is equal to itself, and -0.0 is not 0.0
            return Difference(round, phase, field.name, old, new)
    return None


def _other_versions(folder: Path) -> dict[str, tuple[str, str]]:
    recorded, now = read_summary(folder).get("versions", {}), versions()
    return {name: (recorded[name], now[name]) for name in now if recorded.get(name, now[name]) != now[name]}
