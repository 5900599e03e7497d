"""`fedsim run` and `fedsim resume`: a scenario becomes a results folder before one's eyes."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Literal

import typer
from rich.text import Text

from cli.display.consoles import messages, show
from cli.display.screens import Mode, Screen
from cli.display.summary import closing, kept, to_go_on, told_apart
from cli.goals import goal_of
from cli.signals import INTERRUPTED, Interrupted, Stopping
from fedsim.errors import ResultsConflict, ScenarioError
from fedsim.runs.folder import RunFolder, claim, reopen
from fedsim.runs.history import History
from fedsim.runs.inventory import EVENTS, FIGURE, METRICS, PLUGINS
from fedsim.runs.metrics_file import consume
from fedsim.runs.perform import recorded
from fedsim.runs.reading import events_of
from fedsim.runs.recorder import Recorder
from fedsim.runs.summary_file import read_summary
from fedsim.scenario.goals import Goal
from fedsim.scenario.load import load_scenario
from fedsim.scenario.overrides import given_by, read_overrides
from fedsim.scenario.positions import locate
from fedsim.scenario.sections import Scenario
from fedsim.scenario.shipped import find_scenario
from fedsim.simulation.state import State

if TYPE_CHECKING:
    from fedsim.engine import Simulation


@dataclass(frozen=True)
class Options:
    """What the command line asks for besides the scenario itself."""

    overrides: Sequence[str] = ()
    seed: int | None = None
    workers: int | Literal["auto"] | None = None
    out: Path | None = None
    until: str | None = None
    force: bool = False
    save: bool = True
    mode: Mode = "table"
    plugins: Sequence[str] = ()
    record: str | None = None

    @property
    def all_overrides(self) -> list[str]:
        """The overrides with those that have an option of their own."""
        own = [("seed", self.seed), ("execution.workers", self.workers), ("output.record", self.record)]
        return [*self.overrides, *(f"{key}={json.dumps(value)}" for key, value in own if value is not None)]


def run(path: Path, options: Options) -> int:
    """Run a scenario file; the exit code."""
    if options.out and not options.save:
        raise typer.BadParameter("--out says where to keep the results, and --no-save to keep none: give one of them")
    if options.record and not options.save:
        raise typer.BadParameter(
            "--record keeps rows in the results folder, and --no-save keeps none: give one of them"
        )
    path = find_scenario(path)
    scenario = load_scenario(path, options.all_overrides, plugins=options.plugins)
    goal = goal_of(options.until, scenario)
    try:
        if not options.save:
            return _perform(scenario, None, None, goal, options.mode)
        with claim(scenario, options.out) as folder:
            _refuse_or_clear(folder, options.force)
            return _perform(scenario, folder, folder.begin(), goal, options.mode)
    except ScenarioError as error:
        raise _placed(error, path, options.all_overrides) from error


def resume(path: Path, mode: Mode, until: str | None = None, kept_code: bool = False, other_code: bool = False) -> int:
    """Go on with a run that was interrupted; the exit code."""
    with reopen(path, kept_code=kept_code) as folder:
        goal = goal_of(until, folder.scenario)
        if folder.status == "finished":
            messages().print(f"{path} is finished: nothing to go on with", soft_wrap=True)
            return 0
        if folder.other_code and not other_code:
            copies = "run the copy that it kept with --kept-code, " if (path / PLUGINS).is_dir() else ""
            raise ResultsConflict(
                f"{path}: {folder.other_code}; put it back, {copies}or go on under the present code with --other-code"
            )
        return _perform(folder.scenario, folder, folder.begin(), goal, mode)


def _placed(error: ScenarioError, path: Path, overrides: Sequence[str]) -> ScenarioError:
    """What only the data could show to be wrong, at its place in the file or in the override that gave it."""
    text, (changes, _) = path.read_text(encoding="utf-8-sig"), read_overrides(overrides)
    told = [given_by(problem, changes) for problem in error.problems]
    return ScenarioError([each if each.origin else locate(each, text) for each in told], str(path), text)


def _refuse_or_clear(folder: RunFolder, force: bool) -> None:
    if folder.status == "new" or read_summary(folder.path).get("rounds_done") == 0:
        if folder.other_code:
            folder.clear()
        return  # nothing is lost where nothing was done
    if force:
        folder.clear()
    elif folder.other_code:
        raise ResultsConflict(
            f"{folder.path} holds this scenario, {folder.other_code}; keep both with --out, or replace it with --force"
        )
    elif folder.status == "finished":
        raise ResultsConflict(f"{folder.path} holds this very run, finished; run it again with --force")
    else:
        raise ResultsConflict(
            f"{folder.path} holds this run, interrupted; go on with `fedsim resume {quote(str(folder.path))}`, "
            "or start over with --force"
        )


def go_on(folder: RunFolder, mode: Mode) -> int:
    """Play what a folder's run still lacks; the exit code."""
    return _perform(folder.scenario, folder, folder.begin(), None, mode)


def _perform(scenario: Scenario, folder: RunFolder | None, state: State | None, goal: Goal | None, mode: Mode) -> int:
    """Play the run to its end, to its goal, or to Ctrl-C, and say what came of it."""
    from fedsim.engine import simulate  # and with it torch, once nothing is left that could be refused without

    history, begin = History(), time.perf_counter()
    if folder and state:
        consume(events_of(folder.path), history)
    screen = Screen(scenario, history, mode)
    screen.begin(*_notes(folder, state))
    simulation = simulate(scenario, resume=state, progress=screen.progress)
    screen.noting = lambda: simulation.note
    recorder = Recorder(folder, simulation)
    stopped = _play(simulation, recorder, history, screen, goal)
    _tell(screen, history, recorder, time.perf_counter() - begin, stopped)
    return INTERRUPTED if stopped == "interrupted" else 0


def _notes(folder: RunFolder | None, state: State | None) -> Iterable[str]:
    yield from (f"note     {note}" for note in (folder.notes if folder else ()))
    if state:
        yield f"resumed  after round {state.round}"


def _play(simulation: "Simulation", recorder: Recorder, history: History, screen: Screen, goal: Goal | None) -> str:
    """Why the run ended early, or nothing; whatever happens, what was done so far is kept."""
    reached = goal.reached if goal else lambda _: False
    with Stopping(screen.finishing) as stopping, simulation, screen:
        events = recorded(recorder, stopping.following(simulation), (history, screen), reached, screen.say)
        try:
            last = consume(events)
        except Interrupted:
            return "interrupted"
    if history.ended is not None:
        return ""
    return f"reached {goal}" if last and reached(last) else "interrupted"


def _tell(screen: Screen, history: History, recorder: Recorder, took: float, stopped: str) -> None:
    """The lines below the run."""
    begun, folder = history.started is not None, recorder.folder
    lines = closing(history, took, stopped) if begun else [Text("interrupted before the first round")]
    lines += told_apart(recorder.totals, folder.path if folder else None)
    show(lines, screen.console, apart=screen.mode == "table")
    if folder and history.rows and stopped != "interrupted":
        _draw(folder, history)
    if folder and stopped:
        show(to_go_on(folder.path, len(history.rows)), screen.console)
    elif folder:
        show(kept(folder.path, (METRICS, EVENTS, FIGURE)), screen.console)


def _draw(folder: RunFolder, history: History) -> None:
    from fedsim.report.figures import draw_run

    scenario, ended = folder.scenario, history.ended
    best, selected = (ended.best_round, ended.selected_round) if ended else (None, None)
    draw_run(folder.path / FIGURE, history.rows, scenario.question or scenario.name, best, selected)
