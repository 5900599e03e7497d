"""The command line: what is asked is parsed here, done elsewhere, and every failure ends here.

Heavy imports stand inside the commands, so that `fedsim --help` costs neither numpy nor torch.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli import judgements, lookups, proofs, results
from cli.bench.options import Full, Only, Write
from cli.options import (
    Address,
    AsEvents,
    AsJson,
    Backend,
    Debug,
    Force,
    KeptCode,
    NoPlugins,
    NoSave,
    OnlyCells,
    OtherCode,
    Out,
    Plugins,
    Quiet,
    Record,
    Run,
    Seed,
    Set,
    StudyFile,
    Subject,
    Subjects,
    Until,
    Workers,
    mode_of,
    read_workers,
)
from cli.signals import INTERRUPTED, Interrupted
from fedsim.clean_text import let_nothing_fail_to_show

app = typer.Typer(
    name="fedsim",
    help="The laboratory for Byzantine-robust federated learning: one TOML file is one experiment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code; the only place where failures are caught."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    let_nothing_fail_to_show()
    try:
        sys.exit(app(args=given, prog_name="fedsim", standalone_mode=False) or 0)
    except (KeyboardInterrupt, Interrupted):
        sys.exit(INTERRUPTED)
    except Exception as error:
        from cli.display.errors import failed

        sys.exit(failed(error, debug="--debug" in given))


def _version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def everything(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    _debug: Debug = False,
) -> None:
    """The laboratory for Byzantine-robust federated learning: one TOML file is one experiment."""


@app.command()
def run(
    scenario: Subject,
    overrides: Set = None,
    seed: Seed = None,
    workers: Workers = None,
    out: Out = None,
    until: Until = None,
    record: Record = None,
    force: Force = False,
    no_save: NoSave = False,
    plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    quiet: Quiet = False,
    as_json: AsEvents = False,
    _debug: Debug = False,
) -> None:
    """Run a scenario."""
    from cli.commands.run import Options
    from cli.commands.run import run as perform

    options = Options(
        overrides or (), seed, read_workers(workers), out, until, force, not no_save, mode_of(quiet, as_json),
        plugins or (), record,
    )  # fmt: skip
    raise typer.Exit(perform(scenario, options))


@app.command()
def resume(
    folder: Run,
    until: Until = None,
    kept_code: KeptCode = False,
    other_code: OtherCode = False,
    _plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    quiet: Quiet = False,
    as_json: AsEvents = False,
    _debug: Debug = False,
) -> None:
    """Go on with a run that was interrupted."""
    from cli.commands.run import resume as go_on

    raise typer.Exit(go_on(folder, mode_of(quiet, as_json), until, kept_code, other_code))


@app.command()
def compare(
    subjects: Subjects,
    overrides: Set = None,
    seed: Seed = None,
    workers: Workers = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder for the figure and the table.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run again what is finished already.")] = False,
    no_save: NoSave = False,
    plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    quiet: Quiet = False,
    as_json: AsEvents = False,
    _debug: Debug = False,
) -> None:
    """Compare scenarios and results folders, side by side."""
    from cli.commands.compare import compare as perform
    from cli.commands.run import Options

    options = Options(
        overrides or (), seed, read_workers(workers), out, None, force, not no_save, mode_of(quiet, as_json),
        plugins or (),
    )  # fmt: skip
    raise typer.Exit(perform(subjects, options))


@app.command()
def sweep(
    study: StudyFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells and what is left of them; play none.")
    ] = False,
    only: OnlyCells = None,
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="I/N", help="Play one of N parts, e.g. 2/8: a machine each.")
    ] = None,
    max_cells: Annotated[
        int | None, typer.Option("--max-cells", min=0, metavar="N", help="Play no more than N runs now.")
    ] = None,
    workers: Workers = None,
    backend: Backend = None,
    address: Address = None,
    out: Annotated[Path | None, typer.Option("--out", help="The study's folder.")] = None,
    plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    as_json: AsEvents = False,
    _debug: Debug = False,
) -> None:
    """Play the cells of a study, and show what they say over seeds."""
    from cli.commands.sweep import sweep as perform
    from cli.commands.sweep_options import Options

    options = Options(
        dry_run, only or (), shard, max_cells, read_workers(workers), out, as_json, plugins or (), backend, address
    )
    raise typer.Exit(perform(study, options))


app.command("list")(lookups.list_)
app.command()(lookups.explain)
app.command()(lookups.check)
app.command()(lookups.init)
app.command()(lookups.new)
app.command()(lookups.laws)
app.command()(lookups.schema)
app.command()(proofs.verify)
app.command("break")(proofs.break_)
app.command()(proofs.replay)
app.command()(proofs.fork)
app.command()(proofs.pack)
app.command()(proofs.leaderboard)
app.command()(results.ledger)
app.command()(results.runs)
app.command()(results.report)
app.command()(judgements.conform)
app.command()(judgements.probe)


@app.command()
def bench(
    full: Full = False, only: Only = None, write: Write = None, as_json: AsJson = False, _debug: Debug = False
) -> None:
    """Measure what fedsim costs on this machine."""
    from cli.bench.command import Options
    from cli.bench.command import bench as measure

    measure(Options(full, only or (), as_json, write))


@app.command()
def version() -> None:
    """Show the version."""
    from importlib.metadata import version as installed

    typer.echo(f"fedsim {installed('fedsim-byzantine')}")
