"""Labels in a figure: measured after it is drawn, none lies over another or outside."""

import math
from itertools import combinations

import pytest
from matplotlib.text import Text

from fedsim.report.figures import draw_comparison, draw_run
from fedsim.report.labels import apart
from tests.cli.recorded_run import STARTED, history, told
from tests.report.test_figures import figures

__all__ = ["figures"]

RISING = [0.9 * (1 - math.exp(-number / 10)) + 0.02 * math.sin(3 * number) for number in range(1, 41)]


def rows(accuracies):
    events = [
        event for place, score in enumerate(accuracies, 1) for event in told(place, accuracy=score, loss=2 - score)
    ]
    return history([STARTED, *events]).rows


def boxes(figure):
    """The extents of every label of the upper panel, as it is drawn, without a line to its point."""
    figure.draw_without_rendering()
    return [Text.get_window_extent(text) for text in figure.axes[0].texts]


@pytest.mark.parametrize(
    ("accuracies", "best", "selected"),
    [
        (RISING, 39, 40),
        (RISING, 40, 39),
        (RISING, 1, 2),
        ([1.0] * 40, 1, 2),
        ([1.0] * 40, 40, 39),
        ([0.0] * 5, 5, 4),
        ([0.5, 0.5], 1, 2),
    ],
)
def test_best_and_selected_of_neighbouring_rounds_are_told_apart(tmp_path, figures, accuracies, best, selected):
    draw_run(tmp_path / "a.png", rows(accuracies), "", best=best, selected=selected)
    (figure,) = figures
    one, other = boxes(figure)
    panel = figure.axes[0].get_window_extent()
    assert not one.overlaps(other)
    for box in (one, other):
        assert panel.x0 <= box.x0 and box.x1 <= panel.x1
        assert panel.y0 <= box.y0 and box.y1 <= panel.y1
    for line in figure.axes[0].lines[1:]:  # the rings about the two points
        ring = line.get_window_extent()
        assert not any(ring.overlaps(box) for box in (one, other))


def test_a_label_keeps_off_the_lines_where_it_can(tmp_path, figures):
    draw_run(tmp_path / "a.png", rows(RISING), "", best=39, selected=40)
    (figure,) = figures
    paths = [line.get_path().transformed(line.get_transform()) for axes in figure.axes for line in axes.lines[:1]]
    assert not any(path.intersects_bbox(box, filled=False) for path in paths for box in boxes(figure))


@pytest.mark.parametrize("count", [2, 12, 40])
def test_names_at_the_ends_of_lines_do_not_overlap(tmp_path, figures, count):
    runs = [(f"rule_{place}", rows([0.5, 1 - 0.001 * place])) for place in range(count)]
    draw_comparison(tmp_path / "c.png", runs, "")
    (figure,) = figures
    found = boxes(figure)
    assert len(found) == count
    assert not any(one.overlaps(other) for one, other in combinations(found, 2))
    assert min(box.y0 for box in found) > figure.axes[1].get_window_extent().y1
    assert max(box.y1 for box in found) < figure.bbox.y1


def test_heights_are_moved_apart_as_little_as_needed():
    assert apart([0.2, 0.5], 0.1, 1.0) == [0.2, 0.5]
    assert apart([0.2, 0.25], 0.1, 1.0) == pytest.approx([0.2, 0.3])
    assert apart([0.95, 0.95, 0.99], 0.1, 1.0) == pytest.approx([0.8, 0.9, 1.0])
    assert apart([], 0.1, 1.0) == []
