"""The tables of a study: means over seeds, paired differences, worst cases and ranks, as data, Markdown and HTML."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fedsim.metrics.contract import reading_of
from fedsim.scenario.toml_values import NOTHING
from fedsim.study.analysis import Analysis
from fedsim.study.plan import SEED
from fedsim.study.questions import SCORE_KINDS, Questions
from fedsim.study.statistics import Estimate

ONE_SEED = "one seed: no interval, and no way to tell a difference from chance"
SMALLEST_P = 0.001


@dataclass(frozen=True)
class Table:
    """A table with what must be said below it."""

    name: str  # of its file
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # as they are shown
    numbers: tuple[Mapping[str, Any], ...]  # the same in full, for files
    notes: tuple[str, ...] = ()

    def records(self) -> list[Mapping[str, Any]]:
        """A record a row, with every digit."""
        return list(self.numbers)


def study_tables(
    records: Sequence[Mapping[str, Any]],
    axes: Mapping[str, Sequence[str]],
    questions: Questions,
    planned: Sequence[Mapping[str, str]],
) -> list[Table]:
    """Every table that the records allow of the cells that are planned; what a number is, is said beside it."""
    analysis, cells = Analysis(records, axes, questions, planned), len(planned)
    found = [_means(analysis, len(records), cells), _differences(analysis), _worst_cases(analysis), _ranks(analysis)]
    return [table for table in found if table is not None]


def _means(analysis: Analysis, done: int, cells: int) -> Table:
    """Rules down and attacks across where there are both; else a line a condition."""
    down, across = analysis.questions.compare, analysis.questions.worst_over
    found = list(analysis.estimates())
    numbers = tuple({**labels, **_numbers(each)} for labels, each in found)
    seeds = len(analysis.axes[SEED])
    notes = [f"{_meaning(analysis.questions)}; {_interval(analysis.questions, seeds)}"]
    notes += [f"{done} of {cells} cells are finished"] if done < cells else []
    notes += _missing(analysis, done)
    title = f"mean {analysis.questions.score} over {seeds} seed{'' if seeds == 1 else 's'}"
    if not (down and across):
        columns = (*analysis.names, analysis.questions.score, "seeds")
        rows = [(*labels.values(), _shown(each, analysis), str(each.count)) for labels, each in found]
        return Table("means", title, columns, tuple(rows), numbers, tuple(notes))
    cell = {tuple(labels.items()): _shown(each, analysis) for labels, each in found}
    rest = [name for name in analysis.names if name not in (down, across)]
    rows = []
    for condition in analysis.without(down, across):
        for level in analysis.axes[down]:
            labels = [{**condition, down: level, across: other} for other in analysis.axes[across]]
            keys = [tuple((name, each[name]) for name in analysis.names) for each in labels]
            rows.append((*condition.values(), level, *(cell.get(key, NOTHING) for key in keys)))
    columns = (*rest, f"{down} \\ {across}", *analysis.axes[across])
    return Table("means", title, columns, tuple(rows), numbers, tuple(notes))


def _differences(analysis: Analysis) -> Table | None:
    found = analysis.differences()
    if not found:
        return None
    axis, reference = analysis.questions.compare, found[0].reference
    rest = [name for name in analysis.names if name != axis]
    rows = [
        (*each.condition.values(), each.variant, _shown(each.difference.estimate, analysis, sign="+"),
         _number(each.difference.effect), _p(each.difference.holm), str(each.difference.estimate.count))
        for each in found
    ]  # fmt: skip
    numbers = tuple(
        {**each.condition, axis: each.variant, "reference": reference, **_numbers(each.difference.estimate),
         "effect": each.difference.effect, "p": each.difference.p, "p_holm": each.difference.holm}
        for each in found
    )  # fmt: skip
    tests = sum(each.difference.p is not None for each in found)
    notes = [
        f"{_meaning(analysis.questions)}, minus that of {reference} with the same seed; d: mean over deviation of the "
        f"differences; p: paired t test, Holm's correction for {tests} comparison{'' if tests == 1 else 's'}"
    ]
    notes += [ONE_SEED] if not tests and len(analysis.axes[SEED]) == 1 else []
    columns = (*rest, axis, f"minus {reference}", "d", "p (Holm)", "seeds")
    return Table("differences", f"paired differences to {reference}", columns, tuple(rows), numbers, tuple(notes))


def _worst_cases(analysis: Analysis) -> Table | None:
    found = analysis.worst_cases()
    if not found:
        return None
    compare, over = analysis.questions.compare, analysis.questions.worst_over
    rest = [name for name in analysis.names if name not in (compare, over)]
    own = [compare] if compare else []
    rows = [
        (*each.condition.values(), *([each.variant] if compare else []), _shown(each.estimate, analysis), each.attack,
         _number(each.spread), "best" if each.wins else "")
        for each in found
    ]  # fmt: skip
    numbers = tuple(
        {**each.condition, **({compare: each.variant} if compare else {}), **_numbers(each.estimate),
         "worst": each.attack, "spread": each.spread, "wins": each.wins}
        for each in found
    )  # fmt: skip
    note = f"{_meaning(analysis.questions)}: each seed's worst over {over}, then the mean; worst: the {over} of the "
    note += "worst mean; spread: between the best mean and the worst"
    columns = (*rest, *own, "worst case", "worst", "spread", "max–min")
    return Table("worst", f"worst case over {over}", columns, tuple(rows), numbers, (note,))


def _ranks(analysis: Analysis) -> Table | None:
    levels, found = analysis.ranks()
    if found is None:
        return None
    order = sorted(range(len(levels)), key=lambda place: found.mean[place])
    rows = tuple((levels[place], f"{found.mean[place]:.2f}") for place in order)
    names = analysis.questions.compare
    numbers = tuple({names: levels[place], "rank": found.mean[place]} for place in order)
    note = f"1 is the best; over {found.conditions} condition{'' if found.conditions == 1 else 's'}, each a mean over "
    note += "its seeds"
    if found.critical_difference is not None:
        note += f"; Nemenyi's critical difference {found.critical_difference:.2f}: nearer ranks are not told apart"
    note += f"; Friedman's p {_p(found.p)}" if found.p is not None else ""
    return Table("ranks", f"mean rank of {names}", (names, "rank"), rows, numbers, (note,))


def _meaning(questions: Questions) -> str:
    return f"{questions.score}: {questions.meaning}"


def _interval(questions: Questions, seeds: int) -> str:
    if seeds == 1:
        return ONE_SEED
    if questions.interval == "t":
        return f"±: 95 % t interval over {seeds} seeds"
    return f"in brackets: 95 % bootstrap interval over {seeds} seeds"


def _missing(analysis: Analysis, done: int) -> Iterator[str]:
    scored = sum(each.count for _, each in analysis.estimates())
    if scored < done:
        yield f"{done - scored} finished cells have no {analysis.questions.score}: they are left out"


def _numbers(found: Estimate) -> dict[str, Any]:
    names = ("mean", "low", "high", "deviation", "count")
    return {("seeds" if name == "count" else name): getattr(found, name) for name in names}


def _shown(found: Estimate, analysis: Analysis, sign: str = "") -> str:
    score = analysis.questions.score
    form = "share" if score in SCORE_KINDS else reading_of(score).form
    digits = f"{sign}.3f" if form == "share" else f"{sign}.4g"
    if found.low is None or found.high is None:
        return f"{found.mean:{digits}}"
    if analysis.questions.interval == "bootstrap":
        return f"{found.mean:{digits}} [{found.low:{digits}}, {found.high:{digits}}]"
    return f"{found.mean:{digits}} ±{(found.high - found.low) / 2:{digits.lstrip('+')}}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"


def _p(value: float | None) -> str:
    return NOTHING if value is None else f"<{SMALLEST_P}" if value < SMALLEST_P else f"{value:.3f}"


def as_markdown(table: Table) -> str:
    """A table of GitHub's Markdown with its title and notes."""
    lines = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"## {table.title}\n\n{body}\n\n" + "".join(f"{note}.\n\n" for note in table.notes)


def as_html(table: Table) -> str:
    """A table of HTML with its title and notes."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in table.columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in table.rows)
    notes = "".join(f"<p>{html.escape(note)}.</p>" for note in table.notes)
    caption = f"<caption>{html.escape(table.title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"
