"""Paragraphs with a hanging indent, and docstrings set to a reader's width."""

import textwrap
from collections.abc import Iterator

from rich.text import Text

SOURCE_WIDTH = 102
"""A docstring's line that would be longer than this with the next word was broken for the source's sake alone."""


def labelled(label: str, text: str, *, width: int, column: int, indent: int = 2, style: str = "dim") -> Iterator[Text]:
    """A label, and beside it a paragraph that stays in its own column."""
    margin = " " * (indent + column)
    head, *others = wrapped(text, max(20, width - indent - column)) or [""]
    yield Text.assemble(" " * indent, (f"{label:<{column}}", style), head)
    yield from (Text(f"{margin}{line}") for line in others)


def body(text: str, *, width: int, indent: int = 2, style: str = "") -> Iterator[Text]:
    """A docstring's section: its own line breaks are kept, lines broken for the source alone are joined."""
    for line in unbroken(text):
        lead = " " * (indent + len(line) - len(line.lstrip()))
        for piece in wrapped(line.strip(), max(20, width - len(lead))) or [""]:
            yield Text(f"{lead}{piece}" if piece else "", style=style)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most this width; words longer than a line stay whole."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def unbroken(text: str) -> Iterator[str]:
    """The lines that the author meant."""
    line = ""
    for following in text.splitlines():
        first = following.split(maxsplit=1)[:1]
        full = bool(first) and len(line.rpartition("\n")[2]) + 1 + len(first[0]) > SOURCE_WIDTH
        if line and full and not first[0].endswith(":"):
            line = f"{line} \n{following.strip()}"
        else:
            if line:
                yield _joined(line)
            line = following or " "
    if line:
        yield _joined(line)


def _joined(line: str) -> str:
    return line.replace(" \n", " ").rstrip()


def section(title: str, text: str, *, width: int) -> Iterator[Text]:
    """A bold title above a body, or nothing where there is no text."""
    if text:
        yield from (Text(""), Text(title, style="bold"))
        yield from body(text, width=width)
