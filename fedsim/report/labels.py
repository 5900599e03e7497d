"""Labels of points and of line ends in a figure, which never lie over one another or outside the picture.

They are measured, not guessed: the figure is laid out, the places about a point are tried from the nearest on, and the
first is taken in which a label is clear of other labels and marks, and, where there is such a place, of every line.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

GREY = "#666666"
SIZE = 8
POINTS = 72
"""In an inch."""
LINE = 1.35
"""Height of a line of text, in sizes of its font."""
LABEL_GAP_POINTS = 4
"""Points from the middle of a mark to the nearest edge of its label."""
STEP = 12
"""Points from one place that is tried to the next."""
TIERS = 12
SHIFTS_WIDTHS = (0.0, 0.4, -0.4, 0.9, -0.9)
"""Sideways, in widths of the label."""
LEADER_FROM_POINTS = 24
"""A label that is farther away than this has a thin line to its point."""
MARK_POINTS = 4
"""Points about a mark that stay clear."""


class Label(NamedTuple):
    """What is said of a point."""

    x: float
    y: float
    text: str


class End(NamedTuple):
    """A line's end and its name."""

    x: float
    y: float
    text: str
    colour: str


def label_points(figure: "Figure", axes: "Axes", labels: Sequence[Label], others: Sequence["Axes"] = ()) -> None:
    """Say of each point what it is, and keep off the lines of `axes` and of `others` where that can be."""
    figure.draw_without_rendering()  # now everything has its size and its place
    lines = [line for each in (axes, *others) for line in each.lines]
    paths = [line.get_path().transformed(line.get_transform()) for line in lines]
    scale = figure.dpi / POINTS
    points = axes.transData.transform([(label.x, label.y) for label in labels]).tolist()
    taken = [_about(x, y, MARK_POINTS * scale) for x, y in points]
    for label in labels:
        places = list(_places(axes, label, scale))
        free = [place for place in places if _is_free(axes, place.box, taken)]
        clear = [place for place in free if not any(path.intersects_bbox(place.box, filled=False) for path in paths)]
        chosen = (clear or free or places)[0]
        _write(axes, label, chosen.offset)
        taken.append(chosen.box)


def label_ends(figure: "Figure", axes: "Axes", ends: Sequence[End]) -> None:
    """Names beside the lines' ends, right of the picture, moved apart where they would overlap."""
    if not ends:
        return
    figure.draw_without_rendering()
    room = axes.bbox.height / figure.dpi * POINTS
    size = min(SIZE, room / (LINE * len(ends)))
    ordered = sorted(ends, key=lambda end: end.y)
    bottom, top = axes.get_ylim()
    heights = apart([end.y for end in ordered], (top - bottom) * LINE * size / room, top)
    for end, height in zip(ordered, heights, strict=True):
        axes.annotate(
            end.text, (end.x, end.y), xytext=(1.01, height), textcoords=("axes fraction", "data"), va="center",
            fontsize=size, color=end.colour, annotation_clip=False,
        )  # fmt: skip


def apart(heights: Sequence[float], gap: float, top: float) -> list[float]:
    """Ascending heights moved as little as needed, first up and then down, to be a gap apart and none above the top."""
    found: list[float] = []
    for height in heights:
        found.append(max(height, found[-1] + gap) if found else height)
    for place in reversed(range(len(found))):
        found[place] = min(found[place], top if place + 1 == len(found) else found[place + 1] - gap)
    return found


class _Place(NamedTuple):
    offset: tuple[float, float]  # of the label's middle from its point, in points
    box: "Bbox"  # that it takes there, in pixels


def _places(axes: "Axes", label: Label, scale: float) -> Iterator[_Place]:
    """Above and below the point and to its sides, the nearest first."""
    note = _write(axes, label, (0, 0))
    box = note.get_window_extent()
    note.remove()
    wide, high = box.width / scale, box.height / scale
    for tier, aside, side in product(range(TIERS), SHIFTS_WIDTHS, (1, -1)):
        offset = (aside * wide, side * (LABEL_GAP_POINTS + high / 2 + tier * STEP))
        yield _Place(offset, box.translated(offset[0] * scale, offset[1] * scale).padded(scale))


def _write(axes: "Axes", label: Label, offset: tuple[float, float]) -> "Annotation":
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": MARK_POINTS}
    return axes.annotate(
        label.text, (label.x, label.y), xytext=offset, textcoords="offset points", ha="center", va="center",
        fontsize=SIZE, color=GREY, arrowprops=line if max(map(abs, offset)) > LEADER_FROM_POINTS else None,
    )  # fmt: skip


def _is_free(axes: "Axes", box: "Bbox", taken: Sequence["Bbox"]) -> bool:
    inside = axes.bbox
    within = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
    return within and not any(box.overlaps(other) for other in taken)


def _about(x: float, y: float, reach: float) -> "Bbox":
    from matplotlib.transforms import Bbox

    return Bbox([[x - reach, y - reach], [x + reach, y + reach]])
