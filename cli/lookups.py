"""Commands that run nothing: what there is, what it does, whether a scenario holds, and something to start from."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from cli.completion import complete_kind
from cli.options import (
    AsJson,
    Debug,
    Family,
    Files,
    Name,
    NoPlugins,
    OwnFiles,
    Plugins,
    WithData,
    WithTime,
)


def list_(
    family: Family = None,
    _plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """List what there is: aggregators, attacks, datasets, scenarios ..."""
    from cli.commands import list as listing
    from cli.display.consoles import show, show_json, width

    if as_json:
        show_json(listing.records(family))
    elif family is None:
        show(listing.overview(width()))
    elif family == "scenarios":
        show(listing.scenario_listing(width()))
    else:
        show(listing.listing(listing.family_named(family), width()))


def explain(
    name: Name,
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure", metavar="FILE", help="Draw a map of a rule, or what an attack does to images, as PNG."
        ),
    ] = None,
    _plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Explain an algorithm or a key of a scenario: formula, assumptions, settings, sources."""
    from cli.commands.explain import explained
    from cli.display.consoles import show, show_json, width

    pages, records = explained(name, width())
    if as_json:
        show_json(records)
    for number, page in enumerate(() if as_json or figure else pages):
        show(page, apart=number > 0)
    if figure is not None:
        from cli.commands.explain_figure import drawn

        drawn(name, figure)


def check(
    files: Files,
    data: WithData = False,
    time: WithTime = False,
    protocol: Annotated[
        bool, typer.Option("--protocol", help="Ask what reviewers ask, of scenarios and of studies; advice only.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --protocol: exit code 1 where a question is open.")
    ] = False,
    plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Check scenario files: what they would do, and what holds or fails."""
    from cli.commands import check as checking
    from cli.commands import protocol as asking

    if strict and not protocol:
        raise typer.BadParameter("belongs to --protocol", param_hint="--strict")
    if protocol and (data or time):
        raise typer.BadParameter("asks nothing of the data: leave out --data and --time", param_hint="--protocol")
    if protocol:
        raise typer.Exit(asking.ask_all(files, as_json, strict))
    if code := checking.check_all(files, as_json, data, time, plugins or ()):
        raise typer.Exit(code)


def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("scenario.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a commented scenario to start from."""
    from cli.commands.init import write_starter
    from cli.display.consoles import output

    write_starter(path, force)
    output().print(f"{path} written · fedsim check {quote(str(path))} · fedsim run {quote(str(path))}", soft_wrap=True)


def schema(_plugins: Plugins = None, _no_plugins: NoPlugins = False, _debug: Debug = False) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from cli.display.consoles import show_json
    from fedsim.scenario.json_schema import scenario_schema

    show_json(scenario_schema())


def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What to start.", autocompletion=complete_kind)],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, ending in .py.")],
) -> None:
    """Write a file of own code to start from, with its tests: rule, attack, model, dataset ..."""
    from cli.commands.new import write_new
    from cli.display.consoles import output

    for line in write_new(kind, path):
        output().print(line, soft_wrap=True)


def laws(files: OwnFiles, _no_plugins: NoPlugins = False, as_json: AsJson = False, _debug: Debug = False) -> None:
    """Try the laws of its family on every algorithm of own code, and say which hold."""
    from cli.commands import laws as trying
    from cli.display.consoles import show, show_json, width

    found = trying.tried(files)
    if as_json:
        show_json(trying.records(found))
    else:
        show(trying.lines(found, width()))
    if any(verdict.fails for _, verdicts in found for verdict in verdicts):
        raise typer.Exit(1)
