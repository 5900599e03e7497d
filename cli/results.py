"""Commands that read what runs have left: which there are, and what the rule did with whom."""

from typing import Annotated

import typer

from cli.options import AsJson, Debug, NoPlugins, Plugins, Run


def ledger(
    folder: Run,
    as_csv: Annotated[bool, typer.Option("--csv", help="A line for each row of each round, as CSV.")] = False,
    _plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Say what the rule did with whom: attackers cut, honest clients silenced."""
    from cli.commands.ledger import ledger as show_ledger

    show_ledger(folder, as_json, as_csv)
