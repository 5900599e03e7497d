"""The worst case of every variant by a setting that is varied: by f, by heterogeneity, by whatever an axis says."""

from collections.abc import Mapping, Sequence
from functools import partial

from fedsim.report.document import Column, Key, Picture, Table, shown
from fedsim.report.drawing import Line, draw_lines
from fedsim.report.study_figures import ONE_SEED, form_of, told_of
from fedsim.report.study_read import StudyRead, is_number
from fedsim.study.analysis import WorstAt


def worst_by(read: StudyRead, axis: str) -> Picture | None:
    """The worst case of each variant at each level of an axis, over all others; None where no seed has all cells."""
    found = read.analysis.worst_at(axis)
    if not found:
        return None
    questions, form = read.study.questions, form_of(read)
    over = [name for name in read.analysis.names if name not in (axis, questions.compare)]
    kind = f"worst {questions.score} over {' and '.join(over)}" if over else f"mean {questions.score}"
    title, table = f"{kind}, by {axis}", _table(read, axis, kind, found, bool(over))
    ticks = _places(read.analysis.axes[axis])
    lines = _lines(found, dict(zip(read.analysis.axes[axis], ticks, strict=True)))
    span = (0.0, 1.0) if form == "share" else None
    named = sorted(zip(ticks, read.analysis.axes[axis], strict=True))
    draw = partial(draw_lines, lines, questions.score, axis, span, (), named)
    words = "; ".join(f"{row[0]} at {row[1]}: {shown(row[2])}" for row in table.rows)
    keys = tuple(Key(line.name, line.place) for line in lines)
    return Picture(table.name, title, f"{title}. {words}.", draw, table, keys, table.notes)


def _table(read: StudyRead, axis: str, kind: str, found: Sequence[WorstAt], is_worst: bool) -> Table:
    questions, form = read.study.questions, form_of(read)
    compared = questions.compare if questions.compare != axis else ""
    columns = [
        Column(compared or "study"),
        Column(axis),
        Column(kind, form),
        Column("worst at"),
        Column("seeds", "count"),
    ]
    rows = tuple(
        (each.variant or read.study.name, each.level, told_of(each.estimate, form, questions.interval),
         ", ".join(each.where.values()), each.estimate.count)
        for each in found
    )  # fmt: skip
    bounded = any(each.estimate.low is not None for each in found)
    note = f"{questions.score}: {questions.meaning}{'; of each seed the worst, then the mean' if is_worst else ''}"
    note += "; band: 95 % interval over seeds" if bounded else f"; {ONE_SEED}"
    name = f"worst-by-{read.analysis.names.index(axis) + 1}-{_slug(axis)}"
    return Table(name, f"{kind}, by {axis}", tuple(columns), rows, (note,))


def _places(levels: Sequence[str]) -> list[float]:
    """Where the levels stand on the axis: numbers at their own place, names one after another."""
    return [float(level) for level in levels] if all(map(is_number, levels)) else [float(n) for n in range(len(levels))]


def _lines(found: Sequence[WorstAt], at: Mapping[str, float]) -> list[Line]:
    lines = []
    for place, variant in enumerate(dict.fromkeys(each.variant for each in found)):
        own = sorted((each for each in found if each.variant == variant), key=lambda each: at[each.level])
        means = [each.estimate.mean for each in own]
        bounded = any(each.estimate.low is not None for each in own)
        low = [mean if each.estimate.low is None else each.estimate.low for each, mean in zip(own, means, strict=True)]
        high = [
            mean if each.estimate.high is None else each.estimate.high for each, mean in zip(own, means, strict=True)
        ]
        low, high = (low, high) if bounded else ([], [])
        lines.append(Line(variant or "all", [at[each.level] for each in own], means, place, low, high, dots=True))
    return lines


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in text.lower()).strip("-")
