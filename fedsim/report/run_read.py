"""A run as a report needs it: everything that stands in its folder, read once, whole or not, and whether it agrees."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fedsim.atomic_files import read_plain
from fedsim.clean_text import one_line
from fedsim.errors import ResultsConflict
from fedsim.events import Event, RoundEnded, RoundStarted, RunStarted
from fedsim.metrics.contract import VALIDATION, metrics
from fedsim.report.document import Notice
from fedsim.runs.code_record import Code, recorded_code
from fedsim.runs.consistency import inconsistencies, outline
from fedsim.runs.fork_file import Fork, read_fork
from fedsim.runs.history import History
from fedsim.runs.inventory import SCENARIO
from fedsim.runs.ledger import Ledger
from fedsim.runs.ledger_rounds import RoundCounts
from fedsim.runs.ledger_totals import Totals
from fedsim.runs.listing import ListedRun
from fedsim.runs.partition_file import Holdings, read_partition
from fedsim.runs.reading import MOST_SCENARIO, events_of, read_scenario
from fedsim.runs.summary_file import read_summary
from fedsim.scenario.sections import Scenario

MOST_SHOWN = 60
"""Letters of a value that does not agree."""


class Seconds(NamedTuple):
    """Wall clock of one round."""

    whole: float
    training: float
    aggregation: float
    evaluation: float


@dataclass
class RunRead:
    """A run that was read; of an unfinished one as much as there is."""

    folder: Path
    scenario: Scenario
    text: str  # of the resolved scenario
    summary: dict[str, Any]
    holdings: Holdings | None
    code: Code | None
    fork: Fork | None
    wrong: tuple[str, ...]  # files that do not agree with the events on record, and how
    history: History = field(default_factory=History)
    totals: Totals = field(default_factory=Totals)
    counts: list[RoundCounts] = field(default_factory=list)
    seconds: list[Seconds] = field(default_factory=list)
    attackers: set[int] = field(default_factory=set)  # clients that were seen to attack

    @property
    def status(self) -> str:
        """`finished`, or how it was left; `damaged` where its summary cannot be read."""
        return ListedRun(self.folder, self.summary).status

    @property
    def done(self) -> int:
        """Whole rounds on record."""
        return len(self.history.rows)

    def table(self, key: str) -> dict[str, Any]:
        """A table of the summary; empty where there is none."""
        found = self.summary.get(key)
        return found if isinstance(found, dict) else {}


def read_run(folder: Path, *, kept_code: bool = False) -> RunRead:
    """Read it; ResultsConflict where there is no run that can be read."""
    scenario = read_scenario(folder, kept_code=kept_code)
    text = read_plain(folder / SCENARIO, MOST_SCENARIO).decode()
    holdings, trouble = _holdings(folder)
    wrong = (*trouble, *disagreements(folder, scenario))
    run = RunRead(
        folder, scenario, text, read_summary(folder), holdings, recorded_code(folder), read_fork(folder), wrong
    )
    ledger = Ledger(scenario, run.fork.at if run.fork else 0)
    for event in events_of(folder):
        if isinstance(event, RunStarted):
            _check_scores(folder, event.scores)
        run.history(event)
        _follow(run, event)
        if (page := ledger(event)) is not None:
            run.totals.add(page)
            run.counts.append(RoundCounts.of(page))
    return run


def disagreements(folder: Path, scenario: Scenario) -> list[str]:
    """What in the folder does not follow from the events on record, in words."""
    found = inconsistencies(folder, scenario, outline(folder))
    return [
        f"{each.file}{f', {each.field}' if each.field else ''}: {_short(each.recorded)} in place of {_short(each.now)}"
        for each in found
    ]


def notices_of(run: RunRead) -> list[Notice]:
    """What must be known first: a run without an end, a folder that was changed, rounds of another run."""
    found = [Notice("warning", f"The folder does not agree with its own events: {each}.") for each in run.wrong]
    if run.status != "finished":
        rounds = f"{run.done:,} of {run.scenario.rounds:,} rounds are on record"
        found.append(Notice("warning", f"The run is {_state(run.status)}: {rounds}, and no number here is final."))
    if run.fork:
        changes = ", ".join(run.fork.changes) or "nothing"
        text = f"A fork of {run.fork.run}: its first {run.fork.at:,} rounds are that run's; changed: {changes}."
        found.append(Notice("note", text))
    if broken := sum(row.broken for row in run.history.rows):
        rounds = f"In {broken:,} of {run.done:,} rounds"
        found.append(Notice("note", f"{rounds} more attackers came than the server is set up to bear."))
    return found


def _state(status: str) -> str:
    words = {"running": "still going on", "damaged": "without a readable summary", "stopped": "stopped early"}
    return words.get(status, status)


def _check_scores(folder: Path, names: Sequence[str]) -> None:
    """ResultsConflict where the events name a score that nobody knows how to read."""
    for name in names:
        if name.removeprefix(VALIDATION) not in metrics:
            raise ResultsConflict(f"{folder}: its events name a score that is not known here: {one_line(name)}")


def _follow(run: RunRead, event: Event) -> None:
    if isinstance(event, RoundStarted):
        run.attackers.update(event.byzantine)
    elif isinstance(event, RoundEnded):
        parts = (event.training_seconds, event.aggregation_seconds, event.evaluation_seconds)
        run.seconds.append(Seconds(event.seconds, *parts))


def _holdings(folder: Path) -> tuple[Holdings | None, Sequence[str]]:
    try:
        return read_partition(folder), ()
    except ResultsConflict as error:
        return None, (str(error),)


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
