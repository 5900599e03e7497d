"""Commands that read what runs have left: which there are, and what the rule did with whom."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson, Debug, KeptCode, NoPlugins, Plugins, Reportable, Run


def runs(
    folder: Annotated[Path, typer.Argument(help="A folder with results folders, at any depth.")] = Path("runs"),
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="KEY=VALUE",
            help="Only runs like this: aggregator=krum, 'attack=a*', 'final>0.8', seed=1, clients.population=100.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="KEY[,KEY]", help="E.g. final (scores: best first), rule,seed or -seconds."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="A line for each run, as CSV.")] = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """List the runs in a folder: rule, attack, partition, seed, status and scores."""
    from cli.commands.runs import runs as show_runs

    show_runs(folder, where or (), sort, as_json, as_csv)


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


def report(
    folder: Reportable,
    output: Annotated[
        Path | None, typer.Option("--output", "--out", metavar="FILE", help="The page; report.html in the folder.")
    ] = None,
    figures: Annotated[
        str | None, typer.Option(metavar="KIND[,KIND]", help="The figures as files too: png, svg, pdf or all.")
    ] = None,
    tables: Annotated[
        str | None,
        typer.Option(metavar="KIND[,KIND]", help="The tables as files too: csv, parquet, markdown, latex or all."),
    ] = None,
    kept_code: KeptCode = False,
    _plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Make one page of a results folder: figures, tables, commands that repeat it, what to state."""
    from cli.commands.report import Asked, reported

    reported(folder, Asked(output, figures, tables, kept_code, as_json))
