"""What can be known of a server before any work: its pre-aggregators and its rule, played on a tiny matrix.

A rule's own precondition is not repeated here: it is called with as many rows as a round brings, and has its say.
"""

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from fedsim.aggregators.contract import Aggregate, Condition, aggregators, check_condition
from fedsim.array_types import Array
from fedsim.checked_calls import refusal
from fedsim.errors import Problem, RowsDoNotSuffice, SearchGivenUp
from fedsim.preaggregators.contract import Mixed, preaggregators
from fedsim.randomness import Stream
from fedsim.registry import BYZANTINE, Registry
from fedsim.scenario.adversary_checks import WIDTH
from fedsim.scenario.automatic import settled_by
from fedsim.scenario.exposure import known_population
from fedsim.scenario.sections import Choice, Scenario, Topology
from fedsim.scenario.topology import count_of, seats_of, sizes_of
from fedsim.stand_ins import Sample
from fedsim.supply import MIXERS, RULES, samples

Path = tuple[str | int, ...]
Steps = Scenario | Topology
"""What has pre-aggregators and a rule: the server at the top, or that of a group."""

MOST_ROWS = 2_000
"""Rehearse with no more rows than this; of larger rounds only the declared conditions are checked."""


def wrong_server(scenario: Scenario) -> list[Problem]:
    """The pre-aggregators and the rule, on as many rows as a full round brings."""
    found = wrong_steps(scenario, full_rows(scenario)) or _root(scenario)
    return [_explained(problem, scenario) for problem in found]


def wrong_steps(steps: Steps, n: int, above: Path = ()) -> list[Problem]:
    """What is wrong with these pre-aggregators and this rule on n rows; `above` is where they stand."""
    return _conditions(steps, n, above) if n > MOST_ROWS else _played(steps, n, above)


def rows_seen(scenario: Scenario) -> list[int]:
    """How many rows a full round brings to each pre-aggregator in order, and at last to the rule."""
    return rows_through(scenario, full_rows(scenario))


def full_rows(scenario: Scenario) -> int:
    """Rows of a round in which nobody is missing; of a topology those of its groups at the top."""
    rows = _of_clients(scenario)
    return rows if scenario.topology is None else min(rows, count_of(scenario.topology))


def edge_rows(scenario: Scenario, population: int | None = None) -> tuple[int, int]:
    """Rows that the smallest and the largest group of a topology can have in a round; they know their population."""
    rows, population = _of_clients(scenario), population or known_population(scenario)
    if scenario.topology is None or not population:
        return rows, rows
    if scenario.clients.sampling == "grouped":
        sizes = seats_of(scenario.topology, population, min(scenario.clients.sampled, population))
        return max(min(sizes), 1), max(sizes)
    sizes = sizes_of(scenario.topology, population)
    return min(rows, *sizes), min(rows, max(sizes))


def _of_clients(scenario: Scenario) -> int:
    clients = scenario.clients
    return clients.buffer or min(clients.quorum or clients.sampled, clients.sampled)


def rows_through(steps: Steps, full: int) -> list[int]:
    """How many of so many rows come to each pre-aggregator in order, and at last to the rule.

    Rows beyond MOST_ROWS are not made but counted: what becomes of them is taken to be in proportion.
    """
    rows = np.zeros((min(full, MOST_ROWS), 1), np.float32)
    scale, numbers = Fraction(full, len(rows)), [full]
    for choice in steps.preaggregators:
        entry = preaggregators[choice.name]
        with suppress(Exception):  # rows of zeros are no case for somebody's own code: then their number is kept
            rows = _mix(Choice(choice.name, entry.with_byzantine(choice.settings, 0)), rows).updates
        numbers.append(ceil(len(rows) * scale))
    return numbers


def _play(choice: Choice, rows: Array) -> Aggregate:
    """The rule's verdict on rows, with plain stand-ins for everything else it asks for."""
    entry = aggregators[choice.name]
    stand_ins = samples(RULES, entry.supplied, Sample(rows, Stream.root(0)))
    verdict: Aggregate = entry.call(stand_ins, choice.settings)
    return verdict


def _mix(choice: Choice, rows: Array) -> Mixed:
    """A pre-aggregator's answer on rows."""
    entry = preaggregators[choice.name]
    mixed: Mixed = entry.call(samples(MIXERS, entry.supplied, Sample(rows, Stream.root(0))), choice.settings)
    return mixed


def _explained(problem: Problem, scenario: Scenario) -> Problem:
    """With where its f comes from, where the scenario left it to be found."""
    if problem.path[-1:] != (BYZANTINE,) or not isinstance(problem.value, int):
        return problem
    return replace(problem, message=problem.message + settled_by(scenario, problem.value))


def _conditions(steps: Steps, full: int, above: Path) -> list[Problem]:
    """The conditions alone, where there are too many rows to play with."""
    found: list[tuple[Registry, Choice, Path]] = [
        (preaggregators, choice, (*above, "preaggregators", place)) for place, choice in enumerate(steps.preaggregators)
    ]
    found.append((aggregators, steps.aggregator, (*above, "aggregator")))
    for (registry, choice, path), n in zip(found, rows_through(steps, full), strict=True):
        entry = registry[choice.name]
        f = entry.byzantine(choice.settings)
        try:
            check_condition(choice.name, Condition.parse(entry.needs), entry.needs, n, f or 0)
        except ValueError as error:
            return [Problem((*path, "name" if f is None else BYZANTINE), str(error), f)]
    return []


def _played(steps: Steps, n: int, above: Path) -> list[Problem]:
    rows = Stream.root(0).at("rows").numpy().standard_normal((n, WIDTH)).astype(np.float32)
    for place, choice in enumerate(steps.preaggregators):
        try:
            rows = _mix(choice, rows).updates
        except Exception as error:
            words, path = _refused(error, preaggregators, choice), (*above, "preaggregators", place)
            return [_unfit(path, choice, error, words, lambda c, r=rows: _mix(c, r))]
    try:
        _play(steps.aggregator, rows)
    except SearchGivenUp:
        return []  # random rows in few dimensions are the hardest: the run's own have their say
    except Exception as error:
        words, path = _refused(error, aggregators, steps.aggregator), (*above, "aggregator")
        return [_unfit(path, steps.aggregator, error, words, lambda c: _play(c, rows))]
    return []


def _refused(error: Exception, registry: Registry, choice: Choice) -> str:
    return refusal(error, choice.name, registry[choice.name].function)


def _root(scenario: Scenario) -> list[Problem]:
    wants_root = any(RULES[item].root for item in aggregators[scenario.aggregator.name].supplied)
    if wants_root and scenario.root.size == 0:
        return [Problem(("root", "size"), f"{scenario.aggregator.name} needs root data: give at least one example", 0)]
    return []


def _unfit(path: Path, choice: Choice, error: Exception, message: str, attempt: Any) -> Problem:
    """The rule's own words; where the rows do not suffice, with the greatest f that would do."""
    f = choice.settings.get("f")
    if not isinstance(f, int) or not isinstance(error, RowsDoNotSuffice):
        return Problem((*path, "name"), message, choice.name)
    for smaller in range(min(f, MOST_ROWS) - 1, -1, -1):
        with suppress(Exception):
            attempt(Choice(choice.name, {**choice.settings, "f": smaller}))
            return Problem((*path, "f"), f"{message}; here f is at most {smaller}", f)
    return Problem((*path, "f"), f"{message}; no f will do with so few rows", f)
