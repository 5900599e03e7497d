"""What the shell may complete: names, families, scenario files and results folders."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import typer

FAMILIES = (
    "aggregators",
    "attacks",
    "datasets",
    "latencies",
    "workloads",
    "availabilities",
    "local_algorithms",
    "metrics",
    "models",
    "optimizers",
    "partitions",
    "preaggregators",
    "schedules",
    "server_optimizers",
    "trackers",
    "scenarios",
)


def complete_family(incomplete: str) -> list[str]:
    """Families that begin so."""
    return [family for family in FAMILIES if family.startswith(incomplete)]


def complete_name(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Algorithms that begin so, with what they do; own code that was named before is looked into."""
    from fedsim.plugins.load import load
    from fedsim.registry import registries

    for asked in context.params.get("_plugins") or ():
        with suppress(Exception):  # what is wrong with it is said when the command is run
            load(asked)
    return [
        (entry.name, entry.summary)
        for registry in registries().values()
        for entry in registry
        if entry.name.startswith(incomplete)
    ]


def complete_rule(incomplete: str) -> list[tuple[str, str]]:
    """Rules that begin so, behind the pre-aggregators that are named already."""
    from fedsim.aggregators.contract import aggregators

    before, plus, begun = incomplete.rpartition("+")
    return [(f"{before}{plus}{each.name}", each.summary) for each in aggregators if each.name.startswith(begun)]


def complete_compared(incomplete: str) -> list[tuple[str, str]]:
    """Rules, pre-aggregators and attacks that begin so."""
    from fedsim.registry import registries

    found = registries()
    entries = [each for family in ("aggregators", "preaggregators", "attacks") for each in found[family]]
    return [(each.name, each.summary) for each in entries if each.name.startswith(incomplete)]


def complete_kind(incomplete: str) -> list[str]:
    """Kinds of own code that begin so."""
    from cli.commands.new import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


def complete_plugin(incomplete: str) -> list[str]:
    """Python files and folders on the way to them."""
    return list(_below(incomplete, lambda path: path.suffix == ".py"))


def complete_scenario(incomplete: str) -> list[str]:
    """Scenario files and folders on the way to them, and the plain names of shipped scenarios."""
    from fedsim.scenario.shipped import shipped_scenarios

    named = [path.stem for path in shipped_scenarios() if path.stem.startswith(incomplete)]
    return [*named, *_below(incomplete, lambda path: path.suffix == ".toml")]


def complete_study(incomplete: str) -> list[str]:
    """Studies' files and folders on the way to them, and the plain names of shipped studies."""
    from fedsim.scenario.shipped import shipped_studies

    named = [path.stem for path in shipped_studies() if path.stem.startswith(incomplete)]
    return [*named, *_below(incomplete, lambda path: path.suffix == ".toml")]


def complete_run(incomplete: str) -> list[str]:
    """Results folders, and folders on the way to them."""
    return list(_below(incomplete, lambda path: (path / "scenario.toml").is_file()))


def complete_proof(incomplete: str) -> list[str]:
    """Results folders and archives."""
    archives = _below(incomplete, lambda path: path.suffix == ".zip")
    return list(dict.fromkeys([*complete_run(incomplete), *archives]))


def complete_packable(incomplete: str) -> list[str]:
    """Results folders, and studies by folder and by file."""
    folders = _below(incomplete, lambda path: (path / "study.json").is_file())
    return list(dict.fromkeys([*complete_run(incomplete), *folders, *complete_study(incomplete)]))


def complete_reportable(incomplete: str) -> list[str]:
    """Folders of runs, of comparisons and of studies."""
    marks = ("scenario.toml", "study.json", "compare.png")
    return list(_below(incomplete, lambda path: any((path / mark).is_file() for mark in marks)))


def complete_subject(incomplete: str) -> list[str]:
    """Scenario files and results folders."""
    return list(dict.fromkeys([*complete_scenario(incomplete), *complete_run(incomplete)]))


def _below(incomplete: str, wanted: Callable[[Path], bool]) -> Iterator[str]:
    folder, _, start = incomplete.rpartition("/")
    base = Path(folder) if folder else Path("/" if incomplete.startswith("/") else ".")
    if not base.is_dir():
        return
    for path in sorted(base.iterdir()):
        if path.name.startswith(start) and (start.startswith(".") or not path.name.startswith(".")):
            shown = f"{incomplete[: len(incomplete) - len(start)]}{path.name}"
            if wanted(path):
                yield shown
            elif path.is_dir():
                yield f"{shown}/"
