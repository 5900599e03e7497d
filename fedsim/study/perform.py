"""Playing the cells of a study: whole runs side by side, or one after another where there are fewer than workers.

    for event in fedsim.sweep("studies/digits.toml"):
        print(event.cell.name, event.kind)

What is finished is not played again, what is under way is gone on with, and a cell that fails takes no other with it.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fedsim.array_types import Progress, silent
from fedsim.blame import place_of
from fedsim.byte_sizes import in_words
from fedsim.errors import FedsimError, FolderInUse, StorageFailed
from fedsim.events import Event, RoundEnded
from fedsim.plugins.places import beside
from fedsim.runs.perform import perform
from fedsim.runs.summary_file import read_summary
from fedsim.scenario.load import dump_scenario, parse_scenario
from fedsim.study.cells import Cell, cells_of
from fedsim.study.effort import folder_bytes
from fedsim.study.plan import read_plan
from fedsim.study.state import State, states_of
from fedsim.study.where import Backend, Where, where_of

if TYPE_CHECKING:
    from fedsim.execution.cluster.cells import ClusterHands
    from fedsim.execution.hands import Hands, Wish
    from fedsim.execution.pool import Pool

Kind = Literal["started", "finished", "failed", "stopped", "held"]


@dataclass(frozen=True)
class CellEvent:
    """Something that happened to a cell."""

    cell: Cell
    kind: Kind  # held: another sweep is playing it
    message: str = ""  # why it failed; of one that is finished, which of its trackers did
    seconds: float = 0.0  # that it took here
    summary: dict[str, Any] | None = None  # of a finished one


@dataclass(frozen=True)
class Job:
    """A cell on its way to a worker: its scenario as text, for own code is run there anew."""

    scenario: str
    beside: str
    folder: str
    stop: "Wish"


@dataclass(frozen=True)
class Outcome:
    """What came of a job."""

    kind: Kind
    message: str
    seconds: float


def sweep(
    study: str | PathLike[str],
    folder: str | PathLike[str] | None = None,
    *,
    workers: int = 1,
    backend: Backend | None = None,
    address: str | None = None,
) -> Iterator[CellEvent]:
    """What happens to the cells of a study that are not finished, played as it is asked for.

    `study` is a file or a shipped study's plain name. `backend` and `address` are those of the base scenario's
    [execution] unless given. ScenarioError with all that is wrong is raised at once.
    """
    plan = read_plan(Path(study), Path(folder) if folder is not None else None)
    cells = cells_of(plan)
    return iter(Sweep(cells, states_of(cells), where_of(cells, workers, backend, address)))


class Sweep:
    """The cells that wait, played as their events are asked for; `stop` ends it after the rounds under way."""

    def __init__(
        self, cells: Sequence[Cell], states: dict[Path, State], where: Where, progress: Progress = silent
    ) -> None:
        waiting = {cell.folder: cell for cell in cells if states[cell.folder].waits}
        turns = {seed: turn for turn, seed in enumerate(dict.fromkeys(cell.seed for cell in cells))}
        # A seed after the other: a study that is broken off has something of every condition.
        self.waiting = sorted(waiting.values(), key=lambda cell: turns[cell.seed])
        self._where, self._progress = where, progress
        self._is_stopping = False
        self._hands: Hands | ClusterHands | None = None

    @property
    def note(self) -> str:
        """What a person should know of those who play."""
        return self._hands.note if self._hands is not None else ""

    def stop(self) -> None:
        """Let every cell end its round, and begin no other."""
        self._is_stopping = True
        if self._hands is not None:
            self._hands.stop()

    def __iter__(self) -> Iterator[CellEvent]:
        if not self.waiting:
            return
        with self._taken_on() as self._hands:
            jobs = {_job(cell, self._hands.wish): cell for cell in self.waiting}
            for cell, event in self._steps(self._hands, jobs):
                yield event
                if event.kind == "finished":
                    _check_room(cell, len(self.waiting))

    def _taken_on(self) -> "Hands | ClusterHands":
        """Those who play, with folders to write to; where they refuse, no empty folder is left."""
        folders = {cell.folder.parent for cell in self.waiting}
        new = {each for folder in folders for each in (folder, *folder.parents) if not each.exists()}
        for folder in folders:
            _make_folder(folder)
        try:
            return self._where.hands(self.waiting)
        except BaseException:
            for folder in sorted(new, reverse=True):  # the deepest first
                with suppress(OSError):
                    folder.rmdir()
            raise

    def _steps(self, hands: "Hands | ClusterHands", jobs: dict[Job, Cell]) -> Iterator[tuple[Cell, CellEvent]]:
        if self._where.plays_side_by_side(len(jobs)):
            yield from self._away(hands, jobs)
        else:
            yield from self._here(jobs)

    def _left(self, jobs: dict[Job, Cell]) -> Iterator[Job]:
        """The jobs until somebody asks for the end."""
        for job in jobs:
            if self._is_stopping:
                return
            yield job

    def _away(self, hands: "Hands | ClusterHands", jobs: dict[Job, Cell]) -> Iterator[tuple[Cell, CellEvent]]:
        for step in hands.side_by_side(play, self._left(jobs)):
            cell = jobs[step.job]
            if step.kind == "started":
                yield cell, CellEvent(cell, "started")
            elif step.result is None:
                yield cell, CellEvent(cell, "failed", hands.died)
            else:
                yield cell, _told(cell, step.result)

    def _here(self, jobs: dict[Job, Cell]) -> Iterator[tuple[Cell, CellEvent]]:
        with self._where.pool() as pool:
            for job in self._left(jobs):
                yield jobs[job], CellEvent(jobs[job], "started")
                yield jobs[job], _told(jobs[job], play(job, pool, self._progress))


def play(job: Job, pool: "Pool | None" = None, progress: Progress = silent) -> Outcome:
    """Play a cell to its end, or to the end of its round when that is asked for; whatever it raises is told."""
    from fedsim.execution.pool import Pool

    begin, last, notes = time.perf_counter(), None, list[str]()
    try:
        with beside(Path(job.beside)):
            scenario = parse_scenario(job.scenario)
            # What changed since matters to no number of this cell, or its folder would have another name.
            for event in perform(
                scenario,
                job.folder,
                pool or Pool(1, "serial"),
                progress,
                until=_asked(job.stop),
                other_code=True,
                say=notes.append,
            ):
                last = event
    except FolderInUse as error:
        return Outcome("held", str(error), 0.0)
    except FedsimError as error:
        return Outcome("failed", str(error), time.perf_counter() - begin)
    except Exception as error:  # whatever own code raises, and what nobody thought of: the other cells go on
        return Outcome("failed", f"{type(error).__name__}: {error}{place_of(error)}", time.perf_counter() - begin)
    stopped = isinstance(last, RoundEnded)
    return Outcome("stopped" if stopped else "finished", "; ".join(notes), time.perf_counter() - begin)


def _asked(stop: "Wish") -> Callable[[Event], bool]:
    return lambda event: isinstance(event, RoundEnded) and stop.is_made()


def _job(cell: Cell, stop: "Wish") -> Job:
    return Job(dump_scenario(cell.scenario), str(cell.beside.resolve()), str(cell.folder.absolute()), stop)


def _told(cell: Cell, outcome: Outcome) -> CellEvent:
    summary = read_summary(cell.folder) if outcome.kind == "finished" else None
    return CellEvent(cell, outcome.kind, outcome.message, outcome.seconds, summary)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"cannot write {folder}: {error.strerror or error}") from error


def _check_room(cell: Cell, cells: int) -> None:
    """StorageFailed, before the disk says it in the middle of a cell, where the cells to come will not fit."""
    done = sum((cell.folder.parent / each).is_dir() for each in _names(cell.folder.parent))
    need, free = folder_bytes(cell.folder) * max(0, cells - done), shutil.disk_usage(cell.folder.parent).free
    if need > free:
        raise StorageFailed(
            f"{cell.folder.parent}: the cells to come need about {in_words(need)}, and {in_words(free)} are free; "
            "what is finished stays: make room, or give another --out"
        )


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
