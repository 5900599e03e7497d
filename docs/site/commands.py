"""The page of the command line, from Typer's own help."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from cli.app import app
from docs.site.prose import ESCAPED


def page() -> str:
    """Every command with its usage, arguments and options."""
    group = typer.main.get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError("an application of several commands is a group")
    above = typer.Context(group, info_name="fedsim")
    shown = {name: command for name, command in group.commands.items() if not command.hidden}
    listed = "\n".join(f"- [`fedsim {name}`](#fedsim-{name}): {_text(command.help)}" for name, command in shown.items())
    commands = "\n\n".join(_command(command, name, above) for name, command in shown.items())
    return f"# The command line\n\n{_text(group.help)}\n\n{listed}\n\n{commands}\n"


def _command(command: Any, name: str, above: typer.Context) -> str:
    context = typer.Context(command, info_name=name, parent=above)
    usage = " ".join(["fedsim", name, *command.collect_usage_pieces(context)])
    heading = f"(fedsim-{name})=\n## fedsim {name}"
    return "\n\n".join([heading, _text(command.help), f"```text\n{usage}\n```", *_parameters(command, context)])


def _parameters(command: Any, context: typer.Context) -> Iterator[str]:
    """Arguments and options, each with its help."""
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            name, words = record
            yield f"`{name}`\n: {_text(words) or 'See above.'}"


def _text(words: str | None) -> str:
    """Typer's words, in which backticks are marks already."""
    return ESCAPED.sub(r"\\\1", " ".join((words or "").split())).replace("\\`", "`")
