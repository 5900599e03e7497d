"""Commands that judge algorithms themselves: beside other packages, and against what can be proved."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson, Debug


def conform(
    names: Annotated[
        list[str] | None, typer.Argument(help="Rules, pre-aggregators and attacks; all of them unless given.")
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
