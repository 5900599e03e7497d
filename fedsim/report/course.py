"""How a run went: scores, losses and the weight on attackers over the rounds, as figures and as a table."""

import math
from collections.abc import Callable, Sequence

from fedsim.metrics.contract import STANDARD_SCORES, VALIDATION, reading_of
from fedsim.report.document import LONG_TABLE_ROWS, Column, Form, Key, Part, Picture, Table, evenly, shown, thinned
from fedsim.report.drawing import Line, draw_lines
from fedsim.report.run_read import RunRead
from fedsim.runs.metrics_file import FIRST_COLUMNS, LAST_COLUMNS
from fedsim.runs.rows import Row

MOST_POINTS = 400
"""Rounds that are drawn; of more, so many evenly chosen."""
MOST_LEAPS = 80
"""Points of a line that leaps from round to round; of more rounds means are drawn."""
WHOLE_NUMBERS = ("round", "sampled", "byzantine", "dropped", "late", "nonfinite")
NOT_SHOWN = ("digest",)
NamedRows = tuple[str, Sequence[Row]]


def course(run: RunRead) -> list[Part]:
    """The figures, then every round in a table."""
    rows = run.history.rows
    scored = [row for row in rows if row.accuracy is not None]
    pictures = [_shares(run, scored), _losses(rows)] if scored else []
    return [*pictures, *([_weights(rows)] if rows else []), rounds_table(run)]


def rounds_table(run: RunRead) -> Table:
    """metrics.csv as a table."""
    before, after = (
        [(name, *part[name]) for name in part if name not in NOT_SHOWN] for part in (FIRST_COLUMNS, LAST_COLUMNS)
    )
    names = run.history.started.scores if run.history.started else ()
    own = [(name, reading_of(name).words, _scores(name)) for name in names]
    columns = [(name, meaning, cell) for name, meaning, cell in (*before, *own, *after)]
    rows = tuple(tuple(cell(row) for *_, cell in columns) for row in run.history.rows)
    heads = tuple(Column(name, _form(name), meaning) for name, meaning, _ in columns)
    return thinned(Table("rounds", "Every round", heads, rows, folded=True), LONG_TABLE_ROWS)


def line_of(name: str, rows: Sequence[Row], cell: Callable[[Row], float | None], place: int) -> Line:
    """Numbers over rounds; a round without is passed over."""
    found = [(row.number, value) for row in rows if (value := cell(row)) is not None]
    chosen = [found[at] for at in evenly(len(found), MOST_POINTS)]
    return Line(name, [x for x, _ in chosen], [y for _, y in chosen], place)


def picture_of_lines(
    name: str,
    title: str,
    lines: Sequence[Line],
    y_label: str,
    span: tuple[float, float] | None = (0.0, 1.0),
    marks: Sequence[tuple[float, float, str]] = (),
    form: Form = "share",
    notes: Sequence[str] = (),
) -> Picture:
    """A figure of lines over the rounds with their numbers behind it."""
    rounds = sorted({x for line in lines for x in line.x})
    known = [dict(zip(line.x, line.y, strict=True)) for line in lines]
    rows = tuple((int(x), *(table.get(x) for table in known)) for x in rounds)
    columns = (Column("round", "count"), *(Column(line.name, form) for line in lines))
    table = thinned(Table(name, title, columns, rows), LONG_TABLE_ROWS)
    words = " ".join(_told(line, form) for line in lines)
    return Picture(
        name, title, f"{title} over the rounds. {words}", lambda: draw_lines(lines, y_label, span=span, marks=marks),
        table, tuple(Key(line.name, line.place) for line in lines), tuple(notes),
    )  # fmt: skip


def picture_of_runs(
    name: str, title: str, runs: Sequence[NamedRows], cell: Callable[[Row], float | None], y_label: str
) -> Picture:
    """The same share of several runs."""
    lines = [line_of(each, rows, cell, place) for place, (each, rows) in enumerate(runs)]
    return picture_of_lines(name, title, lines, y_label)


def weights_of(runs: Sequence[NamedRows]) -> Picture:
    """The weight on Byzantine rows of several runs."""
    together = rounds_together(max(rows[-1].number for _, rows in runs if rows))
    values = [[(row.number, row.weight) for row in rows] for _, rows in runs]
    lines = [
        steady(name, found, place, together) for place, ((name, _), found) in enumerate(zip(runs, values, strict=True))
    ]
    title = "Weight on Byzantine rows"
    return picture_of_lines("weight", title, [line for line in lines if line.x], "weight", notes=means_of(together))


def losses_of(runs: Sequence[NamedRows]) -> Picture:
    """The test losses of several runs."""
    cell = _finite(_scores("loss"))
    lines = [line_of(each, rows, cell, place) for place, (each, rows) in enumerate(runs)]
    return picture_of_lines("loss", "Test loss", lines, "test loss", None, form="number")


def _shares(run: RunRead, scored: Sequence[Row]) -> Picture:
    """Accuracy and the other scores that are shares, on test and on validation examples."""
    names = [name for name in (run.history.started.scores if run.history.started else ()) if _is_share(name)]
    order = sorted(names, key=lambda name: (name != "accuracy", name.startswith(VALIDATION)))
    lines = [line_of(_words(name), scored, _scores(name), place) for place, name in enumerate(order)]
    y_label = "accuracy" if len(order) == 1 else "share of the examples"
    return picture_of_lines("accuracy", "Accuracy", lines, y_label, marks=_marks(run, scored))


def _losses(rows: Sequence[Row]) -> Picture:
    """Losses on test, on validation and on the clients' own examples."""
    candidates: list[tuple[str, Callable[[Row], float | None]]] = [
        ("test loss", _scores("loss")), ("validation loss", _scores(f"{VALIDATION}loss")),
        ("training loss", lambda row: row.train_loss),
    ]  # fmt: skip
    lines = [line_of(name, rows, _finite(cell), place) for place, (name, cell) in enumerate(candidates)]
    return picture_of_lines("loss", "Loss", [line for line in lines if line.x], "loss", None, form="number")


def _weights(rows: Sequence[Row]) -> Picture:
    together = rounds_together(rows[-1].number)
    found = [
        ("their share of the rows", [(row.number, row.share) for row in rows]),
        ("weight on Byzantine rows", [(row.number, row.weight) for row in rows]),
    ]
    lines = [steady(name, values, place, together) for place, (name, values) in enumerate(found)]
    note = "weight: the part of the aggregate that went to attackers; above their share, the rule favours them"
    title = "Weight on Byzantine rows"
    return picture_of_lines("weight", title, lines, "share", notes=(note, *means_of(together)))


def rounds_together(last: int) -> int:
    """How many rounds are averaged to a point, so that what leaps from round to round can be seen at all."""
    return math.ceil(last / MOST_LEAPS)


def steady(name: str, values: Sequence[tuple[int, float]], place: int, together: int) -> Line:
    """Means over so many rounds each, at the middle one; steps where every round is its own."""
    groups: dict[int, list[float]] = {}
    for number, value in values:
        groups.setdefault((number - 1) // together, []).append(value)
    x = [group * together + (together + 1) // 2 for group in groups]
    return Line(name, x, [sum(each) / len(each) for each in groups.values()], place, steps=together == 1)


def means_of(together: int) -> tuple[str, ...]:
    """What is said below a figure whose points are means."""
    return (f"each point is the mean over {together} rounds",) if together > 1 else ()


def _marks(run: RunRead, scored: Sequence[Row]) -> list[tuple[float, float, str]]:
    """The rounds that the best and the selected accuracy are of."""
    known = {row.number: row.accuracy for row in scored if row.accuracy is not None}
    ended = run.history.ended
    best, selected = (ended.best_round, ended.selected_round) if ended else (None, None)
    words = {best: "best", selected: "selected"} if best != selected else {best: "best and selected"}
    return [(at, known[at], word) for at, word in words.items() if at is not None and at in known]


def _told(line: Line, form: Form) -> str:
    """A line in a sentence."""
    if not line.x:
        return f"{line.name}: nothing on record."
    finite = [(y, x) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(y)]
    if not finite:
        return f"{line.name}: never finite."
    (least, at_least), (most, at_most) = min(finite), max(finite, key=lambda each: each[0])
    ends = f"from {shown(line.y[0], form)} in round {int(line.x[0])} to {shown(line.y[-1], form)} in {int(line.x[-1])}"
    extremes = f"least {shown(least, form)} in round {int(at_least)}, greatest {shown(most, form)} in {int(at_most)}"
    return f"{line.name}: {ends}; {extremes}."


def _scores(name: str) -> Callable[[Row], float | None]:
    return lambda row: row.scores.get(name)


def _finite(cell: Callable[[Row], float | None]) -> Callable[[Row], float | None]:
    """What is not finite cannot be drawn."""

    def finite(row: Row) -> float | None:
        value = cell(row)
        return value if value is not None and math.isfinite(value) else None

    return finite


def _is_share(name: str) -> bool:
    return name.removeprefix(VALIDATION) != "loss" and reading_of(name).form == "share"


def _words(name: str) -> str:
    """A score with the examples that it is of."""
    plain = name.removeprefix(VALIDATION)
    where = "validation" if name != plain else "test"
    return f"{where} {plain if plain in STANDARD_SCORES else reading_of(plain).words}"


def _form(name: str) -> Form:
    if name in WHOLE_NUMBERS:
        return "count"
    if name == "byzantine_weight":
        return "share"
    if name in (*FIRST_COLUMNS, *LAST_COLUMNS):
        return "word" if name == "skipped" else "number"
    found = reading_of(name).form
    return "share" if found == "share" else "count" if found == "count" else "number"
