"""What can be known of a scenario before any work: the parts played once on a tiny matrix.

A rule's own precondition is not repeated here: it is called with as many rows as a round brings, and has its say.
"""

from collections.abc import Sequence
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
from fedsim.latencies.contract import latencies
from fedsim.metrics.contract import metrics
from fedsim.preaggregators.contract import Mixed, preaggregators
from fedsim.randomness import Stream
from fedsim.registry import BYZANTINE, Registry
from fedsim.scenario.adversary_checks import WIDTH, refused, wrong_adversary, wrong_together
from fedsim.scenario.asynchronous import wrong_buffer
from fedsim.scenario.automatic import settled_by
from fedsim.scenario.compatibility import told_of_data, too_many_parts, unfit
from fedsim.scenario.holder_checks import wrong_holders
from fedsim.scenario.saved_numbers import no_numbers
from fedsim.scenario.sections import Choice, Scenario
from fedsim.scenario.tracking_checks import untrackable
from fedsim.stand_ins import Sample
from fedsim.supply import MIXERS, RULES, samples

Path = tuple[str | int, ...]

MOST_ROWS = 2_000
"""Rehearse with no more rows than this; of larger rounds only the declared conditions are checked."""


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
            found += [*_clients(scenario), *wrong_buffer(scenario)]
        known = told_of_data(scenario) if sound(("data",)) else {}
        for place, plan in enumerate(scenario.attacks):
            if sound(("attacks", place), population):
                found += wrong_adversary(plan, place, scenario, known)
        if sound(("partition",), ("attacks",), population):
            found += wrong_holders(scenario)
        if sound(("attacks",), population):
            found += wrong_together(scenario)
        if sound(*rows, ("preaggregators",), ("aggregator",), ("root", "size")):
            found += _server(scenario)
        if sound(("model",)):
            found += no_numbers(scenario)
        if sound(("output",)):
            found += _output(scenario)
        laws: list[tuple[Path, Choice | None]] = [(("clients", "latency"), scenario.clients.latency)]
        laws += [(("attacks", place, "latency"), each.latency) for place, each in enumerate(scenario.attacks)]
        found += [problem for path, law in laws if law and sound(path) for problem in _latency(path, law)]
        if sound(("evaluation", "metrics")):
            found += _metrics(scenario)
        if sound(("tracking",)):
            found += untrackable(scenario)
    return found


def play(choice: Choice, rows: Array) -> Aggregate:
    """The rule's verdict on rows, with plain stand-ins for everything else it asks for."""
    entry = aggregators[choice.name]
    stand_ins = samples(RULES, entry.supplied, Sample(rows, Stream.root(0)))
    verdict: Aggregate = entry.call(stand_ins, choice.settings)
    return verdict


def mix(choice: Choice, rows: Array) -> Mixed:
    """A pre-aggregator's answer on rows."""
    entry = preaggregators[choice.name]
    mixed: Mixed = entry.call(samples(MIXERS, entry.supplied, Sample(rows, Stream.root(0))), choice.settings)
    return mixed


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


def rows_seen(scenario: Scenario) -> list[int]:
    """How many rows a full round brings to each pre-aggregator in order, and at last to the rule.

    Rows beyond MOST_ROWS are not made but counted: what becomes of them is taken to be in proportion.
    """
    full = _full(scenario)
    rows = np.zeros((min(full, MOST_ROWS), 1), np.float32)
    scale, numbers = Fraction(full, len(rows)), [full]
    for choice in scenario.preaggregators:
        entry = preaggregators[choice.name]
        with suppress(Exception):  # rows of zeros are no case for somebody's own code: then their number is kept
            rows = mix(Choice(choice.name, entry.with_byzantine(choice.settings, 0)), rows).updates
        numbers.append(ceil(len(rows) * scale))
    return numbers


def _full(scenario: Scenario) -> int:
    """Rows of a round in which nobody is missing."""
    clients = scenario.clients
    return clients.buffer or min(clients.quorum or clients.sampled, clients.sampled)


def _server(scenario: Scenario) -> list[Problem]:
    """The pre-aggregators and the rule, on as many rows as a full round brings."""
    n = _full(scenario)
    found = _conditions(scenario) if n > MOST_ROWS else _played(scenario, n) or _root(scenario)
    return [_explained(problem, scenario) for problem in found]


def _explained(problem: Problem, scenario: Scenario) -> Problem:
    """With where its f comes from, where the scenario left it to be found."""
    if problem.path[-1:] != (BYZANTINE,) or not isinstance(problem.value, int):
        return problem
    return replace(problem, message=problem.message + settled_by(scenario, problem.value))


def _conditions(scenario: Scenario) -> list[Problem]:
    """The conditions alone, where there are too many rows to play with."""
    steps: list[tuple[Registry, Choice, tuple[str | int, ...]]] = [
        (preaggregators, choice, ("preaggregators", place)) for place, choice in enumerate(scenario.preaggregators)
    ]
    steps.append((aggregators, scenario.aggregator, ("aggregator",)))
    for (registry, choice, path), n in zip(steps, rows_seen(scenario), strict=True):
        entry = registry[choice.name]
        f = entry.byzantine(choice.settings)
        try:
            check_condition(choice.name, Condition.parse(entry.needs), entry.needs, n, f or 0)
        except ValueError as error:
            return [Problem((*path, "name" if f is None else BYZANTINE), str(error), f)]
    return _root(scenario)


def _played(scenario: Scenario, n: int) -> list[Problem]:
    rows = Stream.root(0).at("rows").numpy().standard_normal((n, WIDTH)).astype(np.float32)
    for place, choice in enumerate(scenario.preaggregators):
        try:
            rows = mix(choice, rows).updates
        except Exception as error:
            words = refusal(error, choice.name, preaggregators[choice.name].function)
            return [_unfit(("preaggregators", place), choice, error, words, lambda c, r=rows: mix(c, r))]
    try:
        play(scenario.aggregator, rows)
    except SearchGivenUp:
        return []  # random rows in few dimensions are the hardest: the run's own have their say
    except Exception as error:
        words = refusal(error, scenario.aggregator.name, aggregators[scenario.aggregator.name].function)
        return [_unfit(("aggregator",), scenario.aggregator, error, words, lambda c: play(c, rows))]
    return []


def _root(scenario: Scenario) -> list[Problem]:
    wants_root = any(RULES[item].root for item in aggregators[scenario.aggregator.name].supplied)
    if wants_root and scenario.root.size == 0:
        return [Problem(("root", "size"), f"{scenario.aggregator.name} needs root data: give at least one example", 0)]
    return []


def _unfit(path: tuple[str | int, ...], choice: Choice, error: Exception, message: str, attempt: Any) -> Problem:
    """The rule's own words; where the rows do not suffice, with the greatest f that would do."""
    f = choice.settings.get("f")
    if not isinstance(f, int) or not isinstance(error, RowsDoNotSuffice):
        return Problem((*path, "name"), message, choice.name)
    for smaller in range(min(f, MOST_ROWS) - 1, -1, -1):
        with suppress(Exception):
            attempt(Choice(choice.name, {**choice.settings, "f": smaller}))
            return Problem((*path, "f"), f"{message}; here f is at most {smaller}", f)
    return Problem((*path, "f"), f"{message}; no f will do with so few rows", f)


def _metrics(scenario: Scenario) -> list[Problem]:
    """Each metric on a few examples."""
    found, around = [], Sample(np.zeros((1, 1), np.float32), Stream.root(0))
    for place, choice in enumerate(scenario.evaluation.metrics):
        entry = metrics[choice.name]
        message = refused(entry, samples(metrics.supplies, entry.supplied, around), choice)
        if message:
            found.append(Problem(("evaluation", "metrics", place), message, choice.name))
    return found


def _latency(path: Path, choice: Choice) -> list[Problem]:
    stand_ins: dict[str, Any] = {"clients": np.arange(2), "round": 1, "stream": Stream.root(0)}
    message = refused(latencies[choice.name], stand_ins, choice)
    return [Problem(path, message, choice.name)] if message else []
