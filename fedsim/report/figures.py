"""Figures of finished runs; the only room that knows matplotlib.

Colours are Okabe and Ito's, which people with any kind of colour vision can tell apart; dashes tell lines apart where
there is no colour, and lines carry their names at their ends in place of a legend.
"""

import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from fedsim.atomic_files import write_whole
from fedsim.clean_text import one_line
from fedsim.metrics.contract import STANDARD_SCORES, VALIDATION, reading_of
from fedsim.report.labels import GREY, End, Label, label_ends, label_points
from fedsim.runs.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000",
)  # fmt: skip
COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK)
OTHERS = (GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Of scores beside the accuracy and the loss, which have the first two colours."""
STYLES = ("-", "--", "-.", ":")
INCHES = (8.0, 5.4)
DOTS = 150
LEGEND = 4
"""Names in a line of the legend."""
LONGEST_NAME = 40
"""Letters of a name at a line's end."""
BLOWN_UP = 20
"""Losses whose greatest is this many times their least are drawn on a logarithmic scale, or it would hide the rest."""


def draw_run(path: Path, rows: Sequence[Row], title: str, best: int | None = None, selected: int | None = None) -> None:
    """Accuracy and loss over the rounds, the weight on Byzantine rows below; best and selected rounds marked."""
    figure, (upper, lower) = _panels()
    upper.set_title(fitted(title), loc="left", fontsize=11)
    scored = [row for row in rows if row.accuracy is not None]
    _draw_scores(upper, scored)
    _draw_shares(figure, upper, scored)
    _draw_weights(lower, rows)
    _mark(figure, upper, scored, _marks(best, selected))
    save(figure, path)


def draw_comparison(
    path: Path, runs: Sequence[tuple[str, Sequence[Row]]], title: str, *, over_time: bool = False
) -> None:
    """The accuracies of several runs over one another, their weights on Byzantine rows below.

    Over the rounds, or over the simulated seconds, on which steps of servers that do not wait can be compared.
    """
    figure, (upper, lower) = _panels()
    upper.set_title(fitted(title), loc="left", fontsize=11)
    ends = []
    for place, (name, rows) in enumerate(runs):
        colour, style = COLOURS[place % len(COLOURS)], STYLES[place % len(STYLES)]
        width = max(2.6 - 0.4 * place, 1.0)  # a line on top of another does not hide it
        scored = [(_along(row, over_time), row.accuracy) for row in rows if row.accuracy is not None]
        if scored:
            upper.plot(*zip(*scored, strict=True), color=colour, linestyle=style, linewidth=width)
            ends.append(End(*scored[-1], fitted(name, LONGEST_NAME), colour))
        lower.plot(
            [_along(row, over_time) for row in rows],
            [row.weight for row in rows],
            color=colour,
            linestyle=style,
            linewidth=0.6 * width,
        )
    upper.set_ylim(0, 1)
    upper.set_ylabel("test accuracy")
    _finish_weights(lower)
    if over_time:
        lower.set_xlabel("simulated seconds")
    label_ends(figure, upper, ends)
    save(figure, path)


def _along(row: Row, over_time: bool) -> float:
    """Where a round stands from left to right."""
    return row.time if over_time else row.number


def save(figure: "Figure", path: Path) -> None:
    """Draw into memory first: what stands at the path is replaced, never drawn into."""
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=DOTS)
    write_whole(path, picture.getvalue())


def _panels() -> tuple["Figure", tuple["Axes", "Axes"]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    for axes in (upper, lower):
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, (upper, lower)


def _draw_scores(upper: "Axes", scored: Sequence[Row]) -> None:
    rounds = [row.number for row in scored]
    marker = "." if len(rounds) == 1 else ""
    upper.plot(rounds, [row.accuracy or 0.0 for row in scored], color=BLUE, linewidth=1.8, marker=marker)
    upper.set_ylim(0, 1)
    upper.set_ylabel("test accuracy", color=BLUE)
    other = upper.twinx()
    other.spines["top"].set_visible(False)
    other.plot(
        rounds,
        [math.nan if row.loss is None else row.loss for row in scored],
        color=RED,
        linewidth=1.1,
        linestyle="--",
        marker=marker,
    )
    other.set_ylabel("test loss (dashed)", color=RED)
    losses = [row.loss for row in scored if row.loss and math.isfinite(row.loss)]
    if losses and max(losses) > BLOWN_UP * min(losses):
        other.set_yscale("log")


def _draw_shares(figure: "Figure", upper: "Axes", scored: Sequence[Row]) -> None:
    """The other scores on test examples that are shares, thin beside the accuracy; then all are named below."""
    names = [name for name in (scored[-1].scores if scored else ()) if _is_drawn(name)]
    for place, name in enumerate(names):
        numbers = [row.scores.get(name, math.nan) for row in scored]
        colour, style = OTHERS[place % len(OTHERS)], STYLES[(1 + place) % len(STYLES)]
        label = reading_of(name).words
        upper.plot([row.number for row in scored], numbers, color=colour, linestyle=style, linewidth=1.0, label=label)
    if names:
        upper.lines[0].set_label("accuracy")
        upper.set_ylabel("share of the test examples", color=BLACK)
        figure.legend(handles=upper.lines, fontsize=8, frameon=False, loc="outside lower center", ncols=LEGEND)


def _is_drawn(name: str) -> bool:
    return name not in STANDARD_SCORES and not name.startswith(VALIDATION) and reading_of(name).form == "share"


def _mark(figure: "Figure", axes: "Axes", scored: Sequence[Row], marks: Sequence[tuple[int, str]]) -> None:
    """Rings about the rounds that are marked, and what each of them is."""
    accuracies = {row.number: row.accuracy for row in scored if row.accuracy is not None}
    told = [Label(number, accuracies[number], word) for number, word in marks if number in accuracies]
    for label in told:
        axes.plot([label.x], [label.y], marker="o", markersize=5, color=BLUE, markerfacecolor="white")
    labels = [label._replace(text=f"{label.text} {label.y:.3f}") for label in told]
    if labels:
        label_points(figure, axes, labels, [each for each in figure.axes if each.bbox.bounds == axes.bbox.bounds])


def _marks(best: int | None, selected: int | None) -> list[tuple[int, str]]:
    if best is not None and best == selected:
        return [(best, "best and selected")]
    return [(number, word) for number, word in ((best, "best"), (selected, "selected")) if number is not None]


def _draw_weights(lower: "Axes", rows: Sequence[Row]) -> None:
    rounds = [row.number for row in rows]
    shares = [row.share for row in rows]
    lower.fill_between(rounds, [row.weight for row in rows], step="mid", color=ORANGE, alpha=0.6, linewidth=0)
    lower.step(rounds, shares, where="mid", color=GREY, linewidth=0.8)
    if any(shares):
        lower.annotate(
            "line: their share of the rows",
            (1, 1),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            fontsize=7,
            color=GREY,
        )
    _finish_weights(lower)


def _finish_weights(lower: "Axes") -> None:
    lower.set_ylim(0, 1)
    lower.set_ylabel("weight on\nByzantine rows", fontsize=8)
    lower.set_xlabel("round")


def fitted(title: str, most: int = 100) -> str:
    """The title with nothing that matplotlib would read as mathematics, and no longer than the picture."""
    plain = one_line(title).replace("$", r"\$")
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
