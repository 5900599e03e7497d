"""A map of a rule: for every place where the outsiders may stand, how far and whither they take the answer."""

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedsim.array_types import Array
from fedsim.probe.plane import Plane
from fedsim.report.figures import fitted, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

SIZE = (9.6, 4.9)
ARROW_STEP = 5
"""Places from one arrow to the next."""
MOST_ARROW_LENGTH = 1.8
"""Of an arrow, in distances from one to the next."""
SHORTEST = 0.05
"""In deviations; shorter ones are dots and are left out."""
COLOURS = "YlOrRd"
LEAST_SCALE = 0.5


def draw_plane(path: Path, name: str, own: Plane, mean: Plane) -> None:
    """The rule on the left, the plain mean on the right, in the same colours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    n, f = len(own.honest) + own.outsiders, own.outsiders
    most = max(float(np.nanmax(own.lengths)), float(np.nanmax(mean.lengths)), LEAST_SCALE)
    shorter = ceil(most / (MOST_ARROW_LENGTH * ARROW_STEP * (own.places[1] - own.places[0])))
    words = f"{f} of {n} rows stand together at any place of the plane; arrows: where the answer goes"
    figure.suptitle(fitted(words + (f", drawn {shorter} times shorter" if shorter > 1 else ""), 130), fontsize=10)
    left, right = figure.subplots(1, 2, sharey=True)
    _draw(left, own, fitted(name, 40), most, shorter)
    image = _draw(right, mean, "mean, for comparison", most, shorter)
    labels = ["an honest row", "the mean of the honest rows"]
    figure.legend(left.collections[:2], labels, loc="outside lower center", frameon=False, ncols=2, fontsize=9)
    bar = figure.colorbar(image, ax=(left, right), shrink=0.85)
    bar.set_label("distance of the answer from the honest mean")
    save(figure, path)


def _draw(axes: "Axes", plane: Plane, title: str, most: float, shorter: int) -> "AxesImage":
    edge = plane.places[-1] + (plane.places[1] - plane.places[0]) / 2
    image = axes.imshow(
        plane.lengths, origin="lower", extent=(-edge, edge, -edge, edge), cmap=COLOURS, vmin=0, vmax=most,
        interpolation="nearest",
    )  # fmt: skip
    axes.scatter(
        plane.honest[:, 0], plane.honest[:, 1], s=26, color="white", edgecolor="black", linewidth=0.9, zorder=3
    )
    axes.scatter(0, 0, s=60, marker="+", color="black", linewidth=1.5, zorder=4)
    _arrows(axes, plane, shorter)
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("where the outsiders stand, in deviations of the honest rows", fontsize=8)
    axes.set_aspect("equal")
    return image


def _arrows(axes: "Axes", plane: Plane, shorter: int) -> None:
    """Of the answer, from the honest mean, drawn at the place of the outsiders."""
    chosen = slice(ARROW_STEP, -1, ARROW_STEP)
    places = plane.places[chosen]
    arrows: Array = plane.answers[chosen, chosen]
    shown = np.linalg.norm(arrows, axis=2) > SHORTEST * shorter
    x, y = (part[shown] for part in np.meshgrid(places, places))
    axes.quiver(
        x, y, arrows[..., 0][shown], arrows[..., 1][shown], angles="xy", scale_units="xy", scale=shorter, width=0.004,
        color="#333333", zorder=2, pivot="middle",
    )  # fmt: skip
