"""The arguments and options of the commands, each with its one sentence of help."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import completion as completing

if TYPE_CHECKING:
    from cli.display.screens import Mode

AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback when something unexpected fails.")]
Family = Annotated[
    str | None, typer.Argument(help="A family, such as aggregators.", autocompletion=completing.complete_family)
]
Name = Annotated[
    str,
    typer.Argument(help="An algorithm, or a key such as clients.deadline.", autocompletion=completing.complete_name),
]
WithData = Annotated[
    bool,
    typer.Option(
        "--data",
        help="Also read or make the data and build the model, as a run would; tells what memory and disk it takes.",
    ),
]
WithTime = Annotated[
    bool, typer.Option("--time", help="Also play the first rounds, for some seconds, to tell how long a run takes.")
]
Files = Annotated[
    list[Path], typer.Argument(help="Scenario files.", autocompletion=completing.complete_scenario, show_default=False)
]


Subject = Annotated[
    Path, typer.Argument(help="A scenario file.", autocompletion=completing.complete_scenario, show_default=False)
]
Subjects = Annotated[
    list[Path],
    typer.Argument(
        help="Scenario files and results folders.", autocompletion=completing.complete_subject, show_default=False
    ),
]
StudyFile = Annotated[
    Path, typer.Argument(help="A study's file.", autocompletion=completing.complete_study, show_default=False)
]
OnlyCells = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="PATTERN", help="Only cells like this, e.g. 'rule=krum,attack=a*'."),
]
Run = Annotated[
    Path, typer.Argument(help="A results folder.", autocompletion=completing.complete_run, show_default=False)
]

Reportable = Annotated[
    Path,
    typer.Argument(
        help="The folder of a run, of a comparison or of a study.", autocompletion=completing.complete_reportable,
        show_default=False,
    ),
]  # fmt: skip
RunOrArchive = Annotated[
    Path,
    typer.Argument(
        help="A results folder, or an archive of fedsim pack.", autocompletion=completing.complete_proof,
        show_default=False,
    ),
]  # fmt: skip
RunOrStudy = Annotated[
    Path,
    typer.Argument(
        help="A run's results folder, or a study's folder or file.", autocompletion=completing.complete_packable,
        show_default=False,
    ),
]  # fmt: skip


def _permit(forbidden: bool) -> bool:
    from fedsim.plugins.permission import permit

    permit(not forbidden)
    return forbidden


def _run_plugins(asked: list[str] | None) -> list[str] | None:
    """Run what is named at once: a mistake in it is told before anything else, and its names are known to all."""
    if asked:
        from fedsim.plugins.load import load

        for each in asked:
            load(each)
    return asked


NoPlugins = Annotated[
    bool,
    typer.Option(
        "--no-plugins", callback=_permit, is_eager=True, help="Run no own code; say which is asked for instead."
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="FILE|MODULE",
        callback=_run_plugins,
        autocompletion=completing.complete_plugin,
        help="Own code that brings algorithms, e.g. my_rules.py; may be given several times.",
    ),
]
OwnFiles = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|MODULE", help="Own code that registers algorithms.", autocompletion=completing.complete_plugin,
        show_default=False,
    ),
]  # fmt: skip
KeptCode = Annotated[
    bool, typer.Option("--kept-code", help="Run the copies of own code in the folder, not the files they came from.")
]
OtherCode = Annotated[
    bool, typer.Option("--other-code", help="Go on although the code has changed since; the record will say so.")
]
MOST_WORKERS = 1024


def read_workers(text: str | None) -> int | Literal["auto"] | None:
    """How many workers are asked for; typer.BadParameter where it is no number of workers."""
    if text is None:
        return None
    if text.strip() == "auto":
        return "auto"
    if not re.fullmatch(r"[0-9]{1,4}", text.strip()) or not 1 <= int(text) <= MOST_WORKERS:
        raise typer.BadParameter(f"must be auto or from 1 to {MOST_WORKERS}, got {text!r}", param_hint="--workers")
    return int(text)


def _recordable(asked: str | None) -> str | None:
    if asked not in (None, "updates"):
        raise typer.BadParameter(f"must be updates, got {asked!r}")
    return asked


Record = Annotated[
    str | None,
    typer.Option(
        "--record", metavar="updates", callback=_recordable,
        help="Keep the rows that the rule is given in each round, for fedsim replay.",
    ),
]  # fmt: skip
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key, e.g. --set aggregator.f=2.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, max=2**63 - 1, help="Root of every draw.")]
Workers = Annotated[
    str | None,
    typer.Option("--workers", metavar="N|auto", help="Worker processes; results do not depend on it."),
]
Backend = Annotated[
    str | None,
    typer.Option("--backend", metavar="loky|dask", help="Who plays the cells: processes started here, or a cluster."),
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="tcp://HOST:PORT", help="The scheduler of a Dask cluster that plays the cells."),
]
Out = Annotated[Path | None, typer.Option("--out", help="The results folder.")]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="KEY=NUMBER", help="Stop early, e.g. accuracy=0.9 or, in quotes, 'loss<0.5'."),
]
Force = Annotated[bool, typer.Option("--force", help="Forget what the results folder holds and start over.")]
NoSave = Annotated[bool, typer.Option("--no-save", help="Keep nothing.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only the last lines.")]
AsEvents = Annotated[bool, typer.Option("--json", help="One event a line on standard output and nothing else.")]


def mode_of(quiet: bool, as_json: bool) -> "Mode":
    """How a run is shown."""
    if quiet and as_json:
        raise typer.BadParameter("give --json or --quiet, not both")
    return "json" if as_json else "quiet" if quiet else "table"
