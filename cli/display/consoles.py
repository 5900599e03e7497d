"""The two consoles: results go to one, progress and messages to the other. Nothing else writes to a terminal."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from fedsim.clean_text import clean, json_text


class CleanConsole(Console):
    """A console that shows every control character of a text as a visible sign; only its own commands steer."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of anything that is shown, each cleaned."""
        for segment in super().render(renderable, options):
            text = segment.text
            if segment.control or text.isprintable():
                yield segment
            else:
                yield Segment(clean(text), segment.style)


def output() -> Console:
    """Where results go; without a terminal there are no colours."""
    return CleanConsole(highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """Where progress, warnings and mistakes go."""
    return CleanConsole(stderr=True, highlight=False, markup=False, emoji=False)


def width() -> int:
    """Columns to set text in: the terminal's, or what COLUMNS says, or 80."""
    return output().width


def show(lines: Iterable[Text], console: Console | None = None, *, apart: bool = False) -> None:
    """Print lines as they are, with an empty one before them where they stand apart."""
    console = console or output()
    for line in ([Text("")] if apart else []) + list(lines):
        console.print(line, soft_wrap=True)


def show_json(value: Any) -> None:
    """Print a value as JSON on standard output, for programs."""
    sys.stdout.write(f"{json_text(value, indent=2)}\n")


def show_json_line(value: Any) -> None:
    """Print a value as one line of JSON at once: somebody may be waiting for it."""
    sys.stdout.write(f"{json_text(value, separators=(',', ':'))}\n")
    sys.stdout.flush()
