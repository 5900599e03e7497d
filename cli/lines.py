"""A line of a live table, drawn as it stands: it is redrawn too often to be searched for markup and width."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment


@dataclass(frozen=True, slots=True)
class Line:
    """A text without control characters, no wider than the screen, in one style."""

    text: str = ""
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(self.text, console.get_style(self.style) if self.style else None)
        yield Segment.line()
