"""Figures: that everything is in them, asked of matplotlib's own objects."""

import math

import pytest
from matplotlib.figure import Figure

from fedsim.report.figures import draw_comparison, draw_run
from tests.cli.recorded_run import STARTED, history, started, tale, told


@pytest.fixture
def figures(monkeypatch):
    """The figures that were drawn, kept before they are written."""
    kept, real = [], Figure.savefig

    def savefig(self, *arguments, **options):
        kept.append(self)
        real(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return kept


def labels(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_a_run_is_drawn(tmp_path, figures):
    path = tmp_path / "accuracy.png"
    draw_run(path, history().rows, "Does it cost $5 or $6?", best=5, selected=4)
    (figure,) = figures
    upper, lower, loss = figure.axes
    assert path.read_bytes().startswith(b"\x89PNG")
    assert upper.get_title(loc="left") == r"Does it cost \$5 or \$6?"
    assert list(upper.lines[0].get_ydata()) == [0.1, 0.05, 0.4, 0.75]
    assert loss.get_yscale() == "log"
    assert {"best 0.750", "selected 0.400"} <= set(labels(figure))
    assert lower.get_xlabel() == "round"


def test_chosen_shares_are_drawn_beside_the_accuracy_and_named(tmp_path, figures):
    chosen = {"balanced_accuracy": 0.25, "worst_class_accuracy": math.nan}
    events = [started(*chosen), *told(1, more=chosen), *told(2, more=chosen), *told(3, accuracy=None)]
    draw_run(tmp_path / "a.png", history(events).rows, "")
    upper, *_ = figures[0].axes
    assert [line.get_label() for line in upper.lines] == ["accuracy", "balanced accuracy", "worst class"]
    assert list(upper.lines[1].get_ydata()) == [0.25, 0.25]
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == [
        "accuracy",
        "balanced accuracy",
        "worst class",
    ]


def test_a_run_of_accuracy_and_loss_needs_no_legend(tmp_path, figures):
    draw_run(tmp_path / "a.png", history().rows, "")
    assert figures[0].legends == []


def test_best_and_selected_in_one_round_are_marked_once(tmp_path, figures):
    draw_run(tmp_path / "a.png", history().rows, "", best=5, selected=5)
    assert "best and selected 0.750" in labels(figures[0])


@pytest.mark.parametrize(
    "events",
    [
        [STARTED],
        [STARTED, *told(1)],
        [STARTED, *told(1, accuracy=None, loss=None)],
        [STARTED, *told(1, accuracy=1.0, loss=math.nan)],
        [STARTED, *told(1, loss=0.0), *told(2, loss=math.inf)],
    ],
)
def test_runs_with_little_to_draw(tmp_path, events):
    draw_run(tmp_path / "a.png", history(events).rows, "x" * 500, best=1, selected=None)
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_comparison_names_its_lines(tmp_path, figures):
    rows = history(list(tale())).rows
    draw_comparison(tmp_path / "c.png", [("one", rows), ("other", rows), ("empty", [])], "Which?")
    (figure,) = figures
    assert labels(figure) == ["one", "other"]
    heights = [text.xyann[1] for text in figure.axes[0].texts]
    assert heights[1] - heights[0] >= 0.04  # equal ends are moved apart


def test_many_runs_are_told_apart(tmp_path, figures):
    rows = history(list(tale())).rows
    draw_comparison(tmp_path / "c.png", [(f"run{place}", rows) for place in range(20)], "")
    looks = {(line.get_color(), line.get_linestyle()) for line in figures[0].axes[0].lines}
    assert len(looks) == 20
