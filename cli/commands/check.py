"""`fedsim check`: what a scenario would do and what it can promise, without doing it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.text import Text

from cli.display.consoles import messages, show, show_json, width
from cli.display.errors import show_failure
from cli.display.formatting import seconds
from cli.display.header import attacks, described, groups, partition, rule, title, training
from cli.display.layout import labelled
from fedsim.aggregators.contract import aggregators
from fedsim.byte_sizes import in_words
from fedsim.errors import DataUnavailable, FedsimError, ScenarioError
from fedsim.scenario.capabilities import capabilities
from fedsim.scenario.exposure import Steps, edge_steps, exposure, known_population, server_steps
from fedsim.scenario.guarantees import guarantees
from fedsim.scenario.load import load_scenario, scenario_digest
from fedsim.scenario.sections import Scenario
from fedsim.scenario.shipped import find_scenario

if TYPE_CHECKING:
    from fedsim.runs.forecast import Forecast, Pace

LEAST_BYTES = 10**6
"""Of a part of memory that is worth a word."""
LABEL = 11
STYLES = {"holds": "green", "warning": "yellow", "fails": "bold red"}


class Fact(NamedTuple):
    """A labelled line; one without text is left out."""

    label: str
    text: str
    style: str = "dim"


def check_all(
    paths: Sequence[Path], as_json: bool, data: bool = False, pace: bool = False, plugins: Sequence[str] = ()
) -> int:
    """Check every file and show what was found; the exit code.

    With `data`, build what a run would build; with `pace`, play the first rounds, too.
    """
    if as_json:
        found = [record(find_scenario(path), data, pace, plugins) for path in paths]
        show_json([each for each, _ in found])
        return max((code for _, code in found), default=0)
    return max((_check(find_scenario(path), data, pace, plugins) for path in paths), default=0)


def _check(path: Path, data: bool, pace: bool, plugins: Sequence[str]) -> int:
    try:
        scenario = load_scenario(path, plugins=plugins)
        built = _forecast(scenario, pace) if data or pace else None
        show([*checked(scenario, path, width(), list(facts(built, scenario)) if built else ()), Text("")])
    except FedsimError as error:
        show_failure(messages(), error)
        messages().print("")
        return error.exit_code
    return 0


def _forecast(scenario: Scenario, pace: bool) -> "Forecast":
    from fedsim.runs.forecast import forecast

    return forecast(scenario, pace=pace)


def facts(found: "Forecast", scenario: Scenario) -> Iterator[Fact]:
    """What the scenario's data and model came to, and what a run takes."""
    sizes = f"{found.training:,} training and {found.test:,} test examples in {found.classes} classes"
    yield Fact("built", f"{sizes}, {found.clients:,} clients, {found.parameters:,} parameters", "green")
    parts = ", ".join(f"{in_words(part.bytes)} {part.what}" for part in found.memory if part.bytes > LEAST_BYTES)
    free = f" of {in_words(found.free)} that are free" if found.free is not None else ""
    yield Fact("memory", f"{in_words(sum(part.bytes for part in found.memory))}{free}: {parts}")
    yield Fact("disk", f"at most {in_words(found.disk)}")
    if found.pace:
        yield Fact("time", _told(found.pace, scenario))


def _told(pace: "Pace", scenario: Scenario) -> str:
    """How long a run takes, and what that was measured on."""
    several = f"{scenario.rounds:,} rounds of {seconds(pace.seconds, fine=True)}"
    if pace.whole:
        return f"about {seconds(scenario.rounds * pace.seconds, fine=True)}: {several}"
    part = f"{pace.clients:,} of {scenario.clients.sampled:,} clients were trained to tell"
    return f"about {seconds(scenario.rounds * pace.seconds, fine=True)} and the server's own work: {several}; {part}"


def checked(scenario: Scenario, path: Path, width: int, more: Sequence[Fact] = ()) -> Iterator[Text]:
    """What would run, and what holds."""
    yield Text.assemble(f"{path}: ", title(scenario))
    for label, text, style in (*_facts(scenario), *more):
        if text:
            yield from labelled(label, text, width=width, column=LABEL, style=style)


def _facts(scenario: Scenario) -> Iterator[Fact]:
    population = known_population(scenario)
    many = f"{population:,}" if population else "as many as there are writers"
    yield Fact("data", f"{described(scenario.data, 'datasets')} {partition(scenario)}")
    clients = scenario.clients
    pace = f"{clients.sampled:,} at work, a step every {clients.buffer} updates, {scenario.rounds:,} steps"
    rounds = f"{clients.sampled:,} sampled in each of {scenario.rounds:,} rounds"
    yield Fact("clients", f"{many}, {rounds if clients.buffer is None else pace}")
    yield Fact("training", f"{described(scenario.model, 'models')}, {training(scenario)}")
    yield Fact("attack", attacks(scenario, population))
    for able in capabilities(scenario):
        yield Fact("", able.text)
    yield Fact("groups", groups(scenario))
    yield Fact("rule", rule(scenario))
    yield Fact("held out", _held_out(scenario))
    for found in guarantees(scenario, population):
        yield Fact(found.verdict, found.text, STYLES[found.verdict])
    yield from _breakdown(scenario)


def record(
    path: Path, data: bool = False, pace: bool = False, plugins: Sequence[str] = ()
) -> tuple[dict[str, Any], int]:
    """The check of a file as plain JSON, and its exit code."""
    try:
        scenario = load_scenario(path, plugins=plugins)
        built = {"built": asdict(_forecast(scenario, pace))} if data or pace else {}
    except ScenarioError as error:
        return {"file": str(path), "valid": False, "problems": problem_records(error)}, error.exit_code
    except DataUnavailable as error:
        problem = {"where": "data", "message": str(error), "line": None}
        return {"file": str(path), "valid": False, "problems": [problem]}, error.exit_code
    found = [{"verdict": each.verdict, "text": each.text} for each in guarantees(scenario)]
    known = {"name": scenario.name, "digest": scenario_digest(scenario), "guarantees": found}
    more = {"byzantine": _assumed(scenario), "attackers": [asdict(each) for each in capabilities(scenario)]}
    return {"file": str(path), "valid": True, **known, **more, **built}, 0


def _assumed(scenario: Scenario) -> dict[str, Any]:
    """The f of the server's steps, found or given, and the risk that is taken with it."""
    population = known_population(scenario)
    found = exposure(scenario, population) if population else None
    given = {"f": _assumed_f(server_steps(scenario))}
    if scenario.topology is not None:
        given["f_of_groups"] = _assumed_f(edge_steps(scenario))
    unknown = population is None or (scenario.topology is not None and bool(scenario.attacks))
    chance = found.worst if found else None if unknown else 0.0
    return {**given, "risk": scenario.clients.risk, "chance": chance}


def _assumed_f(steps: Steps) -> dict[str, int]:
    """The f of these steps by their names, where they are told one."""
    found = ((choice.name, entry.byzantine(choice.settings)) for entry, choice in steps)
    return {name: f for name, f in found if f is not None}


def problem_records(error: ScenarioError) -> list[dict[str, Any]]:
    """The problems of a scenario as plain JSON."""
    return [{"where": each.where, "message": each.message, "line": each.line} for each in error.problems]


def _held_out(scenario: Scenario) -> str:
    parts = {"root": scenario.root.size, "validation": scenario.evaluation.validation}
    taken = ", ".join(f"{size:,} {name}" for name, size in parts.items() if size)
    return f"{taken} examples, taken from training before clients get any; the test set stands apart" if taken else ""


def _breakdown(scenario: Scenario) -> Iterator[Fact]:
    """What the rule itself says that it bears, where no number was given to check."""
    entry = aggregators[scenario.aggregator.name]
    text = " ".join(entry.sections.get("Breakdown", "").split())
    if text:
        yield Fact("breakdown", f"{entry.name}: {text}")
