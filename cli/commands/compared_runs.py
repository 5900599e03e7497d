"""The runs of a comparison: each a scenario that is run now, or a results folder that is read."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import typer

from fedsim.array_types import Progress
from fedsim.errors import ResultsConflict
from fedsim.events import Event, RoundEnded
from fedsim.runs.code_record import other_code
from fedsim.runs.folder import RunFolder, claim, folder_of
from fedsim.runs.history import History
from fedsim.runs.inventory import SCENARIO
from fedsim.runs.metrics_file import consume
from fedsim.runs.reading import events_of, read_scenario
from fedsim.runs.recorder import Recorder
from fedsim.runs.summary_file import read_summary
from fedsim.scenario.load import load_scenario, scenario_digest
from fedsim.scenario.sections import Scenario
from fedsim.scenario.shipped import find_scenario

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool


@dataclass(eq=False)
class ComparedRun:
    """One run of a comparison."""

    name: str  # unlike any other's in the comparison
    scenario: Scenario
    folder: Path | None  # where its results are or will be
    history: History = field(default_factory=History)
    recorder: Recorder | None = None  # while it is being run
    note: str = ""  # `made by other code: …` of results that are read

    @property
    def finished(self) -> bool:
        """Whether every round is there."""
        return self.history.ended is not None

    def play(self, pool: "Pool", force: bool, save: bool, progress: Progress) -> Generator[Event, None, None]:
        """The events that are still to come, kept as they happen."""
        from fedsim.engine import simulate

        status = "interrupted"
        folder = self._claim(force) if save else None
        try:
            state = folder.begin() if folder else None
            self.history = History()
            if folder and state:
                consume(events_of(folder.path), self.history)
            with simulate(self.scenario, pool, resume=state, progress=progress) as simulation:
                self.recorder = Recorder(folder, simulation)
                for event in simulation:
                    self.recorder(event)
                    self.history(event)
                    yield event
        except Exception:
            status = "failed"
            raise
        finally:
            self._let_go(folder, status)

    def _claim(self, force: bool) -> RunFolder:
        folder = claim(self.scenario, self.folder)
        if force:
            folder.clear()
        if folder.other_code:
            folder.close()
            raise ResultsConflict(f"{folder.path} holds {self.name}, {folder.other_code}; run it again with --force")
        return folder

    def _let_go(self, folder: RunFolder | None, status: str) -> None:
        if self.recorder and self.finished:
            self.recorder.close()
        elif self.recorder:
            self.recorder.broken_off(status)
        if folder:
            folder.close()


def compared_runs(
    paths: Sequence[Path], overrides: Sequence[str], force: bool, save: bool, plugins: Sequence[str] = ()
) -> list[ComparedRun]:
    """One for each path, in order; finished results are read in place of running them again."""
    found = [_compared_run(path, overrides, save, plugins) for path in paths]
    _refuse_twice(found)
    _name_apart(found)
    for each in found:
        if each.folder and not (force and save and not _is_results(each, paths)) and _is_finished(each.folder):
            _refuse_other_code(each, is_given=_is_results(each, paths))
            consume(events_of(each.folder), each.history)
    return found


def _refuse_other_code(run: ComparedRun, *, is_given: bool) -> None:
    """Results that are found are those of the present code; of a folder that is named its own code is told."""
    if run.folder is None or not (words := other_code(run.folder, run.scenario)):
        return
    if not is_given:
        raise ResultsConflict(f"{run.folder} holds {run.name}, {words}; run it again with --force")
    run.note = words


def _refuse_twice(found: Sequence[ComparedRun]) -> None:
    """A run beside itself would wait for its own folder, or show the same line twice."""
    seen: dict[object, ComparedRun] = {}
    for each in found:
        key = each.folder.resolve() if each.folder else (each.name, scenario_digest(each.scenario))
        if key in seen:
            raise typer.BadParameter(f"{each.name} is given twice: name another scenario or results folder")
        seen[key] = each


def in_turns(playing: Sequence[Iterator[tuple[ComparedRun, Event]]]) -> Iterator[tuple[ComparedRun, Event]]:
    """The events of several runs, round about: one's whole round, then the next one's."""
    left = list(playing)
    while left:
        for events in tuple(left):
            for run, event in events:
                yield run, event
                if isinstance(event, RoundEnded):
                    break
            else:
                left.remove(events)


def _compared_run(path: Path, overrides: Sequence[str], save: bool, plugins: Sequence[str]) -> ComparedRun:
    if path.is_dir():
        if not _is_finished(path):
            raise ResultsConflict(f"{path} holds no finished run; finish it with `fedsim resume {quote(str(path))}`")
        scenario = read_scenario(path)
        return ComparedRun(scenario.name, scenario, path)
    scenario = load_scenario(find_scenario(path), overrides, plugins=plugins)
    return ComparedRun(scenario.name, scenario, folder_of(scenario) if save else None)


def _is_results(each: ComparedRun, paths: Sequence[Path]) -> bool:
    return each.folder in paths


def _is_finished(folder: Path) -> bool:
    return (folder / SCENARIO).is_file() and read_summary(folder).get("status") == "finished"


def _name_apart(found: Sequence[ComparedRun]) -> None:
    """Runs of one name are told apart by a number."""
    seen: dict[str, int] = {}
    for each in found:
        seen[each.name] = seen.get(each.name, 0) + 1
        if seen[each.name] > 1:
            each.name = f"{each.name}_{seen[each.name]}"
