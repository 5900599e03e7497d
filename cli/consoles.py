"""The two consoles: results go to one, progress and messages to the other."""

import json
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text


def output() -> Console:
    """Where results go; without a terminal there are no colours."""
    return Console(highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """Where progress, warnings and mistakes go."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


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
    output().print(json.dumps(value, ensure_ascii=False, indent=2), soft_wrap=True)
