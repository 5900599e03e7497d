"""What can be known of a scenario before any work: the parts played once on a tiny matrix."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fedsim.availabilities.contract import availabilities
from fedsim.errors import Problem
from fedsim.latencies.contract import latencies
from fedsim.metrics.contract import metrics
from fedsim.randomness import Stream
from fedsim.registry import Registry
from fedsim.scenario.adversary_checks import refused, wrong_adversary, wrong_together
from fedsim.scenario.asynchronous import wrong_availability, wrong_buffer
from fedsim.scenario.compatibility import told_of_data, too_many_parts, unfit
from fedsim.scenario.execution_checks import wrong_execution
from fedsim.scenario.exposure import known_population
from fedsim.scenario.holder_checks import wrong_holders
from fedsim.scenario.saved_numbers import no_numbers
from fedsim.scenario.sections import Choice, Scenario
from fedsim.scenario.server_checks import wrong_server
from fedsim.scenario.topology_checks import wrong_topology
from fedsim.scenario.tracking_checks import untrackable
from fedsim.stand_ins import Sample
from fedsim.supply import samples
from fedsim.workloads.contract import workloads

Path = tuple[str | int, ...]


def dry_run(scenario: Scenario, wrong: Sequence[Path] = ()) -> list[Problem]:
    """Everything wrong that can be seen without data or model.

    `wrong` are places known to be wrong already: what depends on them cannot be judged and is passed over.
    """
    places = set(wrong)
    above = {path[:length] for path in places for length in range(len(path))}

    def sound(*needed: Path) -> bool:
        own = {need[:length] for need in needed for length in range(len(need) + 1)}
        return not (places & own or above & set(needed))

    population, rows = ("clients", "population"), tuple(("clients", key) for key in ("sampled", "quorum", "buffer"))
    too_many = too_many_parts(scenario)
    found = [*too_many, *unfit(scenario, sound)]
    if too_many:
        return found
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if sound(population, *rows):
            found += [*_clients(scenario), *wrong_buffer(scenario), *wrong_availability(scenario)]
        known = told_of_data(scenario) if sound(("data",)) else {}
        for place, plan in enumerate(scenario.attacks):
            if sound(("attacks", place), population):
                found += wrong_adversary(plan, place, scenario, known)
        if sound(("partition",), ("attacks",), population):
            found += wrong_holders(scenario)
        if sound(("attacks",), population):
            found += wrong_together(scenario)
        groups = ("topology",)
        ungrouped = wrong_topology(scenario) if sound(*rows, population, groups, ("partition",), ("data",)) else []
        found += ungrouped
        if not ungrouped and sound(*rows, ("preaggregators",), ("aggregator",), ("root", "size"), groups):
            found += wrong_server(scenario)
        if sound(("model",)):
            found += no_numbers(scenario)
        if sound(("output",)):
            found += _output(scenario)
        found += [problem for law in _laws(scenario) if sound(law.path) for problem in _tried(law)]
        if sound(("evaluation", "metrics")):
            found += _metrics(scenario)
        if sound(("execution",)):
            found += wrong_execution(scenario)
        if sound(("tracking",)):
            found += untrackable(scenario)
    return found


def _clients(scenario: Scenario) -> list[Problem]:
    clients, problems = scenario.clients, []
    if clients.population is not None and clients.sampled > clients.population:
        message = f"cannot sample {clients.sampled} of {clients.population} clients"
        problems.append(Problem(("clients", "sampled"), message, clients.sampled))
    if clients.quorum is not None and clients.quorum > clients.sampled:
        message = f"can never be reached with {clients.sampled} sampled clients"
        problems.append(Problem(("clients", "quorum"), message, clients.quorum))
    if clients.population is not None and clients.absent and max(clients.absent) >= clients.population:
        message = f"there is no client {max(clients.absent)}: they are numbered from 0 to {clients.population - 1}"
        problems.append(Problem(("clients", "absent"), message, clients.absent))
    return problems


def _output(scenario: Scenario) -> list[Problem]:
    """Settings of a recording where nothing is recorded."""
    output = scenario.output
    if output.record is not None:
        return []
    given = {"record_every": output.record_every, "record_limit": output.record_limit}
    message = 'means nothing where nothing is recorded: give output.record = "updates" too'
    return [Problem(("output", key), message, value) for key, value in given.items() if value is not None]


def _metrics(scenario: Scenario) -> list[Problem]:
    """Each metric on a few examples."""
    found, around = [], Sample(np.zeros((1, 1), np.float32), Stream.root(0))
    for place, choice in enumerate(scenario.evaluation.metrics):
        entry = metrics[choice.name]
        message = refused(entry, samples(metrics.supplies, entry.supplied, around), choice)
        if message:
            found.append(Problem(("evaluation", "metrics", place), message, choice.name))
    return found


class _Law(NamedTuple):
    """A law that says something of clients, and what it is given besides them."""

    registry: Registry
    path: Path
    choice: Choice
    given: Mapping[str, Any]


def _laws(scenario: Scenario) -> Iterator[_Law]:
    """Every law that the scenario chooses."""
    clients, epochs = scenario.clients, scenario.training.epochs
    round: dict[str, Any] = {"round": 1, "steps": np.full(2, 4)}
    yield _Law(latencies, ("clients", "latency"), clients.latency, round)
    for place, each in enumerate(scenario.attacks):
        if each.latency is not None:
            yield _Law(latencies, ("attacks", place, "latency"), each.latency, round)
    if isinstance(epochs, Choice):
        yield _Law(workloads, ("training", "epochs"), epochs, round)
    if clients.availability is not None:
        there = {"time": 0.0, "population": known_population(scenario)}
        yield _Law(availabilities, ("clients", "availability"), clients.availability, there)


def _tried(law: _Law) -> list[Problem]:
    """What it says to two clients."""
    stand_ins: dict[str, Any] = {"clients": np.arange(2), "stream": Stream.root(0), **law.given}
    message = refused(law.registry[law.choice.name], stand_ins, law.choice)
    return [Problem(law.path, message, law.choice.name)] if message else []
