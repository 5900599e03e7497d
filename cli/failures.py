"""How mistakes are shown: the place, the line, what is wrong there and what would be right."""

from collections.abc import Iterator

from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cli.cleaning import clean, one_line
from fedsim.errors import FedsimError, Problem, ScenarioError

MARGIN = 3
"""Least width of the line numbers' column."""

MOST = 100
"""Problems that are shown: whoever has more begins with these."""


def show_failure(console: Console, error: FedsimError) -> None:
    """Print an error a person can act on."""
    if isinstance(error, ScenarioError):
        for line in scenario_failure(error):
            console.print(line, soft_wrap=True)
        return
    head, *others = str(error).split("\n")
    console.print(Text.assemble(("error", "bold red"), f": {head}"), soft_wrap=True)
    for line in others:  # set in, so that no name in a message can pass for a message
        console.print(f"  {line}", soft_wrap=True)


def show_misuse(console: Console, error: Any) -> None:
    """Print what typer did not understand, with the command's usage; a command without arguments gets its help."""
    context, message = error.ctx, error.format_message()
    if context is None or message == context.get_help():
        console.print(message, soft_wrap=True)
        return
    console.print(context.get_usage(), soft_wrap=True)
    console.print(f"Try `{context.command_path} --help`.\n", soft_wrap=True)
    console.print(Text.assemble(("error", "bold red"), f": {message}"), soft_wrap=True)


def scenario_failure(error: ScenarioError) -> Iterator[Text]:
    """Every problem of a scenario below the line it stands in; those without a line by their path."""
    count = len(error.problems)
    yield Text(f"{one_line(error.source)}: {count} problem{'' if count == 1 else 's'}", style="bold")
    yield Text("")
    lines = error.text.replace("\r\n", "\n").split("\n")
    margin = max(MARGIN, *(len(str(problem.line or 0)) for problem in error.problems))
    for problem in error.problems[:MOST]:
        known = problem.line is not None and problem.line <= len(lines)
        yield from _at_line(problem, lines, margin) if known else _at_path(problem, margin)
    if count > MOST:
        yield Text(f"{'':>{margin}} │ and {count - MOST:,} more", style="bold")


def _at_line(problem: Problem, lines: list[str], margin: int) -> Iterator[Text]:
    number = problem.line or 1
    source = clean(lines[number - 1], keep="\t")
    column = min(problem.column or 1, len(source) + 1)
    carets = "^" * max(1, min(problem.width, len(source) - column + 1))
    lead = "".join("\t" if letter == "\t" else " " * cell_len(letter) for letter in source[: column - 1])
    yield Text.assemble((f"{number:>{margin}} │ ", "blue"), source)
    yield Text.assemble((f"{'':>{margin}} │ ", "blue"), lead, (carets, "bold red"), f" {one_line(problem.message)}")


def _at_path(problem: Problem, margin: int) -> Iterator[Text]:
    where = f"{one_line(problem.where)}: " if problem.path else ""
    yield Text.assemble((f"{'':>{margin}} │ ", "blue"), (where, "bold"), one_line(problem.message))
