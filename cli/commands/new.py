"""`fedsim new`: a file of own code to start from, with its tests."""

import keyword
import re
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import NamedTuple

import typer

from fedsim.errors import ResultsConflict, did_you_mean
from fedsim.registry import registries


class Kind(NamedTuple):
    """One kind of own code: its starter, its family, and how a scenario names it."""

    starter: str
    family: str
    scenario: str  # a line of TOML; `--set` takes the same

    def line(self, name: str) -> str:
        """The scenario's line for this name."""
        return self.scenario.replace("NAME", name)


KINDS = {
    "rule": Kind("rule", "aggregators", 'aggregator={name="NAME", f=1}'),
    "preaggregator": Kind("preaggregator", "preaggregators", 'preaggregators=["NAME"]'),
    "attack": Kind("attack", "attacks", 'attacks=[{name="NAME", fraction=0.2}]'),
    "data-attack": Kind("data_attack", "attacks", 'attacks=[{name="NAME", fraction=0.2}]'),
    "model": Kind("model", "models", 'model="NAME"'),
    "dataset": Kind("dataset", "datasets", 'data="NAME"'),
    "partition": Kind("partition", "partitions", 'partition="NAME"'),
    "optimizer": Kind("optimizer", "optimizers", 'training.optimizer="NAME"'),
    "latency": Kind("latency", "latencies", 'clients.latency="NAME"'),
    "workload": Kind("workload", "workloads", 'training.epochs="NAME"'),
    "availability": Kind("availability", "availabilities", 'clients.availability="NAME"'),
    "schedule": Kind("schedule", "schedules", 'training.schedule="NAME"'),
    "server-optimizer": Kind("server_optimizer", "server_optimizers", 'server.optimizer="NAME"'),
    "metric": Kind("metric", "metrics", 'evaluation.metrics=["NAME"]'),
    "tracker": Kind("tracker", "trackers", 'tracking.to=["NAME"]'),
    "local-algorithm": Kind("local_algorithm", "local_algorithms", 'training.algorithm="NAME"'),
}
SMALL_SETTINGS = ("clients.population = 10", "clients.sampled = 5", "execution.workers = 1", "evaluation.limit = 100")
"""Of the scenario that a starter's test plays."""


def write_new(kind: str, path: Path) -> list[str]:
    """Write a starter and its tests beside it; the commands to go on with. Nothing that is there is written over."""
    if kind not in KINDS:
        nearest = did_you_mean(kind, KINDS) or f"; one of {', '.join(KINDS)}"
        raise typer.BadParameter(f"there is no starter for {kind!r}{nearest}", param_hint="KIND")
    if path.suffix != ".py":
        raise typer.BadParameter(f"a file of Python ends in .py, got {path}", param_hint="FILE")
    test, name = path.with_name(f"test_{path.name}"), _name(path, KINDS[kind])
    for each in (path, test):
        if each.exists():
            raise ResultsConflict(f"{each} exists: name another file, or move it away")
    lines = "\n".join([*_defaults(KINDS[kind]), KINDS[kind].line(name)])
    _write(path, _starter(KINDS[kind].starter).replace("NAME", name))
    _write(test, _starter("test").replace("FILE", path.name, 1).replace('"FILE"', f'"{path.name}"').replace(
        "SCENARIO_LINES", lines))  # fmt: skip
    file, choice = quote(str(path)), quote(KINDS[kind].line(name))
    return [
        f"{path} and {test.name} written: {KINDS[kind].starter.replace('_', ' ')} `{name}`",
        f"  fedsim explain {name} --plugin {file}",
        f"  fedsim laws {file}",
        f"  python -m pytest {quote(str(test))}",
        f"  fedsim run smoke --plugin {file} --set {choice}",
    ]


def _name(path: Path, kind: Kind) -> str:
    """The file's name as that of a function, and no name that fedsim has."""
    name = re.sub(r"\W", "_", path.stem, flags=re.ASCII).lower()
    if not name.isidentifier() or keyword.iskeyword(name) or name in registries()[kind.family]:
        name = f"my_{name}"
    return name


def _defaults(kind: Kind) -> list[str]:
    data = [] if kind.family == "datasets" else ['data = "digits"']
    small = [line for line in SMALL_SETTINGS if kind.family != "latencies" or not line.startswith("clients.latency")]
    return [*data, *small]


def _starter(name: str) -> str:
    return (files("cli") / "starters" / f"{name}.txt").read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ResultsConflict(f"{path} cannot be written: {error.strerror or error}") from error
