"""What an attack on images does to them: a few examples before, as attackers train on them, and the difference."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fedsim.datasets.contract import Examples, datasets
from fedsim.randomness import Stream
from fedsim.registry import Entry
from fedsim.report.figures import fitted, save
from fedsim.scenario.validation import check_settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STREAM = Stream.root(0).at("figure")
SHOWN = 3
WRITERS, SAMPLES, CLASSES = 1, 12, 62
PARTS = 4
"""Attackers that are shown where each has a part of its own."""
INCHES = 1.75
BYTES = 255
Images = NDArray[Any]


class NothingToDraw(ValueError):
    """An attack that leaves images as they are."""


def draw_trigger(path: Path, entry: Entry) -> None:
    """A row for each example; NothingToDraw where the attack changes no image."""
    examples, settings = _examples(), _settings(entry)
    columns = list(_columns(entry, examples, settings))
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(INCHES * len(columns) + 0.9, INCHES * SHOWN + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    told = ", ".join(f"{name} = {value:g}" for name, value in settings.items() if name != "share")
    figure.suptitle(f"{fitted(entry.name)}\n{fitted(told, 26 * len(columns))}", fontsize=8)
    grid = figure.subplots(SHOWN, len(columns), squeeze=False)
    for row, axes_of_row in enumerate(grid):
        for axes, (title, images) in zip(axes_of_row, columns, strict=True):
            _draw(axes, images[row], title == "difference")
            axes.set_title(title if row == 0 else "", fontsize=9)
        axes_of_row[0].set_ylabel(_label(entry, examples.targets[row], settings), fontsize=8)
    save(figure, path)


def _columns(entry: Entry, examples: Examples, settings: Mapping[str, Any]) -> Iterator[tuple[str, Images]]:
    """What stands in a column, and the images."""
    clean = examples.inputs
    yield "clean", clean
    several = "index" in entry.supplied
    trained = [_poisoned(entry, examples, settings, index) for index in range(PARTS if several else 1)]
    changed = trained[-1]
    for number, images in enumerate(trained, 1):
        yield (f"attacker {number} trains on" if several else "attackers train on"), images
    if several and (shown := entry.traits.get("trigger")):
        changed = shown(clean, examples.targets, settings).inputs
        yield "the model is asked", changed
    difference = np.abs(_floats(changed) - _floats(clean))
    if not difference.any():
        raise NothingToDraw(f"{entry.name} changes no image: there is nothing to draw")
    yield "difference", difference


def _poisoned(entry: Entry, examples: Examples, settings: Mapping[str, Any], index: int) -> Images:
    given = {
        "inputs": examples.inputs, "targets": examples.targets, "places": np.arange(len(examples)),
        "classes": CLASSES, "stream": STREAM, "round": 1, "index": index, "colluders": PARTS,
    }  # fmt: skip
    answer = entry.call(given, settings)
    return answer[0] if isinstance(answer, tuple) else examples.inputs


def _examples() -> Examples:
    """Letters by one hand, none of class 0, which is what a backdoor teaches."""
    made = datasets["glyphs"].call(
        {"stream": STREAM.at("glyphs"), "progress": lambda *_: None},
        {"writers": WRITERS, "samples": SAMPLES, "test_writers": 1, "cache": None},
    )
    places = np.flatnonzero(made.train.targets != 0)[:SHOWN]
    return Examples(made.train.inputs[places], made.train.targets[places])


def _settings(entry: Entry) -> dict[str, Any]:
    """The defaults, on every example."""
    settings, problems = check_settings(entry, {"share": 1.0} if "share" in entry.settings else {})
    if problems:
        raise NothingToDraw(f"{entry.name}: {problems[0].message}")
    return settings


def _floats(images: Images) -> Images:
    return images / BYTES if images.dtype == np.uint8 else images.astype(np.float64)


def _draw(axes: "Axes", image: Images, is_difference: bool) -> None:
    colours = "Reds" if is_difference else "gray_r"
    axes.imshow(_floats(image).mean(axis=0), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def _label(entry: Entry, target: int, settings: Mapping[str, Any]) -> str:
    taught = f"\ntaught as {settings['target']}" if entry.traits.get("trigger") else ""
    return f"class {target}{taught}"
