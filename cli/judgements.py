"""Commands that judge algorithms themselves: beside other packages, and against what can be proved."""

from pathlib import Path
from typing import Annotated

import typer

from cli import completion as completing
from cli.options import AsJson, Debug, NoPlugins, Plugins


def conform(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Rules, pre-aggregators and attacks; all of them unless given.",
            autocompletion=completing.complete_compared,
        ),
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option("--peer", metavar="PACKAGE", help="Only this; may be given several times.")
    ] = None,
    write: Annotated[Path | None, typer.Option("--write", metavar="FILE", help="A Markdown file for the page.")] = None,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Compare with other packages: the same vectors, every name that both have."""
    from cli.commands.conform import conformed

    if not conformed(names or (), peer or (), as_json, write):
        raise typer.Exit(1)


def probe(
    rule: Annotated[
        str | None,
        typer.Argument(
            help="A rule, such as krum, nnm+trimmed_mean or 'norm_bound(norm = 1.0)'.",
            show_default=False,
            autocompletion=completing.complete_rule,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every rule that is a function of the rows.")] = False,
    n: Annotated[int, typer.Option("--n", min=1, help="Rows.")] = 11,
    f: Annotated[int, typer.Option("--f", min=0, help="Rows that are anybody's.")] = 2,
    d: Annotated[int, typer.Option("--d", min=1, max=100, help="Coordinates of the rows that are searched.")] = 2,
    pre: Annotated[
        list[str] | None, typer.Option("--pre", metavar="STEP", help="A pre-aggregator, such as nnm; in order.")
    ] = None,
    calls: Annotated[
        int | None, typer.Option("--calls", min=1, max=10_000_000, help="Calls of the rule in a search.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="Draw how far outsiders move it, as PNG.")
    ] = None,
    _plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Say how robust a rule is whatever it is given: κ*, its breakdown number, how far it is moved."""
    from cli.commands.probe import Asked, probed

    probed(rule, every, Asked(n, f, d, calls, pre or (), figure, as_json))
