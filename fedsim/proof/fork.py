"""A fork: a run from some round on with one thing changed, and up to there as it was.

    for event in fedsim.fork("runs/mine", 57, ["aggregator=median"], "runs/median_from_57"):
        ...

Cohorts, batches and every other draw of the later rounds have the same addresses, so what differs is the change and
what follows from it. The rounds since the newest checkpoint are played again and held against the record. The fork is
a results folder like any other: it can be interrupted, gone on with, compared, verified and forked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from fedsim.array_types import Progress, silent
from fedsim.atomic_files import write_lines, write_whole
from fedsim.errors import Problem, ResultsConflict, ScenarioError
from fedsim.events import Event, RoundEnded, RunStarted
from fedsim.plugins.places import is_file_name
from fedsim.runs.code_record import other_code, write_code
from fedsim.runs.consistency import is_finished, outline
from fedsim.runs.course import Course, carried_over, forgotten, legs_of
from fedsim.runs.event_json import event_line, recorded
from fedsim.runs.folder import RunFolder, claim, folder_of
from fedsim.runs.fork_file import Fork, read_fork, write_fork
from fedsim.runs.inventory import EVENTS, SCENARIO
from fedsim.runs.perform import played
from fedsim.runs.reading import changed_scenario, read_scenario
from fedsim.runs.replay import Replay, state_before
from fedsim.scenario.build import decompose
from fedsim.scenario.load import dump_scenario, scenario_digest
from fedsim.scenario.overrides import Overrides, read_overrides
from fedsim.scenario.scores import score_names
from fedsim.scenario.sections import Scenario, attackers_wanted
from fedsim.simulation.state import State

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool

GROUND = (
    ("seed",), ("data",), ("partition",), ("model",), ("root", "size"), ("clients", "population"),
    ("evaluation", "validation"), ("evaluation", "limit"), ("evaluation", "metrics"),
)  # fmt: skip
"""What the rounds before a fork rest on too: with another of these they would not be what they were."""


def fork(
    run: str | PathLike[str],
    at: int,
    changes: Overrides = (),
    folder: str | PathLike[str] | None = None,
    pool: "Pool | None" = None,
    progress: Progress = silent,
    *,
    other_code: bool = False,
) -> Iterator[Event]:
    """The events of a run after round `at` with these keys changed, recorded in a results folder of their own.

    Rounds up to `at` are the run's own. ScenarioError where a change is wrong or cannot be made in a fork;
    ResultsConflict where there is no such run or round, or where the run does not repeat.
    """
    target = Path(folder) if folder is not None else None
    with begin_fork(Path(run), at, changes, target, pool, progress, other_code=other_code) as begun:
        yield from played(begun, pool, progress)


def begin_fork(
    run: Path,
    at: int,
    changes: Overrides = (),
    folder: Path | None = None,
    pool: "Pool | None" = None,
    progress: Progress = silent,
    *,
    plugins: Sequence[str] = (),
    kept_code: bool = False,
    other_code: bool = False,
) -> RunFolder:
    """The results folder of a fork, held and ready to go on after round `at`; its notes say from where it was made."""
    before = read_scenario(run, kept_code=kept_code)
    _check_run(run, before, at, other_code)
    more = [str(Path(each).resolve()) if is_file_name(each) else each for each in plugins]
    after = changed_scenario(run, changes, plugins=more, kept_code=kept_code)
    _check_changes(before, after, changes, at)
    claimed = claim(after, folder or _default(after, at), fork=True)
    try:
        _check_new(claimed)
        state, words = _replayed(run, before, at, pool, progress, kept_code)
        _lay_out(claimed, Fork(str(run.resolve()), at, tuple(_told(changes))), run, before, state)
    except BaseException:
        if claimed.status == "new":
            claimed.discard()
        claimed.close()
        raise
    claimed.notes += [words, *_begins(state, before, after)]
    return claimed


def _check_run(run: Path, scenario: Scenario, at: int, allowed: bool) -> None:
    done, origin = outline(run).done, read_fork(run)
    if not 1 <= at <= done:
        held = f"holds rounds 1 to {done}" if done else "holds no whole round"
        hint = "; from the first round on it is a run of its own: fedsim run" if at < 1 else ""
        raise ResultsConflict(f"{run} {held}: it cannot be forked after round {at}{hint}")
    if origin and at <= origin.at:
        raise ResultsConflict(f"{run} is a fork itself, after round {origin.at}: fork {origin.run} after round {at}")
    if (words := other_code(run, scenario)) and not allowed:
        raise ResultsConflict(f"{run}: {words}; put it back, or fork under the present code with --other-code")


def _check_changes(before: Scenario, after: Scenario, changes: Overrides, at: int) -> None:
    """ScenarioError where the rounds before the fork would not be what they were."""
    found = []
    for path in GROUND:
        if _value(before, path) != _value(after, path):
            message = f"cannot be changed in a fork: rounds 1 to {at} rest on it too; start a run of its own"
            found.append(Problem(path, message))
    if not found and score_names(before) != score_names(after):
        scored = ", ".join(sorted({*score_names(before)} ^ {*score_names(after)}))
        found.append(Problem(("attacks",), f"cannot be changed so in a fork: {scored} is scored in one part alone"))
    if after.rounds <= at:
        message = f"leaves nothing to play after round {at}: give more, such as --set rounds={at + before.rounds}"
        found.append(Problem(("rounds",), message, after.rounds))
    if found:
        raise ScenarioError([_given(each, changes) for each in found], "fork")


def _given(problem: Problem, changes: Overrides) -> Problem:
    """The problem with the change that makes it."""
    for change in read_overrides(changes)[0]:
        if change.path == problem.path[: len(change.path)] or problem.path == change.path[: len(problem.path)]:
            return replace(problem, origin=change.text)
    return problem


def _value(scenario: Scenario, path: Sequence[str]) -> object:
    table: object = decompose(scenario)
    for key in path:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _default(scenario: Scenario, at: int) -> Path:
    path = folder_of(scenario)
    return path.with_name(f"{path.name}-from-{at}")


def _check_new(folder: RunFolder) -> None:
    if folder.status != "new":
        what = f"a fork of {folder.fork.run} after round {folder.fork.at}" if folder.fork else "a run of this scenario"
        unfinished = f"not finished: fedsim resume {folder.path} goes on with it"
        how = "finished" if folder.status == "finished" else unfinished
        raise ResultsConflict(f"{folder.path} holds {what}, {how}; choose another --out")


def _replayed(
    run: Path, scenario: Scenario, at: int, pool: "Pool | None", progress: Progress, kept_code: bool
) -> tuple[State, str]:
    """The state after a round, held against the record, and from which round on it was played for that."""
    from fedsim.training.flat import digest

    start = state_before(run, at + 1)
    if start is not None and digest(start.parameters) != outline(run).digests[start.round - 1]:
        raise ResultsConflict(f"{run}: its events do not lead to the checkpoint after round {start.round}")
    if start is not None and start.round == at:
        return start, f"the state after round {at} is a checkpoint of {run}"
    legs = legs_of(run, scenario, kept_code=kept_code)
    first = (start.round if start else 0) + 1
    with Course(legs, pool, start, progress) as course:
        different = next(Replay(run, course, is_finished(run), progress).spans([(first, at)]), None)
        state = course.state
    if different is not None or state is None:
        where = f"round {different.round}, {different.phase}: {different.field or 'all'}" if different else "its start"
        raise ResultsConflict(f"{run} does not repeat, first in {where}; fedsim verify {run} says more")
    origin = f"the checkpoint after round {start.round}" if start else "the beginning"
    return state, f"there is no checkpoint after round {at}: rounds {first} to {at} were played again from {origin}"


def _lay_out(folder: RunFolder, fork: Fork, run: Path, before: Scenario, state: State) -> None:
    """Write what a fork begins with; its scenario last, so that one half made is never taken for a run."""
    after = folder.scenario
    write_fork(folder.path, fork, run, carried_over(state, before, after))
    write_code(folder.path, after)
    write_lines(folder.path / EVENTS, _first_rounds(run, after, fork.at))
    write_whole(folder.path / SCENARIO, dump_scenario(after).encode())
    folder.fork, folder.status = fork, "partial"


def _first_rounds(run: Path, after: Scenario, at: int) -> Iterator[bytes]:
    """The record of the run up to a round, begun as the fork's own."""
    for line, event in recorded(run / EVENTS):
        if isinstance(event, RunStarted):
            held = sum(attackers_wanted(adversary, event.population) for adversary in after.attacks)
            own = replace(
                event, name=after.name, scenario=scenario_digest(after), rounds=after.rounds,
                sampled=after.clients.sampled, byzantine=held,
            )  # fmt: skip
            yield event_line(own).encode() + b"\n"
            continue
        yield line
        if isinstance(event, RoundEnded) and event.round == at:
            return


def _begins(state: State, before: Scenario, after: Scenario) -> Iterator[str]:
    if lost := forgotten(state, before, after):
        yield f"without a past, as another stands there now: {', '.join(lost)}"


def _told(changes: Overrides) -> list[str]:
    """The changes as they would be typed."""
    return [each.text for each in read_overrides(changes)[0]]
