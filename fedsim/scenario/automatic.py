"""`f = "auto"`: the smallest f that more Byzantine clients than it are sampled with less than a stated chance."""

from dataclasses import replace

from fedsim.errors import Problem
from fedsim.registry import AUTO, BYZANTINE, Entry
from fedsim.scenario.exposure import known_population, least_bearable, server_steps
from fedsim.scenario.sections import Choice, Scenario, Topology

RISK = 0.05
"""The risk where a scenario leaves f to it and states none: one round in twenty."""
SETTLING = ("clients", "attacks", "partition", "data", "rounds")
"""Parts of a scenario that the number of Byzantine clients in a round depends on."""


def settled(scenario: Scenario, problems: list[Problem]) -> Scenario:
    """The scenario with a number for every f that it leaves to be found, and the risk that it was found for.

    Where what it depends on is wrong, which `problems` tell, it is 0 and nobody sees it; new problems are added.
    """
    asked = list(_asked(scenario))
    if scenario.topology is not None:
        problems += [Problem((*path, BYZANTINE), LEVELS, AUTO) for path in [*asked, *_asked_below(scenario.topology)]]
        return scenario
    if not asked:
        return scenario
    risk = RISK if scenario.clients.risk is None else scenario.clients.risk
    f = 0
    if not any(problem.path[:1] == (part,) for problem in problems for part in SETTLING):
        population = known_population(scenario)
        if population is None:
            problems += [Problem((*path, BYZANTINE), UNKNOWN, AUTO) for path in asked]
        else:
            f = least_bearable(scenario, population, risk)
    return _with(scenario, f, risk)


UNKNOWN = (
    '"auto" needs to know how many clients there are, which only the data tell here: '
    "give clients.population, or f as a number"
)


LEVELS = '"auto" is for one server: with groups every level has an f of its own, give each as a number'
"""What is wrong with it where there is a topology: how many Byzantine rows are too many depends on where they are."""


def settled_by(scenario: Scenario, f: int) -> str:
    """Words for a message about an f that may have been found: by what, and what would change it."""
    if scenario.clients.risk is None:
        return ""
    return f'; f = "auto" is {f} at a risk of {scenario.clients.risk:g} (clients.risk)'


def _asked(scenario: Scenario | Topology) -> list[tuple[str | int, ...]]:
    """Where an f is left to be found."""
    mixers = enumerate(scenario.preaggregators)
    steps = [(("preaggregators", place), choice) for place, choice in mixers]
    return [path for path, choice in [*steps, (("aggregator",), scenario.aggregator)] if _is_left(choice)]


def _asked_below(topology: Topology) -> list[tuple[str | int, ...]]:
    """Where an f of the edge servers is left to be found."""
    return [("topology", *path) for path in _asked(topology)]


def _is_left(choice: Choice) -> bool:
    return bool(choice.settings.get(BYZANTINE) == AUTO)


def _with(scenario: Scenario, f: int, risk: float) -> Scenario:
    *mixers, rule = (_filled(entry, choice, f) for entry, choice in server_steps(scenario))
    clients = replace(scenario.clients, risk=risk)
    return replace(scenario, clients=clients, preaggregators=tuple(mixers), aggregator=rule)


def _filled(entry: Entry, choice: Choice, f: int) -> Choice:
    return Choice(choice.name, entry.with_byzantine(choice.settings, f)) if _is_left(choice) else choice
