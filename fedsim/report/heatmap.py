"""The heat map of a study: variants down, attacks across, the mean over seeds in each square."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fedsim.report.figures import fitted, save
from fedsim.study.analysis import Analysis
from fedsim.study.results import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SQUARE = (1.15, 0.5)
"""Inches of a square."""
WHITE_TEXT_BELOW = 0.55
"""Squares below this part of the scale carry white numbers."""
MOST_LETTERS = 22
EMPTY = "#eeeeee"


def draw_heatmap(path: Path, study: Study) -> bool:
    """A panel for every condition of the other axes; whether there was anything to draw."""
    analysis = Analysis(study.records, study.axes, study.questions, [place.labels for place in study.places])
    down, across = study.questions.compare, study.questions.worst_over
    conditions = analysis.without(down, across) if down and across else []
    if not conditions:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = len(study.axes[down]), len(study.axes[across])
    size = (2.6 + SQUARE[0] * columns, (1.5 + SQUARE[1] * rows) * len(conditions) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(fitted(study.question or study.name, 30 + 12 * columns), fontsize=10)
    panels = figure.subplots(len(conditions), 1, squeeze=False)[:, 0]
    bounds = _bounds(analysis)
    for axes, condition in zip(panels, conditions, strict=True):
        words = ", ".join(f"{name} = {value}" for name, value in condition.items())
        axes.set_title(fitted(words, 60), fontsize=9)
        _draw(axes, analysis, condition, bounds)
    save(figure, path)
    return True


def _bounds(analysis: Analysis) -> tuple[float, float]:
    """Of the colours: from nothing to everything for shares, else what there is."""
    means = [found.mean for _, found in analysis.estimates()]
    shares = all(0 <= mean <= 1 for mean in means)
    return (0.0, 1.0) if shares else (min(means), max(means))


def _draw(axes: "Axes", analysis: Analysis, condition: Mapping[str, str], bounds: tuple[float, float]) -> None:
    down, across = analysis.questions.compare, analysis.questions.worst_over
    levels, attacks = analysis.axes[down], analysis.axes[across]
    values = []
    for row in levels:
        scores = [list(analysis.scores(**condition, **{down: row, across: column}).values()) for column in attacks]
        values.append([sum(each) / len(each) if each else float("nan") for each in scores])
    axes.set_facecolor(EMPTY)
    axes.imshow(values, cmap="cividis", vmin=bounds[0], vmax=bounds[1], aspect="auto")
    axes.set_xticks(range(len(attacks)), [fitted(name, MOST_LETTERS) for name in attacks], fontsize=8)
    axes.set_yticks(range(len(levels)), [fitted(name, MOST_LETTERS) for name in levels], fontsize=8)
    axes.set_xlabel(f"{fitted(across, 40)}: mean {analysis.questions.score} over seeds", fontsize=8)
    axes.tick_params(length=0)
    for y, line in enumerate(values):
        for x, value in enumerate(line):
            _number(axes, x, y, value, bounds)


def _number(axes: "Axes", x: int, y: int, value: float, bounds: tuple[float, float]) -> None:
    if value != value:  # noqa: PLR0124 - not a number: no cell is finished there
        axes.text(x, y, "–", ha="center", va="center", fontsize=8)
        return
    part = (value - bounds[0]) / ((bounds[1] - bounds[0]) or 1.0)
    axes.text(
        x,
        y,
        f"{value:.3f}",
        ha="center",
        va="center",
        fontsize=9,
        color="white" if part < WHITE_TEXT_BELOW else "black",
    )
