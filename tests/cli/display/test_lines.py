"""A line of a live table is one line, whatever it says."""

from io import StringIO

import pytest
from rich.console import Console

from cli.display.lines import Line


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", ""), ("[bold]", "[bold]"), ("a\rb\ac", "a␍b␇c"), ("0123456789abc", "0123456789"), ("名" * 6, "名" * 5)],
)
def test_a_line_is_drawn_as_it_stands_and_cut_at_the_screen(text, wanted):
    console = Console(file=StringIO(), width=10)
    lines = console.render_lines(Line(text), pad=False)
    assert ["".join(segment.text for segment in line) for line in lines] == [wanted]


def test_a_style_is_kept():
    console = Console(file=StringIO(), width=10, force_terminal=True, color_system="standard")
    console.print(Line("lost", "red"))
    assert console.file.getvalue() == "\x1b[31mlost\x1b[0m\n"
