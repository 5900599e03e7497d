"""Figures in one line: of a run, a comparison or a study.

fedsim.draw(fedsim.load_run("runs/krum"))
fedsim.draw(fedsim.load_study("runs/study-digits")).save("digits.png")
"""

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

from fedsim.atomic_files import write_whole
from fedsim.report.figures import draw_comparison, draw_run
from fedsim.report.heatmap import draw_heatmap
from fedsim.runs.compared import Comparison, named
from fedsim.runs.history import History
from fedsim.runs.load import Run
from fedsim.runs.metrics_file import consume
from fedsim.study.results import Study


@dataclass(frozen=True)
class Drawing:
    """A figure as PNG; a notebook shows it."""

    png: bytes
    title: str

    def save(self, path: str | PathLike[str]) -> Path:
        """Write it to a file."""
        write_whole(Path(path), self.png)
        return Path(path)

    def __repr__(self) -> str:
        return f"<figure {self.title!r}, {len(self.png):,} bytes of PNG>"

    def _repr_png_(self) -> bytes:
        return self.png


def draw(what: Run | Comparison | Study) -> Drawing:
    """The curves of a run or of a comparison, or the heat map of a study."""
    if isinstance(what, Run):
        title, history = what.scenario.question or what.scenario.name, _history(what)
        ended = history.ended
        best, selected = (ended.best_round, ended.selected_round) if ended else (None, None)
        return _drawn(title, lambda path: draw_run(path, history.rows, title, best, selected))
    if isinstance(what, Comparison):
        title = " and ".join(dict.fromkeys(run.scenario.name for run in what.runs))
        rows = [(name, _history(run).rows) for name, run in zip(named(what.runs), what.runs, strict=True)]
        return _drawn(title, lambda path: draw_comparison(path, rows, title))
    if isinstance(what, Study):
        return _drawn(what.question or what.name, lambda path: _heatmap(path, what))
    raise TypeError(f"draw takes a run, a comparison or a study, got {type(what).__name__}")


def _heatmap(path: Path, study: Study) -> None:
    if not draw_heatmap(path, study):
        raise ValueError(f"{study.name} compares nothing over attacks: there is no heat map of it")


def _history(run: Run) -> History:
    history = History()
    consume(run.events, history)
    return history


def _drawn(title: str, draw: Callable[[Path], object]) -> Drawing:
    with TemporaryDirectory() as folder:
        path = Path(folder, "figure.png")
        draw(path)
        return Drawing(path.read_bytes(), title)
