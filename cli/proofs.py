"""Commands about a run that is there: what another rule would have done, another course from a round on, a proof."""

from typing import Annotated

import typer

from cli.options import (
    AsEvents,
    AsJson,
    Debug,
    KeptCode,
    NoPlugins,
    OtherCode,
    Out,
    Plugins,
    Quiet,
    Run,
    Set,
    Workers,
    mode_of,
    read_workers,
)


def replay(
    folder: Run,
    round: Annotated[int, typer.Option("--round", min=1, help="The recorded round.")],
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule", metavar="RULE", help="E.g. nnm+trimmed_mean or 'krum(f=3)'; may be given several times."
        ),
    ] = None,
    rules: Annotated[
        str | None, typer.Option("--rules", metavar="all", help="all: every rule there is, each alone.")
    ] = None,
    workers: Workers = None,
    _plugins: Plugins = None,
    kept_code: KeptCode = False,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Say what other rules would have made of the rows of a recorded round."""
    from cli.commands.replay import replayed

    replayed(folder, round, rule or (), rules, read_workers(workers), as_json, kept_code)


def fork(
    folder: Run,
    at: Annotated[int, typer.Option("--at", help="The last round that stays as it was.")],
    overrides: Set = None,
    workers: Workers = None,
    out: Out = None,
    plugins: Plugins = None,
    kept_code: KeptCode = False,
    other_code: OtherCode = False,
    _no_plugins: NoPlugins = False,
    quiet: Quiet = False,
    as_json: AsEvents = False,
    _debug: Debug = False,
) -> None:
    """Play a run from a round on with something changed, the rounds before as they were."""
    from cli.commands.fork import forked

    changes = [*(overrides or ()), *([f"execution.workers={workers}"] if read_workers(workers) else [])]
    codes = {"plugins": plugins or (), "kept_code": kept_code, "other_code": other_code}
    raise typer.Exit(forked(folder, at, changes, out, mode_of(quiet, as_json), codes))
