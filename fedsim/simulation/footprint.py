"""What a run will take of memory, told when its data and its model are known, and refused where it cannot fit."""

from collections.abc import Iterator
from typing import NamedTuple

from fedsim.aggregators.contract import aggregators
from fedsim.byte_sizes import in_words
from fedsim.errors import Problem, ScenarioError
from fedsim.execution.machine_memory import free_memory
from fedsim.execution.row_file import NEAR_BYTES
from fedsim.preaggregators.contract import preaggregators
from fedsim.scenario.chains import forging
from fedsim.scenario.sections import Scenario
from fedsim.simulation.client_momentum import momentum_of
from fedsim.simulation.client_variates import keeps_variates
from fedsim.simulation.federation import Federation

PROCESS_BYTES = 300 * 10**6
"""Of a process that has imported torch and begun to train a small model."""
WORKER_BYTES = 200 * 10**6
"""Of such a process that shares its code with another."""
SQUARE = "n × n"
"""How a rule's `Cost` says that it keeps a number for every pair of rows."""


class Part(NamedTuple):
    """Memory for one thing."""

    what: str
    bytes: int
    grows: bool  # with the number of clients that are sampled


def footprint(federation: Federation, workers: int) -> list[Part]:
    """Everything of size that a run keeps in memory, the largest first; what a batch takes is not known beforehand."""
    return sorted(_parts(federation, workers), key=lambda part: -part.bytes)


def check_memory(federation: Federation, workers: int) -> None:
    """ScenarioError where a run cannot fit into what is free here, with the number of clients that would."""
    parts, free = footprint(federation, workers), free_memory()
    needed = sum(part.bytes for part in parts)
    if free is None or needed <= free:
        return
    sampled = federation.scenario.clients.sampled
    growing = sum(part.bytes for part in parts if part.grows)
    rows = sampled + _beside(federation.scenario)
    fitting = max(0, int(rows * max(0, free - needed + growing) / growing) - _beside(federation.scenario))
    largest = ", ".join(f"{in_words(part.bytes)} for {part.what}" for part in parts[:2])
    words = f"a run takes {in_words(needed)} of memory ({largest}), and {in_words(free)} are free"
    way_out = f"clients.sampled = {fitting} would fit" if fitting else "a smaller model or fewer examples would fit"
    raise ScenarioError([Problem(("clients", "sampled"), f"{words}: {way_out}", sampled)], federation.scenario.name)


def rows_kept(federation: Federation) -> int:
    """Rows that clients keep from round to round when the run ends, at most."""
    scenario = federation.scenario
    if momentum_of(scenario.training) is None and not keeps_variates(scenario.training):
        return 0
    return min(federation.population, scenario.clients.sampled * scenario.rounds)


def _parts(federation: Federation, workers: int) -> Iterator[Part]:
    scenario, d = federation.scenario, len(federation.parameters)
    rows = scenario.clients.sampled + _beside(scenario)
    matrix, examples = 4 * rows * d, [federation.train, federation.test]
    yield Part(f"the updates, {rows - 1:,} rows of {d:,} numbers", matrix, True)
    for what in _copies(scenario):
        yield Part(what, matrix, True)
    if squares := _squares(scenario):
        yield Part(squares, 8 * rows**2, True)
    yield Part("the examples", sum(each.inputs.nbytes + each.targets.nbytes for each in examples), False)
    yield _processes(workers)
    if kept := rows_kept(federation):
        yield Part("what clients keep", min(NEAR_BYTES, 4 * d * kept), False)


def _beside(scenario: Scenario) -> int:
    """Rows beside those of the clients that are sampled: of those that follow them, or the server's own."""
    return scenario.clients.buffer or 1


def _processes(workers: int) -> Part:
    if workers == 1:
        return Part("1 process", PROCESS_BYTES, False)
    return Part(f"{workers + 1} processes", PROCESS_BYTES + WORKER_BYTES * workers, False)


def _copies(scenario: Scenario) -> Iterator[str]:
    """What takes a matrix of its own."""
    if keeps_variates(scenario.training):
        yield "the clients' control variates"
    for choice in scenario.preaggregators:
        yield f"what {choice.name} makes of them"
    if any("honest" in step.entry.supplied for each in scenario.attacks for step in forging(each)):
        yield "what attackers see of them"
    entry = aggregators[scenario.aggregator.name]
    if {"root_logits", "root_losses"} & set(entry.supplied):
        yield "the models that the root examples are shown to"


def _squares(scenario: Scenario) -> str:
    """Whose distances or shares are kept, of every pair of rows."""
    if scenario.preaggregators:
        return f"the shares of {preaggregators[scenario.preaggregators[0].name].name}"
    entry = aggregators[scenario.aggregator.name]
    return f"the distances of {entry.name}" if SQUARE in entry.sections.get("Cost", "") else ""
