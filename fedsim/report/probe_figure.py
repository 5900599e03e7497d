"""How far outsiders move a rule: by where they stand, and at most by how many they are."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedsim.probe.curves import Curves
from fedsim.report.figures import BLACK, BLUE, RED, fitted, save
from fedsim.report.labels import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (9.6, 4.2)
LIGHT_BLUE = "#8fbbe0"
HEADROOM = 1.25
LEAST_TOP = 0.5


def draw_probe(path: Path, name: str, n: int, f: int, own: Curves, median: Curves) -> None:
    """The sensitivity curve on the left, the greatest bias on the right; the median's beside both."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(fitted(f"{name}: {n} rows on a line, in standard deviations of the honest ones"), fontsize=11)
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    _draw_places(figure, left, n, f, own, median)
    _draw_counts(right, n, f, own, median)
    save(figure, path)


def _draw_places(figure: "Figure", axes: "Axes", n: int, f: int, own: Curves, median: Curves) -> None:
    outsiders = max(f, 1)
    axes.axhline(0, color=BLACK, linewidth=0.6)
    axes.plot(own.places, outsiders / n * own.places, color=RED, linewidth=0.9, linestyle=":", label="the mean")
    axes.plot(median.places, median.several, color=GREY, linewidth=0.9, linestyle="--", label="the median")
    if f > 1:
        axes.plot(own.places, own.one, color=LIGHT_BLUE, linewidth=1.4, label="this rule, one outsider")
    words = f"{outsiders} outsiders together" if outsiders > 1 else "one outsider"
    axes.plot(own.places, own.several, color=BLUE, linewidth=2.0, label=f"this rule, {words}")
    top = max(HEADROOM * float(np.nanmax(np.abs([own.several, own.one, median.several]))), LEAST_TOP)
    axes.set_ylim(-top, top)
    axes.set_xlabel("where the outsiders stand")
    axes.set_ylabel("where the answer goes")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)


def _draw_counts(axes: "Axes", n: int, f: int, own: Curves, median: Curves) -> None:
    finite = np.concatenate([own.most[np.isfinite(own.most)], median.most[np.isfinite(median.most)]])
    top = max(HEADROOM * float(finite.max(initial=0.0)), LEAST_TOP)
    for curves, colour, width, style in ((median, GREY, 0.9, "--"), (own, BLUE, 2.0, "-")):
        bounded = np.isfinite(curves.most)
        axes.plot(
            curves.counts[bounded], curves.most[bounded], style, color=colour, linewidth=width, marker="o", ms=3.5
        )
    if not np.isfinite(own.most).all():
        first = int(own.counts[~np.isfinite(own.most)][0])
        axes.axvspan(first - 0.5, n // 2 + 0.5, color=RED, alpha=0.12, linewidth=0)
        narrow = n // 2 - first < max(n // 6, 1)
        axes.annotate(
            "moved without limit", (first - 0.4, 0.98 * top), ha="left", va="top", fontsize=9, color=RED,
            rotation=90 if narrow else 0,
        )  # fmt: skip
    if f:
        axes.axvline(f, color=BLACK, linewidth=0.8, linestyle=":")
        axes.annotate(
            "f", (f, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=9, color=BLACK
        )
    axes.set_xlim(-0.5, n // 2 + 0.5)
    axes.set_ylim(0, top)
    axes.set_xticks(range(0, n // 2 + 1, max(1, n // 20)))
    axes.set_xlabel(f"outsiders among {n} rows")
    axes.set_ylabel("how far the answer is moved at most")
