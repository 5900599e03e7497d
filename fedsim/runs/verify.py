"""Is a results folder what its scenario gives? Rounds are played again and held against the record, byte by byte."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fedsim.array_types import Progress, silent
from fedsim.atomic_files import kind_of
from fedsim.errors import ResultsConflict
from fedsim.provenance import host, versions
from fedsim.runs.checkpoints import checkpoint_round, checkpoints
from fedsim.runs.code_record import other_code, recorded_code
from fedsim.runs.consistency import (
    ABSENT,
    Difference,
    Outline,
    checkpoint_differences,
    inconsistencies,
    is_finished,
    outline,
    same_bytes,
)
from fedsim.runs.course import Course, legs_of
from fedsim.runs.folder import model_bytes
from fedsim.runs.inventory import CHECKPOINTS, CODE, EVENTS, FIGURE, MODEL, PARTITION, REPORT, SUMMARY, strangers
from fedsim.runs.partition_file import is_written, partition_lines
from fedsim.runs.reading import read_scenario
from fedsim.runs.recorded_updates import is_recorded, recorded_rounds
from fedsim.runs.replay import Replay, state_before
from fedsim.runs.spot_checks import Spots, draw, reach
from fedsim.runs.summary_file import LEDGER, read_summary
from fedsim.scenario.sections import Scenario

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool
    from fedsim.simulation.federation import Federation

MOST_STRANGERS = 5


class Verdict(NamedTuple):
    """What a verification found."""

    first: int  # rounds compared, from the first
    last: int  # to the last
    events: int  # compared
    played: int  # rounds that were played again for it
    differences: tuple[Difference, ...]  # the first of each file, the events' before the others'
    not_compared: tuple[str, ...]  # what was left out, in words
    versions: dict[str, tuple[str, str]]  # packages, and the processor, that are not the recorded ones: (recorded, now)
    spots: Spots | None = None  # of a spot check
    other_code: str = ""  # `made by other code: my_rules.py changed`, or nothing

    @property
    def difference(self) -> Difference | None:
        """The first difference, or None where all that was compared is the same."""
        return self.differences[0] if self.differences else None


def verify(
    folder: Path,
    rounds: tuple[int, int] | None = None,
    pool: "Pool | None" = None,
    progress: Progress = silent,
    *,
    spot: int | None = None,
    seed: int | None = None,
    kept_code: bool = False,
) -> Verdict:
    """Play a folder's scenario again and compare it with all that the folder holds.

    `rounds` plays only these (from, to), `spot` so many that are drawn at random, by `seed` where one is given; each
    from the nearest checkpoint before it, or from the beginning. Rounds passed on the way are compared too.

    Own code is run from where it was when the run was made, or, with `kept_code`, from the copies in the folder.
    ResultsConflict where the folder holds no whole round of those asked for.
    """
    kept = outline(folder)
    read_scenario(folder, kept_code=kept_code)
    _check_rounds(folder, kept.done, rounds)
    spots = draw(spot, reaches(folder, kept.done), seed) if spot is not None else None
    spans = [(round, round) for round in spots.rounds] if spots else [rounds] if rounds else None
    return verify_spans(folder, spans, pool, progress, kept_code=kept_code)._replace(spots=spots)


def verify_spans(
    folder: Path,
    spans: Sequence[tuple[int, int]] | None,
    pool: "Pool | None" = None,
    progress: Progress = silent,
    *,
    kept_code: bool = False,
) -> Verdict:
    """The same for these spans of rounds, ascending; None is all of them, and without any none is played again."""
    scenario, kept = read_scenario(folder, kept_code=kept_code), outline(folder)
    start = state_before(folder, spans[0][0]) if spans else None
    legs = legs_of(folder, scenario, kept_code=kept_code)
    with Course(legs, pool, start, progress) as simulation:  # and with it torch, once nothing is left to refuse
        replay = Replay(folder, simulation, is_finished(folder), progress)
        found = list(replay.all() if spans is None else replay.spans(spans) if spans else ())
        model = list(_in_model(folder, simulation, kept))
        found += _in_partition(folder, simulation.federation)
    found += inconsistencies(folder, scenario, kept)
    found += checkpoint_differences(folder, kept, seen=replay.checkpoints)
    first, last = (spans[0][0], spans[-1][1]) if spans else (1, kept.done)
    return Verdict(
        first, last, replay.events, replay.played, (*found, *(each for each in model if isinstance(each, Difference))),
        (*_left_out(folder, scenario, kept, replay), *(each for each in model if isinstance(each, str))),
        _other_versions(folder), None, other_code(folder, scenario),
    )  # fmt: skip


def reaches(folder: Path, done: int) -> list[int]:
    """Of each round on record, how many rounds would play it again on their way."""
    return reach(done, [checkpoint_round(path) for path in checkpoints(folder / CHECKPOINTS)])


def _check_rounds(folder: Path, done: int, rounds: tuple[int, int] | None) -> None:
    first, last = rounds or (1, done)
    if not done:
        raise ResultsConflict(f"{folder} holds no whole round: there is nothing to verify")
    if not 1 <= first <= last <= done:
        raise ResultsConflict(f"{folder} holds rounds 1 to {done}: cannot verify {first} to {last}")


def _in_model(folder: Path, simulation: Course, kept: Outline) -> Iterator[Difference | str]:
    """A difference in the model's file, or why it was not compared."""
    if not (folder / MODEL).is_file():
        return
    from fedsim.training.flat import digest

    state = simulation.state
    if state is None or state.round < kept.done:
        simulation.state = state = state_before(folder, kept.done + 1)
    if state is None or simulation.federation is None or digest(state.parameters) not in kept.digests[-1:]:
        yield f"{MODEL}: the last round was not played again and has no checkpoint that the events lead to"
    elif not kept.ended:
        yield f"{MODEL}: the run is not finished"
    elif not same_bytes(folder / MODEL, model_bytes(simulation.model())):
        yield Difference(kept.done, "closing", "", "other bytes", "the final parameters", MODEL)


def _in_partition(folder: Path, federation: "Federation | None") -> Iterator[Difference]:
    if federation is None:
        return
    if not kind_of(folder / PARTITION):
        if is_written(federation) and LEDGER in read_summary(folder):
            yield Difference(0, "start", "", ABSENT, "who holds what", PARTITION)
    elif not same_bytes(folder / PARTITION, b"".join(partition_lines(federation))):
        yield Difference(0, "start", "", "other bytes", "who holds what", PARTITION)


def _left_out(folder: Path, scenario: Scenario, kept: Outline, replay: Replay) -> Iterator[str]:
    """What a verdict says nothing of."""
    yield f"the wall clock (`wall` in {EVENTS} and {SUMMARY}), versions and host in {SUMMARY}"
    if replay.played < kept.done:
        yield f"{kept.done - replay.played} of {kept.done} rounds, which were not played again"
    if replay.cut:
        yield f"the end of the last line of {EVENTS}, which was cut short"
    yield from (name for name in (FIGURE, REPORT) if (folder / name).exists())
    if not (folder / PARTITION).exists():
        yield f"who holds what: there is no {PARTITION}"
    if gone := _unrecorded(folder, scenario, kept):
        yield f"the updates of {gone} recorded rounds, which are not there"
    code = recorded_code(folder)
    if code is None:
        yield f"the code that made it, of which {CODE} tells nothing"
    other = list(strangers(folder, code.own if code else ()))
    if other:
        more = f" and {len(other) - MOST_STRANGERS} more" if len(other) > MOST_STRANGERS else ""
        yield f"files that no run put there: {', '.join(other[:MOST_STRANGERS])}{more}"


def _unrecorded(folder: Path, scenario: Scenario, kept: Outline) -> int:
    """Rounds whose updates the run recorded and the folder does not hold."""
    asked = {round for round in range(1, kept.done + 1) if is_recorded(scenario.output, round)}
    return len(asked - {*recorded_rounds(folder)})


def _other_versions(folder: Path) -> dict[str, tuple[str, str]]:
    """What may explain a difference: packages, and the processor, which rounds in its own way."""
    summary = read_summary(folder)
    recorded = {**_table(summary, "versions"), "processor": _table(summary, "host").get("processor")}
    now = versions() | {"processor": str(host()["processor"])}
    return {name: (str(recorded[name]), now[name]) for name in now if recorded.get(name) not in (None, now[name])}


def _table(summary: dict[str, Any], key: str) -> dict[str, Any]:
    table = summary.get(key)
    return table if isinstance(table, dict) else {}
