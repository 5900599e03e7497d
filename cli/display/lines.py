"""A line of a live table, drawn as it stands: it is redrawn too often to be searched for markup and width."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from fedsim.clean_text import clean


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text in one style; what is wider than the screen is cut off."""

    text: str = ""
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(clean(self.text, keep=""), console.get_style(self.style) if self.style else None)
        yield Segment.line()
