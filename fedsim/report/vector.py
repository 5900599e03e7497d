"""A figure as SVG that stands in a page: its ids are its own, its colours the page's, and it says what it shows."""

import json
import re
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from fedsim.report.document import Picture
from fedsim.report.drawing import GRID, INK, drawn
from fedsim.report.figures import COLOURS
from fedsim.report.labels import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 72
"""Of an inch; a figure's SVG is measured in them."""
VARIABLES = {
    **{colour.lower(): f"var(--line-{place})" for place, colour in enumerate(COLOURS)},
    INK: "var(--ink)", GRID: "var(--grid)", GREY: "var(--muted)",
}  # fmt: skip
"""What the page has in the place of a colour that is drawn with."""
COLOURED = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")
IDS = re.compile(r'(\bid="|xlink:href="#|url\(#)')
LEFT_OUT = re.compile(r"\s*<metadata>.*?</metadata>|\s*<style type=\"text/css\">.*?</style>", re.DOTALL)
FRAME = re.compile(r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>")
DIGITS = 5
"""Significant digits of the numbers that are told beside the pointer."""


def svg_of(picture: Picture) -> str:
    """The figure as inline SVG with title and description."""
    with drawn():
        import matplotlib as mpl

        figure = picture.draw()
        figure.set_dpi(POINTS)
        text = StringIO()
        with mpl.rc_context({"svg.hashsalt": picture.name}):
            figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        points = hover_of(figure) if picture.keys else ""
    return _framed(text.getvalue(), picture, points)


def hover_of(figure: "Figure") -> str:
    """Where the numbers of the lines lie, as JSON: what is told when a pointer comes near."""
    axes = figure.axes[0]
    height, box = figure.bbox.height, axes.bbox
    lines = [line for line in axes.lines if str(line.get_gid()).startswith("line-")]
    xs = sorted({x for line in lines for x in _floats(line.get_xdata())})
    if not xs:
        return ""
    table: dict[str, Any] = {
        "box": [_short(v) for v in (box.x0, height - box.y1, box.x1, height - box.y0)],
        "x": xs,
        "at": [_short(axes.transData.transform((x, axes.get_ylim()[0]))[0]) for x in xs],
        "names": _names(axes),
        "word": axes.get_xlabel(),
        "lines": [_values(line, xs) for line in lines],
    }
    return json.dumps(table, separators=(",", ":"))


def _names(axes: "Axes") -> list[str]:
    """What stands below an axis whose ticks were named one by one."""
    from matplotlib.ticker import FixedFormatter

    if not isinstance(axes.xaxis.get_major_formatter(), FixedFormatter):
        return []
    return [label.get_text() for label in axes.get_xticklabels()]


def _values(line: Any, xs: list[float]) -> list[Any]:
    known = dict(zip(_floats(line.get_xdata()), _floats(line.get_ydata()), strict=True))
    found = [known.get(x) for x in xs]
    return [line.get_label(), [None if y is None or y - y != 0 else _short(y) for y in found], int(line.get_gid()[5:])]


def _floats(values: Any) -> list[float]:
    return [float(value) for value in values]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _framed(text: str, picture: Picture, points: str) -> str:
    body = LEFT_OUT.sub("", text[text.index("<svg") :])
    body = IDS.sub(rf"\g<1>{picture.name}-", body)
    body = COLOURED.sub(lambda found: f"{found[1]}: {VARIABLES.get(found[2], found[2])}", body)
    names = f"{picture.name}-title {picture.name}-words"
    told = f'<title id="{picture.name}-title">{escape(picture.title)}</title>'
    told += f'<desc id="{picture.name}-words">{escape(picture.description)}</desc>'
    data = f' data-points="{escape(points)}"' if points else ""
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img"'
    return FRAME.sub(lambda found: f'{head} aria-labelledby="{names}" viewBox="{found[1]}"{data}>{told}', body, 1)
