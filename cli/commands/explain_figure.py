"""`fedsim explain NAME --figure`: a map of a rule or a pre-aggregator, or what an attack does to images."""

from pathlib import Path

import typer

from cli.commands.explain import entries_named
from cli.display.consoles import messages
from cli.display.waiting import Waiting
from fedsim.clean_text import one_line
from fedsim.registry import Entry

ROWS, OUTSIDERS = 15, 3
"""Enough for every rule that bears three outsiders."""


def drawn(name: str, path: Path) -> None:
    """Draw the first of this name that can be drawn."""
    if path.is_dir() or not path.parent.is_dir():
        what = f"{path} is a folder: name a file" if path.is_dir() else f"there is no folder {path.parent}"
        raise typer.BadParameter(one_line(what), param_hint="--figure")
    entries = {entry.family: entry for entry in entries_named(name)}
    if rule := entries.get("aggregators") or entries.get("preaggregators"):
        _draw_map(rule, path)
    elif (attack := entries.get("attacks")) and attack.traits["poisons"] == "data":
        _draw_images(attack, path)
    else:
        message = f"there is nothing to draw of {one_line(name)}: name a rule, a pre-aggregator or an attack on images"
        raise typer.BadParameter(message, param_hint="--figure")
    messages().print(f"{one_line(str(path))} written", soft_wrap=True)


def _draw_map(entry: Entry, path: Path) -> None:
    from fedsim.execution.arithmetic import repeatable
    from fedsim.probe.plane import plane
    from fedsim.probe.question import asking, example
    from fedsim.report.plane_figure import draw_plane

    text = example(entry) or entry.name
    rule = asking(text if entry.family == "aggregators" else f"{text}+mean", ROWS, OUTSIDERS, 2)
    mean = asking("mean", ROWS, OUTSIDERS, 2)
    with Waiting(messages()) as waiting, repeatable():
        own, other = (plane(each, ROWS, OUTSIDERS, progress=waiting) for each in (rule, mean))
    draw_plane(path, rule.name, own, other)


def _draw_images(entry: Entry, path: Path) -> None:
    from fedsim.report.trigger_figure import NothingToDraw, draw_trigger

    try:
        draw_trigger(path, entry)
    except NothingToDraw as error:
        raise typer.BadParameter(one_line(str(error)), param_hint="--figure") from error
