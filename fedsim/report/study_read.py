"""The cells of a study as a report needs them: each run read once, and only little of it kept."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fedsim.array_types import Progress
from fedsim.errors import FedsimError
from fedsim.report.repeating import phases_of
from fedsim.report.run_read import RunRead, read_run
from fedsim.runs.summary_file import read_summary
from fedsim.scenario.capabilities import capabilities
from fedsim.study.analysis import Analysis
from fedsim.study.plan import SEED
from fedsim.study.questions import SCORE_KINDS
from fedsim.study.results import Study


@dataclass(frozen=True)
class CellRead:
    """What is kept of a finished cell."""

    labels: Mapping[str, str]
    folder: str
    wrong: tuple[str, ...]
    course: Mapping[int, float]  # the score by round
    seconds: Mapping[str, float]  # by phase
    broken: int  # rounds with more attackers than the server is set up to bear


@dataclass(frozen=True)
class StudyRead:
    """A study, its finished cells, and the whole of its first run."""

    study: Study
    cells: tuple[CellRead, ...]
    unreadable: tuple[str, ...]  # finished cells that could not be read, and why
    first: RunRead | None
    capabilities: tuple[str, ...]  # of every attack that occurs

    @cached_property
    def analysis(self) -> Analysis:
        """The statistics of the study."""
        study = self.study
        return Analysis(study.records, study.axes, study.questions, [place.labels for place in study.places])

    @property
    def course_score(self) -> str:
        """The metric whose course is that of the score asked for."""
        return course_score(self.study)

    @property
    def settings(self) -> list[str]:
        """The axes whose levels have an order of their own, or that are neither compared nor the attacks'."""
        questions, axes = self.study.questions, self.study.axes
        named = (questions.compare, questions.worst_over)
        return [name for name in self.analysis.names if name not in named or all(map(is_number, axes[name]))]

    def summaries(self) -> Iterator[tuple[Mapping[str, str], Mapping[str, Any]]]:
        """The labels and the summary of every finished cell."""
        for cell in self.cells:
            yield cell.labels, read_summary(self.study.folder / cell.folder)


def read_study(study: Study, progress: Progress, *, kept_code: bool = False) -> StudyRead:
    """Read every finished cell; a run that serves several is read once."""
    finished = {record["folder"] for record in study.records}
    places = [place for place in study.places if place.folder in finished]
    known: dict[str, CellRead | str] = {}
    first: RunRead | None = None
    cells, able = list[CellRead](), dict[str, None]()
    unreadable = dict.fromkeys(_damaged(study, finished))
    for number, place in enumerate(places):
        progress("reading cells", number, len(places))
        if place.folder not in known:
            read = _read(study.folder / place.folder, kept_code)
            first = first or (read if isinstance(read, RunRead) else None)
            able |= dict.fromkeys(_able(read)) if isinstance(read, RunRead) else {}
            known[place.folder] = read if isinstance(read, str) else _kept(study, place.folder, read)
        found = known[place.folder]
        if isinstance(found, str):
            unreadable[found] = None
        else:
            cells.append(CellRead(place.labels, *_rest(found)))
    return StudyRead(study, tuple(cells), tuple(unreadable), first, tuple(able))


def course_score(study: Study) -> str:
    """Final, selected and best are accuracies; any other score is a metric with a course of its own."""
    return "accuracy" if study.questions.score in SCORE_KINDS else study.questions.score


def seeds_of(cells: Sequence[CellRead], labels: Mapping[str, str]) -> list[CellRead]:
    """The cells with these labels, one a seed."""
    return [cell for cell in cells if all(cell.labels[name] == label for name, label in labels.items() if name != SEED)]


def is_number(text: str) -> bool:
    """Whether a level is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _damaged(study: Study, finished: set[str]) -> Iterator[str]:
    """Cells that say that they are finished and have no numbers all the same."""
    for folder in dict.fromkeys(place.folder for place in study.places):
        if folder not in finished and read_summary(study.folder / folder).get("status") == "finished":
            yield f"{folder}: its summary is damaged, or that of another scenario"


def _read(folder: Path, kept_code: bool) -> RunRead | str:
    """The run, or why it cannot be read."""
    try:
        return read_run(folder, kept_code=kept_code)
    except FedsimError as error:
        return str(error).splitlines()[0]


def _able(run: RunRead) -> list[str]:
    return [each.text for each in capabilities(run.scenario)]


def _kept(study: Study, folder: str, run: RunRead) -> CellRead:
    name = course_score(study)
    course = {row.number: value for row in run.history.rows if (value := row.scores.get(name)) is not None}
    seconds = {phase: sum(values) for phase, values in phases_of(run.seconds)[0].items()}
    return CellRead({}, folder, run.wrong, course, seconds, sum(row.broken for row in run.history.rows))


def _rest(cell: CellRead) -> tuple[Any, ...]:
    return cell.folder, cell.wrong, cell.course, cell.seconds, cell.broken
