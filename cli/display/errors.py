"""How mistakes are shown: the place, the line, what is wrong there and what would be right."""

import shlex
from collections.abc import Iterator
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cli.display.consoles import messages
from fedsim.clean_text import clean, one_line
from fedsim.errors import FedsimError, Problem, ScenarioError
from fedsim.scenario.overrides import read_path

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises when it does not understand a command line; it has no public name there."""
MISUSE_CODE = 2
"""The exit code for it."""

MARGIN = 3
"""Least width of the line numbers' column."""

OPTION = "--set "

MOST_PROBLEMS = 100
"""Problems that are shown: whoever has more begins with these."""


def failed(error: Exception, *, debug: bool) -> int:
    """Say what went wrong; the exit code. With `debug` it is raised, and Python shows where it comes from."""
    if isinstance(error, UsageError):
        show_misuse(messages(), error)
        return MISUSE_CODE
    if debug:
        raise error
    if isinstance(error, FedsimError):
        show_failure(messages(), error)
        return error.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        show_failure(messages(), FedsimError(f"{error.filename}: {error.strerror}"))
    else:
        reason = one_line(f"{type(error).__name__}: {error}")
        messages().print(f"internal error: {reason}; run again with --debug to see where", soft_wrap=True)
    return 1


def show_failure(console: Console, error: FedsimError) -> None:
    """Print an error a person can act on."""
    if isinstance(error, ScenarioError):
        for shown in scenario_failure(error):
            console.print(shown, soft_wrap=True)
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
    for problem in error.problems[:MOST_PROBLEMS]:
        known = problem.line is not None and problem.line <= len(lines)
        if problem.origin:
            yield from _at_override(problem, margin)
        else:
            yield from _at_line(problem, lines, margin) if known else _at_path(problem, margin)
    if count > MOST_PROBLEMS:
        yield Text(f"{'':>{margin}} │ and {count - MOST_PROBLEMS:,} more", style="bold")


def _at_line(problem: Problem, lines: list[str], margin: int) -> Iterator[Text]:
    number = problem.line or 1
    source = clean(lines[number - 1], keep="\t")
    column = min(problem.column or 1, len(source) + 1)
    carets = "^" * max(1, min(problem.width, len(source) - column + 1))
    lead = "".join("\t" if letter == "\t" else " " * cell_len(letter) for letter in source[: column - 1])
    yield Text.assemble((f"{number:>{margin}} │ ", "blue"), source)
    yield Text.assemble((f"{'':>{margin}} │ ", "blue"), lead, (carets, "bold red"), f" {one_line(problem.message)}")


def _at_override(problem: Problem, margin: int) -> Iterator[Text]:
    """The option as it would be typed; what is wrong elsewhere because of it is said with its path."""
    given = shlex.quote(clean(problem.origin))
    own = problem.path == read_path(problem.origin.partition("=")[0].strip()) or not problem.path
    where = "" if own else f"{one_line(problem.where)}: "
    lead = " " * len(OPTION)
    yield Text.assemble((f"{'':>{margin}} │ ", "blue"), OPTION, given)
    yield Text.assemble(
        (f"{'':>{margin}} │ ", "blue"),
        lead,
        ("^" * cell_len(given), "bold red"),
        f" {where}{one_line(problem.message)}",
    )


def _at_path(problem: Problem, margin: int) -> Iterator[Text]:
    where = f"{one_line(problem.where)}: " if problem.path else ""
    yield Text.assemble((f"{'':>{margin}} │ ", "blue"), (where, "bold"), one_line(problem.message))
