"""Is a results folder what its scenario gives? Every event is made again and compared with the one on record."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fedsim.arrays import Progress, silent
from fedsim.checkpoints import checkpoint_round, checkpoints, load_checkpoint
from fedsim.errors import ResultsConflict
from fedsim.events import Event, RoundEnded, RunEnded, RunStarted, bits
from fedsim.provenance import host, versions
from fedsim.results import CHECKPOINTS, has_damaged_lines, read_events, read_scenario, read_summary
from fedsim.state import State

if TYPE_CHECKING:
    from fedsim.pool import Pool

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
    versions: dict[str, tuple[str, str]]  # packages, and the processor, that are not the recorded ones: (recorded, now)


def verify(
    folder: Path, rounds: tuple[int, int] | None = None, pool: "Pool | None" = None, progress: Progress = silent
) -> Verdict:
    """Run a folder's scenario again, from the nearest checkpoint before the first round asked for, and compare.

    ResultsConflict where the folder holds no whole round of those asked for.
    """
    scenario, recorded = read_scenario(folder), read_events(folder)
    done = max((event.round for event in recorded if isinstance(event, RoundEnded)), default=0)
    first, last = rounds or (1, done)
    if not done:
        raise ResultsConflict(f"{folder} holds no whole round: there is nothing to verify")
    if not 1 <= first <= last <= done:
        raise ResultsConflict(f"{folder} holds rounds 1 to {done}: cannot verify {first} to {last}")
    gap = read_summary(folder).get("status") == "finished" or has_damaged_lines(folder)
    state = _state_before(folder, first)
    from fedsim.engine import simulate  # and with it torch, once nothing is left to refuse

    with simulate(scenario, pool, resume=state, progress=progress) as simulation:
        compared, difference = 0, None
        ends = _Ends(state.round if state else 0, last if rounds else None, gap)
        for before, now in _paired(recorded, simulation, ends):
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


class _Ends(NamedTuple):
    """Where a comparison begins and ends."""

    after: int  # the round whose state it begins with
    last: int | None  # the round it ends with; None means the end of the record
    gap: bool  # whether a record that ends before the run does is itself a difference


def _paired(
    recorded: list[Event], simulated: Iterator[Event], ends: _Ends
) -> Iterator[tuple[Event | None, Event | None]]:
    """Recorded and new events side by side."""
    old = iter([e for e in recorded if isinstance(e, RunStarted | RunEnded) or _round(e) > ends.after])
    for now in simulated:
        before = next(old, None)
        if before is None and not ends.gap:
            return
        yield before, now
        if isinstance(now, RoundEnded) and now.round == ends.last:
            return
    yield from ((event, None) for event in old)


def _round(event: Event | None) -> int:
    return getattr(event, "round", 0)


def _difference(before: Event | None, now: Event | None) -> Difference | None:
    event = now or before
    round, phase = _round(event), PHASES[type(event).__name__]
    if before is None or now is None or type(before) is not type(now):
        return Difference(round, phase, "", type(before).__name__, type(now).__name__)
    changed = [name for (name, old), (_, new) in zip(bits(before), bits(now), strict=True) if old != new]
    if not changed:
        return None
    return Difference(round, phase, changed[0], getattr(before, changed[0]), getattr(now, changed[0]))


def _other_versions(folder: Path) -> dict[str, tuple[str, str]]:
    """What may explain a difference: packages, and the processor, which rounds in its own way."""
    summary = read_summary(folder)
    recorded = {**_table(summary, "versions"), "processor": _table(summary, "host").get("processor")}
    now = versions() | {"processor": str(host()["processor"])}
    return {name: (str(recorded[name]), now[name]) for name in now if recorded.get(name) not in (None, now[name])}


def _table(summary: dict[str, Any], key: str) -> dict[str, Any]:
    table = summary.get(key)
    return table if isinstance(table, dict) else {}
