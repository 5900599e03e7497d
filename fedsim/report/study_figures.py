"""The figures of a study: heat maps, and curves with bands over seeds."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

from fedsim.metrics.contract import reading_of
from fedsim.report.course import MOST_POINTS
from fedsim.report.document import (
    LONG_TABLE_ROWS,
    Cell,
    Column,
    Form,
    Key,
    Picture,
    Table,
    Told,
    evenly,
    shown,
    thinned,
)
from fedsim.report.drawing import Line, draw_lines
from fedsim.report.heat import draw_squares, shade
from fedsim.report.study_read import StudyRead, seeds_of
from fedsim.scenario.toml_values import NOTHING
from fedsim.study.questions import SCORE_KINDS
from fedsim.study.statistics import Estimate

MOST_PANELS = 24
"""Figures of curves on a page."""
Grid = list[list[Estimate | None]]
BAND = "line: mean over the seeds; band: from the lowest to the highest of them"
ONE_SEED = "one seed: no band, and no way to tell a difference from chance"


def heat_maps(read: StudyRead) -> list[Picture]:
    """Variants down, attacks across, for every condition of the other axes."""
    analysis, questions = read.analysis, read.study.questions
    down, across = questions.compare, questions.worst_over
    if not (down and across):
        return []
    span = span_of(read)
    found = {tuple(sorted(labels.items())): each for labels, each in analysis.estimates()}
    pictures = []
    for number, condition in enumerate(analysis.without(down, across), 1):
        grid = [
            [
                found.get(tuple(sorted({**condition, down: row, across: column}.items())))
                for column in analysis.axes[across]
            ]
            for row in analysis.axes[down]
        ]
        pictures.append(_heat_map(read, f"heat-{number}", condition, grid, span))
    return pictures


def _heat_map(
    read: StudyRead, name: str, condition: Mapping[str, str], grid: Grid, span: tuple[float, float]
) -> Picture:
    analysis, questions, form = read.analysis, read.study.questions, form_of(read)
    rows, columns = list(analysis.axes[questions.compare]), list(analysis.axes[questions.worst_over])
    title = f"{questions.score} by {questions.compare} and {questions.worst_over}{_where(condition)}"
    cells = [[told_of(each, form, questions.interval) for each in line] for line in grid]
    values = [[math.nan if each is None else each.mean for each in line] for line in grid]
    heads = (Column(f"{questions.compare} \\ {questions.worst_over}"), *(Column(column, form) for column in columns))
    seeds = len(analysis.axes["seed"])
    interval = "one seed: no interval" if seeds == 1 else f"±: 95 % {questions.interval} interval over {seeds} seeds"
    records = tuple(
        {**condition, questions.compare: row, questions.worst_over: column, **_record(grid[y][x])}
        for y, row in enumerate(rows) for x, column in enumerate(columns) if grid[y][x]
    )  # fmt: skip
    table = Table(
        name, title, heads, tuple((row, *line) for row, line in zip(rows, cells, strict=True)),
        (f"{questions.score}: {questions.meaning}; mean over seeds; {interval}",),
        tuple(("", *(shade(value, span) for value in line)) for line in values), records=records,
    )  # fmt: skip
    words = [[shown(None if math.isnan(value) else value, form) for value in line] for line in values]
    draw = partial(draw_squares, values, words, rows, columns, (questions.compare, questions.worst_over), span)
    described = "; ".join(f"{row}: {_listed(columns, line)}" for row, line in zip(rows, words, strict=True))
    return Picture(name, title, f"{title}. {described}.", draw, table, as_table=True)


def curves(read: StudyRead) -> tuple[list[Picture], int]:
    """A figure for each attack with a line for each variant; and how many figures there is no room for."""
    analysis, questions = read.analysis, read.study.questions
    own = questions.compare or questions.worst_over or next(iter(analysis.names), "")
    conditions = analysis.without(own) if own else analysis.without()
    pictures = [_curves(read, own, condition, number) for number, condition in enumerate(conditions[:MOST_PANELS], 1)]
    return [picture for picture in pictures if picture], max(len(conditions) - MOST_PANELS, 0)


def _curves(read: StudyRead, own: str, condition: Mapping[str, str], number: int) -> Picture | None:
    levels = read.analysis.axes[own] if own else ("all",)
    lines = []
    for place, level in enumerate(levels):
        labels = {**condition, own: level} if own else dict(condition)
        courses = [cell.course for cell in seeds_of(read.cells, labels)]
        if line := band(level, courses, place):
            lines.append(line)
    if not lines:
        return None
    score, form = read.course_score, form_of(read)
    words = f"test {score}" if score == "accuracy" else reading_of(score).words
    title = f"{words}{_where(condition)}"
    span = (0.0, 1.0) if form == "share" else None
    name = f"curve-{number}"
    told = " ".join(f"{line.name}: {shown(line.y[-1], form)} in round {int(line.x[-1])}." for line in lines)
    return Picture(
        name, title, f"Mean {words} over the rounds{_where(condition)}. {told}",
        partial(draw_lines, lines, words, span=span), _behind(name, title, lines, form),
        tuple(Key(line.name, line.place) for line in lines),
        (BAND if any(line.low for line in lines) else ONE_SEED,),
    )  # fmt: skip


def band(name: str, courses: Sequence[Mapping[int, float]], place: int) -> Line | None:
    """The mean of several courses with its least and greatest, in the rounds that all of them have."""
    shared = set.intersection(*(set(course) for course in courses)) if courses else set()
    rounds = sorted(number for number in shared if all(math.isfinite(course[number]) for course in courses))
    rounds = [rounds[at] for at in evenly(len(rounds), MOST_POINTS)]
    if not rounds:
        return None
    values = [[course[number] for course in courses] for number in rounds]
    mean = [math.fsum(each) / len(each) for each in values]
    if len(courses) == 1:
        return Line(name, rounds, mean, place)
    return Line(name, rounds, mean, place, tuple(map(min, values)), tuple(map(max, values)))


def span_of(read: StudyRead) -> tuple[float, float]:
    """Of the colours: from nothing to everything for shares, else what there is."""
    means = [found.mean for _, found in read.analysis.estimates() if math.isfinite(found.mean)]
    if not means or all(0 <= mean <= 1 for mean in means):
        return 0.0, 1.0
    return min(means), max(means)


def form_of(read: StudyRead) -> Form:
    """How the score is written."""
    score = read.study.questions.score
    return "share" if score in SCORE_KINDS or reading_of(score).form == "share" else "number"


def _behind(name: str, title: str, lines: Sequence[Line], form: Form) -> Table:
    columns = [Column("round", "count")]
    for line in lines:
        columns += [Column(line.name, form)]
        columns += [Column(f"{line.name} {end}", form) for end in ("low", "high")] if line.low else []
    rows = []
    for number in sorted({x for line in lines for x in line.x}):
        row: list[Cell] = [int(number)]
        for line in lines:
            at = list(line.x).index(number) if number in line.x else None
            parts = (line.y, line.low, line.high) if line.low else (line.y,)
            row += [None if at is None else part[at] for part in parts]
        rows.append(tuple(row))
    return thinned(Table(name, title, tuple(columns), tuple(rows)), LONG_TABLE_ROWS)


def told_of(found: Estimate | None, form: Form, interval: str) -> Cell:
    """A mean with its interval beside it; nothing where there is none."""
    if found is None:
        return None
    mean = shown(found.mean, form)
    if found.low is None or found.high is None:
        return Told(mean, found.mean)
    if interval == "bootstrap":
        return Told(f"{mean} [{shown(found.low, form)}, {shown(found.high, form)}]", found.mean)
    return Told(f"{mean} ±{shown((found.high - found.low) / 2, form)}", found.mean)


def _record(found: Estimate | None) -> dict[str, float | int | None]:
    if found is None:
        return {}
    return {
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "deviation": found.deviation,
        "seeds": found.count,
    }


def _where(condition: Mapping[str, str]) -> str:
    words = ", ".join(f"{name} = {label}" for name, label in condition.items() if name != "seed")
    return f", {words}" if words else ""


def _listed(names: Sequence[str], words: Sequence[str]) -> str:
    return ", ".join(f"{word} against {name}" for name, word in zip(names, words, strict=True) if word != NOTHING)
