"""A run from beginning to end without a terminal: claimed, begun or resumed, recorded, and finished or broken off.

    for event in fedsim.perform("smoke", "runs/mine"):
        ...

Whatever ends it early (leaving the loop, Ctrl-C, a failure), the last whole round is kept, and the same call goes on
from there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from fedsim.array_types import Progress, silent
from fedsim.errors import ResultsConflict
from fedsim.events import Event, RunEnded
from fedsim.runs.folder import RunFolder, claim, reopen
from fedsim.runs.metrics_file import Sink
from fedsim.runs.recorder import Recorder
from fedsim.runs.tracking import Say, Tracking, warn
from fedsim.scenario.load import load_scenario
from fedsim.scenario.sections import Scenario

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool

WAYS_OUT = "give another folder, go on all the same with other_code=True, or start over with force=True"


def perform(
    scenario: Scenario | str | PathLike[str],
    folder: str | PathLike[str] | None = None,
    pool: "Pool | None" = None,
    progress: Progress = silent,
    *,
    until: Callable[[Event], bool] = lambda _: False,
    force: bool = False,
    other_code: bool = False,
    say: Say = warn,
) -> Iterator[Event]:
    """The events of a run that is kept in a results folder; of a run that is gone on with, those that are new.

    `folder` is `runs/<name>-<digest>` unless given. One that holds an interrupted part of this run is gone on with, one
    that holds it whole gives no events, and `force` starts over. `until` tells the event with which it may stop early.
    What was made by other code, fedsim's or one's own, is refused with the names of the files that changed, unless
    `other_code` says to go on all the same. `say` is told of trackers that fail.
    ScenarioError is raised at once; ResultsConflict, where the folder is in use or holds another run, and all others
    while iterating.
    """
    whole = scenario if isinstance(scenario, Scenario) else load_scenario(Path(scenario))
    return _events(whole, Path(folder) if folder is not None else None, pool, progress, until, force, other_code, say)


def _events(
    scenario: Scenario,
    path: Path | None,
    pool: "Pool | None",
    progress: Progress,
    until: Callable[[Event], bool],
    force: bool,
    other_code: bool,
    say: Say,
) -> Iterator[Event]:
    with claim(scenario, path) as folder:
        if force and folder.status != "new":
            folder.clear()
        if folder.other_code and not other_code:
            raise ResultsConflict(f"{folder.path}: {folder.other_code}; {WAYS_OUT}")
        yield from played(folder, pool, progress, until, say)


def played(
    folder: RunFolder,
    pool: "Pool | None" = None,
    progress: Progress = silent,
    until: Callable[[Event], bool] = lambda _: False,
    say: Say = warn,
) -> Iterator[Event]:
    """The events that a folder's run still lacks, recorded as they come; none where it is finished."""
    if folder.status == "finished":
        return
    from fedsim.engine import simulate  # and with it torch, once nothing is left to refuse

    with simulate(folder.scenario, pool, resume=folder.begin(), progress=progress) as simulation:
        yield from recorded(Recorder(folder, simulation), simulation, until=until, say=say)


def resume(folder: Path) -> Iterator[Event]:
    """The new events of a run that was interrupted; ResultsConflict where other code made it."""
    with reopen(folder) as opened:
        if opened.other_code:
            raise ResultsConflict(f"{opened.path}: {opened.other_code}; {WAYS_OUT}")
        yield from played(opened)


def recorded(
    recorder: Recorder,
    events: Iterable[Event],
    listeners: Sequence[Sink] = (),
    until: Callable[[Event], bool] = lambda _: False,
    say: Say = warn,
) -> Iterator[Event]:
    """The events, each on record and told to the listeners before it is handed on, up to one with which to stop early.

    Of what ends early the last whole round is kept. What the scenario's trackers fail at is said, and no more.
    """
    status = "interrupted"
    tracking = Tracking(recorder.simulation.scenario, recorder.folder.path if recorder.folder else None, say)
    try:
        for event in events:
            recorder(event)
            for listener in listeners:
                listener(event)
            tracking(event)
            status = "" if isinstance(event, RunEnded) else status
            yield event
            if status and until(event):
                status = "stopped"
                return
    except BrokenPipeError:  # a reader who went is no failure
        raise
    except Exception:
        status = "failed"
        raise
    finally:
        if status:
            recorder.broken_off(status)
        else:
            recorder.close()
        tracking.close()
