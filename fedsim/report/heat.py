"""Heat maps with their numbers in the squares, as a figure and as the shades of a table's cells.

The scale is cividis, which people with any kind of colour vision, and printers without colour, read alike.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fedsim.report.drawing import GRID, MOST_NAME_LETTERS, SIZE
from fedsim.report.figures import fitted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LUMINANCE, VEIL = (0.2126, 0.7152, 0.0722), 0.05
"""Of red, green and blue, and the light that any surface throws back."""


def draw_squares(
    values: Sequence[Sequence[float]],
    words: Sequence[Sequence[str]],
    down: Sequence[str],
    across: Sequence[str],
    labels: tuple[str, str],
    span: tuple[float, float],
) -> "Figure":
    """A heat map with its numbers written in the squares."""
    from matplotlib.figure import Figure

    size = (1.6 + 0.92 * len(across), 0.9 + 0.42 * len(down))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor(GRID)
    axes.imshow(values, cmap="cividis", vmin=span[0], vmax=span[1], aspect="auto", interpolation="none")
    axes.set_xticks(range(len(across)), [fitted(name, MOST_NAME_LETTERS // 2) for name in across])
    axes.set_yticks(range(len(down)), [fitted(name, MOST_NAME_LETTERS // 2) for name in down])
    axes.set_ylabel(fitted(labels[0], MOST_NAME_LETTERS))
    axes.set_xlabel(fitted(labels[1], MOST_NAME_LETTERS))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for y, line in enumerate(values):
        for x, value in enumerate(line):
            axes.text(
                x,
                y,
                words[y][x],
                ha="center",
                va="center",
                color=ink_over(shade(value, span) or GRID),
                fontsize=SIZE - 1,
            )
    return figure


def shade(value: float | None, span: tuple[float, float]) -> str:
    """The colour of a number on the scale of the heat maps; nothing where there is no number."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return "" if value is None or value != value else to_hex(colormaps["cividis"](_part(value, span)))  # noqa: PLR0124


def ink_over(shade: str) -> str:
    """Black or white, whichever is told better from a shade (the contrast of WCAG 2)."""
    luminance = sum(part * _linear(value) for part, value in zip(LUMINANCE, _channels(shade), strict=True))
    return "#ffffff" if (1 + VEIL) / (luminance + VEIL) > (luminance + VEIL) / VEIL else "#000000"


def _linear(value: float) -> float:
    """A channel as light: sRGB's own curve, whose straight foot is too small to matter here."""
    return float(value**2.2)


def _channels(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def _part(value: float, span: tuple[float, float]) -> float:
    return (value - span[0]) / ((span[1] - span[0]) or 1.0)
