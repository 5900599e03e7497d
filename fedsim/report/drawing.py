"""What the figures of a report are made of: lines with bands, bars, and matrices, small enough for a phone's width.

Text stays text and colours are those of `figures.py`; the page puts its own colours, light or dark, in their place.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fedsim.report.figures import BLOWN_UP, COLOURS, STYLES, fitted
from fedsim.report.labels import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.0, 2.6
"""Inches: at this size text is read on a phone, and two of them stand side by side on a page."""
INK, GRID = "#1a1a1a", "#dddddd"
SIZE = 8.5
MOST_NAME_LETTERS = 34
"""Letters of a name."""
ROW = 0.27
"""Inches that a bar or a level takes."""
WHOLE_NUMBER_AXES = ("round", "class")
"""What has only whole numbers."""
MARK = 5
"""A triangle that points to the right."""
MOST_NAMED = 30
"""Rows of a matrix that are named one by one."""


@dataclass(frozen=True)
class Line:
    """Numbers over the rounds, or over a setting, and the band about them."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    place: int  # gives colour and dashes
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    steps: bool = False
    dots: bool = False


@contextmanager
def drawn() -> Iterator[None]:
    """Settings under which figures are built and written."""
    import matplotlib as mpl

    settings: Any = {
        "svg.fonttype": "none", "pdf.fonttype": 42, "font.family": "sans-serif", "font.size": SIZE,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.facecolor": "none", "figure.facecolor": "none", "text.parse_math": False, "path.simplify": True,
        "axes.formatter.useoffset": False,
    }  # fmt: skip
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Text stays text in SVG, whatever letters matplotlib's own font has.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def draw_lines(
    lines: Sequence[Line],
    y_label: str,
    x_label: str = "round",
    span: tuple[float, float] | None = (0.0, 1.0),
    marks: Sequence[tuple[float, float, str]] = (),
    ticks: Sequence[tuple[float, str]] = (),
) -> "Figure":
    """Lines over one another; of a span that is not told the scale is logarithmic where the numbers blow up.

    `ticks` are what stands below the axis in the place of numbers; `marks` are rings with a word beside them.
    """
    figure, axes = panel(y_label, x_label)
    for number, line in enumerate(lines):
        _draw_line(axes, line, number)
    if span is not None:
        axes.set_ylim(*span)
    elif _blows_up(lines):
        _logarithmic(axes)
    if ticks:
        _set_ticks(axes, ticks)
    for x, y, word in marks:
        _mark(axes, x, y, word)
    return figure


def draw_bars(names: Sequence[str], values: Sequence[float], x_label: str, words: Sequence[str]) -> "Figure":
    """A bar for each name, the first above, and what it comes to in words beside it."""
    figure, axes = panel("", x_label, ROW * len(names) + 0.6)
    places = range(len(names))
    axes.barh(places, values, color=COLOURS[0], height=0.62)
    axes.set_yticks(places, [fitted(name, MOST_NAME_LETTERS) for name in names])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.32 * (max(values, default=0.0) or 1.0))
    for place, value, word in zip(places, values, words, strict=True):
        axes.annotate(word, (value, place), xytext=(4, 0), textcoords="offset points", va="center")
    return figure


def draw_matrix(
    values: Sequence[Sequence[float]],
    x_label: str,
    y_label: str,
    scale: str,
    rows: Sequence[str] = (),
    marked: Sequence[int] = (),
) -> "Figure":
    """Numbers as colours, with a scale beside them; the names of its rows, if any, and the rows that are marked."""
    height = min(max(1.4 + 0.028 * len(values), HEIGHT), 4.4)
    figure, axes = panel(y_label, x_label, height)
    axes.grid(visible=False)
    image = axes.imshow(values, cmap="cividis", aspect="auto", interpolation="none", vmin=0)
    if rows:
        axes.set_yticks(range(len(rows)), [fitted(name, MOST_NAME_LETTERS) for name in rows])
        axes.tick_params(axis="y", labelsize=min(SIZE, 130 / len(rows)))
    axes.plot(
        [-0.012] * len(marked), marked, transform=axes.get_yaxis_transform(), clip_on=False, linestyle="none",
        marker=MARK, markersize=3.5, color=COLOURS[1], markeredgewidth=0,
    )  # fmt: skip
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02, aspect=40)
    bar.set_label(scale)
    bar.outline.set_visible(False)
    return figure


def panel(y_label: str, x_label: str, height: float = HEIGHT) -> "tuple[Figure, Axes]":
    """An empty figure with one pair of axes."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(fitted(x_label, MOST_NAME_LETTERS))
    axes.set_ylabel(fitted(y_label, MOST_NAME_LETTERS))
    if x_label in WHOLE_NUMBER_AXES:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    return figure, axes


def _draw_line(axes: "Axes", line: Line, number: int) -> None:
    colour, style = COLOURS[line.place % len(COLOURS)], STYLES[line.place % len(STYLES)]
    width = max(1.9 - 0.15 * number, 1.0)
    marker = "o" if line.dots or len(line.x) == 1 else ""
    drawstyle: Literal["steps-mid", "default"] = "steps-mid" if line.steps else "default"
    (made,) = axes.plot(
        line.x, line.y, color=colour, linestyle=style, linewidth=width, label=fitted(line.name, MOST_NAME_LETTERS),
        drawstyle=drawstyle, marker=marker, markersize=3.5,
        clip_on=False,
    )  # fmt: skip
    made.set_gid(f"line-{line.place}")
    if line.low:
        band = axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.16, linewidth=0)
        band.set_gid(f"band-{line.place}")


def _set_ticks(axes: "Axes", ticks: Sequence[tuple[float, str]]) -> None:
    """The levels of a setting; those that grow by factors stand on a logarithmic scale."""
    places = [place for place, _ in ticks]
    if min(places) > 0 and max(places) > BLOWN_UP * min(places):
        axes.set_xscale("log")
    axes.set_xticks(places, [fitted(name, MOST_NAME_LETTERS // 2) for _, name in ticks])
    axes.minorticks_off()
    if len(places) > 1:
        axes.margins(x=0.08)


def _logarithmic(axes: "Axes") -> None:
    """Ticks at 1, 2, 5, 10, … in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _mark(axes: "Axes", x: float, y: float, word: str) -> None:
    axes.plot([x], [y], marker="o", markersize=5, color=COLOURS[0], markerfacecolor="none", linestyle="none")
    above = y < sum(axes.get_ylim()) / 2 + 0.35 * abs(axes.get_ylim()[1] - axes.get_ylim()[0])
    left, right = axes.get_xlim()
    side: Literal["left", "center", "right"] = "right" if x > left + 0.7 * (right - left) else "left"
    side = "center" if left + 0.3 * (right - left) < x < left + 0.7 * (right - left) else side
    axes.annotate(
        word, (x, y), xytext=(0, 7 if above else -7), textcoords="offset points", ha=side,
        va="bottom" if above else "top", color=GREY, fontsize=SIZE - 0.5,
    )  # fmt: skip


def _blows_up(lines: Sequence[Line]) -> bool:
    values = [value for line in lines for value in line.y if 0 < value < float("inf")]
    return bool(values) and max(values) > BLOWN_UP * min(values)
